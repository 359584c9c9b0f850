"""Issues over many sessions: every number is compared with one counted by hand over the sandbox's own visits."""

import itertools
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from math import comb

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.errors import ArgumentsError, PermissionDeniedError, ServerError
from openreplay_tools.openreplay.issue_groups import Visit, by_chance, grouped, occurrences_of
from openreplay_tools.openreplay.issues import find_issues
from openreplay_tools.openreplay.links import started_ms
from openreplay_tools.openreplay.signatures import usually_harmless
from openreplay_tools.openreplay.timeline import Event
from openreplay_tools.progress import reporting
from openreplay_tools.render import Fence, render
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests.openreplay.catalogued import EVENTS, scripted
from tests.servers import DASHBOARD, PREFIX, Scripted, client_over, toolkit_over

DAY = 86_400_000
NOW = round(FIXED_NOW.timestamp() * 1000)
GATEWAY = "Payment provider timeout after 3000ms"
INVOICE = "Cannot read properties of undefined (reading 'invoice')"


@pytest.fixture(scope="module")
def server():
    # The clock of the limiter runs fast, so that only the client's own pace is waited for.
    ticks = itertools.count(0, 100)
    with Sandbox(pulse=lambda: float(next(ticks))) as running:
        yield running


@pytest.fixture(scope="module")
def owner(server):
    with client_over(server, api_key="", email=server.email, password=server.password) as made:
        yield made


@pytest.fixture(scope="module")
def keyed(server):
    with client_over(server) as made:
        yield made


def told(client, budget=6000, **arguments):
    args = find_issues.parse(arguments)
    outcome = client.outcome(find_issues, args)
    answer = find_issues.present(outcome.result, args, outcome.scope)
    return render(answer, budget=budget, fence=Fence("7f3a")), outcome.result


@dataclass
class Truth:
    """What the world holds of one failure: its events by session, and the sessions of the window."""

    events: dict
    sessions: dict

    @property
    def ids(self):
        return set(self.events)

    @property
    def users(self):
        return {self.sessions[one]["userId"] for one in self.ids} - {""}

    def share(self, holds):
        return sum(holds(self.sessions[one]) for one in self.ids)

    def overall(self, holds):
        return sum(map(holds, self.sessions.values())) / len(self.sessions)


@pytest.fixture(scope="module")
def truth(world):
    """Return what failed in the sessions that began within some days and are such."""

    def count(fails, days=7, such=lambda _session: True):
        sessions = {
            one["sessionId"]: one for one in world.sessions if NOW - days * DAY <= one["startTs"] < NOW and such(one)
        }
        events = defaultdict(list)
        for event in world.events:
            if event["session_id"] in sessions and fails(event):
                events[event["session_id"]].append(event)
        return Truth(events, sessions)

    return count


def is_error(message):
    return lambda event: event["$event_name"] == "ERROR" and event["$properties"]["message"] == message


def is_request(method, path, status):
    def fails(event):
        if event["$event_name"] != "REQUEST":
            return False
        captured = event["$properties"]
        return (captured["method"], event["$current_path"], captured["status"]) == (method, path, status)

    return fails


def is_issue(kind, label):
    return lambda event: event["issue_type"] == kind and event["$properties"]["context_string"] == label


PLANTED = {
    "gateway error": (("error", "Error", "Payment provider timeout after <n>", "app.js"), is_error(GATEWAY)),
    "gateway request": (("request", "POST", "/api/checkout", "500"), is_request("POST", "/api/checkout", 500)),
    "declined": (("request", "POST", "/api/checkout", "402"), is_request("POST", "/api/checkout", 402)),
    "coupon rage": (("click_rage", "Apply coupon"), is_issue("click_rage", "Apply coupon")),
    "coupon dead": (("dead_click", "Apply coupon"), is_issue("dead_click", "Apply coupon")),
    "invoice": (("error", "TypeError", INVOICE, "app.js"), is_error(INVOICE)),
    "phone": (("request", "POST", "/api/signup/phone", "422"), is_request("POST", "/api/signup/phone", 422)),
    "noise": (("error", "Error", "ResizeObserver loop limit exceeded", "app.js"), None),
}


def second(moment):
    return round(moment.timestamp() * 1000)


@pytest.fixture(scope="module", params=[1, 7, 30])
def lately(owner, request):
    page = owner.run(find_issues, since=f"{request.param}d")
    return request.param, page.sessions, list(owner.iterate(find_issues, since=f"{request.param}d"))


