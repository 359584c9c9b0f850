"""One session's events: complete, in order, narrowed as said, linked to their moment."""

import json
from collections import Counter
from datetime import UTC, datetime

import httpx
import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.errors import PermissionDeniedError, ServerError, UnavailableError
from openreplay_tools.openreplay.events import MOST_EVENTS, list_session_events
from openreplay_tools.sandbox import Sandbox
from tests.openreplay.side_by_side import REFUSED, far_side, lines, recorded
from tests.openreplay.starts import STARTS
from tests.sandbox.fidelity import unhurried
from tests.servers import PREFIX, Scripted, client_over, known, toolkit_over

ID = "4113715799632532494"
LONG = "4113731156539757585"  # 150 events, recorded


@pytest.fixture(scope="module")
def ann(toolkit):
    rows = toolkit.call("openreplay_list_user_sessions", {"user_id": "ann@example.org"}).data["rows"]
    return rows[0]["session_id"]


def wire_events(world, session):
    return [event for event in world.events if event["session_id"] == session]


def test_every_event_is_told_once(client, world, ann):
    page = client.run(list_session_events, session=ann)
    truth = wire_events(world, ann)
    shown = {event.event_id for event in page.rows}
    twins = [event for event in truth if event["event_id"] not in shown]
    assert len(shown) == len(page.rows)
    assert page.twins == len(twins)
    assert {event["issue_type"] for event in twins} <= {"custom"}
    assert page.total == len(page.rows) == len(truth) - len(twins)
    assert page.counts == dict(Counter(event.kind for event in page.rows))
    assert [event.at for event in page.rows] == sorted(event.at for event in page.rows)


def test_what_happened_to_ann_is_told(call, ann):
    text = call("list_session_events", session=ann).text
    story = [
        "page         /checkout",
        "Pay now",
        "POST /api/checkout → 500",
        "checkout_failed",
        "Payment provider timeout",
    ]
    places = [text.index(part, text.index("at    event")) for part in story]
    assert places == sorted(places)
    assert "failed request: https://openreplay.example.com/1/session/" in text
    assert text.count("checkout_failed") == 2, "each own event once, without the issue that repeats it"


def test_the_planted_incidents_are_found(call, incidents):
    for name, word in (
        ("checkout", "checkout_failed"),
        ("coupon", "rage click"),
        ("invoice", "reading 'invoice'"),
        ("phone", "422"),
    ):
        texts = [call("list_session_events", session=session).text for session in incidents[name].session_ids[:4]]
        assert any(word in text for text in texts), name


def test_moments_are_right_to_the_millisecond(client):
    for session, start in STARTS.items():
        page = client.run(list_session_events, session=session, project="2")
        assert round(page.started_at.timestamp() * 1000) == start
        for event in page.rows:
            offset = round(event.at.timestamp() * 1000) - start
            assert event.offset_ms == max(0, offset)
            assert event.link == f"https://openreplay.example.com/2/session/{session}?jumpto={max(0, offset)}"


def test_every_recorded_session_is_read_whole(client):
    """The 42 recorded ones, tracker and inserted: nothing unread, nothing twice."""
    for session in STARTS:
        page = client.run(list_session_events, session=session, project="2")
        assert page.unread == 0
        assert page.rows
        assert len({event.event_id for event in page.rows}) == len(page.rows)


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [7, 40, 200])
def test_walking_the_pages_shows_everything_once_in_time_order(client, limit):
    whole = client.run(list_session_events, session=LONG, project="2")
    walked = []
    for page in range(1, 40):
        rows = client.run(list_session_events, session=LONG, project="2", page=page, limit=limit).rows
        if not rows:
            break
        walked += rows
    assert [event.event_id for event in walked] == [event.event_id for event in whole.rows]
    assert list(client.iterate(list_session_events, session=LONG, project="2")) == whole.rows


async def test_walking_is_the_same_async(sandbox, client):
    async with AsyncClient(base_url=sandbox.url, **known()) as other:
        rows = [event async for event in other.iterate(list_session_events, session=LONG, project="2")]
    assert rows == client.run(list_session_events, session=LONG, project="2").rows


