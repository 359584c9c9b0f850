"""Notes that people leave on sessions: listed, and written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, BadRequestError, NotFoundError, OpenReplayToolsError, ServerError
from openreplay_tools.fields import Detail, PageNumber, Project, ProjectArguments, Session, WindowArguments
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.doctor import Allowance, Diagnosis, Finding, asked_for, why_none
from openreplay_tools.openreplay.doctor_events import look_for_session
from openreplay_tools.openreplay.doctor_words import why
from openreplay_tools.openreplay.links import note_link, session_link
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.saved_searches import Text
from openreplay_tools.openreplay.scope import about, in_project, in_session, local
from openreplay_tools.operation import Arguments, Instant, Page, Record, operation
from openreplay_tools.personal import Personal
from openreplay_tools.text import Given, Own, Recorded, identifier, name, own
from openreplay_tools.windows import format_moment, format_offset, parse_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_PERMISSION = "SESSION_REPLAY"
_MOST = 100  # rows that the server gives at once (contract §4.6)
_MESSAGE_BYTES, _TAG_BYTES = 250, 10  # what is longer the server cuts without a word (contract §4.6, observed A30)
_DAY_MS = 86_400_000
_SAME_MS = 1000  # a moment is spoken in whole seconds


class Note(Record):
    """A note on a session.

    Attributes:
        user_id: number of the author; 0 where the server does not tell.
        user_name: the author.
        timestamp: as the server tells the moment it is about; 0 or -1 when it is about none.
        offset_ms: that moment, ms from the start of the recording; None when it is about none.
        is_public: whether the others see it too.
        link: opens the replay at the note.
    """

    note_id: int = Field(0, alias="noteId")
    user_id: int = Field(0, alias="userId")
    user_name: Annotated[Text, Personal("name")] = Field("", alias="userName")
    session_id: str = Field("", alias="sessionId")
    message: str = ""
    tag: str | None = None
    timestamp: int = 0
    offset_ms: int | None = None
    created_at: Instant | None = Field(None, alias="createdAt")
    is_public: bool = Field(False, alias="isPublic")
    start_at: int | None = Field(None, alias="startAt")
    end_at: int | None = Field(None, alias="endAt")
    link: str = ""

    @property
    def moment_ms(self) -> int | None:
        """The moment it is about, None when it is about none: a server writes 0 or -1 then (observed A30)."""
        return self.timestamp if self.timestamp > 0 else None


class NotePage(Page[Note]):
    """One page of notes, newest first.

    Attributes:
        diagnosis: when nothing was found: why, as far as a few requests can tell.
    """

    diagnosis: Diagnosis | None = None


def _at_most(size: int) -> AfterValidator:
    def check(value: str) -> str:
        length = len(value.encode("utf-8", "replace"))
        if length > size:
            message = f"should be at most {size} bytes long, this is {length}; the server would cut it"
            raise ValueError(message)
        return value

    return AfterValidator(check)


def _not_blank(value: str) -> str:
    if not value.strip():
        message = "should not be blank"
        raise ValueError(message)
    return value


Tag = Annotated[str, _at_most(_TAG_BYTES), Field(description="Tag, up to 10 bytes, e.g. ISSUE.")]


class ListNotesArgs(ProjectArguments):
    """Which notes."""

    session: Annotated[str, Field(max_length=2000, description="Only this session's: id or dashboard link.")] = ""
    query: Annotated[str, Field(max_length=100, description="Part of the message, in any case.")] = ""
    mine_only: Annotated[bool, Field(description="Only the login's own.")] = False
    tag: Tag = ""
    limit: Annotated[int, Field(ge=1, le=_MOST, description="Rows per page, 1 to 100.")] = 50
    page: PageNumber = 1
    detail: Detail = "normal"


class CreateNoteArgs(Arguments):
    """What to write, and where."""

    session: Session
    message: Annotated[
        str, AfterValidator(_not_blank), _at_most(_MESSAGE_BYTES), Field(description="Up to 250 bytes of text.")
    ]
    moment: Annotated[
        str, Field(max_length=40, description="From the start, e.g. 4:10 or 90s; empty: none, or the link's.")
    ] = ""
    public: Annotated[bool, Field(description="Whether others of the project see it.")] = False
    tag: Tag = ""
    project: Project = ""


class _WhichSession(WindowArguments):
    session: Session


class _Notes(Record):
    count: int = 0
    notes: list[Note] | None = None


class _NotesReply(Record):
    data: _Notes


class _SessionNotesReply(Record):
    data: list[Note] | None


class _NoteReply(Record):
    data: Note


class _FilesReply(Record):
    data: dict[str, Any]


def _among_notes(args: ListNotesArgs, scope: Scope) -> Flow[Scope]:
    """Resolve the project, and the session when one is named."""
    if not args.session:
        return (yield from in_project(args, scope))
    if args.mine_only:
        raise ArgumentsError(
            "mine_only: for one session the server does not tell whose notes are the login's own. Leave out session "
            "or mine_only."
        )
    return (yield from in_session(_WhichSession(session=args.session, project=args.project), scope))


def _on_session(args: CreateNoteArgs, scope: Scope) -> Flow[Scope]:
    """Resolve the session; a moment that is no moment is refused before anything is asked."""
    if args.moment:
        _spoken(args.moment)
    return (yield from in_session(_WhichSession(session=args.session, project=args.project), scope))


def linked(notes: list[Note], scope: Scope) -> list[Note]:
    """Give each note its moment and its link, and return them."""
    for note in notes:
        note.offset_ms = note.moment_ms
        if not (note.session_id.isascii() and note.session_id.isdigit()):
            continue  # links are ours: nothing of a server's own words gets into one
        note.link = note_link(scope, note.session_id, note.note_id, note.moment_ms or 0)
    return notes


def _fetch(args: ListNotesArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[Note]]:
    if args.session:
        found = yield from _of_session(args, scope)
        return Slice(found[(page - 1) * limit : page * limit], len(found))
    body: dict[str, Any] = {
        "page": page,
        "limit": limit,
        "order": "DESC",  # in small letters it would not be understood (contract §4.6)
        **({"search": args.query} if args.query else {}),
        **({"tags": [args.tag]} if args.tag else {}),
        **({"mineOnly": True} if args.mine_only else {}),
    }
    reply = yield from ask(
        Request("POST", (str(scope.project.id), "notes"), _NotesReply, body=body, via="dashboard")
    )  # fmt: skip
    return Slice(linked(reply.data.notes or [], scope), reply.data.count)


def _of_session(args: ListNotesArgs, scope: Scope) -> Flow[list[Note]]:
    """Return one session's notes; this route neither searches nor has pages, so that is done here."""
    reply = yield from ask(Request("GET", _place(scope), _SessionNotesReply, via="dashboard"))
    wanted = args.query.casefold()
    kept = [each for each in reply.data or [] if wanted in each.message.casefold() and args.tag in {"", each.tag}]
    return linked(sorted(kept, key=lambda note: -note.note_id), scope)


