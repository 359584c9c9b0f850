"""The recorded sessions of one user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, UnavailableError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, UserId, WindowArguments
from openreplay_tools.flow import Emit, Request, ask
from openreplay_tools.openreplay.doctor import Diagnosis
from openreplay_tools.openreplay.doctor_people import Visits, visits_words, why_no_visits
from openreplay_tools.openreplay.links import session_link, trusted_start_ms
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.scope import about, during, in_project_ever, local, within_project
from openreplay_tools.openreplay.users import ask_users, fetch_visitor, reachable_by_path, require_path
from openreplay_tools.operation import Instant, Page, Record, operation
from openreplay_tools.personal import Personal
from openreplay_tools.text import Own, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_SECOND_MS = 1000
_PERMISSION = "SESSION_REPLAY"
_HISTORY_ROWS = 50  # what API v1 lists at a time
_MOST_READS = 40  # for one page
_ALL_READS = 20_000  # for all sessions
_REMEMBERED_SECONDS = 60.0
COUNTED_EVENTS = "Events: pages, clicks and inputs only."  # where a count is the recording's own


def _nothing_said(value: Any) -> Any:
    return "" if value is None else value


def _listed(value: Any) -> Any:
    """Return issue types as a list: a replay tells them as PostgreSQL writes an array (observed §C)."""
    if not isinstance(value, str):
        return value
    return [part.strip('"') for part in value.strip("{}").split(",") if part]


def _set_only(value: Any) -> Any:
    """Return the metadata that has a value: the session search names every slot, a replay those in use."""
    given = {} if value is None else value
    return {key: each for key, each in given.items() if each is not None} if isinstance(given, dict) else given


Text = Annotated[str, BeforeValidator(_nothing_said)]


class Session(Record):
    """A recorded session, as far as a server tells of it; `complete` makes those of every door alike.

    Attributes:
        session_id: decimal text.
        started_at: start of the recording, exact to the ms; the first event's second where the id does not tell.
        first_event_at: first event inside the window asked for; whole seconds; None where only the recording is told.
        last_event_at: last event inside the window; whole seconds; None likewise.
        events_count: events inside the window, with the user's id; all of the session's where the recording is told.
        duration_ms: from the start to the last event inside the window, or the recording's own; None while it runs.
        link: opens the replay in the dashboard.
        user_id: "" for an anonymous visitor.
        country: ISO-2 or "".
        timezone: such as UTC+01:00, or "".
        pages_count: None where the server does not count.
        errors_count: None where the server does not count.
        issue_types: None where the server does not tell.
        viewed: whether the login has opened the replay; None where the server does not tell.
        metadata: the project's custom metadata that this session has.
    """

    session_id: str = Field("", alias="sessionId")
    started_at: datetime | None = None
    first_event_at: Instant | None = Field(None, alias="startTs")
    last_event_at: Instant | None = Field(None, alias="endTs")
    events_count: int = Field(0, alias="eventsCount")
    duration_ms: int | None = Field(0, alias="duration")
    link: str = ""
    project_id: int = Field(0, alias="projectId")
    user_id: Annotated[Text, Personal("user")] = Field("", alias="userId")
    user_uuid: Text = Field("", alias="userUuid")
    anonymous_id: Text = Field("", alias="userAnonymousId")
    browser: Text = Field("", alias="userBrowser")
    os: Text = Field("", alias="userOs")
    device: Text = Field("", alias="userDevice")
    device_type: Text = Field("", alias="userDeviceType")
    country: Text = Field("", alias="userCountry")
    state: Text = Field("", alias="userState")
    city: Text = Field("", alias="userCity")
    platform: Text = ""
    timezone: Text = ""
    screen_width: int = Field(0, alias="screenWidth")
    screen_height: int = Field(0, alias="screenHeight")
    pages_count: int | None = Field(None, alias="pagesCount")
    errors_count: int | None = Field(None, alias="errorsCount")
    issue_types: Annotated[list[str] | None, BeforeValidator(_listed)] = Field(None, alias="issueTypes")
    viewed: bool | None = None
    metadata: Annotated[dict[str, Any], BeforeValidator(_set_only)] = {}


def complete(session: Session, scope: Scope) -> Session:
    """Return a session as a server told it with what follows from it: start, length, link, project.

    API v2 tells the first and last event inside the window asked for. The dashboard and API v1 tell the recording's own
    start and length, and are known by that length.
    """
    told = _ms(session.first_event_at)
    recording = "duration_ms" in session.model_fields_set
    start = _recorded_start_ms(session.session_id, told) if recording else trusted_start_ms(session.session_id, told)
    more: dict[str, Any] = {
        "started_at": datetime.fromtimestamp(start / 1000, UTC) if start else None,
        "link": session_link(scope, session.session_id),
        "project_id": scope.project.id,
    }
    if recording:
        more["first_event_at"] = None
    else:
        more["duration_ms"] = max(0, _ms(session.last_event_at) - start)
    if "issue_types" in session.model_fields_set:  # the dashboard counts no errors there (contract §4.4)
        more["errors_count"] = session.errors_count or None
        more["pages_count"] = session.pages_count if session.issue_types is not None else None
    return session.model_copy(update=more)


def _recorded_start_ms(session_id: str, told: int) -> int:
    """Return the recording's start; the id knows the ms where a session search cuts them off (observed §A2, §D)."""
    exact = trusted_start_ms(session_id, told)
    cut = told and told % _SECOND_MS == 0
    return exact if cut and exact // _SECOND_MS == told // _SECOND_MS else told


