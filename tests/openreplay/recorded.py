"""Recorded replies, and scripted servers with one door each: the dashboard's with a login, API v1 with a key."""

from functools import cache

import httpx

from tests.sandbox.fidelity import read
from tests.servers import PREFIX, RECORDED, Scripted

NO_ROUTE = "404 page not found\n"
NO_V2 = {f"GET {PREFIX}projects\\Z": httpx.Response(404, text=NO_ROUTE)}


@cache
def _exchanges():
    return {one["id"]: one for one in read("v1", "app_search", "app_data", "app_live")}


def replayed(name):
    """Return a recorded reply by the id of its exchange."""
    one = _exchanges()[name]
    kind = dict(one["response_headers"])["Content-Type"]
    return httpx.Response(one["status"], text=one["response_body"], headers={"Content-Type": kind})


def signed_in(routes, **given):
    """Return a server that knows a login and no key."""
    doors = {
        "POST /api/login": {"jwt": "t", "data": {"user": {}}},
        "GET /api/projects": {"data": [{"projectId": 1, "projectKey": RECORDED, "name": "Acme Shop"}]},
    }
    return Scripted({**doors, **routes}, **{"api_key": "", "email": "a@b.example", "password": "secret-word", **given})


def older(routes, **given):
    """Return a server that has API v1 only."""
    doors = {**NO_V2, f"GET /api/v1/projects/{RECORDED}\\Z": replayed("v1-project")}
    return Scripted({**doors, **routes}, **{"project": RECORDED, **given})
