"""What a pasted link opened, as a result and as an answer: the thing's own answer, and first what it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openreplay_tools.answer import Answer
from openreplay_tools.openreplay.error_details import ErrorDetails, error_card
from openreplay_tools.openreplay.events import EventPage, ListSessionEventsArgs
from openreplay_tools.openreplay.finding_lines import what, when
from openreplay_tools.openreplay.links import Kind
from openreplay_tools.openreplay.live import LiveSession, LiveSessionPage, SearchLiveSessionsArgs, live_table
from openreplay_tools.openreplay.notes import CreateNoteArgs, ListNotesArgs, Note, NotePage, note_card, notes_table
from openreplay_tools.openreplay.scope import about, local
from openreplay_tools.openreplay.session_search import SearchSessionsArgs, SessionSearchPage, search_table
from openreplay_tools.openreplay.session_summary import SessionSummary, SummarizeSessionArgs, summary_card
from openreplay_tools.openreplay.sessions import ListUserSessionsArgs, SessionPage, length, sessions_table
from openreplay_tools.openreplay.telling import device_of, events_table, row_of, site_of
from openreplay_tools.openreplay.timeline import Event
from openreplay_tools.openreplay.users import GetUserArgs, UserProfile, user_card
from openreplay_tools.operation import Record, SessionRef
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.operation import Scope
    from openreplay_tools.personal import Found
    from openreplay_tools.text import Line

_AROUND_MS = 30_000
_SECOND_MS = 1000
_NEAR_FINDINGS = 3


class OpenedLink(Record):
    """What a link names; of the things below those that it is made of, None otherwise.

    Attributes:
        kind: what the link opens.
        id: of the session, user, event, error or saved search; "" for a list.
        project_id: from the link.
        moment_ms: from the start of the recording, where a moment is opened.
        session: the session's digest, for a session, a moment, a note, an event and a live session that is over.
        events: what happened around the moment.
        note: the note.
        user: the user's record; None where there is none.
        sessions: the user's newest sessions, or the list of one user's sessions.
        found: the sessions of a list or a saved search.
        notes: the notes of the project.
        error: the error.
        event: the event.
        live: the session under way.
        not_told: what could not be read, and why.
        unread: parameters of the link that were not applied.
    """

    kind: Kind = "session"
    id: str = ""
    project_id: int = 0
    moment_ms: int | None = None
    session: SessionSummary | None = None
    events: EventPage | None = None
    note: Note | None = None
    user: UserProfile | None = None
    sessions: SessionPage | None = None
    found: SessionSearchPage | None = None
    notes: NotePage | None = None
    error: ErrorDetails | None = None
    event: Event | None = None
    live: LiveSession | None = None
    not_told: list[str] = []
    unread: list[str] = []

    def persons(self) -> Iterator[Found]:
        """Yield the user that a link to a user names."""
        if self.kind == "user" or (self.kind == "sessions" and self.id):
            yield ("user", self.id)


def around(moment_ms: int) -> tuple[str, str]:
    """Return the offsets between which a moment is told."""
    return format_offset(max(0, moment_ms - _AROUND_MS)), format_offset(moment_ms + _AROUND_MS)


def link_answer(opened: OpenedLink, args: Any, scope: Scope) -> Answer:
    """Present what a link opened."""
    answer = _answer(opened, args.detail, scope)
    notes = [own(f"Not told: {each}") for each in opened.not_told]
    if opened.unread:
        names = tuple(part for each in opened.unread for part in (Own(", "), Recorded(each, limit=40)))[1:]
        notes.append((Own("Parameters of the link that were not applied: "), *names, Own(".")))
    return replace(answer, notes=(*answer.notes, *notes))


def _answer(opened: OpenedLink, detail: Any, scope: Scope) -> Answer:
    if opened.error is not None:
        return _titled(error_card(opened.error, scope), Own("Link to "))
    if opened.live is not None:
        page = LiveSessionPage(rows=[opened.live], total=1, limit=1)
        join = own(f"Join: {opened.live.link}")
        return replace(live_table(page, SearchLiveSessionsArgs(), scope), subject=own("behind the link"), notes=(join,))
    if opened.notes is not None:
        return _elsewhere(notes_table(opened.notes, ListNotesArgs(detail=detail), scope), "openreplay_list_notes with")
    if opened.found is not None:
        return _found(opened, opened.found, detail, scope)
    if opened.session is None and opened.event is None:
        return _of_user(opened, detail, scope)
    return _of_session(opened, detail, scope)


def _titled(answer: Answer, *title: Any) -> Answer:
    return replace(answer, subject=(*title, *answer.subject))


def _elsewhere(table: Answer, way: str) -> Answer:
    """Return a list as the link's own, whose further pages another operation gives."""
    more = own(f"More: {way} page= goes on.") if table.more else ()
    subject = (
        (*table.subject, Own(", the list behind the link")) if table.subject else own("of the list behind the link")
    )
    return replace(table, subject=subject, more=more, rest=f"{way} page= goes on")


def _found(opened: OpenedLink, page: SessionSearchPage, detail: Any, scope: Scope) -> Answer:
    table = search_table(page, SearchSessionsArgs(detail=detail), scope)
    listed = _elsewhere(table, "openreplay_search_sessions with these conditions and")
    return (
        replace(listed, subject=own("of the saved search behind the link")) if opened.kind == "saved_search" else listed
    )