def test_a_page_tells_where_it_stands(call):
    text = call("list_session_events", session=LONG, project="2", page=2, limit=20).text
    assert text.startswith("Events 21–40 of ")
    assert "More: page=3." in text
    past = call("list_session_events", session=LONG, project="2", page=90).text
    assert "past the end" in past


def test_walking_the_texts_shows_every_event():
    """Also when a page does not fit into its budget: what is cut is the end, and the text says how to go on."""
    events = [
        {
            "event_id": f"{n:05}",
            "$event_name": "CLICK",
            "created_at": 1795196569000 + n * 1000,
            "$properties": {"label": f"button {n} " + "x" * 70},
        }
        for n in range(120)
    ]
    server = Scripted({f"POST {PREFIX}": _pages_of(events)})
    text = server.call("list_session_events", session=ID, page=1, limit=120).text
    shown = [n for n in range(120) if f"button {n} " in text]
    assert shown == list(range(len(shown)))
    left_out = f"left out: {120 - len(shown)} clicks (limit={len(shown)}, page=2 goes on)."
    assert f"Shown {len(shown)} of 120 events; {left_out}" in text
    seen = []
    for page in range(1, 20):
        text = server.call("list_session_events", session=ID, page=page, limit=len(shown)).text
        seen += [n for n in range(120) if f"button {n} " in text]
    assert seen == list(range(120))


def _pages_of(events, hide=()):
    def answer(request):
        body = json.loads(request.content)
        first = (body["page"] - 1) * body["limit"]
        found = sorted(events, key=lambda event: event["event_id"])[first : first + body["limit"]]
        shown = [event for event in found if event["event_id"] not in hide]
        return {"data": {"total": len(events) if found else 0, "events": shown}}

    return answer


def test_all_pages_are_asked_for_by_event_id(call, asked):
    """Unlike times, event ids have no ties: pages neither lose nor double a row (observed §D)."""
    call("list_session_events", session=LONG, project="2")
    ((method, path, body),) = [one for one in asked() if one[1] != "projects"]
    assert (method, path) == ("POST", f"LbifiKjlu7VmVoyauxnK/sessions/{LONG}/events")
    assert (body["sortBy"], body["sortOrder"], body["limit"], body["page"]) == ("event_id", "asc", 200, 1)
    assert {"properties", "$properties", "$user_id", "$current_url", "issue_type", "error_id"} <= set(body["columns"])
    assert body["endTimestamp"] - 1795198500000 == 86_400_000, "a day beyond now"
    assert body["startTimestamp"] == 946684800000


def test_long_sessions_are_read_in_pages():
    events = [{"event_id": f"{n:05}", "$event_name": "CLICK", "created_at": 1795196569000 + n} for n in range(901)]
    server = Scripted({f"POST {PREFIX}": _pages_of(events)})
    assert server.client.run(list_session_events, session=ID).total == 901
    assert sorted(body["page"] for body in server.bodies("/events")) == [1, 2, 3, 4, 5]


def test_gaps_are_read_again_and_then_said():
    events = [{"event_id": f"{n:05}", "$event_name": "CLICK", "created_at": 1795196569000 + n} for n in range(450)]
    hidden = {"00003", "00300"}
    server = Scripted({f"POST {PREFIX}": _pages_of(events, hidden)})
    reply = server.call("list_session_events", session=ID)
    assert reply.data["unread"] == 2
    assert reply.data["total"] == 450
    assert "2 events are counted by the server but not returned by it." in reply.text
    assert sorted(body["page"] for body in server.bodies("/events")) == [1, 1, 2, 2, 3, 3]
    hidden.clear()
    server.requests.clear()
    assert server.client.run(list_session_events, session=ID).unread == 0
    assert len(server.bodies("/events")) == 3


