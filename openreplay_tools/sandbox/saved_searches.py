"""What the routes of saved searches answer (contract §4.4, observed A29).

Recorded are saving, listing and deleting; the texts of refusals, and what getting and changing one answer, are not:
those answer with the status of the contract and the object of the list.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.accounts import PEOPLE
from openreplay_tools.sandbox.dashboard_calls import body_of, plain_data, project_of
from openreplay_tools.sandbox.gojson import compact, decode, escape
from openreplay_tools.sandbox.routes import JSON, Call, HandledError, Reply
from openreplay_tools.sandbox.segments import new_search, saved_filter
from openreplay_tools.sandbox.session_request import SessionSearch, TypedReader, filter_failures
from openreplay_tools.sandbox.session_search import SessionSearcher
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.validation import Filter, UnknownError, refuse

if TYPE_CHECKING:
    from openreplay_tools.sandbox.routes import Handler

    Row = dict[str, Any]

_STRUCT = "SavedSearchRequest"  # the name does not show in any recording
_DEFAULT_LIMIT, _MAX_LIMIT = 20, 100
_COUNTED_DAYS = 7
_SAVED = ("searchId", "name", "isPublic", "isShare", "data", "createdAt")


def save_search(call: Call) -> Reply:
    """Keep a search; the answer has neither project nor person (observed A29)."""
    project = project_of(call)
    wanted = _wanted(call)
    saved = call.store.saved
    row = new_search(saved.count + 1, project, call.user, wanted, call.service.now())
    saved.add(row)
    return plain_data({name: row[name] for name in _SAVED})


def _wanted(call: Call) -> Row:
    reader = TypedReader(decode(body_of(call)), _STRUCT)
    inner = TypedReader(reader.whole("data"), "SearchData", "data.")
    name, filters = reader.text("name"), Filter.read_all(inner)
    if not name:
        raise UnknownError("a saved search without a name")
    refuse(_STRUCT, filter_failures(filters, "Data."))
    return {
        "name": name,
        "isPublic": reader.boolean("isPublic"),
        "isShare": reader.boolean("isShare"),
        "data": {"filters": [saved_filter(item) for item in filters], "eventsOrder": inner.text("eventsOrder")},
    }


def list_searches(call: Call) -> Reply:
    """The public ones and the caller's own, with counts of what they find; the page stands beside `data`."""
    rows = [_shown(call, row) for row in call.store.saved.visible(project_of(call), call.user)]
    sort = call.parameter("sort")
    key = sort if sort in {"name", "userName"} else "createdAt"
    rows.sort(key=lambda row: str(row[key]), reverse=call.parameter("order") != "asc")
    limit, offset = _whole(call.parameter("limit")), _whole(call.parameter("offset")) or 0
    limit = limit if limit and limit <= _MAX_LIMIT else _DEFAULT_LIMIT
    answer = {"data": rows[offset : offset + limit], "limit": limit, "offset": offset, "total": len(rows)}
    return Reply(200, escape(compact(answer)), JSON)


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _shown(call: Call, row: Row) -> Row:
    found = _found(call, row)
    return {
        **{name: row[name] for name in ("searchId", "projectId", "userId")},
        "userName": PEOPLE[row["userId"]].name,
        **{name: row[name] for name in ("name", "isPublic", "isShare", "data", "createdAt")},
        "sessionsCount": len(found),
        "usersCount": len({session["userId"] for session in found} - {""}),
    }


def _found(call: Call, row: Row) -> list[Any]:
    """The sessions of the last days: the recorded counts are below those of the month that was searched."""
    now = call.service.now()
    search = SessionSearch(
        start=milliseconds(now - timedelta(days=_COUNTED_DAYS)),
        end=milliseconds(now),
        limit=1,
        page=1,
        sort="",
        order="",
        events_order=row["data"]["eventsOrder"],
        bookmarked=False,
        filters=Filter.read_all(TypedReader(row["data"], "Segment")),
        series=(),
    )
    return SessionSearcher(call.store, row["projectId"], row["userId"]).found(search)


def get_search(call: Call) -> Reply:
    """One saved search."""
    return plain_data(_shown(call, _visible(call)))


def change_search(call: Call) -> Reply:
    """Write one's own saved search anew."""
    row = _own(call)
    row.update(_wanted(call))
    return plain_data({name: row[name] for name in _SAVED})


def delete_search(call: Call) -> Reply:
    """Delete one's own saved search."""
    call.store.saved.remove(_own(call)["searchId"])
    return plain_data("deleted")


def _visible(call: Call) -> Row:
    row = call.store.saved.find(project_of(call), call.path["searchId"])
    if row is None or not (row["isPublic"] or row["userId"] == call.user):
        raise HandledError(404, "saved search not found")
    return row


def _own(call: Call) -> Row:
    row = _visible(call)
    if row["userId"] != call.user:
        raise HandledError(403, "access denied")
    return row


SAVED: dict[str, dict[str, Handler]] = {
    "/{projectId}/sessions/search/save": {"POST": save_search},
    "/{projectId}/sessions/search/saved": {"GET": list_searches},
    "/{projectId}/sessions/search/saved/{searchId}": {
        "GET": get_search,
        "PUT": change_search,
        "DELETE": delete_search,
    },
}
