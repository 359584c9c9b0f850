"""A second Notte, written from its documents apart from the sandbox's: the API and a storage, two hosts of one network.

It answers what a test tells it, can break off in the middle of a body, and counts what of a body was taken.
"""

import gzip
import json
import re
from collections import Counter
from datetime import UTC, datetime

import httpx

from openreplay_tools import AsyncClient, Client, Settings
from openreplay_tools.render import Fence, render
from openreplay_tools.sandbox.notte_replays import media

KEY = "sekret-notte-key"
API, STORAGE = "api.notte.cc", "videos.storage.example"
SIGNED = "X-Amz-Signature=0123456789abcdef&X-Amz-Credential=sekret-credential"
NOW = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)
EXPIRES = "2026-11-20T19:15:00+00:00"
SESSION = "any-id.of_theirs"
SEGMENTS = tuple(media(f"segment-{place}.ts") for place in range(4))
WHOLE = media("replay.mp4")
SECRETS = (KEY, "X-Amz", "0123456789abcdef", "sekret", f"https://{STORAGE}/", "#EXTM3U")

CONTEXT = Fence("abcd")


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in pieces that counts those that were taken, and may break off."""

    def __init__(self, content, size=1000, broken_after=None):
        self.pieces = [content[at : at + size] for at in range(0, len(content), size)]
        self.broken_after = broken_after
        self.taken = 0

    def __iter__(self):
        for number, piece in enumerate(self.pieces):
            if number == self.broken_after:
                raise httpx.ReadError("connection reset")
            self.taken += 1
            yield piece

    async def __aiter__(self):
        for piece in self:
            yield piece


class FarSide:
    """Answers requests as told and remembers them.

    Args:
        routes: regular expressions over "host/path", each with an answer or a tuple of answers, of which the last is
            repeated: JSON data, bytes, an `httpx.Response`, or a function of the request that returns one.
    """

    def __init__(self, routes):
        self.routes = {
            pattern: answers if isinstance(answers, tuple) else (answers,) for pattern, answers in routes.items()
        }
        self.asked = []
        self._looks = Counter()

    def __call__(self, request):
        self.asked.append(request)
        place = f"{request.url.host}{request.url.path}"
        for pattern, answers in self.routes.items():
            if re.fullmatch(pattern, place):
                answer = answers[min(self._looks[pattern], len(answers) - 1)]
                self._looks[pattern] += 1
                return answer(request) if callable(answer) else self._response(answer)
        return httpx.Response(404, json={"message": "Not found"})

    @staticmethod
    def _response(answer):
        if isinstance(answer, httpx.Response):  # each one is read once
            return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        if isinstance(answer, bytes):
            return httpx.Response(200, content=answer, headers={"content-type": "application/octet-stream"})
        return httpx.Response(200, json=answer)

    @property
    def places(self):
        """What was asked for, in order: host and path."""
        return [f"{request.url.host}{request.url.path}" for request in self.asked]

    def settings(self, **given):
        return Settings.make(**{"notte_api_key": KEY, "clock": lambda: NOW, "retries": 2, **given})

    def client(self, **given):
        return Client(self.settings(**given), transport=httpx.MockTransport(self))

    def async_client(self, **given):
        return AsyncClient(self.settings(**given), transport=httpx.MockTransport(self))


def refusal(status, /, **body):
    return httpx.Response(status, json=body)


def address(name):
    return f"https://{STORAGE}/{name}?{SIGNED}"


def playlist(names, *, end=True, lines=(), base=f"https://{STORAGE}"):
    text = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:5", *lines]
    for name in names:
        text += ["#EXTINF:5.0,", f"{base}/{name}?{SIGNED}"]
    return "\n".join([*text, *(["#EXT-X-ENDLIST"] if end else [])])


def ready(mp4=None, text=None, **more):
    return {"mp4_url": mp4, "playlist_content": text, "expires_at": EXPIRES, **more}


def session(status="closed", **more):
    return {"session_id": SESSION, "status": status, "created_at": "2026-11-20T17:00:00", "closed_at": None, **more}


REPLAY = f"{API}/sessions/{SESSION}/replay"
ONE = f"{API}/sessions/{SESSION}"
NAMES = tuple(f"part-{place}.ts" for place in range(4))
PARTS = {f"{STORAGE}/{name}": content for name, content in zip(NAMES, SEGMENTS, strict=True)}


def joined(**more):
    """Routes of a replay that comes in four pieces."""
    return {REPLAY: ready(text=playlist(NAMES), video_duration_ms=20_000), **PARTS, **more}


def streamed(content, **about):
    """Answer with a body in pieces; see `Pieces`."""
    return lambda _: httpx.Response(200, stream=Pieces(content, **about))


def pressed(content):
    """Answer with a body that travels compressed."""
    return lambda _: httpx.Response(200, content=gzip.compress(content), headers={"content-encoding": "gzip"})


def outcome(client, operation, **arguments):
    return client.outcome(operation, operation.parse(arguments))


def told(operation, found, **arguments):
    """The text of an answer."""
    return render(presented(operation, found, **arguments), budget=8000, fence=CONTEXT)


def presented(operation, found, **arguments):
    return operation.present(found.result, operation.parse(arguments), found.scope)


def say(client, operation, **arguments):
    """Run an operation and return its result and its text."""
    found = outcome(client, operation, **arguments)
    return found.result, told(operation, found, **arguments)


def without_secrets(*things, secrets=SECRETS):
    """Check that none of the secrets stands in texts, reprs and dumps."""
    for thing in things:
        texts = [str(thing), repr(thing)]
        if hasattr(thing, "model_dump"):
            texts += [json.dumps(thing.model_dump(mode="json")), repr(thing.model_dump()), thing.model_dump_json()]
        for secret in secrets:
            assert all(secret not in text for text in texts), secret
