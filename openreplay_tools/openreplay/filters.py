"""Typed filters: checked before the request, so that the server never silently ignores or falsifies one.

The server takes almost anything and drops what it does not understand (contract §2.10, observed §A10-A12, A17). Here
every name, operator, data type and value is checked first; what the server would get wrong is asked in another form or
refused with the reason.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.event_properties import property_name
from openreplay_tools.openreplay.patterns import check_pattern
from openreplay_tools.operation import ArgumentPart
from openreplay_tools.text import Given, Own, own

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

Operator = Literal[
    "is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "regex",
    "greater", "greater_or_equal", "less", "less_or_equal", "exists", "missing",
]  # fmt: skip
Compare = Annotated[Operator, Field(description="How to compare.")]
Values = Annotated[
    list[Annotated[str, Field(max_length=256)]],
    Field(max_length=10, description="Any may match; numbers as text."),
]

WIRE = {
    "is": "is", "is_not": "isNot", "contains": "contains", "not_contains": "notContains",
    "starts_with": "startsWith", "ends_with": "endsWith", "regex": "regex", "greater": ">", "greater_or_equal": ">=",
    "less": "<", "less_or_equal": "<=", "exists": "isAny", "missing": "isUndefined",
}  # fmt: skip
_TIME_WIRE = {"greater": "after", "greater_or_equal": "onOrAfter", "less": "before", "less_or_equal": "onOrBefore"}
WORDS = {
    "is": "is", "is_not": "is not", "contains": "contains", "not_contains": "does not contain",
    "starts_with": "starts with", "ends_with": "ends with", "regex": "matches", "greater": ">",
    "greater_or_equal": "≥", "less": "<", "less_or_equal": "≤", "exists": "exists", "missing": "is missing",
}  # fmt: skip
COMPARISONS = frozenset(_TIME_WIRE)
_LIKE = frozenset({"contains", "starts_with", "ends_with"})
_ONE_VALUE = frozenset({*COMPARISONS})
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_PREFIX = "property:"
_LONGEST_VALUE = 256  # characters of a value that the server takes (contract §2.10)

# Columns of a user record that can be filtered on (contract §2.4), by the names people use.
USER_COLUMNS = {
    "user_id": "$user_id", "email": "$email", "name": "$name", "first_name": "$first_name", "last_name": "$last_name",
    "phone": "$phone", "country": "$country", "state": "$state", "city": "$city", "created": "$created_at",
    "last_seen": "$last_seen", "first_event": "$first_event_at", "current_url": "$current_url",
    "initial_referrer": "$initial_referrer", "referring_domain": "$referring_domain", "sdk_version": "$sdk_version",
    "utm_source": "initial_utm_source", "utm_medium": "initial_utm_medium", "utm_campaign": "initial_utm_campaign",
}  # fmt: skip
TIME_COLUMNS = frozenset({"$created_at", "$last_seen", "$first_event_at"})

# Events that trackers record by themselves (contract §2.8); all other names are the site's own.
CAPTURED_EVENTS = frozenset({
    "CLICK", "INPUT", "LOCATION", "ERROR", "REQUEST", "GRAPHQL", "PERFORMANCE", "ISSUE", "TAP", "SWIPE", "CRASH",
    "CUSTOM",
})  # fmt: skip


_COUNTRY = re.compile(r"[A-Za-z]{2}\Z")
_ALIASES = {
    "PAGE": "LOCATION", "PAGES": "LOCATION", "CLICKS": "CLICK", "INPUTS": "INPUT", "ERRORS": "ERROR",
    "REQUESTS": "REQUEST", "ISSUES": "ISSUE", "TAPS": "TAP", "CRASHES": "CRASH",
}  # fmt: skip


def event_names(given: list[str]) -> list[str]:
    """Return event names as the server spells them; names of the site's own events are case-sensitive.

    Raises:
        ArgumentsError: a name is empty.
    """
    found = []
    for kind in given:
        upper = kind.strip().upper()
        name = _ALIASES.get(upper, upper)
        found.append(name if name in CAPTURED_EVENTS else kind)
    if any(not kind.strip() for kind in found):
        raise ArgumentsError("kinds: an empty name matches nothing. Leave kinds out for all events.")
    return found


class Filter(ArgumentPart):
    """One condition on a column or a custom property."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=256,
            description="Such as country; property:<name>.",
        ),
    ]
    operator: Compare = "is"
    values: Values = []


