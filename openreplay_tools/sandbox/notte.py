"""Notte's API as far as we use it: sessions, their replays, health. Written from its documentation and SDK.

https://docs.notte.cc/api-reference and, for the replays, `notte_data`.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.sandbox.notte_replays import Replays, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from starlette.types import ASGIApp, Receive, Scope, Send

    from openreplay_tools.sandbox.storage import Storage

RATE_LIMIT = 1000
"""Requests a minute that the headers speak of; Notte's real limits are not documented, and nothing is refused here."""
_MINUTE = 60
_ROUTE = re.compile(r"/health|/sessions(?:/(?P<session>[^/]+)(?P<replay>/replay)?)?")
# Documented, but no operation of ours asks for them.
_NOT_SERVED = re.compile(r"/sessions/[^/]+/(?:stop|debug(?:/tab)?|offset|network/logs|replay/mouse|workflow/code)")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_REFUSED_AS_TEXT = "session_id: this session belongs to another workspace"
_NOT_A_UUID = {
    "type": "uuid_parsing",
    "loc": ["path", "session_id"],
    "msg": "Input should be a valid UUID, invalid character",
}


class _Listing(BaseModel):
    """The query of GET /sessions, with its documented defaults and bounds."""

    page: int = Field(default=1, ge=1)
    page_size: int = Field(default=10, ge=1, le=100)
    only_active: bool = True
    only_current_token: bool = False
    include_system: bool = True

    def accepts(self, plan: planted.Plan) -> bool:
        """Whether a session is one of those that are asked for."""
        return (
            (plan.is_open or not self.only_active)
            and (plan.own or not self.only_current_token)
            and (self.include_system or not plan.hidden)
        )


class _Notte:
    def __init__(self, storage: Storage, api_key: str, now: Callable[[], datetime]) -> None:
        self._api_key = api_key.encode()
        self._now = now
        self._started = now()
        self._replays = Replays(storage, now)
        self._looks: Counter[str] = Counter()
        self._used = (0, 0)

    @cached_property
    def _sessions(self) -> dict[str, planted.Made]:
        return planted.make_sessions(self._started)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        response = self._answer(Request(scope, receive))
        if response.status_code != 502:  # that one comes from a proxy before the API
            for name, value in self._rate().items():
                response.headers.setdefault(name, value)
        await response(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        """Look at route, method and key in FastAPI's order."""
        path = request.scope["path"]
        route = _ROUTE.fullmatch(path)
        if route is None:
            return _elsewhere(request, path)
        if request.method != "GET":
            return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": "GET"})
        if path == "/health":
            return JSONResponse({"status": "ok"})
        if not self._knows(request.headers.get("authorization", "")):
            return failure(401, "Invalid or missing API key")
        session = route["session"]
        return self._one(session, replay=bool(route["replay"])) if session else self._list(request.query_params)

    def _knows(self, header: str) -> bool:
        scheme, _, key = header.partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(key.encode(), self._api_key)

    def _list(self, query: Mapping[str, str]) -> Response:
        try:
            asked = _Listing.model_validate(dict(query))
        except ValidationError as error:
            return JSONResponse({"detail": _details(error)}, 422)
        found = [made.shown for made in self._sessions.values() if asked.accepts(made.plan)]
        first = (asked.page - 1) * asked.page_size
        end = first + asked.page_size
        body = {
            "items": found[first:end],
            "page": asked.page,
            "page_size": asked.page_size,
            "has_next": end < len(found),
            "has_previous": asked.page > 1,
        }
        return JSONResponse(body)

    def _one(self, session_id: str, *, replay: bool) -> Response:
        if refused := _refusal(session_id):
            return refused
        session = self._sessions.get(session_id.lower())
        if session is None:
            return failure(404, "Session not found", f"Session {session_id} not found")
        if not replay:
            return JSONResponse(session.shown)
        look = self._looks[session_id.lower()]
        self._looks[session_id.lower()] += 1
        return self._replays.answer(session, look)

    def _rate(self) -> dict[str, str]:
        minute = int(self._now().timestamp()) // _MINUTE
        before, used = self._used
        self._used = minute, used + 1 if minute == before else 1
        return {
            "X-RateLimit-Limit": str(RATE_LIMIT),
            "X-RateLimit-Remaining": str(max(RATE_LIMIT - self._used[1], 1)),
            "X-RateLimit-Reset": str((minute + 1) * _MINUTE),
        }


def _elsewhere(request: Request, path: str) -> Response:
    if path.endswith("/") and _ROUTE.fullmatch(path.removesuffix("/")):
        return _without_slash(request)
    if _NOT_SERVED.fullmatch(path):
        return failure(501, f"sandbox: not served here: {path}")
    return JSONResponse({"detail": "Not Found"}, 404)


def _without_slash(request: Request) -> Response:
    """Redirect as FastAPI does behind a proxy: to http, whatever the client came by."""
    path = request.scope["raw_path"].decode("latin-1").removesuffix("/")
    query = request.scope["query_string"].decode("latin-1")
    address = f"http://{request.headers.get('host', '')}{path}" + (f"?{query}" if query else "")
    return Response(status_code=307, headers={"Location": address})


def _details(error: ValidationError) -> list[dict[str, Any]]:
    """FastAPI's list of what is wrong with a query."""
    return [{**item, "loc": ["query", *item["loc"]]} for item in error.errors(include_url=False)]


def _refusal(session_id: str) -> Response | None:
    """Why an id is refused; None when it may be one."""
    listed = [{**_NOT_A_UUID, "input": session_id}]
    if session_id == planted.REFUSED_AS_TEXT:
        return JSONResponse({"detail": _REFUSED_AS_TEXT}, 422)
    if session_id == planted.REFUSED_IN_MESSAGE:
        return failure(422, str(listed))
    if not _UUID.fullmatch(session_id):
        # Notte's page about errors shows a message beside the list.
        return JSONResponse({"message": "Validation error", "detail": listed}, 422)
    return None


def build_notte(storage: Storage, api_key: str, now: Callable[[], datetime]) -> ASGIApp:
    """Assemble a server; how often each replay was looked at is counted per server.

    Args:
        storage: takes the videos, and signs their addresses.
        api_key: what `Authorization: Bearer` must carry.
        now: the clock. The newest session began two minutes before the server did.
    """
    return _Notte(storage, api_key, now)
