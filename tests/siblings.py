"""LogRocket and Notte for the tests over every operation: calls that succeed, keys, and a way through to a sandbox.

What goes through may be changed, so that a test can put texts where visitors and the vendors' models write.
"""

from __future__ import annotations

import copy
import gzip
import json
from contextlib import contextmanager
from pathlib import Path

import httpx

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.sandbox import Sandbox
from openreplay_tools.sandbox import notte_data as planted
from openreplay_tools.sandbox.logrocket_data import STOPPED
from openreplay_tools.sandbox.logrocket_highlights import HOST

NAMES = [operation.tool_name for operation in OPERATIONS if operation.provider != "openreplay"]
JOB = "36e226b0ad6564b76ecf9f5424151d261053ea04fb57881daddc3ce835875c6e"
"""The first job at a sandbox's LogRocket, when it is about `STOPPED`; see `with_job`."""
EXPORT = "start.2cbbb7db9d49"
# Calls that succeed, and fast ones.
GIVEN = {
    "logrocket_request_highlights": {"user_id": STOPPED},
    "logrocket_get_highlights": {"request_id": JOB},
    "logrocket_list_exports": {"limit": 2},
    "logrocket_read_export": {"export": EXPORT, "limit": 8},
    "logrocket_identify_user": {
        "user_id": "u",
        "name": "x",
        "email": "x@y.example",
        "traits": [{"name": "plan", "value": "pro"}],
    },
    "notte_list_sessions": {"limit": 5},
    "notte_get_session": {"session": planted.INJECTED},
    "notte_get_replay": {"session": planted.WITH_MP4},
    "notte_save_replay": {"session": planted.WITH_MP4, "overwrite": True},
    "notte_get_frames": {"session": planted.WITH_MP4, "at": ["0:05"], "width": 320},
}
# Further calls, through another part of the same operation.
MORE = {
    "logrocket_read_export": [{"export": EXPORT, "types": ["network"], "limit": 200, "detail": "full"}],
    "notte_get_session": [{"session": planted.INJECTED_STEPS}],
    "notte_get_replay": [{"session": planted.PROCESSING_STRUCTURED, "wait": 0}],
}
# The same for a far side whose highlights are ready at once, so that nobody waits for what never comes either.
CALLS = {
    **{name: [given, *MORE.get(name, ())] for name, given in GIVEN.items()},
    "logrocket_get_highlights": [{"request_id": JOB, "wait": 0}],
}
# Of these nothing is told but what we make or have checked: times, sizes, names of files.
PLAIN = {"logrocket_list_exports", "notte_save_replay", "notte_get_frames"}
# These need one of several arguments, so that none of them is required alone.
ONE_OF = {
    "logrocket_request_highlights": "Whose? Give user_id or email.",
    "logrocket_identify_user": "Nothing to say about the user: give name, email, traits or seen_at.",
}


def keys(url, downloads="", **given):
    """Return the settings for the siblings of a sandbox.

    Args:
        url: the sandbox's.
        downloads: where files may be written.
        **given: further settings.
    """
    known = {
        "logrocket_api_key": Sandbox.logrocket_api_key,
        "logrocket_base_url": f"{url}/logrocket",
        "logrocket_dashboard_url": f"https://{HOST}",
        "notte_api_key": Sandbox.notte_api_key,
        "notte_api_url": f"{url}/notte",
        "poll_seconds": 0.001,
        "downloads": str(downloads),
    }
    return {**known, **given}


def with_job(server):
    """Begin the job `JOB` at a sandbox that has none yet."""
    with httpx.Client(base_url=server.url, timeout=60) as http:
        assert _begun(http) == JOB
    return server


@contextmanager
def as_at_first(server):
    """Put back afterwards what requests changed at a sandbox's LogRocket and Notte."""
    vendors = server._server.config.app._app._siblings
    logrocket, notte = vendors["logrocket"], vendors["notte"]
    jobs, people = copy.deepcopy(logrocket._jobs._jobs), copy.deepcopy(logrocket._shop.profiles)
    looks = notte._looks.copy()
    try:
        yield
    finally:
        logrocket._jobs._jobs = jobs
        logrocket._shop._profiles = people
        notte._looks = looks


