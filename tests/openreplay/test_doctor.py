"""Why nothing was found: every statement against the sandbox's own visits, and never more than six requests."""

import itertools
import json
import re

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openreplay_tools.errors import NotFoundError, OpenReplayToolsError, PermissionDeniedError, RequestTimeoutError
from openreplay_tools.flow import Batch, Request
from openreplay_tools.openreplay.doctor import (
    MOST_REQUESTS,
    Allowance,
    Diagnosis,
    EndedError,
    Finding,
    alike,
    attempt,
    leave_out,
    within,
)
from openreplay_tools.openreplay.doctor_words import why
from openreplay_tools.operation import Record
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from tests.doors import LOGIN
from tests.openreplay.catalogued import scripted
from tests.sandbox.fidelity import unhurried
from tests.servers import PREFIX, RECORDED, SHOP, Scripted, project, toolkit_over

DAY = 86_400_000
NOW = round(FIXED_NOW.timestamp() * 1000)
ANN, KIOSK, BOB = "ann@example.org", "kiosk-berlin-07", "bob@example.org"
OF_BOB = "4113715799632532494"
NONE = {"since": "2020-01-01", "until": "2020-02-01"}


@pytest.fixture(scope="module")
def server():
    with Sandbox(pulse=unhurried()) as running:
        yield running


@pytest.fixture(scope="module", params=["both", "login"])
def signed_in(server, request):
    with toolkit_over(server, **LOGIN, **({} if request.param == "both" else {"api_key": ""})) as bound:
        yield bound


@pytest.fixture(scope="module")
def keyed(server):
    with toolkit_over(server) as bound:
        yield bound


@pytest.fixture
def ask(signed_in):
    def call(name, /, **arguments):
        reply = signed_in.call(f"openreplay_{name}", arguments)
        assert not reply.is_error, reply.text
        return reply.text, reply.data["diagnosis"]

    return call


@pytest.fixture
def ask_with_key(keyed):
    def call(name, /, **arguments):
        reply = keyed.call(f"openreplay_{name}", arguments)
        assert not reply.is_error, reply.text
        return reply.text, reply.data["diagnosis"]

    return call


@pytest.fixture(scope="module")
def visits(world):
    """This week's sessions."""
    return [one for one in world.sessions if NOW - 7 * DAY <= one["startTs"] < NOW]


def lines_of(text):
    (_, *lines) = [line for line in text.splitlines() if not line.startswith("Recorded text stands")]
    return lines


def every(text):
    """Check what holds for each empty answer, and return its first line below the head."""
    lines = lines_of(text)
    assert lines[0].startswith("Why: "), text
    assert 1 <= len(lines) <= 7, text
    assert all(line.strip() for line in text.splitlines()), text
    return lines[0]


# --- the bound --------------------------------------------------------------------------------------------------------


class Told(Record):
    pass


ONE = Request("GET", ("one",), Told)


def driven(flow, reply=None):
    """Run a flow to its end; return its result and how many requests it sent."""
    sent, answer = 0, None
    while True:
        try:
            command = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
        except StopIteration as stop:
            return stop.value, sent
        sent += len(command.requests) if isinstance(command, Batch) else isinstance(command, Request)
        answer = reply


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(0, 9))
def test_no_flow_sends_more_than_it_may(sizes, most):
    """However it is cut into batches, and whether it goes on after the end or not."""

    def greedy():
        for size in sizes:
            try:
                yield ONE if size == 0 else Batch((ONE,) * size)
            except EndedError:
                continue

    def proper():
        for size in sizes:
            yield ONE if size == 0 else Batch((ONE,) * size)

    costs = [max(1, size) for size in sizes]
    assert driven(within(greedy(), Allowance(most)))[1] <= most
    whole = sum(costs) <= most
    if whole:
        assert driven(within(proper(), Allowance(most)))[1] == sum(costs)
    else:
        with pytest.raises(EndedError):
            driven(within(proper(), Allowance(most)))


