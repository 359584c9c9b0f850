"""Event filters of the dashboard's searches as SQL over the events table (contract §4.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from openreplay_tools.sandbox.columns import EVENT_ALIASES, EVENT_COLUMNS, Kind, quoted
from openreplay_tools.sandbox.filters import Condition, all_of, any_of
from openreplay_tools.sandbox.gojson import compact
from openreplay_tools.sandbox.validation import Filter, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable

_LIKE = {"contains": "%{}%", "notContains": "%{}%", "startsWith": "{}%", "endsWith": "%{}"}
_SIGNS = frozenset({">", ">=", "<", "<="})
_ANY = frozenset({"isAny", "onAny"})
_OPPOSITE = {"isNot": "is", "notContains": "contains"}
_MAX_PATTERN = 256
# RE2 has neither look-around nor back references.
_NOT_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|>)|\\[1-9]")


def step_condition(item: Filter, *, positive: bool = False) -> Condition:
    """Match the events that an event filter means; its own operator and value do not matter.

    Args:
        positive: turn negative conditions round, to find the events that must not be there.
    """
    parts = [Condition('e."$event_name" = ?', (item.name,))]
    if item.auto_captured:
        parts.append(Condition('e."$auto_captured" = 1'))
    for inner in item.filters:
        if inner.is_event:
            raise UnknownError("an event filter inside an event filter")
        operator = _OPPOSITE[inner.operator] if positive else inner.operator
        if found := _condition(inner, operator):
            parts.append(found)
    return all_of(parts)


def such_property(item: Filter) -> Condition | None:
    """Match the events that have the property a session filter names; None for a filter without effect.

    Names of event columns select sessions too (observed §D, on cards by url, urlPath and url_path).
    """
    found = _condition(item, item.operator)
    if found is None or _column_name(item):
        return found
    # Looked for as text first: reading 60,000 property maps would take most of a second.
    return all_of([Condition(f"instr({_source(item)}, ?) > 0", (compact(item.name),)), found])


def _condition(item: Filter, operator: str) -> Condition | None:
    """One condition on an event; None when the server ignores it."""
    if name := _column_name(item):
        return _column(item, operator, name)
    return _property(item, operator, _source(item))


def _column_name(item: Filter) -> str | None:
    """Return the event column that a name stands for; names come in the dashboard's spelling or the table's."""
    snake = item.name if item.name.startswith("$") else re.sub("[A-Z]", lambda hit: f"_{hit[0].lower()}", item.name)
    name = EVENT_ALIASES.get(item.name, snake)
    return name if item.auto_captured and name in EVENT_COLUMNS else None


def _source(item: Filter) -> str:
    return 'e."$properties"' if item.auto_captured else "e.properties"


def _column(item: Filter, operator: str, name: str) -> Condition | None:
    column, kind = f"e.{quoted(name)}", EVENT_COLUMNS[name]
    if operator in _ANY:
        return None
    if kind is Kind.NUMBER:
        return _number(item, operator, Condition(column))
    if kind is not Kind.TEXT:
        raise UnknownError(f"a filter on {item.name}")
    if operator == "isUndefined":
        return Condition(f"{column} = ''")
    if operator in _SIGNS:
        return _each(item, lambda value: Condition(f"{column} {operator} ?", (value,)))
    return _text(item, operator, Condition(column))


def _property(item: Filter, operator: str, source: str) -> Condition | None:
    if operator in _ANY:
        return None
    text = _text_of(source, item.name)
    if operator == "isUndefined":
        return Condition(f"ifnull({text.sql}, '') = ''", text.parameters)
    if item.data_type in {"number", "integer"}:
        return _number(item, operator, _number_of(source, item.name))
    if operator in _SIGNS:
        # As stored: text compares as text, a JSON number as a number (observed A17).
        return _each(item, lambda value: Condition(f"prop_compare({source}, ?, ?, ?)", (item.name, operator, value)))
    return _text(item, operator, text)


def _text_of(source: str, name: str) -> Condition:
    """Read a property as text."""
    return _read(source, name, "text", "prop_text")


def _number_of(source: str, name: str) -> Condition:
    """Read a property as a number."""
    return _read(source, name, "integer", "prop_number")


def _read(source: str, name: str, kind: str, function: str) -> Condition:
    """Read a property; SQLite itself reads one of a kind or none at all, three times as fast as our function."""
    if '"' in name or "\\" in name:
        return Condition(f"{function}({source}, ?)", (name,))
    path = f'$."{name}"'
    return Condition(
        f"CASE ifnull(json_type({source}, ?), 'null') WHEN 'null' THEN NULL"
        f" WHEN '{kind}' THEN json_extract({source}, ?) ELSE {function}({source}, ?) END",
        (path, path, name),
    )


def _each(item: Filter, compare: Callable[[str], Condition]) -> Condition | None:
    return any_of([compare(value) for value in item.value]) if item.value else None


def _number(item: Filter, operator: str, column: Condition) -> Condition | None:
    if operator in _LIKE or operator in {"regex", "isUndefined"}:
        raise UnknownError(f"operator {operator} on the number {item.name}")
    if not all(re.fullmatch(r"[+-]?\d+(\.\d+)?", value) for value in item.value):
        raise UnknownError(f"{item.name} compared with what is no number")
    sign = operator if operator in _SIGNS else "="
    found = _each(item, lambda value: Condition(f"{column.sql} {sign} ?", (*column.parameters, float(value))))
    return _negated(found) if found and operator == "isNot" else found


def _text(item: Filter, operator: str, column: Condition) -> Condition | None:
    if operator == "regex":
        patterns = [value for value in item.value if is_pattern(value)]
        matches = [Condition(f"re2({column.sql}, ?)", (*column.parameters, value)) for value in patterns]
        return any_of(matches) if matches else None  # invalid patterns are skipped
    if shape := _LIKE.get(operator):
        found = _each(item, lambda value: _like(column, shape.format(_plain(value))))
    else:  # any operator without a meaning of its own behaves as "is"
        found = _each(item, lambda value: Condition(f"{column.sql} = ?", (*column.parameters, value)))
    return _negated(found) if found and operator in _OPPOSITE else found


def _like(column: Condition, pattern: str) -> Condition:
    return Condition(f"ilike({column.sql}, ?)", (*column.parameters, pattern))


def _plain(value: str) -> str:
    """Take the meaning off wildcards: unlike the public API, the dashboard escapes them."""
    return re.sub(r"([\\%_])", r"\\\1", value)


def is_pattern(text: str) -> bool:
    """Whether the server takes a regular expression; it skips those that are too long or not of RE2."""
    if len(text) > _MAX_PATTERN or _NOT_RE2.search(text):
        return False
    try:
        re.compile(text)
    except re.error:
        return False
    return True


def _negated(condition: Condition) -> Condition:
    return Condition(f"NOT {condition.sql}", condition.parameters)
