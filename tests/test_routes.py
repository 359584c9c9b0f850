"""The ways an operation can go, what stands in them, and the ways there are not."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from openreplay_tools.answer import Answer
from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.doors import Access
from openreplay_tools.errors import (
    AuthenticationError,
    ClosedError,
    ConfigurationError,
    ServerError,
    UnavailableError,
)
from openreplay_tools.flow import Flow, work
from openreplay_tools.notte.access import at_notte
from openreplay_tools.operation import Arguments, Record, Scope, operation
from openreplay_tools.routes import NoRoute, Route, hindrance
from openreplay_tools.unserved import unserved
from tests.vendors import Far, said, settings

ALL = frozenset({"key", "login", "logrocket", "notte"})


def nothing(args, scope):
    yield from ()


def access(*credentials, **more):
    return Access(frozenset(credentials), **more)


def why(route, known):
    reason = route.obstacle(known)
    return None if reason is None else str(reason)


# --- One way ---


@pytest.mark.parametrize(
    ("door", "credential", "means"),
    [
        ("v2", "key", "an organization key (OPENREPLAY_API_KEY)"),
        ("v1", "key", "an organization key (OPENREPLAY_API_KEY)"),
        ("login", "login", "a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)"),
        ("logrocket", "logrocket", "a LogRocket key (LOGROCKET_API_KEY)"),
        ("notte", "notte", "a Notte key (NOTTE_API_KEY)"),
    ],
)
def test_a_way_is_open_to_its_own_credential_only(door, credential, means):
    route = Route(door, nothing)
    assert why(route, access(*(ALL - {credential}))) == f"It needs {means}."
    assert why(route, access(credential)) is None


def test_a_way_that_writes_files_wants_a_directory():
    route = Route("notte", nothing, saves=True)
    text = (
        "It writes a file, and nobody has named a directory: set OPENREPLAY_DOWNLOADS, or give downloads= (--downloads "
        "on the command line)."
    )
    assert why(route, access("notte")) == text
    assert why(route, access("notte", downloads=True)) is None
    assert why(Route("notte", nothing), access("notte")) is None


def test_a_way_may_want_a_further_library():
    text = "It needs a further library: pip install 'openreplay-tools[video]'."
    assert why(Route("notte", nothing, library="no_such_library_at_all"), access("notte")) == text
    assert why(Route("notte", nothing, library="json"), access("notte")) is None


def test_what_closed_a_door_is_the_reason():
    shut = ServerError("down", status=503)
    assert Route("notte", nothing).obstacle(access("notte", closed={"notte": shut})) is shut


def test_the_credential_is_told_before_anything_else():
    route = Route("notte", nothing, saves=True, library="no_such_library_at_all")
    assert why(route, access()) == "It needs a Notte key (NOTTE_API_KEY)."
    assert why(route, access("notte")).startswith("It needs a further library")


def test_a_way_that_is_none_stays_so_with_every_credential():
    route = NoRoute("logrocket", nothing, ("LogRocket has no such API. ", "Use its MCP server."))
    for known in (access(), access(*ALL, downloads=True)):
        assert why(route, known) == "LogRocket has no such API. Use its MCP server."


# --- Several ---


def hindered(routes, known, **more):
    reason = hindrance("tool", routes, known, **more)
    return None if reason is None else (type(reason), str(reason))


def test_one_open_way_is_enough():
    routes = [Route("v2", nothing), Route("notte", nothing)]
    assert hindered(routes, access("notte")) is None
    assert hindered(routes, access("key")) is None
    assert hindered(routes, access("logrocket")) == (
        UnavailableError,
        "tool needs an organization key (OPENREPLAY_API_KEY) or a Notte key (NOTTE_API_KEY).",
    )


@pytest.mark.parametrize(
    ("door", "text"),
    [
        ("notte", "No credential. It needs a Notte key (NOTTE_API_KEY)."),
        ("logrocket", "No credential. It needs a LogRocket key (LOGROCKET_API_KEY)."),
        ("v2", "No credential. Set OPENREPLAY_API_KEY to the organization key"),
    ],
)
def test_without_any_credential_the_operator_is_told_what_to_set(door, text):
    kind, told = hindered([Route(door, nothing)], access())
    assert kind is ConfigurationError
    assert told.startswith(text)


def test_what_was_refused_is_told_with_what_would_help():
    routes = [Route("v2", nothing), Route("login", nothing)]
    refused = access("key", closed={"v2": AuthenticationError("Refused.", status=401)})
    means = "a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)"
    assert hindered(routes, refused) == (AuthenticationError, f"Refused. It would work with {means}.")


def test_what_finds_out_itself_runs_whatever_is_known_to_be_closed():
    shut = access("notte", closed={"notte": ClosedError("no such API")})
    assert hindered([Route("notte", nothing)], shut) == (ClosedError, "no such API")
    assert hindered([Route("notte", nothing)], shut, always=True) is None
    assert hindered([Route("notte", nothing)], access("key"), always=True)[0] is UnavailableError


def test_a_missing_directory_is_told_of_a_way_whose_key_is_there():
    routes = [Route("notte", nothing, saves=True)]
    kind, text = hindered(routes, access("notte"))
    assert (kind, "set OPENREPLAY_DOWNLOADS" in text) == (UnavailableError, True)
    assert "would work with" not in text


# --- What a vendor has no API for ---

SEARCH = unserved("logrocket_search_sessions", "logrocket", "sessions", "LogRocket has no API for it. ", "Ask its MCP.")


@pytest.mark.parametrize("known", [access(), access("key"), access(*ALL, downloads=True)], ids=["none", "key", "all"])
def test_what_is_not_served_says_what_to_use_instead(known):
    reason = SEARCH.obstacle(known)
    assert (type(reason), str(reason)) == (UnavailableError, "LogRocket has no API for it. Ask its MCP.")


@pytest.mark.parametrize("arguments", [{}, {"query": "rage clicks", "limit": 5, "filters": [{"a": None}]}])
def test_what_is_not_served_refuses_any_arguments_alike_and_sends_nothing(arguments):
    far = Far(said())

    transport = httpx.MockTransport(far)
    with Client(settings(), transport=transport) as client, pytest.raises(UnavailableError, match="Ask its MCP"):
        client.run(SEARCH, **arguments)
    with pytest.raises(UnavailableError, match="Ask its MCP"):
        asyncio.run(AsyncClient(settings(), transport=transport).run(SEARCH, **arguments))
    assert far.requests == []


def test_what_is_not_served_carries_its_vendors_name_once():
    assert SEARCH.tool_name == "logrocket_search_sessions"
    assert unserved("get_console_logs", "notte", "sessions", "No.").tool_name == "notte_get_console_logs"
    assert (SEARCH.effect, SEARCH.description) == ("read", "LogRocket has no API for it. Ask its MCP.")


# --- Declared with an operation ---


@operation(
    Arguments, group="x", prepare=at_notte, present=lambda *_: Answer(), needs="notte", provider="notte", saves=True,
    library="no_such_library_at_all",
)  # fmt: skip
def notte_save(args: Arguments, scope: Scope) -> Flow[Record]:
    """Save something."""
    return (yield from work(Record))


def test_an_operation_hands_its_wants_to_its_way():
    assert notte_save.tool_name == "notte_save"
    assert "set OPENREPLAY_DOWNLOADS" not in str(notte_save.obstacle(access("notte", downloads=True)))
    assert "openreplay-tools[video]" in str(notte_save.obstacle(access("notte", downloads=True)))
    with Client(settings()) as client, pytest.raises(UnavailableError, match="further library") as caught:
        client.run(notte_save)
    assert caught.value.operation == "notte_save"
