"""Notes beyond what was recorded: who sees which, edits, lists."""

from __future__ import annotations

import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.sandbox.accounts import MEMBER, OWNER
from openreplay_tools.sandbox.store import milliseconds
from tests.sandbox.fidelity import unhurried
from tests.sandbox.signed_in import SignedIn

SESSION = "4113712955676316674"  # recorded, of project 2
ON_SESSION = f"sessions/{SESSION}/notes"
NOW = milliseconds(FIXED_NOW)


@pytest.fixture
def running(small_world):
    with Sandbox(edition="foss", pulse=unhurried()) as sandbox:
        yield sandbox


@pytest.fixture
def owner(running):
    with SignedIn(running, 2) as signed_in:
        yield signed_in


@pytest.fixture
def member(running):
    with SignedIn(running, 2, MEMBER.email) as signed_in:
        yield signed_in


def write(person, message, **fields):
    return person.find("POST", ON_SESSION, {"message": message, **fields})["noteId"]


def listed(person, **body):
    found = person.find("POST", "notes", body)
    return found["count"], [note["noteId"] for note in found["notes"] or ()]


def test_new_note_has_what_was_sent_and_the_servers_defaults(owner):
    body = {"message": "m", "tag": "TASK", "timestamp": 1500, "startAt": 1, "endAt": 2, "isPublic": True}
    assert owner.find("POST", ON_SESSION, body) == {
        "noteId": 1,
        "userId": 0,
        "message": "m",
        "tag": "TASK",
        "timestamp": 1500,
        "createdAt": NOW,
        "sessionId": SESSION,
        "isPublic": True,
        "thumbnail": None,
        "startAt": 1,
        "endAt": 2,
        "userName": OWNER.name,
    }


def test_message_is_cut_at_bytes(owner):
    write(owner, "é" * 200)
    assert owner.find("GET", "notes/1")["message"] == "é" * 125
    assert owner.ask("POST", ON_SESSION, {"message": "é" * 124 + "xé€"})[0] == 501


def test_long_bodies_are_taken(owner):
    padding = b'{"message":"m","ignored":"' + b"x" * 200_000 + b'"}'
    assert owner.ask("POST", ON_SESSION, padding)[0] == 200
    assert owner.ask("POST", ON_SESSION, b" " * 5_242_881)[0] == 413


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (ON_SESSION, {"message": None}, 502),
        (ON_SESSION, {"message": 1}, 400),
        (ON_SESSION, {"message": "m", "thumbnail": "data:"}, 501),
        ("sessions/abc/notes", {"message": "m"}, 501),
        ("sessions/123/notes", {"message": "m"}, 500),
    ],
)
def test_notes_that_are_not_made(owner, path, body, status):
    assert owner.ask("POST", path, body)[0] == status
    assert owner.find("GET", ON_SESSION) == []


def test_session_of_another_project_is_not_settled(owner):
    assert owner.ask("POST", ON_SESSION, {"message": "m"}, project=1)[0] == 501


def test_own_and_public_notes_are_seen(owner, member):
    write(owner, "private")
    write(owner, "public", isPublic=True)
    write(member, "theirs")
    assert [note["message"] for note in owner.find("GET", ON_SESSION)] == ["public", "private"]
    assert [(note["message"], note["userName"]) for note in member.find("GET", ON_SESSION)] == [
        ("theirs", MEMBER.name),
        ("public", OWNER.name),
    ]
    assert member.ask("GET", "notes/1") == (400, {"error": "failed to fetch note by ID: no rows in result set"})
    assert owner.find("GET", "sessions/1/notes") == []


def test_notes_of_others_are_neither_edited_nor_deleted(owner, member):
    number = write(owner, "public", isPublic=True)
    assert member.ask("POST", f"notes/{number}", {"message": "mine"})[0] == 501
    assert member.ask("DELETE", f"notes/{number}")[0] == 501
    assert owner.find("GET", f"notes/{number}")["message"] == "public"


def test_edit_changes_what_it_names(owner):
    write(owner, "old", tag="TASK", timestamp=7)
    write(owner, "other")
    assert owner.find("POST", "notes/1", {"isPublic": True})["isPublic"] is False
    edited = owner.find("POST", "notes/1", {"message": "new", "is_public": True, "tag": "ISSUE-OF-ALL"})
    assert (edited["message"], edited["isPublic"], edited["tag"], edited["timestamp"]) == ("new", True, "ISSUE-OF-A", 7)
    assert owner.find("POST", "notes/1", {"timestamp": 9})["timestamp"] == 9
    assert [note["message"] for note in owner.find("GET", ON_SESSION)] == ["other", "new"]


def test_deleting_twice_succeeds_twice(owner):
    """Observed A30."""
    write(owner, "m")
    write(owner, "n")
    assert [owner.find("DELETE", "notes/1") for _ in range(2)] == [1, 1]
    assert [note["noteId"] for note in owner.find("GET", ON_SESSION)] == [2]
    assert write(owner, "o") == 3


@pytest.mark.parametrize(
    ("text", "problem"),
    [("-1", "invalid syntax"), ("+1", "invalid syntax"), (str(2**64), "value out of range"), ("9" * 5000, "of range")],
)
def test_note_numbers_are_read_as_go_reads_them(owner, text, problem):
    status, answer = owner.ask("GET", f"notes/{text}")
    assert status == 400
    assert answer["error"].startswith("invalid note ID: strconv.ParseUint: parsing ")
    assert problem in answer["error"]


def test_list_of_all_notes_is_filtered(owner, member):
    write(owner, "The cart is empty", tag="ISSUE")
    write(owner, "The CART is full", isPublic=True)
    write(member, "Carton", isPublic=True, tag="TASK")
    write(member, "private")
    assert listed(owner) == (3, [3, 2, 1])
    assert listed(owner, order="ASC") == (3, [1, 2, 3])
    assert listed(owner, order="asc") == (3, [3, 2, 1])
    assert listed(owner, mineOnly=True) == (2, [2, 1])
    assert listed(owner, sharedOnly=True) == (2, [3, 2])
    assert listed(owner, tags=["ISSUE", "TASK"]) == (2, [3, 1])
    assert listed(owner, search="cart is") == (2, [2, 1])
    assert [note["userId"] for note in owner.find("POST", "notes", {})["notes"]] == [2, 1, 1]


def test_list_of_all_notes_is_paged(owner):
    for number in range(11):
        write(owner, str(number))
    assert listed(owner) == (11, [11, 10, 9, 8, 7, 6, 5, 4, 3])
    assert listed(owner, page=2) == (11, [2, 1])
    assert listed(owner, page=3) == (0, [])
    for body in ({"limit": 101}, {"limit": -1}, {"page": -1}):
        assert owner.ask("POST", "notes", body)[0] == 501
