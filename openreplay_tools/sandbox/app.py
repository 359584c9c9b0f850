"""The Go service behind `/v2/api`: routes, methods, keys and projects, in the order of the server's own looks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from openreplay_tools.sandbox.live import PanicError
from openreplay_tools.sandbox.routes import (
    EMPTY,
    ENTERPRISE,
    NO_ROUTE,
    PUBLIC,
    UNAUTHORIZED,
    WRONG_METHOD,
    Call,
    HandledError,
    Handler,
    Reply,
    Service,
    run,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# nginx adds these to every answer of the service (recorded).
_CORS = {
    "Access-Control-Allow-Methods": "POST, GET, PATCH, DELETE, OPTIONS, PUT",
    "Access-Control-Allow-Headers": "Content-Type, Authorization, Content-Encoding, X-Openreplay-Batch",
    "Access-Control-Expose-Headers": "Content-Length",
    "Access-Control-Max-Age": "3600",
    "Access-Control-Allow-Credentials": "true",
}
# Dashboard routes exist beside the public ones; they want a login, which the sandbox does not give.
_DASHBOARD = re.compile(r"(sessions|events|users|cards|dashboards|notes|assist|unprocessed)(/|$)")


class Methods:
    """One path of the service, as an ASGI application: 405 before 401, 401 before anything else."""

    def __init__(self, service: Service, api_key: str, handlers: dict[str, Handler]) -> None:
        self._service = service
        self._api_key = api_key
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to this path."""
        request = Request(scope, receive)
        if request.method == "OPTIONS":
            await _send(EMPTY, scope, receive, send, {"Cache-Control": "max-age=86400"})
            return
        handler = self._handlers.get(request.method)
        reply = WRONG_METHOD if handler is None else await self._authorised(handler, request)
        await _send(reply, scope, receive, send)

    async def _authorised(self, handler: Handler, request: Request) -> Reply:
        if not self._knows(request.headers.get("authorization", "")):
            return UNAUTHORIZED
        project = 0
        if key := request.path_params.get("projectKey"):
            found = self._service.store.project(key)
            if found is None:
                return self._unknown_project()
            project = int(found["projectId"])
        # Answers come from memory in a few milliseconds: a thread would cost more than the query.
        return run(handler, Call(self._service, request.path_params, request.url.query, await request.body(), project))

    def _knows(self, header: str) -> bool:
        # Split on exactly this, case and single space, into exactly two parts (contract §1.2).
        _, *tokens = header.split("Bearer ")
        return tokens == [self._api_key]

    def _unknown_project(self) -> Reply:
        if self._service.edition == "ee":  # from the contract (§1.6): the logger panics
            raise PanicError
        return UNAUTHORIZED


async def _root(scope: Scope, receive: Receive, send: Send) -> None:
    await _send(EMPTY, scope, receive, send)


async def _dashboard(scope: Scope, receive: Receive, send: Send) -> None:
    rest = scope["path_params"]["rest"]
    known = _DASHBOARD.match(rest)
    message = f"sandbox: not in the recordings or the contract: dashboard route {rest}"
    await _send(UNAUTHORIZED if known else HandledError(501, message).reply, scope, receive, send)


async def _no_route(scope: Scope, receive: Receive, send: Send) -> None:
    await _send(NO_ROUTE, scope, receive, send, {"X-Content-Type-Options": "nosniff"})


async def _send(
    reply: Reply, scope: Scope, receive: Receive, send: Send, headers: dict[str, str] | None = None
) -> None:
    response = Response(reply.body, reply.status, {**(headers or {}), **_CORS})
    if reply.content_type is not None:
        # Set by hand: Starlette would add a charset, which the server does not send.
        response.headers["Content-Type"] = reply.content_type
    await response(scope, receive, send)


def build(service: Service, api_key: str) -> ASGIApp:
    """Assemble the service of one edition."""
    table = {**ENTERPRISE, **PUBLIC} if service.edition == "ee" else PUBLIC
    routes = [Route(path, Methods(service, api_key, handlers)) for path, handlers in table.items()]
    routes += [Route("/", _Application(_root)), Route("/{projectId:int}/{rest:path}", _Application(_dashboard))]
    return Router(routes, redirect_slashes=False, default=_no_route)


class _Application:
    """A function as an ASGI application: Starlette takes plain functions for request handlers."""

    def __init__(self, function: ASGIApp) -> None:
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._function(scope, receive, send)
