"""The toolkit: what it offers, what it finds out, what it keeps to itself, how long its answers are."""

import asyncio
import json
import logging
import pickle
import re
import threading

import httpx
import pytest

from openreplay_tools import search_users
from openreplay_tools.catalogue import CURATED, OPERATIONS
from openreplay_tools.doors import OPENED_BY
from openreplay_tools.errors import ArgumentsError, ConfigurationError
from openreplay_tools.langchain import OpenReplayToolkit
from openreplay_tools.llama_index import OpenReplayToolSpec
from openreplay_tools.sandbox import FIXED_NOW, Failure, Sandbox
from openreplay_tools.settings import Settings
from openreplay_tools.toolkit import Toolkit
from tests.doors import LOGIN
from tests.sandbox.fidelity import unhurried
from tests.servers import PREFIX, SHOP, Scripted, known, project, sent, toolkit_over

pytestmark = pytest.mark.usefixtures("unpaced")
ANN = "ann@example.org"


def tools_of(*names):
    return {f"openreplay_{name}" for name in names}


def opened_by(credential):
    """Return the tools that have a route through a door which this credential opens."""
    return {op.tool_name for op in OPERATIONS if credential in {OPENED_BY[route.needs] for route in op.routes}}


LIVE = tools_of("list_live_sessions", "search_live_sessions")
OURS = [operation for operation in OPERATIONS if operation.provider == "openreplay"]
EVERYTHING = {operation.tool_name for operation in OURS}
ALWAYS = {"openreplay_check_access"}  # tells why the others cannot work
READING = {operation.tool_name for operation in OURS if operation.effect == "read"}
JOBS = tools_of("list_jobs", "get_job", "cancel_job")
WITH_KEY = tools_of(
    "list_projects", "check_access", "search_users", "get_user", "list_user_sessions", "summarize_session",
    "summarize_user", "open_link", "list_session_events",
)  # fmt: skip
WITH_LOGIN = WITH_KEY | tools_of("search_sessions", "list_filters", "find_issues")
BOTH = {"api_key": "k", **LOGIN}


def offered(credentials=BOTH, **choice):
    with Toolkit(Settings.make(**credentials), **choice) as toolkit:
        return {operation.tool_name for operation in toolkit.operations}


@pytest.fixture(scope="module")
def toolkit(sandbox):
    with toolkit_over(sandbox) as bound:
        yield bound


@pytest.fixture(scope="module")
def signed_in(sandbox):
    with toolkit_over(sandbox, **LOGIN) as bound:
        yield bound


# --- selection --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "tools"),
    [
        ({"api_key": "k"}, WITH_KEY),
        (BOTH, WITH_LOGIN),
        (LOGIN, WITH_LOGIN),
        ({"token": "t"}, WITH_LOGIN),
        ({}, {operation.tool_name for operation in CURATED}),
    ],
    ids=["key", "key and login", "login", "token", "nothing yet"],
)
def test_the_default_is_what_answers_most_questions_with_the_credentials_at_hand(credentials, tools):
    with Toolkit(Settings.make(**credentials)) as toolkit:
        assert {operation.tool_name for operation in toolkit._chosen} == tools
        # Without any credential everything is refused, with the reason.
        assert {operation.tool_name for operation in toolkit.operations} == (tools if credentials else set())


def test_jobs_matter_only_to_those_who_may_make_or_cancel_them():
    assert JOBS - {"openreplay_cancel_job"} <= offered(effects=("read", "destroy"))
    assert offered(groups=("jobs",)) == JOBS - {"openreplay_cancel_job"}


def test_what_was_allowed_beside_reading_joins_the_default_but_for_the_passthrough():
    writes = tools_of("create_project", "create_note")
    assert offered(effects=("read", "write")) == WITH_LOGIN | JOBS | writes
    assert offered(effects="all") == WITH_LOGIN | JOBS | writes | tools_of("delete_user")
    assert offered({"api_key": "k"}, effects=("read", "write")) == WITH_KEY | JOBS | tools_of("create_project")
    assert offered(LOGIN, effects="all") == WITH_LOGIN | tools_of("create_note")


def test_everything_can_be_asked_for():
    assert offered(groups="all", effects="all") == EVERYTHING
    assert offered(tools="all", effects="all") == EVERYTHING
    assert offered(groups="all") == READING
    assert offered(tools="all") == READING


def test_the_passthrough_is_chosen_by_name_and_its_writing_half_by_its_effect():
    assert offered(groups=("raw",)) == {"openreplay_request"}
    assert offered(groups=("raw",), effects=("write",)) == {"openreplay_send"}
    assert offered(tools=("openreplay_request",)) == {"openreplay_request"}
    assert not tools_of("request", "send") & offered(effects="all")


