"""The legacy (Python) service behind `/api`: who may ask what, and how it writes answers (contract §1.5, §3, §4)."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from openreplay_tools.sandbox.accounts import InvalidTokenError
from openreplay_tools.sandbox.gojson import compact
from openreplay_tools.sandbox.legacy_call import (
    Cookies,
    Installation,
    LegacyCall,
    LegacyError,
    LegacyRoute,
    refused,
)
from openreplay_tools.sandbox.legacy_catalogue import CATALOGUE
from openreplay_tools.sandbox.legacy_dashboard import BEFORE_GO, DASHBOARD
from openreplay_tools.sandbox.legacy_login import LOGIN
from openreplay_tools.sandbox.legacy_public import ENTERPRISE_V1, V1, ProjectList

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from openreplay_tools.sandbox.accounts import Person

_HEADERS = {"x-robots-tag": "noindex, nofollow", "Cache-Control": "no-store,no-cache", "Pragma": "no-cache"}
_GZIP_BYTES = 1000
_NOT_FOUND = LegacyError(404, {"detail": "Not Found"})


class _Path:
    """One path of the service, as an ASGI application."""

    def __init__(self, installation: Installation, route: LegacyRoute) -> None:
        self._installation = installation
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        cookies: list[str] = []
        headers: dict[str, str] = {}
        content: object
        try:
            found, status = self._content(request, await request.body()), 200
            content = found
            if isinstance(found, Cookies):
                content, cookies = found.content, found.headers
        except LegacyError as error:
            content, status, headers = error.content, error.status, error.headers
        # The 1.27 service, not its predecessor, which answers API v1, knows about origins (recorded).
        origin = self._installation.version.startswith("1.27") and self._route.wants != "key"
        response = _response(request, content, status, origin=origin)
        response.headers.update(headers)
        for cookie in cookies:
            response.headers.append("set-cookie", cookie)
        await response(scope, receive, send)

    def _content(self, request: Request, body: bytes) -> object:
        handler = self._route.handlers.get(request.method)
        if handler is None:
            allowed = ", ".join(self._route.handlers)
            raise LegacyError(405, {"detail": "Method Not Allowed"}, {"allow": allowed})
        authorization = request.headers.get("authorization", "")
        person = self._authorise(authorization)
        return handler(
            LegacyCall(
                self._installation,
                request.path_params,
                request.url.query,
                body,
                authorization,
                request.cookies,
                person,
                self._project(request.path_params, person),
            )
        )

    def _authorise(self, header: str) -> Person | None:
        if self._route.wants == "nothing":
            return None
        if not header:
            raise refused(401, "Not authenticated")
        if self._route.wants == "key":
            if header != self._installation.api_key:
                raise refused(401, "Invalid API Key")
            return None
        try:
            return self._installation.accounts.holder(bearer(header))
        except InvalidTokenError as error:
            raise refused(403, "Invalid token or expired token.") from error

    def _project(self, path: dict[str, str], person: Person | None) -> int:
        """Find the project a path names, then look at what the person's role allows."""
        named = {name: path[name] for name in ("projectId", "projectKey") if name in path}
        number = 0
        for name, text in named.items():
            found = (item for item in self._installation.store.projects() if str(item[name]) == str(text))
            number = next((int(item["projectId"]) for item in found), 0)
            if not number:
                raise self._unknown_project()
        if self._installation.edition == "ee" and person is not None:
            wanted = self._route.permission
            if wanted is not None and wanted not in person.permissions:
                raise refused(401, "Not enough permissions")
        return number

    def _unknown_project(self) -> LegacyError:
        if self._installation.edition == "ee":
            return refused(401, "unauthorized project.")
        return refused(404, "project not found.")


def bearer(header: str) -> str:
    """Take the token out of an `Authorization` header (observed A34)."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise refused(401, "Not authenticated")
    if scheme != "Bearer":
        raise refused(400, "Invalid authentication scheme.")
    return token


def _response(request: Request, content: object, status: int, *, origin: bool) -> Response:
    body = compact(content).encode()
    headers = dict(_HEADERS)
    vary = []
    if len(body) >= _GZIP_BYTES:
        vary.append("Accept-Encoding")
        if "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body)
            headers["content-encoding"] = "gzip"
    if origin:
        vary.append("Origin")
    if vary:
        headers["vary"] = ", ".join(vary)
    return Response(body, status, headers, "application/json")


def build_legacy(installation: Installation, *, api_v1: bool) -> ASGIApp:
    """Assemble the service of one installation."""
    tables: list[dict[str, LegacyRoute]] = []
    if api_v1:
        tables += [ProjectList().routes, V1]
        tables += [ENTERPRISE_V1] if installation.edition == "ee" else []
    tables += [LOGIN, CATALOGUE, DASHBOARD]
    if not installation.version.startswith("1.27"):
        tables.append(BEFORE_GO)
    routes = [Route(path, _Path(installation, route)) for table in tables for path, route in table.items()]
    return Router(routes, redirect_slashes=False, default=_NoRoute(installation))


class _NoRoute:
    """What no route wants."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        content: dict[str, Any] = _NOT_FOUND.content
        legacy = scope["path"].startswith("/v1/")
        origin = self._installation.version.startswith("1.27") and not legacy
        await _response(Request(scope, receive), content, _NOT_FOUND.status, origin=origin)(scope, receive, send)
