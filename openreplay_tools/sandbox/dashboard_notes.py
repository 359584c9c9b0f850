"""What the dashboard's routes about notes answer (contract §4.6)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from openreplay_tools.sandbox.accounts import PEOPLE
from openreplay_tools.sandbox.dashboard_calls import Fields, fields_of, plain_data, project_of, with_raw_errors
from openreplay_tools.sandbox.gojson import compact
from openreplay_tools.sandbox.live import PanicError
from openreplay_tools.sandbox.notes import Note, Notes, NoteSearch
from openreplay_tools.sandbox.routes import Call, HandledError, Handler, Reply
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.validation import UnknownError

if TYPE_CHECKING:
    from typing import Any

_BODY_LIMIT = 5_242_880
_MESSAGE_BYTES, _TAG_BYTES = 250, 10
_DEFAULT_LIMIT, _MAX_LIMIT = 9, 100
_UINT64_END = 2**64
_NO_SESSION = (
    'ERROR: insert or update on table "sessions_notes" violates foreign key constraint'
    ' "sessions_notes_session_id_fkey" (SQLSTATE 23503)'
)


def _notes(call: Call) -> Notes:
    notes = call.store.notes
    notes.plant(call.store, milliseconds(call.service.now()))
    return notes


def _shown(note: Note, *, with_user: bool = False) -> dict[str, Any]:
    return note.shown(PEOPLE[note.user].name, note.user if with_user else 0)


def _cut(text: str, size: int) -> str:
    try:
        return text.encode()[:size].decode()
    except UnicodeDecodeError as error:
        raise UnknownError("a note cut in the middle of a character") from error


def _optional_number(reader: Fields, name: str) -> int | None:
    return reader.integer(name) if reader.has(name) else None


def list_session_notes(call: Call) -> Reply:
    """The caller's own notes on a session and the public ones, newest first."""
    session = call.path["sessionId"]
    found = _notes(call).of_project(project_of(call), call.user)
    return plain_data([_shown(note) for note in found if note.session == session])


def create_note(call: Call) -> Reply:
    """A body without a message crashes the handler, and a session that is not stored breaks a foreign key."""
    project, session = project_of(call), call.path["sessionId"]
    reader = fields_of(call, _BODY_LIMIT)
    fields = _new_fields(reader)
    if call.store.session(project, session) is None:
        others = [item["projectId"] for item in call.store.projects()]
        if not session.isdecimal() or any(call.store.session(number, session) for number in others):
            raise UnknownError("a note on a session of another project, or on one that is no number")
        raise HandledError(500, _NO_SESSION)
    note = Note(project=project, session=session, user=call.user, **fields)
    return plain_data(_shown(_notes(call).add(note, milliseconds(call.service.now()))))


def _new_fields(reader: Fields) -> dict[str, Any]:
    message, tag = reader.text("message"), reader.text("tag")
    fields = {
        "timestamp": reader.integer("timestamp"),  # 0 when omitted (observed A30)
        "is_public": reader.boolean("isPublic"),
        "start_at": _optional_number(reader, "startAt"),
        "end_at": _optional_number(reader, "endAt"),
    }
    if not reader.has("message"):
        raise PanicError
    if reader.has("thumbnail"):
        raise UnknownError("a note with a thumbnail")
    tagged = _cut(tag, _TAG_BYTES) if reader.has("tag") else None
    return {"message": _cut(message, _MESSAGE_BYTES), "tag": tagged, **fields}


def _note(call: Call) -> Note:
    project, number = project_of(call), _number(call)
    note = _notes(call).find(project, number, call.user)
    if note is None:
        raise HandledError(400, "failed to fetch note by ID: no rows in result set")
    return note


def _number(call: Call) -> int:
    text = call.path["noteId"]
    problem = "" if re.fullmatch("[0-9]+", text) else "invalid syntax"
    if not problem and (len(text.lstrip("0")) > len(str(_UINT64_END)) or int(text) >= _UINT64_END):
        problem = "value out of range"
    if problem:
        raise HandledError(400, f"invalid note ID: strconv.ParseUint: parsing {compact(text)}: {problem}")
    return int(text)


def get_note(call: Call) -> Reply:
    """One of the caller's own notes, or a public one."""
    return plain_data(_shown(_note(call)))


def edit_note(call: Call) -> Reply:
    """Changes what the body names; `isPublic` is ignored, `is_public` works (observed A30)."""
    note = _note(call)
    if note.user != call.user:
        raise UnknownError("an edit of somebody else's note")
    reader = fields_of(call, _BODY_LIMIT)
    changed = replace(
        note,
        message=_cut(reader.text("message", note.message), _MESSAGE_BYTES),
        tag=_cut(reader.text("tag"), _TAG_BYTES) if reader.has("tag") else note.tag,
        timestamp=reader.integer("timestamp", note.timestamp),
        is_public=reader.boolean("is_public") if reader.has("is_public") else note.is_public,
    )
    _notes(call).change(changed)
    return plain_data(_shown(changed))


def delete_note(call: Call) -> Reply:
    """Deleting twice succeeds twice (observed A30)."""
    project, number = project_of(call), _number(call)
    note = _notes(call).find(project, number, call.user)
    if note is not None and note.user != call.user:
        raise UnknownError("a deletion of somebody else's note")
    _notes(call).remove(project, number, call.user)
    return plain_data(number)


def list_notes(call: Call) -> Reply:
    """All notes of a project; null instead of an empty list, and then no count, as in the server's other lists."""
    reader = fields_of(call, _BODY_LIMIT)
    limit, page = reader.integer("limit") or _DEFAULT_LIMIT, reader.integer("page") or 1
    if not 1 <= limit <= _MAX_LIMIT or page < 1:
        raise UnknownError("a page of notes of an odd size or number")
    search = NoteSearch(
        tags=tuple(reader.texts("tags")),
        text=reader.text("search"),
        mine_only=reader.boolean("mineOnly"),
        shared_only=reader.boolean("sharedOnly"),
    )
    found = [note for note in _notes(call).of_project(project_of(call), call.user) if search.finds(note, call.user)]
    if reader.text("order") == "ASC":  # anything else, also "asc", is newest first
        found.reverse()
    shown = [_shown(note, with_user=True) for note in found[(page - 1) * limit : page * limit]]
    return plain_data({"count": len(found) if shown else 0, "notes": shown or None})


NOTES: dict[str, dict[str, Handler]] = {
    path: with_raw_errors(handlers)
    for path, handlers in {
        "/{projectId}/sessions/{sessionId}/notes": {"GET": list_session_notes, "POST": create_note},
        "/{projectId}/notes": {"POST": list_notes},
        "/{projectId}/notes/{noteId}": {"GET": get_note, "POST": edit_note, "DELETE": delete_note},
    }.items()
}
