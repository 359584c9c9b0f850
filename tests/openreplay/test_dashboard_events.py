"""The dashboard's events in the shape of API v2, and both tellings made one: proven on all recorded sessions."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from openreplay_tools.openreplay.dashboard_events import SessionEvents, as_event, events_of, merged
from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.timeline import Event, payload
from tests.openreplay.side_by_side import REFUSED, SESSIONS, far_side, lines, recorded, rows_of

RAGE = "4113712958998205443"
START = 1795196402000
AT = datetime(2026, 11, 20, 17, 40, 2, tzinfo=UTC)


def told(**lists):
    return events_of(SessionEvents.model_validate(lists))


def item(**content):
    return {"timestamp": START, "createdAt": "2026-11-20T17:40:02Z", **content}


def row(kind, number=1, at=AT, **more):
    return Event.model_validate({"event_id": f"{number:08}", "kind": kind, "at": at, **more})


@pytest.mark.parametrize("session", sorted(SESSIONS))
def test_both_tellings_of_a_recorded_session_are_one(session):
    """The dashboard told nothing that API v2 did not, so the merge has the rows of API v2 and no others."""
    key = far_side(session, settings={"email": "", "password": ""}).client.run(list_session_events, session=session)
    both = far_side(session).client.run(list_session_events, session=session)
    assert [event.event_id for event in both.rows] == [event.event_id for event in key.rows]
    assert [event.offset_ms for event in both.rows] == [event.offset_ms for event in key.rows]
    assert (both.total, both.counts, both.twins, both.unread) == (key.total, key.counts, key.twins, key.unread)
    assert both.missing == key.missing == ""
    for mine, theirs in zip(both.rows, key.rows, strict=True):
        assert {**(mine.captured or {}), **(theirs.captured or {})} == (mine.captured or {}), "nothing is lost"


@pytest.mark.parametrize("session", sorted(SESSIONS))
def test_a_login_alone_tells_a_recorded_session_as_a_key_does(session):
    key = far_side(session, settings={"email": "", "password": ""}).client.run(list_session_events, session=session)
    login = far_side(session, settings={"api_key": ""}).client.run(list_session_events, session=session)
    assert [event.event_id for event in login.rows] == [event.event_id for event in key.rows]
    assert (login.user_id, login.browser, login.city) == (key.user_id, key.browser, key.city)


@pytest.mark.parametrize("session", sorted(SESSIONS))
def test_the_replays_list_alone_is_told_once(session):
    """Every kind is told as often as the dashboard told it; an own event takes its issue with it."""
    whole = recorded(session)["app_events"]
    server = far_side(session, rows=REFUSED, settings={"api_key": ""})
    page = server.client.run(list_session_events, session=session)
    expected = Counter(one["type"].replace("CLICKRAGE", "CLICK") for one in whole["events"])
    expected.update(one["name"] for one in whole["userEvents"])
    expected.update({"ERROR": len(whole["errors"]), "ISSUE": len(whole["issues"])})
    own = Counter((one["name"], one["timestamp"]) for one in whole["userEvents"])
    twins = [one for one in whole["issues"] if own[one["contextString"], one["timestamp"]]]
    expected["ISSUE"] -= len(twins)
    assert page.counts == dict(+expected)
    assert page.twins == len(twins)
    assert page.user_id is None
    assert [event.at for event in page.rows] == sorted(event.at for event in page.rows)


# --- what each item becomes -------------------------------------------------------------------------------------------


def test_a_page_keeps_its_timings():
    (page,) = told(
        events=[
            item(
                type="LOCATION",
                url="https://shop.example/cart",
                referrer="https://shop.example/",
                host="shop.example",
                fcpTime=364,
                firstContentfulPaintTime=364,
                firstPaintTime=300,
                loadTime=0,
                domBuildingTime=457,
                speedIndex=None,
            )
        ]
    )
    assert (page.kind, page.url, page.referrer, page.at) == (
        "LOCATION",
        "https://shop.example/cart",
        "https://shop.example/",
        AT,
    )
    assert page.captured == {
        "url": "https://shop.example/cart",
        "url_host": "shop.example",
        "first_contentful_paint_time": 364,
        "first_paint": 300,
        "load_event_time": 0,
        "dom_building_time": 457,
    }


def test_an_input_tells_how_long_but_never_what_was_typed():
    event = as_event(item(type="INPUT", label="Card", duration=8700, hesitation=15, value="4111 1111"))
    assert (event.kind, event.duration_s) == ("INPUT", 9)
    assert event.captured == {"label": "Card", "hesitation_time": 15}
    assert "4111" not in event.model_dump_json()


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ({"timestamp": START}, AT),
        ({"timestamp": "1795196402000"}, AT),
        ({"createdAt": "2026-11-20T17:40:02"}, AT),
        ({"createdAt": "2026-11-20T18:40:02+01:00"}, AT),
        ({"createdAt": "yesterday"}, None),
        ({"timestamp": 10**30}, None),
        ({}, None),
    ],
)
def test_times_are_read_in_every_form(stamp, at):
    assert as_event({"type": "click", **stamp}).at == at
    assert as_event({"type": "click", **stamp}).kind == "CLICK"


def test_own_events_errors_and_incidents():
    own, error, issue, incident = told(
        userEvents=[item(type="CUSTOM", name="purchase", properties={"total": 5}, userDeviceType="desktop")],
        errors=[item(errorId="1e7d", source="js_exception", name="ERROR", message="boom")],
        issues=[item(issueId="14", issueType="dead_click", contextString="Pay")],
        incidents=[item(type="", label="Slow", startTime=START, endTime=START + 9000)],
    )
    assert (own.kind, own.properties, own.auto_captured) == ("purchase", {"total": 5}, False)
    assert (error.kind, error.error_id, error.captured) == (
        "ERROR",
        "1e7d",
        {"source": "js_exception", "message": "boom"},
    )
    assert (issue.kind, issue.issue_type, issue.issue_id, issue.recorded("context_string")) == (
        "ISSUE",
        "dead_click",
        "14",
        "Pay",
    )
    assert (incident.kind, incident.issue_type) == ("ISSUE", "incident")
    assert (incident.recorded("label"), incident.recorded("start_time")) == ("Slow", START)


def test_what_phones_tell():
    own, crash, bare = told(
        userEvents=[item(type="CUSTOM", name="paid", autoCaptures={"name": "paid", "payload": "{}"}, properties=None)],
        crashes=[
            item(type="CRASH", name="NSException", autoCaptures={"reason": "index 3 beyond bounds"}, properties={}),
            item(type="CRASH", name="SIGSEGV", autoCaptures=None),
        ],
    )
    assert (own.kind, own.recorded("name"), own.recorded("payload"), own.properties) == ("CUSTOM", "paid", "{}", None)
    assert (crash.kind, crash.recorded("reason"), crash.recorded("name")) == (
        "CRASH",
        "index 3 beyond bounds",
        "NSException",
    )
    assert bare.captured == {"name": "SIGSEGV"}


def test_lists_may_be_null():
    assert told(events=None, userEvents=None, issues=None, incidents=None, errors=None, crashes=None) == []
    assert SessionEvents().counts() == {}


def test_counts_name_what_there_is():
    rage = SessionEvents.model_validate(recorded(RAGE)["app_events"])
    assert rage.counts() == {"click_rage": 2, "dead_click": 1}
    bob = SessionEvents.model_validate(recorded("4113712955676316674")["app_events"])
    assert bob.counts() == {"error": 1, "custom": 2}
    phone = SessionEvents.model_validate({"crashes": [item()], "incidents": [item(), item()]})
    assert phone.counts() == {"crash": 1, "incident": 2}


# --- clicks in a rage -------------------------------------------------------------------------------------------------


def rages(events):
    return [(payload(event).get("Count"), event.recorded("context_string")) for event in events if event.issue_type]


def test_a_rage_is_a_click_and_an_issue_with_a_count():
    rage = item(type="CLICKRAGE", label="Apply", selector="#apply", count=7)
    events = told(events=[rage], issues=[item(issueId="1", issueType="click_rage", contextString="Apply")])
    assert [event.kind for event in events] == ["CLICK", "ISSUE"]
    assert rages(events) == [(7, "Apply")]


@pytest.mark.parametrize("label", ["Apply", None])
def test_a_rage_whose_issue_is_gone_makes_its_own(label):
    """Issues of one second replace each other, and those within two are collapsed (observed §A3, contract §4.5)."""
    rage = item(type="CLICKRAGE", label=label, selector="#apply", count=5)
    events = told(events=[rage], issues=[item(issueType="click_rage", contextString="Apply", timestamp=START - 1000)])
    assert rages(events) == [(None, "Apply"), (5, label or "#apply")]


def test_a_lost_count_is_brought_back():
    """API v2 lost the issue of the rage; the dashboard still has the count."""
    lost = [event for event in recorded(RAGE)["v2_events"] if event["issue_type"] != "click_rage"]
    whole = recorded(RAGE)["app_events"]
    gone = {**whole, "issues": [one for one in whole["issues"] if one["issueType"] != "click_rage"]}
    server = far_side(RAGE, v2=rows_of(lost), beside={"data": gone})
    text = server.call("list_session_events", session=RAGE).text
    assert text.count("rage click at") == 2
    assert "(7 clicks)" in text
    assert "(5 clicks)" in text


def test_a_count_that_only_the_dashboard_has_outlives_its_neighbour():
    """API v2 tells one rage; two seconds later the dashboard counted another at the same place."""
    known = row("ISSUE", issue_type="click_rage", captured={"context_string": "Apply", "payload": '{"Count": 7}'})
    rage = item(type="CLICKRAGE", label="Apply", selector="#apply", count=5, timestamp=START + 2000)
    assert rages(merged([known], told(events=[rage]))) == [(7, "Apply"), (5, "Apply")]


def test_counts_are_told_once():
    text = far_side(RAGE).call("list_session_events", session=RAGE).text
    assert text.count("(7 clicks)") == text.count("(5 clicks)") == 1
    assert text.count("click        Home") == 1, "the dashboard swallows it, API v2 tells it"


# --- one timeline -----------------------------------------------------------------------------------------------------


def test_what_only_one_source_has_is_kept():
    rows = [row("CLICK", 1, captured={"label": "A"}), row("REQUEST", 2, captured={"status": 200})]
    others = told(
        events=[item(type="CLICK", label="A"), item(type="CLICK", label="B"), item(type="CLICK", label="A")],
        errors=[item(message="boom")],
        userEvents=[item(name="purchase")],
    )
    events = merged(rows, others)
    assert [(event.kind, event.recorded("label")) for event in events] == [
        ("CLICK", "A"),
        ("REQUEST", None),
        ("CLICK", "B"),
        ("CLICK", "A"),
        ("purchase", None),
        ("ERROR", None),
    ]


def test_a_match_is_completed_and_never_overwritten():
    known = row("ERROR", captured={"message": "boom", "name": "TypeError", "source": "theirs"})
    (event,) = merged([known], told(errors=[item(message="boom", source="js_exception", errorId="1e7d")]))
    assert event.error_id == "1e7d"
    assert event.captured == {"message": "boom", "name": "TypeError", "source": "theirs"}
    own = row("purchase", properties={})
    (event,) = merged([own], told(userEvents=[item(name="purchase", properties={"total": 5})]))
    assert event.properties == {"total": 5}


def test_events_of_other_seconds_are_others():
    rows = [row("CLICK", at=datetime(2026, 11, 20, 17, 40, 3, tzinfo=UTC), captured={"label": "A"})]
    assert len(merged(rows, told(events=[item(type="CLICK", label="A")]))) == 2


FAILED = {"status": 500, "success": False}
URL = "https://shop.example/api/pay"


@pytest.mark.parametrize(
    ("rows", "issue", "kept"),
    [
        ([row("ERROR", captured={"message": "boom"})], {"issueType": "js_exception", "contextString": "boom"}, False),
        ([row("CRASH", captured={"reason": "boom"})], {"issueType": "js_exception"}, False),
        ([row("CLICK")], {"issueType": "js_exception", "contextString": "boom"}, True),
        ([row("REQUEST", url=URL, captured=FAILED)], {"issueType": "bad_request", "contextString": URL}, False),
        ([row("REQUEST", url=URL, captured=FAILED)], {"issueType": "bad_request"}, False),
        ([row("REQUEST", url=f"{URL}/2", captured=FAILED)], {"issueType": "bad_request", "contextString": URL}, True),
        (
            [row("REQUEST", url=URL, captured={"status": 200})],
            {"issueType": "bad_request", "contextString": URL},
            True,
        ),
        (
            [row("REQUEST", url=URL, captured=FAILED)],
            {"issueType": "bad_request", "contextString": URL, "timestamp": START + 1000},
            True,
        ),
        (
            [row("ISSUE", issue_type="dead_click", captured={"context_string": "Pay"})],
            {"issueType": "dead_click", "contextString": "Pay", "timestamp": START + 2000},
            False,
        ),
        (
            [row("ISSUE", issue_type="dead_click", captured={"context_string": "Pay"})],
            {"issueType": "dead_click", "contextString": "Pay", "timestamp": START + 3000},
            True,
        ),
        (
            [row("ISSUE", issue_type="dead_click", captured={"context_string": "Pay"})],
            {"issueType": "dead_click", "contextString": "Other", "timestamp": START},
            True,
        ),
        ([row("CLICK", captured={"label": "Pay"})], {"issueType": "dead_click", "contextString": "Pay"}, True),
        ([row("ERROR", at=None)], {"issueType": "js_exception", "timestamp": None, "createdAt": ""}, True),
    ],
)
def test_an_issue_that_repeats_an_event_is_not_told_twice(rows, issue, kept):
    assert len(merged(rows, told(issues=[item(**issue)]))) == len(rows) + kept


def test_incidents_become_rows():
    whole = recorded(RAGE)["app_events"]
    incident = {**item(type="", label="Promo outage", startTime=START, endTime=START + 5000)}
    server = far_side(RAGE, beside={"data": {**whole, "incidents": [incident]}})
    reply = server.call("list_session_events", session=RAGE)
    assert reply.data["incidents"] == 1
    assert "incident ⟦5602 Promo outage 5602⟧ (lasted 0:05)" in reply.text
    assert f"GET /v2/api/1/sessions/{RAGE}/events" in lines(server)