def _place(scope: Scope) -> tuple[str, ...]:
    return (str(scope.project.id), "sessions", scope.session.id, "notes")


def notes_table(page: NotePage, args: ListNotesArgs, scope: Scope) -> Answer:
    """Present notes."""
    session: Line = (Own("of session "), identifier(scope.session.id)) if args.session else ()
    said: list[Line] = [(Own("query "), Given(args.query))] if args.query else []
    said += [(Own("tag "), Given(args.tag))] if args.tag else []
    said += [own("own ones only")] if args.mine_only else []
    headings = ("note", f"written ({scope.zone.key})", "by", "seen by", "session", "moment", "tag", "message")
    spare = {headings.index("session")} if args.session else set()
    rows = [tuple(cell for n, cell in enumerate(_cells(note, scope)) if n not in spare) for note in page.rows]
    return Answer(
        subject=session,
        scope=about(scope, *said, own("newest first")),
        tally=tally("notes", page),
        headings=tuple(heading for n, heading in enumerate(headings) if n not in spare),
        rows=tuple(Row(cells) for cells in rows),
        in_order=True,
        more=more_pages(page),
        notes=(*past_the_end(page), *_hints(page, args, scope)),
        rest="limit={shown}, page={next} goes on; query and tag narrow",
    )


def _cells(note: Note, scope: Scope) -> tuple[Line, ...]:
    written = format_moment(local(note.created_at, scope), seconds=False) if note.created_at else "unknown"
    return (
        own(str(note.note_id)),
        own(written),
        (name(note.user_name),),
        own("all" if note.is_public else "its author"),
        (identifier(note.session_id),),
        own(_moment(note)),
        (Recorded(note.tag or ""),),
        (Recorded(note.message, limit=_MESSAGE_BYTES),),
    )


def _moment(note: Note) -> str:
    return "none" if note.moment_ms is None else format_offset(note.moment_ms, millis=note.moment_ms % 1000 != 0)


def _hints(page: NotePage, args: ListNotesArgs, scope: Scope) -> list[Line]:
    if page.rows:
        place = session_link(scope, scope.session.id if args.session else "<session>")
        return [own(f"Open: {place}?jumpto=<moment in ms>&note=<note>   Moments count from the recording's start.")]
    report = page.diagnosis
    if report is None:
        return []
    if report.in_window != 0 or not args.session:
        return why(report, "notes", scope, "" if report.in_window else "Private notes are seen by their author only.")
    if report.record is False:
        return [own("Why: this project has no session with this id.")]
    return [own("Why: nobody left a note on this session that this login may see.")]


@operation(
    ListNotesArgs, group="notes", prepare=_among_notes, present=notes_table, needs="login", permission=_PERMISSION
)
def list_notes(args: ListNotesArgs, scope: Scope) -> Flow[NotePage]:
    """List the notes that people left on sessions: when, who, session, moment, message. Of one session when named.

    Shows the login's own notes and public ones. What is at a moment: openreplay_list_session_events.
    """
    found = yield from _fetch(args, scope, args.page, args.limit)
    page = NotePage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)
    if not found.rows and args.page == 1 and scope.examines:
        page.diagnosis = yield from _why_none(args, scope)
    return page


