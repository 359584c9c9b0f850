"""The searches of users and events over the store, answered as finished JSON text (contract §2.4–§2.8, §4.8)."""

from __future__ import annotations

import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox import filters
from openreplay_tools.sandbox.columns import (
    DEFAULT_EVENT_COLUMNS,
    DEFAULT_USER_COLUMNS,
    EVENT_COLUMNS,
    USER_COLUMNS,
    USER_FIELDS,
    Kind,
    quoted,
)
from openreplay_tools.sandbox.filters import Condition, QueryError, event_groups
from openreplay_tools.sandbox.gojson import escape_html
from openreplay_tools.sandbox.validation import Search, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openreplay_tools.sandbox.store import Store
    from openreplay_tools.sandbox.validation import Filter

_DEFAULT_LIMIT = 50
_YEAR_3000 = 32_503_680_000_000
_MAX_INT64 = 2**63 - 1
_FLAGS = ("false", "true")
_NO_TRIGGERS = Condition("e.\"$event_name\" <> 'TAG_TRIGGER'")

# One cell of a row as JSON text; property maps and lists are stored as JSON text already.
_WRITERS: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: encode_basestring,
    Kind.NUMBER: str,
    Kind.TIME: str,
    Kind.BOOLEAN: lambda value: _FLAGS[value],
    Kind.MAP: str,
    Kind.LIST: str,
}


def find_user(store: Store, project: int, user_id: str) -> str | None:
    """The full user as JSON text, or None."""
    listed = ", ".join(map(quoted, USER_FIELDS))
    rows = store.select(
        f'SELECT {listed} FROM users WHERE project = ? AND "$user_id" = ?',
        (project, user_id),
    )
    return escape_html(_object(list(USER_FIELDS), rows[0], USER_FIELDS)) if rows else None


def search_users(store: Store, project: int, search: Search) -> str:
    """`{"total":…,"users":[…]}`."""
    names = sorted({*DEFAULT_USER_COLUMNS, *filter(None, search.columns)})
    sort = search.sort_by or "$user_id"
    if sort not in names:  # the SQL names a column that was not selected (observed §B on §2.4)
        raise QueryError
    known = {*USER_COLUMNS, "$current_path", "project_id", "_timestamp", "_deleted_at"}
    if "properties" in names and any(item.name not in known and not item.is_event for item in search.filters):
        raise QueryError  # alias clash (observed §B on §2.4)
    conditions = [Condition("u.project = ?", (project,)), *filters.on_users(search.filters, search.start, search.end)]
    if search.query:
        pattern = f"%{search.query}%"
        conditions.append(
            Condition('(ilike(u."$user_id", ?) OR ilike(u."$email", ?) OR ilike(u."$name", ?))', (pattern,) * 3)
        )
    order = f"u.{quoted(sort)} {search.direction}, u.tie"
    selected = ", ".join(f"u.{quoted(name)}" for name in names)
    total, rows = _page(store, search, f"{selected} FROM users u", conditions, order)
    return _envelope("users", total, [_object(names, row, USER_COLUMNS) for row in rows])


def search_session_events(store: Store, project: int, session: str, search: Search) -> str:
    """`{"total":…,"events":[…]}`."""
    conditions = filters.on_session_events(search.filters)
    if not re.fullmatch(r"\+?\d+", session):  # text, negative, decimal, hex (observed A23)
        raise QueryError
    _check_window(search, known_failure=False)
    number = int(session)
    if number > _MAX_INT64:
        return _envelope("events", 0, [])
    return _events(store, search, [Condition("e.session_id = ? AND e.project = ?", (number, project)), *conditions])


def search_events(store: Store, project: int, search: Search) -> str:
    """`{"total":…,"events":[…]}` of all sessions of a project (contract §4.8)."""
    conditions = _on_project_events(search.filters)
    _check_window(search, known_failure=False)
    return _events(store, search, [Condition("e.project = ?", (project,)), *conditions])


def _events(store: Store, search: Search, conditions: Sequence[Condition]) -> str:
    requested = {*DEFAULT_EVENT_COLUMNS, *search.columns}
    names = [name for name in EVENT_COLUMNS if name in requested]
    conditions = [_window(search), _NO_TRIGGERS, *conditions]
    selected = ", ".join(f"e.{quoted(name)}" for name in names)
    total, rows = _page(store, search, f"{selected} FROM events e", conditions, _event_order(search))
    return _envelope("events", total, [_object(names, row, EVENT_COLUMNS, omit_empty_lists=True) for row in rows])


def _on_project_events(found: Sequence[Filter]) -> list[Condition]:
    """Filters without the condition on one session: those on events work as long as they are alone (observed A1).

    Beside other filters the server writes them first and binds them last, so that all values trade places: text in the
    place of a number is a database error, anything else nearly always finds nothing.
    """
    events = [item for item in found if item.is_event]
    conditions = filters.on_session_events([item for item in found if not item.is_event])
    if not events:
        return conditions
    groups = event_groups(events)
    if not conditions:
        return [groups]
    columns = filters.all_of(conditions)
    bound = (*columns.parameters, *groups.parameters)
    for wanted, value in zip((*groups.parameters, *columns.parameters), bound, strict=True):
        if not isinstance(wanted, str) and isinstance(value, str) and not re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
            raise QueryError
    return [Condition(f"({groups.sql} AND {columns.sql})", bound)]


