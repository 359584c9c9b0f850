"""What refusals of LogRocket, Notte and the storage mean, in words that say who can act, and never a secret."""

from __future__ import annotations

import json

import httpx
import pytest

from openreplay_tools import wire
from openreplay_tools.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    MovedError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedReplyError,
    WebPageError,
)
from openreplay_tools.flow import Fetched, Request, ask, ask_either_way, fetch
from openreplay_tools.notte.access import NotteReply, ask_notte
from openreplay_tools.operation import Record
from tests.vendors import KEYS, LOGROCKET_KEY, NOTTE_KEY, SIGNATURE, SIGNED, raw, said, settings

JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain"}
HTML = {"content-type": "text/html; charset=utf-8"}
PAGE = b"<!DOCTYPE html><html><body>502 Bad Gateway <b>nginx</b></body></html>"
LIST = {"detail": [{"loc": ["query", "page_size"], "msg": "too large", "type": "x"}, {"loc": [], "msg": "and more"}]}


class Reply(Record):
    """Anything."""


class Numbered(Record):
    number: int = 0


LR = Request("GET", ("users", "a b"), Reply, via="logrocket")
NOTTE = Request("GET", ("sessions", "s-1", "replay"), Reply, via="notte")
STORAGE = Request("GET", (), Fetched, via="storage", address=SIGNED)
HOSTS = {"logrocket": "api.logrocket.com", "notte": "api.notte.cc", "storage": "files.example"}


def refusal(request, status, body=b"", headers=None):
    """Return the error that an answer means."""
    if isinstance(body, dict | list):
        body, headers = json.dumps(body).encode(), {**JSON, **(headers or {})}
    with pytest.raises(OpenReplayToolsError) as caught:
        wire.decode(request, status, headers or {}, body, HOSTS[request.via])
    return caught.value


def everything(error):
    """Return all that an error holds, as anybody may show it."""
    return " ".join([str(error), repr(error), repr(error.args), repr(vars(error))])


# --- Words ---

LR_KEY = (
    "LogRocket refused the key ({}). Check LOGROCKET_API_KEY, and that it belongs to the organization and application; "
    "it is sent to api.logrocket.com only."
)
NOTTE_KEY_TEXT = "Notte refused the key (401). Check NOTTE_API_KEY; it is sent to api.notte.cc only."


