"""House rules over every operation there is; what they say of recorded text is proved in `test_taint.py`."""

import inspect
import json
import re
from pathlib import Path
from typing import get_args

import pytest

import openreplay_tools
from openreplay_tools import catalogue
from openreplay_tools.catalogue import CURATED, CURATED_TOGETHER, OPERATIONS, UNSERVED, VENDORS
from openreplay_tools.doors import MEANS, OPENED_BY, Access, Credential, Door
from openreplay_tools.errors import ConfigurationError, UnavailableError
from openreplay_tools.operation import Arguments, Page, Record
from openreplay_tools.settings import Settings
from openreplay_tools.toolkit import Toolkit
from tests.doors import LOGIN
from tests.snapshots import agree, names

BY_NAME = {operation.tool_name: operation for operation in OPERATIONS}
VERBS = {
    "cancel", "check", "compare", "create", "delete", "find", "get", "identify", "list", "open", "query", "read",
    "request", "save", "search", "send", "suggest", "summarize",
}  # fmt: skip
GROUPS = {
    "projects": {"list_projects", "get_project", "create_project", "check_access"},
    "users": {"search_users", "get_user", "delete_user"},
    "sessions": {
        "list_user_sessions", "search_sessions", "get_session", "list_filters", "suggest_values", "list_saved_searches",
    },
    "events": {"list_session_events", "search_events", "list_event_names", "list_event_properties"},
    "notes": {"list_notes", "create_note"},
    "live": {"list_live_sessions", "search_live_sessions"},
    "jobs": {"list_jobs", "get_job", "cancel_job"},
    "insight": {"summarize_session", "summarize_user", "open_link", "find_issues"},
    "raw": {"request", "send"},
    "logrocket": {
        "logrocket_request_highlights", "logrocket_get_highlights", "logrocket_list_exports", "logrocket_read_export",
        "logrocket_identify_user",
    },
    "notte": {
        "notte_list_sessions", "notte_get_session", "notte_get_replay", "notte_save_replay", "notte_get_frames",
    },
}  # fmt: skip
EFFECTS = {"create": "write", "cancel": "write", "identify": "write", "send": "write", "delete": "destroy"}
# As the server's roles name what they allow (contract §4.1).
PERMISSIONS = {"", "SESSION_REPLAY", "DATA_MANAGEMENT", "ASSIST_LIVE"}
TRIED = ("v2", "login", "v1", "logrocket", "notte")
BOTH = frozenset({"key", "login"})
EVERY = frozenset(get_args(Credential))
# What an operation cannot do without.
ARGUMENTS = {
    "create_project": {"name": "x"},
    "get_user": {"user_id": "u"},
    "delete_user": {"user_id": "u"},
    "list_user_sessions": {"user_id": "u"},
    "get_session": {"session": "4113715799632532494"},
    "list_session_events": {"session": "4113715799632532494"},
    "summarize_session": {"session": "4113715799632532494"},
    "summarize_user": {"user_id": "u"},
    "create_note": {"session": "4113715799632532494", "message": "x"},
    "open_link": {"link": "https://openreplay.example.com/1/session/4113715799632532494"},
    "get_job": {"job_id": 1},
    "cancel_job": {"job_id": 1},
    "request": {"path": "/v2/api/1/tags"},
    "send": {"path": "/v2/api/1/tags", "method": "POST"},
    "logrocket_request_highlights": {"user_id": "u"},
    "logrocket_get_highlights": {"request_id": "ab12"},
    "logrocket_read_export": {"export": "start.2cbbb7db9d49"},
    "logrocket_identify_user": {"user_id": "u", "name": "x"},
    "notte_get_session": {"session": "s"},
    "notte_get_replay": {"session": "s"},
    "notte_save_replay": {"session": "s"},
    "notte_get_frames": {"session": "s", "at": ["0:05"]},
}
SIBLINGS = {"logrocket_api_key": "o:a:s", "notte_api_key": "k", "downloads": "d"}
RESERVED = {"config", "run_manager", "self", "args", "properties", "kwargs", "callbacks", "tool_call_id", "runtime"}
README = Path(__file__).parents[1] / "README.md"
each = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


def verb(operation):
    """What the operation's name begins with, behind its vendor where it carries one."""
    return operation.name.removeprefix(f"{operation.provider}_").split("_")[0]


# --- rules ------------------------------------------------------------------------------------------------------------


