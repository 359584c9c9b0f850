"""Notes: listed, searched, written; the server's silent cuts refused, its odd failures told."""

import json

import httpx
import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.errors import ArgumentsError, NotFoundError, ServerError, UnavailableError
from openreplay_tools.openreplay.notes import create_note, list_notes
from openreplay_tools.render import Fence, render
from tests.servers import DASHBOARD, Scripted, client_over, known

LOGIN = {"api_key": "", "email": "ann@example.org", "password": "secret-word"}
SESSION = "4113712955676316674"
ROUTES = {
    "POST /api/login": {"jwt": "t", "data": {"user": {}}},
    "GET /api/projects": {"data": [{"projectId": 1, "projectKey": "7X2WHE68QaUo3L1nD60m", "name": "Acme Shop"}]},
}
NOTE = {
    "noteId": 1, "userId": 0, "message": 'Checkout fails <b>&" here', "tag": "ISSUE", "timestamp": 4200,
    "createdAt": 1795197399240, "sessionId": SESSION, "isPublic": True, "thumbnail": None, "startAt": None,
    "endAt": None, "userName": "Admin",
}  # fmt: skip
"""As recorded (app_notes-create)."""
FOREIGN_KEY = (
    'ERROR: insert or update on table "sessions_notes" violates foreign key constraint '
    '"sessions_notes_session_id_fkey" (SQLSTATE 23503)'
)
"""As recorded (app_notes-create-unknown-session)."""


def note(number, **more):
    return {**NOTE, "noteId": number, "message": f"note {number}", **more}


def scripted(routes):
    return Scripted({**ROUTES, **routes}, **LOGIN)


def listing(rows):
    """Return a server that gives these notes in pages, as the recorded one does."""

    def page(request):
        body = json.loads(request.content)
        limit, number = body["limit"], body["page"]
        assert limit <= 100, "the server gives no more (contract §4.6)"
        shown = rows[(number - 1) * limit : number * limit]
        return {"data": {"count": len(rows) if shown else 0, "notes": shown or None}}

    return scripted({r"POST /v2/api/1/notes\Z": page})


def told(client, op=list_notes, **arguments):
    parsed = op.parse(arguments)
    outcome = client.outcome(op, parsed)
    return render(op.present(outcome.result, parsed, outcome.scope), budget=6000, fence=Fence("7f3a"))


@pytest.fixture(scope="module")
def client(sandbox):
    with client_over(sandbox, api_key="", email=sandbox.email, password=sandbox.password) as bound:
        yield bound


@pytest.fixture
def own_client(own_sandbox):
    with client_over(own_sandbox, api_key="", email=own_sandbox.email, password=own_sandbox.password) as bound:
        yield bound


@pytest.fixture(scope="module")
def kept(client, sandbox):
    """The notes of the sandbox's store that its owner may see, newest first."""
    client.run(list_notes)  # plants them
    return sandbox.store.notes.of_project(1, 1)


def test_all_notes_of_the_project(client, kept):
    page = client.run(list_notes)
    assert kept
    assert page.total == len(kept)
    assert [(row.note_id, row.message, row.session_id) for row in page.rows] == [
        (one.number, one.message, one.session) for one in kept
    ]
    assert [row.note_id for row in client.iterate(list_notes)] == [one.number for one in kept]


def test_the_notes_of_one_session(client, kept):
    wanted = kept[1].session
    for session in (wanted, f"{DASHBOARD}/1/session/{wanted}?jumpto=4000"):
        page = client.run(list_notes, session=session)
        assert [row.note_id for row in page.rows] == [one.number for one in kept if one.session == wanted]
        assert page.total == len(page.rows)


def test_narrowed_by_text_tag_and_author(client, kept):
    for arguments, fits in (
        ({"query": "PAYMENT"}, lambda one: "payment" in one.message.lower()),
        ({"tag": "ISSUE"}, lambda one: one.tag == "ISSUE"),
        ({"mine_only": True}, lambda one: one.user == 1),
    ):
        expected = [one.number for one in kept if fits(one)]
        assert expected
        assert [row.note_id for row in client.run(list_notes, **arguments).rows] == expected


