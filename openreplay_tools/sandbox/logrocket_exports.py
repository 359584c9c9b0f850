"""The list of LogRocket's data export: pages of pre-signed addresses, oldest first."""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.logrocket_files import content, encoding
from openreplay_tools.sandbox.logrocket_refusal import RefusalError
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.times import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.requests import Request

    from openreplay_tools.sandbox.logrocket_data import Shop, Visit
    from openreplay_tools.sandbox.storage import Storage

_DEFAULT, _MOST = 10, 100
_LIFETIME_SECONDS = 900
_GAP, _GAPS_EVERY = 25, 40


class Exports:
    """Lists the files of finished sessions: those without news for an hour.

    The end of the list is an empty page that repeats the cursor. A page may be shorter than asked for without being the
    last: some files are gone.
    """

    def __init__(self, shop: Shop, storage: Storage, now: Callable[[], datetime]) -> None:
        self._shop = shop
        self._storage = storage
        self._now = now

    def page(self, request: Request, _: bytes) -> tuple[int, dict[str, Any]]:
        """Answer with one page."""
        query = request.query_params
        limit = min(_number(query.get("limit", str(_DEFAULT)), "limit"), _MOST)
        if not limit:
            raise RefusalError("limit must be at least 1")
        after = _number(query["cursor"], "cursor") if "cursor" in query else -1
        since = 0 if "cursor" in query else _number(query.get("date", "0"), "date")
        cursor, sessions = after, list[dict[str, str]]()
        left = [found for found in self._finished() if found[0] > after and found[1].start_ms >= since]
        while left and not sessions:
            page, left = left[:limit], left[limit:]
            cursor = page[-1][0]
            sessions = [self._entry(place, visit) for _, visit, place in page if place % _GAPS_EVERY != _GAP]
        return 200, {"cursor": milliseconds(self._now()) if cursor < 0 else cursor, "sessions": sessions}

    def _finished(self) -> list[tuple[int, Visit, int]]:
        """The sessions that are complete, in the order in which they ended: what is new stands behind any cursor.

        With each its cursor and its place.
        """
        latest = milliseconds(self._now()) - HOUR
        found, cursor = [], 0
        for place, visit in enumerate(sorted(self._shop.visits, key=lambda visit: visit.end_ms)):
            cursor = max(visit.end_ms, cursor + 1)  # no two share one, though two visits may end at the same moment
            if visit.end_ms <= latest:
                found.append((cursor, visit, place))
        return found

    def _entry(self, place: int, visit: Visit) -> dict[str, str]:
        """Lay the file down and sign for it; its name tells nothing of what is inside."""
        name = blake2b(f"export {visit.session}".encode(), digest_size=16).hexdigest()
        key = f"exports/{name}.jsonl"
        self._storage.put(key, partial(content, self._shop, visit, place), "application/x-ndjson", encoding(place))
        return {"url": self._storage.sign(key, _LIFETIME_SECONDS)}


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise RefusalError(f"{name} must be a number")
    return int(text)