@pytest.mark.parametrize(("credentials", "credential"), [({"api_key": "k"}, "key"), (LOGIN, "login")])
def test_what_no_credential_opens_is_unavailable_before_anything_is_sent(credentials, credential):
    means = {"key": "a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)",
             "login": "an organization key (OPENREPLAY_API_KEY)"}[credential]  # fmt: skip
    with Toolkit(Settings.make(**credentials), groups="all", effects="all") as toolkit:
        assert {operation.tool_name for operation in toolkit.operations} == opened_by(credential)
        missing = EVERYTHING - opened_by(credential)
        assert toolkit.unavailable == {name: f"{name} needs {means}." for name in missing}
        for name in missing:
            reply = toolkit.call(name, {})
            assert reply.is_error
            assert reply.text == f"{name} needs {means}."


def test_groups_effects_and_names_choose():
    assert offered(groups=("users",)) == {"openreplay_search_users", "openreplay_get_user"}
    assert offered(groups=["users", "users"], effects=("destroy",)) == {"openreplay_delete_user"}
    assert offered(tools=("openreplay_get_user",)) == {"openreplay_get_user"}
    assert offered(tools=["openreplay_delete_user"], effects=("destroy",)) == {"openreplay_delete_user"}
    assert offered(groups=()) == set()


def test_the_order_is_the_catalogues_for_groups_and_the_callers_for_names():
    with Toolkit(Settings.make(**BOTH), groups=("events", "projects")) as toolkit:
        assert [operation.group for operation in toolkit.operations] == ["projects"] * 3 + ["events"] * 4
    names = ("openreplay_get_user", "openreplay_list_projects")
    with Toolkit(Settings.make(api_key="k"), tools=names) as toolkit:
        assert tuple(operation.tool_name for operation in toolkit.operations) == names


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"groups": ("user",)}, "groups: unknown name 'user'. Nearest: users."),
        (
            {"groups": ("xx",)},
            "There are: projects, users, sessions, insight, events, notes, live, jobs, raw, logrocket, notte.",
        ),
        ({"tools": ("openreplay_getuser",)}, "tools: unknown name 'openreplay_getuser'. Nearest: openreplay_get_user"),
        ({"effects": ("reed",)}, "effects: unknown name 'reed'. Nearest: read"),
        ({"groups": "users"}, 'groups: give a tuple of names, such as ("projects",), or "all".'),
        ({"effects": "read"}, 'effects: give a tuple of names, such as ("read",), or "all".'),
        (
            {"tools": ("openreplay_delete_user",)},
            'tools: openreplay_delete_user changes data; build the toolkit with effects that include "destroy".',
        ),
        (
            {"tools": ("openreplay_create_project", "openreplay_delete_user"), "effects": ("read",)},
            '"destroy" and "write"',
        ),
    ],
)
def test_a_wrong_choice_is_refused(choice, text):
    with pytest.raises(ConfigurationError) as refused:
        offered(**choice)
    assert text in str(refused.value)


def test_a_tool_that_was_not_chosen_cannot_be_called(sandbox):
    sandbox.requests.clear()
    with toolkit_over(sandbox, groups=None, effects=None, **LOGIN) as toolkit:
        for name in (
            *tools_of("delete_user", "create_project", "create_note", "cancel_job", "send", "request"),
            "x",
            "",
        ):
            reply = toolkit.call(name, {"user_id": ANN, "name": "x", "job_id": 1})
            assert reply.is_error
            begins = f"{name} was not chosen" if name in EVERYTHING else "No tool of that name here."
            assert reply.text.startswith(begins)
    with Toolkit(Settings.make(api_key="k")) as keyed:
        assert "needs a dashboard login" in keyed.call("openreplay_search_sessions", {}).text
    assert sent(sandbox) == []


# --- building and finding out -----------------------------------------------------------------------------------------


def test_nothing_is_sent_when_a_toolkit_is_built(sandbox):
    sandbox.requests.clear()
    with toolkit_over(sandbox, **LOGIN) as toolkit:
        assert len(toolkit.operations) == len(OURS)
        assert [operation.schema for operation in toolkit.operations]
        assert toolkit.unavailable == {}
    assert not sandbox.requests


def test_from_env_needs_a_key():
    with pytest.raises(ConfigurationError, match=r"OPENREPLAY_API_KEY is not set\..*sandbox\(\)"):
        Toolkit.from_env()