def _ms(moment: datetime | None) -> int:
    return round(moment.timestamp() * 1000) if moment else 0


class SessionPage(Page[Session]):
    """One page of sessions.

    Attributes:
        diagnosis: when nothing was found: why, as far as a few requests can tell.
    """

    diagnosis: Diagnosis | None = None


class ListUserSessionsArgs(WindowArguments):
    """Whose sessions, and when."""

    user_id: UserId
    order: Order = "desc"
    limit: Limit = 50
    page: PageNumber = 1
    detail: Detail = "normal"


class _Sessions(Record):
    total: int = 0
    sessions: list[Session] | None = None


class _SessionsReply(Record):
    data: _Sessions


class _HistoryReply(Record):
    data: list[Session]


def _fetch(args: ListUserSessionsArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[Session]]:
    if scope.door == "v1":
        return (yield from _by_history(args, scope, page, limit))
    if scope.door == "v2" and reachable_by_path(args.user_id):
        return (yield from _by_path(args, scope, page, limit))
    if scope.door == "v2" and not _may_search(scope):
        raise UnavailableError(
            "The server cannot list sessions of user id ", identifier(args.user_id), " with an organization key: "
            "it takes the slash or "
            "dot for a part of the address. The dashboard's session list finds them by user id."
        )  # fmt: skip
    return (yield from _by_filter(args, scope, page, limit))


def _may_search(scope: Scope) -> bool:
    may = scope.access.permissions
    return scope.access.has("login") and (may is None or _PERMISSION in may)


def _by_path(args: ListUserSessionsArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[Session]]:
    body = {
        "startTimestamp": scope.window.start_ms,
        "endTimestamp": scope.window.end_ms - 1,  # the server's end is inclusive, in whole seconds
        "limit": limit,
        "page": page,
        "sortOrder": args.order,
    }
    # https://docs.openreplay.com/en/api/users/
    request = Request(
        "POST", ("public", scope.project.key, "users", args.user_id, "sessions"), _SessionsReply, body=body
    )
    reply = yield from within_project(request, scope)
    named = {"user_id": args.user_id}
    found = [complete(session, scope).model_copy(update=named) for session in reply.data.sessions or []]
    return Slice(found, reply.data.total)


def _by_filter(args: ListUserSessionsArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[Session]]:
    """Ask the dashboard's session search, which takes any id and counts sessions by their start (contract §4.4)."""
    only = {"name": "userId", "operator": "is", "value": [args.user_id], "isEvent": False, "autoCaptured": True}
    body = {
        "startTimestamp": scope.window.start_ms,
        "endTimestamp": scope.window.end_ms - 1,  # inclusive, in whole seconds (observed §D)
        "limit": limit,
        "page": page,
        "sort": "startTs",
        "order": args.order,
        "eventsOrder": "and",
        "filters": [only],
    }
    path = (str(scope.project.id), "sessions", "search")
    reply = yield from ask_users(Request("POST", path, _SessionsReply, body=body, via="dashboard"), scope)
    return Slice([complete(session, scope) for session in reply.data.sessions or []], reply.data.total)


def _by_history(args: ListUserSessionsArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[Session]]:
    found = yield from _history(args, scope, _MOST_READS)
    first = (page - 1) * limit
    return Slice(found[first : first + limit], len(found))