def test_a_gap_that_the_second_reading_fills_is_no_gap():
    events = [{"event_id": f"{n:05}", "$event_name": "CLICK", "created_at": 1795196569000 + n} for n in range(50)]
    hidden = {"00007"}

    def answer(request):
        reply = _pages_of(events, set(hidden))(request)
        hidden.clear()
        return reply

    server = Scripted({f"POST {PREFIX}": answer})
    page = server.client.run(list_session_events, session=ID)
    assert page.unread == 0
    assert len(page.rows) == 50


def test_more_than_can_be_read_is_refused_with_the_way_on():
    server = Scripted({f"POST {PREFIX}": {"data": {"total": MOST_EVENTS + 1, "events": [{"event_id": "1"}]}}})
    reply = server.call("list_session_events", session=ID)
    assert reply.is_error
    assert "20001 events here" in reply.text.replace(",", "")
    assert "kinds" in reply.text
    assert "from_offset" in reply.text
    assert len(server.bodies("/events")) == 1


# --- kinds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "sent"),
    [
        (["CLICK", "ERROR"], ["CLICK", "ERROR"]),
        (["click", " Error "], ["CLICK", "ERROR"]),
        (["page"], ["LOCATION"]),
        (["Pages"], ["LOCATION"]),
        (
            ["requests", "issues", "taps", "crashes", "inputs", "clicks", "errors"],
            ["REQUEST", "ISSUE", "TAP", "CRASH", "INPUT", "CLICK", "ERROR"],
        ),
        (["checkout_failed"], ["checkout_failed"]),
        (["Checkout_Failed"], ["Checkout_Failed"]),
    ],
)
def test_kinds_are_sent_as_names_of_events(call, asked, ann, kinds, sent):
    """Not as event filters, which answer 500 or a wrong nothing on this route (observed §A1)."""
    call("list_session_events", session=ann, kinds=kinds)
    body = next(body for _, path, body in asked() if path.endswith("/events"))
    assert body["filters"] == [{"name": "$event_name", "operator": "is", "value": sent}]


def test_kinds_narrow(call, world, ann):
    rows = call("list_session_events", session=ann, kinds=["CLICK", "checkout_failed"]).data["rows"]
    expected = [
        event["event_id"] for event in wire_events(world, ann) if event["$event_name"] in {"CLICK", "checkout_failed"}
    ]
    assert {row["event_id"] for row in rows} == set(expected)


def test_a_kind_that_does_not_occur_says_what_does(call, world, ann):
    reply = call("list_session_events", session=ann, kinds=["CRASH"])
    kinds = Counter(event["$event_name"] for event in wire_events(world, ann))
    assert reply.data["kinds_present"] == dict(kinds)
    assert "Why: this session has none of these kinds. It has: " in reply.text
    assert f"CLICK {kinds['CLICK']}" in reply.text


@pytest.mark.parametrize("kinds", [[""], ["  "], ["CLICK", ""]])
def test_an_empty_kind_is_refused(refuse, ann, kinds):
    assert refuse("list_session_events", session=ann, kinds=kinds).startswith("kinds")


# --- parts of a session -----------------------------------------------------------------------------------------------


def offsets(reply):
    return [row["offset_ms"] for row in reply.data["rows"]]


def test_offsets_narrow(call):
    whole = offsets(call("list_session_events", session=LONG, project="2"))
    late = offsets(call("list_session_events", session=LONG, project="2", from_offset="0:20"))
    early = offsets(call("list_session_events", session=LONG, project="2", to_offset="0:20"))
    assert [ms for ms in whole if ms >= 20_000] == [ms for ms in late if ms >= 20_000]
    assert all(ms > 19_000 for ms in late), "times are whole seconds: the second that began before belongs to it"
    assert early == [ms for ms in whole if ms < 21_000], "what is shown at 0:20 belongs to it"
    middle = call("list_session_events", session=LONG, project="2", from_offset="10s", to_offset="0:20")
    assert "10s to 0:20" in middle.text.split("\n")[0]
    assert offsets(middle) == [ms for ms in whole if 9_000 < ms < 21_000]