def test_one_allowance_serves_all_steps():
    left = Allowance(4)
    report = Diagnosis()

    def step(size):
        yield Batch((ONE,) * size)

    def all_steps():
        for size, what in ((3, "window"), (2, "conditions"), (1, "time"), (1, "users")):
            yield from attempt(what, step(size), report, left)

    assert driven(all_steps())[1] == 4
    assert [(gap.what, gap.why) for gap in report.gaps] == [("conditions", "requests"), ("users", "requests")]


@pytest.mark.parametrize(
    ("error", "why_not"),
    [
        (PermissionDeniedError("no"), "access"),
        (NotFoundError("no"), "failure"),
        (RequestTimeoutError("no"), "answer"),
        (OpenReplayToolsError("no"), "failure"),
    ],
)
def test_no_failure_leaves_an_examination(error, why_not):
    report, left = Diagnosis(), Allowance()

    def step():
        yield ONE

    driven(attempt("projects", step(), report, left), error)
    assert [(gap.what, gap.why) for gap in report.gaps] == [("projects", why_not)]
    assert left.left == (0 if why_not == "answer" else MOST_REQUESTS - 1), "no second wait for a silent server"


@given(st.dictionaries(st.sampled_from("abcde"), st.frozensets(st.integers(0, 7)), min_size=1), st.integers(1, 6))
def test_what_is_said_of_conditions_is_true(sets, most):
    """Conditions are sets of things; the truth is counted by hand, whatever of it could be looked into."""
    things = frozenset(range(8))
    if frozenset.intersection(things, *sets.values()):
        return
    parts = [(Finding(argument="events"), [other for other in sets if other != name]) for name in sets]

    def count(names):
        yield ONE
        return len(frozenset.intersection(things, *(sets[name] for name in names)))

    report = Diagnosis(in_window=len(things))
    driven(leave_out(report, Allowance(most), parts, count))
    for (finding, others), name in zip(parts, sets, strict=True):
        if finding.without is not None:
            assert finding.without == len(frozenset.intersection(things, *(sets[other] for other in others)))
        if finding.alone is not None:
            assert finding.alone == len(sets[name])
    examined = len(parts) == 1 or len(parts) <= most
    assert ([gap.what for gap in report.gaps] == ["conditions"]) is not examined
    said = "".join(str(part) for line in why(report, "notes", None) for part in line)
    single = all(finding.without == 0 for finding in report.findings)
    assert ("no condition alone is the reason" in said) <= single


def test_what_is_spelled_alike():
    assert alike("Safarri", ["Mobile Safari", "Safari", "Chrome"]) == ["Safari"]
    assert alike("safari", ["Safari"]) == ["Safari"]
    assert alike("Netscape", ["Safari", "Chrome", "Edge", "Samsung Internet"]) == []
    assert alike("Safari", ["Safari"]) == []


# --- never more than six, for every search ----------------------------------------------------------------------------


def event(name, prop="", operator="is", *values, absent=False):
    condition = {"event": name, "absent": absent}
    return condition | ({"property": prop, "operator": operator, "values": list(values)} if prop else {})


SESSION_CONDITIONS = [
    {"browser": "Netscape"}, {"os": "Windows"}, {"country": "AQ"}, {"device_type": "tablet"}, {"user_id": "nobody"},
    {"url_path": "/chekout"}, {"min_duration": "5h"}, {"issue_type": "crash"},
    {"events": [event("CRASH"), event("purchase"), event("signup_done")]},
    {"events": [event("purchase", "total", "greater", "5000000"), event("ERROR", absent=True)]},
    {"filters": [{"name": "plan", "values": ["Enterprise"]}]},
    {"filters": [{"name": "plan", "operator": "is_not", "values": ["pro"]}]},
]  # fmt: skip
ORDERS = ["all", "any", "in_sequence"]


