"""The 42 recorded sessions as the server told them at every door, and a far side that tells them again."""

import copy
import gzip
import json
from pathlib import Path

import httpx

from tests.servers import PREFIX, RECORDED, Scripted, project

FILE = Path(__file__).parents[1] / "fixtures" / "recordings" / "sessions" / "side_by_side.json.gz"
SESSIONS = json.loads(gzip.decompress(FILE.read_bytes()))
SHOP = project(RECORDED, 1, "Acme Shop")
LOGIN = {"email": "ann@example.org", "password": "secret-word"}
SIGNED_IN = {
    r"POST /api/login\Z": {"jwt": "t", "data": {"user": {}}},
    r"GET /api/projects\Z": {"data": [SHOP]},
    rf"GET {PREFIX}projects\Z": {"data": [SHOP]},
    r"GET /api/v1/projects\Z": {"data": [SHOP]},
    r"GET /api/v1/projects/\w+\Z": {"data": SHOP},
}
REFUSED = httpx.Response(403, json={"errors": ["not enough permissions"]})


def recorded(session):
    """Return a copy of what was recorded of a session."""
    return copy.deepcopy(SESSIONS[session])


def rows_of(events):
    """Answer a search of events: pages by id, narrowed to names and time as the server does it."""

    def answer(request):
        body = json.loads(request.content)
        names = next((one["value"] for one in body.get("filters", []) if one["name"] == "$event_name"), None)
        start, end = (body[key] // 1000 * 1000 for key in ("startTimestamp", "endTimestamp"))
        found = sorted(events, key=lambda event: event["event_id"])
        found = [event for event in found if start <= event["created_at"] <= end]
        found = [event for event in found if names is None or event["$event_name"] in names]
        first = (body["page"] - 1) * body["limit"]
        return {"data": {"total": len(found), "events": found[first : first + body["limit"]]}}

    return answer


def far_side(session, **given):
    """Return a server that has one recorded session; replies can be replaced by name, credentials by `settings`."""
    told = recorded(session)
    replies = {
        "v2": rows_of(told["v2_events"]),
        "rows": rows_of(told["v2_events"]),
        "beside": {"data": told["app_events"]},
        "replay": {"data": told["replay"]},
        "live": {"data": {"agentToken": "opens-a-live-video", "live": True}},
        "v1": {"data": []},
        **{name: reply for name, reply in given.items() if name not in {"settings", "routes"}},
    }
    first = given.get("routes", {})
    routes = {
        rf"POST {PREFIX}{RECORDED}/sessions/{session}/events\Z": replies["v2"],
        r"POST /v2/api/1/events\Z": replies["rows"],
        rf"GET /v2/api/1/sessions/{session}/events\Z": replies["beside"],
        rf"GET /v2/api/1/sessions/{session}/replay\Z": replies["replay"],
        rf"GET /v2/api/1/assist/sessions/{session}\Z": replies["live"],
        rf"GET /api/v1/{RECORDED}/sessions/{session}/events\Z": replies["v1"],
        **SIGNED_IN,
    }
    routes = {**first, **{pattern: reply for pattern, reply in routes.items() if pattern not in first}}
    return Scripted(routes, project="1", **{**LOGIN, **given.get("settings", {})})


def lines(server):
    """Return what a server was asked about sessions: method and path."""
    asked = [f"{one.method} {one.url.path}" for one in server.requests]
    return [line for line in asked if "/sessions/" in line or line.endswith("/events")]
