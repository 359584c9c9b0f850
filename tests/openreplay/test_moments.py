"""Every event, error, issue and note has an offset and a link that opens the replay at the right second.

The truth is what the real server recorded: `startTs` of a session's replay and the time of each of its events. The
player begins `jumpto` milliseconds after that start. 18 sessions were recorded by the real tracker, whose ids hold the
start to the millisecond; the others were written straight into the database, with ids up to a second off.
"""

from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest

from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.links import read_link, started_ms
from openreplay_tools.openreplay.live import search_live_sessions
from openreplay_tools.openreplay.notes import create_note, list_notes
from openreplay_tools.openreplay.session_details import get_session
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.recorded import load
from openreplay_tools.windows import format_offset
from tests.openreplay.starts import STARTS
from tests.sandbox.fidelity import unhurried
from tests.servers import DASHBOARD, RECORDED, client_over, toolkit_over

LOGIN = {"email": Sandbox.email, "password": Sandbox.password}
ALONE = {**LOGIN, "api_key": ""}
TOLD_BY_V1 = {"LOCATION", "CLICK", "INPUT", "TAP"}
WHOLE = load()
BEGUN = {one["replay"]["sessionId"]: one["replay"]["startTs"] for one in WHOLE.sessions}
ROWS = {session: [row for row in WHOLE.events if str(row["session_id"]) == session] for session in BEGUN}
DOORS = ("key", "login", "both", "v1")


@pytest.fixture(scope="module")
def older():
    with Sandbox(version="1.26", pulse=unhurried()) as server:
        yield server


@pytest.fixture(scope="module")
def doors(sandbox, older):
    with ExitStack() as stack:
        clients = {
            "key": client_over(sandbox, project=RECORDED),
            "login": client_over(sandbox, **ALONE, project=RECORDED),
            "both": client_over(sandbox, **LOGIN, project=RECORDED),
            "v1": client_over(older, project=RECORDED),
        }
        yield {door: stack.enter_context(client) for door, client in clients.items()}


def opens_at(link, session):
    """Return the second of the clock at which a link opens a replay, as the player works it out."""
    assert urlsplit(link)._replace(query="", fragment="").geturl() == f"{DASHBOARD}/2/session/{session}"
    jump = int(parse_qs(urlsplit(link).query)["jumpto"][0])
    return (BEGUN[session] + jump) // 1000


def test_the_recorded_sessions_are_those_we_think_they_are():
    assert len(BEGUN) == 42
    assert STARTS.items() <= BEGUN.items()
    assert sum(map(len, ROWS.values())) > 1700
    assert {session: started_ms(session) for session in STARTS} == STARTS
    assert all(abs(started_ms(session) - begun) < 1000 for session, begun in BEGUN.items())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("session", sorted(BEGUN))
