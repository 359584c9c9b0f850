"""A session's events as the dashboard tells them (contract §4.5), in the shape of those of API v2, and both made one.

Both come from one table (observed §A3), so they agree to the second in all that both tell. The dashboard alone counts
the clicks of a rage; API v2 alone tells requests and performance, and who the visitor was.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from openreplay_tools.flow import Request
from openreplay_tools.openreplay.timeline import Event, number, payload
from openreplay_tools.operation import Record

if TYPE_CHECKING:
    from openreplay_tools.operation import Scope

Item = dict[str, Any]

_SAME_ISSUE_S = 2  # the dashboard collapses issues of one type within this time (contract §4.5)
# What API v2 calls what the dashboard and API v1 call otherwise (contract §2.8, §3.5, §4.5).
_CAPTURED = {
    "label": "label", "selector": "selector", "hesitation": "hesitation_time", "url": "url", "host": "url_host",
    "fcpTime": "first_contentful_paint_time", "firstContentfulPaintTime": "first_contentful_paint_time",
    "firstPaintTime": "first_paint", "loadTime": "load_event_time",
    "domContentLoadedTime": "dom_content_loaded_event_time", "domBuildingTime": "dom_building_time",
    "speedIndex": "speed_index", "visuallyComplete": "visually_complete", "timeToInteractive": "time_to_interactive",
    "source": "source", "message": "message", "direction": "direction", "contextString": "context_string",
    "issueType": "issue_type", "startTime": "start_time", "endTime": "end_time",
    "userDevice": "user_device", "userDeviceType": "user_device_type", "pageTitle": "page_title",
}  # fmt: skip


class SessionEvents(Record):
    """What GET …/sessions/{id}/events tells; each list may be null after a failure inside the server."""

    events: list[Item] | None = None
    user_events: list[Item] | None = Field(None, alias="userEvents")
    issues: list[Item] | None = None
    incidents: list[Item] | None = None
    errors: list[Item] | None = None
    crashes: list[Item] | None = None

    def counts(self) -> dict[str, int]:
        """Return how many errors, crashes, own events and issues of each type there are; zeros are left out."""
        issues = Counter(text for item in self.issues or [] if (text := str(item.get("issueType") or "")) != "custom")
        found = {
            "error": len(self.errors or []),
            "crash": len(self.crashes or []),
            **issues,
            "incident": len(self.incidents or []),
            "custom": len(self.user_events or []),
        }
        return {kind: count for kind, count in found.items() if kind and count}

    def firsts(self) -> dict[str, int]:
        """Return when the first error, crash and issue of each type was, epoch ms, the earliest first."""
        found: dict[str, int] = {}
        of_kind = [("error", each) for each in self.errors or []] + [("crash", each) for each in self.crashes or []]
        of_kind += [(str(each.get("issueType") or ""), each) for each in self.issues or []]
        of_kind += [("incident", each) for each in self.incidents or []]
        for kind, item in of_kind:
            at = _moment(item)
            if kind not in {"", "custom"} and at is not None:
                ms = round(at.timestamp() * 1000)
                found[kind] = min(ms, found.get(kind, ms))
        return dict(sorted(found.items(), key=lambda each: each[1]))


class SessionEventsReply(Record):
    """Reply of GET /{projectId}/sessions/{sessionId}/events."""

    data: SessionEvents


def session_events(scope: Scope) -> Request[SessionEventsReply]:
    """Return the request for the events of the scope's session, which the dashboard shows beside a replay."""
    path = (str(scope.project.id), "sessions", scope.session.id, "events")
    return Request("GET", path, SessionEventsReply, via="dashboard")


def events_of(told: SessionEvents) -> list[Event]:
    """Return the dashboard's events in the shape of API v2."""
    events = [as_event(item) for item in told.events or []]
    events += [_own(item) for item in told.user_events or []]
    events += [_error(item) for item in told.errors or []]
    events += [_crash(item) for item in told.crashes or []]
    issues = [_issue(item) for item in told.issues or []]
    issues += [_issue({**item, "issueType": "incident"}) for item in told.incidents or []]
    for item in told.events or []:
        if item.get("type") == "CLICKRAGE":
            _count(item, issues)
    return [*events, *issues]


def as_event(item: Item) -> Event:
    """Return a click, tap, input or page of the dashboard or of API v1 in the shape of API v2.

    What was typed is left out, should a server ever tell it: API v2 never does.
    """
    kind = str(item.get("type") or "").upper()
    return _event(
        "CLICK" if kind == "CLICKRAGE" else kind,
        item,
        auto_captured=True,
        duration_s=round((number(item.get("duration")) or 0) / 1000),
        url=str(item.get("url") or ""),
        referrer=str(item.get("referrer") or ""),
    )


