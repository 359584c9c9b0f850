"""Both clients in front of vendors that answer as told, for tests: sync and async, with any flow."""

import asyncio

import httpx

from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.settings import Settings

LOGROCKET_KEY = "acme:shop:sekretlogrocket"
NOTTE_KEY = "sekretnottesekretnotte"
OPENREPLAY_KEY = "sekretopenreplaysekret"
KEYS = (LOGROCKET_KEY, NOTTE_KEY, OPENREPLAY_KEY, "sekretlogrocket")
SIGNED = "https://files.example/exports/a%2Fb.json?X-Amz-Credential=AKIA%2F2026&X-Amz-Signature=f00dfeed~+x"
SIGNATURE = "f00dfeed"
NOW = {"retry-after": "0"}  # so that no test waits


def settings(**given):
    """Return settings with a key for each vendor."""
    known = {
        "api_key": OPENREPLAY_KEY,
        "base_url": "https://openreplay.example",
        "logrocket_api_key": LOGROCKET_KEY,
        "notte_api_key": NOTTE_KEY,
    }
    return Settings.make(**{**known, **given})


class Far:
    """Answers a request with the next of its answers, the last for all that follow; exceptions are raised."""

    def __init__(self, *answers):
        self.answers = answers
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


def said(value=None, status=200, **headers):
    """Answer with JSON."""
    known = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda _: httpx.Response(status, json={} if value is None else value, headers=known)


def raw(content, status=200, **headers):
    """Answer with bytes."""
    known = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda _: httpx.Response(status, content=content, headers=known)


class Broken:
    """A body that breaks off after its pieces, for sync and async clients."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def __call__(self, request):
        return httpx.Response(200, stream=_Stream(self.pieces))


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, pieces):
        self._pieces = pieces

    def __iter__(self):
        yield from self._pieces
        raise httpx.ReadError("gone")

    async def __aiter__(self):
        for piece in self._pieces:
            yield piece
        raise httpx.ReadError("gone")


class Driven:
    """A client that runs flows, and what it was asked."""

    def __init__(self, kind, far=None, **given):
        self.far = far
        transport = httpx.MockTransport(far) if far is not None else None
        self.settings = given.pop("settings", None) or settings(**given)
        self._runner = asyncio.Runner() if kind == "async" else None
        self.client = (AsyncClient if self._runner else Client)(self.settings, transport=transport)

    def run(self, flow):
        """Run a flow, or a function that makes one of a scope."""

        def question(_, scope):
            return flow(scope) if callable(flow) else flow

        if self._runner:
            return self._runner.run(self.client.find_out(question, None))
        return self.client.find_out(question, None)

    @property
    def requests(self):
        return self.far.requests

    def close(self):
        if self._runner:
            self._runner.run(self.client.aclose())
            self._runner.close()
        else:
            self.client.close()