def test_every_events_link_opens_its_second(doors, session, door):
    events = list(doors[door].iterate(list_session_events, session=session))
    seconds = {row["created_at"] // 1000 for row in ROWS[session]}
    told = [row for row in ROWS[session] if door != "v1" or row["$event_name"] in TOLD_BY_V1]
    assert bool(events) == bool(told)
    slack = 0 if session in STARTS else 1  # an id written straight into the database
    for event in events:
        second = round(event.at.timestamp())
        assert second in seconds
        opened = opens_at(event.link, session)
        # What stands in the second of the start opens at the start, which lies in that second.
        assert abs(opened - max(second, BEGUN[session] // 1000)) <= slack
        assert event.session_id == session
        assert event.link.endswith(f"?jumpto={event.offset_ms}")


@pytest.mark.parametrize("session", sorted(STARTS))
def test_every_door_tells_the_same_moments(doors, session):
    found = {door: list(doors[door].iterate(list_session_events, session=session)) for door in DOORS}
    moments = {door: {(one.kind, one.offset_ms) for one in events} for door, events in found.items()}
    assert moments["login"] <= moments["both"]
    assert moments["key"] <= moments["both"]
    assert {one for one in moments["key"] if one[0] in TOLD_BY_V1} == moments["v1"]


@pytest.mark.parametrize("session", sorted(STARTS))
def test_the_text_tells_the_same_offsets(sandbox, session):
    with toolkit_over(sandbox, project=RECORDED) as toolkit:
        asked = {"session": session, "page": 1, "limit": 200, "detail": "full"}
        reply = toolkit.call("openreplay_list_session_events", asked)
    rows = reply.data["rows"]
    lines = reply.text.split("\n")
    begin = next(number for number, line in enumerate(lines) if line.startswith("at ")) + 1
    shown = [line.split(" ", 1)[0] for line in lines[begin : begin + len(rows)]]
    complete = "Shown" not in reply.text
    expected = [format_offset(row["offset_ms"]) for row in rows]
    assert shown[: len(expected)] == expected if complete else shown[:20] == expected[:20]
    assert f"{DASHBOARD}/2/session/{session}  (?jumpto=" in reply.text


@pytest.mark.parametrize("session", sorted(STARTS))
def test_found_events_open_their_second_too(sandbox, session):
    with toolkit_over(sandbox, **LOGIN, project=RECORDED) as toolkit:
        reply = toolkit.call("openreplay_search_events", {"session": session, "limit": 200})
    assert reply.data["rows"]
    for row in reply.data["rows"]:
        of = next(one for one in ROWS[session] if one["event_id"] == row["event_id"])
        assert opens_at(row["link"], session) == max(of["created_at"], BEGUN[session]) // 1000


@pytest.mark.parametrize("session", sorted(BEGUN))
def test_a_sessions_first_troubles_are_exact_with_a_login(doors, session):
    told = doors["login"].run(get_session, session=session)
    assert told.started_at.timestamp() * 1000 == BEGUN[session]
    assert told.link == f"{DASHBOARD}/2/session/{session}"
    errors = [row["created_at"] for row in ROWS[session] if row["$event_name"] == "ERROR"]
    assert any(one.kind == "error" for one in told.moments) == bool(errors)
    assert told.moments == sorted(told.moments, key=lambda one: one.offset_ms)
    for one in told.moments:
        if one.kind == "error":
            assert opens_at(one.link, session) == max(min(errors), BEGUN[session]) // 1000


@pytest.mark.parametrize("door", DOORS)
def test_listed_sessions_begin_when_their_recording_did(doors, door):
    users = {one["replay"]["userId"] for one in WHOLE.sessions} - {None, "", "team/eve"}  # no path holds a slash
    found = {}
    for user in sorted(users):
        for row in doors[door].run(list_user_sessions, user_id=user, limit=200).rows:
            found[row.session_id] = row
    assert STARTS.keys() & found.keys()
    for session, row in found.items():
        slack = 0 if session in STARTS else 1000
        assert abs(round(row.started_at.timestamp() * 1000) - BEGUN[session]) <= slack
        assert row.link == f"{DASHBOARD}/2/session/{session}"


def test_searched_sessions_begin_when_their_recording_did(doors):
    rows = doors["login"].run(search_sessions, since="2026-08-01", limit=200).rows
    assert STARTS.keys() <= {row.session_id for row in rows}
    for row in rows:
        slack = 0 if row.session_id in STARTS else 1000
        assert abs(round(row.started_at.timestamp() * 1000) - BEGUN[row.session_id]) <= slack
        assert row.link == f"{DASHBOARD}/2/session/{row.session_id}"


@pytest.mark.parametrize("door", ["key", "login"])
def test_live_sessions_have_the_link_that_joins_them(doors, door):
    rows = doors[door].run(search_live_sessions, project="1").rows
    assert rows
    assert {row.link for row in rows} == {f"{DASHBOARD}/1/assist/{row.session_id}" for row in rows}


def test_notes_open_at_their_moment():
    session = "4113715799632532494"
    with Sandbox(pulse=unhurried()) as server, client_over(server, **ALONE, project="2") as client:
        written = client.run(create_note, session=session, message="here", moment="0:09")
        about_none = client.run(create_note, session=session, message="as a whole")
        page = client.run(list_notes)
        of_session = client.run(list_notes, session=session)
    assert (written.offset_ms, about_none.offset_ms) == (9000, None)
    for rows in (page.rows, of_session.rows):
        assert [(row.note_id, row.offset_ms, row.link) for row in rows] == [
            (about_none.note_id, None, about_none.link),
            (written.note_id, 9000, written.link),
        ]
    assert opens_at(written.link, session) == (BEGUN[session] + 9000) // 1000


@pytest.mark.parametrize("door", DOORS)
def test_every_link_can_be_pasted_back(doors, door):
    scope = doors[door].connection.scope()
    events = list(doors[door].iterate(list_session_events, session="4113715799632532494"))
    for event in events:
        named = read_link(event.link, scope)
        assert (named.kind, named.id, named.moment_ms, named.project_id) == (
            "moment", event.session_id, event.offset_ms, "2",
        )  # fmt: skip