@pytest.mark.parametrize("name", PLANTED)
def test_what_was_planted_is_counted_rightly(lately, truth, name):
    signature, fails = PLANTED[name]
    days, sessions, rows = lately
    planted = truth(fails or is_error(signature[2]), days)
    found = [issue for issue in rows if tuple(issue.signature) == signature]
    if not planted.ids:
        assert not found
        return
    (issue,) = found
    times = [event["created_at"] for events in planted.events.values() for event in events]
    assert (issue.sessions, issue.users) == (len(planted.ids), len(planted.users))
    assert issue.anonymous == planted.share(lambda one: not one["userId"])
    assert issue.occurrences == len(times)
    assert (second(issue.first_seen), second(issue.last_seen)) == (min(times), max(times))
    assert set(issue.session_ids) == planted.ids or len(planted.ids) > len(issue.session_ids) == 100
    assert sessions == len(planted.sessions)


def test_the_planted_incidents_stand_above_what_happens_every_day(owner, incidents):
    """Whose sessions they are is what the world says of itself."""
    requests = owner.run(find_issues, since="6d", kinds="requests").rows
    assert requests[0].signature[1:] == ["POST", "/api/checkout", "500"]
    assert set(requests[0].session_ids) <= set(incidents["checkout"].session_ids)
    errors = owner.run(find_issues, since="6d", kinds="errors").rows
    assert errors[0].message == "Payment provider timeout after <n>"
    clicks = owner.run(find_issues, since="30d", kinds="frustration").rows
    coupon = next(one for one in clicks if one.kind == "click_rage")
    assert coupon.message == "Apply coupon"
    assert set(coupon.session_ids) == set(incidents["coupon"].session_ids)
    account = owner.run(find_issues, user_ids=["vip@bigcorp.example"]).rows
    assert account[0].message == INVOICE
    assert set(account[0].session_ids) == set(incidents["invoice"].session_ids)
    slow = owner.run(find_issues, since="30d", query="/category/outdoor", limit=50).rows
    assert any(one.kind == "slow_page_load" for one in slow)


def shares(issue):
    return {(one.name, one.value): (one.sessions, one.among) for one in issue.shares if one.telling}


def test_shares_are_counted_and_only_telling_ones_are_marked(owner, truth):
    planted = truth(is_request("POST", "/api/checkout", 500))
    issue = owner.run(find_issues, kinds="requests").rows[0]
    count = len(planted.ids)
    assert shares(issue) == {("browser", "Safari"): (count, count), ("release", "4.2.0"): (count, count)}, (
        "the system of Safari and the size of its screen follow from the browser"
    )
    marked = {(one.name, one.value): one.overall for one in issue.shares if one.telling}
    assert marked["browser", "Safari"] == pytest.approx(planted.overall(lambda one: one["userBrowser"] == "Safari"))
    newest = planted.overall(lambda one: one["metadata"]["release"] == "4.2.0")
    assert marked["release", "4.2.0"] == pytest.approx(newest)
    assert [(one.value, one.sessions == one.among) for one in issue.shares if one.name == "page"] == [
        ("/checkout", True)
    ]

    coupon = truth(is_issue("click_rage", "Apply coupon"))
    issue = next(one for one in owner.run(find_issues, kinds="frustration").rows if one.message == "Apply coupon")
    assert shares(issue) == {("experiment", "cart-b"): (len(coupon.ids), len(coupon.ids))}
    noise = owner.run(find_issues, kinds="errors").rows[-1]
    assert noise.message.startswith("ResizeObserver")
    assert shares(noise) == {}


