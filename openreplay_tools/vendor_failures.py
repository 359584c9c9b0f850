"""What a refusal means that comes from LogRocket, from Notte, or from the storage behind pre-signed addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from openreplay_tools.addresses import host_of
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
)
from openreplay_tools.replies import MESSAGE_LIMIT, is_web_page, media_type, object_in, retry_after, said_in
from openreplay_tools.services import ABOUT
from openreplay_tools.text import Recorded, clean, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.flow import Request

_KINDS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    413: BadRequestError,
    422: BadRequestError,
    429: RateLimitError,
}
# Notte: message and detail, either or both; LogRocket: error or message, or plain text (bodies are not documented).
_KEYS = ("error", "detail", "message")


def vendor_failure(
    request: Request[Any], status: int, headers: Mapping[str, str], body: bytes, host: str
) -> OpenReplayToolsError:
    """Return the error that an answer without success means; see `wire.decode` for the arguments."""
    if 300 <= status < 400:
        return _redirected(request, headers.get("location", ""), host)
    if request.via == "storage":  # whose body may repeat the address
        body = b""
    told = object_in(body)
    message = said_in(told, _KEYS) or _plain(headers, body, told)
    kind = _KINDS.get(status, ServerError if status >= 500 else ApiError)
    if request.via == "logrocket" and status == 403:  # which of the two it answers to a wrong key is not documented
        kind = AuthenticationError
    wait = retry_after(headers)
    said: tuple[object, ...] = (": ", Recorded(message, limit=MESSAGE_LIMIT)) if message else ()
    if kind is RateLimitError:
        said = (*said, ". Wait a minute and try again." if wait is None else f". Wait {wait:.0f} s and try again.")
    parts = _stored(status, host) if request.via == "storage" else _words(request, kind, status, host, said)
    return kind(*parts, status=status, message=message, retry_after=wait, told=told)


def _redirected(request: Request[Any], location: str, host: str) -> OpenReplayToolsError:
    """Return what a redirect means; none is followed, so that the key stays with its host."""
    about = ABOUT[request.via]
    if request.via == "storage":
        return ConfigurationError("The storage redirects to another address, which is not followed.")
    if _is_other_form(request, location, host):
        return MovedError(f"{host} knows this path with or without a slash at its end only.")
    where = Recorded(host_of(location) or "another path")
    return ConfigurationError(
        f"{host} redirects to ", where, f". Set {about.address} to the address where {about.vendor} answers itself."
    )


def _is_other_form(request: Request[Any], location: str, host: str) -> bool:
    """Tell whether a redirect leads to the same path of the same host, with a slash at its end or without."""
    try:
        target = urlsplit(location)
        same = not target.hostname or target.hostname == urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    here = "/".join(request.path)
    return same and unquote(f"/{target.path}").endswith(f"/{here}" if request.slash else f"/{here}/")


def _plain(headers: Mapping[str, str], body: bytes, told: dict[str, Any]) -> str:
    if told or not body or is_web_page(media_type(headers), body):
        return ""
    text = clean(body[:1000].decode("utf-8", "replace")).strip('"')  # a JSON text is one as well
    return "" if text in {"{}", "[]", "null"} else shorten(text, MESSAGE_LIMIT)


def _stored(status: int, host: str) -> tuple[object, ...]:
    """Return the words for a storage's refusal; its body may repeat the address, so that it is not told."""
    if status in {401, 403}:
        return (f"The storage at {host} refused the address ({status}): it has expired. Ask again for a fresh one.",)
    if status in {404, 410}:
        return (f"The storage at {host} no longer has the file ({status}).",)
    return (f"The storage at {host} failed ({status}). Try again later.",)


def _words(
    request: Request[Any], kind: type[ApiError], status: int, host: str, said: tuple[object, ...]
) -> tuple[object, ...]:
    about = ABOUT[request.via]
    if kind is AuthenticationError:
        scope = ", and that it belongs to the organization and application" if request.via == "logrocket" else ""
        check = f"Check {about.key}{scope}; it is sent to {host} only."
        return (f"{about.vendor} refused the key ({status}). {check}",)
    if kind is RateLimitError:
        return (f"{about.vendor} asks for a pause (429)", *said)
    if status == 529:
        return (f"{about.vendor} is overloaded (529). Try again in a minute.",)
    if kind is ServerError:
        return (f"{about.vendor} failed ({status})", *said, ". Try again later.")
    what = Recorded("/".join(request.path))
    return (f"{about.vendor} refused the request ({status}) for ", what, *said, ".")
