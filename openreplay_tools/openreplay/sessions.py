"""The recorded sessions of one user."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import UnavailableError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, UserId, WindowArguments
from openreplay_tools.openreplay.links import session_link, trusted_start_ms
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.scope import about, during, in_project_ever, within_project
from openreplay_tools.openreplay.users import reachable_by_path
from openreplay_tools.operation import Instant, Page, Record, Request, operation
from openreplay_tools.text import Own, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.operation import Flow, Scope


class Session(Record):
    """A recorded session, as far as a key shows it.

    Attributes:
        session_id: decimal text.
        started_at: start of the recording, exact to the ms; the first event's second where the id does not tell.
        first_event_at: first event inside the window asked for; whole seconds.
        last_event_at: last event inside the window; whole seconds.
        events_count: events inside the window, with the user's id.
        duration_ms: from the start to the last event inside the window.
        link: opens the replay in the dashboard.
    """

    session_id: str = Field("", alias="sessionId")
    started_at: datetime | None = None
    first_event_at: Instant | None = Field(None, alias="startTs")
    last_event_at: Instant | None = Field(None, alias="endTs")
    events_count: int = Field(0, alias="eventsCount")
    duration_ms: int = 0
    link: str = ""


class SessionPage(Page[Session]):
    """One page of sessions."""


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


def _fetch(args: ListUserSessionsArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[Session]]:
    if not reachable_by_path(args.user_id):
        raise UnavailableError(
            "The server cannot list sessions of user id ", identifier(args.user_id), " with an organization key: "
            "it takes the slash or "
            "dot for a part of the address. The dashboard's session list finds them by user id."
        )  # fmt: skip
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
    found = reply.data.sessions or []
    for session in found:
        _complete(session, scope)
    return Slice(found, reply.data.total)


def _complete(session: Session, scope: Scope) -> None:
    start = trusted_start_ms(session.session_id, _ms(session.first_event_at))
    session.started_at = datetime.fromtimestamp(start / 1000, UTC) if start else None
    session.duration_ms = max(0, _ms(session.last_event_at) - start)
    session.link = session_link(scope, session.session_id)


def _ms(moment: datetime | None) -> int:
    return round(moment.timestamp() * 1000) if moment else 0


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
        notes=(*past_the_end(page), *(own(hint) for hint in _hints(page, scope))),
        rest="limit={shown}, page={next} goes on; since and until narrow",
    )


def _row(session: Session, scope: Scope) -> Row:
    length, events = own(format_offset(session.duration_ms)), own(str(session.events_count))
    return Row((own(_clock(session.started_at, scope)), length, events, (identifier(session.session_id),)))


def _hints(page: SessionPage, scope: Scope) -> list[str]:
    narrowed = not scope.window.everything
    if page.rows:
        hints = [f"Open: {session_link(scope, '<session>')}   Next: openreplay_list_session_events(session=…)"]
        return [*hints, "Length and events count what lies inside the window."] if narrowed else hints
    if page.page > 1:
        return []
    if narrowed:
        return [
            "Leave out since and until to see whether this user was ever recorded; openreplay_search_users finds ids."
        ]
    exact = "Ids are exact and case-sensitive: openreplay_search_users finds the right one."
    return [f"{exact} Events appear some minutes after they happen."]


def _clock(moment: datetime | None, scope: Scope) -> str:
    return format_moment(moment.astimezone(scope.zone)) if moment else "unknown"


@operation(ListUserSessionsArgs, group="sessions", prepare=in_project_ever, present=sessions_table)
def list_user_sessions(args: ListUserSessionsArgs, scope: Scope) -> Flow[SessionPage]:
    """List one user's recorded sessions with start, length, events and id; all time unless since or until narrow it.

    Needs the exact user id: openreplay_search_users finds it. Then openreplay_list_session_events tells what happened.
    """
    found = yield from _fetch(args, scope, args.page, args.limit)
    return SessionPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)


@list_user_sessions.walk
def _all_sessions(args: ListUserSessionsArgs, scope: Scope) -> Flow[None]:
    yield from sweep(lambda page, limit: _fetch(args, scope, page, limit), lambda session: session.session_id)
