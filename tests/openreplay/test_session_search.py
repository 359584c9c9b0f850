"""Session search: every count is compared with one made by hand over the sandbox's own visits."""

import itertools
import json
import re
from collections import defaultdict

import httpx
import pytest

from openreplay_tools.client import AsyncClient
from openreplay_tools.errors import ArgumentsError, UnavailableError
from openreplay_tools.openreplay.saved_searches import list_saved_searches
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.render import Fence, render
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests.servers import client_over, known, toolkit_over

DAY = 86_400_000
NOW = round(FIXED_NOW.timestamp() * 1000)
MONTH = "30d"


@pytest.fixture(scope="module")
def server():
    # The clock of the limiter runs fast, so that only the client's own pace is waited for.
    ticks = itertools.count(0, 100)
    with Sandbox(pulse=lambda: float(next(ticks))) as running:
        yield running


@pytest.fixture
def client(server):
    server.requests.clear()
    with client_over(server, api_key="", email=server.email, password=server.password) as made:
        yield made


@pytest.fixture
def tell(client):
    """Search, and return the text with the result."""

    def ask(budget=6000, **arguments):
        args = search_sessions.parse(arguments)
        outcome = client.outcome(search_sessions, args)
        answer = search_sessions.present(outcome.result, args, outcome.scope)
        return render(answer, budget=budget, fence=Fence("7f3a")), outcome.result

    return ask


@pytest.fixture(scope="module")
def visits(world):
    """Pair each session with its events in time order."""
    events = defaultdict(list)
    for event in world.events:
        events[event["session_id"]].append(event)
    return [(one, sorted(events[one["sessionId"]], key=lambda each: each["created_at"])) for one in world.sessions]


def within(session, days):
    return NOW - days * DAY <= session["startTs"] < NOW


def matching(visits, holds, days=30):
    return {session["sessionId"] for session, events in visits if within(session, days) and holds(session, events)}


def did(events, name, holds=lambda _: True):
    return any(event["$event_name"] == name and holds(event) for event in events)


def ordered(events, *steps):
    """Try every choice of one event for each step."""
    if not steps:
        return True
    return any(
        steps[0](event)
        and ordered(
            [other for other in events if other is not event and other["created_at"] >= event["created_at"]],
            *steps[1:],
        )
        for event in events
    )


def named(name, holds=lambda _: True):
    return lambda event: event["$event_name"] == name and holds(event)


def page_is(path):
    return lambda event: event["$current_path"] == path


def event(name, prop="", operator="is", *values, absent=False):
    given = {"event": name, "absent": absent}
    return given | ({"property": prop, "operator": operator, "values": list(values)} if prop else {})


def by(name, *values, operator="is"):
    return {"name": name, "operator": operator, "values": list(values)}


def status(event):
    return event["$properties"]["status"]


