"""One user's sessions: which, when, how long, on which page."""

from datetime import UTC, datetime

import pytest

from openreplay_tools.openreplay.sessions import list_user_sessions
from tests.openreplay.starts import STARTS
from tests.servers import PREFIX, SHOP, Scripted, toolkit_over

ANN, VIP = "ann@example.org", "vip@bigcorp.example"


def sessions_of(world, user_id):
    found = {}
    for event in world.events:
        if event["$user_id"] == user_id:
            found.setdefault(event["session_id"], []).append(event["created_at"])
    return found


@pytest.mark.parametrize("user_id", [ANN, VIP, "用户42", "kiosk-berlin-07", "访客7", "frank miller@example.org"])
def test_all_sessions_are_listed_with_their_counts(call, world, user_id):
    reply = call("list_user_sessions", user_id=user_id, limit=200)
    truth = sessions_of(world, user_id)
    assert truth
    assert {row["session_id"]: row["events_count"] for row in reply.data["rows"]} == {
        session: len(times) for session, times in truth.items()
    }
    assert reply.data["total"] == len(truth)
    assert "all time (to 2026-11-20 18:15 UTC)" in reply.text


def test_starts_are_exact_to_the_millisecond(world, client):
    starts = {session["sessionId"]: session["startTs"] for session in world.sessions}
    for session in client.run(list_user_sessions, user_id=ANN).rows:
        assert round(session.started_at.timestamp() * 1000) == starts[session.session_id]
        assert session.link == f"https://openreplay.example.com/1/session/{session.session_id}"


def test_starts_of_recorded_sessions_are_those_of_their_replay(sandbox, client):
    users = {"bob@example.org", "vip@bigcorp.example", "carol@example.org", ANN}
    found = {
        session.session_id: round(session.started_at.timestamp() * 1000)
        for user in users
        for session in client.iterate(list_user_sessions, user_id=user, project="Acme Recorded")
    }
    shared = set(found) & set(STARTS)
    assert len(shared) >= 3
    assert {session: found[session] for session in shared} == {session: STARTS[session] for session in shared}


def test_the_window_is_told_absolutely_and_holds(call, world):
    reply = call("list_user_sessions", user_id=VIP, since="yesterday")
    assert "2026-11-19 00:00 – 2026-11-20 18:15 UTC" in reply.text
    since = datetime(2026, 11, 19, tzinfo=UTC).timestamp() * 1000
    expected = {session for session, times in sessions_of(world, VIP).items() if max(times) >= since}
    assert {row["session_id"] for row in reply.data["rows"]} == expected
    assert "Length and events count what lies inside the window." in reply.text


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-11-19", "2026-11-19", "2026-11-19 00:00 – 2026-11-20 00:00 UTC"),
        ("24h", "", "2026-11-19 18:15 – 2026-11-20 18:15 UTC"),
        ("last week", "last week", "2026-11-09 00:00 – 2026-11-16 00:00 UTC"),
    ],
)
def test_windows_are_half_open(call, asked, since, until, said):
    reply = call("list_user_sessions", user_id=ANN, since=since, until=until)
    assert said in reply.text
    body = next(body for _, path, body in asked() if path.endswith("/sessions"))
    start, end = (
        datetime.strptime(text.strip().removesuffix(" UTC"), "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        for text in said.split("–")
    )
    assert body["startTimestamp"] == start.timestamp() * 1000
    assert body["endTimestamp"] == end.timestamp() * 1000 - 1


def test_times_are_read_and_written_in_the_zone(sandbox):
    with toolkit_over(sandbox, timezone="Asia/Tokyo") as toolkit:
        reply = toolkit.call("openreplay_list_user_sessions", {"user_id": ANN, "since": "2026-11-20"})
    assert "2026-11-20 00:00 – 2026-11-21 03:15 Asia/Tokyo" in reply.text
    assert "start (Asia/Tokyo)" in reply.text
    assert "2026-11-20 08:26:03" in reply.text


def test_order_and_pages(client, call):
    newest = [session.session_id for session in client.run(list_user_sessions, user_id=ANN).rows]
    oldest = [session.session_id for session in client.run(list_user_sessions, user_id=ANN, order="asc").rows]
    assert newest == oldest[::-1]
    assert [session.session_id for session in client.iterate(list_user_sessions, user_id=ANN)] == newest
    paged = [client.run(list_user_sessions, user_id=ANN, limit=2, page=page) for page in (1, 2, 3, 4)]
    assert [session.session_id for page in paged for session in page.rows] == newest
    assert [page.total for page in paged] == [6, 6, 6, 0]
    assert "Sessions 3–4 of 6" in call("list_user_sessions", user_id=ANN, limit=2, page=2).text
    past = call("list_user_sessions", user_id=ANN, limit=2, page=4).text
    assert past.startswith("No more sessions")
    assert "Page 4 is past the end." in past


def test_null_is_an_empty_page(call, refuse):
    """The server answers null, not a list, when nothing matches (contract §2.7)."""
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 0, "sessions": None}}})
    reply = server.call("list_user_sessions", user_id="x")
    assert reply.data["rows"] == []
    assert not reply.is_error
    text = call("list_user_sessions", user_id="nobody").text
    assert text.startswith("0 sessions of nobody · Acme Shop")
    assert "openreplay_search_users" in text
    narrowed = call("list_user_sessions", user_id="nobody", since="7d").text
    assert "Leave out since and until" in narrowed


def test_a_user_without_a_record_has_sessions(call, refuse, world):
    assert refuse("get_user", user_id="kiosk-berlin-07")
    assert call("list_user_sessions", user_id="kiosk-berlin-07").data["total"] == len(
        sessions_of(world, "kiosk-berlin-07")
    )


def test_an_id_with_a_slash_says_why_not(refuse, asked):
    text = refuse("list_user_sessions", user_id="team/eve")
    assert text.startswith("The server cannot list sessions of user id team/eve with an organization key")
    assert {path for _, path, _ in asked()} <= {"projects"}


def test_an_id_that_is_no_clock_falls_back_to_the_first_event():
    rows = [
        {"sessionId": "17", "eventsCount": 1, "startTs": 1795196568000, "endTs": 1795196570000},
        {"sessionId": "not a number", "eventsCount": 1, "startTs": 1795196568000, "endTs": 1795196570000},
    ]
    server = Scripted({f"POST {PREFIX}{SHOP}/users/x/sessions": {"data": {"total": 2, "sessions": rows}}})
    for session in server.client.run(list_user_sessions, user_id="x").rows:
        assert session.started_at == datetime(2026, 11, 20, 17, 42, 48, tzinfo=UTC)
        assert session.duration_ms == 2000