def test_nothing_that_failed_is_lost_or_counted_twice(owner, truth):
    page = owner.run(find_issues, limit=50, since="3d")
    assert page.total == len(page.rows)

    def failed(event):
        return event["$event_name"] == "REQUEST" and event["$properties"]["status"] >= 400

    def occurrences(*kinds):
        return sum(issue.occurrences for issue in page.rows if issue.kind in kinds)

    def planted(fails):
        return sum(map(len, truth(fails, 3).events.values()))

    assert occurrences("error", "crash") == planted(lambda event: event["$event_name"] in {"ERROR", "CRASH"})
    requests = truth(failed, 3).events
    repeats = truth(lambda event: event["issue_type"] == "bad_request", 3).events
    alone = [
        issue
        for session, issues in repeats.items()
        for issue in issues
        if not any(
            abs(one["created_at"] - issue["created_at"]) <= 3000
            and one["$current_url"] == issue["$properties"]["context_string"]
            for one in requests.get(session, ())
        )
    ]
    assert occurrences("request") == planted(failed) + len(alone)
    assert repeats, "failed requests are told twice by the server"
    beside = {"error", "crash", "request"}
    others = {"", "custom", "bad_request", "js_exception", "incident", "crash"}
    assert sum(one.occurrences for one in page.rows if one.kind not in beside) == planted(
        lambda event: event["$event_name"] == "ISSUE" and event["issue_type"] not in others
    )


def test_the_order_is_by_sessions_then_times_then_the_last(owner):
    rows = list(owner.iterate(find_issues, since="30d"))
    keys = [(not usually_harmless(one.message), one.sessions, one.occurrences, one.last_seen) for one in rows]
    assert keys == sorted(keys, reverse=True)
    assert {harmful for harmful, *_ in keys} == {True, False}, "what is usually harmless stands last"
    again = list(owner.iterate(find_issues, since="30d"))
    assert [one.model_dump() for one in again] == [one.model_dump() for one in rows]


def test_examples_are_of_different_people_and_open_the_right_second(owner, truth):
    planted = truth(is_request("POST", "/api/checkout", 500))
    issue = owner.run(find_issues, kinds="requests").rows[0]
    assert len(issue.examples) == 3
    assert len({one.user_id or one.session_id for one in issue.examples}) == 3
    moments = [one.at for one in issue.examples]
    assert moments == sorted(moments, reverse=True)
    for one in issue.examples:
        seconds = {event["created_at"] for event in planted.events[one.session_id]}
        opened = int(re.fullmatch(rf"{DASHBOARD}/1/session/{one.session_id}\?jumpto=(\d+)", one.link)[1])
        assert opened == one.offset_ms
        start = started_ms(one.session_id)
        assert (start + opened) in seconds or opened == 0
        assert one.user_id == planted.sessions[one.session_id]["userId"]


def test_one_person_is_shown_in_several_sessions(owner):
    issue = owner.run(find_issues, user_ids=["vip@bigcorp.example"]).rows[0]
    assert (issue.users, issue.anonymous) == (1, 0)
    assert len({one.session_id for one in issue.examples}) == 3


def test_all_issues_can_be_walked(owner, keyed):
    for client in (owner, keyed):
        walked = [issue.signature for issue in client.iterate(find_issues, kinds="errors")]
        page = client.run(find_issues, kinds="errors", limit=50)
        assert walked == [issue.signature for issue in page.rows]
        assert len(walked) == page.total


# --- narrowing --------------------------------------------------------------------------------------------------------


def test_conditions_narrow_the_sessions(owner, truth):
    noise = is_error("ResizeObserver loop limit exceeded")
    firefox = truth(noise, such=lambda one: one["userBrowser"] == "Firefox")
    page = owner.run(find_issues, browser="firefox", kinds="errors")
    assert page.sessions == len(firefox.sessions)
    issue = next(one for one in page.rows if one.message.startswith("Resize"))
    assert set(issue.session_ids) == firefox.ids
    assert not any(share.telling for share in issue.shares if share.name == "browser")

    two = ["vip@bigcorp.example", "ann@example.org"]
    page = owner.run(find_issues, user_ids=two, since="30d", limit=50)
    theirs = truth(noise, 30, such=lambda one: one["userId"] in two)
    assert page.sessions == len(theirs.sessions)
    assert sum(one.sessions for one in page.rows if one.message.startswith("Resize")) == len(theirs.ids)


@pytest.mark.parametrize(
    "query",
    [
        "POST /api/checkout → 500",
        "post /api/checkout -> 500",
        "slow page: /category/outdoor",
        "rage clicks on Apply coupon",
    ],
)
def test_the_text_asked_for_may_be_what_an_answer_calls_an_issue(owner, query):
    page = owner.run(find_issues, since="30d", query=query)
    assert page.total == 1
    text, _ = told(owner, since="30d", query=query)
    rows = re.sub("⟦7f3a | 7f3a⟧", "", text.partition("\n")[2])
    assert query.replace("->", "→").casefold() in rows.casefold()


