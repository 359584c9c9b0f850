"""The columns of users and events: types, and the values of rows that have none (contract §2.4, §2.8)."""

from __future__ import annotations

from enum import Enum
from typing import Any


class Kind(Enum):
    """How a column is stored and compared."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"  # integer milliseconds, whole seconds (observed A2)
    MAP = "map"
    LIST = "list"


_GROUPS = dict.fromkeys([f"group_id{number}" for number in range(1, 7)], Kind.LIST)

# In the order in which the server writes the keys of an event.
EVENT_COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(["event_id", "$event_name"], Kind.TEXT),
    "created_at": Kind.TIME,
    "distinct_id": Kind.TEXT,
    "session_id": Kind.NUMBER,
    **dict.fromkeys(["$user_id", "$device_id"], Kind.TEXT),
    "$time": Kind.NUMBER,
    "$source": Kind.TEXT,
    "$duration_s": Kind.NUMBER,
    **dict.fromkeys(["properties", "$properties"], Kind.MAP),
    "description": Kind.TEXT,
    **_GROUPS,
    "$auto_captured": Kind.BOOLEAN,
    **dict.fromkeys(["$sdk_edition", "$sdk_version", "$os", "$os_version", "$browser", "$browser_version"], Kind.TEXT),
    "$device": Kind.TEXT,
    **dict.fromkeys(["$screen_height", "$screen_width"], Kind.NUMBER),
    **dict.fromkeys(["$current_url", "$current_path", "$initial_referrer", "$referring_domain"], Kind.TEXT),
    **dict.fromkeys(["$referrer", "$initial_referring_domain", "$search_engine", "$search_engine_keyword"], Kind.TEXT),
    **dict.fromkeys(["utm_source", "utm_medium", "utm_campaign"], Kind.TEXT),
    **dict.fromkeys(["$country", "$state", "$city", "$or_api_endpoint"], Kind.TEXT),
    "$timezone": Kind.NUMBER,
    **dict.fromkeys(["issue_type", "issue_id", "error_id"], Kind.TEXT),
    "$tags": Kind.LIST,
    "$import": Kind.BOOLEAN,
}
DEFAULT_EVENT_COLUMNS = ("event_id", "$event_name", "created_at", "distinct_id", "session_id")

# In the order in which GET user writes them.
USER_FIELDS: dict[str, Kind] = {
    **dict.fromkeys(["$user_id", "$email", "$name", "$first_name", "$last_name", "$phone", "$avatar"], Kind.TEXT),
    "$created_at": Kind.TIME,
    "properties": Kind.MAP,
    "distinct_ids": Kind.LIST,
    **_GROUPS,
    **dict.fromkeys(
        ["$sdk_edition", "$sdk_version", "$current_url", "$initial_referrer", "$referring_domain"], Kind.TEXT
    ),
    **dict.fromkeys(["initial_utm_source", "initial_utm_medium", "initial_utm_campaign"], Kind.TEXT),
    **dict.fromkeys(["$country", "$state", "$city", "$or_api_endpoint"], Kind.TEXT),
    "$timezone": Kind.NUMBER,
    **dict.fromkeys(["$first_event_at", "$last_seen"], Kind.TIME),
}
# `columns` and `sortBy` take all of them but distinct_ids.
USER_COLUMNS = {name: kind for name, kind in USER_FIELDS.items() if name != "distinct_ids"}
DEFAULT_USER_COLUMNS = ("$user_id", "$email", "$name", "$first_name", "$last_name", "$created_at", "$last_seen")

# Filters on events under these names look at the event's user, even where events have such a column.
USER_ATTRIBUTES = frozenset(
    [
        "$email",
        "$name",
        "$first_name",
        "$last_name",
        "$phone",
        "$avatar",
        "$created_at",
        "$first_event_at",
        "$last_seen",
        "$initial_referrer",
        "$referring_domain",
        "initial_utm_source",
        "initial_utm_medium",
        "initial_utm_campaign",
        "$or_api_endpoint",
    ]
)
EVENT_ALIASES = {
    "userBrowser": "$browser",
    "userBrowserVersion": "$browser_version",
    "userOs": "$os",
    "userOsVersion": "$os_version",
    "userDevice": "$device",
    "userCountry": "$country",
    "userState": "$state",
    "userCity": "$city",
    "referrer": "$referrer",
    "url": "$current_url",
    "urlPath": "$current_path",
    "fetchDuration": "$duration_s",
    "autoCaptured": "$auto_captured",
}

_EMPTY: dict[Kind, Any] = {
    Kind.TEXT: "",
    Kind.NUMBER: 0,
    Kind.BOOLEAN: False,
    Kind.TIME: 0,
    Kind.MAP: {},
    Kind.LIST: [],
}


def empty(kind: Kind) -> Any:
    """What a row shows in a column that nothing was recorded for."""
    return _EMPTY[kind]


def quoted(name: str) -> str:
    """Write a column's name for SQL; only names of the tables above may come here."""
    return f'"{name}"'
