"""What is offered with which vendors' credentials, and what a probe of each vendor leaves of it."""

from __future__ import annotations

from itertools import combinations

import httpx
import pytest

from openreplay_tools.catalogue import OPERATIONS, UNSERVED, VENDORS
from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.doors import Access
from openreplay_tools.errors import ConfigurationError
from openreplay_tools.selection import selected
from openreplay_tools.toolkit import Toolkit
from tests.vendors import KEYS, LOGROCKET_KEY, NOTTE_KEY, settings

KINDS = ("key", "login", "logrocket", "notte")
EVERY = [frozenset(chosen) for count in range(1, 5) for chosen in combinations(KINDS, count)]
each_set = pytest.mark.parametrize("given", EVERY, ids=lambda chosen: "+".join(sorted(chosen)))


def vendors_of(given):
    return {"openreplay" if kind in {"key", "login"} else kind for kind in given}


def providers(operations):
    return {operation.provider for operation in operations}


# --- Selection ---


@each_set
def test_by_default_each_vendor_with_a_credential_is_offered_and_no_other(given):
    chosen = selected(None, None, None, Access(given, downloads=True))
    assert providers(chosen) == vendors_of(given)
    assert all(
        operation.obstacle(Access(given, downloads=True)) is None for operation in chosen if not operation.always
    )
    assert {operation.effect for operation in chosen} == {"read"}


@each_set
@pytest.mark.parametrize("what", ["groups", "tools"])
def test_all_means_all_of_the_vendors_at_hand(given, what):
    groups, tools = ("all", None) if what == "groups" else (None, "all")
    chosen = selected(groups, tools, "all", Access(given))
    assert list(chosen) == [operation for operation in OPERATIONS if operation.provider in vendors_of(given)]


def test_without_any_credential_all_means_everything():
    assert selected("all", None, "all", Access()) == OPERATIONS
    assert providers(OPERATIONS) == set(VENDORS)


@each_set
def test_what_nobody_serves_is_never_offered(given):
    for groups in (None, "all"):
        assert not set(selected(groups, None, "all", Access(given, downloads=True))) & set(UNSERVED)


def test_what_nobody_serves_says_so_to_whoever_has_the_vendor_and_to_who_has_not():
    (first, *_) = UNSERVED
    for keys in ({}, {"api_key": ""}, {"logrocket_api_key": "", "notte_api_key": ""}):
        with Toolkit(settings(**keys)) as toolkit:
            reply = toolkit.call(first.tool_name, {"query": "anything", "limit": 3})
        assert reply.is_error
        assert first.description.split(". ")[0] in reply.text
        assert "No tool of that name" not in reply.text


@pytest.mark.parametrize("operation", UNSERVED, ids=lambda operation: operation.tool_name)
@pytest.mark.parametrize("given", [frozenset(), frozenset(KINDS)], ids=["nothing", "everything"])
def test_what_nobody_serves_cannot_be_chosen_by_name(operation, given):
    for tools in ((operation.tool_name,), [OPERATIONS[0].tool_name, operation.tool_name]):
        with pytest.raises(ConfigurationError) as refused:
            selected(None, tools, "all", Access(given, downloads=True))
        assert str(refused.value) == f"tools: {operation.tool_name} cannot be had. {operation.description}"


def test_a_tool_that_is_named_alike_is_unknown_all_the_same():
    for tools in (("logrocket_search_session",), ("search_sessions",)):
        with pytest.raises(ConfigurationError, match="tools: unknown name"):
            selected(None, tools, None, Access(frozenset(KINDS)))


# --- Probing ---


class Vendors:
    """Answers for each host; unknown ones fail the test."""

    def __init__(self, **answers):
        self.answers = {
            "api.notte.cc": lambda _: httpx.Response(200, json={"items": []}),
            "api.logrocket.com": lambda _: httpx.Response(200, json={"sessions": []}),
            **{name.replace("__", ".").replace("_", "-"): answer for name, answer in answers.items()},
        }
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        return self.answers[request.url.host](request)

    def asked(self):
        return [f"{request.method} {request.url.host}{request.url.path}" for request in self.requests]