def test_a_visited_page_narrows_the_sessions(owner, world, truth):
    there = {
        one["session_id"]
        for one in world.events
        if (one["$event_name"], one["$current_path"]) == ("LOCATION", "/account")
    }
    wanted = truth(is_error(INVOICE), such=lambda one: one["sessionId"] in there)
    page = owner.run(find_issues, url_path="/account", query="'INVOICE'")
    assert page.sessions == len(wanted.sessions)
    assert [set(one.session_ids) for one in page.rows] == [wanted.ids]
    assert page.others > 5


def test_a_saved_search_narrows_the_sessions(owner):
    page = owner.run(find_issues, saved_search="failed checkouts on safari", since="30d", kinds="requests")
    assert page.rows[0].url == "/api/checkout"
    assert [one.kind for one in page.conditions] == ["saved"]
    assert page.sessions == page.rows[0].sessions


def test_a_window_in_the_past_holds_the_sessions_that_began_in_it(owner, world):
    def inside(one):
        return NOW - 3 * DAY <= one["startTs"] < NOW - 2 * DAY

    ids = {one["sessionId"] for one in world.sessions if inside(one)}
    since, until = str(NOW - 3 * DAY), str(NOW - 2 * DAY)
    page = owner.run(find_issues, since=since, until=until, limit=50, kinds="errors")
    planted = [one for one in world.events if one["$event_name"] == "ERROR" and one["session_id"] in ids]
    assert (page.sessions, sum(one.occurrences for one in page.rows)) == (len(ids), len(planted))


# --- the other doors --------------------------------------------------------------------------------------------------


def test_a_key_finds_the_same_in_the_sessions_of_named_people(owner, keyed, world):
    people = Counter(one["userId"] for one in world.sessions if NOW - 7 * DAY <= one["startTs"] < NOW and one["userId"])
    names = ["vip@bigcorp.example", *(name for name, _ in people.most_common(6))]
    names = [name for name in dict.fromkeys(names) if "/" not in name][:6]
    assert sum(people[name] for name in names) <= 40
    by_key = keyed.run(find_issues, user_ids=names, limit=50)
    by_login = owner.run(find_issues, user_ids=names, limit=50)
    assert by_key.one_by_one
    assert not by_login.one_by_one
    assert by_key.sessions == by_login.sessions == sum(people[name] for name in names)

    def seen(page):
        return {
            tuple(one.signature): (one.sessions, one.users, one.occurrences, one.first_seen, sorted(one.session_ids))
            for one in page.rows
        }

    assert seen(by_key) == seen(by_login)
    assert [one.signature for one in by_key.rows] == [one.signature for one in by_login.rows]


def test_a_key_alone_looks_into_the_sessions_of_those_seen_last(keyed):
    text, page = told(keyed)
    assert (page.people, page.sessions, page.looked_into) == (20, 40, 40)
    assert page.matching > 40
    assert page.people_total > 20
    assert f"Of {page.matching} sessions the newest 40 were read" in text
    assert f"Searched were the sessions of the 20 of {page.people_total} users seen most recently" in text
    assert all(one.anonymous == 0 for one in page.rows)
    assert page.rows[0].same_sessions_as == 0
    assert ("browser", "Safari") in shares(page.rows[0])


def test_a_key_narrows_by_what_the_sessions_tell(keyed, truth):
    mine = truth(is_error(INVOICE), such=lambda one: one["userId"] == "vip@bigcorp.example")
    page = keyed.run(find_issues, user_ids=["vip@bigcorp.example"], url_path="/acc*", kinds="errors")
    assert set(page.rows[0].session_ids) == mine.ids
    away = keyed.run(find_issues, user_ids=["vip@bigcorp.example"], url_path="/nowhere")
    assert (away.total, away.sessions) == (0, 0)
    assert away.looked_into == len(mine.sessions)
    safari = keyed.run(find_issues, user_ids=["vip@bigcorp.example"], browser="safari")
    assert safari.sessions == mine.overall(lambda one: one["userBrowser"] == "Safari") * len(mine.sessions)


def test_traits_of_people_stand_for_metadata(keyed):
    issue = keyed.run(find_issues, user_ids=["vip@bigcorp.example", "ann@example.org"], since="30d").rows[0]
    assert {one.name for one in issue.shares if one.site} & {"plan", "company"}


