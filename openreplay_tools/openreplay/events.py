"""What happened in one session."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.fields import Detail, Session, WindowArguments
from openreplay_tools.openreplay.filters import event_names
from openreplay_tools.openreplay.links import session_link, trusted_start_ms
from openreplay_tools.openreplay.scope import in_session, within_project
from openreplay_tools.openreplay.telling import events_table
from openreplay_tools.openreplay.timeline import Event, arranged, without_twins
from openreplay_tools.operation import Emit, Page, Record, Request, ask_all, operation
from openreplay_tools.windows import EARLIEST, parse_offset

if TYPE_CHECKING:
    from openreplay_tools.operation import Flow, Scope

MOST_EVENTS = 20_000
_PAGE = 200
_DAY_MS = 86_400_000

# Without these the server returns ids and times only (contract §2.8). What it always leaves empty is not asked for
# (observed §A15).
_COLUMNS = [
    "$user_id", "$device_id", "$duration_s", "properties", "$properties", "$auto_captured", "$os", "$os_version",
    "$browser", "$current_url", "$current_path", "$referrer", "$country", "$state", "$city", "issue_type",
    "issue_id", "error_id",
]  # fmt: skip


class EventPage(Page[Event]):
    """Events of one session in time order.

    Attributes:
        session_id: which session.
        started_at: start of the recording.
        duration_ms: from the start to the last event read.
        user_id: "" for an anonymous visitor.
        browser: as the tracker told it.
        counts: events of each kind, before paging.
        twins: issues folded into the custom event they belong to.
        unread: events the server counted but did not return.
        kinds_present: when `kinds` matched nothing: which kinds the session has.
        link: opens the replay.
    """

    session_id: str = ""
    started_at: datetime | None = None
    duration_ms: int = 0
    user_id: str = ""
    browser: str = ""
    os: str = ""
    city: str = ""
    country: str = ""
    counts: dict[str, int] = {}
    twins: int = 0
    unread: int = 0
    kinds_present: dict[str, int] = {}
    link: str = ""


class ListSessionEventsArgs(WindowArguments):
    """Which session, and which part of it."""

    session: Session
    kinds: Annotated[
        list[Annotated[str, Field(max_length=256)]],
        Field(
            max_length=10,
            description="Only these: CLICK INPUT LOCATION REQUEST ERROR ISSUE PERFORMANCE TAP CRASH, or own "
            "event names.",
        ),
    ] = []
    from_offset: Annotated[
        str, Field(max_length=20, description="From this offset in the recording, e.g. 4:10 or 90s.")
    ] = ""
    to_offset: Annotated[str, Field(max_length=20, description="Up to this offset.")] = ""
    page: Annotated[
        int, Field(ge=0, le=1_000_000, description="0: the events that matter most; 1, 2 …: all of them in time order.")
    ] = 0
    limit: Annotated[int, Field(ge=1, le=200, description="Events per page when page is 1 or more.")] = 40
    detail: Detail = "normal"


class _Events(Record):
    total: int = 0
    events: list[Event] | None = None


class _EventsReply(Record):
    data: _Events


def _body(args: ListSessionEventsArgs, scope: Scope, kinds: list[str]) -> dict[str, Any]:
    start, end = _span(args, scope)
    body: dict[str, Any] = {
        "startTimestamp": start,
        "endTimestamp": end,
        "limit": _PAGE,
        # Unlike times, event ids have no ties, so pages neither lose nor double a row (observed §D).
        "sortBy": "event_id",
        "sortOrder": "asc",
        "columns": _COLUMNS,
    }
    if kinds:
        # An event filter (isEvent) would answer 500 or, worse, a wrong 0 here (observed §A1).
        body["filters"] = [{"name": "$event_name", "operator": "is", "value": kinds}]
    return body


def _span(args: ListSessionEventsArgs, scope: Scope) -> tuple[int, int]:
    """Return the wire's inclusive bounds; the server cuts them to whole seconds."""
    begun = scope.session.started_ms
    start, end = int(EARLIEST.timestamp() * 1000), round(scope.now.timestamp() * 1000) + _DAY_MS
    if not scope.window.everything:
        start, end = max(start, scope.window.start_ms), min(end, scope.window.end_ms - 1)
    if args.from_offset:
        start = max(start, begun + parse_offset(args.from_offset, field="from_offset"))
    if args.to_offset:
        # 0:44 includes what is shown at 0:44, up to the end of that second.
        offset = parse_offset(args.to_offset, field="to_offset")
        end = min(end, begun + offset + (0 if offset % 1000 else 999))
    if start > end:
        raise ArgumentsError("from_offset, to_offset, since and until together leave no time. Leave some of them out.")
    return start, max(end, start + 1)