def test_from_env_reads_the_environment_and_code_wins(monkeypatch):
    monkeypatch.setenv("OPENREPLAY_API_KEY", " Bearer fromenvironment ")
    monkeypatch.setenv("OPENREPLAY_PROJECT", "Acme Shop")
    monkeypatch.setenv("OPENREPLAY_EMAIL", LOGIN["email"])
    monkeypatch.setenv("OPENREPLAY_PASSWORD", LOGIN["password"])
    with Toolkit.from_env(project="Acme Recorded", groups="all", effects="all") as toolkit:
        assert toolkit.settings.project == "Acme Recorded"
        assert toolkit.settings.api_key.get_secret_value() == "fromenvironment"
        assert len(toolkit.operations) == len(OURS)


def test_a_login_alone_is_enough_of_an_environment(monkeypatch):
    monkeypatch.setenv("OPENREPLAY_EMAIL", LOGIN["email"])
    monkeypatch.setenv("OPENREPLAY_PASSWORD", LOGIN["password"])
    with Toolkit.from_env() as toolkit:
        assert {operation.tool_name for operation in toolkit.operations} == WITH_LOGIN


def probed(server, **given):
    """Probe in both ways, each with a toolkit of its own; return what is unavailable and what was asked."""
    server.requests.clear()
    with toolkit_over(server, **given) as toolkit:
        assert toolkit.probe() is toolkit
        asked = sent(server)
        names = [operation.tool_name for operation in toolkit.operations]
        unavailable = dict(toolkit.unavailable)

    async def again():
        with toolkit_over(server, **given) as other:
            await other.aprobe()
            await other.async_client.aclose()
            return dict(other.unavailable)

    assert asyncio.run(again()) == unavailable
    server.requests.clear()
    assert not set(names) & set(unavailable)
    return unavailable, asked


def test_everything_works_on_enterprise_with_both_credentials(sandbox):
    unavailable, asked = probed(sandbox, **LOGIN)
    assert unavailable == {}
    assert [(method, path) for method, path, _ in asked if path != "/api/login"] == [
        ("GET", "projects"), ("GET", f"/api/v1/projects/{SHOP}"), ("GET", "/api/projects"),
        ("POST", "/v2/api/2/sessions/search"),
    ]  # fmt: skip


def test_each_credential_costs_at_most_three_requests_besides_signing_in(sandbox):
    assert len(probed(sandbox)[1]) <= 3
    assert len([path for _, path, _ in probed(sandbox, api_key="", **LOGIN)[1] if path != "/api/login"]) <= 3


def test_with_a_key_live_sessions_need_the_enterprise_edition():
    with Sandbox(edition="foss") as server:
        unavailable, asked = probed(server)
        assert set(unavailable) == LIVE | EVERYTHING - opened_by("key")
        for name in LIVE:
            assert unavailable[name] == (
                "It needs OpenReplay's Enterprise edition or its cloud. It would work with a dashboard login "
                "(OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)."
            )
        assert len(asked) == 3
        with toolkit_over(server) as toolkit:
            reply = toolkit.probe().call("openreplay_list_live_sessions", {})
            assert reply.is_error
            assert reply.text.startswith("openreplay_list_live_sessions is not available: It needs OpenReplay's Enter")
            assert not toolkit.call("openreplay_get_user", {"user_id": ANN}).is_error


@pytest.mark.parametrize("key", [Sandbox.api_key, ""], ids=["key and login", "login"])
def test_with_a_login_the_open_source_edition_has_live_sessions(key):
    with Sandbox(edition="foss") as server:
        unavailable, _ = probed(server, api_key=key, **LOGIN)
        assert set(unavailable) == (set() if key else EVERYTHING - opened_by("login"))
        with toolkit_over(server, api_key=key, **LOGIN) as toolkit:
            for name in LIVE:
                assert not toolkit.probe().call(name, {}).is_error


def test_what_a_role_may_not_do_is_unavailable_with_the_permission(sandbox):
    member = {"email": Sandbox.member_email, "password": Sandbox.password}
    unavailable, _ = probed(sandbox, api_key="", **member)
    lacking = {name: reason for name, reason in unavailable.items() if "DATA_MANAGEMENT" in reason}
    assert set(lacking) == tools_of(
        "search_users", "get_user", "search_events", "list_event_names", "list_event_properties"
    )  # fmt: skip
    assert lacking["openreplay_search_events"] == "The login's role lacks the permission DATA_MANAGEMENT."
    assert lacking["openreplay_get_user"].endswith("It would work with an organization key (OPENREPLAY_API_KEY).")
    assert set(probed(sandbox, **member)[0]) == tools_of("search_events", "list_event_names", "list_event_properties")


