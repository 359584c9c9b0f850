"""One user's sessions: which, when, how long, on which page."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from openreplay_tools.errors import ArgumentsError, ClosedError, PermissionDeniedError, UnavailableError
from openreplay_tools.openreplay.sessions import Session, complete, length, list_user_sessions
from openreplay_tools.operation import ProjectRef
from openreplay_tools.sandbox.recorded import load
from tests.openreplay.recorded import NO_V2, older, replayed, signed_in
from tests.openreplay.starts import STARTS
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, toolkit_over

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
    narrowed = call("list_user_sessions", user_id="ann@example.org", until="2020-11-01").text
    assert "outside this window" in narrowed
    assert "leave them out" in narrowed


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


def milliseconds(moment):
    return round(moment.timestamp() * 1000)


def the_scope():
    return replace(Scripted({}).client.connection.scope(), project=ProjectRef(RECORDED, 1, "Acme Shop"))


@pytest.mark.parametrize("told", load().sessions, ids=lambda told: told["replay"]["sessionId"])
def test_a_search_row_and_a_replay_tell_of_the_same_session(told):
    row, replay = (complete(Session.model_validate(told[source]), the_scope()) for source in ("search_row", "replay"))
    assert milliseconds(replay.started_at) == told["replay"]["startTs"]
    if row.session_id in STARTS:  # recorded by the tracker: the id holds the start (observed §D)
        assert row.started_at == replay.started_at
    assert abs(row.started_at - replay.started_at) < timedelta(seconds=1)
    alike = set(Session.model_fields) - {"started_at", "events_count", "pages_count", "issue_types", "viewed"}
    assert replay.events_count - row.events_count in {0, 1}, "the replay's table has one event more"
    assert row.model_dump(include=alike) == replay.model_dump(include=alike)
    assert (row.pages_count, row.errors_count, row.issue_types) == (None, None, None), "0 means not counted (§4.4)"
    assert replay.pages_count == told["replay"]["pagesCount"]
    assert replay.issue_types == [kind for kind in told["replay"]["issueTypes"].strip("{}").split(",") if kind]
    assert row.link == f"https://openreplay.example.com/1/session/{told['replay']['sessionId']}"


def test_bookmarked_rows_count_pages_but_no_errors():
    told = {"sessionId": "5", "startTs": 1795196579000, "duration": 5, "pagesCount": 3, "errorsCount": 0}
    session = complete(Session.model_validate({**told, "issueTypes": ["click_rage"]}), the_scope())
    assert (session.pages_count, session.errors_count, session.issue_types) == (3, None, ["click_rage"])


def test_a_recording_under_way_has_no_length():
    session = complete(Session.model_validate({"sessionId": "5", "duration": None, "metadata": None}), the_scope())
    assert (session.duration_ms, session.started_at, session.metadata) == (None, None, {})
    assert length(session) == "–"


def test_a_start_the_id_contradicts_is_the_servers():
    told = {"sessionId": "4113715976799933456", "startTs": 1795196570000, "duration": 5}
    assert milliseconds(complete(Session.model_validate(told), the_scope()).started_at) == 1795196570000


@pytest.mark.parametrize("metadata", ["text", [1]])
def test_metadata_of_another_form_is_refused(metadata):
    with pytest.raises(ValueError, match="metadata"):
        Session.model_validate({"metadata": metadata})


def test_a_login_filters_the_session_search():
    server = signed_in({"POST /v2/api/1/sessions/search\\Z": replayed("app_search-user-isany")})
    page = server.client.run(list_user_sessions, user_id="team/eve", order="asc", limit=5, page=2)
    assert server.bodies("/sessions/search") == [
        {
            "startTimestamp": 946684800000,
            "endTimestamp": 1795284899999,  # a day after now, half-open
            "limit": 5,
            "page": 2,
            "sort": "startTs",
            "order": "asc",
            "eventsOrder": "and",
            "filters": [
                {"name": "userId", "operator": "is", "value": ["team/eve"], "isEvent": False, "autoCaptured": True}
            ],
        }
    ]
    assert (page.total, page.page, page.limit) == (2455, 2, 5)
    first = page.rows[0]
    assert milliseconds(first.started_at) == 1795196579504
    assert (first.duration_ms, first.events_count, first.user_id) == (10279, 8, "vip@bigcorp.example")
    assert (first.browser, first.os, first.device, first.country) == ("Chrome", "Windows", "", "DE")
    assert first.metadata == {"company": "BigCorp", "plan": "enterprise"}
    assert first.viewed is False


def test_a_key_goes_to_the_dashboard_with_an_id_it_cannot_ask_for():
    routes = {"POST /v2/api/1/sessions/search\\Z": replayed("app_search-user-isany")}
    server = signed_in(routes, api_key="k" * 20)
    assert server.client.run(list_user_sessions, user_id="team/eve").total == 2455
    assert server.requests[0].url.path == f"{PREFIX}projects"


def test_a_role_that_may_not_search_is_no_way_around_the_key():
    allowed = {"jwt": "t", "data": {"user": {"permissions": ["METRICS"]}}}
    refused = {"POST /v2/api/1/sessions/search": httpx.Response(401)}
    server = signed_in({"POST /api/login": allowed, **refused}, api_key="k" * 20, email="role@b.example")
    with pytest.raises(PermissionDeniedError):  # nothing is known of the role before the login
        server.client.run(list_user_sessions, user_id="team/eve")
    with pytest.raises(UnavailableError, match="with an organization key"):
        server.client.run(list_user_sessions, user_id="team/eve")


@pytest.mark.parametrize("body", [httpx.Response(404, text="404 page not found\n"), httpx.Response(200, html="<html>")])
def test_a_dashboard_too_old_gives_way_to_api_v1(body):
    routes = {
        "POST /v2/api/1/sessions/search": body,
        **NO_V2,
        f"GET /api/v1/{RECORDED}/users/.*/sessions": replayed("v1-user-sessions"),
    }
    assert signed_in(routes, api_key="k" * 20).client.run(list_user_sessions, user_id=ANN).total == 3
    if body.status_code == 404:
        with pytest.raises(ClosedError, match=r"too old for that; OpenReplay 1\.24"):
            signed_in(routes).client.run(list_user_sessions, user_id=ANN)


def test_api_v1_lists_as_recorded():
    server = older({f"GET /api/v1/{RECORDED}/users/ann%40example.org/sessions": replayed("v1-user-sessions")})
    reply = server.call("list_user_sessions", user_id=ANN)
    ids = ["4113715794683253773", "4113713565762999304", "4113712949451969537"]
    assert [row["session_id"] for row in reply.data["rows"]] == ids
    assert reply.data["total"] == 3
    assert "2026-11-20 17:42:48  0:17" in reply.text
    assert "Events: pages, clicks and inputs only." in reply.text
    row = reply.data["rows"][0]
    assert (row["duration_ms"], row["events_count"], row["pages_count"], row["errors_count"]) == (17734, 22, 5, 0)
    assert row["started_at"].startswith("2026-11-20T17:42:48.649")
    assert dict(server.requests[-1].url.params) == {"start_date": "946684800000", "end_date": "1795284899999"}


def test_nobody_at_api_v1_is_an_empty_page():
    server = older({f"GET /api/v1/{RECORDED}/users/nobody/sessions": replayed("v1-user-sessions-unknown")})
    assert server.call("list_user_sessions", user_id="nobody").text.startswith("0 sessions of nobody")


def history(sessions):
    """Answer as API v1 does: from a date on, in the order of the ids, fifty at most (contract §3.4)."""

    def answer(request):
        start, end = (int(request.url.params[name]) for name in ("start_date", "end_date"))
        found = [one for one in sessions if start <= one["startTs"] <= end]
        return {"data": sorted(found, key=lambda one: int(one["sessionId"]))[:50]}

    return answer


def visits(starts):
    return [
        {"sessionId": str(4113715000000000000 + number), "startTs": start, "duration": 5}
        for number, start in enumerate(starts)
    ]


@pytest.mark.parametrize(
    "starts",
    [
        [1795190000000 + 1000 * n for n in range(120)],
        [1795190000000 + 1000 * (n // 30) for n in range(120)],  # thirty at once
        [1795190000000 + 700 * n + (900 if n % 2 else 0) for n in range(120)],  # ids out of order within a second
        [1795190000000 + n for n in range(100)],
        [1795190000000] * 50,
        [1795190000000] * 49,
    ],
)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_api_v1_is_read_to_the_end(starts, order):
    server = older({f"GET /api/v1/{RECORDED}/users/x/sessions": history(visits(starts))})
    page = server.client.run(list_user_sessions, user_id="x", order=order, limit=200)
    expected = sorted(starts, reverse=order == "desc")
    assert [milliseconds(row.started_at) for row in page.rows] == expected
    assert page.total == len(starts)
    second = server.client.run(list_user_sessions, user_id="x", order=order, limit=20, page=2)
    assert [milliseconds(row.started_at) for row in second.rows] == expected[20:40]
    walked = list(server.client.iterate(list_user_sessions, user_id="x", order=order))
    assert [row.session_id for row in walked] == [row.session_id for row in page.rows]


def test_a_history_too_long_says_what_to_narrow():
    starts = range(1600000000000, 1600000000000 + 3000 * 10**7, 10**7)
    server = older({f"GET /api/v1/{RECORDED}/users/x/sessions": history(visits(starts))})
    with pytest.raises(ArgumentsError, match=r"since: API v1 lists the oldest .* first 1961 in all time .*Narrow"):
        server.client.run(list_user_sessions, user_id="x")
    assert len(server.requests) < 45
    assert server.client.run(list_user_sessions, user_id="x", since="2020-09-14", until="2020-09-20").total
    assert len(list(server.client.iterate(list_user_sessions, user_id="x"))) == 3000