def test_an_offset_as_shown_takes_what_was_shown_there(call, ann):
    shown = call("list_session_events", session=ann, kinds=["REQUEST"]).data["rows"]
    failed = next(row for row in shown if row["captured"]["status"] == 500)
    text = f"{failed['offset_ms'] // 60_000}:{failed['offset_ms'] // 1000 % 60:02}"
    found = call("list_session_events", session=ann, from_offset=text, to_offset=text, kinds=["REQUEST"]).data["rows"]
    assert failed["event_id"] in {row["event_id"] for row in found}


def test_windows_narrow(call, ann, world):
    truth = wire_events(world, ann)
    start = datetime.fromtimestamp(min(event["created_at"] for event in truth) / 1000, UTC)
    reply = call("list_session_events", session=ann, until=f"{start:%Y-%m-%d %H:%M}:59")
    assert offsets(reply)
    assert f"{start:%Y-%m-%d}" in reply.text
    outside = call("list_session_events", session=ann, until="2026-11-01")
    assert outside.data["rows"] == []
    assert "Leave out since, until" in outside.text


@pytest.mark.parametrize(
    "part",
    [
        {"from_offset": "0:20", "to_offset": "0:10"},
        {"since": "2027-01-01"},
        {"from_offset": "99:00:00", "until": "2026-11-01"},
    ],
)
def test_a_part_that_cannot_be_is_refused(refuse, ann, part):
    assert refuse("list_session_events", session=ann, **part)


@pytest.mark.parametrize("offset", ["soon", "-5", "1:99:00:00", "4:1x"])
def test_an_unclear_offset_is_refused(refuse, ann, offset):
    assert "from_offset" in refuse("list_session_events", session=ann, from_offset=offset)


# --- nothing, and something strange -----------------------------------------------------------------------------------


def test_a_session_of_another_project_or_none_says_so(call):
    for session in (ID, "4113715799632532495"):
        reply = call("list_session_events", session=session)
        assert reply.data["rows"] == []
        assert reply.text.startswith(f"0 events in session {session} · Acme Shop")
        assert ("another project" in reply.text) is (session != ID)
        assert ("This may be the wrong project: Acme Recorded has " in reply.text) is (session == ID)


@pytest.mark.parametrize(
    "session", ["../../projects", "a/b", "?x=1#y", "🚀", "1" * 300, "-1", "0", "1e3", "0x1F", " ", "9" * 20]
)
def test_a_hostile_session_never_reaches_the_server(refuse, asked, session):
    assert refuse("list_session_events", session=session)
    assert not asked()


def test_leading_zeros_are_one_session(call):
    assert call("list_session_events", session=f"0{ID}", project="2").data["session_id"] == ID


def one_event(**columns):
    event = {"event_id": "1", "$event_name": "CLICK", "created_at": 1795196569000, **columns}
    return Scripted({f"POST {PREFIX}": {"data": {"total": 1, "events": [event]}}})


@pytest.mark.parametrize(
    "url", ["http://[", "http://[::1", "//[x]/", "http://ex\u2100mple/", "javascript:x", "\x00", "x" * 9000]
)
@pytest.mark.parametrize("kind", ["LOCATION", "REQUEST", "CLICK", "ISSUE", "own"])
def test_no_recorded_address_breaks_an_answer(url, kind):
    server = one_event(**{"$event_name": kind, "$current_url": url, "$properties": {"url": url, "context_string": url}})
    assert not server.call("list_session_events", session=ID).is_error


DEEP = "[" * 5000


@pytest.mark.parametrize(
    "columns",
    [
        {"$event_name": "REQUEST", "$properties": {"status": 500, "response_body": DEEP}},
        {"$event_name": "ERROR", "$properties": {"payload": DEEP}},
        {"$event_name": "ISSUE", "$properties": {"payload": DEEP}, "issue_type": "click_rage"},
    ],
    ids=["response", "stack", "payload"],
)
def test_no_recorded_payload_breaks_an_answer(columns):
    assert not one_event(**columns).call("list_session_events", session=ID).is_error


