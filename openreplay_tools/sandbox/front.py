"""The nginx in front of everything: how it reads a path, and which of its neighbours answers (contract §1.1).

The sibling vendors and the object storage share its port, and nothing else: their paths arrive as they were sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, unquote_to_bytes

from starlette.responses import Response

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BASE = "/v2/api"
_LEGACY = "/api"
# The dashboard's page, which answers every path nobody else wants.
FRONT_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>OpenReplay</title></head><body><noscript>You'
    ' need to enable JavaScript to run this app.</noscript><div id="app"></div></body></html>\n'
)
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00")
_SLASHES = re.compile(r"/+")


def html_page(title: str) -> str:
    """One of nginx's own pages."""
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )


def html(title: str, headers: dict[str, str] | None = None) -> Response:
    """Answer with one of nginx's own pages."""
    return page(html_page(title), int(title[:3]), headers)


def page(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """HTML as nginx sends it, without a charset."""
    response = Response(text, status, headers)
    response.headers["Content-Type"] = "text/html"
    return response


@dataclass(frozen=True)
class Received:
    """A request as it arrived: the path as sent, with its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def normalise(raw_path: bytes) -> str | None:
    """Read a path as nginx does: decode, merge slashes, walk dots. None is its 400.

    Percent-encoded slashes and dots count like plain ones, and the result is what the service gets: an id holding a
    slash is two segments, and `..` reaches a neighbour route.
    """
    plain = raw_path.split(b"#", 1)[0]
    if _BAD_PERCENT.search(plain):
        return None
    path = _SLASHES.sub("/", unquote_to_bytes(plain).decode("utf-8", errors="replace"))
    kept: list[str] = []
    segments = path.split("/")[1:]
    for position, segment in enumerate(segments, 1):
        if segment == "..":
            if not kept:
                return None
            kept.pop()
        elif segment != ".":
            kept.append(segment)
            continue
        if position == len(segments):
            kept.append("")
    return "/" + "/".join(kept)


class Front:
    """Notes every request and passes it to the Go service, the legacy service or the dashboard's page.

    Args:
        service: the Go service; None on an installation that has none, whose place the page takes.
        legacy: the Python service.
        requests: where requests are noted.
        siblings: other vendors' applications by the first segment of their paths. Each gets its own part of the path,
            decoded, as `path`, what stands before it as `root_path`, and the whole as sent as `raw_path`.
    """

    def __init__(
        self, service: ASGIApp | None, legacy: ASGIApp, requests: deque[Received], siblings: Mapping[str, ASGIApp]
    ) -> None:
        self._siblings = siblings
        self._service = service
        self._legacy = legacy
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        body = await _read(receive)
        self._note(scope, body)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        first, slash, rest = scope["raw_path"].decode("latin-1").removeprefix("/").partition("/")
        if slash and first in self._siblings:
            own = {**scope, "path": unquote(f"/{rest}"), "root_path": f"/{first}"}
            await self._siblings[first](own, replay, send)
            return
        path = normalise(scope["raw_path"])
        if path is None:
            await html("400 Bad Request")(scope, replay, send)
            return
        for base, service in ((_BASE, self._service), (_LEGACY, self._legacy)):
            if service is not None and path.startswith(f"{base}/"):
                await service({**scope, "path": path.removeprefix(base), "root_path": ""}, replay, send)
                return
            if service is not None and path == base:
                await _with_slash(scope, base)(scope, replay, send)
                return
        await page(FRONT_PAGE)(scope, replay, send)

    def _note(self, scope: Scope, body: bytes) -> None:
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._requests.append(Received(scope["method"], path, headers, body))


async def _read(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)


def _with_slash(scope: Scope, base: str) -> Response:
    """Redirect, as nginx does for every location that ends in a slash (recorded for the Go service's)."""
    host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return html("301 Moved Permanently", {"Location": f"{scope['scheme']}://{host}{base}/"})
