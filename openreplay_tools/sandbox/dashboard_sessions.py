"""What the dashboard's routes about sessions answer: search, replay, events, favourites (contract §4.4 to §4.6)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox import app_events, replay
from openreplay_tools.sandbox.dashboard_calls import body_of, plain_data, project_of, with_raw_errors
from openreplay_tools.sandbox.filters import QueryError
from openreplay_tools.sandbox.gojson import compact, decode
from openreplay_tools.sandbox.routes import Call, HandledError, Reply
from openreplay_tools.sandbox.saved_searches import SAVED
from openreplay_tools.sandbox.session_filters import DatabaseError
from openreplay_tools.sandbox.session_request import TypedReader, read_search
from openreplay_tools.sandbox.session_search import SessionSearcher
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.validation import UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openreplay_tools.sandbox.routes import Handler
    from openreplay_tools.sandbox.session_request import SessionSearch

_AGENT_TOKEN = "sandbox-agent-token"  # noqa: S105  a fixed text, good for nothing
_ASSIST = "http://assist.internal:9001/assist/sandbox-assist-key/sockets-live"
_NO_PROJECT = "no rows in result set"
_NO_SESSION = (
    'failed to add favorite: ERROR: insert or update on table "user_favorite_sessions" violates foreign key constraint'
    ' "user_favorite_sessions_session_id_fkey" (SQLSTATE 23503)'
)
_MAX_INT64 = 2**63 - 1


def search_sessions(call: Call) -> Reply:
    """A page of sessions; an unknown project has none (observed A27)."""
    return _searched(call, SessionSearcher.answer)


def search_ids(call: Call) -> Reply:
    """The same search, the sessions' ids only."""
    return _searched(call, SessionSearcher.ids)


def _searched(call: Call, answer: Callable[[SessionSearcher, SessionSearch], object]) -> Reply:
    project = project_of(call)
    search = read_search(body_of(call))
    try:
        return plain_data(answer(SessionSearcher(call.store, project, call.user), search))
    except DatabaseError as error:
        raise HandledError(500, str(error)) from error
    except QueryError as error:
        raise UnknownError("a value that the database cannot compare") from error


def get_replay(call: Call) -> Reply:
    """Details and files of a session, which counts as viewed from now on; for what is unknown see `_not_stored`."""
    project, session = _ids(call, "wrong project id", "wrong session id")
    key = _project(call, project)["projectKey"]
    known = _known(call, project, session)
    if known is None:
        return _not_stored(call, key, call.path["sessionId"])
    marks, now = call.store.marks, call.service.now()
    first = marks.view(call.user, session, milliseconds(now))
    favorite = session in marks.favourites(call.user, project)
    return plain_data(replay.with_files(known, project, now, favorite=favorite, viewed=not first))


def _known(call: Call, project: int, session: str) -> dict[str, Any] | None:
    if row := call.store.kept_session(project, session):
        return replay.stored(row)
    live = call.store.live.get(project, ())
    return next((replay.running(row) for row in live if row["sessionID"] == session), None)


def _not_stored(call: Call, project_key: str, session: str) -> Reply:
    """The live service is asked, and whatever it says, an agent's token comes back (observed A26)."""
    if call.store.assist_down:
        problem = "dial tcp assist.internal:9001: connect: connection refused"
        raise HandledError(500, f"Get {compact(f'{_ASSIST}/{project_key}/{session}')}: {problem}")
    return plain_data({"agentToken": _AGENT_TOKEN, "live": True})


def get_events(call: Call) -> Reply:
    """The events of a session; whether it exists is not looked at (contract §4.5)."""
    project, session = _ids(call, "", "")
    _project(call, project)
    row = call.store.session(project, session)
    mobile = row is not None and row["platform"] != "web"
    return plain_data(dict(sorted(app_events.session_events(call.store, project, session, mobile=mobile).items())))


