"""How a request looks on the wire and what an answer means; no I/O in it.

A status does not have one meaning everywhere: this module proposes an error, the operation's flow may know better.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from openreplay_tools.addresses import host_of
from openreplay_tools.errors import (
    ApiError,
    ArgumentsError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnexpectedReplyError,
    WebPageError,
)
from openreplay_tools.schema import rule
from openreplay_tools.text import Recorded, clean, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.flow import Request
    from openreplay_tools.settings import Settings

ReplyT = TypeVar("ReplyT", bound=BaseModel)

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
LONGEST_WAIT = 30.0
_MESSAGE_LIMIT = 300
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DEEPEST = 50  # levels of a reply that are kept when it is nested beyond what the parser takes
_OK = 200
_SERVER_ERROR = 500

# The server's html.EscapeString writes these five; Go's JSON encoder writes their & as \u0026. The ampersand itself is
# the last, so that what it makes is not read again.
_ENTITIES = ((b"lt;", b"<"), (b"gt;", b">"), (b"#39;", b"'"), (b"#34;", b'\\"'), (b"amp;", b"&"))
_AMPERSANDS = (b"&", rb"\u0026")
_PAIR, _HELD = rb"\\", b"\0"  # JSON never holds the second

_ERRORS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
}


_SINCE = {
    "v2": " of version 1.27 or later (older ones have no API v2)",
    "dashboard": " of version 1.23 or later (older ones cannot serve this to a login)",
}


@dataclass(frozen=True, slots=True)
class Message:
    """An HTTP request, ready to send."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)


def encode(request: Request[Any], settings: Settings, token: str = "") -> Message:
    """Return the HTTP request.

    Args:
        request: what is asked.
        settings: addresses and key.
        token: the dashboard login's, for the services that want one.

    Raises:
        ArgumentsError: a path part is empty, `.` or `..` or holds a slash: it would name another endpoint.
    """
    headers = {"Accept": "application/json", **_authorization(request, settings, token), **request.headers}
    content = None
    if request.body is not None:
        headers["Content-Type"] = "application/json"
        content = _JSON.encode(request.body).encode("utf-8", "replace")
    query = f"?{urlencode(request.query, errors='replace')}" if request.query else ""
    base = settings.go if request.via in {"v2", "dashboard"} else settings.legacy
    return Message(request.method, f"{base}/{path(request.path)}{query}", headers, content)


def _authorization(request: Request[Any], settings: Settings, token: str) -> dict[str, str]:
    if request.via == "open":
        return {}
    if request.via in {"dashboard", "legacy"}:
        return {"Authorization": f"Bearer {token}"}
    # https://docs.openreplay.com/en/api/ says "Authorization: <key>"; v2 wants the Bearer scheme (contract §1.2).
    key = settings.api_key.get_secret_value()
    return {"Authorization": f"Bearer {key}" if request.via == "v2" else key}


def path(parts: tuple[str, ...]) -> str:
    """Return path parts joined, each encoded so that it can be nothing but one part.

    Raises:
        ArgumentsError: a part cannot stand in a path.
    """
    for part in parts:
        # The server's proxy decodes %2F and resolves dots before it chooses an endpoint (observed §A22, §D).
        if part in {"", ".", ".."} or "/" in part or "\0" in part:
            raise ArgumentsError(
                "An id that is empty, . or .. or holds a slash cannot be asked for: it would name another endpoint."
            )
    return "/".join(quote(part, safe="", errors="replace") for part in parts)


def decode(request: Request[ReplyT], status: int, headers: Mapping[str, str], body: bytes, host: str) -> ReplyT:
    """Return the typed reply, or raise what the answer means.

    Args:
        request: what was asked.
        status: HTTP status.
        headers: reply headers, names in lower case or case-insensitive.
        body: the whole reply body.
        host: where it was sent, for the text of errors.

    Raises:
        ApiError: an error status (one of its subclasses).
        UnexpectedReplyError: success without the data that belong there.
    """
    if status != _OK:
        raise failure(request, status, headers, body, host)
    kind = media_type(headers)
    if is_web_page(kind, body):
        raise WebPageError(
            f"{host} answered with a web page instead of data. OPENREPLAY_BASE_URL should be the address of an "
            f"OpenReplay instance{_SINCE.get(request.via, '')}."
        )
    if kind != "application/json":
        raise UnexpectedReplyError(
            "The server answered with ", Recorded(kind or "no content type"), " instead of JSON."
        )
    try:
        return _read(request.reply, unescape_html(body) if request.escaped else body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = Recorded(".".join(str(step) for step in problem["loc"])) if problem["loc"] else "the body"
        said = f" should be {rule(problem)}."
        raise UnexpectedReplyError("The server's reply is not what this operation returns: ", where, said) from None


def _read(model: type[ReplyT], body: bytes) -> ReplyT:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        if said.startswith("Invalid JSON") and (mended := _without_halves(body)) is not None:
            return model.model_validate_json(mended)
        if "recursion limit" not in said:
            raise
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):  # broken further down, or deeper than Python itself goes
        raise UnexpectedReplyError("The server's reply is nested too deep to be read.") from None
    return model.model_validate(_shallow(whole, _DEEPEST))


