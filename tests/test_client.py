"""Both clients against a far side that answers, fails, dawdles, floods and lies."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from urllib.parse import quote

import httpx
import pytest

from openreplay_tools import (
    AsyncClient,
    Client,
    Settings,
    cancel_job,
    delete_user,
    get_user,
    list_projects,
    search_users,
)
from openreplay_tools.addresses import is_loopback
from openreplay_tools.answer import Answer
from openreplay_tools.errors import (
    ApiError,
    ArgumentsError,
    AuthenticationError,
    ClosedError,
    ConfigurationError,
    NotFoundError,
    OpenReplayToolsError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
    WebPageError,
)
from openreplay_tools.exchange import options
from openreplay_tools.flow import Emit, Flow, Request, ask, ask_all
from openreplay_tools.openreplay.scope import at_large
from openreplay_tools.operation import Arguments, Page, Record, Scope, operation
from openreplay_tools.sandbox import Failure, Sandbox

KEY = "sekretsekretsekretse"


# --- Operations of our own, as small as can be ---


class NumberArgs(Arguments):
    """Which number."""

    number: int = 1


class Number(Record):
    number: int = 0


class NumberPage(Page[int]):
    """Some numbers."""


def number(n, **more):
    return Request("GET", ("numbers", str(n)), Number, **more)


def card(result: object, args: object, scope: Scope) -> Answer:
    return Answer()


@operation(NumberArgs, group="numbers", prepare=at_large, present=card)
def read_number(args: NumberArgs, scope: Scope) -> Flow[Number]:
    return (yield from ask(number(args.number)))


@operation(NumberArgs, group="numbers", prepare=at_large, present=card, effect="write")
def write_number(args: NumberArgs, scope: Scope) -> Flow[Number]:
    return (yield from ask(Request("POST", ("numbers",), Number, body={"number": args.number}, reads=False)))


@operation(NumberArgs, group="numbers", prepare=at_large, present=card)
def kept_number(args: NumberArgs, scope: Scope) -> Flow[Number]:
    return (yield from ask(number(args.number, cache_seconds=60)))


@operation(NumberArgs, group="numbers", prepare=at_large, present=card)
def number_or_zero(args: NumberArgs, scope: Scope) -> Flow[Number]:
    try:
        return (yield from ask(number(args.number)))
    except NotFoundError:
        return (yield from ask(number(0)))


@operation(NumberArgs, group="numbers", prepare=at_large, present=card)
def many_numbers(args: NumberArgs, scope: Scope) -> Flow[NumberPage]:
    replies = yield from ask_all([number(n) for n in range(args.number)])
    return NumberPage(rows=[reply.number for reply in replies])


@many_numbers.walk
def _all_numbers(args: NumberArgs, scope: Scope) -> Flow[None]:
    for n in range(args.number):
        reply = yield from ask(number(n))
        yield Emit((reply.number, reply.number + 1))


@operation(NumberArgs, group="numbers", prepare=at_large, present=card)
def out_of_place(args: NumberArgs, scope: Scope) -> Flow[Number]:
    yield Emit((1,))
    return Number()


# --- Both drivers as one ---


class Sync:
    """The sync client."""

    def __init__(self, transport=None, **given):
        self.client = Client(Settings.make(**given), transport=transport)

    def run(self, *args, **kwargs):
        return self.client.run(*args, **kwargs)

    def iterate(self, count, *args, **kwargs):
        return list(islice(self.client.iterate(*args, **kwargs), count))

    def close(self):
        self.client.close()


class Async:
    """The async client, all calls in one loop."""

    def __init__(self, transport=None, **given):
        self.client = AsyncClient(Settings.make(**given), transport=transport)
        self.runner = asyncio.Runner()

    def run(self, *args, **kwargs):
        return self.runner.run(self.client.run(*args, **kwargs))

    def iterate(self, count, *args, **kwargs):
        async def rows():
            found = []
            iterator = self.client.iterate(*args, **kwargs)
            async for row in iterator:
                found.append(row)
                if len(found) == count:
                    break
            await iterator.aclose()
            return found

        return self.runner.run(rows())

    def close(self):
        self.runner.run(self.client.aclose())
        self.runner.close()


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def make(request):
    """Return a maker of clients, closed afterwards."""
    made = []

    def client(transport=None, **given):
        if transport is not None and not isinstance(transport, httpx.BaseTransport):
            transport = httpx.MockTransport(transport)
        known = {"api_key": KEY, "base_url": "https://h.example", **given}
        made.append(request.param(transport, **known))
        return made[-1]

    yield client
    for one in made:
        one.close()


@dataclass
class FarSide:
    """Answers a request with the next of its answers, the last for all that follow; exceptions are raised."""

    answers: list[object]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def said(value=None, status=200, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json={"number": 7} if value is None else value, headers=headers)


def plain(status, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, headers=headers)


def echoed(request):
    """Answer with the number that was asked for."""
    return httpx.Response(200, json={"number": int(request.url.path.rpartition("/")[2])})


def slowly(seconds, answer=echoed):
    def handler(request):
        time.sleep(seconds)
        return answer(request)

    return handler


@contextmanager
def listening(behave):
    """A server on loopback: `behave(connection, number)` for each connection, in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = []

    def serve(connection, count):
        with connection, suppress(OSError):  # the client has gone
            behave(connection, count)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            served.append(threading.Thread(target=serve, args=(connection, len(served)), daemon=True))
            served[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", served
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def received(connection):
    """Read one request without a body; b"" when the client has gone."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


def http(body, *headers, length=None):
    lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {length or len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def failing(client, operation=read_number, **arguments):
    with pytest.raises(OpenReplayToolsError) as caught:
        client.run(operation, **arguments)
    return caught.value


# --- One call ---


def test_a_call_returns_the_typed_result(make):
    far = FarSide([said({"number": 7, "later": True})])
    found = make(far).run(read_number, number=3)
    assert (type(found), found.number, found.model_extra) == (Number, 7, {"later": True})
    (request,) = far.requests
    assert (request.method, str(request.url)) == ("GET", "https://h.example/v2/api/numbers/3")
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Accept"] == "application/json"


def test_wrong_arguments_and_missing_credentials_send_nothing(make):
    far = FarSide([said()])
    with pytest.raises(ArgumentsError, match="Unknown argument"):
        make(far).run(read_number, nubmer=3)
    with pytest.raises(ArgumentsError, match="takes its arguments by name"):
        make(far).run(read_number, 3)
    with pytest.raises(ConfigurationError, match="No credential"):
        make(far, api_key="").run(read_number)
    assert far.requests == []


@pytest.mark.parametrize(
    ("user_id", "path"),
    [
        ("a b", "users/a%20b"),
        ("?x=1#y", "users/%3Fx%3D1%23y"),
        ("😀", "users/%F0%9F%98%80"),
        ("é" * 120, f"users/{'%C3%A9' * 120}"),
        ("../../projects", "users"),
        ("a/b", "users"),
        ("..", "users"),
    ],
)
def test_a_hostile_id_reaches_no_other_endpoint(make, sandbox, user_id, path):
    client = make(api_key=sandbox.api_key, base_url=sandbox.url, project="Acme Shop")
    sandbox.requests.clear()
    error = failing(client, get_user, user_id=user_id)
    assert isinstance(error, NotFoundError)
    assert {request.path.partition("/public/")[2].partition("/")[2] for request in sandbox.requests} <= {path, ""}


def test_an_error_names_the_operation_it_ended(make):
    assert failing(make(FarSide([plain(404)]))).operation == "openreplay_read_number"


def test_a_walks_command_has_no_place_in_a_call(make):
    with pytest.raises(TypeError, match="Emit is for walks only"):
        make(FarSide([said()])).run(out_of_place)


def test_a_question_that_belongs_to_no_operation_can_be_asked():
    def flow(subject, scope):
        reply = yield from ask(number(subject))
        return reply.number, scope.host

    transport = httpx.MockTransport(echoed)
    client = Client(api_key=KEY, base_url="https://h.example", transport=transport)
    assert client.find_out(flow, 5) == (5, "h.example")

    async def main():
        async with AsyncClient(connection=client.connection) as other:
            return await other.find_out(flow, 6)

    assert asyncio.run(main()) == (6, "h.example")


# --- Errors and flows ---


def test_an_error_is_thrown_into_the_flow_which_may_go_on(make):
    far = FarSide([plain(404), echoed])
    assert make(far).run(number_or_zero, number=3).number == 0
    assert [request.url.path[-1] for request in far.requests] == ["3", "0"]


def test_an_error_the_flow_does_not_expect_comes_out(make):
    assert isinstance(failing(make(FarSide([plain(403)])), number_or_zero), ApiError)


REFUSED = {
    "wrong key": (plain(401), AuthenticationError),
    "no such thing": (plain(404), NotFoundError),
    "failure": (plain(500), ServerError),
    "web page": (lambda _: httpx.Response(200, html="<!doctype html><html></html>"), WebPageError),
    "text": (lambda _: httpx.Response(200, text="ok"), UnexpectedReplyError),
    "wrong type": (said({"number": "many"}), UnexpectedReplyError),
    "redirect": (plain(302, location="https://evil.example/"), ConfigurationError),
    "broken compression": (
        lambda _: httpx.Response(200, content=b"no gzip", headers={"content-encoding": "gzip"}),
        TransportError,
    ),
    "no host": (httpx.ConnectError("[Errno -2] Name or service not known"), TransportError),
    "no certificate": (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), TransportError),
    "reset": (httpx.ReadError("[Errno 104]"), TransportError),
    "cut off": (httpx.RemoteProtocolError("peer closed connection"), TransportError),
    "proxy": (httpx.ProxyError("403 Forbidden"), TransportError),
    "connect time-out": (httpx.ConnectTimeout("slow"), RequestTimeoutError),
    "read time-out": (httpx.ReadTimeout("slow"), RequestTimeoutError),
    "write time-out": (httpx.WriteTimeout("slow"), RequestTimeoutError),
    "pool time-out": (httpx.PoolTimeout("slow"), RequestTimeoutError),
    "invalid address": (httpx.InvalidURL("Invalid port"), ConfigurationError),
    "unsupported": (httpx.UnsupportedProtocol("no scheme"), ConfigurationError),
    "illegal header": (httpx.LocalProtocolError(f"Illegal header value b'{KEY}'"), ConfigurationError),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_failure_is_one_of_our_errors_in_one_line(make, case):
    answer, kind = REFUSED[case]
    error = failing(make(FarSide([answer]), retries=0))
    assert type(error) is kind
    assert "\n" not in str(error)
    assert not any(word in str(error) for word in (KEY, "Traceback", "httpx", "pydantic", "<html", "Authorization"))
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


ECHOES = {
    "error text": lambda key: httpx.Response(400, json={"error": f"no such key: {key}"}),
    "error list": lambda key: httpx.Response(400, json={"errors": [f"Authorization: Bearer {key}"]}),
    "plain text": lambda key: httpx.Response(500, text=f"panic: Bearer {key}"),
    "content type": lambda key: httpx.Response(200, content=b"", headers={"content-type": key}),
    "reply": lambda key: httpx.Response(200, json={"number": key}),
    "redirect": lambda key: httpx.Response(302, headers={"location": f"https://{key}.evil.example/{key}"}),
}


@pytest.mark.parametrize("where", ECHOES)
def test_a_server_that_repeats_the_key_does_not_get_it_into_an_error(make, where):
    error = failing(make(FarSide([lambda request: ECHOES[where](request.headers["Authorization"][7:])]), retries=0))
    assert KEY not in str(error)
    assert KEY not in repr(error)
    assert KEY not in getattr(error, "message", "")


def test_a_host_name_that_cannot_be_decoded_ends_in_one_of_our_errors(make):
    with pytest.raises(OpenReplayToolsError):
        make(base_url="http://xn--a.invalid", retries=0).run(read_number)


# --- Redirects ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("write", [False, True])
def test_a_redirect_is_never_followed_and_the_key_never_goes_to_another_host(make, status, write):
    def elsewhere(connection, count):
        stolen.append(connection.recv(65536))

    def redirect(connection, count):
        asked.append(connection.recv(65536))
        connection.sendall(f"HTTP/1.1 {status} Moved\r\nLocation: {other}/x\r\nContent-Length: 0\r\n\r\n".encode())

    stolen, asked = [], []
    with listening(elsewhere) as (other, others), listening(redirect) as (url, _):
        error = failing(make(base_url=url), write_number if write else read_number)
    assert type(error) is ConfigurationError
    assert str(error).startswith(f"{url.removeprefix('http://')} redirects to 127.0.0.1. Set OPENREPLAY_BASE_URL ")
    assert KEY.encode() in asked[0]
    assert (len(asked), stolen, others) == (1, [], [])


# --- Retries ---

PASSING = {
    "429": plain(429, retry_after="0"),
    "502": plain(502),
    "503": plain(503),
    "504": plain(504),
    "refused": httpx.ConnectError("refused"),
    "reset": httpx.ReadError("reset"),
    "cut off": httpx.RemoteProtocolError("cut off"),
}
LASTING = [
    "wrong key",
    "no such thing",
    "failure",
    "web page",
    "wrong type",
    "redirect",
    "read time-out",
    "connect time-out",
]


@pytest.mark.parametrize("case", PASSING)
def test_a_read_gets_over_passing_trouble(make, case):
    far = FarSide([PASSING[case], said()])
    assert make(far, retries=1).run(read_number).number == 7
    assert len(far.requests) == 2


@pytest.mark.parametrize("case", PASSING)
def test_a_write_is_sent_once_whatever_happens(make, case):
    far = FarSide([PASSING[case], said()])
    failing(make(far), write_number)
    assert len(far.requests) == 1


@pytest.mark.parametrize("case", LASTING)
def test_trouble_that_stays_is_told_at_once(make, case):
    far = FarSide([REFUSED[case][0], said()])
    failing(make(far))
    assert len(far.requests) == 1


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
def test_retries_are_bounded(make, retries):
    far = FarSide([plain(429, retry_after="0")])
    assert isinstance(failing(make(far, retries=retries)), RateLimitError)
    assert len(far.requests) == retries + 1


def test_the_servers_wish_is_waited_for(make):
    client = make(FarSide([plain(429, retry_after="1"), said()]))
    began = time.monotonic()
    assert client.run(read_number).number == 7
    assert time.monotonic() - began >= 1


def test_a_wish_beyond_the_deadline_is_passed_on_at_once(make):
    client = make(FarSide([plain(429, retry_after="20"), said()]), deadline=10)
    began = time.monotonic()
    error = failing(client)
    assert (type(error), error.retry_after) == (RateLimitError, 20)
    assert "Wait 20 s and try again." in str(error)
    assert time.monotonic() - began < 1


# --- Over a real socket ---


@pytest.mark.parametrize("kind", ["drop", "truncate", "content_type", "html", "redirect"])
def test_a_server_that_fails_once_is_told_or_got_over(make, sandbox, kind):
    client = make(api_key=sandbox.api_key, base_url=sandbox.url)
    sandbox.failures.add(Failure(kind))
    sandbox.requests.clear()
    if kind in {"drop", "truncate"}:
        assert len(client.run(list_projects).rows) == 2
        assert len(sandbox.requests) == 2
    else:
        told = {"redirect": ConfigurationError, "html": ClosedError}.get(kind, UnexpectedReplyError)
        assert type(failing(client, list_projects)) is told
        assert len(sandbox.requests) == (2 if kind == "html" else 1), "a page for people: is API v1 there?"
    assert len(client.run(list_projects).rows) == 2, "nothing wrong is kept"


def test_a_host_that_does_not_exist_is_told(make):
    error = failing(make(base_url="https://replay.invalid", retries=0))
    assert str(error) == (
        'Cannot reach replay.invalid: "[Errno -2] Name or service not known". '
        "Check OPENREPLAY_BASE_URL and the network."
    )


def test_a_closed_port_is_told(make):
    with listening(lambda connection, count: None) as (url, _):
        pass
    assert str(failing(make(base_url=url, retries=0))).startswith(f"Cannot reach {url.removeprefix('http://')}: ")


def drip(pieces, pause, head=b""):
    """Send pieces with pauses between, after all of the request has come."""

    def behave(connection, count):
        received(connection)
        connection.sendall(head)
        for piece in pieces:
            time.sleep(pause)
            connection.sendall(piece)

    return behave


def timed(client, limit):
    began = time.monotonic()
    error = failing(client)
    assert time.monotonic() - began < limit
    return error


def test_a_body_that_drips_is_left_at_the_deadline(make):
    with listening(drip([b" "] * 40, 0.05, http(b"", length=1000))) as (url, _):
        error = timed(make(base_url=url, deadline=0.3), 4)
    assert isinstance(error, RequestTimeoutError)
    assert "did not answer " in str(error)


def test_both_clients_say_the_same_about_the_deadline():
    def told(kind):
        client = kind(api_key=KEY, base_url=url, deadline=0.2)
        with closing(client):
            return str(failing(client))

    with listening(drip([b" "] * 12, 0.05, http(b"", length=1000))) as (url, _):
        assert told(Sync) == told(Async)


def test_a_server_that_says_nothing_is_left_after_the_read_time_out(make):
    with listening(drip([], 0)) as (url, _), listening(lambda connection, count: time.sleep(2)) as (silent, _):
        assert isinstance(timed(make(base_url=silent, read_timeout=0.2), 1.9), RequestTimeoutError)
        assert isinstance(timed(make(base_url=url, read_timeout=0.2, retries=0), 1.9), TransportError)


def test_headers_that_drip_are_left_at_the_deadline(make):
    pieces = [b"X-Pad: x\r\n"] * 150
    with listening(drip(pieces, 0.05, b"HTTP/1.1 200 OK\r\n")) as (url, _):
        assert isinstance(timed(make(base_url=url, deadline=0.3), 4), RequestTimeoutError)


def test_a_body_that_stalls_late_is_left_at_the_deadline(make):
    def behave(connection, count):
        drip([b" "], 0.45, http(b"", length=1000))(connection, count)
        time.sleep(2)

    with listening(behave) as (url, _):
        assert isinstance(timed(make(base_url=url, deadline=0.5), 1.9), RequestTimeoutError)


def test_pages_and_retries_share_one_deadline(make):
    far = FarSide([slowly(0.1, plain(503))])
    began = time.monotonic()
    failing(make(far, deadline=0.6, retries=10))
    assert time.monotonic() - began < 5, "ten retries would take minutes"
    assert isinstance(failing(make(slowly(0.1), deadline=0.15), many_numbers, number=9), RequestTimeoutError)


def test_the_network_gets_the_limit_of_each_phase(make):
    far = FarSide([said()])
    make(far, connect_timeout=3, read_timeout=7).run(read_number)
    assert far.requests[0].extensions["timeout"] == {"connect": 3, "read": 7, "write": 7, "pool": 3}


def test_a_reply_without_end_is_left_at_the_bound(make):
    def flood(connection, count):
        received(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")

    with listening(flood) as (url, _):
        error = failing(make(base_url=url, max_reply_bytes=1024 * 1024, retries=0))
    assert str(error) == "The reply is longer than 1024 KiB. Ask for less: a smaller limit, a shorter window."


def test_a_small_reply_that_unpacks_to_a_huge_one_is_left_at_the_bound(make):
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    with listening(
        lambda connection, _: received(connection) and connection.sendall(http(bomb, "Content-Encoding: gzip"))
    ) as (url, _):
        error = failing(make(base_url=url, max_reply_bytes=1024 * 1024, retries=0))
    assert "longer than 1024 KiB" in str(error)


def test_a_compressed_reply_is_read(make):
    body = gzip.compress(json.dumps({"number": 7}).encode())
    with listening(
        lambda connection, _: received(connection) and connection.sendall(http(body, "Content-Encoding: gzip"))
    ) as (url, _):
        assert make(base_url=url).run(read_number).number == 7


def answering(connection, count):
    """Answer as long as the client asks, on one connection."""
    while request := received(connection):
        connection.sendall(http(json.dumps({"number": int(request.split()[1].rpartition(b"/")[2])}).encode()))


def test_many_calls_need_one_connection(make):
    with listening(answering) as (url, connections):
        client = make(base_url=url)
        assert [client.run(read_number, number=n).number for n in range(20)] == list(range(20))
        assert len(connections) == 1
        client.close() if isinstance(client, Sync) else client.runner.run(client.client.aclose())
        assert client.run(read_number, number=3).number == 3, "closed, it opens again"
        assert len(connections) == 2


def test_a_connection_the_server_closed_between_calls_is_opened_again(make):
    def once(connection, count):
        received(connection)
        connection.sendall(http(b'{"number":7}'))

    with listening(once) as (url, connections):
        client = make(base_url=url)
        for _ in range(3):
            assert client.run(read_number).number == 7
            time.sleep(0.02)
        assert len(connections) == 3


# --- Proxies of the environment ---


@pytest.fixture
def proxied(monkeypatch):
    """A proxy named by the environment; what it is asked for."""
    asked = []

    def proxy(connection, count):
        asked.append(received(connection).split(b"\r\n")[0].decode())
        connection.sendall(http(b'{"number":9}'))

    with listening(proxy) as (url, _):
        monkeypatch.setenv("HTTP_PROXY", url)
        monkeypatch.setenv("ALL_PROXY", url)
        yield asked


def test_a_proxy_is_used_for_other_hosts(make, proxied):
    assert make(base_url="http://replay.invalid").run(read_number).number == 9
    assert proxied == ["GET http://replay.invalid/v2/api/numbers/1 HTTP/1.1"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_proxy_is_not_asked_for_this_machines_own_ports(make, proxied, host):
    with listening(answering) as (url, _):
        assert make(base_url=url.replace("127.0.0.1", host)).run(read_number).number == 1
    assert proxied == []


@pytest.mark.parametrize("host", ["[::1]:9000", "127.0.0.2", "[::1]"])
def test_a_proxy_is_not_asked_for_any_form_of_loopback(host):
    assert options(Client(base_url=f"http://{host}").connection, f"http://{host}/x")["trust_env"] is False


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:1", "socks5://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_a_matter_of_configuration(make, monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert isinstance(failing(make(base_url="http://replay.invalid", retries=0)), ConfigurationError)


def test_a_bug_below_is_not_taken_for_a_wrong_proxy(make):
    with pytest.raises(ValueError, match="a bug"):
        make(FarSide([ValueError("a bug")]), retries=0).run(read_number)


# --- Memory ---


def test_the_project_list_is_asked_for_once_in_a_minute(make, sandbox):
    client = make(api_key=sandbox.api_key, base_url=sandbox.url, project="Acme Shop")
    sandbox.requests.clear()
    for _ in range(3):
        client.run(search_users, limit=1)
    asked = [request.path.rpartition("/")[2] for request in sandbox.requests]
    assert asked == ["projects", "users", "users", "users"]


def test_a_write_makes_everything_kept_be_asked_for_again(make):
    far = FarSide([said()])
    client = make(far)
    for step in (kept_number, kept_number, write_number, kept_number, kept_number):
        client.run(step)
    assert [request.method for request in far.requests] == ["GET", "POST", "GET"]


@pytest.mark.parametrize("trouble", [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), plain(502)])
def test_a_write_whose_outcome_is_unknown_makes_everything_kept_doubtful_too(make, trouble):
    far = FarSide([said(), trouble, said()])
    client = make(far)
    client.run(kept_number)
    failing(client, write_number)
    client.run(kept_number)
    assert len(far.requests) == 3


@pytest.mark.parametrize("answer", [said({"number": "many"}), plain(302, location="/x"), plain(204)])
def test_a_write_whose_answer_is_odd_makes_everything_kept_doubtful_too(make, answer):
    far = FarSide([said(), answer, said()])
    client = make(far)
    client.run(kept_number)
    failing(client, write_number)
    client.run(kept_number)
    assert [request.method for request in far.requests] == ["GET", "POST", "GET"]


def test_what_is_read_during_a_write_is_not_kept():
    def handler(request):
        if request.method == "POST":
            assert client.run(kept_number).number == 1
            state.append(2)
        return httpx.Response(200, json={"number": state[-1]})

    state = [1]
    client = Client(api_key=KEY, transport=httpx.MockTransport(handler))
    client.run(write_number)
    assert client.run(kept_number).number == 2


def test_an_error_is_not_kept(make):
    far = FarSide([plain(404), said()])
    client = make(far)
    failing(client, kept_number)
    assert client.run(kept_number).number == client.run(kept_number).number == 7
    assert len(far.requests) == 2


def test_two_clients_can_share_settings_and_memory():
    far = FarSide([said()])
    client = Client(api_key=KEY, transport=httpx.MockTransport(far))
    other = AsyncClient(connection=client.connection)
    assert client.run(kept_number).number == asyncio.run(other.run(kept_number)).number == 7
    assert len(far.requests) == 1


# --- The log of what was changed ---


@pytest.fixture
def audited(caplog):
    """The lines of the log `openreplay_tools.audit`."""
    caplog.set_level(logging.INFO, logger="openreplay_tools.audit")
    return lambda: [line.getMessage() for line in caplog.records if line.name == "openreplay_tools.audit"]


WRITTEN = "POST https://h.example/v2/api/numbers: "


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (said(), "done"),
        (plain(404), "NotFoundError"),
        (plain(502), "ServerError"),
        (httpx.ReadError("x"), "TransportError"),
        (httpx.ReadTimeout("x"), "RequestTimeoutError"),
        (plain(302), "ConfigurationError"),
        (said({"number": "x"}), "UnexpectedReplyError"),
        (plain(204), "UnexpectedReplyError"),
    ],
)
def test_every_write_leaves_one_line_with_its_result(make, audited, answer, result):
    client = make(FarSide([answer]))
    with suppress(OpenReplayToolsError):
        client.run(write_number, number=5)
    assert audited() == [WRITTEN + result]
    assert KEY not in str(audited())


def test_reads_leave_none_even_when_they_fail(make, audited):
    client = make(FarSide([plain(503, retry_after="0"), said(), plain(404)]))
    client.run(read_number)
    assert isinstance(failing(client), NotFoundError)
    assert audited() == []


def test_a_write_that_cannot_be_asked_for_leaves_none(make, audited):
    far = FarSide([said()])
    with pytest.raises(ArgumentsError):
        make(far).run(write_number, number="many")
    failing(make(far, api_key=""), write_number)
    assert (audited(), far.requests) == ([], [])


def test_the_lines_of_a_real_deletion_name_the_user(make, audited, request):
    server = Sandbox().start()
    request.addfinalizer(server.stop)
    client = make(api_key=server.api_key, base_url=server.url, project="Acme Shop", clock=server.now)
    user = client.run(search_users, limit=1).rows[0].user_id
    preview = client.run(delete_user, user_id=user)
    assert audited() == [], "a preview changes nothing"
    made = client.run(delete_user, user_id=user, confirm=preview.confirm)
    client.run(cancel_job, job_id=made.job.job_id)
    assert [(line.split()[0], line.rpartition("/public/")[2].partition("/")[2]) for line in audited()] == [
        ("DELETE", f"users/{quote(user, safe='')}: done"),
        ("DELETE", f"jobs/{made.job.job_id}: done"),
    ]


def test_a_write_that_is_interrupted_leaves_a_line_too(make, audited):
    def handler(request):
        raise KeyboardInterrupt

    client = make(handler)
    with pytest.raises(KeyboardInterrupt):
        client.run(write_number)
    assert [line.rpartition(": ")[0] for line in audited()] == [WRITTEN.removesuffix(": ")]


# --- Batches ---


def test_the_replies_of_a_batch_come_in_order(make):
    assert make(echoed).run(many_numbers, number=30).rows == list(range(30))


def test_a_batch_that_fails_throws_its_error_into_the_flow(make):
    def handler(request):
        return plain(404)(request) if request.url.path.endswith("/5") else echoed(request)

    assert isinstance(failing(make(handler), many_numbers, number=30), NotFoundError)


# --- Walks ---


def test_a_walk_yields_every_row(make):
    assert make(echoed).iterate(99, many_numbers, number=3) == [0, 1, 1, 2, 2, 3]


def test_a_walk_asks_only_for_what_is_needed(make):
    far = FarSide([echoed])
    client = make(far)
    assert client.iterate(2, many_numbers, number=50) == [0, 1]
    assert len(far.requests) == 1
    assert client.iterate(3, many_numbers, number=50) == [0, 1, 1]
    assert len(far.requests) == 3


def test_a_walk_sends_nothing_before_its_first_row_is_wanted():
    far = FarSide([echoed])
    rows = Client(api_key=KEY, transport=httpx.MockTransport(far)).iterate(many_numbers, number=3)
    assert far.requests == []
    assert next(rows) == 0


def test_each_page_of_a_walk_has_the_whole_deadline(make):
    client = make(slowly(0.05), deadline=0.15)
    assert len(client.iterate(99, many_numbers, number=6)) == 12
    assert isinstance(failing(client, many_numbers, number=6), RequestTimeoutError)


def test_what_the_caller_does_between_rows_is_not_the_servers_time():
    rows = Client(api_key=KEY, transport=httpx.MockTransport(echoed), deadline=0.1).iterate(many_numbers, number=3)
    assert sum(1 for _ in rows if not time.sleep(0.06)) == 6


def test_a_walk_stops_at_an_error(make):
    def handler(request):
        return plain(404)(request) if request.url.path.endswith("/2") else echoed(request)

    with pytest.raises(NotFoundError):
        make(handler).iterate(99, many_numbers, number=9)
    assert make(handler).iterate(4, many_numbers, number=9) == [0, 1, 1, 2]


def test_an_error_of_a_walk_names_its_operation(make):
    with pytest.raises(NotFoundError) as caught:
        make(plain(404)).iterate(1, many_numbers, number=2)
    assert caught.value.operation == "openreplay_many_numbers"


def test_only_pages_can_be_walked(make):
    with pytest.raises(TypeError, match="read_number does not return pages"):
        make(echoed).iterate(1, read_number)


def test_a_walk_over_a_server_yields_each_row_once(make, sandbox):
    client = make(api_key=sandbox.api_key, base_url=sandbox.url, project="Acme Shop")
    total = client.run(search_users, limit=1).total
    ids = [user.user_id for user in client.iterate(10_000, search_users)]
    assert len(ids) == len(set(ids)) == total > 200


def test_whole_pages_stay_unread_when_nobody_wants_them(make, sandbox):
    client = make(api_key=sandbox.api_key, base_url=sandbox.url, project="Acme Shop")
    client.run(list_projects)
    sandbox.requests.clear()
    assert len(client.iterate(5, search_users)) == 5
    assert len(sandbox.requests) == 1


# --- In a hurry ---


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_hurried_client_asks_the_same_server_once_and_does_not_wait(kind):
    client = kind(api_key=KEY, base_url="https://h.example", project="Acme", transport=httpx.MockTransport(echoed))
    quick = client.hurried()
    settings = quick.connection.settings
    assert type(quick) is kind
    assert (settings.retries, settings.deadline) == (0, 12)
    usual = {"retries": 2, "deadline": 60.0, "connect_timeout": 10.0, "read_timeout": 30.0}
    assert settings.model_copy(update=usual) == client.connection.settings
    assert quick.connection.transport is client.connection.transport
    assert quick.connection is not client.connection
    access = quick.connection.access.without("v1", ClosedError("gone"))
    quick.connection.learn(access)
    assert client.connection.access == access, "what it finds out is known to the first"


# --- Threads ---


def test_twenty_threads_can_share_a_client(sandbox):
    with Client(api_key=sandbox.api_key, base_url=sandbox.url, project="Acme Shop") as client:
        pages = [client.run(search_users, limit=3, page=page).rows for page in range(1, 21)]
        with ThreadPoolExecutor(20) as pool:
            again = list(pool.map(lambda page: client.run(search_users, limit=3, page=page).rows, range(1, 21)))
    assert again == pages


def test_the_first_calls_of_many_threads_open_one_client():
    gate = threading.Barrier(20)
    client = Client(api_key=KEY, transport=httpx.MockTransport(echoed))

    def opened(_):
        gate.wait()
        return id(client._exchange.opened(client.connection.settings.base_url))

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(opened, range(20)))) == 1


def test_no_cookie_is_kept_for_nobody_sends_one():
    brought = {"set-cookie": "refreshToken=secret; Path=/"}
    network = httpx.MockTransport(lambda request: httpx.Response(200, json={"number": 7}, headers=brought))
    with Client(api_key=KEY, base_url="https://h.example", transport=network) as client:
        assert client.run(read_number).number == 7
        assert not list(client._exchange.opened("https://h.example").cookies.jar)


def test_a_client_is_closed_by_its_context_and_can_be_closed_twice():
    with Client(api_key=KEY, transport=httpx.MockTransport(echoed)) as client:
        client.run(read_number)
        (opened,) = client._exchange._http.values()
    assert opened.is_closed
    client.close()
    assert client.run(read_number, number=4).number == 4
    client.close()


def test_clients_of_one_connection_verify_certificates_with_one_context():
    client = Client(base_url="https://h.example")
    first, second = (options(client.connection, "https://h.example") for _ in range(2))
    assert first["verify"] is second["verify"]
    assert first["verify"].verify_mode.name == "CERT_REQUIRED"
    assert (first["follow_redirects"], first["trust_env"]) == (False, True)


def test_a_wrong_setting_is_refused_before_anything_is_opened():
    with pytest.raises(ConfigurationError, match="OPENREPLAY_TIMEZONE"):
        Client(timezone="Mars")


# --- An embedded server ---


def is_listening(client):
    host, _, port = client.connection.settings.host.rpartition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_client_can_bring_its_own_server_and_stops_it():
    with Client.sandbox(project="Acme Recorded") as client:
        assert client.run(search_users, limit=1).total > 0
        assert is_listening(client)
    assert not is_listening(client)
    client.close()


def test_an_async_client_can_bring_its_own_server_and_stops_it():
    async def main():
        async with AsyncClient.sandbox() as client:
            assert is_listening(client)
            found = (await client.run(list_projects)).rows
        assert not is_listening(client)
        await client.aclose()
        return found

    assert {project.name for project in asyncio.run(main())} == {"Acme Recorded", "Acme Shop"}


def test_each_embedded_server_is_its_own():
    with Client.sandbox() as one, Client.sandbox() as other:
        assert one.connection.settings.host != other.connection.settings.host
        one.close()
        assert is_listening(other)


def test_an_embedded_server_is_described_like_any(monkeypatch):
    """The environment has no say: what the sandbox shows repeats on every machine."""
    monkeypatch.setenv("OPENREPLAY_API_KEY", KEY)
    monkeypatch.setenv("OPENREPLAY_BASE_URL", "https://h.example")
    monkeypatch.setenv("OPENREPLAY_TIMEZONE", "Europe/Berlin")
    with Client.sandbox(budget=700) as client:
        settings = client.connection.settings
        assert is_loopback(settings.base_url)
        assert settings.api_key.get_secret_value() != KEY
        assert (settings.zone.key, settings.budget, settings.project) == ("UTC", 700, "Acme Shop")
        assert settings.dashboard == "https://openreplay.example.com"
        assert repr(client) == f"Client('{settings.base_url}')"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_of_its_kind_is_made(kind):
    client = kind.sandbox()
    assert type(client) is kind
    client._stop()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_wrong_setting_leaves_no_server_behind(kind, monkeypatch):
    started = []

    def start(server):
        started.append(begin(server))
        return started[-1]

    begin = Sandbox.start
    monkeypatch.setattr(Sandbox, "start", start)
    with pytest.raises(ConfigurationError, match="OPENREPLAY_TIMEZONE"):
        kind.sandbox(timezone="Mars")
    address = started[0].url.removeprefix("http://").split(":") if started else None
    try:
        if address:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((address[0], int(address[1]))).close()
    finally:
        for server in started:
            server.stop()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_settings_and_their_fields_are_not_mixed(kind):
    with pytest.raises(ConfigurationError, match="not both"):
        kind(Settings(api_key="one"), api_key="two")
