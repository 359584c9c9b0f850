"""What the tests of the operations share: one server with a short way to call it, and the truths planted in it."""

import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.world import build
from tests.sandbox.fidelity import unhurried
from tests.servers import client_over, sent, toolkit_over


@pytest.fixture(scope="module", autouse=True)
def _unpaced(unpaced):
    """Nothing here is about the dashboard's limiter."""


@pytest.fixture(scope="session")
def world():
    return build(milliseconds(FIXED_NOW))


@pytest.fixture(scope="session")
def incidents(world):
    return {incident.name: incident for incident in world.incidents}


@pytest.fixture(scope="module")
def toolkit(sandbox):
    with toolkit_over(sandbox) as bound:
        yield bound


@pytest.fixture(scope="module")
def client(sandbox):
    with client_over(sandbox) as bound:
        yield bound


@pytest.fixture
def call(toolkit):
    """Call a tool and expect an answer."""

    def ask(name, /, **arguments):
        reply = toolkit.call(f"openreplay_{name}", arguments)
        assert not reply.is_error, reply.text
        return reply

    return ask


@pytest.fixture
def refuse(toolkit):
    """Call a tool, expect a refusal and return its text."""

    def ask(name, /, **arguments):
        reply = toolkit.call(f"openreplay_{name}", arguments)
        assert reply.is_error, reply.text
        assert reply.data == {}
        return reply.text

    return ask


@pytest.fixture
def asked(sandbox):
    """Tell what the server was asked since the test began (or since the last question)."""
    sandbox.requests.clear()
    return lambda: sent(sandbox)


@pytest.fixture
def own_sandbox():
    """A server that a test may change."""
    with Sandbox(pulse=unhurried()) as server:
        yield server


@pytest.fixture
def own_call(own_sandbox):
    with toolkit_over(own_sandbox) as bound:
        yield lambda name, /, **arguments: bound.call(f"openreplay_{name}", arguments)


@pytest.fixture(scope="module")
def foss():
    with Sandbox(edition="foss", pulse=unhurried()) as server:
        yield server