@pytest.mark.parametrize(
    "case",
    [
        (LR, 401, {"message": "Invalid token"}, None, AuthenticationError, LR_KEY.format(401)),
        (LR, 403, b"Forbidden", TEXT, AuthenticationError, LR_KEY.format(403)),
        (NOTTE, 401, {"message": "Invalid API key"}, None, AuthenticationError, NOTTE_KEY_TEXT),
        (NOTTE, 403, {"message": "Not your plan"}, None, PermissionDeniedError,
         'Notte refused the request (403) for sessions/s-1/replay: "Not your plan".'),
        (LR, 404, {"error": "No such user"}, None, NotFoundError,
         'LogRocket refused the request (404) for "users/a b": "No such user".'),
        (LR, 400, b"Traits must be strings\n", TEXT, BadRequestError,
         'LogRocket refused the request (400) for "users/a b": "Traits must be strings".'),
        (LR, 400, b"Traits must be strings", None, BadRequestError,
         'LogRocket refused the request (400) for "users/a b": "Traits must be strings".'),
        (LR, 400, {"error": {"message": "odd"}}, None, BadRequestError,
         'LogRocket refused the request (400) for "users/a b": odd.'),
        (LR, 400, b'"just a string"', JSON, BadRequestError,
         'LogRocket refused the request (400) for "users/a b": "just a string".'),
        (LR, 409, {"error": "exists"}, None, ConflictError,
         'LogRocket refused the request (409) for "users/a b": exists.'),
        (LR, 500, b"Error processing user data", TEXT, ServerError,
         'LogRocket failed (500): "Error processing user data". Try again later.'),
        (LR, 502, PAGE, HTML, ServerError, "LogRocket failed (502). Try again later."),
        (LR, 502, PAGE, TEXT, ServerError, "LogRocket failed (502). Try again later."),
        (LR, 503, b"", None, ServerError, "LogRocket failed (503). Try again later."),
        (NOTTE, 404, {"message": "Session replay not found", "detail": None}, None, NotFoundError,
         'Notte refused the request (404) for sessions/s-1/replay: "Session replay not found".'),
        (NOTTE, 410, {}, None, NotFoundError, "Notte refused the request (410) for sessions/s-1/replay."),
        (NOTTE, 422, LIST, None, BadRequestError,
         'Notte refused the request (422) for sessions/s-1/replay: "query.page_size: too large; and more".'),
        (NOTTE, 422, {"detail": "Bad id", "message": "x"}, None, BadRequestError,
         'Notte refused the request (422) for sessions/s-1/replay: "Bad id".'),
        (NOTTE, 422, {"detail": [{"loc": "query", "msg": "odd"}, {"loc": 3, "msg": "too"}, "three", 4, None]}, None,
         BadRequestError,
         'Notte refused the request (422) for sessions/s-1/replay: "query: odd; 3: too; three; 4; None".'),
        (NOTTE, 418, {}, None, ApiError, "Notte refused the request (418) for sessions/s-1/replay."),
        (NOTTE, 529, {"message": "cluster overloaded"}, None, ServerError,
         "Notte is overloaded (529). Try again in a minute."),
        (NOTTE, 500, {"detail": "boom", "message": "x"}, None, ServerError,
         "Notte failed (500): boom. Try again later."),
        (NOTTE, 429, {"message": "Too many"}, None, RateLimitError,
         'Notte asks for a pause (429): "Too many". Wait a minute and try again.'),
        (LR, 429, b"", {"retry-after": "7"}, RateLimitError,
         "LogRocket asks for a pause (429). Wait 7 s and try again."),
        (STORAGE, 403, b"<Error/>", None, PermissionDeniedError,
         "The storage at files.example refused the address (403): it has expired. Ask again for a fresh one."),
        (STORAGE, 404, b"", None, NotFoundError, "The storage at files.example no longer has the file (404)."),
        (STORAGE, 503, b"", None, ServerError, "The storage at files.example failed (503). Try again later."),
    ],
    ids=lambda case: f"{case[0].via} {case[1]}",
)  # fmt: skip
def test_a_refusal_says_who_can_act(case):
    request, status, body, headers, kind, text = case
    error = refusal(request, status, body, headers)
    assert (type(error), str(error), error.status) == (kind, text, status)


def test_what_the_server_said_is_kept_for_the_flow():
    body = {"detail": None, "message": "later", "replay_status": "processing", "retryable": True}
    error = refusal(NOTTE, 404, body)
    assert (error.message, error.told) == ("later", body)
    assert refusal(LR, 400, b"plain", TEXT).message == "plain"
    assert refusal(LR, 400, b"plain", TEXT).told == {}


def test_a_refusals_media_type_may_be_wrong():
    assert refusal(NOTTE, 404, b'{"message": "not ready"}', TEXT).message == "not ready"


@pytest.mark.parametrize(
    ("wish", "seconds"), [("7", 7), ("0", 0), ("", None), ("soon", None), ("-1", None), ("1e9", None)]
)
def test_the_servers_wish_is_kept(wish, seconds):
    assert refusal(NOTTE, 429, {}, {"retry-after": wish}).retry_after == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe\xff",
        b"null",
        b"[" * 100_000,
        b"1" * 10_000,
        b'{"detail": {"a": {"b": []}}}',
        b'{"error": true}',
    ],
)
def test_no_body_is_more_than_a_refusal(body):
    error = refusal(NOTTE, 422, body, JSON)
    assert type(error) is BadRequestError
    assert len(str(error)) < 500


def test_long_words_are_cut_and_hidden_characters_removed():
    error = refusal(LR, 400, ("x\u202e\u200b " * 1000).encode(), TEXT)
    assert len(str(error)) < 400
    assert not {"\u202e", "\u200b"} & set(str(error))


# --- Redirects ---

LISTING = Request("GET", ("data-export",), Reply, via="logrocket", slash=True)
BARE = Request("GET", ("sessions",), Reply, via="notte")
ODD = Request("GET", ("users", "a b/ü"), Reply, via="logrocket")
BASE = "/v1/orgs/acme/apps/shop"


