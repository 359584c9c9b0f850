"""What an event can be asked for by with a key alone: the tracker's own properties and the columns (contract §2.8).

The server finds nothing by a name it does not know, and says nothing.
"""

from __future__ import annotations

import difflib
from typing import Final

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.text import Given

PREFIX: Final = "property:"
_PLACE = ("url", "url_host", "url_path", "url_hostpath")
_COMMON = ("user_device", "user_device_type", "page_title")
_FIGURES = tuple(
    f"{edge}_{figure}"
    for edge in ("min", "avg", "max")
    for figure in ("fps", "cpu", "total_js_heap_size", "used_js_heap_size")
)
_CAPTURED: Final[dict[str, tuple[str, ...]]] = {
    "LOCATION": (
        *_PLACE, "request_start", "response_start", "response_end", "dom_content_loaded_event_start",
        "dom_content_loaded_event_end", "load_event_start", "load_event_end", "first_paint",
        "first_contentful_paint_time", "speed_index", "visually_complete", "time_to_interactive", "ttfb", "ttlb",
        "response_time", "dom_building_time", "dom_content_loaded_event_time", "load_event_time", "web_vitals", "lcp",
        "cls", "inp", "fcp",
    ),
    "CLICK": ("label", "selector", "hesitation_time", "normalized_x", "normalized_y", *_PLACE),
    "TAP": ("label",),
    "SWIPE": ("label", "direction"),
    "INPUT": ("label", "hesitation_time"),
    "ERROR": ("source", "name", "message", "payload"),
    "CRASH": ("name", "reason", "stacktrace"),
    "REQUEST": ("method", "status", "success", "transfer_size", "request_body", "response_body", "duration", *_PLACE),
    "GRAPHQL": ("name", "request_body", "response_body"),
    "PERFORMANCE": (*_PLACE, *_FIGURES),
    "ISSUE": ("issue_type", "context_string", "context", "payload", "label", "start_time", "end_time", *_PLACE),
    "CUSTOM": ("name", "payload"),
}  # fmt: skip
_COLUMNS: Final = {
    "browser": "$browser", "os": "$os", "os_version": "$os_version", "country": "$country", "state": "$state",
    "city": "$city", "referrer": "$referrer", "current_url": "$current_url", "current_path": "$current_path",
    "duration_s": "$duration_s", "device_id": "$device_id", "user_id": "$user_id", "error_id": "error_id",
    "issue_id": "issue_id", "session_id": "session_id", "distinct_id": "distinct_id",
}  # fmt: skip


def property_name(event: str, given: str) -> str:
    """Return the name by which the server knows a property of an event.

    Args:
        event: CLICK, REQUEST … or one of the site's own.
        given: a property, a column such as browser, or property:<name> for exactly that property.

    Raises:
        ArgumentsError: the tracker records no such property; names the nearest.
    """
    name = given.strip()
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX)
    if name in _COLUMNS or name in _COLUMNS.values():
        return _COLUMNS.get(name, name)
    if event not in _CAPTURED:  # the site's own event: what it holds nobody here knows
        return name
    known = (*_CAPTURED[event], *_COMMON)
    if name in known:
        return name
    near = difflib.get_close_matches(name.lower(), (*known, *_COLUMNS), 3, 0.5)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise ArgumentsError(
        "events: the tracker records no property ", Given(given), f" of {event}.{hint} It records: "
        f"{', '.join(known[:12])}{' …' if len(known) > 12 else ''}; columns: browser, os, country, city. "
        f"Another one is written property:<name>.",
    )  # fmt: skip