def toolkit_before(far, **given):
    known = settings(api_key="", downloads="files", **given)
    bound = Toolkit(known, groups="all")
    bound.client = Client(known, transport=httpx.MockTransport(far))
    bound.async_client = AsyncClient(connection=bound.client.connection)
    return bound


def unavailable(toolkit):
    served = {operation.tool_name: operation.provider for operation in OPERATIONS}
    return {served[name] for name in toolkit.unavailable if name in served}


NOTTE, LOGROCKET = "GET api.notte.cc/sessions", "GET api.logrocket.com/v1/orgs/acme/apps/shop/data-export/"


def test_one_small_request_finds_out_about_each_vendor():
    far = Vendors()
    toolkit = toolkit_before(far).probe()
    assert sorted(far.asked()) == [LOGROCKET, NOTTE]
    assert {request.url.params.get("page_size") or request.url.params.get("limit") for request in far.requests} == {"1"}
    assert unavailable(toolkit) == set()
    assert providers(toolkit.operations) == {"logrocket", "notte"}


@pytest.mark.parametrize(("vendor", "key"), [("notte", NOTTE_KEY), ("logrocket", LOGROCKET_KEY)])
@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refused_key_costs_its_own_vendors_tools_only(vendor, key, status):
    host = {"notte": "api__notte__cc", "logrocket": "api__logrocket__com"}[vendor]
    far = Vendors(**{host: lambda _: httpx.Response(status, json={"message": f"no such key {key}"})})
    toolkit = toolkit_before(far).probe()
    assert unavailable(toolkit) == {vendor}
    twice = vendor == "logrocket" and status == 403  # which may speak of exports only
    assert len(far.requests) == 2 + twice, "a probe insists on nothing"
    assert not [secret for secret in KEYS if secret in str(toolkit.unavailable)]
    far.answers = Vendors().answers
    assert unavailable(toolkit.probe()) == set(), "a later probe looks anew"


@pytest.mark.parametrize("status", [400, 404])
def test_an_account_without_exports_still_has_its_key_accepted(status):
    far = Vendors(api__logrocket__com=lambda _: httpx.Response(status, text="Not enabled"))
    assert unavailable(toolkit_before(far).probe()) == set()


@pytest.mark.parametrize("known", [400, 404, 200])
def test_exports_that_are_forbidden_cost_no_highlights(known):
    """Which of the two a 403 means is not documented: the other endpoint tells whether the key is good."""

    def answer(request):
        return httpx.Response(403 if "data-export" in request.url.path else known, json={})

    far = Vendors(api__logrocket__com=answer)
    assert unavailable(toolkit_before(far).probe()) == set()
    assert [place for place in far.asked() if "logrocket" in place] == [
        LOGROCKET, LOGROCKET.replace("data-export/", "highlights"),
    ]  # fmt: skip


def test_a_vendor_that_wants_the_other_form_of_a_path_is_asked_in_it():
    def strict(request):
        if request.url.path.endswith("/"):
            return httpx.Response(200, json={"items": []})
        return httpx.Response(307, headers={"location": f"http://{request.url.host}{request.url.path}/"})

    far = Vendors(api__notte__cc=strict)
    assert unavailable(toolkit_before(far, logrocket_api_key="").probe()) == set()
    assert far.asked() == [NOTTE, f"{NOTTE}/"]
    assert {request.url.scheme for request in far.requests} == {"https"}


async def test_async_code_probes_alike():
    far = Vendors(api__notte__cc=lambda _: httpx.Response(401))
    toolkit = await toolkit_before(far).aprobe()
    assert unavailable(toolkit) == {"notte"}
    assert "Notte refused the key (401). Check NOTTE_API_KEY" in str(toolkit.unavailable)
    await toolkit.aclose()


def test_a_page_instead_of_data_closes_a_vendor():
    far = Vendors(api__notte__cc=lambda _: httpx.Response(200, html="<html>Welcome</html>"))
    toolkit = toolkit_before(far).probe()
    assert unavailable(toolkit) == {"notte"}
    assert "api.notte.cc answered with a web page instead of data. Check NOTTE_API_URL." in str(toolkit.unavailable)
