"""Which sessions a dashboard search means: filters on sessions, on their events, and on the order of events.

The rules are those of contract §4.4 with observed A14, A15, A17 and §D. Where neither says what the server does, the
answer is the sandbox's 501.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox.event_conditions import is_pattern, step_condition, such_property
from openreplay_tools.sandbox.filters import QueryError
from openreplay_tools.sandbox.validation import Filter, UnknownError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openreplay_tools.sandbox.filters import Condition
    from openreplay_tools.sandbox.store import Row, Store

    Wanted = Callable[[Row], bool]

_NUMBERS = frozenset({"screenWidth", "screenHeight"})
_COLUMNS = _NUMBERS | {
    *("userId", "userAnonymousId", "userOs", "userOsVersion", "userBrowser", "userBrowserVersion"),
    *("userDevice", "userDeviceType", "userCountry", "userCity", "userState", "platform", "referrer", "revId"),
    *("utmSource", "utmMedium", "utmCampaign"),
}
_METADATA = re.compile(r"metadata_([1-9]|10)")
_ANY = frozenset({"isAny", "onAny"})
_NEGATIVE = frozenset({"isNot", "notContains"})
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
}
_TEXT: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part.lower() in text.lower(),
    "startsWith": lambda text, part: text.lower().startswith(part.lower()),
    "endsWith": lambda text, part: text.lower().endswith(part.lower()),
}
_ISSUE_IS_AN_ARRAY = (
    "sendQuery: [HTTP 500] response body: \"Code: 130. DB::Exception: Array does not start with '[' character: while"
    " converting '{0}' to Array(String): while executing function notEquals on arguments __table1.issue_types"
    " Array(LowCardinality(String)) Array(size = 0, UInt64(size = 0), LowCardinality(size = 0, UInt8(size = 0),"
    " Unique(size = 1, String(size = 1)))), '{0}'_String String Const(size = 0, String(size = 1))."
    ' (CANNOT_READ_ARRAY_FROM_TEXT)"'
)


class DatabaseError(QueryError):
    """The database refuses the query; the dashboard's routes show its text."""


@dataclass(frozen=True)
class Question:
    """Filters, the order of their events, and whether they stand in a series."""

    filters: tuple[Filter, ...]
    events_order: str
    in_series: bool = False


def matching(store: Store, project: int, rows: Iterable[Row], question: Question) -> list[Row]:
    """Return the rows of the sessions that all filters match."""
    labels = _labels(store, project)
    on_session = [item for item in question.filters if not item.is_event]
    tests = [test for item in on_session if (test := _session_test(store, project, item, labels))]
    events = [item for item in question.filters if item.is_event]
    # Two or more without an order are not applied at all (recorded: app_search-two-none).
    if events and (question.events_order or len(events) == 1):
        tests.append(_events_test(store, project, events, question))
    return [row for row in rows if all(test(row) for test in tests)]


def _labels(store: Store, project: int) -> list[str | None]:
    found = next((item for item in store.projects() if item["projectId"] == project), None)
    return [found[f"metadata{slot}"] if found else None for slot in range(1, 11)]


def _session_test(store: Store, project: int, item: Filter, labels: Sequence[str | None]) -> Wanted | None:
    """One filter on the session as a test of its row; None when the server drops it."""
    slot = _METADATA.fullmatch(item.name)
    if not item.auto_captured and (slot or item.name in _COLUMNS or item.name in {"issue", "issueType"}):
        raise UnknownError(f"a filter on {item.name} without autoCaptured")
    if item.auto_captured and (rule := _SPECIAL.get(item.name)):
        return rule(item)
    if slot:
        label = labels[int(slot[1]) - 1]
        return _value_test(item, lambda row: row["metadata"].get(label), nullable=True)
    if item.name in _COLUMNS:
        return _value_test(item, lambda row: row[item.name], nullable=False)
    return _global_property(store, project, item)


def _duration(item: Filter) -> Wanted:
    """`[min]` or `[min, max]` in milliseconds, "" for an open end; the operator does not matter."""
    bounds = [int(text) if re.fullmatch(r"\d+", text) else None for text in item.value[:2]]
    if any(bound is None and text for bound, text in zip(bounds, item.value, strict=False)):
        raise UnknownError("a duration that is no number")
    least, most = [*bounds, None, None][:2]

    def test(row: Row) -> bool:
        return (least is None or row["duration"] >= least) and (most is None or row["duration"] <= most)

    return test


def _issue(item: Filter) -> Wanted | None:
    if item.operator in _ANY:
        return None
    if item.operator == "isNot":
        raise DatabaseError(_ISSUE_IS_AN_ARRAY.format(item.value[0] if item.value else ""))
    if item.operator not in {"is", "on"}:
        raise UnknownError(f"operator {item.operator} on issue")
    return lambda row: not set(item.value).isdisjoint(row["issueTypes"])


_SPECIAL: dict[str, Callable[[Filter], Wanted | None]] = {
    "duration": _duration,
    "issue": _issue,
    "issueType": lambda _: None,  # silently dropped (contract §4.4)
    "revId": lambda _: lambda _: False,  # not stored where the search looks (observed A15)
}


