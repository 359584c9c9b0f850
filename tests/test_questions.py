"""Questions people ask, answered with the default tools alone: how few calls and characters the truth takes.

Calls are what a sensible agent makes; the facts are counted in the sandbox's own events where they are numbers.
"""

import json
import re
from datetime import UTC, datetime

import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.world import build
from tests.doors import LOGIN
from tests.sandbox.fidelity import unhurried
from tests.servers import toolkit_over

pytestmark = pytest.mark.usefixtures("unpaced")
# A tool set of 27 read 109,000 characters in 80 calls for 16 such questions; half of that is the aim.
MOST_CHARACTERS_EACH = 109_000 / 16 / 2
MOST_CALLS_EACH = 2
RECORDED = "https://openreplay.example.com/2/session/"
LINK = "https://openreplay.example.com/1/session/"
QUESTIONS = {
    "Why did ann@example.org's payment fail yesterday? Show the moment.": (
        [("summarize_user", {"user_id": "ann@example.org", "since": "yesterday"})],
        ["click Pay now → POST /api/checkout → 500", "payment_gateway_unreachable",
         f"{LINK}4112611775002542897?jumpto=44052"],
    ),
    "Since when do payments fail with a server error, in which browser, for how many?": (
        [("find_issues", {"query": "POST /api/checkout → 500", "since": "30d"})],
        ["first here 2026-11-", "Safari"],
    ),
    "When could vip@bigcorp.example last use the account page, when did the invoice fail first, and how?": (
        [("summarize_user", {"user_id": "vip@bigcorp.example"})],
        ["3 times in 3 sessions", "reading 'invoice'", "first bad: 2026-11-18 14:23", "2026-11-15 13:47",
         "4106229455679797991"],
    ),
    "Which sessions of the last 7 days hit the error about 'invoice'?": (
        [("find_issues", {"query": "invoice", "kinds": "errors"})],
        ["4113544283335376317", "4112118515154993382", "4110615503085358698"],
    ),
    "Which button do people click in rage on the cart page, and which variant do they share?": (
        [("find_issues", {"kinds": "frustration", "url_path": "/cart"})],
        ["rage clicks on Apply coupon", "experiment cart-b"],
    ),
    "Where is /category/outdoor slow?": (
        [("find_issues", {"query": "slow page: /category/outdoor"})],
        ["Android"],
    ),
    "Who is Ann@Example.org, and how many sessions do they have?": (
        [("summarize_user", {"user_id": "Ann@Example.org", "limit": 1}),
         ("list_user_sessions", {"user_id": "ann@example.org"})],
        ["Nearest: ann@example.org", "6 of 6 sessions"],
    ),
    "What broke at this moment?": (
        [("open_link", {"link": f"{RECORDED}4113715799632532494?jumpto=9056"})],
        ["click Pay later → Error Payment provider timeout after 3000ms", "bob@example.org"],
    ),
    "How many visits to /checkout with Netscape last week, and why?": (
        [("search_sessions", {"browser": "Netscape", "url_path": "/checkout"})],
        ["0 sessions", 'browser "Netscape" occurs in no session', "Values of browser that occur: Safari"],
    ),
    "What does mallory@example.org do?": (
        [("summarize_user", {"user_id": "mallory@example.org", "limit": 3})],
        ["3 times in 3 sessions", "search 6"],
    ),
    "Why could bob@example.org not pay in project Acme Recorded?": (
        [("summarize_user", {"user_id": "bob@example.org", "project": "Acme Recorded", "limit": 1})],
        ["POST /api/checkout → 500", "Payment provider timeout"],
    ),
    "What failed for team/eve in Acme Recorded?": (
        [("summarize_user", {"user_id": "team/eve", "project": "Acme Recorded"})],
        ["1 of 1 session", "GET /api/recommendations → 404"],
    ),
    "What did the user of this session do over and over?": (
        [("open_link", {"link": f"{RECORDED}4113731156539757585"})],
        ["×73", "click on Hello had no effect", "74 clicks"],
    ),
    "Which plan does ann@example.org have?": (
        [("get_user", {"user_id": "ann@example.org"})],
        ["plan  *pro", "2026-11-19 23:27"],
    ),
    "Which error that is usually harmless is frequent?": (
        [("find_issues", {"query": "ResizeObserver"})],
        ["ResizeObserver loop limit exceeded", "usually harmless", "49 sessions"],
    ),
    "Which three sessions of the last week that saw the cart are longest?": (
        [("search_sessions", {"url_path": "/cart*", "sort": "length", "limit": 3})],
        ["4111161886009034367", "2:38"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def signed_in():
    with Sandbox(pulse=unhurried()) as server, toolkit_over(server, groups=None, effects=None, **LOGIN) as bound:
        yield bound


@pytest.fixture(scope="module")
def world():
    return build(milliseconds(FIXED_NOW))


def plain(text):
    """Return an answer without the marks around recorded text."""
    return re.sub("⟦5602 | 5602⟧", "", text)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_in_few_words(signed_in, question):
    calls, facts = QUESTIONS[question]
    answers = [signed_in.call(f"openreplay_{name}", given) for name, given in calls]
    assert not [reply.text for reply in answers if reply.is_error]
    read = "\n".join(plain(reply.text) for reply in answers)
    assert [
        fact for fact in facts if not (fact in read or re.search(re.escape(fact).replace(r"\ \ \*", " +"), read))
    ] == []
    assert len(calls) <= MOST_CALLS_EACH
    assert max(len(reply.text) for reply in answers) <= 6000


def test_the_numbers_are_those_of_the_events(signed_in, world):
    """What is counted for the failing payment, against every event there is."""
    since = milliseconds(FIXED_NOW) - 7 * 86_400_000
    failing = [one for one in world.events if one["$event_name"] == "REQUEST" and one["created_at"] >= since
               and one["$properties"].get("status") == 500 and "/api/checkout" in one["$current_url"]]  # fmt: skip
    starts = {one["sessionId"]: one["startTs"] for one in world.sessions}
    failing = [one for one in failing if starts[one["session_id"]] >= since]
    reply = signed_in.call("openreplay_find_issues", {"query": "POST /api/checkout → 500"})
    (issue,) = reply.data["rows"]
    assert issue["sessions"] == len({one["session_id"] for one in failing})
    assert issue["occurrences"] == len(failing)
    first = min(one["created_at"] for one in failing)
    assert datetime.fromisoformat(issue["first_seen"]) == datetime.fromtimestamp(first / 1000, UTC)


def test_all_of_them_together_cost_less_than_half_of_what_others_read(signed_in):
    definitions = sum(
        len(
            json.dumps(
                {"name": op.tool_name, "description": op.description, "parameters": op.schema}, ensure_ascii=False
            )
        )
        for op in signed_in.operations
    )
    spent = []
    for calls, _ in QUESTIONS.values():
        spent += [len(signed_in.call(f"openreplay_{name}", given).text) for name, given in calls]
    assert sum(spent) + definitions <= MOST_CHARACTERS_EACH * len(QUESTIONS)
