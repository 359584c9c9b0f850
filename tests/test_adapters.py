"""The same call says the same in every framework, sync and async: text, data, refusals, failures, schemas."""

import copy
import json
from contextlib import contextmanager

import pytest

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.cli import main
from openreplay_tools.sandbox import FIXED_NOW, Failure, Sandbox
from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.sandbox.logrocket_data import FAILING, GIVING_ORDERS, OTHER_SPELLING, STOPPED, WITHOUT_SESSIONS
from openreplay_tools.toolkit import Toolkit
from tests import doors, siblings
from tests.doors import LOGIN
from tests.sandbox.fidelity import unhurried
from tests.servers import toolkit_over

pytestmark = pytest.mark.usefixtures("unpaced")
BY_NAME = {operation.tool_name: operation for operation in OPERATIONS}
ANN = "ann@example.org"
SESSION = "4113715799632532494"  # of the recorded project
LINK = f"https://openreplay.example.com/2/session/{SESSION}"
SMALL = {"project": "2", "since": "30d"}  # the recorded project has few sessions, which makes calls fast
NEEDED = {
    "openreplay_create_project": {"name": "A new shop"},
    "openreplay_get_user": {"user_id": ANN},
    "openreplay_delete_user": {"user_id": ANN},
    "openreplay_list_user_sessions": {"user_id": ANN},
    "openreplay_list_session_events": {"session": SESSION, "project": "2"},
    "openreplay_search_sessions": SMALL,
    "openreplay_get_session": {"session": LINK},
    "openreplay_summarize_session": {"session": LINK},
    "openreplay_summarize_user": {"user_id": "ann@example.org", "limit": 2},
    "openreplay_suggest_values": {"name": "browser", "project": "2"},
    "openreplay_search_events": SMALL,
    "openreplay_list_event_properties": {"project": "2"},
    "openreplay_create_note": {"session": LINK, "message": "x"},
    "openreplay_open_link": {"link": f"{LINK}?jumpto=4056"},
    "openreplay_get_job": {"job_id": 1},
    "openreplay_cancel_job": {"job_id": 1},
    "openreplay_request": {"path": "/v2/api/1/tags"},
    "openreplay_send": {"path": f"/v2/api/2/sessions/{SESSION}/favorite", "method": "GET"},
    **siblings.GIVEN,
}
# What the operation itself refuses, with the beginning of the refusal.
REFUSED = {
    "openreplay_get_session": ({"session": "1"}, "Project Acme Shop has no session 1: "),
    "openreplay_summarize_session": ({"session": "x"}, 'session: "x" is neither a session id (digits only) nor a link'),
    "openreplay_summarize_user": ({"user_id": "u", "limit": 99}, 'limit should be at most 30 (given "99").'),
    "openreplay_search_sessions": ({"filters": [{"name": "browzer", "values": ["x"]}]}, 'filters: unknown filter "br'),
    "openreplay_list_filters": ({"project": "Acme Shopp"}, 'No project "Acme Shopp".'),
    "openreplay_suggest_values": ({"name": "no such thing"}, 'name: no property "no such thing"'),
    "openreplay_list_saved_searches": ({"project": "99"}, 'No project "99".'),
    "openreplay_search_events": ({"kinds": ["no such event"]}, "kinds: "),
    "openreplay_list_event_names": ({"project": "99"}, 'No project "99".'),
    "openreplay_list_event_properties": ({"event": "CLICK", "of": "users"}, "event: goes with of=events only"),
    "openreplay_list_notes": ({"session": SESSION, "mine_only": True}, "mine_only: "),
    "openreplay_open_link": ({"link": f"https://evil.example/2/session/{SESSION}"}, "link: this link leads to "),
    "openreplay_create_note": ({"session": "1", "message": "x"}, "session: Acme Shop has no recording 1, "),
    "openreplay_request": ({"path": "/api/login"}, 'path: "/api/login" is refused.'),
    "openreplay_send": ({"path": "/v2/api/1/tags", "method": "GET"}, "method: this only reads"),
    "logrocket_request_highlights": ({"user_id": "u", "email": "e"}, "Give user_id or email, not both."),
    "logrocket_get_highlights": ({"request_id": "ab12"}, "request_id: LogRocket knows no highlights ab12. Ids come "),
    "logrocket_list_exports": ({"cursor": "1", "since": "7d"}, "cursor: it goes on where a listing ended, whatever "),
    "logrocket_read_export": ({"export": "https://evil.example/x"}, "export: pass a handle from logrocket_list_exp"),
    "logrocket_identify_user": ({"user_id": "u", "traits": [{"name": "a", "value": "1"}] * 2}, 'traits: "a" is given'),
    "notte_get_session": ({"session": planted.MALFORMED}, "session: Notte refused the id not-a-session (422): "),
    "notte_get_replay": ({"session": planted.ACTIVE}, f"Notte session {planted.ACTIVE} is still active: "),
    "notte_save_replay": ({"session": planted.WITH_MP4, "save_as": "a/b"}, 'save_as: "a/b" is not a plain file name.'),
    "notte_get_frames": ({"session": planted.WITH_MP4, "at": ["soon"]}, 'Unclear offset "soon" in at. Use '),
}
MORE = {
    "search users by everything": (
        "openreplay_search_users",
        {
            "query": "a",
            "filters": [{"name": "country", "values": ["DE"]}, {"name": "property:plan", "operator": "exists"}],
            "events": [{"event": "REQUEST", "property": "status", "operator": "greater", "values": ["499"]}],
            "events_since": "30d",
            "sort": "name",
            "order": "asc",
            "limit": 3,
            "page": 2,
            "detail": "brief",
        },
    ),
    "nothing found": ("openreplay_search_users", {"query": "nobody at all"}),
    "a window": ("openreplay_list_user_sessions", {"user_id": ANN, "since": "last week", "until": "yesterday"}),
    "an unknown user": ("openreplay_get_user", {"user_id": "nobody"}),
    "a user with a slash": ("openreplay_get_user", {"user_id": "team/eve"}),
    "sessions of a user with a slash": ("openreplay_list_user_sessions", {"user_id": "team/eve"}),
    "a pasted link": (
        "openreplay_list_session_events",
        {"session": f"{LINK}?jumpto=4056", "page": 1, "limit": 5},
    ),
    "a link to a user": (
        "openreplay_open_link",
        {"link": "https://openreplay.example.com/1/data-management/user/team%2Feve"},
    ),
    "a foreign link": ("openreplay_list_session_events", {"session": f"https://evil.example/2/session/{SESSION}"}),
    "a contradicting project": (
        "openreplay_list_session_events",
        {"session": LINK, "project": "Acme Shop"},
    ),
    "no such kind": ("openreplay_list_session_events", {"session": SESSION, "project": "2", "kinds": ["CRASH"]}),
    "live sessions by browser": (
        "openreplay_search_live_sessions",
        {"filters": [{"name": "browser", "values": ["Chrome"]}], "limit": 2},
    ),
    "sessions by everything": (
        "openreplay_search_sessions",
        {
            "browser": "Safari",
            "min_duration": "1s",
            "events": [{"event": "checkout_failed"}, {"event": "CLICK"}],
            "filters": [{"name": "plan", "operator": "exists"}],
            "since": "last week",
            "sort": "length",
            "limit": 3,
            "detail": "brief",
        },
    ),
    "sessions that are not there": ("openreplay_search_sessions", {"browser": "Netscape"}),
    "a session by its link": (
        "openreplay_get_session",
        {"session": f"{LINK}?jumpto=4056", "detail": "full"},
    ),
    "errors of the project": ("openreplay_search_events", {"kinds": ["ERROR"], "limit": 5, "since": "30d"}),
    "events that are not there": ("openreplay_search_events", {"kinds": ["ERROR"], "user_id": "nobody"}),
    "values of an event's property": (
        "openreplay_suggest_values",
        {"name": "status", "event": "REQUEST", "project": "2"},
    ),
    "notes with a word": ("openreplay_list_notes", {"query": "payment"}),
    "a public note at a moment": (
        "openreplay_create_note",
        {"session": SESSION, "project": "2", "message": "⟦ 🚀 ⟧", "moment": "0:04", "public": True, "tag": "ISSUE"},
    ),
    "a path of the project's key": ("openreplay_request", {"path": "/v2/api/public/7X2WHE68QaUo3L1nD60m/users/nobody"}),
    "a search by its path": (
        "openreplay_request",
        {"path": "/v2/api/1/notes", "method": "POST", "body": '{"page": 1, "limit": 1}'},
    ),
    "a tag": (
        "openreplay_send",
        {"path": "/v2/api/1/tags", "method": "POST", "body": '{"name": "Pay", "selector": "#pay"}'},
    ),
    "a server's refusal of what was sent": ("openreplay_send", {"path": "/v2/api/1/tags", "method": "POST"}),
    "an unknown job": ("openreplay_get_job", {"job_id": 99}),
    "a bad time": ("openreplay_list_user_sessions", {"user_id": ANN, "since": "last summer"}),
    "times the wrong way round": ("openreplay_list_user_sessions", {"user_id": ANN, "since": "1d", "until": "2d"}),
    "a bad time in a filter": (
        "openreplay_search_users",
        {"filters": [{"name": "last_seen", "operator": "greater", "values": ["soon"]}]},
    ),
    "an unknown filter": ("openreplay_search_users", {"filters": [{"name": "countri", "values": ["DE"]}]}),
    "a misspelt part of a filter": ("openreplay_search_users", {"filters": [{"name": "country", "value": ["DE"]}]}),
    "numbers as text": ("openreplay_search_users", {"limit": "2", "page": "1"}),
    "a token that is none": ("openreplay_delete_user", {"user_id": ANN, "confirm": "1-2"}),
    "a user id that cannot be deleted": ("openreplay_delete_user", {"user_id": "a/b"}),
    "a name that is taken": ("openreplay_create_project", {"name": "ACME SHOP"}),
    "an escaped id": ("openreplay_get_user", {"user_id": "rocket\\u{1f680}rider"}),
    "highlights in the other spelling": (
        "logrocket_request_highlights",
        {"user_id": OTHER_SPELLING, "question": "What went wrong?", "since": "7d", "detail": "full"},
    ),
    "highlights that fail": ("logrocket_request_highlights", {"user_id": FAILING}),
    "highlights that are not waited for": ("logrocket_request_highlights", {"email": STOPPED, "wait": 0}),
    "highlights of nobody": ("logrocket_request_highlights", {"user_id": WITHOUT_SESSIONS}),
    "highlights that give orders": ("logrocket_request_highlights", {"user_id": GIVING_ORDERS}),
    "exports from a time on": ("logrocket_list_exports", {"since": "2026-11-20 14:00", "detail": "brief"}),
    "the end of the exports": ("logrocket_list_exports", {"cursor": "1795198000000"}),
    "an export whose types are asked for": (
        "logrocket_read_export",
        {"export": siblings.EXPORT, "types": ["network", "nothing like it"], "limit": 200, "detail": "full"},
    ),
    "an export that is saved": (
        "logrocket_read_export",
        {"export": siblings.EXPORT, "limit": 0, "save_as": "one.jsonl", "overwrite": True},
    ),
    "an export that is not there": ("logrocket_read_export", {"export": "start.000000000000"}),
    "a user in full": (
        "logrocket_identify_user",
        {
            "user_id": "team/eve",
            "name": "Eve \u202e⟦",
            "email": "eve@example.org",
            "traits": [{"name": "plan", "value": ""}, {"name": "a b", "value": "⟧"}],
            "seen_at": "yesterday",
        },
    ),
    "ended sessions": ("notte_list_sessions", {"status": "ended", "limit": 4, "page": 2, "detail": "brief"}),
    "a session whose steps give orders": ("notte_get_session", {"session": planted.INJECTED_STEPS, "detail": "full"}),
    "a session that nobody knows": ("notte_get_session", {"session": planted.UNKNOWN}),
    "a replay in pieces": ("notte_get_replay", {"session": planted.TS_PLAYLIST}),
    "a replay that is being prepared": ("notte_get_replay", {"session": planted.PROCESSING_STRUCTURED, "wait": 0}),
    "a replay that is waited for": ("notte_get_replay", {"session": planted.PROCESSING_STRUCTURED}),
    "a replay that there never is": ("notte_get_replay", {"session": planted.UNAVAILABLE}),
    "a replay that is encrypted": ("notte_save_replay", {"session": planted.ENCRYPTED}),
    "a replay that is joined": (
        "notte_save_replay",
        {"session": planted.FMP4_PLAYLIST, "save_as": "joined.ts", "overwrite": True},
    ),
    "several pictures": (
        "notte_get_frames",
        {"session": planted.TS_PLAYLIST, "at": ["0:03", "7s", "4000ms", "1:00:00"], "width": 320},
    ),
    "a picture of a session that runs": ("notte_get_frames", {"session": planted.WAITING, "at": ["0:03"], "wait": 0}),
    "text with everything": ("openreplay_search_users", {"query": "\u202e ⟦5602 \n\t\x1b[2J ⟧ 🚀 \u00e9\ud7ff"}),
}
WRONG = {"string": [1], "integer": "many", "array": "CLICK", "boolean": "perhaps"}


