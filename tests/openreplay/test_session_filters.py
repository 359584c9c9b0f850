"""Arguments of a session search in the server's form: as recorded, checked before, never silently something else."""

import json
from datetime import UTC, datetime

import pytest

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.patterns import check_pattern
from openreplay_tools.openreplay.session_filters import said
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.openreplay.session_steps import Applied, listed_form
from tests.openreplay.catalogued import RECORDINGS, recorded, scripted

SEARCH = r"POST /v2/api/1/sessions/search\Z"
SAVED = r"GET /v2/api/1/sessions/search/saved"


def exchange(name):
    lines = (RECORDINGS / "app_search.jsonl").read_text("utf-8").splitlines()
    return next(each for each in map(json.loads, lines) if each["id"] == name)


def event(name, prop="", operator="is", *values, absent=False):
    given = {"event": name, "absent": absent}
    return given | ({"property": prop, "operator": operator, "values": list(values)} if prop else {})


def by(name, *values, operator="is"):
    return {"name": name, "operator": operator, "values": list(values)}


def saved_search(*filters, order="then"):
    one = {**recorded("app_search-saved-list")["data"][0], "data": {"filters": list(filters), "eventsOrder": order}}
    return {SAVED: {"data": [one], "total": 1}}


def bodies(routes=(), **arguments):
    """Return what the search asks the server."""
    answers = {SEARCH: {"data": {"total": 1, "sessions": [{"sessionId": "1", "duration": 1}]}}, **dict(routes)}
    server = scripted({r"POST /v2/api/1/sessions/search/ids\Z": {"data": []}, **answers})
    server.client.run(search_sessions, **arguments)
    return sent(server)


def sent(server):
    asked = [each for each in server.requests if each.method == "POST" and "/sessions/search" in str(each.url)]
    return [json.loads(each.content) for each in asked]


def filters(routes=(), **arguments):
    return bodies(routes, **arguments)[0]["filters"]


def refused(routes=(), **arguments):
    server = scripted(dict(routes))
    with pytest.raises(ArgumentsError) as caught:
        server.client.run(search_sessions, **arguments)
    assert not sent(server), "refused before the search is asked"
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("issue-rage", {"issue_type": "rage click"}),
        ("metadata-4", {"filters": [by("release", "4.2.0")]}),
        ("ev-error", {"events": [event("ERROR", "message", "contains", "invoiceId")]}),
        ("ev-lcp", {"events": [event("LOCATION", "LCP", "greater", "5000")]}),
        ("html-search", {"events": [event("search", "query", "is", '<b>&"')]}),
        ("two-then", {"events": [event("checkout_started"), event("purchase")], "events_order": "in_sequence"}),
    ],
)
def test_it_asks_what_was_recorded_and_reads_the_answer(name, arguments):
    asked = json.loads(exchange(f"app_search-{name}")["request_body"])
    reply = recorded(f"app_search-{name}")
    start, end = (str(datetime.fromtimestamp(asked[f"{edge}Timestamp"] / 1000, UTC)) for edge in ("start", "end"))
    server = scripted({SEARCH: reply})
    page = server.client.run(search_sessions, since=start, until=end, limit=5, **arguments)
    (body,) = sent(server)
    assert body["filters"] == asked["filters"]
    assert body["startTimestamp"] == asked["startTimestamp"]
    assert body["endTimestamp"] == asked["endTimestamp"] - 1
    assert page.total == reply["data"]["total"]
    assert [row.session_id for row in page.rows] == [row["sessionId"] for row in reply["data"]["sessions"]]
    first = reply["data"]["sessions"][0]
    assert page.rows[0].user_id == first["userId"]
    assert page.rows[0].duration_ms == first["duration"]