def extra(server, toolkit, name, arguments):
    """Return how many requests an empty first page costs beyond a page that is not looked into, and its text."""
    toolkit.call(name, {**arguments, "page": 2})  # what is remembered is remembered now
    server.requests.clear()
    later = toolkit.call(name, {**arguments, "page": 2})
    base = len(server.requests)
    server.requests.clear()
    first = toolkit.call(name, {**arguments, "page": 1})
    assert not first.is_error, first.text
    assert later.data["diagnosis"] is None
    return len(server.requests) - base, first


@pytest.fixture(scope="module")
def signed(server):
    with toolkit_over(server, **LOGIN) as bound:
        yield bound


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(0, len(SESSION_CONDITIONS) - 1), max_size=8), st.sampled_from(ORDERS), st.booleans())
def test_a_session_search_costs_six_more_at_most(server, signed, chosen, order, empty_window):
    arguments = {"events_order": order, **(NONE if empty_window else {})}
    for index in chosen:
        for field, value in SESSION_CONDITIONS[index].items():
            arguments[field] = [*arguments.get(field, []), *value] if isinstance(value, list) else value
    arguments["events"] = arguments.get("events", [])[:5]
    cost, reply = extra(server, signed, "openreplay_search_sessions", arguments)
    assert cost <= MOST_REQUESTS
    if reply.data["total"] == 0:
        every(reply.text)
        assert reply.data["diagnosis"] is not None


USER_CONDITIONS = [
    {"query": "zzzz"}, {"query": KIOSK}, {"last_seen_since": "1m"}, {"created_until": "2001-01-01"},
    {"filters": [{"name": "country", "values": ["AQ"]}]}, {"filters": [{"name": "user_id", "values": ["Nobody"]}]},
    {"filters": [{"name": "property:plan", "values": ["none"]}]}, {"events": [{"event": "no_such"}]},
]  # fmt: skip
EVENT_CONDITIONS = [
    {"kinds": ["CRASH"]}, {"user_id": "nobody"}, {"session": "12"},
    {"filters": [{"name": "browser", "values": ["Netscape"]}]}, {"filters": [{"name": "country", "values": ["AQ"]}]},
    {"filters": [{"name": f, "values": ["x"]} for f in ("city", "state", "url", "path", "referrer", "os")]},
]  # fmt: skip
NOTE_CONDITIONS = [{"query": "zzzz"}, {"tag": "none"}, {"mine_only": True}, {"session": "12"}]
LIVE_CONDITIONS = [
    {"filters": [{"name": name, "values": ["nothing"]}]}
    for name in ("browser", "os", "user_id", "city", "country", "metadata:plan")
]


def combined(conditions):
    """Yield every combination of up to two conditions, three that stand side by side, and all at once."""
    few = itertools.chain(*(itertools.combinations(conditions, size) for size in range(3)))
    three = [(conditions * 2)[first : first + 3] for first in range(len(conditions))]
    for some in itertools.chain(few, three, [conditions]):
        arguments = {}
        for field, value in itertools.chain(*(one.items() for one in some)):
            arguments[field] = [*arguments.get(field, []), *value] if isinstance(value, list) else value
        yield arguments


