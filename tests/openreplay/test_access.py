"""What an address and its credentials can do: found out in few requests, told in few lines, and true."""

import json
from itertools import count

import httpx
import pytest

from openreplay_tools import Settings
from openreplay_tools.errors import UnavailableError
from openreplay_tools.sandbox import Failure, Sandbox
from openreplay_tools.toolkit import Toolkit
from tests.servers import SHOP, known, toolkit_over

LOGIN = {"email": Sandbox.email, "password": Sandbox.password}
KINDS = {
    "foss 1.27": {"edition": "foss"},
    "ee 1.27": {"edition": "ee"},
    "both": {"version": "1.27.0", "edition": "foss"},
    "1.26": {"version": "1.26", "edition": "foss"},
    "1.22": {"version": "1.22", "edition": "foss"},
}
CREDENTIALS = {
    "key": {},
    "login": {"api_key": "", **LOGIN},
    "both": LOGIN,
    "wrong key": {"api_key": "wrong"},
    "wrong login": {"api_key": "", **LOGIN, "password": "wrong one"},
    "wrong key, right login": {"api_key": "wrong", **LOGIN},
}
# Of each kind of server and each credential: the state of v2, v1 and login.
TRUTH = {
    "foss 1.27": ("open", "closed", "open"),
    "ee 1.27": ("open", "closed", "open"),
    "both": ("open", "open", "open"),
    "1.26": ("closed", "open", "open"),
    "1.22": ("closed", "open", "closed"),
}


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    # Several callers ask for the list of projects here, which API v1 gives once in 20 seconds.
    with Sandbox(**KINDS[request.param], pulse=count(step=30).__next__) as server:
        yield request.param, server


def expected(kind, credential):
    v2, v1, login = TRUTH[kind]
    key_doors = {"key": (v2, v1), "both": (v2, v1), "login": ("unset", "unset"), "wrong login": ("unset", "unset")}
    login_door = {"key": "unset", "wrong key": "unset", "wrong login": "refused"}
    # A wrong key is refused by the first API that is there; where v2 is not, by v1.
    refused = ("closed", "refused") if v2 == "closed" else ("refused", "refused")
    return (*key_doors.get(credential, refused), login_door.get(credential, login))


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_what_is_told_is_true(kind, credential):
    name, server = kind
    with toolkit_over(server, **CREDENTIALS[credential]) as toolkit:
        server.requests.clear()
        reply = toolkit.call("openreplay_check_access", {})
        assert not reply.is_error, reply.text
        assert tuple(door["state"] for door in reply.data["doors"]) == expected(name, credential)
        asked = [one.path for one in server.requests]
        assert len(asked) <= 6, "three small requests for each credential"
        assert not any("/account" in path for path in asked), "the organization key is not fetched with a login"


@pytest.mark.parametrize("credential", ["key", "login", "both", "wrong key, right login"])
def test_every_offered_reading_tool_works_and_none_is_offered_that_cannot(kind, credential):
    name, server = kind
    with toolkit_over(server, effects=None, **CREDENTIALS[credential]) as toolkit:
        toolkit.probe()
        offered = {operation.tool_name for operation in toolkit.operations}
        examples = {
            "openreplay_list_projects": {},
            "openreplay_get_project": {},
            "openreplay_check_access": {},
            "openreplay_search_users": {"limit": 2},
            "openreplay_get_user": {"user_id": "ann@example.org"},
            "openreplay_list_user_sessions": {"user_id": "ann@example.org"},
            "openreplay_list_jobs": {},
            "openreplay_list_live_sessions": {},
            "openreplay_search_live_sessions": {},
        }
        for tool, arguments in examples.items():
            reply = toolkit.call(tool, arguments)
            assert reply.is_error is (tool not in offered), (name, tool, reply.text)
            assert (tool in offered) is (tool not in toolkit.unavailable), tool


def test_the_answer_reads_well(sandbox):
    with toolkit_over(sandbox) as toolkit:
        assert toolkit.call("openreplay_check_access", {}).text.splitlines()[1:] == [
            "API v2: the key is accepted: users, their sessions and events, jobs.",
            (
                "No dashboard login. OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD would add: session search, session "
                "details, filters, project-wide events, notes."
            ),
            "Projects: Acme Shop, Acme Recorded",
            "Next: openreplay_list_projects.",
        ]


