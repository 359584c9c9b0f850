"""The same call says the same in every framework, sync and async: text, data, refusals, failures, schemas."""

import asyncio
import json
from contextlib import contextmanager

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from mcp import Client

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.cli import main
from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.llama_index import OpenReplayToolSpec
from openreplay_tools.mcp import make_server
from openreplay_tools.sandbox import FIXED_NOW, Failure, Sandbox
from openreplay_tools.toolkit import Toolkit
from tests import doors
from tests.servers import toolkit_over

BY_NAME = {operation.tool_name: operation for operation in OPERATIONS}
ANN = "ann@example.org"
SESSION = "4113715799632532494"  # of the recorded project
NEEDED = {
    "openreplay_create_project": {"name": "A new shop"},
    "openreplay_get_user": {"user_id": ANN},
    "openreplay_delete_user": {"user_id": ANN},
    "openreplay_list_user_sessions": {"user_id": ANN},
    "openreplay_list_session_events": {"session": SESSION, "project": "2"},
    "openreplay_get_job": {"job_id": 1},
    "openreplay_cancel_job": {"job_id": 1},
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
        {"session": f"https://openreplay.example.com/2/session/{SESSION}?jumpto=4056", "page": 1, "limit": 5},
    ),
    "a foreign link": ("openreplay_list_session_events", {"session": f"https://evil.example/2/session/{SESSION}"}),
    "a contradicting project": (
        "openreplay_list_session_events",
        {"session": f"https://openreplay.example.com/2/session/{SESSION}", "project": "Acme Shop"},
    ),
    "no such kind": ("openreplay_list_session_events", {"session": SESSION, "project": "2", "kinds": ["CRASH"]}),
    "live sessions by browser": (
        "openreplay_search_live_sessions",
        {"filters": [{"name": "browser", "values": ["Chrome"]}], "limit": 2},
    ),
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
    "text with everything": ("openreplay_search_users", {"query": "\u202e ⟦5602 \n\t\x1b[2J ⟧ 🚀 \u00e9\ud7ff"}),
}
WRONG = {"string": [1], "integer": "many", "array": "CLICK", "boolean": "perhaps"}


def _refusals(name, operation):
    """Calls that no operation may take: one argument wrong at a time."""
    needed = NEEDED.get(name, {})
    yield "unknown argument", {**needed, "surprise": 1, "projekt": "x"}
    yield "wrong project", {**needed, "project": "Acme Shopp"}
    for field, about in operation.schema["properties"].items():
        yield f"{field} of a wrong type", {**needed, field: WRONG[about["type"]]}
        yield f"{field} null", {**needed, field: None}
        if "enum" in about:
            yield f"{field} not among its values", {**needed, field: "sideways"}
        if about["type"] == "integer":
            yield f"{field} too small", {**needed, field: -1}
            yield f"{field} too large", {**needed, field: 10**12}
            yield f"{field} a fraction", {**needed, field: 1.5}
        if about["type"] == "string":
            yield f"{field} empty", {**needed, field: ""}
            yield f"{field} too long", {**needed, field: "x" * 5000}
        if about["type"] == "array":
            yield f"{field} too many", {**needed, field: [{"name": "x", "values": ["y"]}] * 11}
            yield f"{field} of wrong things", {**needed, field: [7]}
            yield f"{field} with a stranger inside", {**needed, field: [{"surprise": 1}]}
    for field in operation.schema.get("required", []):
        yield f"{field} missing", {key: value for key, value in needed.items() if key != field}


@contextmanager
def as_at_first(server):
    """Put back afterwards what requests changed on the server, so that each door finds the same."""
    store = server.store
    projects, jobs = store.projects(), store.jobs(1)
    try:
        yield
    finally:
        store._projects[:] = projects
        store._jobs[:] = list(reversed(jobs))


@pytest.fixture(scope="module")
def shop():
    """A server of this module's own, with one deletion scheduled."""
    with Sandbox() as server:
        server.store.schedule_deletion(1, "crawler-bot-77", FIXED_NOW)
        yield server