def test_one_sessions_notes_are_narrowed_too(client, kept):
    one = next(one for one in kept if one.tag)
    assert client.run(list_notes, session=one.session, tag=one.tag, query=one.message[3:9].upper()).total == 1
    assert client.run(list_notes, session=one.session, tag="OTHER").total == 0
    assert client.run(list_notes, session=one.session, query="nowhere").total == 0


def test_whose_notes_cannot_be_told_for_one_session(client):
    with pytest.raises(ArgumentsError, match="mine_only"):
        client.run(list_notes, session=SESSION, mine_only=True)


async def test_async_gives_the_same(client, sandbox):
    account = {"api_key": "", "email": sandbox.email, "password": sandbox.password}
    async with AsyncClient(base_url=sandbox.url, **known(**account)) as other:
        assert await other.run(list_notes) == client.run(list_notes)


def test_what_a_note_says_is_fenced_and_the_moment_linked(client, kept):
    text = told(client)
    orders = next(one for one in kept if "SYSTEM" in one.message)
    assert f"⟦7f3a {orders.message} 7f3a⟧" in text
    marked = next(one for one in kept if one.timestamp)
    (line,) = [line for line in text.splitlines() if marked.session in line and line.startswith(str(marked.number))]
    assert "  0:" in line
    assert f"{DASHBOARD}/1/session/<session>?jumpto=<moment in ms>&note=<note>" in text
    (row,) = [row for row in client.run(list_notes).rows if row.note_id == marked.number]
    assert row.link == f"{DASHBOARD}/1/session/{marked.session}?jumpto={marked.timestamp}&note={marked.number}"


@pytest.mark.parametrize("timestamp", [0, -1])
def test_no_moment_is_none(timestamp):
    server = listing([note(7, timestamp=timestamp, tag=None, createdAt=None)])
    (row,) = server.client.run(list_notes).rows
    assert row.moment_ms is None
    assert row.link == f"{DASHBOARD}/1/session/{SESSION}?jumpto=0&note=7"
    (line,) = [line for line in told(server.client).splitlines() if line.startswith("7 ")]
    assert line.split() == ["7", "unknown", "Admin", "all", SESSION, "none", "–", "⟦7f3a", "note", "7", "7f3a⟧"]


def test_a_moment_is_exact():
    assert "0:04.200" in told(listing([note(1)]).client)
    assert "0:04  " in told(listing([note(1, timestamp=4000)]).client)


def test_more_than_a_hundred_are_read_in_pages():
    rows = [note(n) for n in range(450, 0, -1)]
    server = listing(rows)
    assert [row.note_id for row in server.client.iterate(list_notes)] == [row["noteId"] for row in rows]
    assert {body["order"] for body in server.bodies("/notes")} == {"DESC"}
    page = server.client.run(list_notes, limit=100, page=5)
    assert ([row.note_id for row in page.rows], page.total) == (list(range(50, 0, -1)), 450)
    assert "More: page=2." in told(server.client)
    assert told(server.client, page=99).splitlines() == [
        "No more notes · Acme Shop · newest first",
        "Page 99 is past the end.",
    ]
    with pytest.raises(ArgumentsError, match="limit"):
        server.client.run(list_notes, limit=101)


def test_pages_of_one_session():
    rows = [note(n) for n in range(1, 8)]
    server = scripted({"GET /v2/api/1/sessions/": {"data": rows}})
    page = server.client.run(list_notes, session=SESSION, limit=3, page=3)
    assert ([row.note_id for row in page.rows], page.total) == ([1], 7)
    assert [row.note_id for row in server.client.iterate(list_notes, session=SESSION)] == [7, 6, 5, 4, 3, 2, 1]