@pytest.mark.parametrize(
    "columns",
    [
        {"$properties": {"label": ["x"], "selector": {"a": 1}}},
        {"$event_name": "INPUT", "$properties": {"label": {"a": 1}}},
        {"$event_name": "ERROR", "$properties": {"name": ["x"], "message": {"a": 1}}},
    ],
    ids=["click", "input", "error"],
)
def test_no_type_of_a_recorded_value_breaks_an_answer(columns):
    assert not one_event(**columns).call("list_session_events", session=ID).is_error


@pytest.mark.parametrize("status", ["500", 500.0])
def test_a_status_as_text_is_a_status(status):
    reply = one_event(**{"$event_name": "REQUEST", "$properties": {"status": status, "method": "GET"}}).call(
        "list_session_events", session=ID
    )
    assert "→ 500" in reply.text
    assert "no answer" not in reply.text
    assert "failed request" in reply.text


def test_no_depth_of_a_payload_hides_a_session():
    body = (
        '{"data":{"total":1,"events":[{"event_id":"1","$event_name":"x","created_at":1795196569000,'
        f'"properties":{{"a":{"[" * 250}{"]" * 250}}}}}]}}}}'
    )
    headers = {"Content-Type": "application/json"}
    server = Scripted({f"POST {PREFIX}": httpx.Response(200, content=body, headers=headers)})
    assert not server.call("list_session_events", session=ID).is_error


def test_strings_are_unescaped_once():
    server = one_event(
        **{"$properties": {"label": "Tom &amp;amp; Co &lt;b&gt; &#39;x&#39; &#34;y&#34;", "&lt;k&gt;": "v"}}
    )
    (row,) = server.call("list_session_events", session=ID).data["rows"]
    assert row["captured"] == {"label": "Tom &amp; Co <b> 'x' \"y\"", "<k>": "v"}


# --- other doors ------------------------------------------------------------------------------------------------------

RAGE = "4113712958998205443"
BOB = "4113712955676316674"
KEY_ALONE, LOGIN_ALONE = {"email": "", "password": ""}, {"api_key": ""}
V2 = "POST /v2/api/public/LbifiKjlu7VmVoyauxnK/sessions/{}/events"
ROWS = "POST /v2/api/1/events"
BESIDE = "GET /v2/api/1/sessions/{}/events"
V1 = "GET /api/v1/LbifiKjlu7VmVoyauxnK/sessions/{}/events"
NO_V2 = {rf"GET {PREFIX}projects\Z": httpx.Response(404, text="404 page not found\n")}
NO_LOGIN = {r"GET /api/projects\Z": httpx.Response(404, json={"detail": "Not Found"})}
DOWN = httpx.Response(500, json={"error": "failed: Code: 241. DB::Exception: secret detail"})


def read(server, session, **credentials):
    with client_over(server, **credentials) as client:
        return client.run(list_session_events, session=session, project="2")


def old_items(session):
    """Return what API v1 told of a recorded session; its times have no zone (recorded: v1-events)."""
    told = recorded(session)["app_events"]["events"]
    return [{**one, "createdAt": one["createdAt"].rstrip("Z"), "host": "127.0.0.1"} for one in told]


def test_a_key_alone_asks_what_it_always_asked():
    server = far_side(BOB, settings=KEY_ALONE)
    server.client.run(list_session_events, session=BOB)
    assert lines(server) == [V2.format(BOB)]


def test_a_key_and_a_login_ask_once_more():
    server = far_side(BOB)
    server.client.run(list_session_events, session=BOB)
    assert lines(server) == [V2.format(BOB), BESIDE.format(BOB)]


def test_a_login_alone_searches_all_events_for_the_session():
    server = far_side(BOB, settings=LOGIN_ALONE)
    page = server.client.run(list_session_events, session=BOB, kinds=["CLICK", "REQUEST"])
    assert lines(server) == [ROWS, BESIDE.format(BOB)]
    (body,) = server.bodies("/v2/api/1/events")
    assert body["filters"] == [
        {"name": "session_id", "operator": "is", "value": [BOB]},
        {"name": "$event_name", "operator": "is", "value": ["CLICK", "REQUEST"]},
    ]
    assert (body["sortBy"], body["sortOrder"], body["limit"]) == ("event_id", "asc", 200)
    assert page.counts == {"CLICK": 5, "REQUEST": 2}