def _history(args: ListUserSessionsArgs, scope: Scope, reads: int) -> Flow[list[Session]]:
    """Return all sessions that API v1 has of a user, in the order asked for.

    It lists the oldest fifty from a date on (contract §3.4), so the date moves on. It overlaps by a second, for the
    order is that of the ids, which hold the start to within a second (observed §D).

    Raises:
        ArgumentsError: there are more than so many reads bring.
    """
    require_path(args.user_id, scope)
    path = ("v1", scope.project.key, "users", args.user_id, "sessions")
    found: dict[str, Session] = {}
    since = scope.window.start_ms
    for _ in range(reads):
        query = {"start_date": str(since), "end_date": str(scope.window.end_ms - 1)}
        request = Request("GET", path, _HistoryReply, query=query, via="v1", cache_seconds=_REMEMBERED_SECONDS)
        told = (yield from ask(request)).data
        found.update((session.session_id, session) for session in told)
        if len(told) < _HISTORY_ROWS:
            rows = [complete(session, scope) for session in found.values()]
            return sorted(rows, key=lambda row: (_ms(row.started_at), row.session_id), reverse=args.order == "desc")
        last = max(_ms(session.first_event_at) for session in told)
        since = next(step for step in (last - _SECOND_MS, last, last + 1) if step > since)
    raise ArgumentsError(
        f"since: API v1 lists the oldest sessions first, and this user has more than the first {len(found)} in "
        f"{scope.window.text()}. Narrow since and until."
    )


def sessions_table(page: SessionPage, args: ListUserSessionsArgs, scope: Scope) -> Answer:
    """Present a user's sessions."""
    return Answer(
        subject=(Own("of "), identifier(args.user_id)),
        scope=about(scope, during(scope), own("newest first" if args.order == "desc" else "oldest first")),
        tally=tally("sessions", page),
        headings=(f"start ({scope.zone.key})", "length", "events", "session"),
        rows=tuple(_row(session, scope) for session in page.rows),
        more=more_pages(page),
        in_order=True,
        notes=(*past_the_end(page), *_reasons(page, scope), *(own(hint) for hint in _hints(page, scope))),
        rest="limit={shown}, page={next} goes on; since and until narrow",
    )


def _row(session: Session, scope: Scope) -> Row:
    events = own(str(session.events_count))
    began = own(_clock(session.started_at, scope))
    return Row((began, own(length(session)), events, (identifier(session.session_id),)))


def length(session: Session) -> str:
    """Return how long a session is, as answers show it."""
    return "–" if session.duration_ms is None else format_offset(session.duration_ms)


def _reasons(page: SessionPage, scope: Scope) -> list[Line]:
    return visits_words(page.diagnosis, scope) if page.diagnosis else []


def _hints(page: SessionPage, scope: Scope) -> list[str]:
    narrowed = not scope.window.everything
    if page.rows:
        hints = [f"Open: {session_link(scope, '<session>')}   Next: openreplay_summarize_session(session=…)"]
        inside = "Length and events count what lies inside the window."
        counted = inside if page.rows[0].first_event_at else "Listed are the sessions that began in the window."
        if not page.rows[0].first_event_at:
            hints.append(COUNTED_EVENTS)
        return [*hints, counted] if narrowed else hints
    return []


def _clock(moment: datetime | None, scope: Scope) -> str:
    return format_moment(local(moment, scope)) if moment else "unknown"


@operation(ListUserSessionsArgs, group="sessions", prepare=in_project_ever, present=sessions_table)
def list_user_sessions(args: ListUserSessionsArgs, scope: Scope) -> Flow[SessionPage]:
    """List one user's recorded sessions with start, length, events and id; all time unless since or until narrow it.

    Needs the exact user id: openreplay_search_users finds it. Then openreplay_summarize_session tells what happened.
    """
    found = yield from _fetch(args, scope, args.page, args.limit)
    page = SessionPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)
    if not found.rows and args.page == 1 and scope.examines:
        page.diagnosis = yield from why_no_visits(args.user_id, scope, lambda there: newest_visit(args.user_id, there))
    return page


def newest_visit(user_id: str, scope: Scope) -> Flow[Visits]:
    """Return how many sessions a user has in the scope's window, and the newest's start; one request."""
    if scope.door == "v1":  # which lists the oldest first, but knows the count of all time
        visitor = yield from fetch_visitor(user_id, scope)
        return Visits(visitor.sessions_count, visitor.last_seen) if visitor else Visits()
    args = ListUserSessionsArgs(user_id=user_id)
    found = yield from _fetch(args, scope, 1, 1)
    return Visits(found.total or 0, found.rows[0].started_at if found.rows else None)


list_user_sessions.route("login", permission=_PERMISSION)(list_user_sessions.routes[0].flow)
list_user_sessions.route("v1")(list_user_sessions.routes[0].flow)


@list_user_sessions.walk
def _all_sessions(args: ListUserSessionsArgs, scope: Scope) -> Flow[None]:
    if scope.door == "v1":
        yield Emit(tuple((yield from _history(args, scope, _ALL_READS))))
        return
    yield from sweep(lambda page, limit: _fetch(args, scope, page, limit), lambda session: session.session_id)