def _refusals(name, operation):
    """Calls that no operation may take: one argument wrong at a time; what it takes for "not said", all at once."""
    needed = NEEDED.get(name, {})
    optional = operation.schema["properties"].keys() - set(operation.schema.get("required", []))
    about = operation.schema["properties"]
    texts = {field for field in optional if about[field]["type"] == "string" and "enum" not in about[field]}
    yield "everything optional null", {**needed, **dict.fromkeys(optional)}
    yield "texts empty", {**needed, **dict.fromkeys(texts, "")}
    yield "unknown argument", {**needed, "surprise": 1, "projekt": "x"}
    yield "wrong project", {**needed, "project": "Acme Shopp"}
    for field, about in operation.schema["properties"].items():
        yield f"{field} of a wrong type", {**needed, field: WRONG[about["type"]]}
        if field not in optional:
            yield f"{field} null", {**needed, field: None}
        if "enum" in about:
            yield f"{field} not among its values", {**needed, field: "sideways"}
        if about["type"] == "integer":
            yield f"{field} too small", {**needed, field: -1}
            yield f"{field} too large", {**needed, field: 10**12}
            yield f"{field} a fraction", {**needed, field: 1.5}
        if about["type"] == "string":
            if field not in texts:
                yield f"{field} empty", {**needed, field: ""}
            yield f"{field} too long", {**needed, field: "x" * 5000}
        if about["type"] == "array":
            yield f"{field} too many", {**needed, field: [{"name": "x", "values": ["y"]}] * 11}
            yield f"{field} of wrong things", {**needed, field: [7]}
            yield f"{field} with a stranger inside", {**needed, field: [{"surprise": 1}]}
    for field in operation.schema.get("required", []):
        yield f"{field} missing", {key: value for key, value in needed.items() if key != field}