def merged(events: list[Event], others: list[Event]) -> list[Event]:
    """Return API v2's events and those of the dashboard, each once, with what either tells of it.

    Args:
        events: from API v2, or from the dashboard's search of all events; changed in place.
        others: from `events_of`.
    """
    waiting: dict[tuple[object, ...], list[Event]] = defaultdict(list)
    for event in events:
        waiting[_same(event)].append(event)
    new = []
    for other in others:
        if known := waiting[_same(other)]:
            _fill(known.pop(0), other)
        else:
            new.append(other)
    everything = [*events, *new]
    return [*events, *(event for event in new if not _repeats(event, everything))]


def _captured(item: Item) -> Item:
    found = {_CAPTURED[key]: value for key, value in item.items() if key in _CAPTURED and value is not None}
    return {key: value for key, value in found.items() if value != ""}


def _moment(item: Item) -> datetime | None:
    stamp = number(item.get("timestamp"))
    try:
        if stamp is not None:
            return datetime.fromtimestamp(stamp / 1000, UTC)
        read = datetime.fromisoformat(str(item.get("createdAt") or ""))
    except (ValueError, OverflowError, OSError):  # no time that a calendar has
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)  # API v1 tells no zone; it is UTC (recorded)


def _event(kind: str, item: Item, **more: Any) -> Event:
    return Event.model_validate({"kind": kind, "at": _moment(item), "captured": _captured(item), **more})


def _own(item: Item) -> Event:
    """Return an event of the site's own; on phones they all are of the kind CUSTOM (contract §2.8)."""
    told = item.get("properties")
    properties = told if isinstance(told, dict) else None
    if "autoCaptures" in item:
        return _event("CUSTOM", item, properties=properties, captured=_mobile(item), auto_captured=True)
    return _event(str(item.get("name") or ""), item, properties=properties)


def _error(item: Item) -> Event:
    # Its name is always the word ERROR, not that of the exception (recorded).
    return _event("ERROR", item, error_id=str(item.get("errorId") or ""), auto_captured=True)


def _crash(item: Item) -> Event:
    return _event("CRASH", item, captured=_mobile(item), auto_captured=True)


def _mobile(item: Item) -> Item:
    told = item.get("autoCaptures")
    return {"name": item.get("name"), **(told if isinstance(told, dict) else {})}


def _issue(item: Item) -> Event:
    kind, key = str(item.get("issueType") or ""), str(item.get("issueId") or "")
    return _event("ISSUE", item, issue_type=kind, issue_id=key, auto_captured=True)


def _count(rage: Item, issues: list[Event]) -> None:
    """Give the issue of a click rage the number of clicks; make the issue where it is gone or was collapsed."""
    at = _moment(rage)
    found = next((issue for issue in issues if issue.issue_type == "click_rage" and issue.at == at), None)
    if found is None:
        label = rage.get("label") or rage.get("selector")
        found = _issue({"timestamp": rage.get("timestamp"), "issueType": "click_rage", "contextString": label})
        issues.append(found)
    found.captured = {**(found.captured or {}), "payload": json.dumps({"Count": rage.get("count")})}


def _same(event: Event) -> tuple[object, ...]:
    """Return what one event has in common in both tellings of it."""
    return (event.kind, event.issue_type, event.at, _text(event))


def _text(event: Event) -> str:
    """Return what was clicked, opened, thrown or at fault; the site's own events have their names."""
    keys = {
        "LOCATION": ("url",),
        "ERROR": ("message",),
        "CRASH": ("reason", "name"),
        "ISSUE": ("context_string", "label"),
        "CUSTOM": ("name",),
    }.get(event.kind, ("label",))
    found = next((text for key in keys if (text := event.recorded(key))), "")
    return str(found or (event.url if event.kind == "LOCATION" else ""))


def _fill(event: Event, other: Event) -> None:
    """Add what only the other telling has."""
    event.captured = {**(other.captured or {}), **(event.captured or {})}
    event.properties = event.properties or other.properties
    event.referrer = event.referrer or other.referrer
    event.error_id = event.error_id or other.error_id
    event.issue_id = event.issue_id or other.issue_id


def _repeats(issue: Event, events: list[Event]) -> bool:
    """Tell whether an issue says only what another event of that moment says."""
    return issue.kind == "ISSUE" and any(_reported(issue, event) for event in events if event is not issue)


def _reported(issue: Event, event: Event) -> bool:
    if issue.at is None or event.at is None:
        return False
    distance = abs((issue.at - event.at).total_seconds())
    if event.kind == "ISSUE":
        same = event.issue_type == issue.issue_type and _text(event) == _text(issue)
        # Of two that the dashboard alone tells, both count; one that API v2 tells stands for its neighbours.
        return same and bool(event.event_id) and distance <= _SAME_ISSUE_S and not payload(issue)
    if distance:
        return False
    if issue.issue_type == "bad_request":
        return event.failed and _text(issue) in {"", event.url}
    return issue.issue_type == "js_exception" and event.kind in {"ERROR", "CRASH"}