def toggle_favorite(call: Call) -> Reply:
    """Keep a session as a favourite, or let it go: a GET with a side effect."""
    project, session = _ids(call, "", "")
    if call.store.kept_session(project, session) is None:
        raise HandledError(500, _NO_SESSION)
    call.store.marks.toggle_favourite(call.user, project, session)
    return plain_data({"sessionId": session})


def get_first_file(call: Call) -> Reply:
    """The address of the first part of the recording (contract §4.5)."""
    project, session = _ids(call, "wrong project id", "wrong session id")
    if _known(call, project, session) is None:
        raise HandledError(400, "wrong session id")
    return plain_data({"domURL": [replay.signed(session, "dom.mobs", call.service.now())], "fileKey": None})


def get_unprocessed(_: Call) -> Reply:
    """The file as it was uploaded: the sandbox has none, which the server says with 200 (contract §4.5)."""
    return Reply(200, compact({"errors": ["Replay file not found"]}))


def get_unprocessed_devtools(_: Call) -> Reply:
    """The same of the network, console and storage recording."""
    return Reply(200, compact({"errors": ["Devtools file not found"]}))


def count_clicks(call: Call) -> Reply:
    """How often each element was clicked on the pages of an address (contract §4.5)."""
    project, session = _ids(call, "", "")
    prefix = TypedReader(decode(body_of(call)), "ClickMapRequest").text("url")
    counts: dict[str, int] = {}
    rows = call.store.select(
        'SELECT e."$properties" FROM events e WHERE e.session_id = ? AND e.project = ? AND e."$event_name" = ?'
        ' AND substr(e."$current_url", 1, length(?)) = ?',
        (int(session), project, "CLICK", prefix, prefix),
    )
    for (text,) in rows:
        selector = str(json.loads(text).get("selector", ""))
        counts[selector] = counts.get(selector, 0) + 1
    found = sorted(counts.items(), key=lambda item: -item[1])
    return plain_data([{"count": count, "selector": selector} for selector, count in found])


def _ids(call: Call, wrong_project: str, wrong_session: str) -> tuple[int, str]:
    """Project and session of the path; without a text of its own the route shows that of `strconv.Atoi`."""
    return _number(call.path["projectId"], wrong_project), str(_number(call.path["sessionId"], wrong_session))


def _number(text: str, wrong: str) -> int:
    problem = ""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        problem = "invalid syntax"
    elif len(text.lstrip("+-0")) > len(str(_MAX_INT64)) or not -_MAX_INT64 - 1 <= int(text) <= _MAX_INT64:
        problem = "value out of range"
    if problem:
        raise HandledError(400, wrong or f"strconv.Atoi: parsing {compact(text)}: {problem}")
    return int(text)


def _project(call: Call, number: int) -> Mapping[str, Any]:
    found = next((item for item in call.store.projects() if item["projectId"] == number), None)
    if found is None:
        raise HandledError(500, _NO_PROJECT)
    return found


_ROUTES: dict[str, dict[str, Handler]] = {
    "/{projectId}/sessions/search": {"POST": search_sessions},
    "/{projectId}/sessions/search/ids": {"POST": search_ids},
    **SAVED,
    "/{projectId}/sessions/{sessionId}/replay": {"GET": get_replay},
    "/{projectId}/sessions/{sessionId}/events": {"GET": get_events},
    "/{projectId}/sessions/{sessionId}/favorite": {"GET": toggle_favorite},
    "/{projectId}/sessions/{sessionId}/first-mob": {"GET": get_first_file},
    "/{projectId}/unprocessed/{sessionId}/dom.mob": {"GET": get_unprocessed},
    "/{projectId}/unprocessed/{sessionId}/devtools.mob": {"GET": get_unprocessed_devtools},
    "/{projectId}/sessions/{sessionId}/clickmaps": {"POST": count_clicks},
}
SESSIONS = {path: with_raw_errors(handlers) for path, handlers in _ROUTES.items()}
