"""What can be filtered by, as the dashboard's filter menu asks for it (contract §4.3).

Names, labels and types are the recorded ones; which events, metadata and values there are comes from the data.
"""

from __future__ import annotations

import hashlib
from typing import Any

from openreplay_tools.sandbox.columns import EVENT_ALIASES, EVENT_COLUMNS, quoted
from openreplay_tools.sandbox.legacy_call import LegacyCall, LegacyRoute, absent, unprocessable

_Item = dict[str, Any]

_COUNTRIES = (
    "AF AX AL DZ AS AD AO AI AQ AG AR AM AW AU AT AZ BS BH BD BB BY BE BZ BJ BM BT BO BQ BA BW BV BR IO BN BG BF "
    "BI CV KH CM CA KY CF TD CL CN CX CC CO KM CG CD CK CR CI HR CU CW CY CZ DK DJ DM DO EC EG SV GQ ER EE SZ ET "
    "FK FO FJ FI FR GF PF TF GA GM GE DE GH GI GR GL GD GP GU GT GG GN GW GY HT HM VA HN HK HU IS IN ID IR IQ IE "
    "IM IL IT JM JP JE JO KZ KE KI KP KR KW KG LA LV LB LS LR LY LI LT LU MO MG MW MY MV ML MT MH MQ MR MU YT MX "
    "FM MD MC MN ME MS MA MZ MM NA NR NP NL NC NZ NI NE NG NU NF MK MP NO OM PK PW PS PA PG PY PE PH PN PL PT PR "
    "QA RE RO RU RW BL SH KN LC MF PM VC WS SM ST SA SN RS SC SL SG SX SK SI SB SO ZA GS SS ES LK SD SR SJ SE CH "
    "SY TW TJ TZ TH TL TG TK TO TT TN TR TM TC TV UG UA AE GB US UM UY UZ VU VE VN VG VI WF EH YE ZM ZW "
).split()
_ISSUES = {
    "js_exception": "Errors",
    "bad_request": "Bad Requests",
    "missing_resource": "Missing Images",
    "click_rage": "Click Rage",
    "dead_click": "Dead Clicks",
    "memory": "High Memory",
    "cpu": "High CPU",
    "crash": "Crashes",
    "incident": "Incident",
}
_ISSUE_VALUES = [{"id": kind, "name": name, "autoCaptured": kind != "incident"} for kind, name in _ISSUES.items()]
# Name, label, type, and whether recording rules may use it.
_SESSION = (
    ("referrer", "Referrer", "string", False),
    ("duration", "Duration", "int", True),
    ("utmSource", "UTM Source", "string", False),
    ("utmMedium", "UTM Medium", "string", False),
    ("utmCampaign", "UTM Campaign", "string", False),
    ("userCountry", "Country", "string", True),
    ("userCity", "City", "string", False),
    ("userState", "State / Province", "string", False),
    ("userOs", "OS", "string", True),
    ("userBrowser", "Browser", "string", True),
    ("userBrowserVersion", "Browser Version", "string", True),
    ("userDevice", "Device", "string", True),
    ("userDeviceType", "Device Type", "string", False),
    ("revId", "Version ID", "string", False),
    ("issue", "Issue", "string", False),
    ("screenHeight", "Screen Height", "UInt16", False),
    ("screenWidth", "Screen Width", "UInt16", False),
)
_USERS = (
    ("$user_id", "User ID", "string", False),
    ("$email", "Email", "string", False),
    ("$name", "Name", "string", False),
    ("$first_name", "First Name", "string", False),
    ("$last_name", "Last Name", "string", False),
    ("$phone", "Phone", "string", False),
    ("$sdk_edition", "SDK Edition", "string", False),
    ("$sdk_version", "SDK Version", "string", False),
    ("$current_url", "Current URL", "string", False),
    ("$current_path", "Current Path", "string", False),
    ("$initial_referrer", "Initial Referrer", "string", False),
    ("$referring_domain", "Referring Domain", "string", False),
    ("initial_utm_source", "Initial UTM Source", "string", False),
    ("initial_utm_medium", "Initial UTM Medium", "string", False),
    ("initial_utm_campaign", "Initial UTM Campaign", "string", False),
    ("$country", "Country", "string", False),
    ("$state", "State", "string", False),
    ("$city", "City", "string", False),
    ("$or_api_endpoint", "OR API Endpoint", "string", False),
    ("$created_at", "Created At", "timestamp", False),
    ("$first_event_at", "First Event At", "timestamp", False),
    ("$last_seen", "Last Seen", "timestamp", False),
)
_VALUES: dict[str, list[Any]] = {
    "userCountry": _COUNTRIES,
    "$country": _COUNTRIES,
    "userDeviceType": ["desktop", "mobile", "tablet"],
    "issue": _ISSUE_VALUES,
}
_EVENT_LABELS = {"INPUT": "Text Input", "LOCATION": "Page View", "REQUEST": "Network Request"}
_HIDDEN = "TAG_TRIGGER"
_Property = tuple[str, str, str, str | None, bool, list[str]]
# Name, label, kind, type (None: not among the predefined ones), the default one, values. Of REQUEST, as recorded.
_REQUEST: tuple[_Property, ...] = (
    ("method", "HTTP Method", "string", "string", False, ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTION"]),
    ("requestBody", "Request Body", "string", "string", False, []),
    ("responseBody", "Response Body", "string", "string", False, []),
    ("status", "Status Code", "int", "int", False, []),
    ("success", "Success", "bool", "int", False, []),
    ("url", "URL", "string", None, False, []),
    ("urlHost", "Hostname", "string", "string", False, []),
    ("urlPath", "Path", "string", "string", True, []),
    ("user_device_type", "Platform", "string", None, False, []),
    ("duration", "Duration", "int", "int", False, []),
)
_JSON_KINDS = {"integer": "int", "real": "float", "true": "bool", "false": "bool"}
# The server's own limit is not known.
_MOST_VALUES = 20


def filters(call: LegacyCall) -> object:
    """Everything there is to filter by. The totals are not the lengths of the lists (observed A35)."""
    return {
        "data": {
            "events": _events(call),
            "event": {"total": 0, "list": []},
            "session": _category(13, "Session Filters", ["sessions"], _session_items()),
            "user": _category(2, "User Filters", ["sessions"], [_item("user", "userId", "User ID", "string", True)]),
            "users": _category(len(_USERS), "Identified User Filters", ["events", "users"], _user_items()),
            "metadata": _metadata(call),
            "segments": _segments(call),
            "features": _features(call),
        }
    }


def event_names(call: LegacyCall) -> object:
    """The category `events` alone."""
    return {"data": _events(call)}


def properties(call: LegacyCall) -> object:
    """An event's own properties, then what holds for sessions; custom events show only the latter (recorded)."""
    event = call.parameter("en")
    missing: list[_Item] = []
    automatic = call.parameter("ac") is not None and call.truth("ac", missing)
    own: list[_Item] = []
    if event is not None and automatic:
        rows = _REQUEST if event == "REQUEST" else _seen_properties(call, event)
        own = [_property(event, row) for row in rows]
    rest = [{**item, "defaultProperty": False, "category": "session"} for item in _session_items()]
    return {"data": [*own, *rest]}


def complete_event(call: LegacyCall) -> object:
    """Event names that contain a text; each counts the same, however often it occurred (recorded)."""
    text = (call.parameter("q") or "").lower()
    names = sorted(name for name, _ in _names(call) if text in name.lower())
    return {"data": [{"value": name, "rowPercentage": round(100 / len(names), 2)} for name in names]}


def complete_value(call: LegacyCall) -> object:
    """A property's values that contain a text, with their share of the rows."""
    missing: list[_Item] = []
    name = call.parameter("propertyName")
    if name is None:
        missing.append(absent("query", "propertyName", None))
    automatic = call.truth("ac", missing)
    if missing or name is None:
        raise unprocessable(*missing)
    rows = _values(call, name, automatic=automatic)
    total = sum(count for _, count in rows)
    return {
        "data": [
            {"value": value, "rowPercentage": round(100 * count / total, 2)} for value, count in rows[:_MOST_VALUES]
        ]
    }


def _values(call: LegacyCall, name: str, *, automatic: bool) -> list[tuple[str, int]]:
    column = EVENT_ALIASES.get(name, name)
    conditions = ["project = ?"]
    bound: list[str | int] = [call.project]
    if event := call.parameter("eventName"):
        conditions.append('"$event_name" = ?')
        bound.append(event)
    if column in EVENT_COLUMNS:
        table, value = "events", quoted(column)
    else:
        table, value = (
            f"""events, json_each({quoted("$properties" if automatic else "properties")}) AS found""",
            "value",
        )
        conditions.append("found.key = ?")
        bound.append(name)
    conditions += [f"{value} != ''", f"instr(lower(CAST({value} AS TEXT)), ?) > 0"]
    bound.append((call.parameter("q") or "").lower())
    statement = (
        f"SELECT CAST({value} AS TEXT), count(*) FROM {table} WHERE {' AND '.join(conditions)} "
        "GROUP BY 1 ORDER BY 2 DESC, 1"
    )
    return [(str(value), int(count)) for value, count in call.store.select(statement, bound)]


def _names(call: LegacyCall) -> list[tuple[str, bool]]:
    """The names of the project's events, custom ones first."""
    rows = call.store.select(
        'SELECT "$event_name", max("$auto_captured") FROM events WHERE project = ? AND "$event_name" != ? '
        "GROUP BY 1 ORDER BY 2, 1",
        [call.project, _HIDDEN],
    )
    return [(name, bool(automatic)) for name, automatic in rows]


def _events(call: LegacyCall) -> _Item:
    items = [
        {
            "name": name,
            "displayName": _EVENT_LABELS.get(name, name.capitalize()) if automatic else "",
            "autoCaptured": automatic,
            "id": _identity("events", name),
            "dataType": "string",
            "possibleTypes": ["string"],
            "isConditional": True,
            "_foundInPredefinedList": True,
        }
        for name, automatic in _names(call)
    ]
    return _category(len(items), "Events", ["sessions", "events", "users"], items)


def _metadata(call: LegacyCall) -> _Item:
    items = [
        {
            "id": f"meta_{slot - 1}",
            "name": f"metadata_{slot}",
            "displayName": key,
            "possibleTypes": ["string"],
            "dataType": "string",
            "autoCaptured": True,
        }
        for slot, key in metadata_slots(call)
    ]
    return _category(len(items), "Metadata", ["sessions"], items)


def metadata_slots(call: LegacyCall) -> list[tuple[int, str]]:
    """The project's metadata: the number of each slot in use and its name."""
    project = next(item for item in call.store.projects() if item["projectId"] == call.project)
    return [(slot, project[f"metadata{slot}"]) for slot in range(1, 11) if project[f"metadata{slot}"] is not None]


def _segments(call: LegacyCall) -> _Item:
    """The searches that the person may use as filters; from the contract, none were recorded."""
    items = [
        {
            "searchId": row["searchId"],
            "name": row["name"],
            "displayName": row["name"],
            "isPublic": row["isPublic"],
            "isSegment": True,
        }
        for row in call.store.saved.visible(call.project, call.user.user_id)
    ]
    return _category(len(items), "Segments", ["sessions", "events"], items)


def _features(call: LegacyCall) -> _Item:
    """The tagged elements; from the contract, none were recorded."""
    names = ("selector", "ignoreClickRage", "ignoreDeadClick", "location")
    items = [
        {
            "tagId": tag["tagId"],
            "name": tag["name"],
            "displayName": tag["name"],
            **{name: tag[name] for name in names if name in tag},
            "isFeature": True,
        }
        for tag in call.store.tags.of_project(call.project)
    ]
    return _category(len(items), "Features", ["sessions", "events"], items)


def _session_items() -> list[_Item]:
    return [_item("session", *row) for row in _SESSION]


def _user_items() -> list[_Item]:
    return [_item("users", *row) for row in _USERS]


def _item(category: str, name: str, label: str, kind: str, conditional: bool) -> _Item:  # noqa: FBT001  rows of a table
    return {
        "id": _identity(category, name),
        "name": name,
        "displayName": label,
        "possibleTypes": [kind],
        "dataType": kind,
        "autoCaptured": True,
        "isPredefined": name in _VALUES,
        "possibleValues": _VALUES.get(name, []),
        "isConditional": conditional,
    }


def _seen_properties(call: LegacyCall, event: str) -> list[_Property]:
    """The properties of an event that was not recorded at this route: what its rows have."""
    rows = call.store.select(
        'SELECT found.key, max(found.type) FROM events, json_each("$properties") AS found '
        'WHERE project = ? AND "$event_name" = ? GROUP BY 1 ORDER BY 1',
        [call.project, event],
    )
    return [
        (name, name.replace("_", " ").title(), _JSON_KINDS.get(kind, "string"), None, False, []) for name, kind in rows
    ]


def _property(event: str, row: _Property) -> _Item:
    name, label, kind, data_type, default, values = row
    item: _Item = {
        "name": name,
        "displayName": label,
        "autoCaptured": True,
        "possibleTypes": [kind],
        "id": _identity(event, name),
        "category": "events",
        "_foundInPredefinedList": data_type is not None,
        "isPredefined": bool(values),
        "possibleValues": values,
    }
    if data_type is not None:
        item["dataType"] = data_type
    return {**item, "defaultProperty": default}


def _category(total: int, label: str, scope: list[str], items: list[_Item]) -> _Item:
    return {"total": total, "displayName": label, "scope": scope, "list": items}


def _identity(category: str, name: str) -> str:
    """A number like the server's, of 128 bits."""
    return str(int.from_bytes(hashlib.blake2b(f"{category} {name}".encode(), digest_size=16).digest(), "big"))


CATALOGUE = {
    "/pa/{projectId}/filters": LegacyRoute({"GET": filters}),
    "/pa/{projectId}/events/names": LegacyRoute({"GET": event_names}),
    "/pa/{projectId}/events/autocomplete": LegacyRoute({"GET": complete_event}),
    "/pa/{projectId}/properties/search": LegacyRoute({"GET": properties}),
    "/pa/{projectId}/properties/autocomplete": LegacyRoute({"GET": complete_value}),
}