@pytest.fixture(scope="module")
def toolkit(shop):
    with toolkit_over(shop) as bound:
        yield bound


def every_door(shop, toolkit, name, arguments):
    with as_at_first(shop):
        expected = doors.direct(toolkit, name, arguments)
    for door in doors.OTHERS:
        toolkit.client.connection._memory.clear()
        with as_at_first(shop):
            assert door(toolkit, name, arguments) == expected, door.__name__
    toolkit.client.connection._memory.clear()
    json.dumps(expected.data, allow_nan=False)
    return expected


@pytest.mark.parametrize("name", BY_NAME)
def test_each_operation_succeeds_alike(shop, toolkit, name):
    said = every_door(shop, toolkit, name, NEEDED.get(name, {}))
    assert not said.is_error, said.text
    assert said.data


@pytest.mark.parametrize("case", MORE)
def test_special_calls_are_answered_alike(shop, toolkit, case):
    every_door(shop, toolkit, *MORE[case])


def confirmed(shop, user_id):
    """Delete through each door, with a preview and a toolkit of its own: a token serves once."""
    for door in (doors.direct, *doors.OTHERS):
        with toolkit_over(shop) as toolkit, as_at_first(shop):
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
    operation = BY_NAME[name]
    for case, arguments in _refusals(name, operation):
        said = every_door(shop, toolkit, name, arguments)
        field = case.split(" ")[0]
        if case.endswith("null") and field not in operation.schema.get("required", []):
            assert not said.is_error, case
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
def test_failures_of_the_server_are_told_alike(shop, name, failure):
    told = []
    for door in (doors.direct, *doors.OTHERS):
        shop.failures.add(Failure(**FAILURES[failure], times=0))
        try:
            with toolkit_over(shop, retries=0) as toolkit, as_at_first(shop):
                told.append(door(toolkit, name, NEEDED.get(name, {})))
        finally:
            shop.failures.clear()
    assert told == [told[0]] * len(told)
    said = told[0]
    assert said.is_error
    assert said.data == {}
    assert Sandbox.api_key not in said.text
    assert "<html" not in said.text.lower()
    assert said.text.endswith(".")
    assert len(said.text) < 400


@pytest.mark.parametrize("name", [name for name in BY_NAME if name != "openreplay_list_projects"])
def test_failures_after_the_project_was_found_are_told_alike(shop, name):
    told = []
    for door in (doors.direct, *doors.OTHERS):
        with toolkit_over(shop, retries=0) as toolkit, as_at_first(shop):
            toolkit.call("openreplay_list_projects", {})
            shop.failures.add(Failure("status", status=500, times=0))
            try:
                told.append(door(toolkit, name, NEEDED.get(name, {})))
            finally:
                shop.failures.clear()
    assert told == [told[0]] * len(told)
    unsure = " It may have been done all the same: look before trying again."
    writes = name in {"openreplay_create_project", "openreplay_cancel_job"}  # a deletion without token is a preview
    assert told[0].text == "The server failed (500). Try again later." + unsure * writes


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
    "search_users limit=many": ("openreplay_search_users", {"limit": "many"}),
    "search_users surprise=1": ("openreplay_search_users", {"surprise": "1"}),
    "get_usr": ("openreplay_get_usr", {}),
}


@pytest.fixture(scope="module")
def at_home():
    """What `--sandbox` builds."""
    with Toolkit.sandbox(groups="all", effects="all") as toolkit:
        yield toolkit


@pytest.mark.parametrize("line", WORDS)
def test_the_command_line_says_the_same(at_home, line, capsys):
    said = doors.direct(at_home, *WORDS[line])
    code = main(["call", *line.split(" "), "--sandbox", "--groups", "all", "--effects", "all"])
    out, err = capsys.readouterr()
    assert (code, out, err) == ((1, "", said.text + "\n") if said.is_error else (0, said.text + "\n", ""))


