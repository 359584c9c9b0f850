"""The data of a sandbox that nobody made smaller."""

from __future__ import annotations

from openreplay_tools.sandbox import Sandbox, recorded, store


def test_generated_and_recorded_data_stand_side_by_side():
    with Sandbox() as sandbox:
        rows = sandbox.store.select("SELECT project, count(*) FROM events GROUP BY project ORDER BY project", ())
    assert [project for project, _ in rows] == [1, 2]
    assert rows[0][1] > 50_000
    assert rows[1][1] == len(recorded.load().events)


def test_the_data_are_made_once_in_a_process(monkeypatch):
    with Sandbox():
        pass
    monkeypatch.setattr(store, "_build", None)  # would fail if it were called again
    with Sandbox() as second:
        assert second.store.projects()


def test_made_up_rows_of_the_recorded_project_are_named():
    seen = recorded.load()
    sessions = {row["session_id"] for row in seen.events}
    named = " ".join(seen.synthesised)
    completed = {row["session_id"] for row in seen.events if row["event_id"] in named}
    assert len([session for session in sessions - completed if session not in named]) == 42
