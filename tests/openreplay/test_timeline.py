"""The order in which things happened, restored within a second; twins made one."""

import json
import random
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from openreplay_tools.openreplay.timeline import Event, arranged, payload, without_twins
from tests.openreplay.starts import STARTS
from tests.servers import Scripted, toolkit_over

START = 1795196568
TWO_TABS = "4113713906206266380"  # two pages are open at once in it
KINDS = [
    "CLICK",
    "TAP",
    "SWIPE",
    "INPUT",
    "LOCATION",
    "REQUEST",
    "GRAPHQL",
    "ERROR",
    "CRASH",
    "ISSUE",
    "PERFORMANCE",
    "purchase",
    "CUSTOM",
]


def event(number, kind, second, url="", **captured):
    issue = captured.pop("issue_type", "")
    return Event.model_validate(
        {
            "event_id": f"{number:08}",
            "$event_name": kind,
            "created_at": (START + second) * 1000,
            "$current_url": url,
            "$properties": captured,
            "issue_type": issue,
            "issue_id": f"issue-{number}" if issue else "",
        }
    )


def ids(events):
    return [one.event_id for one in events]


# --- whatever comes ---------------------------------------------------------------------------------------------------

anything = st.lists(
    st.builds(
        lambda kind, second, url, label: (kind, second, url, label),
        st.sampled_from(KINDS),
        st.integers(0, 4),
        st.sampled_from(["", "/a", "/b", "/c"]),
        st.sampled_from(["x", "y", None]),
    ),
    max_size=30,
)


@given(anything, st.randoms())
@settings(max_examples=150, deadline=None)
def test_nothing_is_lost_and_time_never_runs_back(rows, rng):
    events = [event(n, kind, second, url, label=label) for n, (kind, second, url, label) in enumerate(rows)]
    rng.shuffle(events)
    ordered = arranged(events)
    assert sorted(ids(ordered)) == sorted(ids(events))
    times = [one.at for one in ordered]
    assert times == sorted(times)
    rng.shuffle(events)
    assert ids(arranged(events)) == ids(ordered), "however the server gave them"


def test_an_event_without_a_time_is_kept():
    bare = Event.model_validate({"event_id": "x", "$event_name": "CLICK"})
    assert ids(arranged([event(1, "CLICK", 0), bare])) == ["x", "00000001"]


# --- without ids and pages (API v1, the dashboard beside the replay) --------------------------------------------------


def bare(kind, second, url="", **captured):
    return event(0, kind, second, url, **captured).model_copy(update={"event_id": ""})


def told(events):
    return [(one.kind, one.url or one.recorded("label")) for one in events]


@given(st.permutations(range(4)))
def test_nothing_is_clicked_before_the_first_page(order):
    rows = [bare("LOCATION", 0, "/a"), bare("CLICK", 0, label="to b"), bare("LOCATION", 1, "/b"), bare("CLICK", 2)]
    ordered = told(arranged([rows[number] for number in order]))
    assert ordered[2:] == [("LOCATION", "/b"), ("CLICK", None)]
    assert ordered[:2] == [("LOCATION", "/a"), ("CLICK", "to b")]


def test_a_click_without_a_page_comes_before_the_page_it_led_to():
    rows = [bare("LOCATION", 0, "/a"), bare("LOCATION", 1, "/b"), bare("CLICK", 1, label="to b")]
    assert told(arranged(rows)) == [("LOCATION", "/a"), ("CLICK", "to b"), ("LOCATION", "/b")]


def test_two_pages_of_one_second_without_ids_keep_their_order():
    rows = [bare("LOCATION", 0, "/a"), bare("LOCATION", 0, "/b"), bare("LOCATION", 0, "/c")]
    assert told(arranged(rows)) == [("LOCATION", "/a"), ("LOCATION", "/b"), ("LOCATION", "/c")]


# --- visits as they happen --------------------------------------------------------------------------------------------


