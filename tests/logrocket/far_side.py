"""A second LogRocket, written from the same documents as the sandbox's and apart from it: two hosts, scripted."""

import re
from itertools import chain, repeat

import httpx

from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.render import Fence, render
from openreplay_tools.sandbox import FIXED_NOW
from openreplay_tools.settings import Settings

API = "https://api.logrocket.com"
FILES = "https://exports.example.net"
SECRET = "top-s3cr3t-of-lr"
KEY = f"acme:shop:{SECRET}"
SIGNATURE = "deadbeef0123signature"
PATH = "/v1/orgs/acme/apps/shop/"
AGAIN = {"retry-after": "0"}
RECORDING = "5-0f3c1f60-5a1e-4a7e-9d0b-2f6f2a9c1b11"
AT = 1_795_196_573_056
LINK = f"https://app.logrocket.com/acme/shop/s/{RECORDING}/0?t={AT}"


def answer(status=200, json=None, *, text=None, content=None, **headers):
    """Return a function that answers a request so, whenever it is asked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def give(_):
        if json is not None:
            return httpx.Response(status, json=json, headers=named)
        return httpx.Response(status, content=content if content is not None else (text or "").encode(), headers=named)

    return give


def broken(request):
    raise httpx.ReadError("gone", request=request)


def signed(name, host=FILES, age=0):
    """Return an address as storages sign them; every listing signs anew."""
    return f"{host}/exports/{name}.jsonl?X-Amz-Date=2026112{age}T000000Z&X-Amz-Signature={SIGNATURE}{age}"


def page(names, cursor, **more):
    return {"cursor": cursor, "sessions": [{"url": signed(name, **more)} for name in names]}


class FarSide:
    """Answers as told and remembers what it was asked.

    Args:
        routes: regular expressions over "METHOD address", each with what it answers, one after the other, the last one
            for ever: JSON data or functions of the request.
    """

    def __init__(self, routes, **given):
        self.asked = []
        self._routes = {pattern: self._endless(answers) for pattern, answers in routes.items()}
        chosen = {
            "logrocket_api_key": KEY,
            "clock": lambda: FIXED_NOW,
            "secret": "fixed",
            "retries": 0,
            "poll_seconds": 0.001,
        }
        self.settings = Settings.make(**{**chosen, **given})
        transport = httpx.MockTransport(self._answer)
        self.client = Client(self.settings, transport=transport)
        self.async_client = AsyncClient(connection=self.client.connection)

    @staticmethod
    def _endless(answers):
        listed = answers if isinstance(answers, list) else [answers]
        return chain(listed, repeat(listed[-1]))

    def _answer(self, request):
        self.asked.append(request)
        line = f"{request.method} {request.url}"
        for pattern, answers in self._routes.items():
            if re.search(pattern, line):
                given = next(answers)
                return given(request) if callable(given) else httpx.Response(200, json=given)
        return httpx.Response(404, text="no such route in this test")

    def lines(self):
        """Return what was asked: method and path with query, whatever the host."""
        return [f"{each.method} {each.url.raw_path.decode().removeprefix(PATH)}" for each in self.asked]

    def of(self, host):
        return [each for each in self.asked if str(each.url).startswith(host)]


def told(client, operation, budget=6000, **arguments):
    """Return what a model would read."""
    parsed = operation.parse(arguments)
    outcome = client.outcome(operation, parsed)
    return render(operation.present(outcome.result, parsed, outcome.scope), budget=budget, fence=Fence("7f3a"))


def unfenced(text):
    """Return a text without what stands in its fences."""
    return re.sub(r"⟦7f3a .*? 7f3a⟧", "", text)