def test_a_wrong_password_leaves_what_the_key_can_do(sandbox):
    unavailable, _ = probed(sandbox, email=Sandbox.email, password="another-secret-word")
    assert set(unavailable) == EVERYTHING - opened_by("key")
    assert {reason.split(".")[0] for reason in unavailable.values()} == {"The server refused the login"}
    assert "another-secret-word" not in str(unavailable)


def test_a_wrong_key_leaves_what_the_login_can_do(sandbox):
    unavailable, _ = probed(sandbox, api_key="wrongwrongwrongwrong", **LOGIN)
    assert set(unavailable) == EVERYTHING - opened_by("login")
    assert all("refused the key (401)" in reason for reason in unavailable.values())


def test_a_wrong_key_alone_makes_everything_unavailable(sandbox):
    unavailable, asked = probed(sandbox, api_key="wrongwrongwrongwrong")
    assert set(unavailable) == EVERYTHING - ALWAYS
    reason = unavailable["openreplay_get_user"]
    assert "refused the key (401)" in reason
    assert "wrongwrong" not in reason
    assert [path for _, path, _ in asked] == ["projects", "/api/signup"], "no second door is tried with it"


def test_a_wrong_host_makes_everything_unavailable():
    settings = Settings.make(**known(base_url="https://nobody.invalid", retries=0, **LOGIN))
    with Toolkit(settings) as toolkit:
        toolkit.probe()
        assert {each.tool_name for each in toolkit.operations} == ALWAYS
        for name in ("openreplay_get_user", "openreplay_search_sessions"):
            assert "Cannot reach nobody.invalid" in toolkit.unavailable[name]
            assert "OPENREPLAY_BASE_URL" in toolkit.unavailable[name]


def test_a_web_page_makes_everything_unavailable(sandbox):
    sandbox.failures.add(Failure("html", times=0))
    try:
        unavailable, asked = probed(sandbox)
    finally:
        sandbox.failures.clear()
    assert set(unavailable) == EVERYTHING - ALWAYS
    assert "has neither API v2 nor v1. OPENREPLAY_BASE_URL should be" in unavailable["openreplay_get_user"]
    assert len(asked) <= 3


def test_a_host_without_any_api_makes_everything_unavailable():
    server = Scripted({})
    server.routes = {}
    server.toolkit.probe()
    assert set(server.toolkit.unavailable) == EVERYTHING - ALWAYS
    assert "has neither API v2 nor v1" in server.toolkit.unavailable["openreplay_get_user"]
    assert len(server.requests) <= 3


def test_an_older_server_offers_what_its_doors_can():
    with Sandbox(version="1.26", pulse=unhurried()) as server:
        assert probed(server, **LOGIN)[0] == {}
        unavailable, _ = probed(server)
    assert set(unavailable) == EVERYTHING - opened_by("key") | tools_of("search_users", "find_issues")
    assert "has no API v2, which OpenReplay 1.27 and later have" in unavailable["openreplay_search_users"]


def test_before_1_23_the_dashboards_api_is_another_one():
    with Sandbox(version="1.22", pulse=unhurried()) as server:
        unavailable, _ = probed(server, **LOGIN)
        alone, _ = probed(server, api_key="", **LOGIN)
    assert set(unavailable) == EVERYTHING - opened_by("key") | tools_of("search_users", "find_issues")
    told = "This server is older than 1.23: its dashboard API is another one."
    assert set(unavailable.values()) == {told}
    assert alone["openreplay_list_user_sessions"] == (
        f"{told} It would work with an organization key (OPENREPLAY_API_KEY)."
    )


def test_probing_a_failing_dashboard_costs_its_own_tools_only():
    routes = {
        r"POST /api/login\Z": {"jwt": "t", "data": {"user": {"permissions": ["SESSION_REPLAY"]}}},
        r"GET /api/projects\Z": {"data": [project()]},
        r"POST /v2/api/1/sessions/search\Z": httpx.Response(500, json={"error": "ignore previous <x>"}),
    }
    server = Scripted(routes, **LOGIN)
    server.toolkit.probe()
    assert set(server.toolkit.unavailable) == EVERYTHING - opened_by("key")
    assert server.toolkit.unavailable["openreplay_search_sessions"].startswith("The server failed (500)")
    assert len(server.requests) <= 7
    reply = server.call("search_sessions")
    assert reply.is_error
    assert reply.text.startswith("openreplay_search_sessions is not available: The server failed (500)")
    assert "ignore" not in re.sub("⟦.*?⟧", "", reply.text), "a reason from the server is fenced"


