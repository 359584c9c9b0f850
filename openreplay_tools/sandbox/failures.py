"""Failures on demand: broken connections, slow and wrong answers, for tests of what a client does with them."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from starlette.responses import Response

from openreplay_tools.sandbox.front import FRONT_PAGE, html, page
from openreplay_tools.sandbox.live import PanicError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["drop", "delay", "truncate", "slow_body", "status", "html", "content_type", "redirect"]

_TITLES = {
    500: "500 Internal Server Error",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}
_TOO_MANY_REQUESTS = 429
_PIECES = 10
_MISSING_BYTES = 1000


@dataclass(frozen=True)
class Failure:
    """One thing to go wrong.

    Args:
        kind: "drop" closes the connection without an answer; "delay" answers after `delay` seconds; "truncate" promises
            more than it sends; "slow_body" sends the body in ten pieces within `delay` seconds; "status" answers
            `status` (429 as text, 5xx with nginx's page); "html" answers 200 with the dashboard's page; "content_type"
            sends the right JSON as `text/plain`; "redirect" answers 302 to `location`.
        path: a regular expression searched in the path with its query, as sent.
        method: only requests with this method.
        times: how many requests it meets; 0 for all.
        status: the status of kind "status".
        delay: seconds, for "delay" and "slow_body".
        retry_after: the value of the header Retry-After for kind "status".
        location: the target of kind "redirect".
    """

    kind: Kind
    path: str = ".*"
    method: str | None = None
    times: int = 1
    status: int = 503
    delay: float = 1.0
    retry_after: str | int | None = None
    location: str = "/"

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of failure {self.kind!r}; known: {', '.join(get_args(Kind))}")
        if self.kind == "status" and self.status not in {*_TITLES, _TOO_MANY_REQUESTS}:
            raise ValueError(f"status must be 429, 500, 502, 503 or 504, not {self.status}")

    def meets(self, method: str, path: str) -> bool:
        """Whether a request is one of those that shall fail."""
        return self.method in (None, method) and re.search(self.path, path) is not None


class Failures:
    """The failures that wait for a request; the first that fits is used."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Failure, int]] = []

    def add(self, failure: Failure) -> None:
        """Let the next `failure.times` fitting requests fail."""
        with self._lock:
            self._waiting.append((failure, failure.times))

    def clear(self) -> None:
        """Forget all failures."""
        with self._lock:
            self._waiting.clear()

    def take(self, method: str, path: str) -> Failure | None:
        """The failure for this request, used up by one."""
        with self._lock:
            for index, (failure, left) in enumerate(self._waiting):
                if failure.meets(method, path):
                    if left == 1:
                        del self._waiting[index]
                    elif left:
                        self._waiting[index] = (failure, left - 1)
                    return failure
        return None


Connections = MutableMapping[tuple[str, int], asyncio.Transport]
"""The open connections by the client's address, for those that must break."""


class FailingServer:
    """Puts failures between the client and the server, and breaks the connections of handlers that crash."""

    def __init__(self, app: ASGIApp, failures: Failures, connections: Connections) -> None:
        self._app = app
        self._failures = failures
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or fail as told."""
        query = scope["query_string"].decode("latin-1")
        path = scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
        failure = self._failures.take(scope["method"], path)
        if failure is None:
            await self._passed(scope, receive, send)
            return
        if failure.kind == "delay":
            await asyncio.sleep(failure.delay)
            await self._passed(scope, receive, send)
            return
        answer = _Captured()
        try:
            await self._app(scope, receive, answer.send)  # the request is noted, whatever the client gets to see
        except PanicError:
            await self._broken(scope, receive)
            return
        await self._failed(failure, answer, scope, receive, send)

    async def _passed(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except PanicError:
            await self._broken(scope, receive)

    async def _failed(self, failure: Failure, answer: _Captured, scope: Scope, receive: Receive, send: Send) -> None:
        match failure.kind:
            case "drop":
                await self._broken(scope, receive)
            case "truncate":
                await answer.start(send, length=len(answer.body) + _MISSING_BYTES)
                await send({"type": "http.response.body", "body": answer.body, "more_body": True})
                await self._broken(scope, receive)
            case "slow_body":
                await _drip(answer, failure.delay, send)
            case "content_type":
                await answer.start(send, content_type="text/plain")
                await send({"type": "http.response.body", "body": answer.body})
            case _:
                await _instead(failure)(scope, receive, send)

    async def _broken(self, scope: Scope, receive: Receive) -> None:
        """Close the client's connection and wait until uvicorn knows, so that it does not answer by itself."""
        connection = self._connections.get(tuple(scope["client"]))
        if connection is not None:
            connection.close()
        while (await receive())["type"] != "http.disconnect":
            pass


class _Captured:
    """The answer that the client would have got."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
        else:
            self.body += message.get("body", b"")

    async def start(self, send: Send, *, length: int | None = None, content_type: str | None = None) -> None:
        changed = {
            b"content-length": None if length is None else str(length).encode(),
            b"content-type": None if content_type is None else content_type.encode(),
        }
        headers = [(name, changed.get(name) or value) for name, value in self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})


async def _drip(answer: _Captured, seconds: float, send: Send) -> None:
    await answer.start(send)
    size = max(1, -(-len(answer.body) // _PIECES))
    for first in range(0, len(answer.body), size):
        await asyncio.sleep(seconds / _PIECES)
        await send({"type": "http.response.body", "body": answer.body[first : first + size], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _instead(failure: Failure) -> Response:
    """Build the answer of the kinds that replace it whole."""
    if failure.kind == "html":
        return page(FRONT_PAGE)
    if failure.kind == "redirect":
        return html("302 Found", {"Location": failure.location})
    headers = {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}
    if failure.status == _TOO_MANY_REQUESTS:
        return Response("Too Many Requests\n", _TOO_MANY_REQUESTS, headers, "text/plain")
    return html(_TITLES[failure.status], headers)
