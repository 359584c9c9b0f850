"""The far side of HTTP for tests: toolkits over a sandbox, and a scripted server for what a sandbox cannot do."""

import json
import re

import httpx

from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.sandbox import FIXED_NOW, Sandbox
from openreplay_tools.settings import Settings
from openreplay_tools.toolkit import Toolkit

DASHBOARD = "https://openreplay.example.com"
SHOP, RECORDED = "7X2WHE68QaUo3L1nD60m", "LbifiKjlu7VmVoyauxnK"
PREFIX = "/v2/api/public/"


def known(**given):
    """Return the settings that `Toolkit.sandbox` chooses, without its server."""
    chosen = {
        "api_key": Sandbox.api_key,
        "dashboard_url": DASHBOARD,
        "project": "Acme Shop",
        "clock": lambda: FIXED_NOW,
        "secret": Sandbox.secret,
    }
    return {**chosen, **given}


def toolkit_over(server, *, groups="all", tools=None, effects="all", **given):
    """Return a toolkit over a running sandbox."""
    return Toolkit(Settings.make(base_url=server.url, **known(**given)), groups=groups, tools=tools, effects=effects)


def client_over(server, **given):
    """Return a client over a running sandbox."""
    return Client(base_url=server.url, **known(**given))


def sent(server):
    """Return what a sandbox was asked since the last call: method, path below the public API, JSON body."""
    asked = [(one.method, one.path, json.loads(one.body) if one.body else None) for one in server.requests]
    server.requests.clear()
    return [(method, path.removeprefix(PREFIX), body) for method, path, body in asked]


def project(key=SHOP, number=1, name="Acme Shop", **more):
    return {"projectKey": key, "projectId": number, "name": name, "platform": "web", **more}


class Scripted:
    """A server that answers as told, and remembers what it was asked.

    Args:
        routes: regular expressions over "METHOD path", each with a reply: JSON data, an `httpx.Response`, or a function
            of the request that returns either. The first that fits is used.
    """

    def __init__(self, routes, **given):
        self.routes = {f"GET {PREFIX}projects\\Z": {"data": [project()]}, **routes}
        self.requests = []
        transport = httpx.MockTransport(self._answer)
        settings = Settings.make(**known(**{"base_url": DASHBOARD, "retries": 0, **given}))
        self.client = Client(settings, transport=transport)
        self.toolkit = Toolkit(settings, groups="all", effects="all")
        self.toolkit.client = self.client
        self.toolkit.async_client = AsyncClient(connection=self.client.connection)

    def _answer(self, request):
        self.requests.append(request)
        line = f"{request.method} {request.url.raw_path.decode()}"
        reply = next((reply for pattern, reply in self.routes.items() if re.match(pattern, line)), None)
        if callable(reply):
            reply = reply(request)
        if reply is None:
            return httpx.Response(404, text="404 page not found\n")
        return reply if isinstance(reply, httpx.Response) else httpx.Response(200, json=reply)

    def call(self, name, /, **arguments):
        return self.toolkit.call(f"openreplay_{name}", arguments)

    def bodies(self, fragment):
        return [json.loads(request.content) for request in self.requests if fragment in str(request.url)]