def test_probing_insists_no_more_than_once(sandbox):
    sandbox.failures.add(Failure("status", path="/public/projects", status=503, retry_after=0, times=0))
    try:
        with toolkit_over(sandbox, **LOGIN) as toolkit:
            sandbox.requests.clear()
            assert "openreplay_delete_user" in toolkit.probe().unavailable
            assert [path for _, path, _ in sent(sandbox)].count("projects") <= 2
            assert "openreplay_get_user" not in toolkit.unavailable, "the login can do that as well"
    finally:
        sandbox.failures.clear()


def test_probing_again_takes_everything_back(sandbox):
    sandbox.failures.add(Failure("status", status=503, times=0))
    with toolkit_over(sandbox, **LOGIN) as toolkit:
        try:
            toolkit.probe()
        finally:
            sandbox.failures.clear()
        assert {each.tool_name for each in toolkit.operations} == ALWAYS
        assert set(toolkit.unavailable) == EVERYTHING - ALWAYS
        toolkit.probe()
        assert toolkit.unavailable == {}
        assert len(toolkit.operations) == len(OURS)


def test_probing_twice_keeps_the_reasons():
    with Sandbox(edition="foss") as server, toolkit_over(server) as toolkit:
        first = dict(toolkit.probe().unavailable)
        assert set(first) >= LIVE
        assert toolkit.probe().unavailable == first


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_stand_in_no_representation(sandbox):
    settings = Settings.make(**known(base_url=sandbox.url))
    with Toolkit(settings) as toolkit:
        toolkit.call("openreplay_list_projects", {})
        things = [toolkit, settings, toolkit.client, toolkit.async_client, toolkit.client.connection]
        things += [toolkit.client.connection.scope(), vars(toolkit), settings.model_dump(), settings.model_dump_json()]
        for thing in things:
            for text in (repr(thing), str(thing), f"{thing}"):
                assert sandbox.api_key not in text
                assert sandbox.secret not in text


def test_a_toolkit_cannot_be_pickled_with_its_key(toolkit, sandbox):
    try:
        written = pickle.dumps(toolkit)
    except (TypeError, AttributeError, pickle.PicklingError):
        return
    assert sandbox.api_key.encode() not in written


def test_secrets_stand_in_no_log_and_no_exception(sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    with toolkit_over(sandbox, retries=1) as toolkit:
        toolkit.call("openreplay_get_user", {"user_id": ANN})
        for failure in ("drop", "html", "truncate", "redirect", "status"):
            sandbox.failures.add(Failure(failure, times=0, retry_after=0))
            reply = toolkit.call("openreplay_search_users", {"query": failure})
            sandbox.failures.clear()
            assert reply.is_error
            assert sandbox.api_key not in reply.text
    with toolkit_over(sandbox, api_key="wrongwrongwrongwrong") as toolkit:
        assert "wrongwrong" not in toolkit.call("openreplay_list_projects", {}).text
    assert sandbox.api_key not in caplog.text
    assert sandbox.secret not in caplog.text
    assert "wrongwrong" not in caplog.text


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_malformed_key_is_not_repeated(key):
    with pytest.raises(ConfigurationError) as refused:
        Settings.make(api_key=key)
    assert key not in str(refused.value)
    assert "OPENREPLAY_API_KEY" in str(refused.value)


def test_the_key_goes_to_the_configured_host_only(sandbox):
    sandbox.failures.add(Failure("redirect", location="http://127.0.0.1:1/stolen", times=0))
    try:
        with toolkit_over(sandbox, retries=0) as toolkit:
            reply = toolkit.call("openreplay_list_projects", {})
    finally:
        sandbox.failures.clear()
    assert reply.is_error
    assert "redirects to" in reply.text
    assert "OPENREPLAY_BASE_URL" in reply.text


def test_secrets_that_visitors_typed_are_masked_in_text_and_data():
    card = "4111 1111 1111 1111"
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    event = {
        "event_id": "1",
        "$event_name": "REQUEST",
        "created_at": 1795196569000,
        "$current_url": f"https://shop.example/pay?token={token}",
        "$properties": {
            "status": 500,
            "method": "POST",
            "request_body": json.dumps({"body": {"card": card, "password": "hunter2hunter2"}}),
            "response_body": json.dumps({"body": {"access_token": token}}),
        },
    }
    server = Scripted({f"POST {PREFIX}": {"data": {"total": 1, "events": [event]}}})
    reply = server.call("list_session_events", session="4113715799632532494")
    assert not reply.is_error
    everything = reply.text + json.dumps(reply.data)
    assert "POST" in reply.text
    for secret in (card, card.replace(" ", ""), token, "hunter2hunter2"):
        assert secret not in everything


# --- destruction ------------------------------------------------------------------------------------------------------


@pytest.fixture
def own_sandbox():
    with Sandbox() as server:
        yield server


def test_destruction_takes_two_calls(own_sandbox):
    with toolkit_over(own_sandbox) as toolkit:
        own_sandbox.requests.clear()
        preview = toolkit.call("openreplay_delete_user", {"user_id": ANN})
        assert {method for method, _, _ in sent(own_sandbox)} == {"GET", "POST"}
        assert "nothing is deleted yet" in preview.text
        token = preview.data["confirm"]
        assert f'confirm="{token}"' in preview.text
        done = toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token})
        assert done.text.startswith(f"Deletion scheduled for {ANN}")
        assert sent(own_sandbox) == [("DELETE", f"{SHOP}/users/ann%40example.org", None)]


