"""What happened in one session."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openreplay_tools.errors import (
    ArgumentsError,
    OpenReplayToolsError,
    PermissionDeniedError,
    TooMuchError,
    UnavailableError,
)
from openreplay_tools.fields import Detail, Session, WindowArguments
from openreplay_tools.flow import Emit, Request, ask, ask_all
from openreplay_tools.openreplay.dashboard_events import events_of, merged, session_events
from openreplay_tools.openreplay.doctor import Diagnosis
from openreplay_tools.openreplay.doctor_events import why_no_session_events
from openreplay_tools.openreplay.filters import event_names
from openreplay_tools.openreplay.links import session_link, trusted_start_ms
from openreplay_tools.openreplay.old_events import OLD_LACKS, read_old_events
from openreplay_tools.openreplay.scope import in_session, within_project
from openreplay_tools.openreplay.telling import events_table
from openreplay_tools.openreplay.timeline import Event, arranged, without_twins
from openreplay_tools.operation import Page, Record, operation
from openreplay_tools.personal import PersonId
from openreplay_tools.windows import EARLIEST, parse_offset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.doors import Service
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope

MOST_EVENTS = 20_000
_PAGE = 200
_SECOND_MS = 1000
_DAY_MS = 86_400_000
_ALL_EVENTS, _REPLAY = "DATA_MANAGEMENT", "SESSION_REPLAY"
_ONLY_ROWS = frozenset({"REQUEST", "GRAPHQL", "PERFORMANCE"})  # kinds that stand in no replay's list (contract §4.5)
Missing = Literal["", "rows_forbidden", "replay_forbidden", "replay_failed"]
REPLAY_LACKS = ("requests", "performance samples", "who the visitor was")

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
        user_id: "" for an anonymous visitor, None where the server does not tell.
        browser: as the tracker told it.
        counts: events of each kind, before paging.
        incidents: how many of the issues are incidents that the site itself marked.
        twins: issues folded into the custom event they belong to.
        unread: events the server counted but did not return.
        missing: why a second source could not add what it knows; "" when nothing is missing.
        kinds_present: when `kinds` matched nothing: which kinds the session has.
        diagnosis: when there is nothing at all: why, as far as a few requests can tell.
        link: opens the replay.
    """

    session_id: str = ""
    started_at: datetime | None = None
    duration_ms: int = 0
    user_id: PersonId | None = ""
    browser: str = ""
    os: str = ""
    city: str = ""
    country: str = ""
    counts: dict[str, int] = {}
    incidents: int = 0
    twins: int = 0
    unread: int = 0
    missing: Missing = ""
    kinds_present: dict[str, int] = {}
    diagnosis: Diagnosis | None = None
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


def _body(part: _Part, scope: Scope) -> dict[str, Any]:
    body: dict[str, Any] = {
        "startTimestamp": part.start,
        "endTimestamp": part.end,
        "limit": _PAGE,
        # Unlike times, event ids have no ties, so pages neither lose nor double a row (observed §D).
        "sortBy": "event_id",
        "sortOrder": "asc",
    }
    filters = [{"name": "session_id", "operator": "is", "value": [scope.session.id]}] if scope.door == "login" else []
    if part.kinds:
        # An event filter (isEvent) would answer 500 or, worse, a wrong 0 here (observed §A1).
        filters.append({"name": "$event_name", "operator": "is", "value": part.kinds})
    return {**body, "filters": filters} if filters else body


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