SEARCHES = {
    "search_users": USER_CONDITIONS,
    "search_events": EVENT_CONDITIONS,
    "list_notes": NOTE_CONDITIONS,
    "search_live_sessions": LIVE_CONDITIONS,
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("door", ["signed", "keyed"])
def test_every_other_search_costs_six_more_at_most(server, request, name, door):
    if door == "keyed" and name in {"search_events", "list_notes"}:
        return  # they need a login
    toolkit = request.getfixturevalue(door)
    empty = 0
    for arguments in combined(SEARCHES[name]):
        if arguments.get("mine_only") and arguments.get("session"):
            continue  # refused
        cost, reply = extra(server, toolkit, f"openreplay_{name}", arguments)
        assert cost <= MOST_REQUESTS, arguments
        if not reply.data["total"]:
            empty += 1
            every(reply.text)
    assert empty > 5


@pytest.mark.parametrize("door", ["signed", "keyed"])
@pytest.mark.parametrize("user", ["nobody", "Ann@example.org", "ann@example.com", BOB, ANN, "x" * 200, "@", "%_"])
@pytest.mark.parametrize("window", [{}, NONE])
def test_a_users_sessions_cost_six_more_at_most(server, request, door, user, window):
    toolkit = request.getfixturevalue(door)
    cost, reply = extra(server, toolkit, "openreplay_list_user_sessions", {"user_id": user, **window})
    assert cost <= MOST_REQUESTS
    if not reply.data["total"]:
        every(reply.text)


@pytest.mark.parametrize("door", ["signed", "keyed"])
@pytest.mark.parametrize(
    "part", [{}, {"kinds": ["CRASH"]}, {"until": "2020-01-01"}, {"from_offset": "9:00", "kinds": ["CLICK"]}]
)
@pytest.mark.parametrize("session", [OF_BOB, "12", "4113715799632530000"])
def test_a_sessions_events_cost_six_more_at_most(server, request, door, part, session):
    cost, reply = extra(
        server, request.getfixturevalue(door), "openreplay_list_session_events", {"session": session, **part}
    )
    assert cost <= MOST_REQUESTS
    every(reply.text)


def test_who_is_live_costs_six_more_at_most(server, signed, keyed):
    for toolkit in (signed, keyed):
        toolkit.call("openreplay_list_live_sessions", {})
        server.requests.clear()
        reply = toolkit.call("openreplay_list_live_sessions", {"user_id": "nobody"})
        assert len(server.requests) <= 1 + MOST_REQUESTS
        assert every(reply.text) == 'Why: user_id "nobody" fits none of the 6 live sessions.'


def test_a_walk_asks_for_no_reasons(server, signed):
    from openreplay_tools.openreplay.session_search import search_sessions
    from openreplay_tools.openreplay.user_search import search_users

    for operation, arguments in ((search_sessions, {"browser": "Netscape"}), (search_users, {"query": "zzzz"})):
        assert list(signed.client.iterate(operation, **arguments)) == []
        server.requests.clear()
        assert list(signed.client.iterate(operation, **arguments)) == []
        assert len(server.requests) == 1


# --- each statement is true -------------------------------------------------------------------------------------------


def test_a_value_that_nobody_has(ask, visits):
    text, told = ask("search_sessions", browser="Safarri")
    assert every(text) == (
        f'Why: browser "Safarri" occurs in none of the {len(visits)} sessions of this window. At other times: none '
        "either."
    )
    assert "Nearest value: Safari. Values of browser that occur: Chrome, " in text
    (finding,) = told["findings"]
    assert set(finding["occurring"]) <= {one["userBrowser"] for one in visits}
    assert (finding["alone"], finding["without"], told["ever"]) == (0, len(visits), 0)


def test_a_value_that_nobody_has_beside_another_condition(ask, visits):
    text, told = ask("search_sessions", browser="Netscape", country="DE")
    without = sum(one["userCountry"] == "DE" for one in visits)
    assert f'browser "Netscape" occurs in no session of this window. Without it: {without} sessions.' in every(text)
    assert [finding["alone"] for finding in told["findings"]] == [0, without]
    assert "Nearest" not in text


def test_two_values_that_never_meet(ask, visits):
    text, told = ask("search_sessions", browser="Safari", os="Windows")
    safari = sum(one["userBrowser"] == "Safari" for one in visits)
    windows = sum(one["userOs"] == "Windows" for one in visits)
    assert every(text).startswith(
        "Why: together the conditions fit no session of this window. "
        f'Without browser is "Safari": {windows}; without os is "Windows": {safari}.'
    )
    assert [finding["alone"] for finding in told["findings"]] == [safari, windows]
    of_windows = {one["userBrowser"] for one in visits if one["userOs"] == "Windows"}
    assert set(told["findings"][0]["occurring"]) == of_windows


def test_three_of_which_one_is_in_the_way(ask, visits):
    text, told = ask("search_sessions", browser="Safari", os="Mac OS X", country="AQ")
    without = sum(one["userBrowser"] == "Safari" and one["userOs"] == "Mac OS X" for one in visits)
    assert [finding["without"] for finding in told["findings"]] == [0, 0, without]
    assert f'country "AQ" occurs in no session of this window. Without it: {without} sessions.' in every(text)
    text, told = ask("search_sessions", browser="Netscape", os="BeOS", country="AQ")
    assert [finding["without"] for finding in told["findings"]] == [0, 0, 0]
    assert told["findings"][0]["alone"] == 0
    assert "Without it" not in text


def test_a_user_that_was_here_at_another_time(ask, world):
    own = [one["startTs"] for one in world.sessions if one["userId"] == ANN]
    text, told = ask("search_sessions", user_id=ANN, since="2026-11-15", until="2026-11-16")
    assert told["ever"] == len(own)
    assert f"At any time: {len(own)} sessions, the newest 2026-11-19 23:26 UTC; widen since." in every(text)
    text, told = ask("list_user_sessions", user_id=ANN, since="2026-11-15", until="2026-11-16")
    assert f"{told['ever']} sessions of this user lie outside this window; the newest starts 2026-11-19" in every(text)


def test_a_user_beside_other_conditions_is_never_called_unknown(ask, world, server):
    """However many conditions there are, and although no session ever met them all."""
    visits_of = {}
    for one in world.sessions:
        visits_of.setdefault(one["userId"], []).append(one["startTs"])
    away = next(user for user, starts in visits_of.items() if user and "@" in user and len(starts) > 4
                and max(starts) < NOW - DAY)  # fmt: skip
    more = [{"browser": "Netscape"}, {"country": "DE"}, {"url_path": "/checkout"}, {"os": "Windows"},
            {"device_type": "tablet"}, {"min_duration": "1s"}]  # fmt: skip
    for number in range(1, len(more) + 1):
        others = dict(pair for each in more[:number] for pair in each.items())
        text, told = ask("search_sessions", user_id=away, since="1d", **others)
        assert f'user id "{away}" occurs in no session of this window.' in every(text)
        assert every(text).endswith(" All conditions together: at no other time either.")
        count = len(visits_of[away])
        assert f'user id is "{away}" alone, at any time: {count} sessions, the newest 2026-' in text
        assert "none either" not in text
        (whose,) = (one for one in told["findings"] if one["conditions"][0]["subject"] == "user id")
        assert (whose["alone"], whose["ever"]) == (0, count)
    text, told = ask("search_sessions", user_id="nobody", since="1d", **others)
    assert 'user id is "nobody" fits no session at any time, even alone.' in text


def test_a_user_who_was_here_is_not_told_as_absent(ask, world):
    """The newest visit lies in the window: whether others do is not known without counting."""
    text, told = ask("search_sessions", user_id=ANN, browser="Netscape", country="AQ", url_path="/no", os="BeOS")
    assert f'"{ANN}" occurs in no session' not in text
    own = sum(one["userId"] == ANN for one in world.sessions)
    assert f'user id is "{ANN}" alone, at any time: {own} sessions' in text
    assert next(one for one in told["findings"] if one["conditions"][0]["subject"] == "user id")["alone"] != 0


def test_an_id_with_a_letter_too_many(ask, ask_with_key, signed_in, keyed):
    for call in (ask, ask_with_key):
        text, told = call("list_user_sessions", user_id="anne@example.org")
        assert "Nearest: ann@example.org." in text
        assert told["similar"] == [ANN]
    for toolkit in (signed_in, keyed):
        assert (
            "Nearest: ann@example.org."
            in toolkit.call("openreplay_summarize_user", {"user_id": "anne@example.org"}).text
        )


def test_an_id_in_another_case(ask, ask_with_key):
    for call in (ask, ask_with_key):
        text, told = call("list_user_sessions", user_id="Ann@example.org")
        assert every(text).endswith("ids are case-sensitive. Nearest: ann@example.org.")
        assert (told["similar"], told["record"], told["ever"]) == ([ANN], False, 0)
    text, told = ask("search_sessions", user_id="ANN@example.com")
    assert "User ids are exact and case-sensitive. Nearest: ann@example.org." in text


def test_a_user_with_a_record_and_no_session(ask, world):
    seen = {one["userId"] for one in world.sessions}
    quiet = next(user["$user_id"] for user in world.users if user["$user_id"] not in seen and "@" in user["$user_id"])
    text, told = ask("list_user_sessions", user_id=quiet)
    assert every(text).startswith("Why: a record of this user exists, but no session was ever recorded under this id")
    assert told["record"] is True


def test_an_id_without_a_record(ask, ask_with_key, world):
    there = sum(one["userId"] == KIOSK for one in world.sessions)
    for call in (ask, ask_with_key):
        for arguments in ({"query": KIOSK}, {"filters": [{"name": "user_id", "values": [KIOSK]}]}):
            text, told = call("search_users", **arguments)
            assert f'Why: "{KIOSK}" has no record as a user, but {there} sessions: ' in every(text)
            assert told["under_id"] == there


def test_a_record_that_another_condition_excludes_is_not_denied(ask, world):
    ids = {"name": "user_id", "values": [ANN]}
    text, told = ask("search_users", filters=[ids, {"name": "country", "values": ["AQ"]}])
    assert told["under_id"] is None
    assert 'Why: country "AQ" fits no user. Without it: at most 1 user.' in every(text)
    assert any(user["$user_id"] == ANN for user in world.users)


def test_users_of_the_other_project(ask, ask_with_key):
    for call in (ask, ask_with_key):
        text, told = call("search_users", query=BOB)
        assert "This may be the wrong project: Acme Recorded has 1 user of it." in text
        assert told["elsewhere"] == [{"project": "Acme Recorded", "project_key": RECORDED, "total": 1}]
        text, told = call("list_user_sessions", user_id=BOB)
        total = told["elsewhere"][0]["total"]
        assert f"This may be the wrong project: Acme Recorded has {total} sessions of it." in text
        again = call("list_user_sessions", user_id="nobody at all")[1]
        assert again["elsewhere"] == []
    text, told = ask("search_sessions", user_id=BOB)
    assert told["elsewhere"][0]["total"] == total


def test_a_session_of_the_other_project(ask, ask_with_key, signed_in, keyed):
    there = signed_in.call("openreplay_list_session_events", {"session": OF_BOB, "project": RECORDED}).data
    for call in (ask, ask_with_key):
        text, told = call("list_session_events", session=OF_BOB)
        assert every(text) == "Why: this project has no session with this id."
        assert f"Acme Recorded has {told['elsewhere'][0]['total']} events of it." in text
        assert "Missing access" not in text, "it is known where the session is"
        summary = (signed_in if call is ask else keyed).call("openreplay_summarize_session", {"session": OF_BOB}).text
        assert "This may be the wrong project: Acme Recorded has" in summary
        assert "Missing access" not in summary
    assert told["record"] is None
    nowhere, _ = ask_with_key("list_session_events", session="4113715799632532495")
    assert "Missing access (it takes a dashboard login with the permission), so not looked into: whether" in nowhere
    assert ask("list_session_events", session=OF_BOB)[1]["record"] is False
    assert there["total"] > 0


def test_a_part_of_a_session_without_events(ask_with_key):
    text, told = ask_with_key("list_session_events", session=OF_BOB, project=RECORDED, from_offset="9:00")
    assert told["in_window"] == 18
    assert every(text).startswith("Why: nothing in this part; the whole session has 18 events.")


def test_a_recorded_session_of_the_future_is_not_told_as_new():
    for ahead, future in ((59_000, False), (61_000, True), (90 * DAY, True)):
        session = str((NOW + ahead - 1_550_000_000_000) << 24)
        routes = {r"GET /v2/api/1/sessions/\d+/first-mob": {"data": {}}, r"POST /v2/api/1/": EMPTY}
        text = every(scripted(routes).call("list_session_events", session=session).text)
        assert ("it begins later than this clock says it is now" in text) is future
        assert ("its recording began 0 minutes ago" in text) is not future


def test_a_session_that_is_still_recorded(server, signed):
    live = server.store.live[1][0]["sessionID"]
    text = signed.call("openreplay_list_session_events", {"session": live}).text
    assert "ago" in text
    mistyped = signed.call("openreplay_list_session_events", {"session": "9" * 18}).text
    assert "this project has no session with this id" in mistyped
    with toolkit_over(server) as keyed:
        text = keyed.call("openreplay_list_session_events", {"session": "12"}).text
    assert "this id holds no time at which a recording can have begun; it is probably mistyped." in text


def test_an_empty_window(ask, world):
    newest = max(one["startTs"] for one in world.sessions)
    text, told = ask("search_sessions", **NONE)
    assert every(text) == (
        "Why: this window holds no sessions at all. The newest of this project: 2026-11-20 18:08 UTC."
    )
    assert (told["in_window"], told["kept"]) == (0, len(world.sessions))
    assert newest // 60_000 == round(FIXED_NOW.timestamp() * 1000) // 60_000 - 7
    text, told = ask("search_sessions", browser="Chrome", **NONE)
    chrome = sum(one["userBrowser"] == "Chrome" for one in world.sessions)
    assert f"At any time: {chrome} sessions, the newest " in every(text)


def test_an_event_that_happened_before(ask, world):
    there = {one["session_id"] for one in world.events if one["$event_name"] == "CRASH"}
    today = sum(one["startTs"] >= NOW - DAY for one in world.sessions)
    text, told = ask("search_sessions", events=[event("CRASH")], since="24h")
    assert told["ever"] == len(there)
    assert every(text).startswith(f"Why: none of the {today} sessions of this window did CRASH. At any time: ")


def test_an_event_beside_another_condition(ask, world):
    there = {one["session_id"] for one in world.events if one["$event_name"] == "signup_done"}
    text, told = ask("search_sessions", events=[event("signup_done")], min_duration="1s", since="12h")
    (_, finding) = told["findings"]
    assert (finding["alone"], finding["ever"]) == (0, len(there))
    assert f"did signup_done alone, at any time: {len(there)} sessions, the newest 2026-" in text


def test_values_of_a_property(ask, world):
    text, told = ask("search_sessions", events=[event("purchase", "total", "greater", "5000000")])
    occurring = {json.dumps(one["properties"]["total"]) for one in world.events if one["$event_name"] == "purchase"}
    (finding,) = told["findings"]
    assert finding["occurring"]
    assert set(finding["occurring"]) <= {*occurring, *(text.strip('"') for text in occurring)}
    assert 'Values of "total" that occur: ' in text


def test_alternatives_are_one_condition(ask, visits):
    steps = [event("CRASH", "name", "is", "none"), event("purchase", "total", "greater", "5000000")]
    text, told = ask("search_sessions", events=steps, events_order="any", browser="Chrome")
    chrome = sum(one["userBrowser"] == "Chrome" for one in visits)
    assert [len(finding["conditions"]) for finding in told["findings"]] == [1, 2]
    assert told["findings"][1]["without"] == chrome
    assert " or did purchase" in every(text)


def test_events_by_their_conditions(ask, world):
    since = NOW - 7 * DAY
    errors = [one for one in world.events if one["$event_name"] == "ERROR" and one["created_at"] >= since]
    text, told = ask("search_events", kinds=["ERROR"], filters=[{"name": "browser", "values": ["Netscape"]}])
    assert f'browser "Netscape" occurs in no event of this window. Without it: {len(errors)} events.' in every(text)
    assert told["in_window"] == sum(one["created_at"] >= since for one in world.events)
    text, told = ask("search_events", user_id="Ann@example.org")
    assert "Nearest: ann@example.org." in text


def test_live_sessions_by_their_conditions(ask, ask_with_key, world):
    for call in (ask, ask_with_key):
        text, _ = call("search_live_sessions", filters=[{"name": "browser", "values": ["Netscape"]}])
        assert every(text).endswith(f"fits none of the {len(world.live)} live sessions.")
    with Sandbox(pulse=unhurried()) as own, toolkit_over(own) as toolkit:
        own.store.live = {1: []}
        text = toolkit.call("openreplay_search_live_sessions", {}).text
    assert every(text) == "Why: this project has no live sessions at all, or none that may be seen."
    assert "The server also answers 0 while its live service is out of reach." in text


# --- what cannot be looked into ---------------------------------------------------------------------------------------


def test_a_role_that_may_see_less(server):
    member = {"api_key": "", "email": server.member_email, "password": server.password}
    with toolkit_over(server, **member) as toolkit:
        text = toolkit.call("openreplay_list_user_sessions", {"user_id": "nobody"}).text
        assert every(text) == "Why: no session was ever recorded under exactly this id; ids are case-sensitive."
        lacking = "Missing access (the login's role lacks the permission DATA_MANAGEMENT), so not looked into: "
        assert f"{lacking}users with a similar id." in text
        text = toolkit.call("openreplay_search_sessions", {"user_id": "nobody", "browser": "Safari"}).text
        assert f"{lacking}users with a similar id." in text
        text = toolkit.call(
            "openreplay_search_sessions", {"events": [event("purchase", "total", "greater", "5000000")]}
        ).text
        assert "so not looked into: values that occur" in text


EMPTY = {"data": {"total": 0, "sessions": None, "users": None, "events": None, "notes": None, "count": 0}}
TROUBLES = {
    "forbidden": lambda: httpx.Response(403, json={"errors": ["not enough permissions"]}),
    "unauthorized": lambda: httpx.Response(401, json={"errors": ["unauthorized"]}),
    "gone": lambda: httpx.Response(404, text="404 page not found\n"),
    "broken": lambda: httpx.Response(500, json={"error": "boom"}),
    "busy": lambda: httpx.Response(429, headers={"Retry-After": "1"}),
    "nonsense": lambda: httpx.Response(200, json={"data": 7}),
    "a page": lambda: httpx.Response(200, text="<html></html>", headers={"Content-Type": "text/html"}),
}


def _silent():
    message = "no answer"
    raise httpx.ReadTimeout(message)


@pytest.mark.parametrize("trouble", [*TROUBLES, "silence"])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("search_sessions", {"browser": "Netscape", "user_id": "nobody"}),
        ("search_users", {"query": "nobody"}),
        ("list_user_sessions", {"user_id": "nobody", "since": "7d"}),
        ("search_events", {"user_id": "nobody"}),
        ("list_session_events", {"session": OF_BOB, "until": "2020-01-01"}),
        ("list_notes", {"query": "nobody"}),
        ("search_live_sessions", {"filters": [{"name": "browser", "values": ["x"]}]}),
    ],
)
def test_trouble_while_examining_leaves_the_answer(trouble, name, arguments):
    """The search itself is answered, everything after it fails."""
    answered = []

    def reply(request):
        if not answered:
            answered.append(request)
            return EMPTY
        return _silent() if trouble == "silence" else TROUBLES[trouble]()

    server = scripted({r"POST /v2/api/1/": reply}, retries=0)
    told = server.call(name, **arguments)
    assert not told.is_error, told.text
    assert told.data["rows"] == []
    assert told.data["diagnosis"]["gaps"], told.text
    assert re.search(r"Not looked into|Could not be looked into|Missing access", told.text), told.text
    every(told.text)


def test_many_projects_are_not_walked():
    projects = {"data": [project(), *(project(f"{'x' * 19}{n}", n, f"P{n}") for n in range(2, 6))]}
    server = Scripted({rf"GET {PREFIX}projects\Z": projects, f"POST {PREFIX}": EMPTY})
    server.call("list_user_sessions", user_id="nobody")
    assert all(f"/{SHOP}/" in str(one.url) for one in server.requests if one.method == "POST")
