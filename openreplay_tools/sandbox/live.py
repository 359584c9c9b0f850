"""Live sessions: the dashboard's route as recorded, the public one from the contract (§2.12, Enterprise only)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openreplay_tools.sandbox.gojson import InvalidJSONError, Reader, decode
from openreplay_tools.sandbox.validation import UnknownError

_DEFAULT_LIMIT = 10
AGENT_TOKEN = "sandbox-agent-token"  # noqa: S105  what it opens, a live video, the sandbox has not
# Exact spelling; every other name is a metadata key.
_ATTRIBUTES = {
    "userId": "userID",
    "userAnonymousId": "userUUID",
    "userOs": "userOs",
    "userBrowser": "userBrowser",
    "userDevice": "userDevice",
    "platform": "userDeviceType",
    "userCountry": "userCountry",
    "userState": "userState",
    "userCity": "userCity",
    "active": "active",
}


class PanicError(Exception):
    """The handler crashes in Go: the connection is closed without an answer."""


@dataclass(frozen=True)
class LiveFilter:
    """One filter of the request: `is` compares exactly, every other operator looks for a part."""

    name: str
    key: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def read(cls, item: object) -> LiveFilter:
        """One filter object; what crashes the handler is a `PanicError`."""
        if not isinstance(item, Mapping):
            raise InvalidJSONError
        name, source, values = item.get("name"), item.get("source"), item.get("value", [])
        if not isinstance(name, str):
            raise PanicError
        key = name
        if name.startswith("metadata_"):
            if not isinstance(source, str):
                raise PanicError
            key = source
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise UnknownError("a live filter whose value is not a list of text")
        return cls(name, key, str(item.get("operator", "")), tuple(values))

    def accepts(self, session: Mapping[str, Any], value: str) -> bool:
        """Whether one value of the filter fits the session."""
        found = session.get(_ATTRIBUTES[self.name]) if self.name in _ATTRIBUTES else session["metadata"].get(self.key)
        if found is None:
            return False
        text = str(found).lower() if isinstance(found, bool) else str(found)
        return text == value if self.operator == "is" else value.lower() in text.lower()


@dataclass(frozen=True)
class LiveSearch:
    """The body of POST assist/sessions; a limit of 0 is none."""

    filters: tuple[LiveFilter, ...] = ()
    ascending: bool = False
    limit: int = _DEFAULT_LIMIT
    page: int = 1

    @classmethod
    def read(cls, body: bytes) -> LiveSearch:
        """The body as the public route reads it: it sorts by time whatever `sort` says."""
        found = cls.read_for_dashboard(body, any_sort=True)
        return replace(found, limit=found.limit or _DEFAULT_LIMIT)

    @classmethod
    def read_for_dashboard(cls, body: bytes, *, any_sort: bool = False) -> LiveSearch:
        """The body as the dashboard's route reads it: without defaults (observed A36)."""
        reader = Reader(decode(body))
        sort = reader.text("sort") or "timestamp"
        if not any_sort and sort.lower() != "timestamp":
            raise UnknownError(f"live sessions sorted by {sort}")
        order = reader.text("order") or "desc"
        if not re.fullmatch("asc|desc", order, re.IGNORECASE):
            raise UnknownError(f"live sessions in order {order}")
        limit, page = reader.integer("limit"), reader.integer("page") or 1
        if limit < 0 or page < 0:
            raise UnknownError("a negative page of live sessions")
        filters = tuple(LiveFilter.read(item) for item in reader.items("filters"))
        return cls(filters, order.lower() == "asc", limit, page)

    @classmethod
    def of_user(cls, user_id: str) -> LiveSearch:
        """Read GET assist/sessions: its only parameter is an optional user."""
        return cls((LiveFilter("userId", "userId", "is", (user_id,)),) if user_id else ())


def search_live(sessions: Sequence[Mapping[str, Any]], search: LiveSearch) -> dict[str, Any]:
    """Filters are AND-ed, their values OR-ed; a page past the end keeps the true total (observed A36)."""
    found = [
        session
        for session in sessions
        if all(any(item.accepts(session, value) for value in item.values) for item in search.filters)
    ]
    found.sort(key=lambda session: int(session["timestamp"]), reverse=not search.ascending)
    counter = {
        item.name: {value: sum(item.accepts(session, value) for session in found) for value in item.values}
        for item in search.filters
    }
    first = (search.page - 1) * search.limit
    page = [
        dict(sorted(session.items())) for session in (found[first : first + search.limit] if search.limit else found)
    ]
    return {"counter": counter, "sessions": page, "total": len(found)}


def find_live(sessions: Sequence[Mapping[str, Any]], number: str) -> dict[str, Any]:
    """One live session; of an unknown or already recorded one only what looks like one is left (observed A26)."""
    found = next((session for session in sessions if session["sessionID"] == number), {})
    return dict(sorted({**found, "agentToken": AGENT_TOKEN, "live": True}.items()))
