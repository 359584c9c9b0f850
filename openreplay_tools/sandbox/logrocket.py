"""LogRocket's REST API below `/logrocket`: users, data export, highlights.

Written from the vendor's documentation; nobody here has called the service. Where that is silent the fake decides, and
nothing may rely on it: the bodies of 401, 403 and 404, the end of the export's list, what is inside its files. A key is
also known in its newer form, `pat:` before it. `logrocket_data` says who is planted and what jobs about them do,
`logrocket_files` which places in the export are odd.

* https://docs.logrocket.com/docs/user-identification-api
* https://docs.logrocket.com/docs/session-highlights-api
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from openreplay_tools.sandbox.logrocket_data import APP, ORG, REFUSED, Profile, Shop, as_text
from openreplay_tools.sandbox.logrocket_exports import Exports
from openreplay_tools.sandbox.logrocket_jobs import Jobs
from openreplay_tools.sandbox.logrocket_refusal import MALFORMED, RefusalError, read_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import ASGIApp, Receive, Scope, Send

    from openreplay_tools.sandbox.storage import Storage
    from openreplay_tools.sandbox.store import Store

    Handler = Callable[[Request, bytes], Any]

_PATH = re.compile(r"/v1/orgs/([^/]+)/apps/([^/]+)/(.*)")
_USER = re.compile(r"users/([^/]+)")
_LONGEST = 1024
_NOT_FOUND = (404, {"detail": "Not found."})


def build_logrocket(storage: Storage, api_key: str, now: Callable[[], datetime], store: Store) -> ASGIApp:
    """Assemble the service; its data is read at the first request that needs it.

    Args:
        storage: where the export's files lie.
        api_key: the one key, `org:app:secret`.
        now: the server's clock.
        store: the sandbox's data, whose visits LogRocket has recorded as well.
    """
    return _LogRocket(Shop(store), storage, api_key, now)


class _LogRocket:
    """Routes a request by its undecoded path: an id may hold an encoded slash."""

    def __init__(self, shop: Shop, storage: Storage, api_key: str, now: Callable[[], datetime]) -> None:
        self._shop = shop
        self._keys = (api_key, f"pat:{api_key}")
        self._exports = Exports(shop, storage, now)
        self._jobs = Jobs(shop, now)
        self._merging = threading.Lock()
        self._handlers: dict[str, dict[str, Handler]] = {
            "data-export/": {"GET": self._exports.page},
            "highlights/": {"POST": self._jobs.create, "GET": self._jobs.get},
            "highlights": {"GET": self._jobs.get},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; `scope["root_path"]` is what stands before `/v1` in the path as sent."""
        request = Request(scope, receive)
        response = await self._answer(request, await request.body())
        await response(scope, receive, send)

    async def _answer(self, request: Request, body: bytes) -> Response:
        path = request.scope["raw_path"].decode("latin-1")
        found = _PATH.fullmatch(path.removeprefix(request.scope["root_path"]))
        if found is None:
            return _json(*_NOT_FOUND)
        org, app, rest = found.groups()
        if rest == "data-export":
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"{path}/{query}", 301)
        if refused := self._refused(request.headers.get("authorization", ""), unquote(org), unquote(app)):
            return refused
        user = _USER.fullmatch(rest)
        handlers = {"PUT": self._identifier(unquote(user[1]))} if user else self._handlers.get(rest, {})
        handler = handlers.get(request.method)
        if handler is None:
            return _json(405, {"detail": f'Method "{request.method}" not allowed.'}) if handlers else _json(*_NOT_FOUND)
        try:
            return _json(*await run_in_threadpool(handler, request, body))
        except RefusalError as refusal:
            return refusal.response

    def _refused(self, header: str, org: str, app: str) -> Response | None:
        """Refuse who does not come with `token KEY` (in any case) or asks for what is not the key's."""
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "token":
            return _json(401, {"detail": "Authentication credentials were not provided."})
        if key.strip() not in self._keys:
            return _json(403, {"detail": "token signature is invalid"})
        return None if (org, app) == (ORG, APP) else _json(*_NOT_FOUND)

    def _identifier(self, user_id: str) -> Handler:
        return lambda _, body: (200, self._identify(user_id, body))

    def _identify(self, user_id: str, body: bytes) -> dict[str, Any]:
        """Merge what is sent into what is known: a blank value removes, an absent one stays."""
        given = read_json(body)
        _check_sizes(user_id, given)
        if user_id == REFUSED:
            raise RefusalError("Error processing user data", 500)
        with self._merging:
            return _merge(user_id, self._shop.profiles.setdefault(user_id, Profile()), given)


def _merge(user_id: str, profile: Profile, given: dict[str, Any]) -> dict[str, Any]:
    profile.name = _unless_blank(given.get("name", profile.name))
    profile.email = _unless_blank(given.get("email", profile.email))
    for name, value in given.get("traits", {}).items():
        profile.traits[name] = as_text(value)
    profile.traits = {name: value for name, value in profile.traits.items() if value.strip()}
    shown = {"name": profile.name, "email": profile.email}
    named = {name: value for name, value in shown.items() if value}
    return {"userID": user_id, **named, "traits": dict(profile.traits)}


def _unless_blank(text: str) -> str:
    return text if text.strip() else ""


def _check_sizes(user_id: str, given: dict[str, Any]) -> None:
    """Refuse what the documentation says is refused, with its messages."""
    traits, moment = given.get("traits", {}), given.get("timestamp", 0)
    texts = {"userID": user_id, "name": given.get("name", ""), "email": given.get("email", "")}
    well_typed = isinstance(traits, dict) and isinstance(moment, int) and not isinstance(moment, bool)
    if not well_typed or not all(isinstance(text, str) for text in texts.values()):
        raise RefusalError(MALFORMED)
    if not all(isinstance(value, str | int | float | bool) for value in traits.values()):
        raise RefusalError(MALFORMED)
    for what, text in texts.items():
        if len(text) > _LONGEST:
            raise RefusalError(f"{what} too large (max {_LONGEST} characters)")
    if any(len(name) > _LONGEST for name in traits):
        # The documentation promises a message, not its place: this one comes as plain text.
        raise RefusalError("user trait key too large", plain=True)
    if any(len(as_text(value)) > _LONGEST for value in traits.values()):
        raise RefusalError(f"trait value too large (max {_LONGEST} characters)")


def _json(status: int, body: Any) -> Response:
    return JSONResponse(body, status)
