"""One JavaScript error with its numbers, and where in the source it was thrown (contract §4.5)."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openreplay_tools.sandbox.legacy_call import LegacyCall, refused
from openreplay_tools.sandbox.store import milliseconds
from openreplay_tools.sandbox.times import DAY, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# A chart has ten thousand bars; only those with something in them are sent (recorded).
_BARS = 10_000


def get_error(call: LegacyCall) -> object:
    """The error over all sessions. The last session's id is a number that JavaScript cannot hold (observed A34)."""
    rows = _occurrences(call)
    if not rows:
        raise refused(404, "error not found")
    times = [row["created_at"] for row in rows]
    last = max(rows, key=lambda row: int(row["created_at"]))
    sessions = {row["session_id"]: call.store.session(call.project, row["session_id"]) or {} for row in rows}
    now = milliseconds(call.installation.now())
    return {
        "data": {
            "errorId": call.path["errorId"],
            "name": last["captured"].get("name"),
            "message": last["captured"].get("message"),
            "users": len({row["user"] for row in rows}),
            "firstOccurrence": min(times),
            "lastOccurrence": max(times),
            "lastSessionId": int(last["session_id"]),
            "sessions": len(sessions),
            "chart24": _chart(times, now, DAY),
            "chart30": _chart(times, now, 30 * DAY),
            "tags": _tags(sessions.values()),
            "favorite": False,
            "viewed": True,
            "lastHydratedSession": _hydrated(last["session_id"], sessions[last["session_id"]]),
        }
    }


def get_sources(call: LegacyCall) -> object:
    """The stack as the browser gave it: the sandbox has no source maps."""
    rows = [row for row in _occurrences(call) if row["session_id"] == call.path["sessionId"]]
    if not rows:
        raise refused(404, "error not found")
    frames = json.loads(rows[-1]["captured"].get("payload") or "[]")
    trace = [{**frame, "frame": frame} for frame in map(_frame, frames)]
    return {"data": {"sourcemapUploaded": False, "trace": trace, "preparsed": False}}


def _occurrences(call: LegacyCall) -> list[dict[str, Any]]:
    rows = call.store.select(
        'SELECT created_at, session_id, "$user_id", "$properties" FROM events '
        "WHERE project = ? AND error_id = ? AND error_id != '' ORDER BY created_at",
        [call.project, call.path["errorId"]],
    )
    return [
        {"created_at": at, "session_id": str(session), "user": user, "captured": json.loads(captured)}
        for at, session, user, captured in rows
    ]


def _chart(times: list[int], end: int, length: int) -> list[dict[str, int]]:
    start, step = end - length, length // _BARS
    bars = Counter((at - start) // step for at in times if start <= at <= end)
    return [{"timestamp": start + bar * step, "count": count} for bar, count in sorted(bars.items())]


def _tags(sessions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = list(sessions)

    def share(column: str, otherwise: str) -> list[dict[str, Any]]:
        counts = Counter(session.get(column) or otherwise for session in known)
        return [{"name": value, "count": count} for value, count in counts.most_common()]

    family = share("userDevice", "other") + share("userDeviceType", "other")
    return [
        {"name": "browser", "partitions": share("userBrowser", "unknown")},
        {"name": "browser.ver", "partitions": share("userBrowserVersion", "unknown")},
        {"name": "OS", "partitions": share("userOs", "unknown")},
        {"name": "OS.ver", "partitions": share("userOsVersion", "unknown")},
        {"name": "device.family", "partitions": family},
        {"name": "device", "partitions": share("userDevice", "unknown")},
        {"name": "country", "partitions": share("userCountry", "unknown")},
    ]


def _hydrated(session_id: str, session: Mapping[str, Any]) -> dict[str, Any]:
    start = session.get("startTs")
    names = ("userAnonymousId", "userId", "userUuid", "userBrowser", "userBrowserVersion", "userOs", "userOsVersion")
    return {
        "sessionId": session_id,
        "startTs": None if start is None else start // SECOND * SECOND,
        **{name: session.get(name) for name in (*names, "userDevice")},
    }


def _frame(frame: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "context": [],
        "absPath": frame["fileName"],
        "filename": urlsplit(frame["fileName"]).path,
        "lineNo": frame["lineNumber"],
        "colNo": frame["columnNumber"],
        "function": frame["functionName"],
    }
