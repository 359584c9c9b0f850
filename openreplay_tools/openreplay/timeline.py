"""One session's events as they happened: order within a second restored by cause, twins made one.

Event times are whole seconds and the server's order within one is arbitrary (observed §A2, §D). What can be told: a
click carries the page it was made on, a request precedes what reports its outcome.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic_core import core_schema

from openreplay_tools.operation import Instant, Record
from openreplay_tools.personal import PersonId

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

_RANK = {
    "LOCATION": 0,
    "TAP": 1,
    "SWIPE": 1,
    "CLICK": 1,
    "INPUT": 2,
    "REQUEST": 3,
    "GRAPHQL": 3,
    "ERROR": 5,
    "CRASH": 5,
    "ISSUE": 6,
    "PERFORMANCE": 7,
}
_CUSTOM_RANK = 4
_FIELD_RANK = 1.5  # a click into a field comes before the typing, a click on a button after it
_AFTER_TYPING = 2.5
_NO_PAGE_OF_ITS_OWN = frozenset({"REQUEST", "GRAPHQL"})  # their url is the request's (observed §A16)
_FAILED = 400
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class _NullMeans:
    """Reads null as a value; without a call into Python where there is none, for events come by the thousand."""

    value: str | int
    refusal: str  # pydantic's own, as if there were no alternative

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        exact = handler(source)
        null = core_schema.no_info_after_validator_function(lambda _: self.value, core_schema.none_schema())
        written = core_schema.simple_ser_schema(exact["type"])
        return core_schema.union_schema(
            [exact, null], mode="left_to_right", custom_error_type=self.refusal, serialization=written
        )


_Text = Annotated[str, _NullMeans("", "string_type")]
_Count = Annotated[int, _NullMeans(0, "int_type")]
_Flag = Annotated[bool, _NullMeans(False, "bool_type")]


class Event(Record):
    """Something that happened in a session.

    Attributes:
        kind: CLICK, LOCATION, REQUEST, ERROR …, or the site's own event name.
        at: when, in whole seconds.
        offset_ms: from the start of the recording; within a second before the true moment.
        properties: the site's own payload.
        captured: what the tracker recorded by itself (label, selector, url, status, message …).
        duration_s: of a request or of typing, rounded to seconds.
        url: the page, or the address of a request.
        link: opens the replay at this event.
        twin_issue_id: the issue that the server wrote beside this custom event.
    """

    event_id: _Text = ""
    kind: _Text = Field("", alias="$event_name")
    at: Instant | None = Field(None, alias="created_at")
    offset_ms: int = 0
    session_id: _Text = ""
    distinct_id: _Text = ""
    user_id: Annotated[PersonId, _NullMeans("", "string_type")] = Field("", alias="$user_id")
    device_id: _Text = Field("", alias="$device_id")
    duration_s: _Count = Field(0, alias="$duration_s")
    properties: dict[str, Any] | None = None
    captured: dict[str, Any] | None = Field(None, alias="$properties")
    auto_captured: _Flag = Field(False, alias="$auto_captured")
    url: _Text = Field("", alias="$current_url")
    path: _Text = Field("", alias="$current_path")
    referrer: _Text = Field("", alias="$referrer")
    browser: _Text = Field("", alias="$browser")
    os: _Text = Field("", alias="$os")
    os_version: _Text = Field("", alias="$os_version")
    country: _Text = Field("", alias="$country")
    state: _Text = Field("", alias="$state")
    city: _Text = Field("", alias="$city")
    issue_type: _Text = ""
    issue_id: _Text = ""
    error_id: _Text = ""
    link: str = ""
    twin_issue_id: str = ""

    def recorded(self, key: str) -> Any:
        """Return what the tracker recorded under a key, None when it did not."""
        return (self.captured or {}).get(key)

    @property
    def failed(self) -> bool:
        """Whether this is a request that the server of the site refused or failed."""
        if self.kind != "REQUEST":
            return False
        status = number(self.recorded("status"))
        return self.recorded("success") is False or (status is not None and status >= _FAILED)


def arranged(events: list[Event]) -> list[Event]:
    """Return the events in the order in which they happened, as far as that can be told."""
    ordered: list[Event] = []
    page = ""
    for _, group in groupby(sorted(events, key=_second), key=_second):
        second = list(group)
        if len(second) > 1:
            second = _by_cause(sorted(second, key=lambda event: event.event_id), page)
        ordered += second
        page = next((event.url for event in reversed(second) if event.kind == "LOCATION"), page)
    return ordered


def without_twins(events: list[Event]) -> list[Event]:
    """Return the events without the ISSUE that the server writes beside each custom event (observed §A4)."""
    own = {(event.kind, event.at): event for event in events if event.kind not in _RANK}
    kept = []
    for event in events:
        twin = own.get((str(event.recorded("context_string")), event.at)) if _is_custom_issue(event) else None
        if twin is None:
            kept.append(event)
        else:
            twin.twin_issue_id = event.issue_id
    return kept


def payload(event: Event) -> dict[str, Any]:
    """Return the site's own data of an event: its properties, or the JSON its issue carries."""
    if event.properties:
        return event.properties
    text = event.recorded("payload")
    if not isinstance(text, str) or not text or event.kind != "ISSUE":
        return {}
    value = parsed(text)
    return value if isinstance(value, dict) else {"payload": text if value is None else value}


