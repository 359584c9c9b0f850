"""A session's events as the dashboard shows them, made from the rows of the events table (contract §4.5)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from openreplay_tools.sandbox.columns import EVENT_COLUMNS, Kind, quoted
from openreplay_tools.sandbox.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openreplay_tools.sandbox.store import Store
    from openreplay_tools.sandbox.times import Row

_READ = (
    *("$event_name", "created_at", "$auto_captured", "properties", "$properties", "$referrer"),
    *("issue_type", "issue_id", "error_id"),
)
_SAME_ISSUE_MS = 2 * SECOND
_RAGE_COUNT = 3


def session_events(store: Store, project: int, session: str, *, mobile: bool) -> Row:
    """The lists of a session's events, user events, issues, incidents, and errors or crashes; empty when unknown."""
    rows = _rows(store, project, session)
    issues = [row for row in rows if row["$event_name"] == "ISSUE"]
    clicks = _with_rage([row for row in rows if row["$event_name"] == "CLICK"], issues)
    shown = [*clicks, *(row for row in rows if row["$event_name"] in _EVENTS and row["$event_name"] != "CLICK")]
    shown.sort(key=_place)
    answer = {
        "events": [_EVENTS[row["$event_name"]](row) for row in shown],
        "incidents": [_incident(row) for row in issues if row["issue_type"] == "incident"],
        "issues": [_issue(row) for row in _distinct(issues)],
    }
    if mobile:
        named = {name: [_mobile(row) for row in rows if row["$event_name"] == name] for name in ("CRASH", "CUSTOM")}
        return {"crashes": named["CRASH"], **answer, "userEvents": named["CUSTOM"]}
    errors = [_error(row) for row in rows if row["$event_name"] == "ERROR"]
    return {"errors": errors, **answer, "userEvents": [_custom(row) for row in rows if not row["$auto_captured"]]}


def _rows(store: Store, project: int, session: str) -> list[Row]:
    listed = ", ".join(f"e.{quoted(name)}" for name in _READ)
    found = store.select(
        f"SELECT {listed} FROM events e WHERE e.session_id = ? AND e.project = ?", (int(session), project)
    )
    rows = [
        {
            name: json.loads(value) if EVENT_COLUMNS[name] is Kind.MAP else value
            for name, value in zip(_READ, cells, strict=True)
        }
        for cells in found
    ]
    rows.sort(key=_place)
    return rows


def _place(row: Row) -> tuple[int, str]:
    """Events of one second are recorded in the order of their names: a click before the page it was made on."""
    return row["created_at"], row["$event_name"]


def _stamped(row: Row, content: Row) -> Row:
    moment = datetime.fromtimestamp(row["created_at"] // SECOND, UTC)
    return {**content, "createdAt": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "timestamp": row["created_at"]}


def _with_rage(clicks: list[Row], issues: Iterable[Row]) -> list[Row]:
    """Mark the clicks at which a click rage was reported.

    The clicks that the last of them counts are cut out, counted as if all were there, although most never reach the
    table: recorded is a rage of five clicks that takes an unrelated later click with it (app_replay-rage-events).
    """
    shown = clicks
    for issue in issues:
        if issue["issue_type"] != "click_rage":
            continue
        place = next((i for i, row in enumerate(clicks) if row["created_at"] == issue["created_at"]), None)
        if place is not None:
            count = json.loads(issue["$properties"].get("payload") or "{}").get("Count", _RAGE_COUNT)
            clicks[place] = {**clicks[place], "count": count}
            shown = [*clicks[: place + 1], *clicks[place + count :]]
    return shown


def _click(row: Row) -> Row:
    found = row["$properties"]
    shown = _stamped(
        row,
        {
            "type": "CLICKRAGE" if "count" in row else row["$event_name"],
            "label": found.get("label"),
            "hesitation": found.get("hesitation_time"),
            "selector": found.get("selector"),
        },
    )
    return {**shown, "count": row["count"]} if "count" in row else shown


def _input(row: Row) -> Row:
    found = row["$properties"]
    return _stamped(
        row,
        {
            "type": "INPUT",
            "label": found.get("label"),
            "duration": found.get("duration"),
            "hesitation": found.get("hesitation_time"),
            "value": found.get("value"),
        },
    )


def _location(row: Row) -> Row:
    found = row["$properties"]
    return _stamped(
        row,
        {
            "type": "LOCATION",
            "label": found.get("label"),
            "url": found.get("url", ""),
            "referrer": row["$referrer"],
            "host": found.get("url_host", ""),
            "pageLoad": None,
            "fcpTime": found.get("first_contentful_paint_time"),
            "loadTime": _span(found, "load_event"),
            "domContentLoadedTime": _span(found, "dom_content_loaded_event"),
            "domBuildingTime": found.get("dom_building_time"),
            "speedIndex": found.get("speed_index"),
            "visuallyComplete": found.get("visually_complete"),
            "timeToInteractive": found.get("time_to_interactive"),
            "firstContentfulPaintTime": found.get("first_contentful_paint_time"),
            "firstPaintTime": found.get("first_paint"),
        },
    )


def _span(found: Row, name: str) -> int | None:
    """How long a step of the loading took; a row does not keep a zero."""
    if f"{name}_end" not in found:
        return None
    span: int = found[f"{name}_end"] - found[f"{name}_start"]
    return span


_EVENTS: dict[str, Callable[[Row], Row]] = {
    "CLICK": _click,
    "INPUT": _input,
    "LOCATION": _location,
    "TAP": _click,
}


def _custom(row: Row) -> Row:
    flat = {_camel(name): value for name, value in row["$properties"].items()}
    shown = _stamped(row, {"name": row["$event_name"], "properties": row["properties"], "type": "CUSTOM", **flat})
    return dict(sorted(shown.items()))  # a map in the server, unlike the other items


def _camel(name: str) -> str:
    return re.sub("_([a-z])", lambda hit: hit[1].upper(), name)


def _mobile(row: Row) -> Row:
    """From the contract: no mobile session was recorded."""
    kind, captured = row["$event_name"], row["$properties"]
    return _stamped(
        row,
        {
            "type": kind,
            "name": captured.get("name", kind),
            "autoCaptures": captured,
            "properties": row["properties"],
        },
    )


def _distinct(issues: Sequence[Row]) -> list[Row]:
    """Leave out incidents, and what repeats an issue of the same type within two seconds."""
    last: dict[str, int] = {}
    kept = []
    for row in issues:
        kind, moment = row["issue_type"], row["created_at"]
        if kind != "incident" and moment - last.get(kind, -_SAME_ISSUE_MS) >= _SAME_ISSUE_MS:
            kept.append(row)
            last[kind] = moment
    return kept


def _issue(row: Row) -> Row:
    context = row["$properties"].get("context_string", "")
    return _stamped(row, {"issueId": row["issue_id"], "issueType": row["issue_type"], "contextString": context})


def _incident(row: Row) -> Row:
    found = row["$properties"]
    start, end = found.get("start_time"), found.get("end_time")
    return _stamped(row, {"type": "", "label": found.get("label", ""), "startTime": start, "endTime": end})


def _error(row: Row) -> Row:
    found = row["$properties"]
    return _stamped(
        row,
        {
            "errorId": row["error_id"],
            "source": found.get("source", ""),
            "name": "ERROR",
            "message": found.get("message", ""),
        },
    )