def test_defaults_are_the_last_week_newest_first():
    (body,) = bodies()
    assert body["endTimestamp"] - body["startTimestamp"] == 7 * 86_400_000 - 1
    assert (body["sort"], body["order"], body["eventsOrder"], body["filters"]) == ("startTs", "desc", "and", [])


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ({"browser": "mobile safari"}, "userBrowser", ["Mobile Safari"]),
        ({"browser": "Netscape"}, "userBrowser", ["Netscape"]),
        ({"os": "macos"}, "userOs", ["Mac OS X"]),
        ({"country": "br"}, "userCountry", ["BR"]),
        ({"device_type": "Desktop"}, "userDeviceType", ["desktop"]),
        ({"user_id": " odd id "}, "userId", [" odd id "]),
        ({"filters": [by("user_browser", "chrome", "EDGE")]}, "userBrowser", ["Chrome", "Edge"]),
        ({"filters": [by("Platform", "Mobile")]}, "platform", ["mobile"]),
        ({"filters": [by("metadata_2", "BigCorp")]}, "metadata_2", ["BigCorp"]),
        ({"filters": [by("Plan", "free", "pro")]}, "metadata_1", ["free", "pro"]),
        ({"filters": [by("utm source", "mail")]}, "utmSource", ["mail"]),
        ({"filters": [by("issue", "js errors", "Dead-Click")]}, "issue", ["js_exception", "dead_click"]),
        ({"issue_type": "failed requests"}, "issue", ["bad_request"]),
        ({"issue_type": "crashes"}, "issue", ["crash"]),
        ({"issue_type": "mouse_thrashing"}, "issue", ["mouse_thrashing"]),
        ({"min_duration": "30s"}, "duration", ["30000", ""]),
        ({"max_duration": "1:30"}, "duration", ["", "90000"]),
        ({"min_duration": "1m", "max_duration": "2s"}, "", ""),
        ({"filters": [by("Duration", "2m", operator="greater")]}, "duration", ["120001", ""]),
        ({"filters": [by("duration", "2m", operator="less")]}, "duration", ["", "119999"]),
        ({"filters": [by("country", r"^\d", operator="regex")]}, "userCountry", [r"^\d"]),
    ],
)
def test_values_are_written_as_the_server_spells_them(arguments, name, value):
    if not name:
        assert "No session is both" in refused(**arguments)
        return
    (wire,) = filters(**arguments)
    assert (wire["name"], wire["value"]) == (name, value)
    assert (wire["isEvent"], wire["autoCaptured"]) == (False, True)


def test_bounds_on_the_length_become_one():
    given = {"min_duration": "30s", "max_duration": "5m", "browser": "Edge"}
    wires = filters(**given, filters=[by("duration", "1m", operator="greater_or_equal")])
    assert [wire["value"] for wire in wires if wire["name"] == "duration"] == [["60000", "300000"]]
    assert len(wires) == 2


def test_numbers_are_compared_as_numbers():
    (wire,) = filters(filters=[by("screenWidth", "1000", operator="greater")])
    assert (wire["operator"], wire["value"], wire["dataType"]) == (">", ["1000"], "number")
    (step,) = filters(events=[event("purchase", "total", "less_or_equal", "9.50")])
    assert step["filters"] == [
        {"name": "total", "operator": "<=", "value": ["9.50"], "dataType": "number", "isEvent": False,
         "autoCaptured": False}
    ]  # fmt: skip
    assert (step["autoCaptured"], step["propertyOrder"]) == (False, "and")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (event("request", "url_path", "is", "/x"), "urlPath"),
        (event("CLICK", "path", "is", "/x"), "urlPath"),
        (event("Network Request", "urlHost", "is", "x"), "url_host"),
        (event("ISSUE", "issue_type", "is", "x"), "issueType"),
        (event("ISSUE", "type", "is", "x"), "issueType"),
        (event("Page View", "url", "ends_with", "x"), "url"),
        (event("REQUEST", "property:protocol", "is", "h3"), "protocol"),
        (event("REQUEST", "property:took", "greater", "3"), "took"),
    ],
)
def test_events_and_their_properties_have_many_spellings(given, name):
    (step,) = filters(events=[given])
    assert [inner["name"] for inner in step["filters"]] == [name]
    assert step["autoCaptured"] is step["filters"][0]["autoCaptured"] is True