def test_names_are_unique():
    assert len(BY_NAME) == len(OPERATIONS)


def test_the_catalogue_names_every_operation_and_the_package_gives_them():
    named = {operation.name for operation in OPERATIONS}
    assert set(catalogue.__all__) == {"OPERATIONS", *named}
    assert all(operation.provider == operation.group for operation in OPERATIONS if operation.provider != "openreplay")
    assert all(getattr(openreplay_tools, operation.name) is operation for operation in OPERATIONS)


def test_the_curated_choice_is_of_the_catalogue_in_its_order_and_only_reads():
    assert [operation for operation in OPERATIONS if operation in CURATED] == list(CURATED)
    assert {operation.effect for operation in CURATED} == {"read"}
    assert [operation for operation in CURATED if operation in CURATED_TOGETHER] == list(CURATED_TOGETHER)


@pytest.mark.parametrize("operation", UNSERVED, ids=lambda operation: operation.name)
def test_what_a_vendor_has_no_api_for_says_what_to_use_instead(operation):
    assert verb(operation) in VERBS
    assert operation.tool_name not in BY_NAME
    for access in (Access(), Access(EVERY, downloads=True)):
        reason = operation.obstacle(access)
        assert isinstance(reason, UnavailableError)
        named = set(re.findall(r"\b(?:logrocket|notte)_[a-z_]+", str(reason)))
        assert named, "it names a tool that helps"
        assert named <= set(BY_NAME)


@each
def test_a_name_begins_with_one_of_the_closed_verbs(operation):
    assert verb(operation) in VERBS
    assert operation.provider in VENDORS
    assert operation.tool_name.startswith(f"{operation.provider}_{verb(operation)}")
    assert operation.tool_name == (
        operation.name if operation.provider != "openreplay" else f"openreplay_{operation.name}"
    )
    assert re.fullmatch(r"[a-z0-9_]{1,64}", operation.tool_name)


def test_the_groups_are_these():
    found = {}
    for operation in OPERATIONS:
        found.setdefault(operation.group, set()).add(operation.name)
    assert found == GROUPS


@each
def test_the_effect_follows_from_the_verb(operation):
    assert operation.effect == EFFECTS.get(verb(operation), "read")


@each
def test_each_route_goes_through_a_known_door_and_they_are_tried_in_the_same_order(operation):
    doors = [route.needs for route in operation.routes]
    assert doors
    assert set(doors) <= set(get_args(Door)) == set(OPENED_BY)
    # Whose doors are tried at large goes by the path it is given; a login searches all sessions for issues, a key few.
    assert doors == sorted(doors, key=TRIED.index) or operation.name in {"check_access", "find_issues"}
    for route in operation.routes:
        assert inspect.isgeneratorfunction(inspect.unwrap(route.flow)), "a flow yields commands"
        assert route.permission in PERMISSIONS
        assert not route.permission or route.needs == "login", "keys have no roles"
        assert route.edition in {"", "ee"}
        assert all(re.fullmatch(r"[a-z][a-z ]*", lack) for lack in route.lacks), "product words"
    if operation.name != "check_access":
        assert not operation.routes[0].lacks, "the first route is the best"


@each
def test_without_any_credential_it_says_what_to_set(operation):
    variable = f"{operation.provider.upper()}_API_KEY"
    assert isinstance(operation.obstacle(Access()), ConfigurationError)
    assert variable in str(operation.obstacle(Access()))
    assert operation.obstacle(Access(EVERY, downloads=True)) is None


@each
def test_a_credential_that_opens_no_door_of_it_is_answered_with_the_one_that_does(operation):
    opened = {OPENED_BY[route.needs] for route in operation.routes}
    for has in EVERY:
        reason = operation.obstacle(Access(frozenset({has}), downloads=True))
        assert (reason is None) == (has in opened)
        if reason is not None:
            missing = " or ".join(dict.fromkeys(MEANS[OPENED_BY[route.needs]] for route in operation.routes))
            assert str(reason) == f"{operation.tool_name} needs {missing}."


@each
def test_a_description_begins_with_a_verb_and_is_short(operation):
    first = operation.description.split(" ")[0]
    assert re.fullmatch(r"[A-Z][a-z]+", first)
    assert not first.endswith(("s", "ing", "ed")), "an imperative: List, Find, Show, Tell …"
    assert 60 <= len(operation.description) <= 600
    assert operation.description.rstrip().endswith(".")