class EventCondition(ArgumentPart):
    """One condition on what people did."""

    event: Annotated[str, Field(min_length=1, max_length=256, description="Name: CLICK, REQUEST, ERROR, purchase …")]
    property: Annotated[str, Field(max_length=256, description="Its property, if any.")] = ""
    operator: Compare = "is"
    values: Values = []
    absent: Annotated[bool, Field(description="True: must not have happened.")] = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A filter as the server takes it, as a reader is told of it, and as it can be checked on a returned row.

    Args:
        wire: the server's form.
        said: our words for it.
        column: the user column it is about; "" for properties and events.
        holds: whether a column's value meets it; the server also matches outdated records (observed §A33).
    """

    wire: dict[str, Any]
    said: Line
    column: str = ""
    holds: Callable[[str | int], bool] | None = None


def user_condition(given: Filter, scope: Scope) -> Condition:
    """Check one filter on users.

    Raises:
        ArgumentsError: the name, operator or values would be ignored or falsified.
    """
    if given.name.startswith(_PREFIX):
        wire = _property(given.name.removeprefix(_PREFIX), given, "filters")
        return Condition(wire, _said(Given(given.name), given))
    column = _column(given.name)
    if column in TIME_COLUMNS:
        return _time(column, given, scope)
    if given.operator in {"exists", "missing"}:
        raise ArgumentsError(
            f"filters: {given.operator} does not work on {given.name}: the server treats every column as "
            f"present. Use is or is_not."
        )
    if given.operator in COMPARISONS:
        raise ArgumentsError(
            f"filters: {given.operator} compares numbers and times; {given.name} is text. Use is, contains or regex."
        )
    if column == "$country":
        values = [country_code(value, given.operator) for value in _values(given, "filters")]
        given = given.model_copy(update={"values": values})
    said = _said(Own(given.name.removeprefix("$")), given)
    return Condition(_text(column, given, "filters"), said, column, partial(_text_holds, given.operator, given.values))


def country_code(value: str, operator: str) -> str:
    """Return a country as the server keeps it, in capitals.

    Raises:
        ArgumentsError: it is no two-letter code, of which the server would find none and say nothing.
    """
    if operator not in {"is", "is_not"}:
        return value
    if _COUNTRY.match(value.strip()):
        return value.strip().upper()
    raise ArgumentsError("country: ", Given(value), " is not a two-letter country code (ISO 3166) such as DE or US.")


def time_condition(column: str, since: str, until: str, scope: Scope, name: str) -> list[Condition]:
    """Return the conditions for a time column between two moments as people say them.

    Args:
        column: a column of `TIME_COLUMNS`.
        since: earliest; "" for no bound.
        until: latest; "" for no bound.
        scope: clock and zone.
        name: what the arguments' names begin with, such as last_seen.

    Raises:
        ArgumentsError: a time is unclear, or the span is empty.
    """
    if not since and not until:
        return []
    span = windows.window(
        since or "2000-01-01", until or "2990-01-01", now=scope.now, zone=scope.zone, default=None, prefix=f"{name}_"
    )
    label, zone = name.replace("_", " "), scope.zone.key
    found = []
    if since:
        said = own(f"{label} since {windows.format_moment(span.start)} {zone}")
        wire = _timestamp(column, "onOrAfter", span.start_ms)
        found.append(Condition(wire, said, column, partial(_within, span.start_ms, None)))
    if until:
        said = own(f"{label} before {windows.format_moment(span.end)} {zone}")
        wire = _timestamp(column, "before", span.end_ms)
        found.append(Condition(wire, said, column, partial(_within, None, span.end_ms)))
    return found


def event_conditions(given: list[EventCondition]) -> list[Condition]:
    """Check conditions on what users did; several are alternatives: the server can do no more.

    Raises:
        ArgumentsError: a condition the server would ignore or mix up with another.
    """
    if any(condition.absent for condition in given):
        raise ArgumentsError(
            "events: absent needs more than an organization key: the server cannot search for what users did not do."
        )
    if len(given) > 1 and any(condition.property for condition in given):
        raise ArgumentsError(
            "events: with several events the server mixes up their properties. "
            "Ask with one event at a time, or without property."
        )
    return [_event_condition(condition) for condition in given]


def _event_condition(given: EventCondition) -> Condition:
    captured = given.event in CAPTURED_EVENTS
    wire: dict[str, Any] = {"name": given.event, "operator": "is", "isEvent": True, "propertyOrder": "and"}
    wire["autoCaptured"] = captured
    said: Line = (Own("did "), Given(given.event))
    if given.property:
        name = property_name(given.event, given.property)
        inner = Filter(name=given.property, operator=given.operator, values=given.values)
        wire["filters"] = [{**_property(name, inner, "events"), "autoCaptured": captured}]
        return Condition(wire, (*said, Own(" with "), *_said(Given(given.property), inner)))
    if given.values or given.operator != "is":
        raise ArgumentsError("events: values need a property; without one the server ignores them.")
    return Condition(wire, said)


def _within(at_least: int | None, below: int | None, value: str | int) -> bool:
    ms = int(value)
    return (at_least is None or ms >= at_least) and (below is None or ms < below)


def _text_holds(operator: str, values: list[str], value: str | int) -> bool:
    text = str(value)
    if operator in {"is", "is_not"}:
        return (text in values) is (operator == "is")
    meets = {"contains": str.__contains__, "starts_with": str.startswith, "ends_with": str.endswith}.get(operator)
    return meets is None or any(meets(text.lower(), each.lower()) for each in values)


def _column(given: str) -> str:
    if given in USER_COLUMNS:
        return USER_COLUMNS[given]
    if given in USER_COLUMNS.values():
        return given
    near = difflib.get_close_matches(given.lstrip("$").lower(), USER_COLUMNS, 3, 0.5)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise ArgumentsError(
        "Unknown filter ", Given(given), f".{hint} Columns: {', '.join(USER_COLUMNS)}. "
        "A custom property is written property:<name>.",
    )  # fmt: skip


def _text(column: str, given: Filter, field: str) -> dict[str, Any]:
    values = _values(given, field)
    operator = given.operator
    if operator == "regex":
        for value in values:
            check_pattern(value, field)
    if operator in _LIKE and any("%" in value or "_" in value for value in values):
        # The server takes % and _ for wildcards here; its regular expressions have none.
        start, end = "^" if operator == "starts_with" else "", "$" if operator == "ends_with" else ""
        patterns = [f"(?i){start}{_literal(value)}{end}" for value in values]
        if any(len(pattern) > _LONGEST_VALUE for pattern in patterns):
            raise ArgumentsError(
                f"{field}: a value with % or _ is too long to be asked for exactly; give a shorter part of it."
            )
        return {"name": column, "operator": "regex", "value": patterns}
    if operator == "not_contains" and any("%" in value or "_" in value for value in values):
        raise ArgumentsError(
            f"{field}: not_contains takes % and _ for wildcards on this server, so it would exclude too much. "
            f"Use is_not."
        )
    return {"name": column, "operator": WIRE[operator], "value": values}


def _property(name: str, given: Filter, field: str) -> dict[str, Any]:
    if not name:
        raise ArgumentsError(f"{field}: write the property's name after property:, such as property:plan.")
    if given.operator in {"exists", "missing"}:
        return {"name": name, "operator": WIRE[given.operator], "value": []}
    if given.operator not in COMPARISONS:
        return _text(name, given, field)
    values = _values(given, field)
    if not all(_NUMBER.match(value) for value in values):
        raise ArgumentsError(
            f"{field}: {given.operator} compares numbers only; the server gets times in custom properties wrong. "
            f"Give a number."
        )
    # Without the data type the server compares text: 9 > 10 (observed §A17).
    return {"name": name, "operator": WIRE[given.operator], "value": values, "dataType": "number"}


def _time(column: str, given: Filter, scope: Scope) -> Condition:
    if given.operator not in COMPARISONS:
        raise ArgumentsError(
            f"filters: {given.name} is a time: use greater, less, greater_or_equal or less_or_equal with a time "
            f"such as 7d or 2026-11-03."
        )
    value = _values(given, "filters")[0]
    later = given.operator in {"greater", "less_or_equal"}
    when = windows.moment(value, now=scope.now, zone=scope.zone, field="filters", edge="end" if later else "start")
    ms = int(when.timestamp() * 1000)
    # "after a day" is from its end on, "at most a day" is before its end: both bounds are half-open.
    wire = _timestamp(column, "onOrAfter" if given.operator.startswith("greater") else "before", ms)
    said = (
        Own(f"{given.name.removeprefix('$')} {WORDS[given.operator]} "),
        Given(value),
        Own(f" ({windows.format_moment(when)})"),
    )
    if given.operator.startswith("greater"):
        return Condition(wire, said, column, partial(_within, ms, None))
    return Condition(wire, said, column, partial(_within, None, ms))


def _timestamp(column: str, operator: str, ms: int) -> dict[str, Any]:
    # Without the data type the server finds nothing and says nothing (observed §A10).
    return {"name": column, "operator": operator, "value": [str(ms)], "dataType": "timestamp"}


def _values(given: Filter, field: str) -> list[str]:
    if not given.values or any(not value for value in given.values):
        raise ArgumentsError(
            f"{field}: {given.operator} needs at least one value, none of them empty; without a value the server "
            f"ignores the filter."
        )
    if given.operator in _ONE_VALUE and len(given.values) > 1:
        raise ArgumentsError(f"{field}: {given.operator} takes one value.")
    return list(given.values)


def _literal(text: str) -> str:
    """Return a text as a regular expression that matches exactly it, in the server's dialect (RE2)."""
    return "".join(map(_literal_character, text))


def _literal_character(char: str) -> str:
    if char.isalnum() or char in "_ " or ord(char) > 127:
        return char
    return f"\\{char}" if char.isprintable() else f"\\x{ord(char):02x}"


def _said(what: Own | Given, given: Filter) -> Line:
    parts: list[Own | Given] = [what, Own(f" {WORDS[given.operator]}")]
    for index, value in enumerate(given.values if given.operator not in {"exists", "missing"} else []):
        parts += [Own(" or " if index else " "), Given(value)]
    return tuple(parts)
