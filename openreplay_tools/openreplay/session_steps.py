"""Conditions on events in a session search: checked, and in the two forms in which the server takes them.

The session search and the list of a project's events name and compare the same things differently (contract §2.10,
§4.4); a sequence that the search cannot count is verified from the list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.openreplay.filter_catalogue import nearest
from openreplay_tools.openreplay.filters import COMPARISONS, WIRE
from openreplay_tools.openreplay.patterns import check_pattern
from openreplay_tools.operation import Record
from openreplay_tools.personal import named
from openreplay_tools.text import Given, Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.openreplay.filter_catalogue import FilterCatalogue
    from openreplay_tools.openreplay.filters import EventCondition, Operator
    from openreplay_tools.personal import Found

    Wire = dict[str, Any]

WITHOUT_VALUES = frozenset({"exists", "missing"})
NEGATIVE = frozenset({"is_not", "not_contains"})
PROPERTY_PREFIX = "property:"
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?\Z")

# Properties of events that trackers record by themselves, by the names of the wire (recordings; contract §4.4).
_ON_ALL = "user_device user_device_type"
_PAGE = "url urlPath url_host url_hostpath"
_TIMES = (
    "cls dom_building_time dom_content_loaded_event_end dom_content_loaded_event_start dom_content_loaded_event_time "
    "fcp first_contentful_paint_time first_paint inp lcp load_event_end load_event_start load_event_time request_start "
    "response_end response_start response_time speed_index time_to_interactive ttfb ttlb visually_complete"
)
_LOADS = (
    "avg_cpu max_cpu min_cpu avg_fps max_fps min_fps avg_total_js_heap_size max_total_js_heap_size "
    "min_total_js_heap_size avg_used_js_heap_size max_used_js_heap_size min_used_js_heap_size"
)
_PROPERTIES = {
    "CLICK": f"label selector tagId hesitation_time normalized_x normalized_y page_title {_PAGE}",
    "INPUT": "label hesitation_time",
    "LOCATION": f"page_title web_vitals {_PAGE} {_TIMES}",
    "REQUEST": f"method status success transfer_size request_body response_body {_PAGE}",
    "ERROR": "message name payload source",
    "ISSUE": f"issueType context_string payload {_PAGE}",
    "PERFORMANCE": _LOADS,
}
_NUMBERS = frozenset(f"{_TIMES} {_LOADS} status transfer_size hesitation_time normalized_x normalized_y".split())
_SPELLED = {"path": "urlPath", "page": "urlPath", "type": "issueType", "issue": "issueType", "host": "url_host"}


class Applied(Record):
    """A condition as it was asked of the server.

    Attributes:
        kind: session: of the session; event, absent: something done or not done; page: a visited one; saved: a search.
        subject: what the condition is on: browser, purchase, a metadata name …
        own: whether the subject is a name of ours, not one that the account's owner gave.
        property: of the event; "" for the event alone.
        operator: as in arguments.
        values: any of them.
    """

    kind: Literal["session", "event", "absent", "page", "saved"] = "session"
    subject: str = ""
    own: bool = True
    property: str = ""
    operator: str = "is"
    values: list[str] = []

    def persons(self) -> Iterator[Found]:
        """Yield the values, where the subject makes them personal."""
        yield from named(self.property or self.subject, self.values)


@dataclass(frozen=True, slots=True)
class Term:
    """A condition in the server's form, and as a reader is told of it."""

    wire: Wire
    said: Applied


def event_term(given: EventCondition, catalogue: FilterCatalogue) -> Term:
    """Check a condition on an event.

    Raises:
        ArgumentsError: the event or its property does not occur, or the server would take the condition for another.
    """
    event = catalogue.event(given.event)
    said = Applied(
        kind="absent" if given.absent else "event",
        subject=event.name,
        own=event.auto_captured,
        property=given.property,
        operator=given.operator,
        values=given.values,
    )
    if not given.property:
        if given.values or given.operator != "is":
            raise ArgumentsError(
                f"events: {given.operator} and values need a property of the event; without one the server ignores "
                f"them. For what was not done use absent=true."
            )
        return Term(_event(event.name, [], captured=event.auto_captured), said)
    _refuse_unclear(given)
    if not given.property.strip().removeprefix(PROPERTY_PREFIX):
        raise ArgumentsError("events: property is blank. Name one, or leave it out for the event alone.")
    captured, name = event.auto_captured, given.property.strip().removeprefix(PROPERTY_PREFIX)
    numeric = True
    if captured and not given.property.startswith(PROPERTY_PREFIX):
        name = _built_in(event.name, name)
        numeric = name in _NUMBERS or event.name not in _PROPERTIES
    inner = condition(name, given.operator, given.values, field="events", numeric=numeric)
    inner = {**inner, "isEvent": False, "autoCaptured": captured}
    return Term(_event(event.name, [inner], captured=captured), said)