OTHERS = {
    "logrocket_api_key": "LogRocket: a key is set (not tried here). Its tools begin with logrocket_.",
    "notte_api_key": "Notte: a key is set (not tried here). Its tools begin with notte_.",
}


@pytest.mark.parametrize("names", [(), ("logrocket_api_key",), ("notte_api_key",), tuple(OTHERS)], ids="+".join)
def test_keys_of_other_vendors_are_told_untried_and_not_shown(sandbox, names):
    keys = {name: f"acme:shop:sekret{name}" for name in names}
    with toolkit_over(sandbox, **keys) as toolkit:
        sandbox.requests.clear()
        reply = toolkit.call("openreplay_check_access", {})
        assert not [one for one in sandbox.requests if "acme" in one.path or "sessions" in one.path]
    lines = reply.text.splitlines()
    assert [line for line in lines if line.startswith(("LogRocket", "Notte"))] == [OTHERS[name] for name in names]
    assert lines[-2].startswith("Projects: ")
    assert "sekret" not in reply.text + json.dumps(reply.data)


def test_a_role_without_a_permission_gets_only_what_it_may(sandbox):
    with toolkit_over(sandbox, api_key="", email=Sandbox.member_email, password=Sandbox.password) as toolkit:
        reply = toolkit.probe().call("openreplay_check_access", {})
        assert "SESSION_REPLAY" in reply.data["permissions"]
        assert "DATA_MANAGEMENT" not in reply.data["permissions"]
        assert "lacks the permission DATA_MANAGEMENT" in toolkit.unavailable["openreplay_search_users"]


def test_a_key_that_is_refused_leaves_the_login(sandbox):
    with toolkit_over(sandbox, api_key="wrong", **LOGIN) as toolkit:
        assert not toolkit.call("openreplay_get_user", {"user_id": "ann@example.org"}).is_error
        sandbox.requests.clear()
        assert not toolkit.call("openreplay_get_user", {"user_id": "ann@example.org"}).is_error
        assert not any("/public/" in one.path for one in sandbox.requests), "what was found out is remembered"


@pytest.mark.parametrize(
    "pasted", ["{url}/", "{url}/api", "{url}/api/v1", "{url}/v2/api/", "{url}/api/v2", "{url}/v2/api/api"]
)
def test_addresses_people_paste_are_understood(sandbox, pasted):
    settings = Settings.make(**known(base_url=pasted.format(url=sandbox.url), api_key=f"Bearer {Sandbox.api_key}\n"))
    with Toolkit(settings) as toolkit:
        assert toolkit.probe().unavailable == {}


def over(answer, **given):
    settings = Settings.make(**known(base_url="https://replay.example.com", retries=0, **given))
    toolkit = Toolkit(settings, groups="all")
    from openreplay_tools import AsyncClient, Client

    toolkit.client = Client(settings, transport=httpx.MockTransport(answer))
    toolkit.async_client = AsyncClient(connection=toolkit.client.connection)
    return toolkit


