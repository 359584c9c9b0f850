"""The notes that the generated project starts with. Apart, since the other tests of notes make the world small."""

from __future__ import annotations

from openreplay_tools.sandbox import FIXED_NOW, Sandbox, world
from openreplay_tools.sandbox.accounts import OWNER
from openreplay_tools.sandbox.store import milliseconds
from tests.sandbox.fidelity import unhurried
from tests.sandbox.signed_in import SignedIn

NOW = milliseconds(FIXED_NOW)


def test_generated_project_has_notes_on_three_incidents():
    incidents = {incident.name: incident for incident in world.build(NOW).incidents}
    with Sandbox(pulse=unhurried()) as sandbox, SignedIn(sandbox, 1) as owner:
        notes = owner.find("POST", "notes", {"order": "ASC"})["notes"]
        on_session = owner.find("GET", f"sessions/{notes[2]['sessionId']}/notes")
        assert owner.find("POST", "notes", {}, project=2) == {"count": 0, "notes": None}
        stored = {session["sessionId"]: session for session in sandbox.store.sessions(1)}
    assert [note["noteId"] for note in notes] == [1, 2, 3]
    for note, name in zip(notes, ("orders", "invoice", "checkout"), strict=True):
        assert note["sessionId"] in incidents[name].session_ids
        assert (note["userId"], note["userName"]) == (OWNER.user_id, OWNER.name)
        assert stored[note["sessionId"]]["startTs"] < note["createdAt"] <= NOW
        assert len(note["message"].encode()) <= 250
    assert [note["noteId"] for note in on_session] == [3]
    assert "openreplay_delete_user" in notes[0]["message"]
    moment = notes[2]["timestamp"]
    assert 0 < moment < stored[notes[2]["sessionId"]]["duration"]
    assert notes[0]["timestamp"] == 0