def test_a_saved_search_needs_a_login(keyed):
    with pytest.raises(ArgumentsError, match=r"saved_search.*OPENREPLAY_EMAIL"):
        keyed.run(find_issues, saved_search="x")


def test_a_role_without_all_events_looks_into_the_newest_replays(server):
    with toolkit_over(server, api_key="", email=server.member_email, password=server.password) as tools:
        tools.probe()
        reply = tools.call("openreplay_find_issues", {})
        assert not reply.is_error, reply.text
        assert reply.data["looked_into"] == 40
        assert {one["kind"] for one in reply.data["rows"]} & {"error", "dead_click"}
        assert "Not told here: failing requests." in reply.text
        refused = tools.call("openreplay_find_issues", {"kinds": "requests"})
        assert refused.is_error
        assert "DATA_MANAGEMENT" in refused.text


def test_api_v1_tells_of_no_failure():
    with Sandbox(version="1.26", pulse=lambda: 0.0) as old, toolkit_over(old) as tools:
        refused = tools.call("openreplay_find_issues", {})
    assert refused.is_error
    assert "OPENREPLAY_EMAIL" in refused.text


# --- bounds -----------------------------------------------------------------------------------------------------------

SEARCH = r"POST /v2/api/1/sessions/search\Z"
START = NOW - 2 * DAY


def session_id(start_ms, low=1):
    return str((start_ms - 1_550_000_000_000 << 24) + low)