@pytest.mark.parametrize("kinds", [["REQUEST"], ["graphql", "PERFORMANCE"]])
def test_what_the_dashboard_never_tells_beside_the_replay_is_not_asked_there(kinds):
    server = far_side(BOB)
    server.client.run(list_session_events, session=BOB, kinds=kinds)
    assert BESIDE.format(BOB) not in lines(server)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (REFUSED, "replay_forbidden"),
        (DOWN, "replay_failed"),
        (httpx.Response(200, text="<html>"), "replay_failed"),
        ({"data": []}, "replay_failed"),
    ],
)
@pytest.mark.parametrize("settings", [{}, LOGIN_ALONE])
def test_without_the_dashboards_part_the_rest_stands(reply, why, settings):
    server = far_side(BOB, beside=reply, settings=settings)
    answer = server.call("list_session_events", session=BOB)
    assert answer.data["total"] == 15
    assert answer.data["missing"] == why
    assert "Missing: what the dashboard adds beside the replay, such as incidents" in answer.text
    reason = {"replay_forbidden": "lacks the permission SESSION_REPLAY", "replay_failed": "failed to tell it"}[why]
    assert f"{reason})." in answer.text
    assert "secret detail" not in answer.text


def test_narrowing_holds_for_every_source():
    """An event that only the dashboard has stays out when it lies outside, and comes when it lies inside."""
    whole = recorded(RAGE)["app_events"]
    more = [
        {"type": "CLICK", "label": f"late {second}", "timestamp": 1795196400000 + second * 1000, "createdAt": ""}
        for second in range(10)
    ]
    for settings in ({}, LOGIN_ALONE):
        server = far_side(RAGE, beside={"data": {**whole, "events": [*whole["events"], *more]}}, settings=settings)
        page = server.client.run(list_session_events, session=RAGE, from_offset="0:03", to_offset="0:05")
        labels = [event.recorded("label") for event in page.rows if event.kind == "CLICK"]
        assert [label for label in labels if label.startswith("late")] == ["late 2", "late 3", "late 4", "late 5"]
        page = server.client.run(list_session_events, session=RAGE, kinds=["LOCATION"])
        assert page.counts == {"LOCATION": 3}
        page = server.client.run(list_session_events, session=RAGE, until="2026-11-20 17:40:03")
        assert not any("late 3" in str(event.recorded("label")) for event in page.rows)


def test_kinds_that_no_source_has_are_told_with_those_it_has():
    for settings in ({}, LOGIN_ALONE):
        page = far_side(RAGE, settings=settings).client.run(list_session_events, session=RAGE, kinds=["TAP"])
        assert page.kinds_present == {"CLICK": 6, "LOCATION": 3, "ISSUE": 3, "INPUT": 1, "PERFORMANCE": 1}
    lost = {**recorded(RAGE)["app_events"], "errors": [{"message": "boom", "timestamp": 1795196402000}]}
    page = far_side(RAGE, beside={"data": lost}).client.run(list_session_events, session=RAGE, kinds=["TAP"])
    assert page.kinds_present["ERROR"] == 1
    for settings in ({}, LOGIN_ALONE):
        client = far_side(RAGE, beside={"data": lost}, settings=settings).client
        page = client.run(list_session_events, session=RAGE, kinds=["TAP"], to_offset="0:00")
        assert page.kinds_present == {"LOCATION": 1, "CLICK": 1}, "of the part that was asked for"


def test_a_login_that_may_not_see_all_events_sees_the_replays():
    server = far_side(BOB, rows=REFUSED, settings=LOGIN_ALONE)
    answer = server.call("list_session_events", session=BOB)
    assert answer.data["counts"] == {"CLICK": 5, "LOCATION": 3, "checkout_failed": 2, "INPUT": 1, "ERROR": 1}
    assert (
        "Missing: requests, performance samples, who the visitor was (the login's role lacks the permission "
        "DATA_MANAGEMENT)." in answer.text
    )
    assert "visitor not told" in answer.text
    assert "anonymous" not in answer.text


