"""What goes over the wire to which host, what comes back into what, and what of it may be told and logged."""

from __future__ import annotations

import contextlib
import gzip
import logging
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import httpx
import pytest

from openreplay_tools.connection import Connection
from openreplay_tools.downloads import Draft
from openreplay_tools.errors import (
    ApiError,
    ConfigurationError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    ReplyTooLongError,
    RequestTimeoutError,
    TransportError,
    UnexpectedReplyError,
    WebPageError,
)
from openreplay_tools.exchange import AsyncExchange, Exchange, options
from openreplay_tools.flow import Request, ask, fetch, pause, work
from openreplay_tools.operation import Record
from tests.vendors import (
    KEYS,
    LOGROCKET_KEY,
    NOTTE_KEY,
    OPENREPLAY_KEY,
    SIGNATURE,
    SIGNED,
    raw,
    said,
    settings,
)

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256))
LINES = b'{"type":"lr.Metadata"}\n{"type":"x"}\n'
PAGE = b"<html><body>Sign in</body></html>"
SECRETS = (*KEYS, SIGNATURE, "AKIA")


class Replay(Record):
    mp4_url: str | None = None


NOTTE = Request("GET", ("sessions",), Replay, via="notte")


@pytest.fixture
def draft():
    return Draft(BytesIO(), 10_000)


def replay(draft):
    return ask(Request("GET", ("sessions", "s", "replay"), Replay, via="notte", into=draft))


def refused(driven, flow):
    with pytest.raises(OpenReplayToolsError) as caught:
        driven.run(flow)
    return caught.value