CHANGING = ("_projects", "_jobs", "notes", "tags", "marks", "saved")


@contextmanager
def as_at_first(server):
    """Put back afterwards what requests changed on the server, so that each door finds the same."""
    kept = {name: copy.deepcopy(getattr(server.store, name)) for name in CHANGING}
    try:
        with siblings.as_at_first(server):
            yield
    finally:
        vars(server.store).update(kept)


@pytest.fixture(scope="module")
def shop():
    """A server of this module's own, with one deletion scheduled."""
    with Sandbox(pulse=unhurried()) as server:
        server.store.schedule_deletion(1, "crawler-bot-77", FIXED_NOW)
        yield siblings.with_job(server)


@pytest.fixture(scope="module")
def keys(shop, tmp_path_factory):
    """Every credential of the server's, and a directory for files."""
    return {**LOGIN, **siblings.keys(shop.url, tmp_path_factory.mktemp("downloads"))}


@pytest.fixture(scope="module")
def toolkit(shop, keys):
    with toolkit_over(shop, **keys) as bound:
        yield bound


def every_door(shop, toolkit, name, arguments, others=doors.OTHERS):
    with as_at_first(shop), siblings.without_files(toolkit):
        expected = doors.direct(toolkit, name, arguments)
    for door in others:
        toolkit.client.connection._memory.clear()
        with as_at_first(shop), siblings.without_files(toolkit):
            assert door(toolkit, name, arguments) == expected, door.__name__
    toolkit.client.connection._memory.clear()
    json.dumps(expected.data, allow_nan=False)
    return expected