_EVERYTHING: dict[str, str | bool] = {"query": "", "tag": "", "mine_only": False}


def _why_none(args: ListNotesArgs, scope: Scope) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why there are no notes."""
    found = {"query": asked_for("query", args.query), "tag": asked_for("tag", args.tag),
             "mine_only": Finding(argument="mine_only")}  # fmt: skip
    parts = [
        (finding, args.model_copy(update={field: _EVERYTHING[field]}))
        for field, finding in found.items()
        if getattr(args, field)
    ]

    def count(asked: ListNotesArgs, there: Scope = scope) -> Flow[int | None]:
        return (yield from _fetch(asked, there, 1, 1)).total

    everything, left = args.model_copy(update=_EVERYTHING), Allowance()
    report: Diagnosis = yield from why_none(args, everything, parts, scope, count, anywhere=not args.session, left=left)
    if args.session and report.in_window == 0:
        yield from look_for_session(report, scope, left)
    return report


@list_notes.walk
def _all_notes(args: ListNotesArgs, scope: Scope) -> Flow[None]:
    yield from sweep(lambda page, limit: _fetch(args, scope, page, limit), lambda note: note.note_id, most=_MOST)


def note_card(note: Note, args: CreateNoteArgs, scope: Scope) -> Answer:
    """Present a note that was written."""
    when = format_moment(local(note.created_at, scope)) if note.created_at else "unknown"
    seen = "everybody in the project" if note.is_public else "its author only"
    moment = "at no moment" if note.moment_ms is None else f"at {_moment(note)}"
    tagged: Line = (Own(" · tag "), Recorded(note.tag)) if note.tag else ()
    facts: list[Line] = [
        (Own("Session "), identifier(note.session_id), Own(f", {moment} · by "), name(note.user_name), Own(f", {when} "
            f"{scope.zone.key} · seen by {seen}"), *tagged),
        (Recorded(note.message, limit=_MESSAGE_BYTES),),
    ]  # fmt: skip
    if note.message != args.message:
        facts.append(own("The server keeps another text than the one given."))
    return Answer(
        subject=own(f"Note {note.note_id} written"),
        scope=about(scope),
        facts=tuple(facts),
        notes=(own(note.link),),
    )


def _spoken(moment: str) -> int:
    """Return the moment a caller named, ms from the start."""
    spoken = parse_offset(moment, field="moment")
    if spoken > _DAY_MS:
        raise ArgumentsError(
            "moment: ", Given(moment), " lies more than a day after the start; no recording is that long."
        )
    return spoken


def _wanted_moment(args: CreateNoteArgs, scope: Scope) -> int | None:
    linked = scope.session.moment_ms
    if not args.moment:
        return linked
    spoken = _spoken(args.moment)
    if linked is not None and abs(spoken - linked) >= _SAME_MS:
        raise ArgumentsError(
            "moment: ", Given(args.moment), f" is not the moment of the link ({format_offset(linked, millis=True)}). "
            "Leave moment empty, or take ?jumpto= out of the link."
        )  # fmt: skip
    return spoken if linked is None else linked


@operation(
    CreateNoteArgs,
    group="notes",
    effect="write",
    prepare=_on_session,
    present=note_card,
    needs="login",
    permission=_PERMISSION,
)
def create_note(args: CreateNoteArgs, scope: Scope) -> Flow[Note]:
    """Leave a note on a session, at a moment where one is given, and return its link.

    Writes to the server, in the login's name: call it only when asked to. Private unless public is true.
    """
    moment = _wanted_moment(args, scope)
    body: dict[str, Any] = {
        "message": args.message,
        "isPublic": args.public,
        **({} if moment is None else {"timestamp": max(1, moment)}),  # the server takes 0 for none (observed A30)
        **({"tag": args.tag} if args.tag else {}),
    }
    try:
        reply = yield from ask(Request("POST", _place(scope), _NoteReply, body=body, reads=False, via="dashboard"))
    except ServerError as error:
        if error.status != 500 or (yield from _exists(scope)):
            raise
        raise _no_session(scope, error.message) from None
    return linked([reply.data.model_copy(update={"session_id": scope.session.id})], scope)[0]


def _exists(scope: Scope) -> Flow[bool]:
    """Tell whether a session is stored: of an unknown one a note is a 500 whose text no one promised (observed A30)."""
    path = (str(scope.project.id), "sessions", scope.session.id, "first-mob")
    try:
        yield from ask(Request("GET", path, _FilesReply, via="dashboard"))
    except BadRequestError:  # contract §4.5
        return False
    except OpenReplayToolsError:  # then the first error is the one to tell
        return True
    return True


def _no_session(scope: Scope, message: str) -> NotFoundError:
    return NotFoundError(
        "session: ", name(scope.project.name), " has no recording ", identifier(scope.session.id), ", so nothing was "
        "written. openreplay_list_user_sessions and openreplay_search_sessions give ids.",
        status=404, message=message,
    )  # fmt: skip