def parsed(text: Any) -> Any:
    """Read JSON text as recorded, None when it is none; however deep a visitor nested it."""
    try:
        return json.loads(text) if isinstance(text, str) and text else None
    except (ValueError, RecursionError):
        return None


def number(value: Any) -> float | None:
    """Read a figure; web vitals are strings (observed §A17)."""
    try:
        figure = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return figure if figure is not None and isfinite(figure) else None


def _is_custom_issue(event: Event) -> bool:
    return event.kind == "ISSUE" and event.issue_type == "custom"


def _second(event: Event) -> datetime:
    return event.at or _NEVER


def _by_cause(events: list[Event], page: str) -> list[Event]:
    """Arrange the events of one second, given the page that was open before it."""
    visits = _chained([event for event in events if event.kind == "LOCATION"], events, page)
    numbers = {id(visit): number for number, visit in enumerate(visits, 1)}  # not every server tells an event's id
    stations: dict[str, int] = {page: 0 if page or not visits else 1}  # before the first page there is nothing to click
    for visit in visits:
        stations.setdefault(visit.url, numbers[id(visit)])
    typed = {str(event.recorded("label")) for event in events if event.kind == "INPUT"}
    acted = max((stations.get(event.url, 0) for event in events if event.kind in {"CLICK", "TAP"}), default=len(visits))
    # What has no page of its own comes after the last action of this second, but before what reports its outcome.
    reports = [stations[event.url] for event in events if _reports(event) and event.url in stations]
    loose = min([acted, *reports])

    def place(event: Event) -> tuple[float, float]:
        if event.kind == "LOCATION":
            return (numbers[id(event)], _rank(event, typed))
        if event.url and event.kind not in _NO_PAGE_OF_ITS_OWN:
            return (stations.get(event.url, loose), _rank(event, typed))
        return (loose, _rank(event, typed))

    return sorted(events, key=place)


def _chained(visits: list[Event], events: list[Event], page: str) -> list[Event]:
    """Arrange page views of one second: those left by a click come before the ones it led to."""
    left = {event.url for event in events if event.kind in {"CLICK", "TAP"} and event.url != page}
    return sorted(visits, key=lambda visit: (visit.url not in left, visit.url != page))


def _reports(event: Event) -> bool:
    """Tell whether an event reports how a request ended."""
    return event.kind in {"ERROR", "CRASH", "ISSUE"} or event.kind not in _RANK


def _rank(event: Event, typed: set[str]) -> float:
    if event.kind in {"CLICK", "TAP"} and typed:
        return _FIELD_RANK if str(event.recorded("label")) in typed else _AFTER_TYPING
    return _RANK.get(event.kind, _CUSTOM_RANK)