def far_side(errors, sessions=5, per_session=100, **routes):
    """Return a server with so many errors, one a second, and so many sessions; and nothing else that failed."""
    rows = [
        {"sessionId": session_id(START + n, n), "startTs": START, "duration": 1000, "userId": f"u{n}", "metadata": {}}
        for n in range(sessions)
    ]

    def event(n):
        whose = rows[n // per_session % len(rows)]["sessionId"]
        return {
            "event_id": f"{n * 7919 % 1_000_003:08d}-{n}", "$event_name": "ERROR", "created_at": START + n * 1000,
            "session_id": whose, "$user_id": "", "$current_url": "https://shop.example/cart",
            "$properties": {"name": "Error", "message": f"boom {n}"},
        }  # fmt: skip

    @cache
    def ordered(key, descending):
        return sorted(map(event, range(errors)), key=lambda one: one[key], reverse=descending)

    def events(request):
        body = json.loads(request.content)
        wanted = next(one["value"] for one in body["filters"] if one["name"] == "$event_name")
        key = "event_id" if body["sortBy"] == "event_id" else "created_at"
        found = ordered(key, body["sortOrder"] == "desc") if "ERROR" in wanted else []
        first = (body["page"] - 1) * body["limit"]
        return {"data": {"total": len(found), "events": found[first : first + body["limit"]]}}

    def search(request):
        body = json.loads(request.content)
        first = (body["page"] - 1) * body["limit"]
        return {"data": {"total": len(rows), "sessions": rows[first : first + body["limit"]]}}

    return scripted({EVENTS: events, SEARCH: search, **routes})


def test_what_can_be_read_is_read_whole():
    server = far_side(4800)
    page = server.client.run(find_issues, kinds="errors")
    (issue,) = page.rows
    assert (issue.occurrences, issue.sessions) == (4800, 5)
    assert [(part.total, part.read, part.since) for part in page.parts] == [(4800, 4800, None)]
    assert len(server.bodies("/events")) == 1 + 24


def test_of_more_the_newest_are_read_and_that_is_said():
    server = far_side(12_400)
    text, page = told(server.client, kinds="errors")
    (issue,) = page.rows
    (part,) = page.parts
    assert (part.total, part.read, issue.occurrences) == (12_400, 4800, 4800)
    assert second(part.since) == second(issue.first_seen) == START + (12_400 - 4800) * 1000
    assert "Of 12,400 errors the newest 4,800 were read, since " in text
    assert len(server.bodies("/events")) <= 1 + 1 + 24
    assert len(server.requests) <= 45


def test_all_sorts_of_failures_share_the_bound():
    server = far_side(12_400)
    page = server.client.run(find_issues)
    assert {part.what: (part.total, part.read) for part in page.parts} == {
        "errors": (12_400, 4800), "failed requests": (0, 0), "unanswered requests": (0, 0), "issues": (0, 0),
    }  # fmt: skip


def test_of_many_sessions_the_newest_are_known_and_that_is_said():
    server = far_side(10, sessions=2300)
    text, page = told(server.client, kinds="errors")
    assert (page.sessions, page.looked_into, page.known) == (2300, 2300, 2000)
    assert "Browsers and metadata are known of the newest 2,000 of these sessions only." in text
    assert len(server.bodies("/sessions/search")) == 10
    text, page = told(server.client, kinds="errors", browser="Safari")
    assert (page.sessions, page.looked_into, page.matching) == (2000, 2000, 2300)
    assert "Of 2,300 sessions the newest 2,000 were read" in text


def test_where_requests_failed_is_looked_up_in_few_sessions_of_each(owner, server):
    server.requests.clear()
    owner.run(find_issues, since="30d", limit=50)
    asked = [json.loads(one.body) for one in server.requests if one.path.endswith("/events") and one.body]
    named = [one for body in asked for one in body["filters"] if one["name"] == "session_id"]
    assert all(len(one["value"]) <= 10 for one in named)
    assert len({value for one in named for value in one["value"]}) <= 60
    assert len(asked) <= 5 + 24 + 6 * 3


def test_progress_only_grows_and_ends(owner, keyed):
    for client, arguments in ((owner, {}), (keyed, {}), (owner, {"browser": "Netscape"})):
        heard = []
        with reporting(heard.append):
            client.run(find_issues, **arguments)
        done = [each.done for each in heard]
        assert done == sorted(done)
        assert heard[-1].done == heard[-1].total
        assert all(each.done <= each.total for each in heard)
        assert all(re.fullmatch(r"reading [a-z ]+", each.what) for each in heard)


def test_a_request_without_an_answer_is_its_own_issue():
    row = {
        "event_id": "a", "$event_name": "REQUEST", "created_at": START, "session_id": session_id(START),
        "$current_url": "https://shop.example/api/pay/9",
        "$properties": {"method": "POST", "status": 0, "success": False},
    }  # fmt: skip

    def events(request):
        asked = {one["name"]: one for one in json.loads(request.content)["filters"]}
        found = [row] if asked.get("status", {}).get("operator") == "<" else []
        return {"data": {"total": len(found), "events": found}}

    text, page = told(far_side(0, sessions=1, **{EVENTS: events}).client, kinds="requests")
    (issue,) = page.rows
    assert (issue.method, issue.url, issue.status) == ("POST", "https://shop.example/api/pay/:id", None)
    assert "POST https://shop.example/api/pay/:id → no answer" in text


def test_sessions_that_cannot_be_read_do_not_hide_the_others():
    user_sessions = [{"sessionId": session_id(START + n, n), "startTs": START, "endTs": START} for n in range(3)]
    broken = user_sessions[1]["sessionId"]

    def events(request):
        if broken in str(request.url):
            return httpx.Response(500, json={"error": "failed to search events"})
        row = {
            "event_id": "a",
            "$event_name": "ERROR",
            "created_at": START,
            "session_id": "",
            "$properties": {"message": "x"},
        }
        return {"data": {"total": 1, "events": [row]}}

    routes = {
        r"POST /v2/api/public/\w+/users\Z": {"data": {"total": 0, "users": []}},
        r"POST /v2/api/public/\w+/users/ann/sessions": {"data": {"total": 3, "sessions": user_sessions}},
        r"POST /v2/api/public/\w+/sessions/\d+/events": events,
    }
    text, page = told(Scripted(routes).client, user_ids=["ann"])
    assert (page.sessions, page.unread, page.rows[0].sessions) == (2, 1, 2)
    assert "1 sessions or users could not be read and are not counted." in text
    routes[r"POST /v2/api/public/\w+/sessions/\d+/events"] = httpx.Response(500, json={"error": "no"})
    with pytest.raises(ServerError):
        Scripted(routes).client.run(find_issues, user_ids=["ann"])


def test_a_role_that_may_not_see_sessions_still_gets_issues():
    refused = httpx.Response(403, json={"error": "You don't have enough permission to access this resource"})
    server = far_side(10, **{SEARCH: refused})
    text, page = told(server.client, kinds="errors")
    assert (page.rows[0].occurrences, page.sessions, page.known) == (10, None, 0)
    assert "sessions not counted" in text
    with pytest.raises(PermissionDeniedError):
        server.client.run(find_issues, browser="Safari")


# --- grouping ---------------------------------------------------------------------------------------------------------


def event(kind, at, session="1", **more):
    return Event.model_validate(
        {"event_id": f"{kind}{at}{session}", "kind": kind, "at": START + at * 1000, "session_id": session, **more}
    )


def request(at, status=500, session="1", url="https://a.example/pay/1"):
    return event("REQUEST", at, session, url=url, captured={"method": "POST", "status": status})


def bad_request(at, session="1", url="https://a.example/pay/2"):
    return event("ISSUE", at, session, issue_type="bad_request", captured={"context_string": url})


def test_an_issue_beside_its_request_is_not_counted_again():
    found = occurrences_of([request(10), bad_request(10), bad_request(12)], "a.example")
    assert [one.signature for one in found] == [("request", "POST", "/pay/:id", "500")]


def test_an_issue_whose_request_was_lost_counts_for_it():
    """Of two events of one name in a second one is lost (observed A3)."""
    known = ("request", "POST", "/pay/:id", "500")
    found = occurrences_of([request(10), bad_request(40)], "a.example")
    assert [one.signature for one in found] == [known, known]
    found = occurrences_of([request(10), request(20, 402, "2"), bad_request(40), bad_request(40, "3")], "a.example")
    assert Counter(one.signature for one in found) == {
        known: 2, ("request", "POST", "/pay/:id", "402"): 1, ("request", "", "/pay/:id", ""): 1,
    }  # fmt: skip


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8), st.integers(1, 16))
def test_chance_is_the_hypergeometric_tail(hits, drawn, marked, total):
    drawn, marked = min(drawn, total), min(marked, total)
    hits = min(hits, drawn, marked)
    ways = sum(comb(marked, n) * comb(total - marked, drawn - n) for n in range(hits, drawn + 1) if n <= marked)
    assert by_chance(hits, drawn, marked, total) == pytest.approx(ways / comb(total, drawn))


