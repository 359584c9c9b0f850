"""One session's events: complete, in order, narrowed as said, linked to their moment."""

import json
from collections import Counter
from datetime import UTC, datetime

import httpx
import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.openreplay.events import MOST_EVENTS, list_session_events
from tests.openreplay.starts import STARTS
from tests.servers import PREFIX, Scripted, known

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
    assert "This session has none of these kinds. It has: " in reply.text
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
    assert "leave out since, until" in outside.text


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
        assert "another project" in reply.text


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