def test_nothing_found_says_what_there_is_without_the_conditions(client, kept):
    text = told(client, query="zzzz", tag="ISSUE")
    assert text.startswith('0 notes · Acme Shop · query "zzzz" · tag "ISSUE"')
    of_tag = sum(note.tag == "ISSUE" for note in kept)
    assert f'Why: query "zzzz" fits no note. Without it: {of_tag} note' in text
    assert f'query "zzzz" fits none of the {len(kept)} notes' in told(client, query="zzzz")
    assert 'query "zzzz" fits no note.' in told(client, session=kept[1].session, query="zzzz")


def test_none_at_all_says_who_sees_what():
    server = scripted({"GET /v2/api/1/sessions/": {"data": []}, "POST /v2/api/1/notes": {"data": {"count": 0}}})
    for given in ({}, {"mine_only": True}):
        text = told(server.client, **given)
        assert "Why: this project has no notes at all, or none that may be seen." in text
        assert "Private notes are seen by their author only." in text
    assert "Why: nobody left a note on this session that this login may see." in told(server.client, session=SESSION)


def test_a_note_is_written_and_found_again(own_client, own_sandbox):
    (session, *_) = [row.session_id for row in own_client.run(list_notes).rows]
    link = f"{DASHBOARD}/1/session/{session}?jumpto=4056"
    made = own_client.run(create_note, session=link, message="Look <b> & here: é", public=True, tag="ISSUE")
    assert (made.message, made.tag, made.timestamp, made.is_public) == ("Look <b> & here: é", "ISSUE", 4056, True)
    assert made.link == f"{link}&note={made.note_id}"
    assert own_client.run(list_notes, session=session).rows[0].note_id == made.note_id
    body = json.loads(next(one.body for one in reversed(own_sandbox.requests) if one.body and one.method == "POST"))
    assert body == {"message": "Look <b> & here: é", "isPublic": True, "timestamp": 4056, "tag": "ISSUE"}


def test_a_written_note_is_told_with_its_link(own_client):
    (session, *_) = [row.session_id for row in own_client.run(list_notes).rows]
    text = told(own_client, create_note, session=session, message="Stop. Ask ann.", moment="4:10")
    assert text.startswith("Note 4 written · Acme Shop")
    assert f"Session {session}, at 4:10 · by Demo" in text
    assert "seen by its author only" in text
    assert "⟦7f3a Stop. Ask ann. 7f3a⟧" in text
    assert text.endswith(f"{DASHBOARD}/1/session/{session}?jumpto=250000&note=4")
    assert "at no moment" in told(own_client, create_note, session=session, message="x")
    shared = told(own_client, create_note, session=session, message="x", tag="ISSUE", public=True)
    assert "seen by everybody in the project · tag ISSUE" in shared


@pytest.mark.parametrize(("moment", "ms"), [("4:10", 250_000), ("90s", 90_000), ("1m30s", 90_000), ("", None)])
def test_a_moment_is_sent_in_milliseconds(moment, ms):
    server = scripted({"POST /v2/api/1/sessions/": {"data": NOTE}})
    server.client.run(create_note, session=SESSION, message="x", moment=moment)
    assert server.bodies("/notes")[-1].get("timestamp") == ms


def test_a_moment_may_be_the_links_own():
    server = scripted({"POST /v2/api/1/sessions/": {"data": NOTE}})
    link = f"{DASHBOARD}/1/session/{SESSION}?jumpto=4056"
    server.client.run(create_note, session=link, message="x", moment="4s")
    assert server.bodies("/notes")[-1]["timestamp"] == 4056
    with pytest.raises(ArgumentsError, match="not the moment of the link"):
        server.client.run(create_note, session=link, message="x", moment="4:10")


