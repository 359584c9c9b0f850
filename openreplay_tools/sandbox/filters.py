"""Filters as SQL: the operators of contract §2.10 with their quirks, over the sandbox's tables.

Where contract and recordings do not say what the server does, compiling raises `UnknownError` (answered 501), so that
nothing here can teach a client something the server was never seen to do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openreplay_tools.sandbox.columns import (
    EVENT_ALIASES,
    EVENT_COLUMNS,
    USER_ATTRIBUTES,
    USER_COLUMNS,
    USER_FIELDS,
    Kind,
    quoted,
)
from openreplay_tools.sandbox.validation import Filter, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NEGATIVE = frozenset({"isNot", "notEquals", "not", "off", "notOn", "notIn"})
_LIKE = {"contains": "%{}%", "notContains": "%{}%", "doesNotContain": "%{}%", "startsWith": "{}%", "endsWith": "%{}"}
_COMPARE = {
    **dict.fromkeys((">", "gt", "greaterThan"), ">"),
    **dict.fromkeys((">=", "gte", "greaterThanOrEqual"), ">="),
    **dict.fromkeys(("<", "lt", "lessThan"), "<"),
    **dict.fromkeys(("<=", "lte", "lessThanOrEqual"), "<="),
}
_TIME_COMPARE = {**_COMPARE, "after": ">", "before": "<", "onOrAfter": ">=", "onOrBefore": "<="}
_TIME_IS = frozenset({"is", "on", "in", "equals", "="})
_TIME_IS_NOT = _NEGATIVE | {"!="}
_ANY = frozenset({"isAny", "onAny"})
_PAIR = 2
_BEYOND_INT64 = 2**63
# RE2 has neither look-around nor back references: ClickHouse refuses the pattern.
_NOT_RE2 = re.compile(r"\(\?(?:=|!|<=|<!|>)|\\[1-9]")


class QueryError(Exception):
    """The database refuses the query: the server answers 500."""


@dataclass(frozen=True)
class Condition:
    """A piece of WHERE with its parameters."""

    sql: str
    parameters: tuple[str | int | float, ...] = ()


@dataclass(frozen=True)
class _Operand:
    """What a filter's name stands for: a column, or a key of a property map."""

    sql: str
    kind: Kind
    parameters: tuple[str, ...] = ()
    is_property: bool = False

    def call(self, function: str, *arguments: str | float) -> Condition:
        marks = "".join(", ?" for _ in arguments)
        return Condition(f"{function}({self.sql}{marks})", (*self.parameters, *arguments))


def all_of(conditions: Sequence[Condition]) -> Condition:
    """Join with AND."""
    return _joined(conditions, " AND ")


def any_of(conditions: Sequence[Condition]) -> Condition:
    """Join with OR."""
    return _joined(conditions, " OR ")


def _joined(conditions: Sequence[Condition], word: str) -> Condition:
    parameters = tuple(item for condition in conditions for item in condition.parameters)
    return Condition("(" + word.join(condition.sql for condition in conditions) + ")", parameters)


def _negated(condition: Condition) -> Condition:
    return Condition(f"NOT {condition.sql}", condition.parameters)


ALWAYS, NEVER = Condition("1"), Condition("0")