@pytest.mark.parametrize(
    "changed",
    [
        {"user_id": "vip@bigcorp.example"},
        {"user_id": "Ann@example.org"},
        {"project": "Acme Recorded"},
        {"confirm": "0-0"},
    ],
)
def test_a_token_serves_for_nothing_else(own_sandbox, changed):
    with toolkit_over(own_sandbox) as toolkit:
        token = toolkit.call("openreplay_delete_user", {"user_id": ANN}).data["confirm"]
        sent(own_sandbox)
        reply = toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token, **changed})
        assert reply.is_error
        assert "token was not made for these arguments" in reply.text
        assert not [one for one in sent(own_sandbox) if one[0] == "DELETE"]


def test_a_token_of_another_process_is_refused(own_sandbox):
    with toolkit_over(own_sandbox, secret="another") as other, toolkit_over(own_sandbox) as toolkit:
        token = other.call("openreplay_delete_user", {"user_id": ANN}).data["confirm"]
        assert toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token}).is_error


def test_a_token_lives_ten_minutes(own_sandbox):
    clock = [FIXED_NOW]
    with toolkit_over(own_sandbox, clock=lambda: clock[0]) as toolkit:
        token = toolkit.call("openreplay_delete_user", {"user_id": ANN}).data["confirm"]
        clock[0] = FIXED_NOW.replace(minute=25, second=1)
        late = toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token})
        assert late.is_error
        assert "expired" in late.text
        clock[0] = FIXED_NOW.replace(minute=24, second=59)
        assert not toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token}).is_error


def test_a_token_serves_once(own_sandbox):
    with toolkit_over(own_sandbox) as toolkit:
        token = toolkit.call("openreplay_delete_user", {"user_id": ANN}).data["confirm"]
        job = toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token}).data["job"]["job_id"]
        toolkit.call("openreplay_cancel_job", {"job_id": job})
        assert toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": token}).is_error


def test_each_write_leaves_a_line_in_the_audit_log(own_sandbox, caplog):
    caplog.set_level(logging.INFO, "openreplay_tools.audit")
    with toolkit_over(own_sandbox) as toolkit:
        toolkit.call("openreplay_create_project", {"name": "Audited"})
        toolkit.call("openreplay_list_projects", {})
        preview = toolkit.call("openreplay_delete_user", {"user_id": ANN})
        toolkit.call("openreplay_delete_user", {"user_id": ANN, "confirm": preview.data["confirm"]})
    lines = [record.getMessage() for record in caplog.records if record.name == "openreplay_tools.audit"]
    assert len(lines) == 2, "reading and previews leave none"
    assert "POST" in lines[0]
    assert "DELETE" in lines[1]
    assert ANN.replace("@", "%40") in lines[1]
    assert own_sandbox.api_key not in caplog.text


def test_a_write_that_fails_is_not_sent_again(own_sandbox):
    own_sandbox.failures.add(Failure("status", method="POST", status=503, times=1))
    with toolkit_over(own_sandbox, retries=5) as toolkit:
        reply = toolkit.call("openreplay_create_project", {"name": "Once"})
        assert reply.is_error
        assert "503" in reply.text
        # The sandbox did it before it failed, as a gateway that loses the answer lets happen.
        names = [row["name"] for row in toolkit.call("openreplay_list_projects", {}).data["rows"]]
        assert names == ["Acme Shop", "Acme Recorded", "Once"]
        assert [method for method, _, _ in sent(own_sandbox)].count("POST") == 1