@pytest.mark.parametrize("name", BY_NAME)
def test_each_operation_succeeds_alike(shop, toolkit, name):
    said = every_door(shop, toolkit, name, NEEDED.get(name, {}))
    assert not said.is_error, said.text
    assert said.data


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_operation_refuses_is_worded_alike(shop, toolkit, name):
    arguments, begins = REFUSED[name]
    said = every_door(shop, toolkit, name, arguments)
    assert said.is_error
    assert said.text.startswith(begins)


@pytest.mark.parametrize("case", MORE)
def test_special_calls_are_answered_alike(shop, toolkit, case):
    every_door(shop, toolkit, *MORE[case])


def test_pictures_go_through_every_door(shop, toolkit):
    said = every_door(shop, toolkit, *MORE["several pictures"])
    assert [media_type for media_type, _ in said.pictures] == ["image/jpeg"] * 4
    assert len({content for _, content in said.pictures}) == 4


def confirmed(shop, user_id):
    """Delete through each door, with a preview and a toolkit of its own: a token serves once."""
    for door in (doors.direct, *doors.OTHERS):
        with toolkit_over(shop, **LOGIN) as toolkit, as_at_first(shop):
            token = doors.direct(toolkit, "openreplay_delete_user", {"user_id": user_id}).data["confirm"]
            yield door(toolkit, "openreplay_delete_user", {"user_id": user_id, "confirm": token})