QUESTIONS = {
    "everything": ({}, lambda s, e: True),
    "browser": ({"browser": "chrome"}, lambda s, e: s["userBrowser"] == "Chrome"),
    "os": ({"os": "macOS"}, lambda s, e: s["userOs"] == "Mac OS X"),
    "country": ({"country": "de"}, lambda s, e: s["userCountry"] == "DE"),
    "device type": ({"device_type": "Phone"}, lambda s, e: s["userDeviceType"] == "mobile"),
    "user": ({"user_id": "ann@example.org"}, lambda s, e: s["userId"] == "ann@example.org"),
    "user with a slash": ({"user_id": "team/eve"}, lambda s, e: s["userId"] == "team/eve"),
    "page": ({"url_path": "/checkout"}, lambda s, e: did(e, "LOCATION", page_is("/checkout"))),
    "pages below": (
        {"url_path": "/order/*"},
        lambda s, e: did(e, "LOCATION", lambda each: each["$current_path"].startswith("/order/")),
    ),
    "pages with": (
        {"url_path": "*sign*"},
        lambda s, e: did(e, "LOCATION", lambda each: "sign" in each["$current_path"]),
    ),
    "issue": ({"issue_type": "rage clicks"}, lambda s, e: "click_rage" in s["issueTypes"]),
    "issues": (
        {"filters": [by("issue", "Rage Click", "memory")]},
        lambda s, e: {"click_rage", "memory"} & set(s["issueTypes"]),
    ),
    "no issue": (
        {"filters": [by("issue", "custom", operator="is_not")]}, lambda s, e: "custom" not in s["issueTypes"],
    ),
    "neither issue": (
        {"filters": [by("issue", "click_rage", operator="is_not"), by("issue", "js_exception", operator="is_not")],
         "country": "DE"},
        lambda s, e: s["userCountry"] == "DE" and not {"click_rage", "js_exception"} & set(s["issueTypes"]),
    ),
    "length": (
        {"min_duration": "1:30", "max_duration": "2m"}, lambda s, e: 90_000 <= s["duration"] <= 120_000,
    ),
    "length by filter": (
        {"min_duration": "30s", "filters": [by("duration", "90s", operator="less")]},
        lambda s, e: 30_000 <= s["duration"] < 90_000,
    ),
    "metadata": ({"filters": [by("plan", "enterprise")]}, lambda s, e: s["metadata"]["plan"] == "enterprise"),
    "metadata by slot": (
        {"filters": [by("metadata_4", "4.2.0", "4.1.0")]}, lambda s, e: s["metadata"]["release"] in {"4.2.0", "4.1.0"},
    ),
    "metadata is not": (
        {"filters": [by("company", "BigCorp", operator="is_not")]}, lambda s, e: s["metadata"]["company"] != "BigCorp",
    ),
    "metadata known": (
        {"filters": [by("metadata:company", operator="exists")]}, lambda s, e: s["metadata"]["company"] is not None,
    ),
    "metadata missing": (
        {"filters": [by("company", operator="missing")]}, lambda s, e: s["metadata"]["company"] is None,
    ),
    "anonymous": ({"filters": [by("userId", operator="missing")]}, lambda s, e: not s["userId"]),
    "identified": ({"filters": [by("userId", operator="exists")]}, lambda s, e: bool(s["userId"])),
    "screen": (
        {"filters": [by("Screen Width", "500", operator="less")]}, lambda s, e: s["screenWidth"] < 500,
    ),
    "city or": (
        {"filters": [by("user_city", "ber", "par", operator="starts_with"), by("os", "iOS", operator="is_not")]},
        lambda s, e: s["userCity"].lower().startswith(("ber", "par")) and s["userOs"] != "iOS",
    ),
    "device is not": (
        {"filters": [by("device", "iPhone", operator="is_not")]}, lambda s, e: s["userDevice"] != "iPhone",
    ),
    "browser by expression": (
        {"filters": [by("browser", "^(Mobile )?Safari$", operator="regex")]},
        lambda s, e: s["userBrowser"] in {"Safari", "Mobile Safari"},
    ),
    "event": ({"events": [event("checkout_failed")]}, lambda s, e: did(e, "checkout_failed")),
    "own property": (
        {"events": [event("purchase", "total", "greater", "100")]},
        lambda s, e: did(e, "purchase", lambda each: each["properties"]["total"] > 100),
    ),
    "own text property": (
        {"events": [event("checkout_failed", "reason", "contains", "DECLINED")]},
        lambda s, e: did(e, "checkout_failed", lambda each: "declined" in each["properties"]["reason"]),
    ),
    "failed requests": (
        {"events": [event("request", "status", "greater_or_equal", "500")]},
        lambda s, e: did(e, "REQUEST", lambda each: status(each) >= 500),
    ),
    "one status": (
        {"events": [event("REQUEST", "status", "is", "422")]},
        lambda s, e: did(e, "REQUEST", lambda each: status(each) == 422),
    ),
    "slow pages": (
        {"events": [event("LOCATION", "LCP", "greater", "5000")]},
        lambda s, e: did(e, "LOCATION", lambda each: float(each["$properties"].get("lcp") or 0) > 5000),
    ),
    "error text": (
        {"events": [event("ERROR", "message", "contains", "undefined")]},
        lambda s, e: did(e, "ERROR", lambda each: "undefined" in each["$properties"]["message"].lower()),
    ),
    "both": (
        {"events": [event("checkout_started"), event("ERROR")]},
        lambda s, e: did(e, "checkout_started") and did(e, "ERROR"),
    ),
    "either": (
        {"events": [event("purchase"), event("signup_done")], "events_order": "any"},
        lambda s, e: did(e, "purchase") or did(e, "signup_done"),
    ),
    "either on a page": (
        {"events": [event("purchase"), event("coupon_applied")], "events_order": "any", "url_path": "/cart"},
        lambda s, e: (did(e, "purchase") or did(e, "coupon_applied")) and did(e, "LOCATION", page_is("/cart")),
    ),
    "not done": (
        {"events": [event("checkout_started"), event("purchase", absent=True)]},
        lambda s, e: did(e, "checkout_started") and not did(e, "purchase"),
    ),
    "only not done": ({"events": [event("CLICK", absent=True)]}, lambda s, e: not did(e, "CLICK")),
    "no such request": (
        {"events": [event("REQUEST", "status", "greater_or_equal", "400", absent=True)], "country": "FR"},
        lambda s, e: s["userCountry"] == "FR" and not did(e, "REQUEST", lambda each: status(each) >= 400),
    ),
    "either but not": (
        {"events": [event("purchase"), event("signup_done"), event("ERROR", absent=True)], "events_order": "any"},
        lambda s, e: (did(e, "purchase") or did(e, "signup_done")) and not did(e, "ERROR"),
    ),
    "two in sequence": (
        {"events": [event("checkout_failed"), event("purchase")], "events_order": "in_sequence"},
        lambda s, e: ordered(e, named("checkout_failed"), named("purchase")),
    ),
    "three in sequence": (
        {"events": [event("add_to_cart"), event("checkout_started"), event("purchase")],
         "events_order": "in_sequence"},
        lambda s, e: ordered(e, named("add_to_cart"), named("checkout_started"), named("purchase")),
    ),
    "repeated steps": (
        {"events": [event("signup_step"), event("signup_step"), event("signup_step"), event("signup_done")],
         "events_order": "in_sequence"},
        lambda s, e: ordered(e, *[named("signup_step")] * 3, named("signup_done")),
    ),
    "pages in sequence": (
        {"events": [event("LOCATION", "path", "is", "/cart"), event("LOCATION", "path", "is", "/checkout"),
                    event("LOCATION", "path", "starts_with", "/order")], "events_order": "in_sequence",
         "country": "IT"},
        lambda s, e: s["userCountry"] == "IT" and ordered(
            e, named("LOCATION", page_is("/cart")), named("LOCATION", page_is("/checkout")),
            named("LOCATION", lambda each: each["$current_path"].startswith("/order")),
        ),
    ),
    "sequence without": (
        {"events": [event("checkout_failed"), event("checkout_failed"), event("purchase", absent=True)],
         "events_order": "in_sequence"},
        lambda s, e: ordered(e, *[named("checkout_failed")] * 2) and not did(e, "purchase"),
    ),
    "sequence on a page": (
        {"events": [event("coupon_applied"), event("purchase")], "events_order": "in_sequence", "url_path": "/cart"},
        lambda s, e: ordered(e, named("coupon_applied"), named("purchase")) and did(e, "LOCATION", page_is("/cart")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_count_is_true(client, visits, question):
    arguments, holds = QUESTIONS[question]
    truth = matching(visits, holds)
    page = client.run(search_sessions, since=MONTH, limit=200, **arguments)
    assert page.total == len(truth)
    assert len(page.rows) == min(200, len(truth))
    assert {row.session_id for row in page.rows} <= truth
    assert truth or question == "user with a slash", "a question that nothing answers proves nothing"


@pytest.mark.parametrize("question", ["browser", "not done", "three in sequence", "either on a page", "no issue"])
def test_every_row_is_reached_once(client, visits, question):
    arguments, holds = QUESTIONS[question]
    found = [row.session_id for row in client.iterate(search_sessions, since=MONTH, **arguments)]
    assert len(found) == len(set(found))
    assert set(found) == matching(visits, holds)


async def test_every_row_is_reached_async(server, visits):
    arguments, holds = QUESTIONS["not done"]
    async with AsyncClient(**known(base_url=server.url, email=server.email, password=server.password)) as client:
        found = [row.session_id async for row in client.iterate(search_sessions, since=MONTH, **arguments)]
    assert sorted(found) == sorted(matching(visits, holds))


@pytest.mark.parametrize("question", ["browser", "not done", "no issue", "either but not"])
@pytest.mark.parametrize("sort", ["start", "events", "length"])
def test_pages_follow_each_other_in_order(client, visits, question, sort):
    arguments, holds = QUESTIONS[question]
    pages = [client.run(search_sessions, since="14d", sort=sort, limit=7, page=page, **arguments) for page in (1, 2, 3)]
    rows = [row for page in pages for row in page.rows]
    truth = matching(visits, holds, days=14)
    assert len({page.total for page in pages}) == 1
    assert pages[0].total == len(truth) > 14
    assert len({row.session_id for row in rows}) == len(rows) == min(21, len(truth))
    keys = {"start": "startTs", "events": "eventsCount", "length": "duration"}
    known_rows = [session for session, _ in visits if session["sessionId"] in truth]
    best = sorted((session[keys[sort]] for session in known_rows), reverse=True)[: len(rows)]
    by_id = {session["sessionId"]: session[keys[sort]] for session in known_rows}
    assert [by_id[row.session_id] for row in rows] == best


def test_a_page_past_the_end_says_so(tell):
    text, page = tell(browser="Chrome", page=99)
    assert page.rows == []
    assert text.startswith("No more sessions")
    text, page = tell(events=[event("checkout_started"), event("purchase", absent=True)], page=99)
    assert page.rows == []
    assert page.total
    assert "Page 99 is past the end." in text


def test_the_answer_says_what_it_is_true_about(tell, visits):
    text, page = tell(browser="chrome", url_path="/checkout", min_duration="1m", limit=3, events=[event("CLICK")])
    first, *_, opening, counted = text.splitlines()
    truth = matching(visits, lambda s, e: s["userBrowser"] == "Chrome" and s["duration"] >= 60_000
                     and did(e, "CLICK") and did(e, "LOCATION", page_is("/checkout")), days=7)  # fmt: skip
    assert first == (
        f'3 of {len(truth)} sessions · Acme Shop · 2026-11-13 18:15 – 2026-11-20 18:15 UTC · browser is "Chrome" · '
        'length ≥ 1:00 · visited "/checkout" · did CLICK · newest first'
    )
    row = page.rows[0]
    assert re.search(rf"{row.session_id}$", text, re.MULTILINE)
    assert "start (UTC)" in text
    assert "More: page=2." in text
    assert opening == (
        "Open: https://openreplay.example.com/1/session/<session>   Next: openreplay_summarize_session(session=…)"
    )
    assert counted == "Events: pages, clicks and inputs only."
    assert "viewed" not in text


def test_events_that_combine_are_told_together(tell):
    steps = [event("add_to_cart"), event("purchase")]
    assert "did add_to_cart, then did purchase" in tell(events=steps, events_order="in_sequence")[0]
    assert "did add_to_cart or did purchase" in tell(events=steps, events_order="any")[0]
    assert "did add_to_cart · did purchase" in tell(events=steps)[0]
    absent = tell(events=[event("purchase", "total", "greater", "100", absent=True)])[0]
    assert 'did not do purchase with "total" > "100"' in absent


def test_pages_by_number_of_events_say_what_they_cannot_promise(tell):
    assert "Sessions with equally many events stand in any order" in tell(sort="events", limit=5)[0]
    assert "equally many" not in tell(sort="events", limit=200, country="BR", since="3d")[0]


def test_a_repeated_step_that_empties_the_set_is_told_once(tell):
    steps = [event("CRASH"), event("CRASH"), event("signup_done")]
    text, page = tell(events=steps, events_order="in_sequence")
    assert "did CRASH, then did CRASH, then did signup_done" in text
    asked = [one.subject for finding in page.diagnosis.findings for one in finding.conditions]
    assert asked == ["CRASH", "signup_done"]
    assert "Why: no session of this window did CRASH. Without it: " in text


def test_anonymous_visitors_and_strange_ids_are_told(tell, visits):
    text, page = tell(filters=[by("userId", operator="missing")], limit=5)
    assert len([line for line in text.splitlines() if "anonymous" in line]) == len(page.rows) == 5
    strange = next(s["userId"] for s, _ in visits if " " in s["userId"] and within(s, 30))
    assert f"⟦7f3a {strange} 7f3a⟧" in tell(user_id=strange, since=MONTH)[0]


def test_the_window_is_half_open(client, server, visits):
    latest = max(session["startTs"] // 1000 * 1000 for session, _ in visits if within(session, 5))
    before = client.run(search_sessions, since="5d", until=str(latest))
    through = client.run(search_sessions, since="5d", until=str(latest + 1000))
    assert before.total == sum(NOW - 5 * DAY <= s["startTs"] < latest for s, _ in visits)
    assert through.total == before.total + 1
    bodies = [json.loads(one.body) for one in server.requests if one.path.endswith("/search")]
    assert [body["endTimestamp"] for body in bodies] == [latest - 1, latest + 999]
    assert all(body["eventsOrder"] for body in bodies)


def test_nothing_found_names_what_empties_the_set_and_what_occurs(tell, visits):
    text, page = tell(browser="Netscape", url_path="/checkout")
    there = matching(visits, lambda s, e: did(e, "LOCATION", page_is("/checkout")), days=7)
    assert text.startswith("0 sessions · Acme Shop")
    assert f'Why: browser "Netscape" occurs in no session of this window. Without it: {len(there)} sessions.' in text
    assert "Values of browser that occur: " in text
    assert "Chrome" in text
    assert "Without visited" not in text
    assert page.diagnosis.findings[0].without == len(there)


def test_nothing_found_by_each_kind_says_what_to_try(tell):
    assert "url_path is exact; a * before or after it" in tell(url_path="/chekout")[0]
    assert "Nearest: ann@example.org." in tell(user_id="Ann@example.org")[0]
    with pytest.raises(ArgumentsError, match="There are: currency, order, total"):
        tell(events=[event("purchase", "amnt", "greater", "5")])
    high = tell(events=[event("purchase", "total", "greater", "5000000")])[0]
    assert re.search(r'Values of "total" that occur: [\d.]+, ', high)
    assert "Nearest value: enterprise. Values of plan that occur: free" in tell(filters=[by("plan", "Enterprise")])[0]
    both = tell(browser="Netscape", country="AQ")[0]
    assert 'browser "Netscape" occurs in no session of this window. The same is true of country is "AQ".' in both


def test_an_empty_window_says_when_there_is_something(tell):
    text = tell(since="2020-01-01", until="2020-02-01", browser="Chrome")[0]
    assert "Why: this window holds no sessions at all. The newest of this project: 2026-11-20 18:08 UTC." in text


def test_saved_searches_narrow_and_are_narrowed(client, server, tell, visits):
    data = {
        "filters": [
            {"name": "userCountry", "operator": "is", "value": ["DE"], "isEvent": False, "autoCaptured": True},
            {"name": "add_to_cart", "operator": "is", "isEvent": True, "propertyOrder": "and", "filters": []},
            {"name": "checkout_started", "operator": "is", "isEvent": True, "propertyOrder": "and", "filters": []},
            {"name": "purchase", "operator": "isNot", "isEvent": True, "propertyOrder": "and", "filters": []},
        ],
        "eventsOrder": "then",
    }  # fmt: skip
    save(server, {"name": "German carts", "isPublic": True, "isShare": False, "data": data})
    truth = matching(
        visits,
        lambda s, e: s["userCountry"] == "DE" and s["userBrowser"] == "Chrome" and not did(e, "purchase")
        and ordered(e, named("add_to_cart"), named("checkout_started")),
    )  # fmt: skip
    text, page = tell(saved_search="german carts", browser="Chrome", since=MONTH)
    assert {row.session_id for row in page.rows} == truth
    assert truth
    assert 'browser is "Chrome" · saved search German carts' in text
    with_more = client.run(
        search_sessions, saved_search="German carts", since=MONTH, events=[event("ERROR"), event("coupon_applied")],
        events_order="any",
    )  # fmt: skip
    assert with_more.total == len(
        matching(
            visits,
            lambda s, e: (
                s["userCountry"] == "DE"
                and not did(e, "purchase")
                and (did(e, "ERROR") or did(e, "coupon_applied"))
                and ordered(e, named("add_to_cart"), named("checkout_started"))
            ),
        )
    )
    with pytest.raises(ArgumentsError, match="German carts"):
        client.run(search_sessions, saved_search="Geman carts")


def save(server, body):
    with httpx.Client(base_url=server.url) as http:
        login = {"email": server.email, "password": server.password}
        token = http.post("/api/login", json=login).json()["jwt"]
        reply = http.post("/v2/api/1/sessions/search/save", json=body, headers={"Authorization": f"Bearer {token}"})
        assert reply.status_code == 200, reply.text


def test_saved_searches_of_the_dashboard_find_what_they_say(client, visits):
    page = client.run(search_sessions, saved_search="failed checkouts on safari", since=MONTH, limit=200)
    (kept,) = [search for search in client.run(list_saved_searches).rows if search.name.startswith("Failed")]
    of_browser, of_event = kept.data.filters
    (reason,) = of_event["filters"]
    assert (of_browser["name"], of_event["name"], reason["name"]) == ("userBrowser", "checkout_failed", "reason")
    assert {row.session_id for row in page.rows} == matching(
        visits,
        lambda s, e: (
            s["userBrowser"] in of_browser["value"]
            and did(e, "checkout_failed", lambda each: each["properties"]["reason"] in reason["value"])
        ),
    )
    assert page.rows


def test_a_role_that_sees_no_events_is_told_what_it_can_ask(server):
    steps = [event("add_to_cart"), event("checkout_started"), event("purchase")]
    with client_over(server, api_key="", email=server.member_email, password=server.password) as client:
        assert client.run(search_sessions, events=steps[1:], events_order="in_sequence", since=MONTH).total > 0
        with pytest.raises(UnavailableError, match=r"DATA_MANAGEMENT.*two steps, or with events_order=all"):
            client.run(search_sessions, events=steps, events_order="in_sequence", since=MONTH)
        empty = client.run(search_sessions, events=[event("purchase", "total", "greater", "5000000")])
        (finding,) = empty.diagnosis.findings
        assert (finding.without, finding.occurring) == (client.run(search_sessions).total, [])
        assert [(gap.what, gap.why) for gap in empty.diagnosis.gaps] == [("values", "access")]


def test_times_are_those_of_the_reader(server):
    with client_over(server, api_key="", email=server.email, password=server.password, timezone="Asia/Tokyo") as client:
        args = search_sessions.parse({"limit": 1})
        outcome = client.outcome(search_sessions, args)
        text = render(search_sessions.present(outcome.result, args, outcome.scope), budget=900, fence=Fence("7f3a"))
    assert "2026-11-14 03:15 – 2026-11-21 03:15 Asia/Tokyo" in text
    assert "start (Asia/Tokyo)" in text
    assert "2026-11-21 03:08:00" in text


def test_it_needs_a_login(server):
    with client_over(server) as keyed, pytest.raises(UnavailableError, match="needs a dashboard login"):
        keyed.run(search_sessions)


def test_what_the_description_and_the_schema_cost():
    assert len(search_sessions.description) <= 600
    assert len(json.dumps(search_sessions.schema)) < 4500


@pytest.mark.parametrize("how", [{"absent": True, "operator": "greater", "values": ["5"]}, {"operator": "missing"}])
def test_a_property_that_an_own_event_has_not_is_refused(refuse_with_login, how):
    """With absent or missing it would find everything."""
    text = refuse_with_login("search_sessions", events=[{"event": "purchase", "property": "totl", **how}])
    assert 'no property "totl" is known here. Nearest: total.' in text


def test_blank_texts_and_lengths_without_a_unit_are_refused(refuse_with_login):
    assert "saved_search is blank" in refuse_with_login("search_sessions", saved_search=" ")
    assert "has no unit" in refuse_with_login("search_sessions", min_duration="90000")
    assert "property is blank" in refuse_with_login("search_sessions", events=[{"event": "purchase", "property": " "}])


@pytest.fixture
def refuse_with_login(server):
    with toolkit_over(server, email=server.email, password=server.password) as bound:

        def ask(name, /, **arguments):
            reply = bound.call(f"openreplay_{name}", arguments)
            assert reply.is_error, reply.text
            return reply.text

        yield ask


def test_a_negation_that_excludes_nothing_says_so(tell):
    """A value in another spelling would find everything, silently."""
    text, page = tell(filters=[by("plan", "Free", operator="is_not")])
    assert 'Excludes nothing, no session here has it: plan is not "Free". openreplay_suggest_values' in text
    assert [one.subject for one in page.idle] == ["plan"]
    assert "Excludes nothing" not in tell(filters=[by("plan", "free", operator="is_not")])[0]
    assert "Excludes nothing" in tell(filters=[by("city", "berlin", operator="is_not")])[0]