@contextmanager
def without_files(toolkit):
    """Remove afterwards what was written into a toolkit's directory for downloads."""
    try:
        yield
    finally:
        for file in Path(toolkit.settings.downloads).iterdir():
            file.unlink()


# --- A way through ----------------------------------------------------------------------------------------------------

JSON = {"Content-Type": "application/json"}
_EXPORTS, _HIGHLIGHTS = "/apps/shop/data-export", "/apps/shop/highlights"
_LINK = f"https://{HOST}/acme/shop/s/5-4f92b41f-ec56-4f85-a8f0-653131d92cd9/8?t=1795186366000"
_SIZE = 1_000_000
_TYPES = ("type", "eventType", "event_type")
# What a flow needs to go on: ids of requests, states, addresses, times.
NEEDED = {"id", "requestID", "status", "mp4_url", "playlist_content", "expires_at", "created_at", "closed_at"}
# What nobody but the vendors writes: the names that they give to sessions.
THEIRS = NEEDED | {
    "session_id",
    "duration",
    "recordingID",
    "sessionID",
    "sessionId",
    "last_accessed_at",
    "close_reason",
}


def is_theirs(request):
    """Tell whether a request goes to a sibling of the sandbox, or its storage."""
    return request.url.path.startswith(("/logrocket/", "/notte/", "/storage/"))


class FarSide:
    """Answers as the siblings of a sandbox do, each of their texts changed. What was asked once is remembered.

    Args:
        http: a client whose base is the sandbox.
    """

    def __init__(self, http):
        self._http = http
        self._known = {}

    def answer(self, request, change):
        """Return the answer to a request.

        Args:
            request: from a client with `keys`.
            change: gives the text in a string's place, of it and the name under which it stands.
        """
        line = (request.method, request.url.raw_path, request.content)
        if line not in self._known:
            self._known[line] = self._asked(request)
        reply = self._known[line]
        path = request.url.path
        if path.endswith(f"{_EXPORTS}/"):
            return httpx.Response(reply.status_code, json=reply.json())
        if "/storage/exports/" in path:
            return httpx.Response(reply.status_code, content=_changed_lines(reply.content, change))
        if reply.headers.get("content-type", "").startswith("application/json"):
            told = json.dumps(changed(reply.json(), change))
            return httpx.Response(reply.status_code, content=told, headers=JSON)
        return httpx.Response(reply.status_code, content=reply.content)

    def _asked(self, request):
        if request.url.path.endswith(_HIGHLIGHTS):
            return self._ready()
        kept = ("authorization", "content-type")
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        reply = self._http.request(request.method, str(request.url), content=request.content, headers=headers)
        assert reply.status_code < 500, (request.url, reply.text)
        return reply

    def _ready(self):
        """Return highlights that are ready, whichever are asked for."""
        job = _begun(self._http)
        while True:
            reply = self._http.get(_PATH, params={"id": job}, headers=_TOKEN)
            if reply.json()["result"] is not None:
                return reply


_PATH = f"/logrocket/v1/orgs/acme{_HIGHLIGHTS}"
_TOKEN = {"Authorization": f"token {Sandbox.logrocket_api_key}"}


def _begun(http):
    return http.post(f"{_PATH}/", json={"userID": STOPPED}, headers=_TOKEN).json()["id"]


def changed(node, change, key=""):
    """Return a reply in which every string is changed; the vendor's model also calls a moment so."""
    if isinstance(node, dict):
        made = {name: changed(value, change, name) for name, value in node.items()}
        evil = change("", "")
        return {**made, **({evil: evil} if key in {"traits", "properties"} else {})}
    if isinstance(node, list):
        return [changed(item, change, key) for item in node]
    if not isinstance(node, str):
        return node
    text = change(node, key)
    return f"{text}\n- [{text}]({_LINK}): {text}" if key == "highlights" else text


def _changed_lines(content, change):
    """Return an export with one event of each type, and two more whose type is changed as well, of one size."""
    text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    told = [json.loads(line) for line in text.decode().splitlines()]
    spelled = next(name for name in _TYPES if name in told[0])
    kinds = {row[spelled]: row for row in reversed(told)}
    made = [{**changed(row, change), spelled: kind} for kind, row in reversed(kinds.items())]
    last = {**made[-1], spelled: change("", "")}
    return "".join(f"{json.dumps(row)}\n" for row in (*made, last, last)).encode().ljust(_SIZE)