@pytest.mark.parametrize(
    ("path", "operator", "value"),
    [
        ("/checkout", "is", "/checkout"), ("/product/*", "startsWith", "/product/"), ("*/edit", "endsWith", "/edit"),
        ("*cart*", "contains", "cart"), ("/", "is", "/"), ("/a_b%", "is", "/a_b%"),
    ],
)  # fmt: skip
def test_a_page_is_told_by_its_path(path, operator, value):
    (step,) = filters(url_path=path)
    assert step["name"] == "LOCATION"
    assert step["filters"] == [
        {"name": "urlPath", "operator": operator, "value": [value], "isEvent": False, "autoCaptured": True}
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"filters": [by("browzer", "x")]}, 'unknown filter "browzer". Nearest: browser'),
        ({"filters": [by("revId", "x")]}, "never matches"),
        ({"filters": [by("issueType", "x")]}, "use issue"),
        ({"filters": [by("eventsCount", "5", operator="greater")]}, "sort by it instead"),
        ({"filters": [by("browser")]}, "is needs at least one value"),
        ({"filters": [by("browser", "")]}, "none of them empty"),
        ({"filters": [by("browser", "5", operator="greater")]}, '"userBrowser" is text'),
        ({"filters": [by("screen_width", "wide")]}, '"screen_width" is a number'),
        ({"filters": [by("screen_width", operator="missing")]}, '"screen_width" is a number'),
        ({"filters": [by("screen_width", "1", operator="contains")]}, '"screen_width" is a number'),
        ({"filters": [by("screen_width", "1", "2", operator="less")]}, "takes one number"),
        ({"filters": [by("duration", "2m")]}, "duration takes greater"),
        ({"filters": [by("duration", "long", operator="less")]}, '"long" is no length'),
        ({"filters": [by("issue", "click_rage", operator="contains")]}, "use is or is_not"),
        ({"filters": [by("issue", "clik_rage")]}, "Nearest: click_rage"),
        ({"filters": [by("browser", "(?=x)", operator="regex")]}, "no look-around"),
        ({"filters": [by("country", "Germany")]}, "two-letter country code"),
        ({"country": "Germany"}, "two-letter country code"),
        ({"issue_type": "boredom"}, "There are: js_exception, bad_request, missing_resource"),
        ({"min_duration": "soon"}, 'min_duration: "soon" is no length of a session'),
        ({"max_duration": "0s"}, "no length of a session"),
        ({"max_duration": "9h", "min_duration": "200h"}, '"200h" is no length'),
        ({"url_path": "checkout"}, "not the path of a page"),
        ({"url_path": "https://shop.example/checkout"}, "not the path of a page"),
        ({"url_path": "/checkout?step=2"}, "not the path of a page"),
        ({"url_path": "/a*b"}, "not the path of a page"),
        ({"url_path": "**"}, "not the path of a page"),
        ({"events": [event("purchas")]}, 'no event "purchas" occurs in this project. Nearest: purchase'),
        ({"events": [{"event": "purchase", "values": ["x"]}]}, "need a property"),
        ({"events": [{"event": "purchase", "operator": "missing"}]}, "need a property"),
        ({"events": [event("REQUEST", "status", "is_not", "200")]}, "operator=is with absent=true"),
        ({"events": [event("CLICK", "label", "not_contains", "x")]}, "operator=contains with absent=true"),
        ({"events": [event("purchase", "total", "exists")]}, "Leave property out"),
        ({"events": [event("REQUEST", "stat", "is", "x")]}, 'REQUEST has no property "stat". Nearest: status'),
        ({"events": [event("INPUT", "zzz", "is", "x")]}, 'has no property "zzz". It has: label'),
        ({"events": [event("CLICK", "label", "greater", "5")]}, '"label" is text'),
        ({"events": [event("REQUEST", "status", "greater", "high")]}, "takes one number"),
        ({"events": [event("CLICK", "label", "is")]}, "at least one value"),
        ({"events": [event("CLICK", "label", "regex", "(")]}, "no regular expression"),
    ],
)
def test_what_the_server_would_ignore_or_mistake_is_refused(arguments, text):
    assert text in refused(**arguments)


@pytest.mark.parametrize(
    "pattern",
    ["^/a+$", "(?i)chrome", r"\d{3}", r"\p{Greek}+", r"[[:alpha:]]x\z", r"a\(?=b", "[(?=]", "x{2,1000}", "a|b", r"\\1"],
)
def test_expressions_of_the_server_are_taken(pattern):
    check_pattern(pattern, "filters")


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<n>a)(?P=n)", "(?>a)", "(a", "*", "x{1001}", "a++", r"\Z",
     "a" * 257, "(a)?(?(1)b|c)"],
)  # fmt: skip
def test_other_expressions_are_refused(pattern):
    with pytest.raises(ArgumentsError, match="filters"):
        check_pattern(pattern, "filters")


def test_a_step_in_the_form_of_the_list_of_events():
    inner = {"isEvent": False, "autoCaptured": True}
    step = {
        "name": "ISSUE",
        "filters": [
            {"name": "issueType", "operator": "is", "value": ["cpu"], **inner},
            {"name": "urlPath", "operator": "startsWith", "value": ["/a_b"], **inner},
            {"name": "url", "operator": "endsWith", "value": ["50%"], **inner},
            {"name": "url", "operator": "contains", "value": ["plain"], **inner},
            {"name": "total", "operator": ">", "value": ["5"], "dataType": "number", "autoCaptured": False},
            {"name": "label", "operator": "isUndefined", "value": [], **inner},
        ],
    }
    assert listed_form(step) == [
        {"name": "$event_name", "operator": "is", "value": ["ISSUE"]},
        {"name": "issue_type", "operator": "is", "value": ["cpu"], "autoCaptured": True},
        {"name": "urlPath", "operator": "regex", "value": [r"(?i)^\/a_b"], "autoCaptured": True},
        {"name": "url", "operator": "regex", "value": [r"(?i)50\%$"], "autoCaptured": True},
        {"name": "url", "operator": "contains", "value": ["plain"], "autoCaptured": True},
        {"name": "total", "operator": ">", "value": ["5"], "dataType": "number"},
        {"name": "label", "operator": "isUndefined", "autoCaptured": True},
    ]
    assert listed_form({"name": "purchase"}) == [{"name": "$event_name", "operator": "is", "value": ["purchase"]}]


