"""A thread's deadline holds for every read and write of its connections, whatever the limit of each phase."""

import socket
import threading
import time
from contextlib import closing

import httpx
import pytest

from openreplay_tools import deadline
from openreplay_tools.deadline import _Backend, _left, _Stream, begin, limit


class Recorder:
    """A stream or backend that remembers what it was called with."""

    def __init__(self):
        self.calls = []

    def read(self, max_bytes, timeout=None):
        self.calls.append(("read", max_bytes, timeout))
        return b"data"

    def write(self, buffer, timeout=None):
        self.calls.append(("write", buffer, timeout))

    def start_tls(self, ssl_context, server_hostname=None, timeout=None):
        self.calls.append(("start_tls", ssl_context, server_hostname, timeout))
        return Recorder()

    def connect_tcp(self, *args, **kwargs):
        self.calls.append(("connect_tcp", args, kwargs))
        return Recorder()

    def get_extra_info(self, info):
        return f"extra {info}"


@pytest.fixture(autouse=True)
def _no_deadline_is_left(monkeypatch):
    monkeypatch.setattr(deadline, "_call", threading.local())


@pytest.fixture
def listener():
    """A port of this machine that accepts and says nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server


# --- What is left ---


@pytest.mark.parametrize(("timeout", "seconds", "expected"), [(5, 2, 2), (2, 5, 2), (None, 3, 3)])
def test_the_shorter_of_both_limits_holds(timeout, seconds, expected):
    begin(time.monotonic() + seconds)
    assert _left(timeout) == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("timeout", [None, 5, 0.001])
def test_past_the_deadline_a_moment_is_left_so_that_the_read_itself_ends(timeout):
    """Zero would mean a socket that does not block at all."""
    begin(time.monotonic() - 10)
    assert 0 < _left(timeout) <= 0.001


def test_without_a_deadline_the_phases_limit_holds():
    assert _left(7) == 7


def test_without_any_limit_there_is_none():
    assert _left(None) is None


def test_a_new_call_has_a_new_deadline():
    begin(time.monotonic() + 1)
    begin(time.monotonic() + 9)
    assert _left(5) == 5


def test_each_thread_has_its_own_deadline():
    found = []

    def other():
        found.append(_left(5))
        begin(time.monotonic() + 2)
        found.append(_left(5))

    begin(time.monotonic() + 1)
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert found == [5, pytest.approx(2, abs=0.2)]
    assert _left(5) == pytest.approx(1, abs=0.2)


# --- Streams ---


def test_a_stream_reads_and_writes_within_the_deadline():
    inner = Recorder()
    begin(time.monotonic() + 2)
    stream = _Stream(inner)
    assert stream.read(10, 5) == b"data"
    assert stream.read(11, timeout=1) == b"data"
    stream.write(b"x", timeout=5)
    assert inner.calls == [
        ("read", 10, pytest.approx(2, abs=0.2)),
        ("read", 11, 1),
        ("write", b"x", pytest.approx(2, abs=0.2)),
    ]
    assert stream.get_extra_info("socket") == "extra socket"


def test_a_stream_stays_limited_under_tls():
    begin(time.monotonic() + 2)
    inner = Recorder()
    secured = _Stream(inner).start_tls("context", server_hostname="h", timeout=1)
    assert inner.calls == [("start_tls", "context", "h", 1)]
    assert isinstance(secured, _Stream)
    secured.read(1, 5)
    assert secured._inner.calls == [("read", 1, pytest.approx(2, abs=0.2))]


def test_a_handshake_keeps_the_deadline_too():
    begin(time.monotonic() + 1)
    inner = Recorder()
    _Stream(inner).start_tls("context", timeout=10)
    assert inner.calls[0][-1] == pytest.approx(1, abs=0.2)


def test_a_connection_of_the_backend_is_limited():
    inner = Recorder()
    stream = _Backend(inner).connect_tcp("h", 1, timeout=3)
    assert inner.calls == [("connect_tcp", ("h", 1), {"timeout": 3})]
    begin(time.monotonic() + 2)
    stream.read(1, 5)
    assert stream._inner.calls == [("read", 1, pytest.approx(2, abs=0.2))]
    assert _Backend(inner).get_extra_info("x") == "extra x"


# --- The library's clients ---


def test_a_real_client_is_limited(listener):
    """It says when a new version of the library has other insides."""
    with httpx.Client(trust_env=False) as http:
        limit(http)
        begin(time.monotonic() + 0.15)
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            http.get(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=5)
        assert 0.1 < time.monotonic() - began < 1


def test_a_client_behind_a_proxy_is_limited(listener, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
    with httpx.Client(verify=False) as http:
        limit(http)
        for url in ("http://replay.invalid/", "https://replay.invalid/"):
            begin(time.monotonic() + 0.15)
            began = time.monotonic()
            with pytest.raises(httpx.ReadTimeout):
                http.get(url, timeout=5)
            assert time.monotonic() - began < 1


def test_a_flood_of_bytes_does_not_outlast_the_deadline(listener):
    def drip():
        connection, _ = listener.accept()
        with connection:
            for _ in range(400):
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n" if not _ else b"X: y\r\n")
                except OSError:
                    return
                time.sleep(0.02)

    threading.Thread(target=drip, daemon=True).start()
    with httpx.Client(trust_env=False) as http:
        limit(http)
        begin(time.monotonic() + 0.2)
        began = time.monotonic()
        with pytest.raises(httpx.ReadTimeout):
            http.get(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=5)
        assert time.monotonic() - began < 4, "the whole reply would take eight seconds"


@pytest.mark.parametrize("thing", [object(), httpx.MockTransport(lambda request: None)])
def test_what_has_other_insides_is_left_alone(thing):
    limit(thing)


def test_a_client_with_a_transport_of_its_own_is_left_alone():
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(204))) as http:
        limit(http)
        assert http.get("https://h.example").status_code == 204
