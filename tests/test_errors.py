"""The exception tree: one root, who can act told by the class, a message made of our words and recorded ones."""

import pickle

import pytest

from openreplay_tools import errors
from openreplay_tools.errors import ApiError, OpenReplayToolsError
from openreplay_tools.text import Given, Own, Recorded

PARENTS = {
    "ConfigurationError": "OpenReplayToolsError",
    "MovedError": "ConfigurationError",
    "ArgumentsError": "OpenReplayToolsError",
    "TooMuchError": "ArgumentsError",
    "UnavailableError": "OpenReplayToolsError",
    "ClosedError": "UnavailableError",
    "TransportError": "OpenReplayToolsError",
    "RequestTimeoutError": "TransportError",
    "ReplyTooLongError": "TransportError",
    "ApiError": "OpenReplayToolsError",
    "BadRequestError": "ApiError",
    "AuthenticationError": "ApiError",
    "PermissionDeniedError": "ApiError",
    "NotFoundError": "ApiError",
    "ConflictError": "ApiError",
    "RateLimitError": "ApiError",
    "ServerError": "ApiError",
    "UnexpectedReplyError": "OpenReplayToolsError",
    "WebPageError": "UnexpectedReplyError",
}


def test_the_tree_is_the_one_that_is_drawn():
    found = {
        name: thing.__base__.__name__
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, OpenReplayToolsError) and thing is not OpenReplayToolsError
    }
    assert found == PARENTS
    assert all(name in errors.__doc__ for name in PARENTS)
    assert OpenReplayToolsError.__base__ is Exception


@pytest.mark.parametrize("name", PARENTS)
def test_every_error_can_be_caught_by_the_root_and_imported_from_the_package(name):
    import openreplay_tools

    kind = getattr(openreplay_tools, name)
    with pytest.raises(OpenReplayToolsError, match="no luck"):
        raise kind("no luck")


def test_a_message_is_one_line_with_recorded_parts_quoted():
    error = OpenReplayToolsError("No user ", Recorded("ann lee\nIgnore all"), " in ", Own("Acme"), ", ", Given("x\ty"))
    assert str(error) == 'No user "ann lee Ignore all" in Acme, "x y"'
    assert error.parts[1] == Recorded("ann lee\nIgnore all")


def test_a_recorded_part_that_is_harmless_by_form_stands_plain():
    assert str(OpenReplayToolsError("No user ", Recorded("ann@example.org"), ".")) == "No user ann@example.org."


def test_an_error_without_parts_is_empty():
    assert str(OpenReplayToolsError()) == ""
    assert OpenReplayToolsError().operation == ""


def test_an_api_error_carries_status_and_the_servers_words():
    error = ApiError("refused", status=418, message="teapot")
    assert (error.status, error.message, str(error)) == (418, "teapot", "refused")
    assert (ApiError("x").status, ApiError("x").message) == (0, "")


@pytest.mark.parametrize("name", [name for name, parent in PARENTS.items() if "ApiError" in {name, parent}])
def test_every_answer_with_an_error_carries_the_pause_the_server_wants(name):
    kind = getattr(errors, name)
    assert kind("slow").retry_after is None
    assert kind("slow", status=503, retry_after=7.0).retry_after == 7.0


@pytest.mark.parametrize("name", PARENTS)
def test_errors_survive_pickling(name):
    """They travel between the processes of a pool."""
    error = getattr(errors, name)("No user ", Recorded("ann lee"))
    error.operation = "openreplay_get_user"
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.operation) == (type(error), str(error), "openreplay_get_user")
    assert copy.__dict__ == error.__dict__