SESSIONS = st.lists(
    st.tuples(
        st.sampled_from(["", "ann", "bob"]), st.lists(st.sampled_from(["boom 1", "boom 2", "other"]), max_size=3)
    ),
    max_size=12,
)


@given(SESSIONS)
def test_groups_partition_the_occurrences(owner_scope, sessions):
    events, visits = [], {}
    for number, (user, messages) in enumerate(sessions, 1):
        visits[str(number)] = Visit(user, {("browser", False): "Safari" if number % 2 else "Chrome"})
        events += [
            event("ERROR", place, str(number), captured={"message": text}) for place, text in enumerate(messages)
        ]
    issues = grouped(occurrences_of(events, ""), visits, owner_scope)
    assert sum(one.occurrences for one in issues) == len(events)
    for issue in issues:
        texts = {"boom <n>": {"boom 1", "boom 2"}, "other": {"other"}}[issue.message]
        whose = [user for user, messages in sessions if texts & set(messages)]
        assert (issue.sessions, issue.users) == (len(whose), len(set(whose) - {""}))
        assert issue.anonymous == whose.count("")
        known = [one for one in issue.shares if one.name == "browser"]
        assert sum(one.sessions for one in known) == len(whose)


@pytest.fixture(scope="module")
def owner_scope(owner):
    args = find_issues.parse({})
    return owner.outcome(find_issues, args).scope


# --- the answer -------------------------------------------------------------------------------------------------------


def test_the_answer_reads_well(owner):
    text, page = told(owner, since="6d", kinds="requests", limit=1)
    lines = text.splitlines()
    assert lines[0].startswith("1 of ")
    assert " · requests · searched " in lines[0]
    (row,) = page.rows
    whose = f"({row.users} users, {row.anonymous} anonymous sessions)"
    assert lines[1] == f"1. {row.sessions} sessions {whose}, at least {row.occurrences} times: POST /api/checkout → 500"
    first, last = (f"{moment:%Y-%m-%d %H:%M}" for moment in (row.first_seen, row.last_seen))
    safari = next(one for one in row.shares if one.value == "Safari")
    where = f" · on /checkout · Safari {row.sessions} of {row.sessions} ({safari.overall * 100:.0f} % of all)"
    assert lines[2].startswith(f"   first here {first}, last {last}{where}")
    assert lines[3].count("jumpto=") == 3
    assert lines[3].count(f"{DASHBOARD}/1/session/") == 1
    assert lines[-1].endswith("Next: openreplay_summarize_session(session=<id in a link>).")
    assert len("\n".join(lines[1:4])) <= 480