def test_the_second_call_of_a_deletion_is_answered_alike(shop):
    told = list(confirmed(shop, ANN))
    assert told == [told[0]] * len(told)
    assert told[0].data["job"]["status"] == "scheduled"


def test_a_deletion_that_is_under_way_is_refused_alike(shop):
    with as_at_first(shop):
        shop.store.schedule_deletion(1, ANN, FIXED_NOW)
        told = list(confirmed(shop, ANN))
    assert told == [told[0]] * len(told)
    assert told[0].is_error
    assert "is scheduled or running already" in told[0].text


def test_a_token_that_was_used_is_refused_alike(shop, toolkit):
    with as_at_first(shop):
        preview = doors.direct(toolkit, "openreplay_delete_user", {"user_id": ANN})
        arguments = {"user_id": ANN, "confirm": preview.data["confirm"]}
        assert not doors.direct(toolkit, "openreplay_delete_user", arguments).is_error
        assert "this token has been used" in every_door(shop, toolkit, "openreplay_delete_user", arguments).text


@pytest.mark.parametrize("name", BY_NAME)
def test_refusals_are_worded_alike(shop, toolkit, name):
    """Each operation meets every door, and so does each kind of refusal: two of the six in turn."""
    operation = BY_NAME[name]
    for number, (case, arguments) in enumerate(_refusals(name, operation), list(BY_NAME).index(name)):
        others = [doors.OTHERS[(number * 2 + more) % len(doors.OTHERS)] for more in (0, 1)]
        said = every_door(shop, toolkit, name, arguments, others)
        field = case.split(" ")[0]
        if case in {"everything optional null", "texts empty"} and name in siblings.ONE_OF:
            assert not said.is_error or said.text == siblings.ONE_OF[name]
        elif case in {"everything optional null", "texts empty"}:
            assert not said.is_error, said.text
        if "wrong type" in case or "missing" in case:
            assert said.is_error, case
            assert field in said.text, case
        if case == "unknown argument":
            assert "Unknown argument" in said.text
        if case == "wrong project" and "project" in operation.schema["properties"]:
            assert said.text.startswith('No project "Acme Shopp". Projects here: Acme Shop (')
        if said.is_error:
            assert "Input should" not in said.text
            assert "Traceback" not in said.text