def _read(body: dict[str, Any], scope: Scope) -> Flow[tuple[list[Event], int]]:
    """Read every page; return the distinct events and how many the server counted but did not give."""
    # https://docs.openreplay.com/en/api/events/
    path = ("public", scope.project.key, "sessions", scope.session.id, "events")

    def page(number: int) -> Request[_EventsReply]:
        return Request("POST", path, _EventsReply, body={**body, "page": number}, escaped=True)

    first = yield from within_project(page(1), scope)
    total = first.data.total
    if total > MOST_EVENTS:
        raise ArgumentsError(
            f"session: {total} events here, more than the {MOST_EVENTS} read at once. Narrow with kinds, "
            f"from_offset and to_offset."
        )
    others = yield from ask_all([page(number) for number in range(2, -(-total // _PAGE) + 1)])
    found = {event.event_id: event for reply in (first, *others) for event in reply.data.events or []}
    if len(found) < total:  # rows moved while reading, or cannot be decoded by the server: once more
        again = yield from ask_all([page(number) for number in range(1, -(-total // _PAGE) + 1)])
        found |= {event.event_id: event for reply in again for event in reply.data.events or []}
    return list(found.values()), max(0, total - len(found))


def _whole(args: ListSessionEventsArgs, scope: Scope) -> Flow[EventPage]:
    """Return all events asked for, in order, with what they tell about the session."""
    kinds = event_names(args.kinds)
    raw, unread = yield from _read(_body(args, scope, kinds), scope)
    events = without_twins(arranged(raw))
    begun = trusted_start_ms(scope.session.id, _ms(events[0]) if events else 0)
    for event in events:
        event.offset_ms = max(0, _ms(event) - begun)
        event.link = session_link(scope, scope.session.id, event.offset_ms)
    present: dict[str, int] = {}
    if kinds and not events:
        others, _ = yield from _read({**_body(args, scope, []), "columns": ["$event_name"]}, scope)
        present = dict(Counter(event.kind for event in others).most_common())
    return EventPage(
        rows=events,
        total=len(events) + unread,
        counts=dict(Counter(event.kind for event in events).most_common()),
        twins=len(raw) - len(events),
        unread=unread,
        kinds_present=present,
        session_id=scope.session.id,
        started_at=datetime.fromtimestamp(begun / 1000, UTC),
        duration_ms=max((event.offset_ms for event in events), default=0),
        link=session_link(scope, scope.session.id, scope.session.moment_ms),
        user_id=_first(events, "user_id"),
        browser=_first(events, "browser"),
        os=_first(events, "os"),
        city=_first(events, "city"),
        country=_first(events, "country"),
    )


def _ms(event: Event) -> int:
    return round(event.at.timestamp() * 1000) if event.at else 0


def _first(events: list[Event], attribute: str) -> str:
    """Return what the events tell about the visitor: not every one knows it (observed §A8)."""
    return next((str(value) for event in events if (value := getattr(event, attribute))), "")


@operation(ListSessionEventsArgs, group="events", prepare=in_session, present=events_table)
def list_session_events(args: ListSessionEventsArgs, scope: Scope) -> Flow[EventPage]:
    """Tell what happened in one session: pages, clicks, inputs, requests, errors, issues, own events, with offsets.

    Shows what matters most (errors, failed requests) when not all fit; page=1, 2 … walks through all in time order.
    Session ids come from openreplay_list_user_sessions; a pasted dashboard link works too.
    """
    whole = yield from _whole(args, scope)
    if args.page:
        first = (args.page - 1) * args.limit
        whole.rows = whole.rows[first : first + args.limit]
    whole.page, whole.limit = args.page, args.limit
    return whole


@list_session_events.walk
def _all_events(args: ListSessionEventsArgs, scope: Scope) -> Flow[None]:
    whole = yield from _whole(args, scope)
    yield Emit(tuple(whole.rows))
