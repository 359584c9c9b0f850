"""The recorded catalogue and lexicon of a project, and servers that answer with them."""

import json
from functools import cache
from pathlib import Path

from openreplay_tools.render import Fence, render
from tests.servers import Scripted

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "recordings"
LOGIN = {"api_key": "", "email": "ann@example.org", "password": "secret-word"}
EVENTS = r"POST /v2/api/1/events\Z"
LEXICON = r"GET /v2/api/1/lexicon/properties\?"


@cache
def _exchanges(group):
    lines = (RECORDINGS / f"{group}.jsonl").read_text("utf-8").splitlines()
    return {each["id"]: each for each in map(json.loads, lines)}


def recorded(name):
    """Return a recorded reply by the id of its exchange; a fresh copy."""
    return json.loads(_exchanges(name.partition("-")[0])[name]["response_body"])


def lexicon(*entries):
    """Return a lexicon of properties: (name, stored type, captured, more)."""
    known = [
        {"name": name, "dataType": kind, "autoCaptured": captured, "count": 1, "status": "visible", **more}
        for name, kind, captured, *rest in entries
        for more in (rest[0] if rest else {},)
    ]
    return {"data": {"properties": known or None, "total": len(known)}}


def scripted(routes=(), **settings):
    """Return a server with a login and the recorded project; other routes come first."""
    projects = {"data": [{"projectId": 1, "projectKey": "7X2WHE68QaUo3L1nD60m", "name": "Acme Shop"}]}
    usual = {
        r"POST /api/login\Z": {"jwt": "t", "data": {"user": {}}},
        r"GET /api/projects\Z": projects,
        r"GET /api/pa/1/filters\Z": recorded("app_projects-filters"),
        r"GET /api/pa/1/events/autocomplete": recorded("app_projects-events-autocomplete"),
        r"GET /api/pa/1/properties/autocomplete": recorded("app_projects-properties-autocomplete"),
        r"GET /v2/api/1/lexicon/events\Z": recorded("app_data-lexicon-events"),
    }
    return Scripted(
        {**dict(routes), **{path: usual[path] for path in usual if path not in dict(routes)}}, **{**LOGIN, **settings}
    )


def told(client, operation, budget=6000, **arguments):
    """Return the text of a call."""
    parsed = operation.parse(arguments)
    outcome = client.outcome(operation, parsed)
    return render(operation.present(outcome.result, parsed, outcome.scope), budget=budget, fence=Fence("7f3a"))


def queries(server, fragment):
    """Return the queries of the requests whose address holds a text."""
    return [dict(each.url.params) for each in server.requests if fragment in str(each.url)]