def test_a_key_without_permission_is_a_refusal():
    server = far_side(BOB, v2=REFUSED)
    with pytest.raises(PermissionDeniedError):
        server.client.run(list_session_events, session=BOB)


def test_a_role_of_the_sandbox_that_sees_replays_only():
    """What the login's role may do is known after signing in: no request is wasted, and the answer says what lacks."""
    with Sandbox(pulse=unhurried()) as server:
        login = {"email": server.member_email, "password": server.password}
        key = read(server, BOB)
        tools = toolkit_over(server, api_key="", **login)
        tools.client.run(list_session_events, session=BOB, project="2")
        server.requests.clear()
        answer = tools.call("openreplay_list_session_events", {"session": BOB, "project": "2"})
        asked = [request.path for request in server.requests if "event" in request.path]
        assert asked == [f"/v2/api/2/sessions/{BOB}/events"]
        assert "Not told here: requests, performance samples, who the visitor was." in answer.text
        told = {kind: n for kind, n in key.counts.items() if kind not in {"REQUEST", "PERFORMANCE"}}
        assert answer.data["counts"] == told
        refused = tools.call("openreplay_list_session_events", {"session": BOB, "project": "2", "kinds": ["REQUEST"]})
        assert refused.is_error
        assert "DATA_MANAGEMENT" in refused.text
        tools.close()
        assert read(server, BOB, **login).counts == key.counts


def test_a_role_without_replays_leaves_the_key_its_answer():
    told = {"permissions": ["DATA_MANAGEMENT"], "edition": "ee"}
    server = far_side(BOB, routes={r"GET /api/account\Z": {"data": told}, r"POST /api/login\Z": signed_in(told)})
    server.client.run(list_session_events, session=BOB)
    server.requests.clear()
    page = server.client.run(list_session_events, session=BOB)
    assert page.total == 15
    assert lines(server) == [V2.format(BOB)]
    assert page.missing == "replay_forbidden"


def signed_in(told):
    return {"jwt": "t", "data": {"user": {"permissions": told["permissions"]}, "edition": told["edition"]}}


@pytest.mark.parametrize("session", [BOB, RAGE])
def test_the_sandbox_tells_the_same_at_every_door(sandbox, session):
    login = {"email": sandbox.email, "password": sandbox.password}
    key = read(sandbox, session)
    for page in (read(sandbox, session, **login), read(sandbox, session, api_key="", **login)):
        assert [event.event_id for event in page.rows] == [event.event_id for event in key.rows]
        assert (page.counts, page.twins, page.user_id) == (key.counts, key.twins, key.user_id)


def test_walking_works_at_every_door():
    for settings in ({}, LOGIN_ALONE):
        client = far_side(BOB, settings=settings).client
        assert (
            list(client.iterate(list_session_events, session=BOB)) == client.run(list_session_events, session=BOB).rows
        )


# --- API v1 -----------------------------------------------------------------------------------------------------------


def old_server(session=BOB, items=None, **given):
    told = old_items(session) if items is None else items
    return far_side(session, v1=given.get("v1", {"data": told}), routes=NO_V2, settings=KEY_ALONE)


def test_api_v1_tells_pages_clicks_and_inputs():
    server = old_server()
    answer = server.call("list_session_events", session=BOB)
    assert lines(server)[-1] == V1.format(BOB)
    assert answer.data["counts"] == {"CLICK": 5, "LOCATION": 3, "INPUT": 1}
    assert answer.data["user_id"] is None
    assert "Not told here: errors, requests, issues, own events, who the visitor was." in answer.text
    assert "page   /checkout" in answer.text
    key = far_side(BOB, settings=KEY_ALONE).client.run(list_session_events, session=BOB, kinds=["CLICK"])
    clicks = [row for row in answer.data["rows"] if row["kind"] == "CLICK"]
    assert [row["offset_ms"] for row in clicks] == [event.offset_ms for event in key.rows]
    assert [row["link"] for row in clicks] == [event.link for event in key.rows]


