"""Saved searches, which filters can name as segments: how they are kept, and those that come with the data."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from openreplay_tools.sandbox import faults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.sandbox.times import Row
    from openreplay_tools.sandbox.validation import Filter

_GENERATED_PROJECT = 1
_OWNER = 1
_METADATA_EXPERIMENT = "metadata_3"


def saved_filter(item: Filter) -> Row:
    """A filter in the form in which a saved search shows it (recorded: app_search-save)."""
    shown: Row = {
        "name": item.name,
        "operator": item.operator,
        "propertyOrder": item.property_order,
        "value": list(item.value),
        "isEvent": item.is_event,
        "dataType": item.data_type,
        "autoCaptured": item.auto_captured,
        "isAction": False,
        "isSegment": bool(item.ids["SearchID"]),
    }
    if item.ids["SearchID"]:
        shown["searchId"] = item.ids["SearchID"]
    if item.filters:
        shown["filters"] = [saved_filter(inner) for inner in item.filters]
    return shown


def new_search(number: int, project: int, user: int, wanted: Mapping[str, Any], now: datetime) -> Row:
    """Make the row of a search that was saved now, as the n-th."""
    digest = hashlib.blake2b(f"saved search {number}".encode(), digest_size=16).digest()
    return {
        "searchId": str(uuid.UUID(bytes=digest, version=4)),
        "projectId": project,
        "userId": user,
        **wanted,
        "createdAt": go_time(now),
    }


def go_time(moment: datetime) -> str:
    """RFC 3339 as Go writes it: no zeros at the end of the fraction."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "Z"


def planted_searches(end_ms: int) -> list[Row]:
    """Searches that somebody of the shop saved about its incidents, in the week before the data's end."""
    end = datetime.fromtimestamp(end_ms / 1000, UTC)
    return [
        new_search(
            number,
            _GENERATED_PROJECT,
            _OWNER,
            {"name": name, "isPublic": True, "isShare": False, "data": {"filters": found, "eventsOrder": "then"}},
            end - timedelta(days=days, hours=2, minutes=17),
        )
        for number, (name, days, found) in enumerate(_PLANTED, 1)
    ]


def _filter(name: str, operator: str, *value: str, **more: Any) -> Row:
    return {
        "name": name,
        "operator": operator,
        "propertyOrder": "",
        "value": list(value),
        "isEvent": False,
        "dataType": "",
        "autoCaptured": True,
        "isAction": False,
        "isSegment": False,
        **more,
    }


def _event(name: str, *inner: Row, own: bool = True) -> Row:
    return _filter(name, "is", isEvent=True, propertyOrder="and", autoCaptured=own, filters=list(inner))


_PLANTED: tuple[tuple[str, int, list[Row]], ...] = (
    (
        "Failed checkouts on Safari",
        4,
        [
            _filter("userBrowser", "is", "Safari"),
            _event("checkout_failed", _filter("reason", "is", faults.GATEWAY_REASON, autoCaptured=False), own=False),
        ],
    ),
    (
        "Rage clicks on Apply coupon",
        2,
        [
            _filter(_METADATA_EXPERIMENT, "is", faults.CART_B),
            _event(
                "ISSUE",
                _filter("issueType", "is", "click_rage"),
                _filter("context_string", "is", "Apply coupon"),
            ),
        ],
    ),
)