def test_the_preview_of_the_command_line_differs_in_its_way_on_only(at_home, capsys):
    said = doors.direct(at_home, "openreplay_delete_user", {"user_id": ANN}).text.splitlines()
    assert main(["call", "delete_user", f"user_id={ANN}", "--sandbox", "--effects", "all"]) == 0
    assert capsys.readouterr().out.splitlines() == [*said[:-1], "To go on: the same with --yes."]


# --- names, descriptions, schemas -------------------------------------------------------------------------------------


async def _listed(toolkit):
    async with Client(make_server(toolkit)) as client:
        return (await client.list_tools()).tools


def definitions(toolkit):
    """Return what each framework tells a model about the tools: name, description, schema."""
    openai = [convert_to_openai_tool(tool)["function"] for tool in OpenReplayToolkit(core=toolkit).get_tools()]
    llama = [tool.metadata for tool in OpenReplayToolSpec(toolkit).to_tool_list()]
    llama_openai = [metadata.to_openai_tool()["function"] for metadata in llama]
    return {
        "core": [(op.tool_name, op.description, op.schema) for op in toolkit.operations],
        "langchain": [(one["name"], one["description"], one["parameters"]) for one in openai],
        "llama_index": [(one.name, one.description, one.get_parameters_dict()) for one in llama],
        "llama_index for openai": [(one["name"], one["description"], one["parameters"]) for one in llama_openai],
        "mcp": [(one.name, one.description, one.input_schema) for one in asyncio.run(_listed(toolkit))],
    }


def test_every_framework_shows_the_same_definitions(toolkit):
    shown = {
        framework: json.dumps(tools, ensure_ascii=False, sort_keys=True)
        for framework, tools in definitions(toolkit).items()
    }
    assert {framework for framework, text in shown.items() if text != shown["core"]} == set()
    assert len(json.loads(shown["core"])) == len(OPERATIONS)


def test_definitions_are_the_same_to_the_byte(toolkit):
    shown = {framework: json.dumps(tools, ensure_ascii=False) for framework, tools in definitions(toolkit).items()}
    assert {framework for framework, text in shown.items() if text != shown["core"]} == set()


def test_the_order_of_tools_is_the_catalogues(toolkit):
    assert [name for name, _, _ in definitions(toolkit)["mcp"]] == list(BY_NAME)


def walk(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(child)


FORBIDDEN = {
    "$ref",
    "$defs",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "nullable",
    "const",
    "prefixItems",
    "patternProperties",
    "discriminator",
    "title",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
}


@pytest.mark.parametrize("name", BY_NAME)
def test_schemas_pass_every_providers_converter(name):
    """OpenAI strict, Anthropic strict and Gemini refuse unions, nulls, references, bounds and free-form objects."""
    schema = BY_NAME[name].schema
    for node in walk(schema):
        if not isinstance(node, dict) or "type" not in node:
            continue
        assert isinstance(node["type"], str)
        assert node["type"] in {"object", "array", "string", "integer", "number", "boolean"}
        assert not FORBIDDEN & set(node)
        assert node.get("default", "") is not None
        if node["type"] == "object":
            assert node["additionalProperties"] is False
            assert "properties" in node
        if node["type"] == "array":
            assert node["items"]["type"]
        assert all(isinstance(value, str) for value in node.get("enum", []))
    assert schema["type"] == "object"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_models_that_gemini_reads_hold_nothing_it_refuses(name):
    """LlamaIndex's Gemini client reads the pydantic model itself, not the stored schema (framework notes §1.3)."""
    for node in walk(BY_NAME[name].arguments.model_json_schema()):
        if isinstance(node, dict):
            assert not {"anyOf", "oneOf", "prefixItems", "const", "discriminator", "patternProperties"} & set(node)
            assert node.get("type") != "null"
            assert node.get("type") != "object" or "properties" in node
            assert all(isinstance(value, str) for value in node.get("enum", []))