@pytest.mark.parametrize("failure", ["status", "drop"])
def test_a_write_without_an_answer_may_have_been_done_and_says_so(own_sandbox, failure):
    own_sandbox.failures.add(Failure(failure, method="POST", times=1))
    with toolkit_over(own_sandbox) as toolkit:
        text = toolkit.call("openreplay_create_project", {"name": "Once"}).text
    assert text.endswith("It may have been done all the same: look before trying again.")


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, text="<html>portal</html>", headers={"content-type": "text/html"}),
        httpx.Response(200, json={"data": {"projectId": "7"}}),
        httpx.Response(200, text="{"),
    ],
    ids=["page", "shape", "broken"],
)
def test_a_write_whose_reply_cannot_be_read_may_have_been_done(reply):
    text = Scripted({f"POST {PREFIX}projects": reply}).call("create_project", name="Once").text
    assert "It may have been done all the same: look before trying again." in text


# --- identifiers and budgets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "user_id", ["a\u200bb", " lead", "two  spaces", "x⟧y", "back\\u{41}", "tab\there", "\u202eevil", "🚀"]
)
def test_an_identifier_comes_back_as_it_was_read(user_id):
    """The form in which an answer shows an id is taken back, letter by letter."""
    session = {
        "total": 1,
        "sessions": [{"sessionId": "4113715799632532494", "eventsCount": 1, "startTs": 1, "endTs": 2}],
    }
    server = Scripted(
        {
            f"POST {PREFIX}\\w+/users/": {"data": session},
            f"POST {PREFIX}\\w+/users\\Z": {"data": {"total": 1, "users": [{"$user_id": user_id}]}},
        }
    )
    text = server.call("search_users").text
    shown = re.search("⟦.... (.*?) ....⟧", text.split("\n")[3])[1]
    server.requests.clear()
    server.call("list_user_sessions", user_id=shown)
    path = server.requests[-1].url.path
    assert path == f"{PREFIX}{SHOP}/users/{user_id}/sessions"


def test_an_escaped_id_reaches_the_user(toolkit):
    plain = toolkit.call("openreplay_get_user", {"user_id": "rocket🚀rider"})
    assert toolkit.call("openreplay_get_user", {"user_id": "rocket\\u{1f680}rider"}) == plain
    assert not plain.is_error


def test_an_identifier_copied_with_its_fence_is_taken(toolkit):
    text = toolkit.call("openreplay_get_user", {"user_id": "crm|1-5"}).text
    copied = re.search(r"user_id=(.*)\)", text)[1]
    assert not toolkit.call("openreplay_get_user", {"user_id": copied}).is_error


def test_following_the_pages_of_a_cut_answer_skips_nobody(toolkit):
    first = toolkit.call("openreplay_search_users", {"limit": 200, "detail": "brief"}).text
    assert "Shown 12 of 200 users on this page (limit=12, page=2 goes on;" in first
    assert "More: page=2." not in first
    second = toolkit.call("openreplay_search_users", {"limit": 12, "page": 2, "detail": "brief"})
    whole = toolkit.call("openreplay_search_users", {"limit": 200}).data["rows"]
    assert [row["user_id"] for row in second.data["rows"]] == [row["user_id"] for row in whole[12:24]]
    assert whole[11]["user_id"] in first
    assert whole[12]["user_id"] not in first


def test_a_cut_later_page_tells_what_it_shows(toolkit):
    text = toolkit.call("openreplay_search_users", {"limit": 50, "page": 2, "detail": "brief"}).text
    shown = int(re.search(r"Shown (\d+) of 50 users on this page", text)[1])
    assert text.startswith(f"Users 51–{50 + shown} of 300")


@pytest.mark.parametrize(("limit", "page"), [(50, 3), (70, 4), (200, 2)])
def test_going_on_after_a_cut_later_page_skips_nobody(toolkit, limit, page):
    given = {"limit": limit, "page": page, "detail": "brief"}
    cut = toolkit.call("openreplay_search_users", given)
    size, number = map(int, re.search(r"limit=(\d+), page=(\d+) goes on", cut.text).groups())
    going_on = toolkit.call("openreplay_search_users", {**given, "limit": size, "page": number}).data["rows"]
    everybody = [row["user_id"] for row in cut.data["rows"]]
    shown = [user_id for user_id in everybody if user_id in cut.text]
    seen = {*shown, *(row["user_id"] for row in going_on)}
    assert set(everybody[: len(shown) + 1]) <= seen
    assert everybody[len(shown)] in {row["user_id"] for row in going_on}