@dataclass(frozen=True, slots=True)
class _Part:
    """The part of a session that is asked for.

    Args:
        start: epoch ms, the first that belongs to it.
        end: epoch ms, the last that belongs to it.
        kinds: names of events as the server spells them; [] for all.
    """

    start: int
    end: int
    kinds: list[str]

    def holds(self, event: Event) -> bool:
        """Tell whether an event belongs to it; as in API v2 each second belongs to it whole."""
        ms = _ms(event)
        return self.start - self.start % _SECOND_MS <= ms <= self.end and (not self.kinds or event.kind in self.kinds)

    def tally(self, events: list[Event]) -> Counter[str]:
        """Return how many events of each kind belong to it."""
        return Counter(event.kind for event in events if self.holds(event))


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What the sources told of a part.

    Args:
        events: distinct, in any order.
        unread: events the server counted but did not give.
        present: events of each kind in that time, where no kind asked for occurs.
        missing: why a second source added nothing.
        anonymous: whether an event without a user's id means a visitor without one.
    """

    events: list[Event]
    unread: int = 0
    present: Mapping[str, int] = field(default_factory=dict)
    missing: Missing = ""
    anonymous: bool = True


def _request(body: dict[str, Any], scope: Scope) -> Request[_EventsReply]:
    # https://docs.openreplay.com/en/api/events/
    path: tuple[str, ...] = ("public", scope.project.key, "sessions", scope.session.id, "events")
    via: Service = "v2"
    if scope.door == "login":
        path, via = (str(scope.project.id), "events"), "dashboard"
    return Request("POST", path, _EventsReply, body=body, escaped=True, via=via)


def _read(part: _Part, scope: Scope, columns: list[str] | None = None) -> Flow[tuple[list[Event], int]]:
    """Read every page; return the distinct events and how many the server counted but did not give."""
    body = {**_body(part, scope), "columns": columns or _COLUMNS}

    def page(number: int) -> Request[_EventsReply]:
        return _request({**body, "page": number}, scope)

    first = yield from within_project(page(1), scope)
    total = first.data.total
    if total > MOST_EVENTS:
        raise TooMuchError(
            f"session: {total} events here, more than the {MOST_EVENTS} read at once. Narrow with kinds, "
            f"from_offset and to_offset."
        )
    others = yield from ask_all([page(number) for number in range(2, -(-total // _PAGE) + 1)])
    found = {event.event_id: event for reply in (first, *others) for event in reply.data.events or []}
    if len(found) < total:  # rows moved while reading, or cannot be decoded by the server: once more
        again = yield from ask_all([page(number) for number in range(1, -(-total // _PAGE) + 1)])
        found |= {event.event_id: event for reply in again for event in reply.data.events or []}
    return list(found.values()), max(0, total - len(found))


def _count(scope: Scope) -> Flow[int]:
    """Count the events of a whole session, at whatever time."""
    if scope.door == "v1":
        return len((yield from read_old_events([], scope)))
    if scope.door == "login" and not _may(scope, _ALL_EVENTS):
        return len(events_of((yield from ask(session_events(scope))).data))
    part = _Part(int(EARLIEST.timestamp() * 1000), round(scope.now.timestamp() * 1000) + _DAY_MS, [])
    body = {**_body(part, scope), "limit": 1, "page": 1, "columns": ["$event_name"]}
    return (yield from within_project(_request(body, scope), scope)).data.total


def _gather(part: _Part, scope: Scope) -> Flow[_Gathered]:
    """Ask every source that is open: API v2, or the dashboard's search of all events, and beside it the replay's."""
    if scope.door == "v1":
        return _chosen(part, (yield from read_old_events(part.kinds, scope)))
    if scope.door == "login" and not _may(scope, _ALL_EVENTS):
        return _chosen(part, (yield from _from_replay(part, scope)))
    try:
        events, unread = yield from _read(part, scope)
    except PermissionDeniedError:
        if scope.door != "login":
            raise
        alone = _chosen(part, (yield from _from_replay(part, scope)))
        return replace(alone, missing="rows_forbidden")
    told, missing = yield from _beside(part, scope)
    events = merged(events, [event for event in told if part.holds(event)])
    present: Mapping[str, int] = {}
    if part.kinds and not events:
        whole = replace(part, kinds=[])
        others, _ = yield from _read(whole, scope, ["$event_name"])
        present = whole.tally(others) | whole.tally(told)
    return _Gathered(events, unread, present, missing)


def _beside(part: _Part, scope: Scope) -> Flow[tuple[list[Event], Missing]]:
    """Return what the dashboard shows beside the replay; the events stand without it."""
    if not scope.access.has("login") or (part.kinds and _ONLY_ROWS.issuperset(part.kinds)):
        return [], ""
    if not _may(scope, _REPLAY):
        return [], "replay_forbidden"
    try:
        reply = yield from ask(session_events(scope))
    except PermissionDeniedError:
        return [], "replay_forbidden"
    except OpenReplayToolsError:
        return [], "replay_failed"
    return events_of(reply.data), ""


def _from_replay(part: _Part, scope: Scope) -> Flow[list[Event]]:
    """Return what the dashboard shows beside the replay when nothing else is open."""
    if part.kinds and _ONLY_ROWS.issuperset(part.kinds):
        raise UnavailableError(
            f"The login's role lacks the permission {_ALL_EVENTS}, without which requests and performance samples "
            f"are not shown. An organization key (OPENREPLAY_API_KEY) would show them too."
        )
    reply = yield from ask(session_events(scope))
    return merged([], events_of(reply.data))


def _chosen(part: _Part, everything: list[Event]) -> _Gathered:
    """Return the part of a source that only tells a whole session."""
    events = [event for event in everything if part.holds(event)]
    present = replace(part, kinds=[]).tally(everything) if part.kinds and not events else {}
    return _Gathered(events, present=present, anonymous=False)


def _may(scope: Scope, permission: str) -> bool:
    return scope.access.permissions is None or permission in scope.access.permissions


def _whole(args: ListSessionEventsArgs, scope: Scope) -> Flow[EventPage]:
    """Return all events asked for, in order, with what they tell about the session."""
    gathered = yield from _gather(_Part(*_span(args, scope), event_names(args.kinds)), scope)
    events = without_twins(arranged(gathered.events))
    begun = trusted_start_ms(scope.session.id, _ms(events[0]) if events else 0)
    for event in events:
        event.session_id = scope.session.id  # not every door tells it with each event
        event.offset_ms = max(0, _ms(event) - begun)
        event.link = session_link(scope, scope.session.id, event.offset_ms)
    return EventPage(
        rows=events,
        total=len(events) + gathered.unread,
        counts=dict(Counter(event.kind for event in events).most_common()),
        incidents=sum(event.issue_type == "incident" for event in events),
        twins=len(gathered.events) - len(events),
        unread=gathered.unread,
        missing=gathered.missing,
        kinds_present=dict(Counter(gathered.present).most_common()),
        session_id=scope.session.id,
        started_at=datetime.fromtimestamp(begun / 1000, UTC),
        duration_ms=max((event.offset_ms for event in events), default=0),
        link=session_link(scope, scope.session.id, scope.session.moment_ms),
        user_id=_first(events, "user_id") if gathered.anonymous else None,
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
    if not whole.rows and args.page <= 1 and not whole.kinds_present and scope.examines:
        part = args.kinds or args.since or args.until or args.from_offset or args.to_offset
        whole.diagnosis = yield from why_no_session_events(scope, _count, narrowed=bool(part))
    if args.page:
        first = (args.page - 1) * args.limit
        whole.rows = whole.rows[first : first + args.limit]
    whole.page, whole.limit = args.page, args.limit
    return whole


@list_session_events.route("v1", lacks=OLD_LACKS)
@list_session_events.route("login", permission=_REPLAY, lacks=REPLAY_LACKS)
@list_session_events.route("login", permission=_ALL_EVENTS)
def _at_another_door(args: ListSessionEventsArgs, scope: Scope) -> Flow[EventPage]:
    return (yield from list_session_events.routes[0].flow(args, scope))


@list_session_events.walk
def _all_events(args: ListSessionEventsArgs, scope: Scope) -> Flow[None]:
    whole = yield from _whole(args, scope)
    yield Emit(tuple(whole.rows))
