"""Asking the handlers of the routes about sessions, without HTTP."""

from __future__ import annotations

import json

from openreplay_tools.sandbox import FIXED_NOW
from openreplay_tools.sandbox.dashboard_sessions import SESSIONS
from openreplay_tools.sandbox.routes import Call, Service, run
from openreplay_tools.sandbox.store import milliseconds

NOW = milliseconds(FIXED_NOW)
SEARCH = "/{projectId}/sessions/search"
SAVED = f"{SEARCH}/saved"
START, END = 1792515600000, 1795300000000
WINDOW = {"startTimestamp": START, "endTimestamp": END, "limit": 200, "page": 1}


class Dashboard:
    """Asks the handlers of the routes about sessions directly: no limiter stands in the way of many questions."""

    def __init__(self, store, *, edition="foss", user=1, now=FIXED_NOW):
        self.store = store
        self.user = user
        self.service = Service(store, edition, lambda: now)

    def ask(self, method, path, body=None, query="", **parameters):
        content = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        parameters = {name: str(value) for name, value in {"projectId": 1, **parameters}.items()}
        reply = run(SESSIONS[path][method], Call(self.service, parameters, query, content, user=self.user))
        return reply.status, json.loads(reply.body)

    def search(self, *filters, project=1, **fields):
        body = {**WINDOW, "filters": list(filters), **fields}
        status, answer = self.ask("POST", SEARCH, body, projectId=project)
        return answer["data"] if status == 200 else (status, answer["error"])

    def total(self, *filters, **fields):
        found = self.search(*filters, **fields)
        return found["total"] if isinstance(found, dict) else found

    def session(self, ending, session, *, project=1):
        return self.ask("GET", f"/{{projectId}}/sessions/{{sessionId}}/{ending}", projectId=project, sessionId=session)


def where(name, operator, *value, own=True, **more):
    return {"name": name, "operator": operator, "value": list(value), "isEvent": False, "autoCaptured": own, **more}


def event(name, *inner, own=True, operator="is", **more):
    return {
        "name": name,
        "operator": operator,
        "isEvent": True,
        "autoCaptured": own,
        "propertyOrder": "and",
        "filters": list(inner),
        **more,
    }
