"""The cases of Notte. Nobody could record there: the replies are written from its documents, and say from which."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from cassettes.case import STORAGE, Case, Written
from cassettes.cases.people import NO_RETRIES
from openreplay_tools.catalogue import (
    notte_get_frames,
    notte_get_replay,
    notte_get_session,
    notte_list_sessions,
    notte_save_replay,
)
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    ServerError,
    UnavailableError,
)
from openreplay_tools.sandbox.notte_replays import media

if TYPE_CHECKING:
    from collections.abc import Mapping

_SESSIONS = "docs.notte.cc/api-reference (sessions)"
_REPLAY = "docs.notte.cc/api-reference/using-session-replay"
_ERRORS = "docs.notte.cc (errors)"
_NOT_READY = "notte_sdk 1.10.0 (endpoints/sessions.py: a replay that is not ready is a 404)"
_STRUCTURED = "notte_sdk 1.10.0 (ReplayMissingResponse; that its status is 404 is inferred)"
_OLDER = "notte_sdk 1.8.9 (until March 2026 the replay was the video itself)"
_STORED = f"{_REPLAY}: the addresses are pre-signed"
_SIGNED_OUT = f"{_STORED}; that storages answer 403 when one has expired is assumed"
_MADE = "the video is the sandbox's own"

_ID, _OTHER, _RUNNING = (f"{n}b1d0c6e-7a52-4c1f-9b7e-3d2a90c4e8f1" for n in "123")
_SIGNATURE = "X-Amz-Expires=3600&X-Amz-Signature=REDACTED"
_PIECES = tuple(media(f"segment-{n}.ts") for n in range(2))
_WHOLE, _INIT, _FRAGMENT = (media(name) for name in ("replay.mp4", "init.mp4", "segment-0.m4s"))

_THIS: Mapping[str, Any] = {"session": _ID}
_SAVED: Mapping[str, Any] = {**_THIS, "save_as": "checkout"}


def _json(source: str, data: Any, status: int = 200) -> Written:
    return Written(source, status, json.dumps(data))


def _file(content: bytes, kind: str = "video/mp4", source: str = _STORED) -> Written:
    return Written(f"{source}; {_MADE}", 200, content, kind)


def _signed(name: str, more: str = "") -> str:
    return f"{STORAGE}/replays/{name}?{_SIGNATURE}{more}"


def _playlist(*names: str, lines: tuple[str, ...] = ()) -> str:
    pieces = [line for name in names for line in ("#EXTINF:1.0,", _signed(name))]
    return "\n".join(["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1", *lines, *pieces, "#EXT-X-ENDLIST"])


def _ready(mp4: str | None, playlist: str | None = None, length: int | None = 4000) -> Written:
    urls = {"mp4_url": mp4, "playlist_content": playlist, "expires_at": "2026-11-20T19:15:00+00:00"}
    return _json(_REPLAY, {**urls, "video_start_ms": 0, "video_duration_ms": length})


def _missing(status: str, message: str, *, retryable: bool) -> Written:
    told = {"detail": message, "session_id": _ID, "status": 404, "error": "ReplayMissing", "message": message}
    return _json(_STRUCTURED, {**told, "replay_status": status, "retryable": retryable}, 404)


def _session(number: str = _ID, status: str = "closed", **more: Any) -> dict[str, Any]:
    ended = None if status == "active" else "2026-11-20T17:04:30+00:00"
    usual: dict[str, Any] = {
        "session_id": number, "status": status, "created_at": "2026-11-20T17:00:00+00:00", "closed_at": ended,
        "last_accessed_at": "2026-11-20T17:04:12+00:00", "duration": None if status == "active" else "PT4M30S",
        "idle_timeout_minutes": 3, "max_duration_minutes": 15, "steps": [], "error": None, "proxies": False,
        "browser_type": "chromium", "viewport_width": 1280, "viewport_height": 720,
        "network_request_bytes": 24576, "network_response_bytes": 1048576,
    }  # fmt: skip
    return {**usual, **more}


def _list(*items: dict[str, Any], page: int = 1, size: int = 20, more: bool = False) -> Written:
    place = {"page": page, "page_size": size, "has_next": more, "has_previous": page > 1}
    return _json(_SESSIONS, {"items": list(items), **place})


_FAILED = _session(_OTHER, "error", error="The page did not load", close_reason="error")
_STEPS = [
    {"type": "goto", "url": "https://shop.example.test/cart", "success": True},
    {"type": "click", "id": "B3", "success": False, "message": "Element is not there any more"},
]
_WRONG_KEY = _json(f"{_ERRORS}: 401", {"message": "Invalid API key"}, 401)
_NO_ID = _json(
    f"{_ERRORS}: 422",
    {"message": "Validation error", "detail": [
        {"type": "uuid_parsing", "loc": ["path", "session_id"], "msg": "Input should be a valid UUID", "input": "mine"},
    ]}, 422,
)  # fmt: skip

SESSIONS = (
    Case(
        notte_list_sessions, "list-sessions", (_list(_session(steps=_STEPS), _FAILED),), {},
        {"rows.0.session_id": _ID, "rows.0.duration_ms": 270_000, "rows.1.error": "The page did not load"},
        door="notte",
    ),
    Case(
        notte_list_sessions, "list-sessions-ended",
        (_list(_session(_RUNNING, "active"), _session(), size=100, more=True), _list(_FAILED, page=2, size=100)),
        {"status": "ended", "limit": 1}, {"rows.0.session_id": _ID, "rows.1": "nothing there", "has_next": True},
        door="notte", note="Notte cannot leave out what still runs, so that pages are read until there are enough.",
    ),
    Case(
        notte_list_sessions, "list-sessions-all",
        (_list(_session(), size=100, more=True), _list(_session(), _FAILED, page=2, size=100)), {},
        {"1.session_id": _OTHER, "2": "nothing there"}, every=True, door="notte",
    ),
    Case(
        notte_list_sessions, "list-sessions-wrong-key", (_WRONG_KEY,), door="notte", raises=AuthenticationError,
    ),
    Case(
        notte_list_sessions, "list-sessions-overloaded",
        (_json(f"{_ERRORS}: 529", {"message": "Overloaded", "detail": "Try again later"}, 529),), door="notte",
        settings=NO_RETRIES, raises=ServerError,
    ),
    Case(
        notte_get_session, "get-session", (_json(_SESSIONS, _session(steps=_STEPS)),), _THIS,
        {"status": "closed", "steps.1.success": False}, door="notte",
        note="What a step holds is documented nowhere.",
    ),
    Case(
        notte_get_session, "get-session-unknown",
        (_json(f"{_ERRORS}; a 404 is not among them", {"message": "Session not found"}, 404),), _THIS, door="notte",
        raises=NotFoundError,
    ),
    Case(
        notte_get_session, "get-session-no-id", (_NO_ID,), {"session": "mine"}, door="notte", raises=BadRequestError,
    ),
)  # fmt: skip

_PIECEMEAL = _ready(None, _playlist("0.ts", "1.ts"), None)
_FRAGMENTED = _playlist("0.m4s", lines=(f'#EXT-X-MAP:URI="{_signed("init.mp4")}"',))
_ENCRYPTED = _ready(None, _playlist("0.ts", lines=(f'#EXT-X-KEY:METHOD=AES-128,URI="{_signed("key")}"',)))
_NOT_YET = _json(_NOT_READY, {"message": "Replay not ready"}, 404)
_STILL_ACTIVE = _json(_NOT_READY, {"message": "Replay not ready", "detail": f"Session {_ID} is still active"}, 404)
_ENDED = _json(_SESSIONS, _session())
_UNAVAILABLE = _missing("unavailable", "No action was performed", retryable=False)

REPLAYS = (
    Case(
        notte_get_replay, "get-replay", (_ready(_signed("replay.mp4"), _playlist("0.ts", "1.ts")),), _THIS,
        {"state": "ready", "has_mp4": True, "has_playlist": True, "media.duration_ms": 4000}, door="notte",
    ),
    Case(
        notte_get_replay, "get-replay-pieces", (_PIECEMEAL,), _THIS,
        {"has_mp4": False, "segments": 2, "media.duration_ms": 2000, "problem": ""}, door="notte",
    ),
    Case(
        notte_get_replay, "get-replay-waits", (_NOT_YET, _ENDED, _NOT_YET, _ready(_signed("replay.mp4"))), _THIS,
        {"state": "ready", "has_mp4": True}, door="notte",
        note="A 404 may mean that there is no such session, so that it is looked at once.",
    ),
    Case(
        notte_get_replay, "get-replay-processing", (_missing("processing", "Being prepared", retryable=True),),
        {**_THIS, "wait": 0}, {"state": "processing", "said": "processing", "media": None}, door="notte",
    ),
    Case(
        notte_get_replay, "get-replay-older", (_file(_INIT + _FRAGMENT, source=_OLDER),), _THIS,
        {"state": "ready", "media.container": "mp4", "media.url": None}, door="notte",
    ),
    Case(
        notte_get_replay, "get-replay-still-active", (_STILL_ACTIVE,), _THIS, door="notte", raises=UnavailableError,
    ),
    Case(notte_get_replay, "get-replay-unavailable", (_UNAVAILABLE,), _THIS, door="notte", raises=UnavailableError),
    Case(notte_get_replay, "get-replay-wrong-key", (_WRONG_KEY,), _THIS, door="notte", raises=AuthenticationError),
    Case(
        notte_get_replay, "get-replay-no-video", (_ready(None),), _THIS, door="notte", raises=UnavailableError,
    ),
    Case(
        notte_save_replay, "save-replay", (_ready(_signed("replay.mp4")), _file(_WHOLE)), _SAVED,
        {"container": "mp4", "size": len(_WHOLE), "sha256": hashlib.sha256(_WHOLE).hexdigest()}, door="notte",
        saves=True,
    ),
    Case(
        notte_save_replay, "save-replay-pieces",
        (_PIECEMEAL, *(_file(piece, "video/mp2t") for piece in _PIECES)), {**_THIS, "save_as": "checkout.mp4"},
        {"container": "ts", "segments": 2, "sha256": hashlib.sha256(b"".join(_PIECES)).hexdigest()}, door="notte",
        saves=True,
    ),
    Case(
        notte_save_replay, "save-replay-fragmented",
        (_ready(None, _FRAGMENTED, 1000), _file(_INIT), _file(_FRAGMENT, "video/iso.segment")), _THIS,
        {"container": "mp4", "segments": 1, "sha256": hashlib.sha256(_INIT + _FRAGMENT).hexdigest()}, door="notte",
        saves=True,
    ),
    Case(
        notte_save_replay, "save-replay-expired",
        (_PIECEMEAL, Written(_SIGNED_OUT, 403, "<Error><Code>AccessDenied</Code></Error>", "application/xml"),
         _PIECEMEAL, *(_file(piece, "video/mp2t") for piece in _PIECES)),
        _SAVED, {"container": "ts", "size": sum(map(len, _PIECES))}, door="notte", saves=True,
    ),
    Case(
        notte_save_replay, "save-replay-older", (_file(_INIT + _FRAGMENT, source=_OLDER),), _SAVED,
        {"container": "mp4", "segments": None, "sha256": hashlib.sha256(_INIT + _FRAGMENT).hexdigest()}, door="notte",
        saves=True,
    ),
    Case(
        notte_save_replay, "save-replay-encrypted", (_ENCRYPTED,), _SAVED, door="notte", saves=True,
        raises=UnavailableError,
    ),
    Case(
        notte_save_replay, "save-replay-directory", (), {**_THIS, "save_as": "../checkout.mp4"}, door="notte",
        saves=True, raises=ArgumentsError,
    ),
    Case(
        notte_get_frames, "get-frames", (_ready(_signed("replay.mp4")), _file(_WHOLE)),
        {**_THIS, "at": ["0:01", "2500ms"], "width": 320},
        {"frames.0.asked_ms": 1000, "frames.1.asked_ms": 2500, "frames.1.width": 320}, door="notte",
    ),
    Case(
        notte_get_frames, "get-frames-not-ready", (_NOT_YET, _ENDED), {**_THIS, "at": ["0:01"], "wait": 0},
        door="notte", raises=UnavailableError,
    ),
    Case(
        notte_get_frames, "get-frames-unavailable", (_UNAVAILABLE,), {**_THIS, "at": ["0:01"]}, door="notte",
        raises=UnavailableError,
    ),
)  # fmt: skip

NOTTE_CASES = (*SESSIONS, *REPLAYS)
