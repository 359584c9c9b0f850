"""What the dashboard's routes about events, users, notes and live sessions answer (contract §4.6 to §4.8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_args

from openreplay_tools.sandbox import live, queries, validation
from openreplay_tools.sandbox.columns import EVENT_COLUMNS, Kind
from openreplay_tools.sandbox.dashboard_calls import (
    body_of,
    data,
    fields_of,
    plain_data,
    project_of,
    whole_number,
    with_raw_errors,
)
from openreplay_tools.sandbox.dashboard_notes import NOTES
from openreplay_tools.sandbox.filters import QueryError
from openreplay_tools.sandbox.gojson import compact
from openreplay_tools.sandbox.lexicon import Source
from openreplay_tools.sandbox.routes import Call, HandledError, Handler, Reply
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.validation import UnknownError

if TYPE_CHECKING:
    from openreplay_tools.sandbox.user_edits import Key
    from openreplay_tools.sandbox.validation import Search

_DEFAULT_TAGS = 10
_MAX_PROPERTIES = 500
_NO_ROWS = "sql: no rows in result set"
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def search_events(call: Call) -> Reply:
    """Events of the whole project (contract §4.8)."""
    project = project_of(call)
    search = validation.session_events(body_of(call))
    try:
        return data(queries.search_events(call.store, project, search))
    except QueryError as error:
        raise HandledError(500, _query_text(project, search)) from error


def _query_text(project: int, search: Search) -> str:
    """Say what the database says of text in the place of a number; of anything else only that it says something."""
    text = f"failed to query events for project {project}: sendQuery: [HTTP 500] response body: "
    for item in search.filters:
        if EVENT_COLUMNS.get(item.name) is Kind.NUMBER and (wrong := [v for v in item.value if not v.isdecimal()]):
            kind = f"__table1.{item.name} UInt64 UInt64(size = 0)"
            value = f"'{wrong[0]}'_String String Const(size = 0, String(size = 1))"
            reason = f"Cannot convert string '{wrong[0]}' to type UInt64: while executing function equals on arguments"
            return f'{text}"Code: 53. DB::Exception: {reason} {kind}, {value}. (TYPE_MISMATCH)"'
    return f'{text}"DB::Exception"'


def get_event(call: Call) -> Reply:
    """One event with all its columns; whatever goes wrong is a 404."""
    project, event_id = project_of(call), call.path["eventId"]
    problem = _NO_ROWS
    if not _UUID.fullmatch(event_id):
        reason = f"Cannot parse uuid {event_id}: while converting '{event_id}' to UUID: while executing function equals"
        value = f"'{event_id}'_String String Const(size = 0, String(size = 1))"
        problem = (
            f'sendQuery: [HTTP 500] response body: "Code: 376. DB::Exception: {reason}'
            f' on arguments __table1.event_id UUID UUID(size = 0), {value}. (CANNOT_PARSE_UUID)"'
        )
    found = queries.find_event(call.store, project, event_id)
    if found is None:
        raise HandledError(404, f"failed to get event {event_id} for project {project}: {problem}")
    return data(found)


def search_users(call: Call) -> Reply:
    """Tracked users (contract §4.8, §2.4)."""
    project = project_of(call)
    search = validation.users_search(body_of(call))
    try:
        return data(queries.search_users(call.store, project, search))
    except QueryError as error:
        raise HandledError(500, f'failed to search users for project {project}: "DB::Exception"') from error


def _key(call: Call) -> Key:
    return project_of(call), call.path["userID"]


def _second(call: Call) -> int:
    return milliseconds(call.service.now()) // 1000


def get_user(call: Call) -> Reply:
    """One user with all columns."""
    found = call.store.user_edits.find(call.store, _key(call), _second(call))
    if found is None:
        raise HandledError(404, f"failed to get user by ID: {_NO_ROWS}")
    return data(found)


def edit_user(call: Call) -> Reply:
    """Keys without $ are ignored, but for `properties` (observed A31)."""
    key, fields = _key(call), fields_of(call)
    if queries.find_user(call.store, *key) is None:
        raise UnknownError("an edit of an unknown user")
    call.store.user_edits.change(call.store, key, fields, _second(call))
    return get_user(call)


def delete_user(call: Call) -> Reply:
    """Removes the record at once; sessions and events keep the id."""
    if not call.store.user_edits.delete(call.store, _key(call), _second(call)):
        raise HandledError(404, f"user not found: failed to get user by ID: {_NO_ROWS}")
    return plain_data({"message": "user deleted successfully"})


def list_activity(call: Call) -> Reply:
    """One user's events, newest first; an unknown user has none."""
    project, user_id = _key(call)
    search = validation.user_activity(body_of(call))
    try:
        return data(queries.search_activity(call.store, project, user_id, search))
    except QueryError as error:
        raise HandledError(500, _query_text(project, search)) from error