def test_issues_that_met_the_same_sessions_say_so(owner):
    text, page = told(owner)
    gateway = next(n for n, one in enumerate(page.rows, 1) if one.message.startswith("Payment provider"))
    request_row = next(one for one in page.rows if one.url == "/api/checkout" and one.status == 500)
    assert request_row.same_sessions_as == gateway
    assert f"about the same sessions as {gateway}" in text


def test_nothing_found_says_what_was_searched(owner, keyed):
    text, page = told(owner, browser="Netscape")
    assert text.startswith("0 issues · Acme Shop")
    assert 'browser "Netscape" occurs in none of the' in text
    assert page.total == 0
    text, _ = told(owner, query="zzz")
    assert re.search(r"\d+ issues there, none of which contains that text", text)
    text, _ = told(owner, browser="HeadlessChrome", kinds="frustration", since="1d")
    assert "No rage or dead click was recorded in these sessions" in text
    text, _ = told(keyed, user_ids=["nobody@example.org"])
    assert "openreplay_search_users" in text


@given(budget=st.integers(500, 9000))
def test_no_answer_exceeds_its_budget(shown, budget):
    text = shown(budget)
    assert len(text) <= budget
    assert re.search(r"\nShown \d+ of 50 issues", text)
    assert budget < 1500 or "\n1. " in text


@pytest.fixture(scope="module")
def shown(owner):
    """Return a way to present everything within a budget."""
    args = find_issues.parse({"since": "30d", "limit": 50, "detail": "full"})
    outcome = owner.outcome(find_issues, args)
    answer = find_issues.present(outcome.result, args, outcome.scope)
    return lambda budget: render(answer, budget=budget, fence=Fence("7f3a"))


def test_the_definition_stays_small():
    whole = {"name": find_issues.tool_name, "description": find_issues.description, "parameters": find_issues.schema}
    assert len(json.dumps(whole)) <= 1600


def test_texts_of_visitors_stay_within_the_fence(owner):
    text, page = told(owner, user_ids=["mallory@example.org"], since="30d", limit=50)
    assert any("openreplay_delete_user" in one.message for one in page.rows)
    for line in text.splitlines():
        outside = re.sub(r"⟦7f3a .*? 7f3a⟧", "", line)
        assert "delete_user" not in outside
        assert "ignore previous" not in outside.lower()


def test_aliases_of_people_are_taken_back(server):
    with toolkit_over(server, privacy="pseudonyms", **LOGIN_OF_OWNER) as tools:
        reply = tools.call("openreplay_find_issues", {"kinds": "requests"})
        shown = f"{reply.text}{json.dumps(reply.data)}"
        assert "@" not in re.sub(r"jumpto=\d+", "", shown)
        alias = reply.data["rows"][0]["examples"][0]["user_id"]
        assert re.fullmatch(r"(user|email)-\w+", alias)
        again = tools.call("openreplay_find_issues", {"kinds": "requests", "user_ids": [alias]})
        assert not again.is_error, again.text
        assert again.data["rows"][0]["users"] == 1


LOGIN_OF_OWNER = {"email": Sandbox.email, "password": Sandbox.password}


def test_with_a_key_sessions_beyond_those_listed_are_counted_and_said():
    start = 1795196569000

    def sessions(request):
        wanted = json.loads(request.content)
        rows = [{"sessionId": str(4113712955676316674 - n * 10**12), "startTs": start - n * 60_000,
                 "endTs": start - n * 60_000 + 5000, "eventsCount": 2} for n in range(120)]  # fmt: skip
        first = (wanted["page"] - 1) * wanted["limit"]
        return {"data": {"total": 120, "sessions": rows[first : first + wanted["limit"]]}}

    user = {"$user_id": "ann", "$last_seen": start, "$created_at": start}
    server = Scripted(
        {
            f"POST {PREFIX}.*/users/ann/sessions": sessions,
            f"POST {PREFIX}.*/users\\Z": {"data": {"total": 1, "users": [user]}},
            f"POST {PREFIX}.*/events": {"data": {"total": 0, "events": []}},
        }
    )
    reply = server.call("find_issues", user_ids=["ann"], since="30d")
    assert not reply.is_error
    assert reply.data["matching"] == 120
    assert "Of 120 sessions the newest 40 were read" in reply.text
