"""Opening a pasted dashboard link: whatever it names, told by the operation that knows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.doors import MEANS
from openreplay_tools.errors import ArgumentsError, BadRequestError, NotFoundError, UnavailableError, WebPageError
from openreplay_tools.fields import Detail
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.directory import find_project
from openreplay_tools.openreplay.error_details import fetch_error
from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.link_answers import OpenedLink, around, link_answer
from openreplay_tools.openreplay.links import read_link, session_link, started_ms, trusted_start_ms
from openreplay_tools.openreplay.live import search_live_sessions
from openreplay_tools.openreplay.notes import Note, list_notes
from openreplay_tools.openreplay.notes import linked as linked_notes
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.openreplay.session_summary import summarize_session
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.openreplay.timeline import Event
from openreplay_tools.openreplay.users import get_user
from openreplay_tools.operation import Arguments, Operation, Record, SessionRef, operation
from openreplay_tools.text import identifier, name

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.links import Linked
    from openreplay_tools.operation import ProjectRef, Scope

_WEEK = timedelta(days=7)
_NEWEST = 3  # of a user's sessions
_MOST_LIVE = 200
_OF_A_SESSION = frozenset({"session", "moment", "note", "live"})
_CITY = {"name": "city", "operator": "is"}


class OpenLinkArgs(Arguments):
    """Which link."""

    link: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2000,
            description="Dashboard link as pasted, e.g. https://…/1/session/411…?jumpto=4056.",
        ),
    ]
    detail: Detail = "normal"


class _NoteReply(Record):
    data: Note


class _EventReply(Record):
    data: Event


def _at_link(args: OpenLinkArgs, scope: Scope) -> Flow[Scope]:
    """Resolve the project, the session and the window that the link names."""
    linked = read_link(args.link, scope)
    project = yield from _project(int(linked.project_id), scope)
    session = SessionRef()
    if linked.kind in _OF_A_SESSION:
        moment = linked.moment_ms or (None if linked.kind == "note" else linked.moment_ms)
        session = SessionRef(linked.id, started_ms(linked.id), moment)
    window = scope.window
    if linked.kind in {"sessions", "saved_search"}:
        default = None if _of_one_user(linked, scope) else _WEEK
        since, until = _bounds(linked)
        try:
            window = windows.window(since, until, now=scope.now, zone=scope.zone, default=default)
        except ArgumentsError:
            raise ArgumentsError(
                "link: st_ts and end_ts are epoch milliseconds, such as 1795196568000: st_ts where the list begins, "
                "end_ts where it ends, after st_ts. Correct them, or leave them out."
            ) from None
    return replace(scope, project=project, session=session, window=window)


def _project(number: int, scope: Scope) -> Flow[ProjectRef]:
    """Return the project of a number; at API v1 the default one first, which spares the list it gives too seldom."""
    if scope.door == "v1" and scope.default_project:
        usual = yield from find_project(scope.default_project, scope)
        if usual.id == number:
            return usual
    project = yield from find_project(str(number), scope)
    if project.id != number:  # a project may be called by a number
        raise ArgumentsError(f"link: no project with id {number} is seen here. openreplay_list_projects lists them.")
    return project


def _bounds(linked: Linked) -> tuple[str, str]:
    asked = dict(linked.filters)
    return asked.get("st_ts", ""), asked.get("end_ts", "")


def _of_one_user(linked: Linked, scope: Scope) -> bool:
    """Tell whether a list is one user's, and a key alone has to find it."""
    named = {key for key, _ in linked.filters} - {"st_ts", "end_ts"}
    return linked.kind == "sessions" and named == {"userId"} and not scope.access.has("login")


def _told(asked: Operation[..., Any], scope: Scope, **given: Any) -> Flow[Any]:
    """Return what another operation tells within the link's project."""
    of_project = {"project": scope.project.key or str(scope.project.id)}
    return (yield from asked.call(asked.parse({**given, **of_project}), scope)).result