@pytest.mark.parametrize(
    ("request_", "location"),
    [
        (LISTING, f"{BASE}/data-export"),
        (LISTING, f"https://api.logrocket.com{BASE}/data-export?limit=1"),
        (LISTING, f"http://api.logrocket.com{BASE}/data-export"),
        (LISTING, f"//API.logrocket.com:8080{BASE}/data-export"),
        (BARE, "/sessions/"),
        (BARE, "http://api.notte.cc/sessions/?page=1"),
        (ODD, f"{BASE}/users/a%20b%2F%C3%BC/"),
    ],
)
def test_a_redirect_to_the_other_form_of_the_path_says_so(request_, location):
    error = refusal(request_, 308, headers={"location": location})
    assert type(error) is MovedError


@pytest.mark.parametrize(
    ("request_", "location", "target"),
    [
        (LISTING, f"https://evil.example{BASE}/data-export", "evil.example"),
        (LISTING, f"{BASE}/data-export/", "another path"),
        (LISTING, f"https://api.logrocket.com{BASE}/data-export/", "api.logrocket.com"),
        (BARE, "/sessions", "another path"),
        (BARE, "/other-sessions/", "another path"),
        (BARE, "/login", "another path"),
        (BARE, "", "another path"),
        (BARE, "https://[bad", "another path"),
        (BARE, "//user:secret@evil.example/sessions/", "evil.example"),
        (BARE, "https://api.notte.cc@evil.example/sessions/", "evil.example"),
    ],
)
def test_any_other_redirect_is_a_matter_of_configuration(request_, location, target):
    error = refusal(request_, 302, headers={"location": location})
    variable, vendor = ("LOGROCKET_BASE_URL", "LogRocket") if request_ is LISTING else ("NOTTE_API_URL", "Notte")
    assert type(error) is ConfigurationError
    assert f"redirects to {target}" in str(error).replace('"', "")
    assert str(error).endswith(f". Set {variable} to the address where {vendor} answers itself.")
    assert "secret" not in everything(error)


@pytest.mark.parametrize("request_", [LISTING, BARE], ids=["with a slash", "without"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_other_form_is_asked_for_at_the_same_host(make_driven, request_, scheme):
    def other(request):
        path = request.url.path.rstrip("/") + ("" if request_.slash else "/")
        return httpx.Response(307, headers={"location": f"{scheme}://{request.url.host}{path}"})

    driven = make_driven(other, said({"ok": True}))
    assert driven.run(ask_either_way(request_)).model_extra == {"ok": True}
    first, second = driven.requests
    assert {first.url.scheme, second.url.scheme} == {"https"}
    assert first.url.host == second.url.host
    assert {first.url.path, second.url.path} == {first.url.path.rstrip("/"), first.url.path.rstrip("/") + "/"}
    assert second.headers["authorization"] == first.headers["authorization"]


def test_a_server_that_sends_to_and_fro_ends_the_call(make_driven):
    def other(request):
        path = request.url.path
        return httpx.Response(301, headers={"location": path.rstrip("/") if path.endswith("/") else f"{path}/"})

    driven = make_driven(other)
    with pytest.raises(MovedError, match="with or without a slash at its end only"):
        driven.run(ask_either_way(BARE))
    assert len(driven.requests) == 2


def test_the_key_follows_no_redirect(make_driven):
    driven = make_driven(lambda _: httpx.Response(302, headers={"location": "https://evil.example/sessions/"}), said())
    with pytest.raises(ConfigurationError, match=r"redirects to evil.example. Set NOTTE_API_URL"):
        driven.run(ask_either_way(BARE))
    assert [each.url.host for each in driven.requests] == ["api.notte.cc"]


# --- Success that is none ---


@pytest.mark.parametrize(("body", "headers"), [(PAGE, HTML), (PAGE, JSON), (PAGE, {}), (b"moved", HTML)])
def test_a_page_is_no_data(body, headers):
    assert type(refusal(NOTTE, 200, body, headers)) is WebPageError
    assert "Check NOTTE_API_URL." in str(refusal(NOTTE, 200, body, headers))
    assert "Check LOGROCKET_BASE_URL." in str(refusal(LR, 200, body, headers))
    assert "Check the network." in str(refusal(STORAGE, 200, body, headers))


@pytest.mark.parametrize("body", [b"OK", b"[1]", b"\x00\x01", b'{"a":'])
def test_what_is_no_object_is_unexpected(body):
    assert type(refusal(NOTTE, 200, body, JSON)) is UnexpectedReplyError


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [(200, b"", {}), (204, b"", {}), (202, b"{}", TEXT), (201, b"\xef\xbb\xbf{}", JSON), (200, b"{}", {})],
)
def test_success_has_many_forms(status, body, headers):
    assert wire.decode(NOTTE, status, headers, body, "h").model_dump() == {}


@pytest.mark.parametrize("detail", ["Replay missing", [{"msg": "Replay missing"}]])
def test_a_success_of_notte_that_holds_a_detail_is_a_refusal(make_driven, detail):
    driven = make_driven(said({"detail": detail}))
    with pytest.raises(ApiError, match="Replay missing") as caught:
        driven.run(ask_notte(Request("GET", ("sessions",), NotteReply, via="notte")))
    assert (caught.value.status, caught.value.told["detail"]) == (200, detail)


# --- Secrets ---


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 410, 429, 500, 503])
def test_a_storages_words_are_not_repeated(make_driven, status, tmp_path):
    body = f"<Error><StringToSign>{SIGNED}</StringToSign><Key>{SIGNATURE}</Key></Error>"
    for content, kind in ((body, "application/xml"), (json.dumps({"message": SIGNED, "detail": SIGNED}), JSON_TYPE)):
        driven = make_driven(raw(content.encode(), status, content_type=kind, location=SIGNED), retries=0)
        with pytest.raises(OpenReplayToolsError) as caught:
            driven.run(fetch(SIGNED, _Nothing()))
        assert SIGNATURE not in everything(caught.value)
        assert "AKIA" not in everything(caught.value)
        assert len(driven.requests) == 1