def page_term(path: str) -> Term:
    """Return the condition that a page was visited, given its path; * at its edges stands for any text.

    Raises:
        ArgumentsError: it is no path.
    """
    text = path.strip()
    plain = text.strip("*")
    if not text.startswith(("/", "*")) or not plain or "*" in plain or any(char in plain for char in "?#"):
        raise ArgumentsError(
            "url_path: ", Given(path), " is not the path of a page. Write it from the first slash, without host and "
            "query: /checkout; a * before or after it stands for any text: /product/*, *cart*."
        )  # fmt: skip
    edges: dict[tuple[bool, bool], Operator] = {
        (False, False): "is", (False, True): "starts_with", (True, False): "ends_with", (True, True): "contains",
    }  # fmt: skip
    operator = edges[text.startswith("*"), text.endswith("*")]
    inner = condition("urlPath", operator, [plain], field="url_path", numeric=False)
    wire = _event("LOCATION", [{**inner, "isEvent": False, "autoCaptured": True}], captured=True)
    return Term(wire, Applied(kind="page", subject="LOCATION", operator=operator, values=[plain]))


def condition(name: str, operator: Operator, values: list[str], *, field: str, numeric: bool) -> Wire:
    """Return name, operator and values in the server's form.

    Args:
        name: as the server calls it.
        operator: see `filters`.
        values: see `filters`.
        field: the argument, for a refusal.
        numeric: whether what is compared is, or may be, a number.

    Raises:
        ArgumentsError: the server would ignore the condition or compare something else.
    """
    if operator in WITHOUT_VALUES:
        return {"name": name, "operator": WIRE[operator], "value": []}
    if not values or any(not value for value in values):
        raise ArgumentsError(
            f"{field}: {operator} needs at least one value, none of them empty; without a value the server ignores it."
        )
    if operator == "regex":
        for value in values:
            check_pattern(value, field)
    if operator not in COMPARISONS:
        return {"name": name, "operator": WIRE[operator], "value": list(values)}
    if not numeric:
        raise ArgumentsError(f"{field}: {operator} compares numbers; ", Given(name), " is text. Use is or contains.")
    if len(values) > 1 or not _NUMBER.match(values[0]):
        raise ArgumentsError(f"{field}: {operator} takes one number, such as 500.")
    # Without the data type the server compares text: 9 > 10 (observed §A17).
    return {"name": name, "operator": WIRE[operator], "value": list(values), "dataType": "number"}


def listed_form(step: Wire) -> list[Wire]:
    """Return an event filter of the session search as filters for the list of a project's events.

    That list mixes up event filters with others (observed §A1), so the name is compared as a column; and it takes % and
    _ for wildcards (contract §2.10).
    """
    found: list[Wire] = [{"name": "$event_name", "operator": "is", "value": [step["name"]]}]
    for inner in step.get("filters") or []:
        wire = {key: inner[key] for key in ("name", "operator", "value", "dataType") if inner.get(key)}
        if inner["name"] == "issueType":
            wire["name"] = "issue_type"
        if inner.get("autoCaptured"):
            wire["autoCaptured"] = True
        if inner["operator"] in _LIKE_EDGES and any(set("%_") & set(value) for value in inner["value"]):
            start, end = _LIKE_EDGES[inner["operator"]]
            wire["operator"] = "regex"
            wire["value"] = [f"(?i){start}{_literal(value)}{end}" for value in inner["value"]]
        found.append(wire)
    return found


_LIKE_EDGES = {"contains": ("", ""), "startsWith": ("^", ""), "endsWith": ("", "$")}


def _literal(text: str) -> str:
    return "".join(char if char.isalnum() or char in "_ " or ord(char) > 127 else f"\\{char}" for char in text)


def _event(name: str, filters: list[Wire], *, captured: bool) -> Wire:
    return {
        "name": name, "operator": "is", "isEvent": True, "autoCaptured": captured, "propertyOrder": "and",
        "filters": filters,
    }  # fmt: skip


def _refuse_unclear(given: EventCondition) -> None:
    if given.operator in NEGATIVE:
        # Negative conditions alone mean "no such event" to the server (contract §4.4), whatever is asked.
        positive = "is" if given.operator == "is_not" else "contains"
        raise ArgumentsError(
            f"events: {given.operator} would find sessions without any such event. For that say so: operator="
            f"{positive} with absent=true. For events that differ use another operator, such as regex or greater."
        )
    if given.operator == "exists":
        raise ArgumentsError("events: exists is ignored by the server on an event's property. Leave property out.")


def _built_in(event: str, given: str) -> str:
    """Return the wire's name of a property of an event that the tracker records."""
    known = f"{_PROPERTIES[event]} {_ON_ALL}".split() if event in _PROPERTIES else []
    if not known:
        return given
    folded = {_folded(name): name for name in known}
    name = folded.get(_folded(given)) or _SPELLED.get(given.casefold(), "")
    if name not in known:
        parts: list[object] = []
        for near in nearest(given, known):
            parts += [", " if parts else " Nearest: ", Recorded(near, identifier=True)]
        shown = ", ".join(each for each in known if each not in _TIMES.split()[:-6])
        raise ArgumentsError(
            f"events: {event} has no property ",
            Given(given),
            ".",
            *parts,
            ". " if parts else " ",
            f"It has: {shown}. One that newer trackers send is written {PROPERTY_PREFIX}<name>.",
        )
    return name


def _folded(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())