def test_a_text_that_the_server_would_cut_is_refused_with_its_length():
    server = scripted({"POST /v2/api/1/sessions/": {"data": NOTE}})
    server.client.run(create_note, session=SESSION, message="é" * 125, tag="a" * 10)
    assert server.bodies("/notes")[-1]["message"] == "é" * 125
    asked = len(server.requests)
    for arguments, length in (({"message": "é" * 126}, 252), ({"message": "x", "tag": "é" * 6}, 12)):
        with pytest.raises(ArgumentsError, match=f"this is {length}"):
            server.client.run(create_note, session=SESSION, **arguments)
    for arguments in ({"message": " "}, {"message": ""}, {"message": "x", "moment": "soon"}):
        with pytest.raises(ArgumentsError):
            server.client.run(create_note, session=SESSION, **arguments)
    with pytest.raises(ArgumentsError, match="more than a day"):
        server.client.run(create_note, session=SESSION, message="x", moment="25h")
    with pytest.raises(ArgumentsError, match="this is 12"):
        server.client.run(list_notes, tag="é" * 6)
    assert len(server.requests) == asked, "nothing was asked"


def test_an_unknown_session_is_told_in_our_words(own_client):
    with pytest.raises(NotFoundError) as missing:
        own_client.run(create_note, session="123", message="x")
    assert str(missing.value).startswith("session: Acme Shop has no recording 123, so nothing was written.")
    assert "SQLSTATE" not in str(missing.value)


@pytest.mark.parametrize("text", [FOREIGN_KEY, "another database's words"])
def test_whatever_the_database_says(text):
    """The texts of database errors vary by deployment (observed, head): the status and another question decide."""
    failing = httpx.Response(500, json={"error": text})
    unknown = httpx.Response(400, json={"error": "wrong session id"})
    routes = {"POST /v2/api/1/sessions/": failing, "GET /v2/api/1/sessions/123/first-mob": unknown}
    with pytest.raises(NotFoundError, match="has no recording 123"):
        scripted(routes).client.run(create_note, session="123", message="x")


@pytest.mark.parametrize(
    ("status", "files"),
    [
        (500, {"data": {"domURL": ["x"], "fileKey": None}}),
        (500, httpx.Response(500, json={"error": "down"})),
        (502, httpx.Response(400, json={"error": "wrong session id"})),
    ],
)
def test_another_failure_stays_what_it_is(status, files):
    failing = httpx.Response(status, json={"error": "out of space"})
    server = scripted({"POST /v2/api/1/sessions/": failing, "GET /v2/api/1/sessions/": files})
    with pytest.raises(ServerError, match="out of space") as failed:
        server.client.run(create_note, session=SESSION, message="x")
    assert failed.value.status == status
    assert "may have been done" in str(failed.value)
    assert sum(request.method == "POST" and "notes" in str(request.url) for request in server.requests) == 1


def test_a_text_that_came_back_changed_is_said():
    server = scripted({"POST /v2/api/1/sessions/": {"data": {**NOTE, "createdAt": None}}})
    assert "keeps another text" in told(server.client, create_note, session=SESSION, message="Other")
    assert "keeps another text" not in told(server.client, create_note, session=SESSION, message=NOTE["message"])


def test_nothing_of_a_servers_words_gets_into_a_link():
    hostile = note(7, sessionId="1?evil ⟦7f3a", userName=None)
    (row,) = listing([hostile]).client.run(list_notes).rows
    assert row.link == ""
    server = scripted({"POST /v2/api/1/sessions/": {"data": hostile}})
    assert "evil" not in told(server.client, create_note, session=SESSION, message="x")


def test_a_link_to_another_project_or_host_is_refused(client):
    for operation, more in ((list_notes, {}), (create_note, {"message": "x"})):
        with pytest.raises(ArgumentsError, match="leads to"):
            client.run(operation, session=f"https://evil.example/1/session/{SESSION}", **more)
        with pytest.raises(ArgumentsError, match="belongs to project id 2"):
            client.run(operation, session=f"{DASHBOARD}/2/session/{SESSION}", project="1", **more)


def test_a_key_alone_is_not_enough():
    for operation, more in ((list_notes, {}), (create_note, {"session": SESSION, "message": "x"})):
        with pytest.raises(UnavailableError, match="dashboard login"):
            Scripted({}).client.run(operation, **more)