@st.composite
def visits(draw):
    """A visit in its true order: pages, clicks on them, what a click leads to, what a request reports.

    Within a second at most two pages begin, none is seen twice, and nothing is clicked on the second: beyond that the
    order cannot be told.
    """
    number = iter(range(10_000))
    page, pages, history = "/p0", 1, []
    history.append((next(number), "LOCATION", 0, page))
    second, fresh = 1, 0
    for _ in range(draw(st.integers(1, 12))):
        if fresh == 2 or draw(st.booleans()):
            second, fresh = second + draw(st.integers(1, 3)), 0
        history.append((next(number), "CLICK", second, page))
        happened = draw(st.sampled_from(["nothing", "page", "request", "failure", "own"]))
        if happened == "page":
            page, pages, fresh = f"/p{pages}", pages + 1, fresh + 1
            history.append((next(number), "LOCATION", second, page))
        elif happened == "request":
            history.append((next(number), "REQUEST", second, "/api"))
        elif happened == "failure":
            history.append((next(number), "REQUEST", second, "/api"))
            history.append((next(number), draw(st.sampled_from(["ERROR", "failed", "ISSUE"])), second, page))
        elif happened == "own":
            history.append((next(number), "own", second, page))
        if draw(st.booleans()):
            second, fresh = second + 1, 0
    return history


def checked(ordered):
    """Walk the events as a browser would; return what cannot have been."""
    impossible, page, seen = [], None, []
    urls = {one.url for one in ordered if one.kind == "LOCATION"}
    for one in ordered:
        if one.kind == "LOCATION":
            page = one.url
        elif one.kind in {"CLICK", "TAP"} and one.url in urls and one.url != page and page is not None:
            impossible.append((one.event_id, one.url, page))
        seen.append(one)
    return impossible


@given(visits(), st.randoms())
@settings(max_examples=200, deadline=None)
def test_cause_comes_before_effect(history, rng):
    names = list(range(len(history)))
    rng.shuffle(names)
    events = [event(names[n], kind, second, url) for n, (_, kind, second, url) in enumerate(history)]
    order = {one.event_id: n for n, one in enumerate(events)}
    shuffled = events[:]
    rng.shuffle(shuffled)
    ordered = arranged(shuffled)
    assert checked(ordered) == [], [(one.kind, one.at.second, one.url) for one in ordered]
    places = {one.event_id: place for place, one in enumerate(ordered)}
    for before, after in pairwise(events):
        if (before.kind, after.kind) == ("CLICK", "LOCATION"):
            assert places[before.event_id] < places[after.event_id], "a click before the page it leads to"
        if before.kind == "LOCATION" and after.kind == "CLICK":
            assert places[before.event_id] < places[after.event_id], "a page before the click on it"
    for second in {one.at for one in events}:
        here = [one for one in ordered if one.at == second]
        if len({one.url for one in here if one.kind == "CLICK"}) > 1:
            continue  # see test_a_request_comes_before_its_error_also_when_a_page_follows
        requests = [n for n, one in enumerate(here) if one.kind == "REQUEST"]
        outcomes = [n for n, one in enumerate(here) if one.kind in {"ERROR", "failed", "ISSUE"}]
        assert not requests or not outcomes or min(requests) < max(outcomes)
    assert len(order) == len(ordered)


def test_a_request_comes_before_its_error_also_when_a_page_follows():
    before = event(9, "LOCATION", -5, "/cart")
    story = [
        event(4, "CLICK", 0, "/cart"),
        event(3, "REQUEST", 0, "/api"),
        event(2, "ERROR", 0, "/cart"),
        event(1, "LOCATION", 0, "/help"),
        event(0, "CLICK", 0, "/help"),
    ]
    ordered = ids(arranged([before, *story]))
    assert ordered.index("00000003") < ordered.index("00000002")


def test_within_a_second_the_story_is_told():
    """The server's order is arbitrary here: a click came before its page, an error before its click (observed §D)."""
    story = [
        event(90, "CLICK", 0, "/cart", label="Checkout"),
        event(80, "LOCATION", 0, "/checkout"),
        event(70, "CLICK", 0, "/checkout", label="Card"),
        event(60, "INPUT", 0, "/checkout", label="Card"),
        event(50, "CLICK", 0, "/checkout", label="Pay"),
        event(40, "REQUEST", 0, "/api/checkout", status=500),
        event(30, "checkout_failed", 0),
        event(20, "ERROR", 0),
        event(10, "ISSUE", 0, issue_type="bad_request"),
    ]
    before = event(99, "LOCATION", -5, "/cart")
    for seed in range(20):
        shuffled = [before, *story]
        random.Random(seed).shuffle(shuffled)
        assert ids(arranged(shuffled)) == ids([before, *story])


def test_the_open_page_is_remembered_across_seconds():
    events = [
        event(1, "LOCATION", 0, "/a"),
        event(3, "LOCATION", 9, "/b"),
        event(2, "CLICK", 9, "/a"),
        event(4, "CLICK", 9, "/b"),
    ]
    assert ids(arranged(events)) == ["00000001", "00000002", "00000003", "00000004"]


