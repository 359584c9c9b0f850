"""Live sessions at the legacy service, for the dashboard and for API v1 (contract §3.9, §4.7)."""

from __future__ import annotations

from typing import Any

from openreplay_tools.sandbox.legacy_call import LegacyCall, LegacyError, absent, refused, unprocessable
from openreplay_tools.sandbox.live import LiveFilter, LiveSearch, search_live

_MOST = 200
# Those of the documented names that the newer routes have too.
_NAMES = frozenset(
    "userOs userBrowser userDevice userCountry userCity userState userId userAnonymousId platform metadata".split()
)


def list_live(call: LegacyCall) -> object:
    """All live sessions; asking for one user's finds nobody (contract §3.9)."""
    user = call.parameter("userId")
    # The filter goes on in a form the live service no longer knows.
    filters = (LiveFilter("", "", "is", ()),) if user else ()
    return _answer(call, LiveSearch(filters, limit=_MOST), counter={} if user else None)


def search_live_sessions(call: LegacyCall) -> object:
    """Search with filters, whose empty ones are dropped."""
    fields = call.fields()
    items = fields.get("filters", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _unknown("filters of this form")
    filters = tuple(_filter(item, place) for place, item in enumerate(items) if item.get("value") != [])
    order = str(fields.get("order", "DESC"))
    limit, page = fields.get("limit", _MOST), fields.get("page", 1)
    return _answer(call, LiveSearch(filters, order.upper() == "ASC", _bounded("limit", limit), _bounded("page", page)))


def credentials(_: LegacyCall) -> object:
    """The answer of a server that has no TURN secret."""
    raise refused(400, "secret not defined")


def _answer(call: LegacyCall, search: LiveSearch, counter: dict[str, Any] | None = None) -> object:
    found = search_live(call.store.live.get(call.project, ()), search)
    sessions = [{**session, "live": True, "projectId": call.project} for session in found["sessions"]]
    return {
        "data": {
            "total": found["total"],
            "sessions": sessions,
            "counter": found["counter"] if counter is None else counter,
        }
    }


def _filter(item: dict[str, Any], place: int) -> LiveFilter:
    if "value" not in item:
        raise unprocessable({**absent("body", "value", item), "loc": ["body", "filters", place, "value"]})
    name = item.get("name")
    if name not in _NAMES or (name == "metadata" and not item.get("source")):
        raise _unknown(f"the live filter {name}")
    key = item["source"] if name == "metadata" else name
    return LiveFilter(str(key), str(key), str(item.get("operator", "contains")), tuple(map(str, item["value"])))


def _bounded(name: str, value: object) -> int:
    if not isinstance(value, int) or value < 1 or (name == "limit" and value > _MOST):
        raise _unknown(f"{name} {value}")
    return value


def _unknown(what: str) -> LegacyError:
    return refused(501, f"sandbox: not in the recordings or the contract: {what}")