def test_refusals_hold_no_vocabulary_of_the_validator(toolkit):
    """Lengths are told in plain words, and an id beyond its bound once as "should be at most 256 bytes"."""
    for name, operation in BY_NAME.items():
        for case, arguments in _refusals(name, operation):
            text = toolkit.call(name, arguments).text
            assert "after validation" not in text, case
            assert "should be should be" not in text, case
            assert "Value should have" not in text, case


FAILURES = {
    "busy": {"kind": "status", "status": 503},
    "gateway": {"kind": "status", "status": 502},
    "slow down": {"kind": "status", "status": 429, "retry_after": 7},
    "page": {"kind": "html"},
    "truncated": {"kind": "truncate"},
    "dropped": {"kind": "drop"},
    "text": {"kind": "content_type"},
    "redirected": {"kind": "redirect", "location": "https://elsewhere.example/"},
}


# Every failure for one reading and one writing operation, two failures for all the others.
MET = [
    (name, failure)
    for name in BY_NAME
    for failure in FAILURES
    if name in {"openreplay_search_users", "openreplay_create_project"} or failure in {"busy", "dropped"}
]


@pytest.mark.parametrize(("name", "failure"), MET)
def test_failures_of_the_server_are_told_alike(shop, keys, name, failure):
    told = []
    for door in (doors.direct, *doors.OTHERS):
        shop.failures.add(Failure(**FAILURES[failure], times=0))
        try:
            with toolkit_over(shop, retries=0, **keys) as toolkit, as_at_first(shop):
                told.append(door(toolkit, name, NEEDED.get(name, {})))
        finally:
            shop.failures.clear()
    assert told == [told[0]] * len(told)
    said = told[0]
    if name == "openreplay_check_access":  # what goes wrong is its answer
        assert {door["state"] for door in said.data["doors"]} <= {"closed", "refused", "unknown"}
        return
    assert said.is_error
    assert said.data == {}
    assert Sandbox.password not in said.text
    assert Sandbox.api_key not in said.text
    assert Sandbox.logrocket_api_key.rpartition(":")[2] not in said.text
    assert Sandbox.notte_api_key not in said.text
    assert "<html" not in said.text.lower()
    assert said.text.endswith(".")
    assert len(said.text) < 400


# What a failure also says, where trying again is not all there is to do.
GOES_ON = {
    "logrocket_request_highlights": (
        " It was sent once only, for each request makes LogRocket begin anew; this one may have been taken in all the "
        "same."
    ),
    "logrocket_get_highlights": (f' They may be ready later: logrocket_get_highlights(request_id="{siblings.JOB}").'),
    "logrocket_identify_user": "",  # sent again, it changes nothing
}


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"openreplay_list_projects", "openreplay_check_access"}))
def test_failures_after_the_project_was_found_are_told_alike(shop, keys, name):
    told = []
    for door in (doors.direct, *doors.OTHERS):
        with toolkit_over(shop, retries=0, **keys) as toolkit, as_at_first(shop):
            toolkit.call("openreplay_list_projects", {})
            toolkit.call("openreplay_list_notes", {})  # signs in, and finds the project there too
            shop.failures.add(Failure("status", status=500, times=0))
            try:
                told.append(door(toolkit, name, NEEDED.get(name, {})))
            finally:
                shop.failures.clear()
    assert told == [told[0]] * len(told)
    vendor = {"openreplay": "The server", "logrocket": "LogRocket", "notte": "Notte"}[BY_NAME[name].provider]
    unsure = " It may have been done all the same: look before trying again."
    writes = BY_NAME[name].effect == "write"  # a deletion without token is a preview
    assert told[0].text == f"{vendor} failed (500). Try again later." + GOES_ON.get(name, unsure * writes)