NOT_AT_API_V1 = {"openreplay_search_users", "openreplay_find_issues"}
ADDRESSES = {
    "another site": (lambda _: httpx.Response(200, html="<!doctype html><html></html>"), "neither API v2 nor v1"),
    "http instead of https": (
        lambda _: httpx.Response(301, headers={"location": "https://replay.example.com/"}),
        "Set OPENREPLAY_BASE_URL to the address where the instance answers itself",
    ),
    "nobody": (httpx.ConnectError("[Errno 111] Connection refused"), "Cannot reach replay.example.com"),
    "gateway": (lambda _: httpx.Response(502, html="<html>Bad Gateway</html>"), "The server failed (502)"),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_a_wrong_address_is_named(case):
    answer, words = ADDRESSES[case]

    def respond(request):
        if isinstance(answer, Exception):
            raise answer
        return answer(request)

    toolkit = over(respond)
    assert words in toolkit.call("openreplay_check_access", {}).text
    toolkit.probe()
    assert [each.name for each in toolkit.operations] == ["check_access"], "which says why"
    keyed = {tool: reason for tool, reason in toolkit.unavailable.items() if "needs a dashboard login" not in reason}
    assert all(words in reason for tool, reason in keyed.items() if tool not in NOT_AT_API_V1)
    assert len(keyed) >= 9


@pytest.mark.parametrize("version", ["1.26", "1.22"])
def test_an_old_server_is_found_by_the_first_call(version):
    with Sandbox(version=version) as server, toolkit_over(server) as toolkit:
        server.requests.clear()
        assert not toolkit.call("openreplay_get_project", {"project": SHOP}).is_error
        first = len(server.requests)
        assert not toolkit.call("openreplay_get_project", {"project": SHOP}).is_error
        assert len(server.requests) - first <= 2, "the missing API is not asked again"


def test_what_was_found_out_fades(sandbox, monkeypatch):
    with toolkit_over(sandbox) as toolkit:
        connection = toolkit.client.connection
        connection.learn(connection.access.without("v2", UnavailableError("for a while")))
        assert not connection.access.has("v2")
        monkeypatch.setattr(connection, "_known_until", 0.0)
        assert connection.access.has("v2")


def test_without_any_credential_the_reason_is_told():
    toolkit = Toolkit(Settings.make(base_url="https://replay.example.com"))
    reply = toolkit.call("openreplay_check_access", {})
    assert reply.is_error
    assert "Set OPENREPLAY_API_KEY" in reply.text


def test_a_server_that_does_not_tell_its_edition_is_no_trouble():
    def respond(request):
        if request.url.path.endswith("/public/projects"):
            return httpx.Response(200, json={"data": []})
        return httpx.Response(404, json={"detail": "Not Found"})

    reply = over(respond).call("openreplay_check_access", {})
    assert "edition unknown" in reply.text
    assert json.loads(json.dumps(reply.data))["edition"] == ""


def test_a_passing_failure_is_told_and_not_remembered(sandbox):
    with toolkit_over(sandbox, retries=0) as toolkit:
        sandbox.failures.add(Failure("status", status=503))
        reply = toolkit.call("openreplay_check_access", {})
        assert reply.data["doors"][0]["state"] == "unknown"
        assert "503" in reply.text
        assert not toolkit.call("openreplay_search_users", {"limit": 1}).is_error


def test_what_v1_says_to_a_key_that_v2_accepts_does_not_matter():
    def respond(request):
        if "/public/projects" in request.url.path:
            return httpx.Response(200, json={"data": [{"projectKey": SHOP, "projectId": 1, "name": "Acme Shop"}]})
        return httpx.Response(401, json={"errors": ["Invalid API Key"]})

    states = [door["state"] for door in over(respond).call("openreplay_check_access", {}).data["doors"]]
    assert states == ["open", "refused", "unset"]


def test_a_server_with_both_apis_is_told_as_one(kind):
    name, server = kind
    with toolkit_over(server) as toolkit:
        text = toolkit.call("openreplay_check_access", {}).text
    assert ("API v2: the key is accepted" in text) is (name in {"both", "foss 1.27", "ee 1.27"})
    assert ("API v1: the key is accepted" in text) is (name in {"both", "1.26", "1.22"})


def test_a_refused_key_is_told_once(sandbox):
    with toolkit_over(sandbox, api_key="wrong") as toolkit:
        assert toolkit.call("openreplay_check_access", {}).text.count("The server refused the key") == 1


@pytest.mark.parametrize(
    "place", ["/1/sessions", "/1/session/4113544283335376317", "/2/dashboard", "/login", "/v2/api/public/projects",
              "/api/v1/projects", "/v2/api/public/7X2WHE68QaUo3L1nD60m/users"],
)  # fmt: skip
def test_a_page_or_endpoint_is_taken_for_its_instance(sandbox, place):
    with Toolkit(Settings.make(**known(base_url=f"{sandbox.url}{place}"))) as toolkit:
        assert toolkit.probe().unavailable == {}