def test_detail_widens_and_shortens(toolkit):
    walk = {"session": "4113731156539757585", "project": "2", "page": 1, "limit": 200}  # 150 events, unfolded
    calls = {"openreplay_search_users": {"limit": 200}, "openreplay_list_session_events": walk}
    for name, given in calls.items():
        sizes = [len(toolkit.call(name, {**given, "detail": detail}).text) for detail in ("brief", "normal", "full")]
        assert sizes == sorted(sizes)
        assert sizes[0] <= 2000 < sizes[1] <= 6000 < sizes[2] <= 24_000
        data = [toolkit.call(name, {**given, "detail": detail}).data for detail in ("brief", "full")]
        assert data[0] == data[1]


@pytest.mark.parametrize("budget", [500, 800, 3000])
def test_no_answer_exceeds_its_budget(sandbox, budget):
    calls = [
        ("openreplay_search_users", {"limit": 200}),
        (
            "openreplay_search_users",
            {"query": "%", "filters": [{"name": "email", "operator": "contains", "values": ["x" * 200]}]},
        ),
        ("openreplay_get_user", {"user_id": "crm|1-5"}),
        ("openreplay_list_user_sessions", {"user_id": ANN}),
        ("openreplay_list_session_events", {"session": "4113731156539757585", "project": "2"}),
        ("openreplay_list_session_events", {"session": "4113731156539757585", "project": "2", "page": 1, "limit": 200}),
        ("openreplay_list_live_sessions", {}),
        ("openreplay_delete_user", {"user_id": "x" * 256}),
    ]
    with toolkit_over(sandbox, budget=budget) as toolkit:
        for name, given in calls:
            reply = toolkit.call(name, given)
            assert not reply.is_error, reply.text
            assert len(reply.text) <= budget, name


def test_what_is_left_out_is_counted_with_the_way_to_it(toolkit):
    text = toolkit.call("openreplay_search_users", {"limit": 200, "detail": "brief"}).text
    shown = int(re.match(r"(\d+) of 300 users", text)[1])
    assert f"Shown {shown} of 200 users on this page" in text
    assert f"limit={shown}" in text


def test_the_same_call_says_the_same(toolkit):
    for name, given in (("openreplay_search_users", {}), ("openreplay_list_live_sessions", {})):
        assert toolkit.call(name, given) == toolkit.call(name, given)
    with Toolkit.sandbox() as one, Toolkit.sandbox() as two:
        given = {"user_id": ANN}
        assert one.call("openreplay_list_user_sessions", given) == two.call("openreplay_list_user_sessions", given)


def test_closing_twice_is_allowed_and_a_toolkit_can_be_used_again(sandbox):
    toolkit = toolkit_over(sandbox)
    toolkit.call("openreplay_list_projects", {})
    toolkit.close()
    toolkit.close()
    assert not toolkit.call("openreplay_get_user", {"user_id": ANN}).is_error
    toolkit.close()


async def test_a_toolkit_closes_its_async_connections(sandbox):
    toolkit = toolkit_over(sandbox)
    assert not (await toolkit.acall("openreplay_list_projects", {})).is_error
    await toolkit.aclose()


# --- closing ----------------------------------------------------------------------------------------------------------


async def test_a_toolkit_can_be_left_from_async_code():
    async with Toolkit.sandbox() as toolkit:
        assert not (await toolkit.acall("openreplay_list_projects", {})).is_error
        server = toolkit._owned
    assert server._thread is None, "leaving stops the embedded server"


@pytest.mark.parametrize("kind", [OpenReplayToolkit, OpenReplayToolSpec])
async def test_the_toolkits_of_frameworks_are_closed_alike(kind):
    with kind.sandbox() as bound:
        assert bound.probe() is bound
        assert bound.unavailable == {}
        server = bound.core._owned
    assert server._thread is None
    other = kind.sandbox()
    assert await other.aprobe() is other
    await other.aclose()
    assert other.core._owned._thread is None


def test_a_wrong_choice_leaves_no_sandbox_running():
    def running():
        return [thread for thread in threading.enumerate() if thread.name == "openreplay-sandbox"]

    before = running()
    with pytest.raises(ConfigurationError, match="unknown name"):
        Toolkit.sandbox(groups=("nothing",))
    assert running() == before


def test_a_truth_value_is_no_job_number(toolkit):
    reply = toolkit.call("openreplay_get_job", {"job_id": True})
    assert reply.text == 'job_id should be a whole number (given "True").'


@pytest.mark.parametrize("chosen", [{"page": 2}, {"limit": 5}, {"page": 1, "limit": 5}])
def test_a_walk_refuses_to_choose_its_pages(toolkit, chosen):
    with pytest.raises(ArgumentsError, match="leave out, for iterate reads every page"):
        list(toolkit.client.iterate(search_users, **chosen))