def test_a_recorded_saved_search_is_sent_as_the_server_takes_it():
    routes = {SAVED: recorded("app_search-saved-list")}
    (wire,) = filters(routes, saved_search="safari failures")
    assert wire == {
        "name": "userBrowser", "operator": "is", "value": ["Safari"], "isEvent": False, "autoCaptured": True,
        "isAction": False, "isSegment": False,
    }  # fmt: skip


def test_what_a_saved_search_holds_is_set_right_or_refused():
    step = {"name": "CLICK", "operator": "is", "isEvent": True, "propertyOrder": "", "filters": [
        {"name": "label", "operator": "contains", "value": ["Pay"], "dataType": ""}]}  # fmt: skip
    odd = {"name": "screenWidth", "operator": ">", "value": ["5"], "dataType": "UInt16", "autoCaptured": True}
    segment = {"searchId": "00000000-0000-0000-0000-000000000000", "isSegment": True}
    wires = filters(saved_search(step, odd, segment, order=""), saved_search="Safari failures")
    assert wires == [
        {"name": "screenWidth", "operator": ">", "value": ["5"], "autoCaptured": True},
        {**segment, "operator": "is"},
        {"name": "CLICK", "operator": "is", "isEvent": True, "propertyOrder": "and",
         "filters": [{"name": "label", "operator": "contains", "value": ["Pay"]}]},
    ]  # fmt: skip
    unusable = {"name": "revId", "operator": "is", "value": ["1"], "isEvent": False}
    text = refused(saved_search(unusable), saved_search="Safari failures")
    assert text.startswith("saved_search: Safari failures would find something else than it says.")
    assert "never matches" in text


def test_a_saved_length_is_joined_with_the_one_asked_for():
    saved = {"name": "duration", "operator": "is", "value": [60000, ""], "isEvent": False, "autoCaptured": True}
    wires = filters(saved_search(saved), saved_search="Safari failures", max_duration="5m")
    assert [wire["value"] for wire in wires] == [["60000", "300000"]]
    (empty,) = filters(saved_search(), saved_search="Safari failures", browser="Edge")
    assert empty["name"] == "userBrowser"


def test_a_property_of_an_own_event_may_have_the_prefix_too():
    (step,) = filters(events=[event("purchase", "property:total", "is", "5")])
    assert step["filters"][0]["name"] == "total"


def test_events_of_phones_take_any_property():
    reply = recorded("app_projects-filters")
    reply["data"]["events"]["list"].append({"name": "TAP", "displayName": "Tap", "autoCaptured": True})
    (step,) = filters({r"GET /api/pa/1/filters\Z": reply}, events=[event("taps", "label", "is", "Pay")])
    assert (step["name"], step["filters"][0]["name"], step["filters"][0]["autoCaptured"]) == ("TAP", "label", True)


def test_a_negation_in_a_saved_search_is_subtracted():
    undone = {"name": "purchase", "operator": "isNot", "isEvent": True, "filters": []}
    issue = {"name": "issue", "operator": "isNot", "value": ["cpu"], "isEvent": False, "autoCaptured": True}
    asked = bodies(saved_search(undone, issue), saved_search="Safari failures")
    wires = [[(wire["name"], wire["operator"]) for wire in body["filters"]] for body in asked[:4]]
    assert wires == [[], [("purchase", "is")], [("issue", "is")], [("purchase", "is"), ("issue", "is")]]


@pytest.mark.parametrize(
    ("applied", "words"),
    [
        (Applied(subject="browser", values=["a", "b"]), 'browser is "a" or "b"'),
        (Applied(subject="length", operator="greater_or_equal", values=["90000"]), "length ≥ 1:30"),
        (Applied(subject="user id", operator="exists"), "user id is known"),
        (Applied(subject="plan", own=False, operator="missing"), "plan is missing"),
        (Applied(kind="page", operator="is", values=["/x"]), 'visited "/x"'),
        (Applied(kind="page", operator="contains", values=["x"]), 'visited a page that contains "x"'),
        (Applied(kind="page", operator="starts_with", values=["/x"]), 'visited a page that starts with "/x"'),
        (Applied(kind="event", subject="CLICK"), "did CLICK"),
        (Applied(kind="absent", subject="buy", own=False, property="sum", operator="less", values=["5"]),
         'did not do buy with "sum" < "5"'),
        (Applied(kind="saved", subject="My carts", own=False), "saved search My carts"),
    ],
)  # fmt: skip
def test_conditions_have_words(applied, words):
    assert "".join(str(part) for part in said(applied)) == words
