"""The requests of a session search: pages, counts, ids, and the events that sequences are verified from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.flow import Request, ask, ask_all
from openreplay_tools.openreplay.paging import Slice
from openreplay_tools.openreplay.session_steps import listed_form
from openreplay_tools.openreplay.sessions import Session, complete
from openreplay_tools.operation import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.session_filters import EventsOrder
    from openreplay_tools.operation import Scope

    Wire = dict[str, Any]

Sort = Literal["start", "events", "length"]

PAGE = 200  # the server's bound (contract §4.4)
MOST_PAGES = 25
_SAMPLE = 50  # events
_DAY_MS = 86_400_000
_SORTS = {"start": "startTs", "events": "eventsCount", "length": "startTs"}


@dataclass(frozen=True, slots=True)
class Query:
    """One search that the server answers rightly."""

    filters: tuple[Wire, ...]
    order: EventsOrder = "and"

    def plus(self, *more: Wire) -> Query:
        """Return the search narrowed by conditions that must all hold."""
        return replace(self, filters=(*self.filters, *more))


@dataclass(frozen=True, slots=True)
class Paging:
    """Which rows are wanted."""

    sort: Sort = "start"
    order: Literal["asc", "desc"] = "desc"
    page: int = 1
    limit: int = PAGE


class _Sessions(Record):
    total: int = 0
    sessions: list[Session] | None = None


class SessionsReply(Record):
    """Reply of a session search."""

    data: _Sessions


class _SessionId(Record):
    session_id: str = Field("", alias="sessionId")


class _IdsReply(Record):
    data: list[_SessionId] | None


class ListedEvent(Record):
    """An event of the project's list: which, whose, when (epoch ms in whole seconds)."""

    event_id: str = ""
    session_id: str = ""
    created_at: int = 0
    properties: dict[str, Any] | None = None


class _Events(Record):
    total: int = 0
    events: list[ListedEvent] | None = None


class EventsReply(Record):
    """Reply of the list of a project's events."""

    data: _Events


def fetch(query: Query, scope: Scope, wanted: Paging) -> Flow[Slice[Session]]:
    """Read one page of what the server itself finds."""
    reply = yield from ask(search_request(query, scope, wanted))
    return slice_of(reply, scope)


def fetch_all(queries: Sequence[Query], scope: Scope, limit: int) -> Flow[list[Slice[Session]]]:
    """Read the first page of several searches, newest first."""
    replies = yield from ask_all([search_request(query, scope, Paging(limit=limit)) for query in queries])
    return [slice_of(reply, scope) for reply in replies]


def slice_of(reply: SessionsReply, scope: Scope) -> Slice[Session]:
    """Return a reply as a page of sessions."""
    return Slice([complete(session, scope) for session in reply.data.sessions or []], reply.data.total)


def search_request(query: Query, scope: Scope, wanted: Paging) -> Request[SessionsReply]:
    """Return the request for one page of what the server itself finds."""
    path = (str(scope.project.id), "sessions", "search")
    return Request("POST", path, SessionsReply, body=_body(query, bounds_of(scope), wanted), via="dashboard")


def bounds_of(scope: Scope) -> tuple[int, int]:
    """Return the scope's window as the server takes it: its end is inclusive, in whole seconds (observed §D)."""
    return scope.window.start_ms, max(scope.window.end_ms - 1, scope.window.start_ms + 1)


def _body(query: Query, bounds: tuple[int, int], wanted: Paging) -> dict[str, Any]:
    return {
        "startTimestamp": bounds[0],
        "endTimestamp": bounds[1],
        "limit": wanted.limit,
        "page": wanted.page,
        "sort": _SORTS[wanted.sort],
        "order": wanted.order,
        "eventsOrder": query.order,  # without it several event filters are not applied (contract §4.4)
        "filters": list(query.filters),
    }


def fetch_ids(query: Query, scope: Scope, bounds: tuple[int, int]) -> Flow[set[str]]:
    """Return the ids of all sessions that a search finds between two moments."""
    found: set[str] = set()
    path = (str(scope.project.id), "sessions", "search", "ids")
    for number in range(1, MOST_PAGES + 1):
        body = _body(query, bounds, Paging(page=number))
        reply = yield from ask(Request("POST", path, _IdsReply, body=body, via="dashboard"))
        read = {each.session_id for each in reply.data or []}
        fresh = read - found
        found |= read
        if len(read) < PAGE or not fresh:
            return found
    raise too_many("one condition alone finds more than the", MOST_PAGES * PAGE)


def event_request(step: Wire, scope: Scope, page: int, sessions: Sequence[str] = ()) -> Request[EventsReply]:
    """Return the request for events that a step means.

    Args:
        step: an event filter of the session search.
        scope: project and window.
        page: from 1.
        sessions: only the events of these; at most ten.
    """
    filters = listed_form(step)
    if sessions:
        filters.append({"name": "session_id", "operator": "is", "value": list(sessions)})
    body = {
        "startTimestamp": scope.window.start_ms,
        "endTimestamp": scope.window.end_ms + _DAY_MS,  # a session that starts in the window may end after it
        "limit": PAGE,
        "page": page,
        # Unlike times, event ids have no ties, so pages neither lose nor double a row (observed §D).
        "sortBy": "event_id",
        "sortOrder": "asc",
        "filters": filters,
    }
    path = (str(scope.project.id), "events")
    return Request("POST", path, EventsReply, body=body, via="dashboard", escaped=True)


def fetch_events(step: Wire, scope: Scope, sessions: Sequence[str] = ()) -> Flow[list[ListedEvent]]:
    """Return all events that a step means; see `event_request`."""
    first = yield from ask(event_request(step, scope, 1, sessions))
    pages = range(2, -(-first.data.total // PAGE) + 1)
    others = yield from ask_all([event_request(step, scope, number, sessions) for number in pages])
    found = {event.event_id: event for reply in (first, *others) for event in reply.data.events or []}
    return list(found.values())


def fetch_properties(event: str, scope: Scope) -> Flow[dict[str, list[str]]]:
    """Return the site's own properties of an event, each with values that occur, from a few events of the window."""
    start, end = bounds_of(scope)
    body = {
        "startTimestamp": start,
        "endTimestamp": end,
        "limit": _SAMPLE,
        "page": 1,
        "columns": ["properties"],
        "filters": [{"name": "$event_name", "operator": "is", "value": [event]}],
    }
    path = (str(scope.project.id), "events")
    reply = yield from ask(Request("POST", path, EventsReply, body=body, via="dashboard", escaped=True))
    found: dict[str, list[str]] = {}
    for told in reply.data.events or []:
        for key, value in (told.properties or {}).items():
            text = value if isinstance(value, str) else json.dumps(value)
            values = found.setdefault(key, [])
            if text not in values:
                values.append(text)
    return found


def too_many(what: str, most: int) -> ArgumentsError:
    """Return the refusal of what cannot be answered exactly within bounds."""
    return ArgumentsError(
        f"This combination of conditions has to be checked session by session: {what} {most} that are read at once. "
        f"Narrow with since, until or another filter."
    )