@each
def test_a_description_names_only_tools_that_exist(operation):
    named = set(re.findall(r"\b(?:openreplay|logrocket|notte)_[a-z_]+", operation.description))
    assert named <= set(BY_NAME) - {operation.tool_name}


def fields_of(schema, where=""):
    for name, about in schema.get("properties", {}).items():
        yield f"{where}{name}", name, about
        yield from fields_of(about.get("items", about), f"{where}{name}.")


@each
def test_every_field_is_described_shortly(operation):
    for path, _, about in fields_of(operation.schema):
        if path.endswith((".operator", ".values", ".absent")) and "description" not in about:
            continue  # the condition's own description tells
        assert 5 <= len(about.get("description", "")) <= 160, path
        assert about["description"].endswith((".", "…")), path


@each
def test_no_field_has_a_reserved_name(operation):
    for path, name, _ in fields_of(operation.schema):
        assert name not in RESERVED, path
        assert not name.startswith("_")
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)


@each
def test_every_optional_argument_has_a_neutral_default(operation):
    needed = operation.schema.get("required", [])
    for name, about in operation.schema["properties"].items():
        assert ("default" in about) == (name not in needed)
    nothing = dict.fromkeys(operation.schema["properties"]) | ARGUMENTS.get(operation.name, {})
    assert operation.parse(nothing) == operation.parse(ARGUMENTS.get(operation.name, {}))


@each
def test_models_are_named_after_the_operation_and_documented(operation):
    camel = "".join(word.capitalize() for word in operation.name.split("_"))
    assert operation.arguments.__name__ == f"{camel}Args"
    assert issubclass(operation.arguments, Arguments)
    assert issubclass(operation.result, Record)
    assert operation.arguments.__doc__
    assert operation.result.__doc__
    assert operation.arguments.model_config["extra"] == "forbid"


@each
def test_lists_can_be_walked_and_others_cannot(operation):
    pages = issubclass(operation.result, Page)
    walks = operation._walk is not None
    # The ten newest live sessions are one page; the search walks.
    assert walks == (pages and operation.name != "list_live_sessions")


@pytest.mark.parametrize(
    ("credentials", "count", "size"),
    [
        ({"api_key": "k"}, 9, 10_000),
        ({"api_key": "k", **LOGIN}, 12, 16_000),
        (LOGIN, 12, 16_000),
        ({"logrocket_api_key": "o:a:s"}, 4, 5_000),
        ({"notte_api_key": "k", "downloads": "d"}, 5, 5_000),
        (SIBLINGS, 9, 10_000),
        ({"api_key": "k", **SIBLINGS}, 11, 16_000),
        ({"api_key": "k", **LOGIN, **SIBLINGS}, 12, 16_000),
    ],
    ids=["key", "key and login", "login", "LogRocket", "Notte", "both siblings", "key and siblings", "all"],
)
def test_the_default_definitions_are_small(credentials, count, size):
    with Toolkit(Settings.make(**credentials)) as toolkit:
        definitions = [
            {"name": op.tool_name, "description": op.description, "parameters": op.schema} for op in toolkit.operations
        ]
    assert len(definitions) == count
    assert count <= 16
    # As providers send it and the README counts it: without spaces.
    assert len(json.dumps(definitions, ensure_ascii=False, separators=(",", ":"))) <= size


@each
def test_the_readme_has_a_row(operation):
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith(f"| `{operation.tool_name}` |")]
    assert len(rows) == 1
    works_with = {"v2": "key", "v1": "key (API v1)", "login": "login"}
    works_with |= {"logrocket": "LogRocket key", "notte": "Notte key"}
    doors = " or ".join(dict.fromkeys(works_with[route.needs] for route in operation.routes))
    assert f"| {operation.effect} | {operation.group} | {doors} |" in rows[0]


# --- contracts --------------------------------------------------------------------------------------------------------


@each
def test_the_contract_stands_in_the_diff(operation):
    contract = {
        "name": operation.tool_name,
        "description": operation.description,
        "marks": {"group": operation.group, "effect": operation.effect, "provider": operation.provider},
        "schema": operation.schema,
    }
    agree(f"tools/{operation.tool_name}.json", json.dumps(contract, ensure_ascii=False, indent=2))


def test_no_contract_is_left_of_an_operation_that_went():
    assert names("tools", ".json") == set(BY_NAME)