def _value_test(item: Filter, value_of: Callable[[Row], Any], *, nullable: bool) -> Wanted | None:
    """Compare a column of the session; of the columns only metadata are null when empty."""
    if item.operator in _ANY:
        return (lambda row: value_of(row) is not None) if nullable else None
    if item.operator == "isUndefined":
        return lambda row: value_of(row) in {None, ""}
    if not item.value:
        return None
    compare = _number_rule(item) if item.name in _NUMBERS else _text_rule(item)
    if compare is None:
        return None
    return lambda row: (value := value_of(row)) is not None and compare(value)


def _number_rule(item: Filter) -> Callable[[Any], bool]:
    if item.operator in _TEXT or item.operator in {"regex", "notContains"}:
        raise UnknownError(f"operator {item.operator} on the number {item.name}")
    if not all(re.fullmatch(r"-?\d+(\.\d+)?", text) for text in item.value):
        raise UnknownError(f"{item.name} compared with what is no number")
    values = [float(text) for text in item.value]
    if sign := _SIGNS.get(item.operator):
        return lambda value: any(sign(value, wanted) for wanted in values)
    return lambda value: (value in values) is not (item.operator == "isNot")


def _text_rule(item: Filter) -> Callable[[str], bool] | None:
    """Compare text by the operator; None when every pattern is invalid, which skips the filter (contract §4.4)."""
    if item.operator == "regex":
        patterns = [re.compile(text) for text in item.value if is_pattern(text)]
        return (lambda value: any(pattern.search(value) for pattern in patterns)) if patterns else None
    if sign := _SIGNS.get(item.operator):
        return lambda value: any(sign(value, wanted) for wanted in item.value)
    if rule := _TEXT.get(item.operator):
        return lambda value: any(rule(value, wanted) for wanted in item.value)
    if item.operator == "notContains":
        return lambda value: not any(wanted.lower() in value.lower() for wanted in item.value)
    # Any operator without a meaning of its own behaves as "is".
    return lambda value: (value in item.value) is not (item.operator == "isNot")


def _global_property(store: Store, project: int, item: Filter) -> Wanted | None:
    """Any other name is a property of any event of the session."""
    if item.operator in _NEGATIVE or item.operator == "isUndefined":
        raise UnknownError(f"operator {item.operator} on a property of any event")
    condition = such_property(item)
    if condition is None:
        return None
    found = _sessions_with(store, project, condition)
    return lambda row: row["sessionId"] in found


def _sessions_with(store: Store, project: int, condition: Condition) -> set[str]:
    rows = store.select(
        f"SELECT DISTINCT e.session_id FROM events e WHERE e.project = ? AND {condition.sql}",
        (project, *condition.parameters),
    )
    return {str(session) for (session,) in rows}


def _events_test(store: Store, project: int, events: Sequence[Filter], question: Question) -> Wanted:
    absent = [item for item in events if _is_absence(item)]
    if absent and question.in_series:
        raise UnknownError("only negative conditions on an event inside a series")
    present = [item for item in events if not _is_absence(item)]
    without = [_sessions_with(store, project, step_condition(item, positive=True)) for item in absent]
    if question.events_order == "then" and len(present) > 1:
        found = _in_sequence(store, project, present)
        return lambda row: row["sessionId"] in found and not any(row["sessionId"] in hits for hits in without)
    with_event = [_sessions_with(store, project, step_condition(item)) for item in present]
    combine = any if question.events_order == "or" else all

    def test(row: Row) -> bool:
        session = row["sessionId"]
        return combine(
            [*(session in hits for hits in with_event), *(session not in hits for hits in without)],
        )

    return test


def _is_absence(item: Filter) -> bool:
    """Whether an event filter means "no such event": it has conditions, and all are negative (contract §4.4).

    `isNot` on the event itself does not count (observed A14).
    """
    return bool(item.filters) and all(inner.operator in _NEGATIVE for inner in item.filters)


def _in_sequence(store: Store, project: int, steps: Sequence[Filter]) -> set[str]:
    """Return the sessions in which the steps follow each other with no other step event between (observed §D)."""
    streams: dict[str, dict[tuple[int, int], set[int]]] = {}
    for number, item in enumerate(steps):
        condition = step_condition(item)
        rows = store.select(
            f"SELECT e.session_id, e.created_at, e.tie FROM events e WHERE e.project = ? AND {condition.sql}",
            (project, *condition.parameters),
        )
        for session, moment, tie in rows:
            streams.setdefault(str(session), {}).setdefault((moment, tie), set()).add(number)
    return {session for session, stream in streams.items() if _follows(stream, len(steps))}


def _follows(stream: dict[tuple[int, int], set[int]], length: int) -> bool:
    kinds = [stream[moment] for moment in sorted(stream)]
    return any(
        all(number in kinds[start + number] for number in range(length)) for start in range(len(kinds) - length + 1)
    )
