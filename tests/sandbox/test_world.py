"""The sandbox's data: the same every time, shaped as a server's, with incidents that can be found in the events."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from openreplay_tools.sandbox import recorded
from openreplay_tools.sandbox.times import start_of
from openreplay_tools.sandbox.world import build

END = 1_795_198_500_000  # 2026-11-20 18:15 UTC
DAY = 86_400_000
WEB_KINDS = {"CLICK", "INPUT", "LOCATION", "ERROR", "REQUEST", "GRAPHQL", "PERFORMANCE", "ISSUE"}
MOBILE_KINDS = {"TAP", "SWIPE", "INPUT", "REQUEST", "CRASH", "ISSUE", "CUSTOM"}
ISSUE_TYPES = {
    "app_crash",
    "bad_request",
    "click_rage",
    "cpu",
    "custom",
    "dead_click",
    "incident",
    "memory",
    "missing_resource",
    "mouse_thrashing",
    "slow_page_load",
}


@pytest.fixture(scope="module")
def world():
    return build(END)


@pytest.fixture(scope="module")
def events_of(world):
    grouped = defaultdict(list)
    for event in world.events:
        grouped[event["session_id"]].append(event)
    return grouped


@pytest.fixture(scope="module")
def incidents(world):
    return {incident.name: incident for incident in world.incidents}


def sessions_with(world, condition):
    return {event["session_id"] for event in world.events if condition(event)}


def identified(world, session_ids):
    return {event["$user_id"] for event in world.events if event["session_id"] in session_ids} - {""}


def highest_step(events):
    return max((event["properties"]["step"] for event in events if event["$event_name"] == "signup_step"), default=0)


# --- the whole --------------------------------------------------------------------------------------------------------


def test_the_same_second_gives_the_same_world(world):
    assert build(END + 999) == world


def test_another_end_moves_every_time_and_nothing_else(world):
    step = 7 * DAY + 5000
    later = build(END + step)
    assert [event["created_at"] - step for event in later.events] == [event["created_at"] for event in world.events]
    assert [session["startTs"] - step for session in later.sessions] == [s["startTs"] for s in world.sessions]
    assert [user["$last_seen"] - step for user in later.users] == [user["$last_seen"] for user in world.users]
    assert [live["timestamp"] - step for live in later.live] == [live["timestamp"] for live in world.live]
    assert all(start_of(session["sessionId"]) == session["startTs"] for session in later.sessions)
    assert [incident.numbers for incident in later.incidents] == [incident.numbers for incident in world.incidents]


def test_there_is_as_much_as_promised(world):
    assert len(world.users) == 300
    assert len(world.sessions) == len({session["sessionId"] for session in world.sessions}) == 2000
    assert len(world.events) == len({event["event_id"] for event in world.events}) == pytest.approx(60_000, rel=0.02)
    assert len(world.live) == 6
    assert {event["session_id"] for event in world.events} == {session["sessionId"] for session in world.sessions}


def test_the_thirty_days_end_just_before_the_end(world):
    assert END - 30 * DAY <= min(session["startTs"] for session in world.sessions) < END - 29 * DAY
    latest = max(event["created_at"] for event in world.events)
    assert END - 15 * 60_000 < latest < END
    assert max(session["startTs"] + session["duration"] for session in world.sessions) < END
    assert sum(session["startTs"] > END - DAY for session in world.sessions) >= 70


def test_weekends_are_quieter(world):
    days = Counter(datetime.fromtimestamp(session["startTs"] / 1000, UTC).weekday() for session in world.sessions)
    weeks = Counter((datetime(2026, 11, 20, tzinfo=UTC) - timedelta(days=day)).weekday() for day in range(30))
    assert days[5] / weeks[5] < 0.85 * sum(days[day] for day in range(5)) / sum(weeks[day] for day in range(5))


def test_every_kind_of_event_and_issue_occurs(world):
    web = {event["$event_name"] for event in world.events if event["$device"] == "web" and event["$auto_captured"]}
    mobile = {event["$event_name"] for event in world.events if event["$device"] == "ios"}
    assert web == WEB_KINDS
    assert mobile == MOBILE_KINDS
    assert {event["issue_type"] for event in world.events} - {""} == ISSUE_TYPES


def test_people_and_hosts_are_made_up(world):
    text = json.dumps([world.users, world.events, world.sessions, world.live])
    hosts = {part.split("/")[0].split('"')[0].split("\\")[0] for part in text.split("://")[1:]}
    assert all(host.endswith((".test", ".example", "example.net", "example.org", "example.com")) for host in hosts)


# --- true to the server -----------------------------------------------------------------------------------------------


def test_events_have_whole_seconds_within_their_session(world, events_of):
    """Observed A2, and D: a session id holds its start."""
    for session in world.sessions:
        start = session["startTs"]
        assert start_of(session["sessionId"]) == start
        times = [event["created_at"] for event in events_of[session["sessionId"]]]
        assert not any(time % 1000 for time in times)
        assert times == sorted(times)
        assert times[0] == start // 1000 * 1000
        assert times[-1] <= start + session["duration"]


def test_equal_names_in_one_second_collapse(world):
    """Observed A3."""
    places = Counter((event["session_id"], event["$event_name"], event["created_at"]) for event in world.events)
    assert max(places.values()) == 1


def test_custom_events_have_a_twin(world):
    """Observed A4; mobile ones are written under the name CUSTOM instead."""
    twins = {
        (event["session_id"], event["created_at"], event["$properties"]["context_string"])
        for event in world.events
        if event["issue_type"] == "custom"
    }
    custom = {
        (event["session_id"], event["created_at"], event["$event_name"])
        for event in world.events
        if not event["$auto_captured"]
    }
    assert twins == custom
    assert len(custom) > 4000


def test_some_people_have_sessions_but_no_record(world):
    """Observed A7."""
    recorded = {user["$user_id"] for user in world.users}
    seen = {event["$user_id"] for event in world.events} - {""}
    assert len(seen - recorded) == 5
    assert "kiosk-berlin-07" in seen - recorded
    assert 5 <= len(recorded - seen) <= 60


def test_some_events_come_before_the_identification(world):
    """Observed A8."""
    users = {session["sessionId"]: session["userId"] for session in world.sessions}
    early = [event for event in world.events if users[event["session_id"]] and not event["$user_id"]]
    assert len(early) > 300
    assert all(event["distinct_id"] == event["$device_id"] for event in early)


def test_addresses_are_those_of_the_server(world):
    """Observed A16."""
    for event in world.events:
        name, issue = event["$event_name"], event["issue_type"]
        if event["$device"] == "web" and name == "REQUEST":
            assert event["$current_path"].startswith("/api/")
        if name == "PERFORMANCE" or issue in {"click_rage", "bad_request"}:
            assert event["$current_url"] == ""
            assert "url" not in event["$properties"]
        if issue == "dead_click":
            assert event["$properties"]["url"] == event["$current_url"] != ""


def test_web_vitals_are_texts_and_other_numbers_are_numbers(world):
    """Observed A17."""
    loads = [event["$properties"] for event in world.events if "lcp" in event["$properties"]]
    assert all(isinstance(load[name], str) for load in loads for name in ("lcp", "cls", "inp", "fcp", "ttfb"))
    assert all(isinstance(load["speed_index"], int) for load in loads)
    assert all(json.loads(load["web_vitals"])["LCP"] == load["lcp"] for load in loads)


def test_payloads_have_the_recorded_form(world):
    bodies = [
        event["$properties"]["request_body"]
        for event in world.events
        if event["$event_name"] == "REQUEST" and "request_body" in event["$properties"]
    ]
    assert all(set(json.loads(body)) == {"headers", "body"} for body in bodies)
    assert any("4111111111111111" in body for body in bodies)
    assert any("authorization" in json.loads(body)["headers"] for body in bodies)


def counted(events, *more):
    return sum(event["$event_name"] in {"LOCATION", "CLICK", "INPUT", *more} for event in events)


def test_sessions_count_their_pages_clicks_and_inputs(world, events_of):
    """On a phone a touch is taken for a click: none was recorded."""
    for session in world.sessions:
        touches = ("TAP", "SWIPE") if session["platform"] == "mobile" else ()
        assert session["eventsCount"] == max(1, counted(events_of[session["sessionId"]], *touches))


def test_the_recorded_server_counts_so_in_all_but_three_sessions():
    rows = recorded.load()
    events_of = defaultdict(list)
    for event in rows.events:
        events_of[event["session_id"]].append(event)
    sessions = [(session["replay"]["eventsCount"], session["search_row"]["sessionId"]) for session in rows.sessions]
    others = [session for count, session in sessions if count != counted(events_of[session])]
    assert len(sessions) == 42
    assert others == ["4113712955676316674", "4113712958998205443", "4113715794683253773"]


def test_users_were_seen_when_their_sessions_say(world):
    last = {}
    for event in world.events:
        last[event["$user_id"]] = max(last.get(event["$user_id"], 0), event["created_at"])
    for user in world.users:
        assert not user["$created_at"] % 1000
        assert user["$created_at"] <= user["$last_seen"] < END
        assert user["$last_seen"] >= last.get(user["$user_id"], 0)


def test_awkward_ids_occur(world):
    ids = {user["$user_id"] for user in world.users}
    assert {"10750", "team/eve", "frank miller@example.org", "crm|1-5", "用户42", "tenant%2Fops", "<b>bold</b>"} <= ids


# --- the incidents ----------------------------------------------------------------------------------------------------


def test_checkout_fails_for_desktop_safari_since_the_release(world, incidents):
    failures = [
        event
        for event in world.events
        if event["$event_name"] == "checkout_failed" and event["properties"]["reason"] == "payment_gateway_unreachable"
    ]
    sessions = {event["session_id"] for event in failures}
    incident = incidents["checkout"]
    assert sessions == set(incident.session_ids)
    assert identified(world, sessions) == set(incident.users)
    assert incident.numbers == {"sessions": len(sessions), "users": len(incident.users), "failures": len(failures)}
    assert incident.numbers["sessions"] >= 30
    assert {event["$browser"] for event in failures} == {"Safari"}
    assert {event["properties"]["release"] for event in failures} == {"4.2.0"}
    assert min(event["created_at"] for event in failures) > END - 6 * DAY


def test_a_failed_checkout_tells_its_whole_story(incidents, events_of):
    for session in incidents["checkout"].session_ids:
        events = events_of[session]
        sent = [e for e in events if e["$current_path"] == "/api/checkout" and e["$event_name"] == "REQUEST"]
        failed = [event for event in events if event["$event_name"] == "checkout_failed"]
        errors = [e for e in events if e["$properties"].get("message") == "Payment provider timeout after 3000ms"]
        assert {event["$properties"]["status"] for event in sent} == {500}
        assert len(sent) == len(failed) == len(errors)
        assert all(request["$duration_s"] == 3 for request in sent)
        assert not any(event["$event_name"] == "purchase" for event in events)


def test_the_checkout_works_everywhere_else(world):
    bought = {event["session_id"] for event in world.events if event["$event_name"] == "purchase"}
    ways = Counter(
        (session["userBrowser"], session["metadata"]["release"])
        for session in world.sessions
        if session["sessionId"] in bought
    )
    assert ways["Safari", "4.1.0"] >= 10
    assert ways["Chrome", "4.2.0"] >= 10
    assert ways["Firefox", "4.2.0"] >= 4
    assert ways["Mobile Safari", "4.2.0"] >= 4
    assert ways["Safari", "4.2.0"] == 0


def test_declined_cards_are_another_matter(world, incidents):
    declined = [e for e in world.events if e["properties"].get("reason") == "card_declined"]
    assert len(declined) >= 12
    assert len({event["$browser"] for event in declined}) >= 4
    assert not {event["session_id"] for event in declined} & set(incidents["checkout"].session_ids)


def test_anns_payment_failed_yesterday(world, incidents, events_of):
    hers = [session for session in world.sessions if session["userId"] == "ann@example.org"]
    (bad,) = [session for session in hers if session["sessionId"] in incidents["checkout"].session_ids]
    yesterday = (datetime.fromtimestamp(END / 1000, UTC) - timedelta(days=1)).date()
    events = events_of[bad["sessionId"]]
    assert {datetime.fromtimestamp(e["created_at"] / 1000, UTC).date() for e in events} == {yesterday}
    assert 17 * 3_600_000 < END - bad["startTs"] < 20 * 3_600_000
    assert sum(event["$event_name"] == "checkout_failed" for event in events) == 2
    assert bad == hers[-1]
    assert len(hers) == 6
    assert sum(e["$event_name"] == "purchase" for s in hers[:-1] for e in events_of[s["sessionId"]]) >= 2


def test_the_coupon_button_makes_people_rage(world, incidents):
    rage = sessions_with(
        world, lambda e: e["issue_type"] == "click_rage" and e["$properties"]["context_string"] == "Apply coupon"
    )
    incident = incidents["coupon"]
    assert rage == set(incident.session_ids)
    assert incident.numbers == {"sessions": len(rage), "users": len(identified(world, rage))}
    assert len(rage) >= 30
    counts = Counter(
        e["$properties"]["payload"] for e in world.events if e["session_id"] in rage and e["issue_type"] == "click_rage"
    )
    assert counts.most_common(1)[0][0] == '{"Count":7}'
    variants = {s["metadata"]["experiment"] for s in world.sessions if s["sessionId"] in rage}
    assert variants == {"cart-b"}
    elsewhere = sessions_with(
        world, lambda e: e["issue_type"] == "click_rage" and e["$properties"]["context_string"] == "Next image"
    )
    assert len(elsewhere) >= 5
    assert sum(event["$event_name"] == "coupon_applied" for event in world.events) >= 20


def test_one_category_is_slow_on_android(world, incidents):
    slow = [event for event in world.events if float(event["$properties"].get("lcp", 0)) > 6000]
    sessions = {event["session_id"] for event in slow}
    incident = incidents["slow_page"]
    assert sessions == set(incident.session_ids)
    assert incident.numbers == {
        "sessions": len(sessions),
        "users": len(identified(world, sessions)),
        "views": len(slow),
    }
    assert len(sessions) >= 30
    assert {event["$os"] for event in slow} == {"Android"}
    assert {event["$browser"] for event in slow} == {"Chrome Mobile", "Samsung Internet"}
    assert {event["$current_path"] for event in slow} == {"/category/outdoor"}
    other = [e for e in world.events if e["$current_path"] == "/category/outdoor" and e["$os"] != "Android"]
    assert max(float(event["$properties"].get("lcp", 0)) for event in other) < 6000


def test_the_important_customers_last_sessions_end_in_the_same_error(world, incidents, events_of):
    theirs = [s for s in world.sessions if s["userId"] == "vip@bigcorp.example"]
    endings = [events_of[session["sessionId"]][-1] for session in theirs]
    message = "Cannot read properties of undefined (reading 'invoice')"
    broken = [
        session["sessionId"]
        for session, ending in zip(theirs, endings, strict=True)
        if ending["$properties"].get("message") == message and ending["$current_path"] == "/account"
    ]
    incident = incidents["invoice"]
    assert broken == list(incident.session_ids) == [session["sessionId"] for session in theirs[-3:]]
    assert incident.numbers == {"sessions": 3, "users": 1, "good_sessions_before": len(theirs) - 3}
    assert sum(event["$properties"].get("message") == message for event in world.events) == 3
    assert {(s["metadata"]["plan"], s["metadata"]["company"]) for s in theirs} == {("enterprise", "BigCorp")}


def test_sign_up_loses_people_at_the_phone_number(world, incidents, events_of):
    incident = incidents["phone"]
    left = {session for session, events in events_of.items() if highest_step(events) == 3}
    assert left == set(incident.session_ids)
    assert all(
        [e for e in events_of[s] if e["$event_name"] == "LOCATION"][-1]["$current_path"] == "/signup/step-3"
        for s in left
    )
    refused = sessions_with(
        world, lambda e: e["$current_path"] == "/api/signup/phone" and e["$properties"]["status"] == 422
    )
    finished = sessions_with(world, lambda e: e["$current_path"] == "/api/signup/finish")
    done = sessions_with(world, lambda e: e["$event_name"] == "signup_done")
    started = {s for s, events in events_of.items() if highest_step(events) and events[-1]["$user_id"]}
    assert incident.numbers == {
        "sessions": len(left),
        "users": len(identified(world, left)),
        "refused": len(refused & left),
        "started": len(started),
        "finished": len(finished),
    }
    assert len(left) >= 20
    assert len(refused & left) >= 0.75 * len(left)
    assert done <= finished
    assert len(done) >= 0.8 * len(finished)
    assert not {e["$country"] for e in world.events if e["session_id"] in refused} & {"DE", "US", "GB"}


def test_a_visitor_gives_orders(world, incidents):
    incident = incidents["orders"]
    assert sessions_with(world, lambda e: e["$user_id"] == "mallory@example.org") == set(incident.session_ids)
    assert incident.numbers == {"sessions": 3, "users": 1}
    text = json.dumps([e for e in world.events if e["session_id"] in incident.session_ids], ensure_ascii=False)
    (record,) = [user for user in world.users if user["$user_id"] == "mallory@example.org"]
    assert "openreplay_delete_user" in record["$name"]
    for attack in (
        "Ignore previous instructions",
        "7f3a⟧",
        "\u200b",
        "\u202e",
        "\\u001b[31m",
        "<script>",
        "](https://",
    ):
        assert attack in text


def test_a_crawler_leaves_many_tiny_sessions(events_of):
    sizes = [len(events) for events in events_of.values() if events[0]["$user_id"] == "crawler-bot-77"]
    assert len(sizes) >= 50
    assert set(sizes) == {1, 2}


# --- live sessions ----------------------------------------------------------------------------------------------------


def test_live_sessions_started_just_now(world):
    for live in world.live:
        assert start_of(live["sessionID"]) == live["timestamp"]
        assert END - 30 * 60_000 < live["timestamp"] < END
        assert live["live"] is True
    assert len({live["sessionID"] for live in world.live}) == 6
    assert "ann@example.org" in {live["userID"] for live in world.live}