def test_recorded_visits_are_possible(sandbox):
    """In every session that the real tracker recorded each click is made on the page that is open."""
    with toolkit_over(sandbox) as toolkit:
        for session in set(STARTS) - {TWO_TABS}:
            rows = toolkit.call("openreplay_list_session_events", {"session": session, "project": "2"}).data["rows"]
            events = [Event.model_validate(row) for row in rows]
            assert checked(events) == [], session
            assert events[0].kind == "LOCATION"


def test_generated_visits_are_in_their_true_order(sandbox, world):
    """The sandbox's tape knows when things happened: what a second's order can tell must agree with it."""
    by_session = {}
    for row in world.events:
        by_session.setdefault(row["session_id"], []).append(row)
    sample = [by_session[session["sessionId"]] for session in world.sessions[::20] if session["platform"] == "web"]
    assert len(sample) > 50
    bad = [
        rows[0]["session_id"]
        for rows in sample
        if checked(arranged([Event.model_validate({**row, "$properties": row.get("$properties")}) for row in rows]))
    ]
    assert bad == []


# --- twins ------------------------------------------------------------------------------------------------------------


def test_the_issue_beside_an_own_event_is_one_with_it():
    own = event(1, "purchase", 5)
    twin = event(2, "ISSUE", 5, issue_type="custom", context_string="purchase")
    other = event(3, "ISSUE", 5, issue_type="custom", context_string="refund")
    late = event(4, "ISSUE", 6, issue_type="custom", context_string="purchase")
    real = event(5, "ISSUE", 5, issue_type="bad_request", context_string="purchase")
    kept = without_twins([own, twin, other, late, real])
    assert ids(kept) == ids([own, other, late, real])
    assert own.twin_issue_id == "issue-2"


def test_an_issue_alone_tells_its_payload():
    alone = event(1, "ISSUE", 0, issue_type="custom", context_string="x", payload='{"a":1}')
    assert payload(alone) == {"a": 1}
    assert payload(event(1, "ISSUE", 0, payload="no json")) == {"payload": "no json"}
    assert payload(event(1, "ISSUE", 0, payload="[1]")) == {"payload": [1]}
    assert payload(event(1, "ISSUE", 0, payload="")) == {}
    assert payload(event(1, "CLICK", 0, payload='{"a":1}')) == {}
    assert payload(Event.model_validate({"$event_name": "x", "properties": {"a": 2}})) == {"a": 2}


def test_failed_requests_are_those_refused():
    assert event(1, "REQUEST", 0, status=500).failed
    assert event(1, "REQUEST", 0, status=400).failed
    assert event(1, "REQUEST", 0, success=False).failed
    assert not event(1, "REQUEST", 0, status=399, success=True).failed
    assert not event(1, "REQUEST", 0).failed
    assert not event(1, "CLICK", 0, status=500).failed
    assert event(1, "CLICK", 0).at == datetime.fromtimestamp(START, UTC)


WIRE = {field.alias or name: field.default for name, field in Event.model_fields.items()}
OURS = {"offset_ms", "link", "twin_issue_id"}


@pytest.mark.parametrize("name", sorted(WIRE.keys() - OURS))
def test_null_says_nothing(name):
    """One null, wherever a server writes it, leaves the event readable; what is of a wrong kind does not."""
    event = Event.model_validate_json(json.dumps({"event_id": "7", name: None}))
    expected = Event.model_validate({"event_id": "7"} if name != "event_id" else {})
    assert event == expected
    assert json.loads(event.model_dump_json()) == json.loads(expected.model_dump_json())
    with pytest.raises(ValidationError) as caught:
        Event.model_validate_json(json.dumps({name: [7]}))
    assert [(problem["loc"], problem["msg"].startswith("Input should be a")) for problem in caught.value.errors()] == [
        ((name,), True)
    ]


def test_a_session_with_nulls_is_read():
    rows = [
        {"event_id": "1", "$event_name": "CLICK", "created_at": START * 1000, "$browser": None, "$user_id": None},
        {"event_id": "2", "$event_name": "ISSUE", "created_at": START * 1000, "issue_type": None, "$current_url": None,
         "$duration_s": None},
    ]  # fmt: skip
    server = Scripted({r"POST /v2/api/public/": {"data": {"total": 2, "events": rows}}})
    reply = server.call("list_session_events", session=TWO_TABS)
    assert not reply.is_error, reply.text
    assert len(reply.data["rows"]) == 2