def everything(error):
    """Return all that an error holds or that a traceback shows of it."""
    shown = [str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    return " ".join(shown)


# --- Into a sink ---


@pytest.mark.parametrize("headers", [{"content_type": "video/mp4"}, {"content_type": "text/plain"}, {}])
def test_bytes_go_to_the_sink(make_driven, draft, headers):
    assert make_driven(raw(MP4, **headers)).run(replay(draft)) == Replay()
    assert draft.head(1000) == MP4


@pytest.mark.parametrize("kind", ["application/json", "application/octet-stream", "text/plain", "video/mp4", ""])
def test_data_are_read_whatever_they_are_called(make_driven, draft, kind):
    found = make_driven(raw(b' \n{"mp4_url": "x"}', content_type=kind)).run(replay(draft))
    assert (found, draft.size) == (Replay(mp4_url="x"), 0)


@pytest.mark.parametrize("headers", [{"content_type": "text/html"}, {"content_type": "video/mp4"}, {}])
def test_a_page_is_no_video(make_driven, draft, headers):
    assert type(refused(make_driven(raw(PAGE, **headers)), replay(draft))) is WebPageError
    assert draft.size == 0


def test_bytes_that_are_called_data_are_neither(make_driven, draft):
    assert type(refused(make_driven(raw(MP4, content_type="application/json")), replay(draft))) is UnexpectedReplyError
    assert draft.size == 0


def test_what_a_refusal_brings_is_no_video(make_driven, draft):
    assert type(refused(make_driven(raw(MP4, 404, content_type="video/mp4")), replay(draft))) is NotFoundError
    assert draft.size == 0


@pytest.mark.parametrize(("content", "into"), [(MP4, MP4), (b'{"mp4_url": "x"}', b"")])
def test_what_is_compressed_is_unpacked_first(make_driven, draft, content, into):
    driven = make_driven(raw(gzip.compress(content), content_encoding="gzip", content_type="video/mp4"))
    assert driven.run(replay(draft)).mp4_url == (None if into else "x")
    assert draft.head(1000) == into


def test_what_is_badly_compressed_is_no_answer(make_driven, draft):
    driven = make_driven(raw(b"no gzip", content_encoding="gzip"), retries=0)
    assert type(refused(driven, fetch(SIGNED, draft))) is TransportError


def test_the_bound_holds_for_what_is_unpacked(make_driven, draft):
    bomb = gzip.compress(b"\0" * 1_000_000)
    driven = make_driven(raw(bomb, content_encoding="gzip"))
    assert type(refused(driven, fetch(SIGNED, draft))) is ReplyTooLongError
    assert len(driven.requests) == 1


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson", "binary/octet-stream", "video/mp4", ""])
@pytest.mark.parametrize("content", [LINES, MP4, b"<?xml?>", b"[1]", b""])
def test_whatever_the_storage_has_goes_to_the_sink(make_driven, draft, kind, content):
    make_driven(raw(content, content_type=kind)).run(fetch(SIGNED, draft))
    assert draft.head(1000) == content


def test_a_page_of_the_storages_host_is_no_file(make_driven, draft):
    assert type(refused(make_driven(raw(PAGE, content_type="text/html")), fetch(SIGNED, draft))) is WebPageError


def test_a_long_refusal_is_not_collected_without_end(make_driven, draft):
    driven = make_driven(raw(b"x" * 5000, 403), max_reply_bytes=4096)
    assert type(refused(driven, fetch(SIGNED, draft))) is ReplyTooLongError


# --- Which host sees what ---


def test_each_key_is_seen_by_its_own_host_only(make_driven, draft):
    def flow(scope):
        yield from ask(NOTTE)
        yield from ask(Request("GET", ("data-export",), Record, via="logrocket", slash=True))
        yield from ask(Request("GET", ("public", "projects"), Record, via="v2"))
        yield from fetch(SIGNED, draft)

    driven = make_driven(said())
    driven.run(flow)
    seen = {}
    for request in driven.requests:
        text = repr([str(request.url), request.headers.raw, request.content])
        seen[request.url.host] = {key for key in KEYS[:3] if key in text}
    assert seen == {
        "api.notte.cc": {NOTTE_KEY},
        "api.logrocket.com": {LOGROCKET_KEY},
        "openreplay.example": {OPENREPLAY_KEY},
        "files.example": set(),
    }
    vendors = {request.url.host: request.headers.get("authorization") for request in driven.requests}
    assert vendors["api.notte.cc"] == f"Bearer {NOTTE_KEY}"
    assert vendors["api.logrocket.com"] == f"token {LOGROCKET_KEY}"


def test_a_pre_signed_address_is_asked_for_as_it_is_and_with_nothing_else(make_driven, draft):
    driven = make_driven(raw(b"x"))
    driven.run(fetch(SIGNED, draft))
    (request,) = driven.requests
    assert request.method == "GET"
    assert f"https://{request.url.host}{request.url.raw_path.decode()}" == SIGNED
    assert {name.decode().lower() for name, _ in request.headers.raw} <= {"host", "accept"}


def test_the_storages_cookies_are_not_kept(make_driven, draft):
    driven = make_driven(raw(b"x", set_cookie="session=1; Path=/"))
    driven.run(fetch(SIGNED, draft))
    driven.run(fetch(SIGNED, draft))
    assert [request.headers.get("cookie") for request in driven.requests] == [None, None]


LOCAL = {"logrocket_base_url": "http://127.0.0.1:9", "notte_api_url": "http://localhost:9"}
NEVER = [
    *("", "/x", "x", "//files.example/x", "files.example/x", "https://", "https:///x", "https://:443/x"),
    *("http://files.example/x", "ftp://files.example/x", "file:///etc/passwd", "data:,x", "javascript:1"),
    *("https://files.example:0/x", "https://files.example:99999/x", "https://files.example:x/x", "https://[bad/x"),
    *("https://me:pw@files.example/x", "https://me@files.example/x", "https://@files.example/x"),
    *("http://127.0.0.1.files.example/x", "http://localhost.files.example/x", "http://127.0.0.1@files.example/x"),
    *("http://files.example\\@127.0.0.1/x", "http://[::ffff:8.8.8.8]/x", "http://0x7f000001.files.example/"),
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("given", [{}, LOCAL], ids=["public", "local"])
def test_what_is_not_https_is_not_fetched(make_driven, draft, address, given):
    driven = make_driven(raw(b"x"), **given)
    error = refused(driven, fetch(f"{address}?X-Amz-Signature={SIGNATURE}" if address else "", draft))
    assert type(error) is UnexpectedReplyError
    assert "names an address that is not https; nothing was fetched" in str(error)
    assert SIGNATURE not in everything(error)
    assert driven.requests == []


@pytest.mark.parametrize(
    ("given", "fetched"),
    [
        (LOCAL, True),
        ({**LOCAL, "notte_api_key": "", "notte_api_url": "https://api.notte.cc"}, True),
        ({}, False),
        ({**LOCAL, "notte_api_url": "https://notte.example"}, False),
        ({**LOCAL, "logrocket_api_key": "", "notte_api_key": ""}, False),
        ({"base_url": "http://127.0.0.1:9"}, False),
    ],
)
def test_this_machines_own_ports_are_fetched_from_only_when_the_vendors_are_this_machine_too(
    make_driven, draft, given, fetched
):
    driven = make_driven(raw(b"x"), **given)
    if fetched:
        driven.run(fetch("http://127.0.0.1:9/x", draft))
    else:
        assert type(refused(driven, fetch("http://127.0.0.1:9/x", draft))) is UnexpectedReplyError
    assert len(driven.requests) == int(fetched)


@pytest.mark.parametrize(
    "address", ["https://files.example:8443/x", "HTTPS://FILES.example/x", "https://[2001:db8::1]/x"]
)
def test_https_has_many_forms(make_driven, draft, address):
    driven = make_driven(raw(b"x"))
    driven.run(fetch(address, draft))
    assert driven.requests[0].url.scheme == "https"


def test_a_redirect_of_the_storage_is_not_followed(make_driven, draft):
    driven = make_driven(raw(b"", 302, location=f"https://evil.example/?X-Amz-Signature={SIGNATURE}"), raw(b"x"))
    error = refused(driven, fetch(SIGNED, draft))
    assert type(error) is ConfigurationError
    assert str(error) == "The storage redirects to another address, which is not followed."
    assert SIGNATURE not in everything(error)
    assert len(driven.requests) == 1


# --- One HTTP client for each sort of address ---

PLAIN, SAFE, OTHER_CASE = "http://h.example/x", "https://files.example/x", "HTTPS://files.example/x"


@pytest.mark.parametrize("order", [(PLAIN, SAFE, OTHER_CASE), (SAFE, OTHER_CASE, PLAIN), (OTHER_CASE, PLAIN, SAFE)])
def test_certificates_are_verified_whatever_was_opened_before(order):
    connection = Connection(settings(base_url="http://h.example"))
    found = {url: options(connection, url)["verify"] for url in order}
    for url in (SAFE, OTHER_CASE):
        assert found[url].verify_mode.name == "CERT_REQUIRED"
        assert found[url].check_hostname


def test_plain_and_safe_addresses_have_clients_of_their_own():
    exchange = Exchange(Connection(settings()))
    clients = {
        url: exchange.opened(url) for url in (PLAIN, SAFE, OTHER_CASE, "http://127.0.0.1:1/x", "https://localhost/")
    }
    assert clients[SAFE] is clients[OTHER_CASE] is exchange.opened("https://api.notte.cc/sessions")
    assert len(set(map(id, clients.values()))) == 4
    exchange.close()
    assert all(client.is_closed for client in clients.values())


async def test_async_clients_are_told_apart_alike():
    exchange = AsyncExchange(Connection(settings()))
    plain, safe, other = (exchange.opened(url) for url in (PLAIN, SAFE, OTHER_CASE))
    assert safe is other is not plain
    await exchange.close()
    assert plain.is_closed
    assert safe.is_closed


# --- Time ---


def slow(seconds, content=b"{}"):
    def answer(request):
        time.sleep(seconds)
        return httpx.Response(200, content=content)

    return answer


def test_pauses_work_and_downloads_are_not_the_servers_time(make_driven, draft):
    def flow(scope):
        yield from ask(NOTTE)
        yield from pause(0.1)
        yield from work(lambda: time.sleep(0.1))
        yield from fetch(SIGNED, draft)
        yield from replay(draft)
        return (yield from ask(NOTTE))

    def answer(request):
        return slow(0 if request.url.path == "/sessions" else 0.1)(request)

    assert make_driven(answer, deadline=0.25).run(flow) == Replay()


def test_ordinary_requests_are(make_driven):
    def flow(scope):
        for _ in range(3):
            yield from ask(NOTTE)

    error = refused(make_driven(slow(0.06), deadline=0.1), flow)
    assert type(error) is RequestTimeoutError
    assert str(error) == "api.notte.cc did not answer within 0.1 s. Try again, or narrow the request."


def test_a_download_has_a_time_of_its_own(make_driven, draft):
    error = refused(make_driven(slow(0.1), download_deadline=0.05), fetch(SIGNED, draft))
    assert type(error) is RequestTimeoutError
    assert str(error) == "The download took longer than 0.05 s (the setting download_deadline)."


def test_a_download_is_tried_again_within_its_own_time_only(make_driven, draft):
    answers = [raw(b"", 503, retry_after="1"), raw(b"x")]
    error = refused(make_driven(*answers, download_deadline=0.5), fetch(SIGNED, draft))
    assert isinstance(error, ApiError)
    assert error.status == 503


# --- A real server on loopback ---


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append(f"{self.requestline}\n{self.headers}")
        self.server.answer(self)

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Return a server that answers by a function of the handler, and remembers what it was sent."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.seen = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def answering(answer):
        server.answer = answer
        return server

    yield answering
    server.shutdown()
    server.server_close()


def at(server, **given):
    return {"logrocket_api_key": "", "notte_api_url": server.url, "retries": 0, **given}


def test_a_drip_does_not_outlast_the_downloads_time(make_driven, draft, serve):
    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.02)
        handler.close_connection = True

    server = serve(drip)
    began = time.monotonic()
    error = refused(make_driven(**at(server, download_deadline=0.15)), fetch(f"{server.url}/x?sig={SIGNATURE}", draft))
    assert time.monotonic() - began < 1.5
    assert str(error) == "The download took longer than 0.15 s (the setting download_deadline)."


def test_a_file_that_stops_short_is_no_file(make_driven, draft, serve):
    def short(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"only this")
        handler.close_connection = True

    server = serve(short)
    error = refused(make_driven(**at(server)), fetch(f"{server.url}/x?sig={SIGNATURE}", draft))
    assert type(error) is TransportError
    assert "broke the connection off" in str(error)
    assert SIGNATURE not in everything(error)


@pytest.mark.parametrize("status", [200, 302, 403, 503])
def test_no_log_holds_what_follows_a_storages_host(make_driven, draft, serve, caplog, status):
    signed = f"/export/sekretpath.json?X-Amz-Credential=AKIA%2F1&X-Amz-Signature={SIGNATURE}"
    server = serve(lambda handler: handler.say(status, b"content", Location=f"{signed}&again=1", ETag='"?x"'))
    caplog.set_level(logging.DEBUG)
    driven = make_driven(**at(server))
    if status == 200:
        driven.run(fetch(f"{server.url}{signed}", draft))
    else:
        assert SIGNATURE not in everything(refused(driven, fetch(f"{server.url}{signed}", draft)))
    lines = [record.getMessage() for record in caplog.records]
    assert signed in server.seen[0]
    assert any(line.startswith(f"HTTP Request: GET {server.url}/[masked]") and str(status) in line for line in lines)
    assert any("receive_response_headers.complete" in line for line in lines), "the HTTP library logs more"
    shown = " ".join([*lines, *(repr(vars(record)) for record in caplog.records)])
    assert not [secret for secret in (*SECRETS, "sekretpath") if secret in shown]
    assert not [key for key in KEYS if key in server.seen[0]]


def test_other_addresses_are_logged_as_ever(make_driven, draft, serve, caplog):
    server = serve(lambda handler: handler.say(200, b"{}", Content_Type="application/json"))
    caplog.set_level(logging.INFO)
    driven = make_driven(**at(server))
    driven.run(fetch(f"{server.url}/x?sig={SIGNATURE}", draft))
    driven.run(ask(NOTTE))
    httpx.get(f"{server.url}/theirs?page=2", trust_env=False)
    lines = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert [line.split('"')[0].strip() for line in lines] == [
        f"HTTP Request: GET {server.url}/[masked]",
        f"HTTP Request: GET {server.url}/sessions",
        f"HTTP Request: GET {server.url}/theirs?page=2",
    ]
    assert NOTTE_KEY not in " ".join(lines)


def test_a_storage_that_cannot_be_reached_is_named_by_its_host_alone(make_driven, draft):
    local = {"logrocket_api_key": "", "notte_api_url": "http://127.0.0.1:1", "retries": 0}
    for address in ("http://127.0.0.1:1", "https://files.invalid"):
        error = refused(make_driven(**local), fetch(f"{address}/x?X-Amz-Signature={SIGNATURE}", draft))
        assert type(error) is TransportError
        assert str(error).startswith(f"Cannot reach {address.partition('//')[2]}: ")
        assert str(error).endswith(". Check the network.")
        assert SIGNATURE not in everything(error)


@pytest.mark.parametrize("host", ["files\x00.example", "f" * 70_000])
def test_an_address_that_cannot_be_written_is_not_shown(make_driven, draft, host):
    driven = make_driven(raw(b"x"), retries=0)
    error = refused(driven, fetch(f"https://{host}/x?X-Amz-Signature={SIGNATURE}", draft))
    assert isinstance(error, ConfigurationError | UnexpectedReplyError)
    assert SIGNATURE not in everything(error)
    assert driven.requests == []


@pytest.mark.parametrize(
    "trouble", [httpx.ReadTimeout(SIGNED), httpx.ReadError(SIGNED), httpx.RemoteProtocolError(SIGNED)]
)
def test_what_the_http_library_says_of_an_address_is_not_repeated(make_driven, draft, trouble):
    error = refused(make_driven(trouble, retries=0), fetch(SIGNED, draft))
    assert "files.example" in str(error)
    assert SIGNATURE not in everything(error)


def test_an_expired_address_says_what_to_do(make_driven, draft):
    error = refused(make_driven(raw(b"<Error><Code>AccessDenied</Code></Error>", 403)), fetch(SIGNED, draft))
    assert type(error) is PermissionDeniedError
    assert str(error).endswith("it has expired. Ask again for a fresh one.")


@pytest.mark.parametrize(("status", "header"), [(302, "Location"), (404, "Link"), (200, "Content-Location")])
def test_the_headers_of_a_vendors_replies_are_not_logged(make_driven, serve, caplog, status, header):
    """They may hold pre-signed addresses; what was asked for is logged as ever."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header(header, SIGNED)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")

    server = serve(answer)
    caplog.set_level(logging.DEBUG)
    with contextlib.suppress(OpenReplayToolsError):
        make_driven(**at(server)).run(ask(NOTTE))
    logged = [record.getMessage() for record in caplog.records]
    assert any("receive_response_headers.complete" in text for text in logged)
    assert any(f"{server.url}/sessions" in text for text in logged)
    assert not [text for text in logged if SIGNATURE in text]