def test_api_v1_narrows_and_pages():
    client = old_server().client
    assert client.run(list_session_events, session=BOB, kinds=["clicks", "ERROR"]).counts == {"CLICK": 5}
    page = client.run(list_session_events, session=BOB, from_offset="0:02", to_offset="0:04")
    assert all(1_000 < event.offset_ms <= 4_999 for event in page.rows)
    assert 0 < page.total < 9
    assert len(client.run(list_session_events, session=BOB, page=2, limit=4).rows) == 4
    page = client.run(list_session_events, session=BOB, kinds=["TAP"])
    assert (page.total, page.kinds_present) == (0, {"CLICK": 5, "LOCATION": 3, "INPUT": 1})
    assert client.run(list_session_events, session=BOB).total == len(
        list(client.iterate(list_session_events, session=BOB))
    )


@pytest.mark.parametrize("kinds", [["ERROR"], ["requests", "issues"], ["purchase"]])
def test_what_api_v1_never_tells_is_no_silent_nothing(kinds):
    server = old_server()
    answer = server.call("list_session_events", session=BOB, kinds=kinds)
    assert answer.is_error
    assert "API v1 tells pages, clicks, taps and inputs" in answer.text
    assert "OPENREPLAY_EMAIL" in answer.text
    assert V1.format(BOB) not in lines(server)
    with pytest.raises(UnavailableError):
        server.client.run(list_session_events, session=BOB, kinds=kinds)


def test_rows_of_servers_up_to_1_22():
    """Stored rows: exact times, addresses perhaps in parts, and what was typed, which is left out (contract §3.5)."""
    items = [
        {"sessionId": BOB, "messageId": 1, "type": "LOCATION", "timestamp": 1795196399431, "host": "shop.example.test",
         "path": "/cart", "query": "a=1", "baseReferrer": "x"},
        {"sessionId": BOB, "messageId": 2, "type": "LOCATION", "timestamp": 1795196400900, "path": "/checkout"},
        {"sessionId": BOB, "messageId": 3, "type": "input", "timestamp": 1795196401234, "label": "Card",
         "value": "4111111111111111", "duration": 1900},
    ]  # fmt: skip
    answer = old_server(items=items).call("list_session_events", session=BOB)
    rows = [(row["kind"], row["url"], row["offset_ms"], row["duration_s"]) for row in answer.data["rows"]]
    assert rows == [
        ("LOCATION", "//shop.example.test/cart?a=1", 0, 0),
        ("LOCATION", "/checkout", 1469, 0),
        ("INPUT", "", 1803, 2),
    ]
    assert "4111" not in json.dumps(answer.data)


def test_api_v1_that_always_fails_is_explained():
    server = old_server(v1=httpx.Response(500, json={"errors": ["Internal server error."]}))
    with pytest.raises(ServerError, match=r"API v1 failed on this session's events \(500\), as it always does on"):
        server.client.run(list_session_events, session=BOB)


def test_an_unknown_session_of_api_v1():
    answer = old_server(items=[]).call("list_session_events", session=BOB)
    assert answer.text.startswith(f"0 events in session {BOB}")
    assert "another project" in answer.text


def test_a_login_goes_before_api_v1():
    server = far_side(BOB, routes=NO_V2)
    assert server.client.run(list_session_events, session=BOB).total == 15
    assert lines(server) == [ROWS, BESIDE.format(BOB)]
    server = far_side(BOB, routes={**NO_V2, **NO_LOGIN}, v1={"data": old_items(BOB)})
    assert server.client.run(list_session_events, session=BOB).total == 9
    assert lines(server)[-1] == V1.format(BOB)


def test_an_older_server_of_the_sandbox():
    with Sandbox(version="1.26", pulse=unhurried()) as server:
        whole = read(server, BOB, api_key="", email=server.email, password=server.password)
        old = read(server, BOB)
        told = {kind: whole.counts[kind] for kind in ("CLICK", "LOCATION", "INPUT")}
        assert old.counts == told
        assert whole.counts["ERROR"] == 1