def find_event(store: Store, project: int, event_id: str) -> str | None:
    """One event with all its columns as JSON text, or None."""
    listed = ", ".join(map(quoted, EVENT_COLUMNS))
    rows = store.select(f"SELECT {listed} FROM events WHERE project = ? AND event_id = ?", (project, event_id.lower()))
    return escape_html(_object(list(EVENT_COLUMNS), rows[0], EVENT_COLUMNS, omit_empty_lists=True)) if rows else None


def search_activity(store: Store, project: int, user_id: str, search: Search) -> str:
    """`{"total":…,"events":[…]}` of one user, null instead of an empty list (contract §4.8)."""
    names = ("event_id", "$event_name", "created_at", "$auto_captured")
    marks = ", ".join("?" for _ in search.hidden)
    conditions = [
        Condition('e."$user_id" = ? AND e.project = ?', (user_id, project)),
        _window(search),
        _NO_TRIGGERS,
        Condition(f'e."$event_name" NOT IN ({marks})', search.hidden),
        *_on_project_events(search.filters),
    ]
    _check_window(search, known_failure=False)
    selected = ", ".join(f"e.{quoted(name)}" for name in names)
    total, rows = _page(store, search, f"{selected} FROM events e", conditions, _event_order(search))
    if not rows:
        return '{"total":0,"events":null}'
    return _envelope("events", total, [_object(names, row, EVENT_COLUMNS) for row in rows])


def _event_order(search: Search) -> str:
    name = search.sort_by or "created_at"
    if name == "$time" or EVENT_COLUMNS[name] is Kind.MAP:
        name = "created_at"
    order = f"e.{quoted(name)} {search.direction}"
    if name == "created_at":
        return f"{order}, e.tie"
    # Equal values come in another order on every page, so that pages lose and repeat rows (observed §D).
    return f"{order}, (e.tie * {search.page}) % 65521"


def search_user_sessions(store: Store, project: int, user_id: str, search: Search) -> str:
    """`{"total":…,"sessions":[…]}`, null instead of an empty list."""
    _check_window(search, known_failure=True)
    where = filters.all_of([Condition('e."$user_id" = ? AND e.project = ?', (user_id, project)), _window(search)])
    rows = store.select(
        "SELECT e.session_id, count(*), min(e.created_at), max(e.created_at), count(*) OVER ()"
        f" FROM events e WHERE {where.sql} GROUP BY e.session_id"
        f" ORDER BY min(e.created_at) {search.direction}, min(e.tie) LIMIT ? OFFSET ?",
        (*where.parameters, *_limits(search)),
    )
    if not rows:
        return '{"total":0,"sessions":null}'
    found = [
        f'{{"sessionId":"{session}","eventsCount":{count},"startTs":{first},"endTs":{last}}}'
        for session, count, first, last, _ in rows
    ]
    return _envelope("sessions", rows[0][-1], found)


def _check_window(search: Search, *, known_failure: bool) -> None:
    """A bound up to the year 3000 works, the largest integer is a database error (observed A24)."""
    latest = max(search.start, search.end)
    if latest == _MAX_INT64 and known_failure:
        raise QueryError
    if latest > _YEAR_3000:
        raise UnknownError("a window beyond the year 3000")


def _window(search: Search) -> Condition:
    # Both bounds are cut to whole seconds and included (observed A2).
    bounds = (search.start // 1000 * 1000, search.end // 1000 * 1000)
    return Condition("e.created_at >= ? AND e.created_at <= ?", bounds)


def _limits(search: Search) -> tuple[int, int]:
    limit = search.limit or _DEFAULT_LIMIT
    return limit, min(((search.page or 1) - 1) * limit, _MAX_INT64)


def _page(
    store: Store, search: Search, selected: str, conditions: Sequence[Condition], order: str
) -> tuple[int, list[tuple[Any, ...]]]:
    """One page of rows and the full count, which is 0 when the page is empty (contract §0.8)."""
    where = filters.all_of(conditions)
    rows = store.select(
        f"SELECT count(*) OVER (), {selected} WHERE {where.sql} ORDER BY {order} LIMIT ? OFFSET ?",
        (*where.parameters, *_limits(search)),
    )
    return (rows[0][0] if rows else 0), [row[1:] for row in rows]


def _object(
    names: Sequence[str], row: Sequence[Any], kinds: Mapping[str, Kind], *, omit_empty_lists: bool = False
) -> str:
    parts = []
    for name, value in zip(names, row, strict=True):
        kind = kinds[name]
        if omit_empty_lists and kind is Kind.LIST and value == "[]":
            continue
        text = f'"{value}"' if name == "session_id" else _WRITERS[kind](value)
        parts.append(f'"{name}":{text}')
    return "{" + ",".join(parts) + "}"


def _envelope(name: str, total: int, objects: Sequence[str]) -> str:
    return escape_html(f'{{"total":{total},"{name}":[{",".join(objects)}]}}')
