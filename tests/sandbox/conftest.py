"""A handful of generated rows in the place of the 60,000, so that every expected value can be seen here."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import httpx
import pytest

from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox.store import Store
from tests.sandbox.asking import NOW, Dashboard

SECOND = 1000
START = 1795190000000  # 2026-11-20 15:53:20 UTC
SESSION = "4100000000000000001"
OTHER_SESSION = "4100000000000000002"
PROJECT = "/v2/api/public/7X2WHE68QaUo3L1nD60m"
WINDOW = {"startTimestamp": START, "endTimestamp": START + 60 * SECOND}
NUMBER = {"dataType": "number"}


@dataclass
class World:
    users: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    sessions: list[dict[str, Any]] = field(default_factory=list)
    live: list[dict[str, Any]] = field(default_factory=list)


def user(user_id: str, **columns: Any) -> dict[str, Any]:
    return {"$user_id": user_id, "$created_at": START, "$last_seen": START, **columns}


def event(number: int, name: str, session: str = SESSION, **columns: Any) -> dict[str, Any]:
    row = {
        "event_id": f"00000000-0000-4000-8000-{number:012}",
        "$event_name": name,
        "created_at": START + number * SECOND,
        "distinct_id": "device",
        "session_id": session,
        "$user_id": "ann",
        "$auto_captured": name.isupper(),
    }
    return {**row, **columns}


def live_session(number: int, user_id: str, **columns: Any) -> dict[str, Any]:
    row = {
        "sessionID": str(number),
        "userID": user_id,
        "userUUID": f"uuid-{number}",
        "timestamp": START + number,
        "active": True,
        "userBrowser": "Chrome",
        "userCity": None,
        "metadata": {"plan": "pro"},
    }
    return {**row, **columns}


def build(_: int) -> World:
    return World(
        users=[
            user("ann", **{"$email": "ann@example.org", "$name": "Ann <b>&'\"", "$country": "DE"}),
            user("bob", **{"$country": "FR", "$created_at": START + 60 * SECOND}, properties={"plan": "pro", "age": 9}),
            user("cyd", properties={"plan": "free", "age": 30, "vip": True, "joined": START, "<k>": 'a\\"b'}),
        ],
        events=[
            event(1, "LOCATION", **{"$current_url": "http://a/1", "$browser": "Safari", "$duration_s": 3}),
            event(2, "REQUEST", **{"$properties": {"status": 200, "success": True, "lcp": "90"}}),
            event(3, "REQUEST", **{"$properties": {"status": 503, "success": False, "lcp": "1000"}, "$duration_s": 12}),
            event(4, "TAG_TRIGGER"),
            event(5, "purchase", properties={"total": 150.5, "tags": ["<x>"]}, group_id1=["g"]),
            event(5, "CLICK", event_id="00000000-0000-4000-8000-000000000105", **{"$user_id": ""}),
            event(6, "purchase", OTHER_SESSION, properties={"total": 20}, **{"$user_id": "bob"}),
        ],
        live=[
            live_session(1, "ann"),
            live_session(2, "Bob", userBrowser="Firefox", metadata={"plan": "free"}, active=False),
            live_session(3, "cyd", userCity="Paris"),
        ],
    )


@pytest.fixture(scope="module")
def small_world():
    """Generate the rows above; sandboxes of other modules have the real world."""
    name = "openreplay_tools.sandbox.world"
    module = ModuleType(name)
    module.build = build
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openreplay_tools.sandbox.store._images", {})
        patch.setitem(sys.modules, name, module)
        patch.setattr("openreplay_tools.sandbox.world", module, raising=False)
        yield


@pytest.fixture(scope="module")
def store():
    """The whole world, without a server."""
    found = Store(NOW)
    yield found
    found.close()


@pytest.fixture
def dashboard(store):
    return Dashboard(store)


@pytest.fixture(scope="module")
def sandbox(small_world):
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def http_client(sandbox):
    with httpx.Client(base_url=sandbox.url, headers={"Authorization": f"Bearer {sandbox.api_key}"}) as client:
        yield client


@pytest.fixture
def users(http_client):
    def ask(*filters, **fields):
        reply = http_client.post(f"{PROJECT}/users", json={"filters": list(filters), **fields})
        return [row["$user_id"] for row in reply.json()["data"]["users"]] if reply.status_code == 200 else reply

    return ask


@pytest.fixture
def events(http_client):
    def ask(*filters, session=SESSION, **fields):
        body = {**WINDOW, "limit": 50, "page": 1, "sortBy": "event_id", "sortOrder": "asc", "filters": list(filters)}
        reply = http_client.post(f"{PROJECT}/sessions/{session}/events", json={**body, **fields})
        if reply.status_code != 200:
            return reply
        return [int(row["event_id"][-12:]) for row in reply.json()["data"]["events"]]

    return ask


def where(name, operator, *value, **more):
    return {"name": name, "operator": operator, "value": list(value), **more}


def bought(*inner, **more):
    return {"name": "purchase", "operator": "is", "isEvent": True, "propertyOrder": "and", "filters": inner, **more}