def list_lexicon_events(call: Call) -> Reply:
    """All of them: `limit` is not read (recorded)."""
    found = call.store.lexicon.events(call.store, project_of(call), call.parameter("propertyName"))
    return plain_data({"events": found or None, "total": len(found)})


def list_lexicon_properties(call: Call) -> Reply:
    """One page of the properties of a source."""
    source = next((name for name in get_args(Source) if name == call.parameter("source")), None)
    if source is None:
        raise HandledError(400, "invalid source parameter: must be one of 'events', 'users', or 'sessions'")
    found = call.store.lexicon.properties(call.store, project_of(call), source, call.parameter("eventName"))
    shown = _page(call, found, _MAX_PROPERTIES, most=_MAX_PROPERTIES)
    return plain_data({"properties": shown or None, "total": len(found) if shown else 0})


def _page(call: Call, found: list[dict[str, Any]], default: int, *, most: int) -> list[dict[str, Any]]:
    limit, page = call.parameter("limit") or str(default), call.parameter("page") or "1"
    if not (re.fullmatch(r"\d{1,9}", limit) and re.fullmatch(r"\d{1,9}", page)):
        raise UnknownError("a page that is no number")
    size, number = int(limit), int(page)
    if not 1 <= size <= most or not number:
        raise UnknownError("a page of an odd size or number")
    return found[(number - 1) * size : number * size]


def list_tags(call: Call) -> Reply:
    """The elements that somebody tagged."""
    found = call.store.tags.of_project(project_of(call))
    return plain_data({"tags": _page(call, found, _DEFAULT_TAGS, most=_MAX_PROPERTIES), "total": len(found)})


def create_tag(call: Call) -> Reply:
    """Answers with the new tag's number."""
    project, fields = project_of(call), fields_of(call)
    tag: dict[str, Any] = {name: fields.text(name) for name in ("name", "selector")}
    if not all(tag.values()):
        raise UnknownError("a tag without a name or a selector")
    tag |= {name: fields.boolean(name) for name in ("ignoreClickRage", "ignoreDeadClick")}
    tag["location"] = fields.text("location") if fields.has("location") else None
    return plain_data(call.store.tags.add(project, tag))


def delete_tag(call: Call) -> Reply:
    """Removes a tag of the project."""
    if not call.store.tags.remove(project_of(call), whole_number(call, "tagId")):
        raise UnknownError("a deletion of an unknown tag")
    return plain_data({"success": True})


def search_live_sessions(call: Call) -> Reply:
    """Live sessions, in both editions; the bare answer of an unreachable live service has no `data`."""
    project = project_of(call)
    search = live.LiveSearch.read_for_dashboard(body_of(call))
    if call.store.assist_down:
        return Reply(200, compact({"sessions": [], "total": 0}))
    return plain_data(live.search_live(call.store.live.get(project, ()), search))


def get_live_session(call: Call) -> Reply:
    """One live session; an unknown one looks live too (observed A26)."""
    project = project_of(call)
    if call.store.assist_down:
        raise UnknownError("one live session while the live service is down")
    return plain_data(live.find_live(call.store.live.get(project, ()), call.path["sessionId"]))


DATA: dict[str, dict[str, Handler]] = {
    **{
        path: with_raw_errors(handlers)
        for path, handlers in {
            "/{projectId}/events": {"POST": search_events},
            "/{projectId}/events/{eventId}": {"GET": get_event},
            "/{projectId}/users": {"POST": search_users},
            "/{projectId}/users/{userID}": {"GET": get_user, "PUT": edit_user, "DELETE": delete_user},
            "/{projectId}/users/{userID}/activity": {"POST": list_activity},
            "/{projectId}/lexicon/events": {"GET": list_lexicon_events},
            "/{projectId}/lexicon/properties": {"GET": list_lexicon_properties},
            "/{projectId}/tags": {"GET": list_tags, "POST": create_tag},
            "/{projectId}/tags/{tagId}": {"DELETE": delete_tag},
            "/{projectId}/assist/sessions": {"POST": search_live_sessions},
            "/{projectId}/assist/sessions/{sessionId}": {"GET": get_live_session},
        }.items()
    },
    **NOTES,
}