def _of_user(opened: OpenedLink, detail: Any, scope: Scope) -> Answer:
    asked = ListUserSessionsArgs.model_construct(user_id=opened.id, detail=detail)
    page = opened.sessions
    if opened.kind == "sessions" and page is not None:
        table = sessions_table(page, asked, scope)
        return _elsewhere(table, "openreplay_list_user_sessions with")
    unlisted: list[Line] = [own("Their sessions cannot be listed with this credential.")]
    newest = unlisted if page is None else _newest(page, scope)
    if opened.user is None:
        return Answer(
            subject=(Own("Link to user "), identifier(opened.id), Own(", of whom there is no record")),
            scope=about(scope),
            facts=tuple(newest),
        )
    card = user_card(opened.user, GetUserArgs.model_construct(user_id=opened.id, detail=detail), scope)
    return replace(card, subject=(Own("Link to user "), identifier(opened.id)), facts=(*card.facts, *newest))


def _newest(page: SessionPage, scope: Scope) -> list[Line]:
    if not page.rows:
        return [own("No recorded sessions.")]
    lines = [own(f"Newest {len(page.rows)} of {page.total} sessions:")]
    for row in page.rows:
        start = format_moment(local(row.started_at, scope), seconds=False) if row.started_at else "unknown"
        lines.append(own(f"{start} {scope.zone.key}  {length(row)}  {row.events_count} events  {row.link}"))
    return lines


def _of_session(opened: OpenedLink, detail: Any, scope: Scope) -> Answer:
    summary, events = opened.session, opened.events
    if summary is None or events is None or opened.moment_ms is None:
        return _whole(opened, detail, scope)
    begin, end = around(opened.moment_ms)
    args = ListSessionEventsArgs.model_construct(from_offset=begin, to_offset=end, detail=detail)
    there = replace(scope, session=SessionRef(summary.session_id))
    table = events_table(events, args, there)
    whole = opened.moment_ms + _AROUND_MS >= summary.duration_ms
    told = f"Events from {begin} to {'the end' if whole else end}: {events.total} of {summary.total}."
    if opened.moment_ms >= summary.duration_ms + _SECOND_MS:
        told += " The moment lies after the last event."
    lacks = [own(f"Not told here: {', '.join(summary.not_told)}.")] if summary.not_told else []
    facts = [*_named(opened, scope), *_who(summary, scope), *_findings(summary, opened.moment_ms), own(told)]
    return Answer(
        subject=_title(opened, summary.session_id),
        scope=about(scope),
        facts=tuple(line for line in facts if line),
        headings=table.headings,
        rows=table.rows,
        notes=(*(table.notes if events.rows else ()), *lacks, own(_EVENTS_ON)),
        rest='detail="full" widens',
    )


_EVENTS_ON = "Next: openreplay_summarize_session for the whole, openreplay_list_session_events for other parts of it."


def _whole(opened: OpenedLink, detail: Any, scope: Scope) -> Answer:
    """Present a session without a moment, or an event without a session."""
    if opened.session is None:
        return Answer(
            subject=(Own("Link to event "), identifier(opened.id)),
            scope=about(scope),
            facts=tuple(_named(opened, scope)),
            notes=(own("It belongs to no recorded session."),),
        )
    found = opened.session
    card = summary_card(found, SummarizeSessionArgs.model_construct(detail=detail), scope)
    return replace(card, subject=_title(opened, found.session_id), facts=(*_named(opened, scope), *card.facts))


def _title(opened: OpenedLink, session_id: str) -> Line:
    """Return the first words: what the link is."""
    session = (Own("session "), identifier(session_id))
    if opened.kind == "live":
        over = "" if opened.not_told else ", which is not under way; this is its recording"
        return (Own("Link to live "), *session, Own(over))
    moment = "" if opened.moment_ms is None else f"{format_offset(opened.moment_ms)} of "
    if opened.event is not None:
        return (Own(f"Link to an event at {moment}"), *session)
    if opened.kind == "note":
        note = f"note {opened.note.note_id}" if opened.note is not None else "a note"
        return (Own(f"Link to {note} {'at' if moment else 'on'} {moment}"), *session)
    return (Own(f"Link to {moment}"), *session)


def _named(opened: OpenedLink, scope: Scope) -> list[Line]:
    """Return the thing itself where it is smaller than a session."""
    if opened.note is not None:
        return list(note_card(opened.note, CreateNoteArgs.model_construct(message=opened.note.message), scope).facts)
    if opened.event is None:
        return []
    events = opened.events.rows if opened.events is not None else []
    _, kind, what_it_is = row_of(opened.event, site_of(events or [opened.event]), full=True).cells
    at = format_moment(local(opened.event.at, scope)) if opened.event.at else "unknown"
    return [(Own(f"{at} {scope.zone.key}  "), *kind, Own("  "), *what_it_is)]


def _who(summary: SessionSummary, scope: Scope) -> list[Line]:
    anonymous = own("visitor not told" if summary.user_id is None else "anonymous visitor")
    who: Line = (identifier(summary.user_id),) if summary.user_id else anonymous
    begun = f"{format_moment(local(summary.started_at, scope))} {scope.zone.key}" if summary.started_at else "unknown"
    started = (*who, Own(f" · {begun} · {format_offset(summary.duration_ms)} to the last event"))
    on = device_of(summary.browser, summary.os, summary.city, summary.country)
    return [started, on, own(f"{summary.link}  (?jumpto=44000 opens 0:44)")]


def _findings(summary: SessionSummary, moment_ms: int) -> list[Line]:
    """Return what went wrong around the moment, each with its link."""
    near = [
        each for each in summary.findings
        if each.offset_ms - _AROUND_MS <= moment_ms <= each.last_offset_ms + _AROUND_MS
    ][:_NEAR_FINDINGS]  # fmt: skip
    if not near:
        told = "is told here" if summary.not_told else "the recording tells"
        return [own(f"Nothing went wrong near it that {told}.")] if summary.events_read else []
    lines: list[Line] = [own("Went wrong near it:")]
    for each in near:
        lines += [(*when(each), Own("  "), *what(each)), own(f"   {each.link}")]
    return lines
