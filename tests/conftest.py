"""What holds for every test: no network but loopback, no settings from the developer's own environment."""

import ipaddress
import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

FOREIGN_PREFIXES = (
    "ANTHROPIC_",
    "AZURE_OPENAI_",
    "GEMINI_",
    "GOOGLE_",
    "LANGCHAIN_",
    "LANGGRAPH_",
    "LANGSMITH_",
    "LOGROCKET_",
    "NOTTE_",
    "OPENAI_",
    "OPENREPLAY_",
    "OTEL_",
)
PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

FENCE_RATE = "fence"  # the property of a test of one recorded attack: in how many operations it was tried


class NetworkBlockedError(RuntimeError):
    """A test reached for the network. No OSError, so that no client takes it for an ordinary failed connection."""


def _clear_environment():
    for name in list(os.environ):
        if name.startswith(FOREIGN_PREFIXES) or name.upper() in PROXIES:
            del os.environ[name]
    os.environ["LANGSMITH_TRACING"] = "false"


def _is_loopback(host):
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse(host):
    message = f"a test tried to reach {host!r}; only loopback is allowed (use a cassette, the sandbox or MockTransport)"
    raise NetworkBlockedError(message)


def _guarded(method):
    def connect(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            _refuse(address[0])
        return method(self, address)

    return connect


def _guarded_lookup(lookup):
    def getaddrinfo(host, *args, **kwargs):
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").endswith(".invalid"):
            # RFC 6761: a name that never resolves, for tests of a host that is not there.
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not _is_loopback(name):
            _refuse(name)
        return lookup(host, *args, **kwargs)

    return getaddrinfo


# At import and not in a fixture: collecting the test modules must not reach the network either.
_clear_environment()
# Beside the repository: what examples failed last on this machine is nothing to keep there.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "openreplay-tools-hypothesis")
socket.socket.connect = _guarded(socket.socket.connect)
socket.socket.connect_ex = _guarded(socket.socket.connect_ex)
socket.getaddrinfo = _guarded_lookup(socket.getaddrinfo)


@pytest.fixture
def unmeasured(monkeypatch):
    """Start processes without measuring their coverage: other tests run the same lines in this process.

    Measured, they would take twice as long.
    """
    for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def sandbox():
    """One Enterprise sandbox server for all tests of a worker; it has `url` and `api_key`.

    Its limiter of dashboard requests never refuses: what it does is tested with servers of their own.
    """
    from openreplay_tools.sandbox import Sandbox
    from tests.sandbox.fidelity import unhurried

    server = Sandbox(edition="ee", pulse=unhurried())
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["sync", "async"])
def make_driven(request):
    """Return a maker of clients in front of vendors that answer as told (tests/vendors.py), closed afterwards."""
    from tests.vendors import Driven, Far

    made = []

    def driven(*answers, **given):
        made.append(Driven(request.param, Far(*answers) if answers else None, **given))
        return made[-1]

    yield driven
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def unpaced():
    """Let dashboard requests follow each other without the client's silences.

    Only for servers whose limiter never refuses (`Sandbox(pulse=unhurried())`): pacing has tests of its own.
    """
    from openreplay_tools.login import Pace

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pace, "silence", 0.0)
        yield


def pytest_terminal_summary(terminalreporter):
    """Print how many recorded attacks held; the reports of all workers come together here."""
    tried = [
        (outcome, value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in report.user_properties
        if name == FENCE_RATE
    ]
    if tried:
        held = sum(outcome == "passed" for outcome, _ in tried)
        operations = max(value for _, value in tried)
        terminalreporter.write_line(f"Fence: {held} of {len(tried)} attacks held, in {operations} operations.")
