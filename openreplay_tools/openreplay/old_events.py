"""A session's events from API v1 (servers up to 1.26): pages, clicks, taps and inputs, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openreplay_tools.errors import ServerError, UnavailableError
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.dashboard_events import as_event
from openreplay_tools.operation import Record

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.timeline import Event
    from openreplay_tools.operation import Scope

OLD_LACKS = ("errors", "requests", "issues", "own events", "who the visitor was")
_TOLD = frozenset({"LOCATION", "CLICK", "INPUT", "TAP"})


class _OldEventsReply(Record):
    data: list[dict[str, Any]]


def read_old_events(kinds: list[str], scope: Scope) -> Flow[list[Event]]:
    """Return all that API v1 tells of the scope's session.

    Raises:
        UnavailableError: of these kinds it never tells any.
    """
    if kinds and not _TOLD.intersection(kinds):
        raise UnavailableError(
            "API v1 tells pages, clicks, taps and inputs of a session, nothing of these kinds. OpenReplay 1.27 "
            "(API v2) or a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD) would."
        )
    # https://docs.openreplay.com/en/api/events/
    path = ("v1", scope.project.key, "sessions", scope.session.id, "events")
    try:
        reply = yield from ask(Request("GET", path, _OldEventsReply, via="v1"))
    except ServerError as error:
        raise ServerError(
            f"API v1 failed on this session's events ({error.status}), as it always does on OpenReplay 1.23 and early "
            f"builds of 1.24 and 1.25. A newer server or a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD) "
            f"helps.",
            status=error.status,
            message=error.message,
        ) from None
    return [as_event(_plain(item)) for item in reply.data]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """Return an event with its address in one piece; up to 1.22 it may stand in parts (contract §3.5)."""
    if item.get("url") or not item.get("path"):
        return item
    host = f"//{item['host']}" if item.get("host") else ""
    query = f"?{item['query']}" if item.get("query") else ""
    return {**item, "url": f"{host}{item['path']}{query}"}