def on_users(filters: Sequence[Filter], start: int, end: int) -> list[Condition]:
    """Conditions on the table `u` of users; event filters look for one matching event, the kinds OR-ed."""
    conditions = [found for item in filters if not item.is_event if (found := _compile(item, _user_operand(item)))]
    events = [item for item in filters if item.is_event]
    if events:
        where = [Condition('e.project = u.project AND e."$user_id" = u."$user_id"'), event_groups(events)]
        # startTimestamp and endTimestamp narrow nothing but this (contract §2.4).
        if start:
            where.append(Condition("e.created_at >= ?", (start // 1000 * 1000,)))
        if end:
            where.append(Condition("e.created_at <= ?", (end // 1000 * 1000,)))
        matches = all_of(where)
        conditions.append(Condition(f"EXISTS (SELECT 1 FROM events e WHERE {matches.sql})", matches.parameters))
    return conditions


def on_session_events(filters: Sequence[Filter]) -> list[Condition]:
    """Conditions on the table `e` of events, for the events of one session."""
    events = [item for item in filters if item.is_event]
    if events:
        return [_swapped_parameters(events)]
    return [found for item in filters if (found := _compile(item, _event_operand(item)))]


def _swapped_parameters(events: Sequence[Filter]) -> Condition:
    """Give what the server gives when it binds its parameters in the wrong order (observed A1).

    The session's number takes the place of the event's name and the last parameter of the event filters the place of
    the session's number: text there is a database error, a number finds nothing.
    """
    for item in events:
        _event_condition([item])  # what is unknown stays unknown
    last = events[-1]
    inner = last.filters[-1] if last.filters else None
    text = last.name if inner is None else (inner.value[-1] if inner.value else inner.name)
    if not re.fullmatch(r"\+?\d+", text):
        raise QueryError
    return NEVER


def event_groups(events: Sequence[Filter]) -> Condition:
    """Return the condition of event filters: captured ones together, the site's own together, either is enough."""
    groups = [[item for item in events if item.auto_captured is wanted] for wanted in (True, False)]
    return any_of([_event_condition(group) for group in groups if group])


def _event_condition(events: Sequence[Filter]) -> Condition:
    """Match one of the named events; all sub-filters of the group are pooled into one OR (contract §2.10)."""
    for item in events:
        if item.operator not in {"is", "on", *_ANY}:
            raise UnknownError(f"operator {item.operator} on an event")
    marks = ", ".join("?" for _ in events)
    parts = [Condition(f'e."$event_name" IN ({marks})', tuple(item.name for item in events))]
    if events[0].auto_captured:
        parts.append(Condition('e."$auto_captured" = 1'))
    inner = [sub for item in events for sub in item.filters]
    if any(sub.is_event for sub in inner):
        raise UnknownError("an event filter inside an event filter")
    found = [condition for sub in inner if (condition := _compile(sub, _event_operand(sub)))]
    if found:
        parts.append(any_of(found))
    return all_of(parts)


def _user_operand(item: Filter) -> _Operand:
    if item.name in USER_COLUMNS:
        return _column("u", item.name, USER_COLUMNS[item.name])
    if item.name == "$current_path":
        return _Operand("''", Kind.TEXT)  # accepted by name, never filled
    if item.name in {"project_id", "_timestamp", "_deleted_at"}:
        raise UnknownError(f"a filter on {item.name}")
    return _Operand("u.properties, ?", Kind.TEXT, (item.name,), is_property=True)


def _event_operand(item: Filter) -> _Operand:
    if item.name in USER_ATTRIBUTES:
        kind = USER_FIELDS[item.name]
        nothing = "0" if kind is Kind.TIME else "''"  # an event without a known user compares as the empty value
        return _Operand(
            f"ifnull((SELECT a.{quoted(item.name)} FROM users a WHERE a.project = e.project"
            f' AND a."$user_id" = e."$user_id"), {nothing})',
            kind,
        )
    name = EVENT_ALIASES.get(item.name, item.name)
    if name in EVENT_COLUMNS:
        return _column("e", name, EVENT_COLUMNS[name])
    source = "$properties" if item.auto_captured else "properties"
    return _Operand(f"e.{quoted(source)}, ?", Kind.TEXT, (item.name,), is_property=True)


def _column(table: str, name: str, kind: Kind) -> _Operand:
    return _Operand(f"{table}.{quoted(name)}", kind)


def _compile(item: Filter, operand: _Operand) -> Condition | None:
    """One filter as SQL; None when the server silently ignores it."""
    if item.data_type == "timestamp":
        return _timestamp(item, operand)
    if item.data_type == "boolean":
        return _boolean(item, operand)
    if item.operator in _ANY or item.operator == "isUndefined":
        return _existence(operand, exists=item.operator in _ANY)
    if not item.value:
        return None
    if operand.is_property:
        return _property(item, operand)
    return _COLUMN_RULES[operand.kind](item, operand)


def _existence(operand: _Operand, *, exists: bool) -> Condition:
    if not operand.is_property:  # real columns are not nullable
        return ALWAYS if exists else NEVER
    found = operand.call("prop_exists")
    return found if exists else _negated(found)


def _boolean(item: Filter, operand: _Operand) -> Condition | None:
    if item.operator in _ANY or item.operator == "isUndefined":
        return _existence(operand, exists=item.operator in _ANY)
    if item.operator not in {"true", "false"}:
        return None
    wanted = item.operator == "true"
    if operand.is_property:
        # A missing property counts as false; one that is not boolean breaks the query (observed A12).
        return operand.call("prop_is_boolean", int(wanted))
    if operand.kind is not Kind.BOOLEAN:
        raise UnknownError(f"dataType boolean on {item.name}")
    return Condition(f"{operand.sql} = {int(wanted)}")


def _timestamp(item: Filter, operand: _Operand) -> Condition | None:
    if item.operator in {*_ANY, "isNotBlank"} or item.operator in {"isUndefined", "isBlank"}:
        return _existence(operand, exists=item.operator in {*_ANY, "isNotBlank"})
    # The leading digits count, whatever follows: an ISO date becomes its year in milliseconds (observed A11).
    digits = [re.match(r"\d+", text) for text in item.value]
    values = [int(hit[0]) // 1000 * 1000 for hit in digits if hit]
    if not values or len(values) < len(digits):
        return None
    if max(values) >= _BEYOND_INT64:
        raise UnknownError("a timestamp beyond 64 bits")
    if operand.is_property:
        # The server divides these by 1000 once more (contract §2.10, extra-user-prop-timestamp-*).
        values = [value // 1_000_000 for value in values]
        column = Condition(f"prop_number({operand.sql})", operand.parameters)
    elif operand.kind is Kind.TIME:
        column = Condition(operand.sql)
    else:
        raise UnknownError(f"dataType timestamp on {item.name}")
    return _time_condition(item.operator, column, values)


def _time_condition(operator: str, column: Condition, values: Sequence[int]) -> Condition | None:
    if sign := _TIME_COMPARE.get(operator):
        return any_of([_compared(column, sign, value) for value in values])
    if operator == "between" and len(values) == _PAIR:
        return _between(column, values)
    if operator in _TIME_IS or operator in _TIME_IS_NOT:
        found = _between(column, values) if len(values) == _PAIR else _in(column, values)
        return found if operator in _TIME_IS else _negated(found)
    return None


def _compared(column: Condition, sign: str, value: str | float) -> Condition:
    return Condition(f"{column.sql} {sign} ?", (*column.parameters, value))


def _between(column: Condition, values: Sequence[int]) -> Condition:
    return all_of([_compared(column, ">=", values[0]), _compared(column, "<=", values[1])])


def _in(column: Condition, values: Sequence[str | float]) -> Condition:
    marks = ", ".join("?" for _ in values)
    return Condition(f"({column.sql} IN ({marks}))", (*column.parameters, *values))


def _patterns(item: Filter, text: Condition) -> Condition | None:
    """The operators on text: LIKE with its wildcards open, and regular expressions."""
    if shape := _LIKE.get(item.operator):
        found = any_of(
            [Condition(f"ilike({text.sql}, ?)", (*text.parameters, shape.format(value))) for value in item.value]
        )
        return _negated(found) if item.operator in {"notContains", "doesNotContain"} else found
    if item.operator == "regex":
        for value in item.value:
            _check_pattern(value)
        return any_of([Condition(f"re2({text.sql}, ?)", (*text.parameters, value)) for value in item.value])
    return None


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise QueryError from error
    if _NOT_RE2.search(pattern):
        raise QueryError


def _equality(item: Filter, column: Condition, values: Sequence[str | float]) -> Condition:
    if item.operator in {"=", "!="}:  # only the first value is used
        return _compared(column, item.operator, values[0])
    found = _in(column, values)  # any operator without a meaning of its own behaves as "is"
    return _negated(found) if item.operator in _NEGATIVE else found


def _text(item: Filter, operand: _Operand) -> Condition:
    column = Condition(operand.sql)
    if sign := _COMPARE.get(item.operator):
        return any_of([_compared(column, sign, value) for value in item.value])
    return _patterns(item, column) or _equality(item, column, item.value)


def _numeric(item: Filter, operand: _Operand) -> Condition:
    if item.operator in _LIKE or item.operator == "regex":
        raise UnknownError(f"operator {item.operator} on the number {item.name}")
    values = _numbers(item.value)
    column = Condition(operand.sql)
    if sign := _COMPARE.get(item.operator):
        return any_of([_compared(column, sign, value) for value in values])
    return _equality(item, column, values)


def _numbers(values: Sequence[str]) -> list[float]:
    """Text where a number is compared is a database error, as for a session id that is none (contract §2.8)."""
    found: list[float] = []
    for value in values:
        if not re.fullmatch(r"[+-]?\d+(\.\d+)?", value):
            raise QueryError
        number = float(value) if "." in value else int(value)
        found.append(number if abs(number) < _BEYOND_INT64 else float(number))
    return found


def _flag(item: Filter, operand: _Operand) -> Condition:
    words = {"true": 1, "1": 1, "false": 0, "0": 0}
    if item.operator in _LIKE or item.operator == "regex" or item.operator in _COMPARE or set(item.value) - set(words):
        raise UnknownError(f"operator {item.operator} with {list(item.value)} on {item.name}")
    return _equality(item, Condition(operand.sql), [words[value] for value in item.value])


def _time(item: Filter, operand: _Operand) -> Condition:
    # Only ">" was seen: no error and no row (observed A10).
    if item.operator in {">", "gt", "greaterThan"} and operand.sql.startswith("u."):
        return NEVER
    raise UnknownError(f"operator {item.operator} on the time {item.name} without dataType timestamp")


def _unknown(item: Filter, _: _Operand) -> Condition:
    raise UnknownError(f"a filter on {item.name}")


_COLUMN_RULES: dict[Kind, Callable[[Filter, _Operand], Condition]] = {
    Kind.TEXT: _text,
    Kind.NUMBER: _numeric,
    Kind.BOOLEAN: _flag,
    Kind.TIME: _time,
    Kind.MAP: _unknown,
    Kind.LIST: _unknown,
}


def _property(item: Filter, operand: _Operand) -> Condition:
    """Compare a key of a property map.

    A row without the key matches no comparison, the negative ones neither: an assumption, since neither contract nor
    recordings show it.
    """
    text = Condition(f"prop_text({operand.sql})", operand.parameters)
    if sign := _COMPARE.get(item.operator):
        if item.data_type in {"number", "integer"}:
            number = Condition(f"prop_number({operand.sql})", operand.parameters)
            return any_of([_compared(number, sign, value) for value in _numbers(item.value)])
        # As stored: text compares as text, a JSON number as a number (observed A17).
        return any_of([operand.call("prop_compare", sign, value) for value in item.value])
    if found := _patterns(item, text):
        return found
    if item.data_type in {"number", "integer"}:
        number = Condition(f"prop_number({operand.sql})", operand.parameters)
        return _equality(item, number, _numbers(item.value))
    return _equality(item, text, item.value)