JSON_TYPE = JSON["content-type"]


class _Nothing:
    """Takes nothing in."""

    def begin(self):
        pass

    def take(self, chunk):
        raise AssertionError(chunk)


@pytest.mark.parametrize(
    ("status", "value"),
    [
        (400, {"error": f"bad key {LOGROCKET_KEY}"}),
        (400, {"message": f"token {LOGROCKET_KEY} and {NOTTE_KEY}"}),
        (404, {"detail": [{"loc": [NOTTE_KEY], "msg": LOGROCKET_KEY}]}),
        (500, {"unknown": {"deep": [NOTTE_KEY, LOGROCKET_KEY]}}),
        (200, {"detail": f"bad key {NOTTE_KEY}"}),
        (200, {"number": NOTTE_KEY}),
        (201, {"number": LOGROCKET_KEY}),
    ],
)
@pytest.mark.parametrize("via", ["logrocket", "notte"])
def test_a_key_that_a_vendor_repeats_gets_into_no_error(make_driven, status, value, via):
    class Both(NotteReply):
        number: int = 0

    asked = Request("GET", ("sessions",), Both, via=via)
    driven = make_driven(said(value, status), retries=0)
    with pytest.raises(OpenReplayToolsError) as caught:
        driven.run(ask_notte(asked))
    assert not [key for key in KEYS[:3] if key in everything(caught.value)]


def test_a_key_in_plain_text_or_in_a_location_gets_into_no_error(make_driven):
    for answer in (
        raw(f"no such key: {NOTTE_KEY}".encode(), 400, content_type="text/plain"),
        raw(b"", 302, location=f"https://{NOTTE_KEY}.example/"),
        raw(NOTTE_KEY.encode(), 200, content_type=NOTTE_KEY),
    ):
        with pytest.raises(OpenReplayToolsError) as caught:
            make_driven(answer, retries=0).run(ask(BARE))
        assert NOTTE_KEY not in everything(caught.value)


def test_a_message_shows_neither_key_nor_address():
    for request in (LR, NOTTE, STORAGE):
        message = wire.encode(request, settings())
        assert not [secret for secret in (*KEYS, SIGNATURE) if secret in f"{message!r} {request!r}"]
    assert message.url == SIGNED