def test_an_escaped_id_longer_than_the_bound_is_answered_alike(shop, toolkit):
    """The bound is on the id, not on the form in which a model read it."""
    every_door(shop, toolkit, "openreplay_get_user", {"user_id": "\\u{200b}" * 60})


def test_an_argument_called_like_a_parameter_of_ours_is_refused_alike(shop, toolkit):
    for name in ("config", "run_manager", "arguments", "args", "kwargs", "name", "tool_input"):
        said = every_door(shop, toolkit, "openreplay_get_project", {name: "x"})
        assert said.text.startswith(f'Unknown argument "{name}".')


def test_an_argument_called_self_is_refused_alike(shop, toolkit):
    assert every_door(shop, toolkit, "openreplay_get_project", {"self": "x"}).is_error


def test_older_mcp_hosts_are_answered_alike(shop, toolkit):
    for arguments in ({"user_id": ANN}, {"user_id": "nobody"}, {}):
        said = doors.direct(toolkit, "openreplay_get_user", arguments)
        assert doors.mcp_legacy(toolkit, "openreplay_get_user", arguments) == said


# --- the command line -------------------------------------------------------------------------------------------------

WORDS = {
    "search_users query=ann limit=1": ("openreplay_search_users", {"query": "ann", "limit": 1}),
    'search_users filters=[{"name":"country","values":["DE"]}] limit=3': (
        "openreplay_search_users",
        {"filters": [{"name": "country", "values": ["DE"]}], "limit": 3},
    ),
    f"openreplay_list_session_events session={SESSION} project=2 kinds=CLICK,ERROR": (
        "openreplay_list_session_events",
        {"session": SESSION, "project": "2", "kinds": ["CLICK", "ERROR"]},
    ),
    "get_user": ("openreplay_get_user", {}),
    "search_sessions browser=Safari limit=2": ("openreplay_search_sessions", {"browser": "Safari", "limit": 2}),
    "list_notes query=payment": ("openreplay_list_notes", {"query": "payment"}),
    f"create_note session={SESSION} project=2 message=": (
        "openreplay_create_note",
        {"session": SESSION, "project": "2", "message": ""},
    ),
    "search_users limit=many": ("openreplay_search_users", {"limit": "many"}),
    "search_users surprise=1": ("openreplay_search_users", {"surprise": "1"}),
    "get_usr": ("openreplay_get_usr", {}),
}


@pytest.fixture(scope="module")
def at_home():
    """What `--sandbox` builds."""
    with Toolkit.sandbox(login=True, groups="all", effects="all") as toolkit:
        yield toolkit


@pytest.mark.parametrize("line", WORDS)
def test_the_command_line_says_the_same(at_home, line, capsys):
    said = doors.direct(at_home, *WORDS[line])
    code = main(["call", *line.split(" "), "--sandbox", "--login", "--groups", "all", "--effects", "all"])
    out, err = capsys.readouterr()
    assert (code, out, err) == ((1, "", said.text + "\n") if said.is_error else (0, said.text + "\n", ""))


def test_the_preview_of_the_command_line_differs_in_its_way_on_only(at_home, capsys):
    said = doors.direct(at_home, "openreplay_delete_user", {"user_id": ANN}).text.splitlines()
    assert main(["call", "delete_user", f"user_id={ANN}", "--sandbox", "--effects", "all"]) == 0
    assert capsys.readouterr().out.splitlines() == [*said[:-1], "To go on: the same with --yes."]
