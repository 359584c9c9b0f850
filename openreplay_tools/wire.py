"""How a request looks on the wire and what an answer means; no I/O in it.

A status does not have one meaning everywhere: this module proposes an error, the operation's flow may know better.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ValidationError

from openreplay_tools.addresses import host_of, is_fetchable
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
from openreplay_tools.replies import MESSAGE_LIMIT, is_web_page, media_type, retry_after, server_message
from openreplay_tools.schema import rule
from openreplay_tools.services import ABOUT, base_of
from openreplay_tools.text import Recorded
from openreplay_tools.vendor_failures import vendor_failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.flow import Request
    from openreplay_tools.settings import Settings

ReplyT = TypeVar("ReplyT", bound=BaseModel)

_STEPS = re.compile(r"[/\\]")  # a proxy may decode an encoded slash before it resolves dots
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
    url: str = field(repr=False)  # a pre-signed one is a secret
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
    headers = {"Accept": _accepted(request), **_authorization(request, settings, token), **request.headers}
    content = None
    if request.body is not None:
        headers["Content-Type"] = "application/json"
        content = _JSON.encode(request.body).encode("utf-8", "replace")
    return Message(request.method, _url(request, settings), headers, content)


def _url(request: Request[Any], settings: Settings) -> str:
    if request.via == "storage":
        if not is_fetchable(request.address, local=settings.is_local):
            raise UnexpectedReplyError("The vendor names an address that is not https; nothing was fetched from it.")
        return request.address
    query = f"?{urlencode(request.query, errors='replace')}" if request.query else ""
    where = path(request.path, slashes=not ABOUT[request.via].strict)
    return f"{base_of(request.via, settings)}/{where}{'/' if request.slash else ''}{query}"


def _accepted(request: Request[Any]) -> str:
    if request.via == "storage":
        return "*/*"
    return "application/json" if request.into is None else "application/json, */*;q=0.5"


def _authorization(request: Request[Any], settings: Settings, token: str) -> dict[str, str]:
    if request.via in {"open", "storage"}:
        return {}
    if request.via in {"dashboard", "legacy"}:
        return {"Authorization": f"Bearer {token}"}
    if request.via == "logrocket":  # https://docs.logrocket.com/docs/user-identification-api
        return {"Authorization": f"token {settings.logrocket_api_key.get_secret_value()}"}
    if request.via == "notte":  # https://docs.notte.cc/api-reference
        return {"Authorization": f"Bearer {settings.notte_api_key.get_secret_value()}"}
    # https://docs.openreplay.com/en/api/ says "Authorization: <key>"; v2 wants the Bearer scheme (contract §1.2).
    key = settings.api_key.get_secret_value()
    return {"Authorization": f"Bearer {key}" if request.via == "v2" else key}


def path(parts: tuple[str, ...], *, slashes: bool = False) -> str:
    """Return path parts joined, each encoded so that it can be nothing but one part.

    Args:
        parts: as they are.
        slashes: whether the server takes an encoded slash for a part of an id.

    Raises:
        ArgumentsError: a part cannot stand in a path.
    """
    for part in parts:
        # The server's proxy decodes %2F and resolves dots before it chooses an endpoint (observed §A22, §D).
        pieces = _STEPS.split(part) if slashes else [part]
        odd = slashes and not part.isprintable() and part.encode("utf-8", "replace") != part.encode("utf-8", "ignore")
        if part == "" or {".", ".."} & {*pieces} or ("/" in part and not slashes) or "\0" in part or odd:
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
    about = ABOUT[request.via]
    if not about.strict:
        return vendor_reply(request, status, headers, body, host)
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
    return read_reply(request.reply, unescape_html(body) if request.escaped else body)


def vendor_reply(request: Request[ReplyT], status: int, headers: Mapping[str, str], body: bytes, host: str) -> ReplyT:
    """Return a sibling vendor's typed reply, whatever success and media type it calls it; see `decode`."""
    if not (200 <= status < 300 if request.via != "storage" else status == _OK):
        raise vendor_failure(request, status, headers, body, host)
    if is_web_page(media_type(headers), body):
        about = ABOUT[request.via]
        raise WebPageError(f"{host} answered with a web page instead of data. Check {about.address or 'the network'}.")
    return read_reply(request.reply, body.lstrip(b"\xef\xbb\xbf") or b"{}")


def read_reply(model: type[ReplyT], body: bytes) -> ReplyT:
    """Return a reply body as the model.

    Raises:
        UnexpectedReplyError: it is not what the model says.
    """
    try:
        return _read(model, body)
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
    said: tuple[object, ...] = (": ", Recorded(message, limit=MESSAGE_LIMIT)) if message else ()
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