def _without_halves(body: bytes) -> bytes | None:
    r"""Return a body in which U+FFFD stands for half characters (`\ud800`): one visitor's must not hide all others."""
    if b"\\ud" not in body.replace(b"\\uD", b"\\ud"):
        return None
    try:
        whole = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in whole).encode()


def _shallow(value: Any, depth: int) -> Any:
    """Return a JSON value without what is nested deeper: one visitor's payload must not hide a whole session."""
    if isinstance(value, dict):
        return {key: _shallow(each, depth - 1) for key, each in value.items()} if depth else "…"
    if isinstance(value, list):
        return [_shallow(each, depth - 1) for each in value] if depth else "…"
    return value


def failure(
    request: Request[Any], status: int, headers: Mapping[str, str], body: bytes, host: str
) -> OpenReplayToolsError:
    """Return the error that an answer other than 200 means."""
    if 200 < status < 300:
        return UnexpectedReplyError(
            f"{host} answered {status}, which OpenReplay never does. Check OPENREPLAY_BASE_URL."
        )
    if 300 <= status < 400:  # never followed: the key stays with its host
        target = Recorded(host_of(headers.get("location", "")) or "another path")
        return ConfigurationError(
            f"{host} redirects to ",
            target,
            ". Set OPENREPLAY_BASE_URL to the address where the instance answers itself.",
        )
    message, wait = server_message(headers, body), retry_after(headers)
    said: tuple[object, ...] = (": ", Recorded(message, limit=_MESSAGE_LIMIT)) if message else ()
    what = Recorded("/".join(request.path[2:]) or "/".join(request.path))
    kind = _ERRORS.get(status, ServerError if status >= _SERVER_ERROR else ApiError)
    pause = f"Wait {wait:.0f} s" if wait is not None else "Wait a few seconds"
    texts: dict[type[ApiError], tuple[object, ...]] = {
        AuthenticationError: (_refused(request, host),),
        RateLimitError: (f"The server asks for a pause (429). {pause} and try again.",),
        ServerError: (f"The server failed ({status})", *said, ". Try again later."),
    }
    parts = texts.get(kind, (f"The server refused the request ({status}) for ", what, *said, "."))
    return kind(*parts, status=status, message=message, retry_after=wait)


def _refused(request: Request[Any], host: str) -> str:
    if request.via in {"dashboard", "legacy", "open"}:
        return f"The server refused the login (401). Check OPENREPLAY_EMAIL; it is sent to {host} only."
    where = "Copy the organization key again from Preferences → Account"
    return f"The server refused the key (401). {where}; it is sent to {host} only."


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a reply, "" when it has none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_web_page(kind: str, body: bytes) -> bool:
    """Tell whether a reply is a page for people, whatever it says it is."""
    return kind in {"text/html", "application/xhtml+xml"} or body[:30].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )


def server_message(headers: Mapping[str, str], body: bytes) -> str:
    """Return the server's own words, bounded; "" for web pages and empty bodies."""
    kind = media_type(headers)
    if not body or is_web_page(kind, body):
        return ""
    if kind != "application/json":
        return shorten(clean(body[:1000].decode("utf-8", "replace")), _MESSAGE_LIMIT)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    # {"error": "…"} up to 1.27; {"errors": ["…"]} after it and in the Python service; {"detail": …} (contract §1.3).
    found = [said.get(key) for key in ("error", "errors", "detail")] if isinstance(said, dict) else []
    told = next((each for each in found if each), "")
    text = "; ".join(_told(each) for each in (told if isinstance(told, list) else [told]))
    return shorten(clean(text), _MESSAGE_LIMIT)


def _told(said: Any) -> str:
    """Return one of the server's messages; FastAPI's name the field they are about."""
    if isinstance(said, dict):
        where = ".".join(str(step) for step in said.get("loc") or ())
        text = str(said.get("msg") or said.get("message") or "")
        return f"{where}: {text}" if where and text else text or where
    return str(said)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds the server asks to wait, None when it does not say (dates are not understood)."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def wait_before_retry(attempt: int, error: BaseException | None, left: float) -> float | None:
    """Return how long to wait before trying a read again, None when it is not worth it.

    Args:
        attempt: 0 after the first failure.
        error: may carry the server's wish.
        left: seconds until the call's deadline.
    """
    wish = error.retry_after if isinstance(error, ApiError) else None
    # The limiter lets nothing pass until a whole second was silent (contract §1.4).
    first = 1.25 if isinstance(error, RateLimitError) else 0.25
    wait = wish if wish is not None else first * 4**attempt
    return wait if wait < left and wait <= LONGEST_WAIT else None


def unescape_html(body: bytes) -> bytes:
    """Undo one level of the server's HTML escaping in a JSON text, keys included (contract §0.5)."""
    # To look for one byte first is quick, and most replies have neither.
    written = [ampersand for ampersand in _AMPERSANDS if ampersand[:1] in body and ampersand in body]
    if not written or _HELD in body:
        return body
    body = body.replace(_PAIR, _HELD)  # an escaped backslash before "u0026" does not begin an escape
    for ampersand in written:
        for name, plain in _ENTITIES:
            body = body.replace(ampersand + name, plain)
    return body.replace(_HELD, _PAIR)
