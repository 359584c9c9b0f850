"""The Go service behind `/v2/api`: routes, methods, keys and projects, in the order of the server's own looks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from openreplay_tools.sandbox.accounts import PEOPLE
from openreplay_tools.sandbox.dashboard_data import DATA
from openreplay_tools.sandbox.dashboard_sessions import SESSIONS
from openreplay_tools.sandbox.live import PanicError
from openreplay_tools.sandbox.routes import (
    EMPTY,
    ENTERPRISE,
    NO_ROUTE,
    PLAIN,
    PUBLIC,
    UNAUTHORIZED,
    WRONG_METHOD,
    Call,
    HandledError,
    Handler,
    Reply,
    Service,
    get_project,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from openreplay_tools.sandbox.accounts import Accounts
    from openreplay_tools.sandbox.limiter import Limiter
    from openreplay_tools.sandbox.versions import Version

# nginx adds these to every answer of the service (recorded).
_CORS = {
    "Access-Control-Allow-Methods": "POST, GET, PATCH, DELETE, OPTIONS, PUT",
    "Access-Control-Allow-Headers": "Content-Type, Authorization, Content-Encoding, X-Openreplay-Batch",
    "Access-Control-Expose-Headers": "Content-Length",
    "Access-Control-Max-Age": "3600",
    "Access-Control-Allow-Credentials": "true",
}
Door = Literal["public", "dashboard"]
Handlers = dict[str, Handler]
_TOO_MANY = Reply(429, "Too Many Requests\n", PLAIN)
_FORBIDDEN = Reply(403, content_type=None)
# What a role must allow, by the part of the path after the project (contract §4.4 to §4.9).
_PERMISSIONS = {
    **dict.fromkeys(["sessions", "notes", "unprocessed"], "SESSION_REPLAY"),
    **dict.fromkeys(["events", "users", "lexicon", "tags"], "DATA_MANAGEMENT"),
    **dict.fromkeys(["cards", "dashboards"], "METRICS"),
    "assist": "ASSIST_LIVE",
}


@dataclass(frozen=True)
class Gate:
    """Who may come in: the organization key, the dashboard's people, and how often they may ask."""

    api_key: str
    accounts: Accounts
    limiter: Limiter


class Methods:
    """One path of the service, as an ASGI application: 405 before 401, 401 before anything else.

    Public routes want the organization key and name a project by its key, dashboard routes a token and its number.
    """

    def __init__(self, service: Service, gate: Gate, door: Door, handlers: Handlers) -> None:
        self._service = service
        self._gate = gate
        self._door = door
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to this path."""
        request = Request(scope, receive)
        if request.method == "OPTIONS":
            await _send(EMPTY, scope, receive, send, {"Cache-Control": "max-age=86400"})
            return
        handler = self._handlers.get(request.method)
        reply = WRONG_METHOD if handler is None else await self._authorised(handler, request)
        # Go's http.Error adds this one.
        sniffing = {"X-Content-Type-Options": "nosniff"} if reply is _TOO_MANY else None
        await _send(reply, scope, receive, send, sniffing)

    async def _authorised(self, handler: Handler, request: Request) -> Reply:
        if self._door == "dashboard":
            return await self._with_login(handler, request)
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

    async def _with_login(self, handler: Handler, request: Request) -> Reply:
        """Look at token, project, permission and pace, in the server's order (contract §1.3)."""
        user = self._gate.accounts.user_of(request.headers.get("authorization", ""))
        if user is None:
            return UNAUTHORIZED
        if self._service.edition == "ee":
            if not self._is_project(request.path_params["projectId"]):
                return _FORBIDDEN
            if _permission(request.url.path) not in {None, *PEOPLE[user].permissions}:
                return UNAUTHORIZED
        if not self._gate.limiter.allows(user):
            return _TOO_MANY
        body, query = await request.body(), request.url.query
        return run(handler, Call(self._service, request.path_params, query, body, user=user))

    def _knows(self, header: str) -> bool:
        # Split on exactly this, case and single space, into exactly two parts (contract §1.2).
        _, *tokens = header.split("Bearer ")
        return tokens == [self._gate.api_key]

    def _is_project(self, number: object) -> bool:
        # Text in the place of the number is for the handler to refuse: 400 is recorded for it.
        text = str(number)
        return not text.isdecimal() or any(text == str(item["projectId"]) for item in self._service.store.projects())

    def _unknown_project(self) -> Reply:
        if self._service.edition == "ee":  # from the contract (§1.6): the logger panics
            raise PanicError
        return UNAUTHORIZED


def _permission(path: str) -> str | None:
    return _PERMISSIONS.get(path.split("/")[2])


def _unknown(resource: str, call: Call) -> Reply:
    if resource == "sessions" and call.path["rest"][1:].isdigit():
        return NO_ROUTE  # there is no plain "get session" (recorded)
    message = f"sandbox: not in the recordings or the contract: dashboard route {resource}{call.path['rest']}"
    return HandledError(501, message).reply


async def _root(scope: Scope, receive: Receive, send: Send) -> None:
    await _send(EMPTY, scope, receive, send)


async def _dashboard(scope: Scope, receive: Receive, send: Send) -> None:
    rest = scope["path_params"]["rest"]
    if rest.split("/")[0] == "tags":  # asked of a version before them
        await _no_route(scope, receive, send)
    else:
        message = f"sandbox: not in the recordings or the contract: dashboard route {rest}"
        await _send(HandledError(501, message).reply, scope, receive, send)


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


def build(service: Service, gate: Gate, version: Version) -> ASGIApp:
    """Assemble the service of one version and edition."""
    dashboard = {**SESSIONS, **DATA}
    if version == "1.26":
        public = _BEFORE_PUBLIC
        dashboard = {path: handlers for path, handlers in dashboard.items() if "/tags" not in path}
    else:
        public = {**ENTERPRISE, **PUBLIC} if service.edition == "ee" else PUBLIC
    doors: tuple[tuple[Door, dict[str, Handlers]], ...] = (
        ("public", public),
        ("dashboard", dashboard),
        ("dashboard", _rest(dashboard)),
    )
    routes = [
        Route(path, Methods(service, gate, door, handlers)) for door, table in doors for path, handlers in table.items()
    ]
    routes += [Route("/", _Application(_root)), Route("/{projectId:int}/{rest:path}", _Application(_dashboard))]
    return Router(routes, redirect_slashes=False, default=_no_route)


def _remnant(call: Call) -> Reply:
    """The one key route before 1.27; Enterprise reads its header twice and never lets anybody in (contract §3.10)."""
    return UNAUTHORIZED if call.service.edition == "ee" else get_project(call)


def _rest(dashboard: Mapping[str, object]) -> dict[str, Handlers]:
    """What a resource of the dashboard has besides the routes above; it too is for those who may come in."""
    resources = {path.split("/")[2] for path in dashboard} | _PERMISSIONS.keys() - {"tags"}
    return {
        f"/{{projectId:int}}/{resource}{{rest:path}}": dict.fromkeys(_METHODS, partial(_unknown, resource))
        for resource in sorted(resources)
    }


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BEFORE_PUBLIC: dict[str, Handlers] = {"/v1/projects/{projectKey}": {"GET": _remnant}}


class _Application:
    """A function as an ASGI application: Starlette takes plain functions for request handlers."""

    def __init__(self, function: ASGIApp) -> None:
        self._function = function

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        await self._function(scope, receive, send)