def _require_login(what: str, permission: str, scope: Scope, otherwise: str) -> None:
    """Refuse what only a login can read.

    Raises:
        UnavailableError: there is no login, or its role may not.
    """
    if scope.access.has("login"):
        may = scope.access.permissions
        if may is not None and permission not in may:
            raise UnavailableError(f"link: {what} is not shown to a login without the permission {permission}.")
        return
    if known := scope.access.closed.get("login"):
        raise known
    raise UnavailableError(f"link: {what} is read with {MEANS['login']} only. {otherwise}")


def _session(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    summary = yield from _told(summarize_session, scope, session=linked.id, detail=args.detail)
    return OpenedLink(session=summary)


def _moment(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    return (yield from _near(linked.id, linked.moment_ms, args, scope))


def _near(session_id: str, moment_ms: int | None, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    """Return a session, and what happened around a moment of it where there is one."""
    there = replace(scope, session=SessionRef(session_id, started_ms(session_id), moment_ms))
    summary = yield from _told(summarize_session, there, session=session_id, detail=args.detail)
    if moment_ms is None or not summary.events_read:
        return OpenedLink(session=summary, moment_ms=moment_ms)
    begin, end = around(moment_ms)
    events = yield from _told(list_session_events, there, session=session_id, from_offset=begin, to_offset=end)
    return OpenedLink(session=summary, events=events, moment_ms=moment_ms)


def _note(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    """Return the note and its surroundings; where it cannot be read, those that the link itself names."""
    may = scope.access.permissions
    readable = scope.access.has("login") and (may is None or "SESSION_REPLAY" in may)
    try:
        note = (yield from _read_note(linked, scope)) if readable else None
    except WebPageError:  # a dashboard before 1.23 has no such route
        note = None
    # The link of a note about no moment has jumpto=0.
    moment = (note.offset_ms if note is not None else None) or linked.moment_ms or None
    opened = yield from _near(linked.id, moment, args, scope)
    why = f"the note itself, which is read with {MEANS['login']} on OpenReplay 1.23 or later."
    return opened.model_copy(update={"note": note, "not_told": [] if note is not None else [why]})


def _read_note(linked: Linked, scope: Scope) -> Flow[Note]:
    path = (str(scope.project.id), "notes", str(linked.note_id))
    try:
        reply = yield from ask(Request("GET", path, _NoteReply, via="dashboard"))
    except BadRequestError as error:  # contract §4.6
        raise NotFoundError(
            f"No note {linked.note_id} in project ", name(scope.project.name), " that this login may see: it was "
            "deleted, or is private to its author. Its session: openreplay_open_link of the link without &note=.",
            status=404, message=error.message,
        ) from None  # fmt: skip
    (note,) = linked_notes([reply.data], scope)
    if note.session_id != linked.id:
        raise ArgumentsError(
            f"link: note {linked.note_id} was left on session ", identifier(note.session_id), ", the link names ",
            identifier(linked.id), ". Correct one of them.",
        )  # fmt: skip
    return note


def _user(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    """Return the user's record and newest sessions; either may be missing."""
    missing: NotFoundError | None = None
    user = sessions = None
    try:
        user = yield from _told(get_user, scope, user_id=linked.id, detail=args.detail)
    except NotFoundError as error:
        missing = error
    try:
        sessions = yield from _told(list_user_sessions, scope, user_id=linked.id, limit=_NEWEST)
    except UnavailableError:  # an id that cannot stand in an address
        sessions = None
    if missing is not None and not (sessions and sessions.rows):
        raise missing
    return OpenedLink(user=user, sessions=sessions)


def _error(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:  # noqa: ARG001
    _require_login(
        "an error's page", "DEV_TOOLS", scope,
        "With the key alone an error is told in its session: openreplay_summarize_session.",
    )  # fmt: skip
    return OpenedLink(error=(yield from fetch_error(linked.id, scope)))


def _event(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    _require_login(
        "an event's page", "DATA_MANAGEMENT", scope,
        "With the key alone events are told in their session: openreplay_list_session_events.",
    )  # fmt: skip
    path = (str(scope.project.id), "events", linked.id)
    try:
        reply = yield from ask(Request("GET", path, _EventReply, escaped=True, via="dashboard"))
    except NotFoundError as error:
        raise NotFoundError(
            "Project ", name(scope.project.name), " has no event ", identifier(linked.id),
            ". openreplay_search_events finds events.", status=404, message=error.message,
        ) from None  # fmt: skip
    event = reply.data
    if not (event.session_id.isascii() and event.session_id.isdigit()):
        return OpenedLink(event=event)  # sent by the site's server: it belongs to no session
    at = round(event.at.timestamp() * 1000) if event.at else 0
    event.offset_ms = max(0, at - trusted_start_ms(event.session_id, at))
    event.link = session_link(scope, event.session_id, event.offset_ms)
    opened = yield from _near(event.session_id, event.offset_ms, args, scope)
    return opened.model_copy(update={"event": event})


def _live(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    """Return the session under way; when it is over, or nobody can tell, what is recorded of it."""
    try:
        page = yield from _told(search_live_sessions, scope, limit=_MOST_LIVE)
    except UnavailableError as error:
        opened = yield from _session(linked, args, scope)
        return opened.model_copy(update={"not_told": [f"whether it is still under way: {error}"]})
    found = next((each for each in page.rows if each.session_id == linked.id), None)
    return OpenedLink(live=found) if found else (yield from _session(linked, args, scope))


def _sessions(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    asked = dict(linked.filters)
    if "distinct_id" in asked:
        raise ArgumentsError(
            "link: sessions cannot be searched by distinct_id. openreplay_search_users finds the person, "
            "openreplay_list_user_sessions the sessions."
        )
    since, until = _bounds(linked)
    when = {"since": since, "until": until, "detail": args.detail}
    if _of_one_user(linked, scope):
        found = yield from _told(list_user_sessions, scope, user_id=asked["userId"], **when)
        return OpenedLink(sessions=found)
    city = [{**_CITY, "values": [asked["userCity"]]}] if "userCity" in asked else []
    given = {"user_id": asked.get("userId", ""), "country": asked.get("userCountry", ""), "filters": city}
    return OpenedLink(found=(yield from _told(search_sessions, scope, **given, **when)))


def _saved(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    found = yield from _told(search_sessions, scope, saved_search=linked.id, detail=args.detail)
    return OpenedLink(found=found)


def _notes(linked: Linked, args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:  # noqa: ARG001
    return OpenedLink(notes=(yield from _told(list_notes, scope, detail=args.detail)))


_FLOWS: dict[str, Callable[[Linked, OpenLinkArgs, Scope], Flow[OpenedLink]]] = {
    "session": _session, "moment": _moment, "note": _note, "user": _user, "error": _error, "event": _event,
    "live": _live, "sessions": _sessions, "saved_search": _saved, "notes": _notes,
}  # fmt: skip


@operation(OpenLinkArgs, group="insight", prepare=_at_link, present=link_answer)
def open_link(args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    """Open a pasted dashboard link: session, moment, note, user, error, event, live session, list or saved search.

    Tells the thing itself: a moment with the events around it, an error with its last session, a user with the newest
    sessions.
    """
    linked = read_link(args.link, scope)
    opened = yield from _FLOWS[linked.kind](linked, args, scope)
    name_of_it = dict(linked.filters)["userId"] if _of_one_user(linked, scope) else linked.id
    named = {"kind": linked.kind, "id": name_of_it, "project_id": scope.project.id, "unread": list(linked.unread)}
    return opened.model_copy(update=named)


@open_link.route("v1")
@open_link.route("login")
def _at_another_door(args: OpenLinkArgs, scope: Scope) -> Flow[OpenedLink]:
    return (yield from open_link.routes[0].flow(args, scope))
