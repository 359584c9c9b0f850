"""A session's details and the addresses of its recording (contract §4.5, observed A26 and A36)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from openreplay_tools.sandbox.store import Row

    Answer = dict[str, Any]

_FILES_AT = "https://openreplay.example.com/mobs"  # as recorded: the sandbox does not serve the files
_WEB_MEMORY, _WEB_HEAP = 8192, 4294705152
_AS_THEY_ARE = (
    *("sessionId", "trackerVersion", "startTs", "duration", "platform", "userUuid", "userOs", "userOsVersion"),
    *("userBrowser", "userBrowserVersion", "userDeviceType", "userDeviceMemorySize", "userDeviceHeapSize"),
    *("userCountry", "pagesCount", "utmSource", "utmMedium", "utmCampaign", "referrer", "baseReferrer", "timezone"),
    *("screenWidth", "screenHeight"),
)


def stored(row: Row) -> Answer:
    """What PostgreSQL knows of a finished session."""
    is_web = row["platform"] == "web"
    shown: Answer = {name: row[name] for name in _AS_THEY_ARE}
    if is_web and shown["userDeviceMemorySize"] is None:
        shown.update(userDeviceMemorySize=_WEB_MEMORY, userDeviceHeapSize=_WEB_HEAP)
    return {
        **shown,
        "userId": row["userId"] or None,
        "userCity": row["userCity"] or None,
        "userState": row["userState"] or None,
        "userDevice": row["userDevice"] or "",
        "eventsCount": row["eventsCountInReplay"],
        "issueTypes": "{" + ",".join(row["issueTypes"]) + "}",  # PostgreSQL's own text for an array
        "metadata": {name: value for name, value in sorted(row["metadata"].items()) if value is not None},
    }


def running(row: Row) -> Answer:
    """What PostgreSQL knows of a session that has not ended: no duration, nothing counted yet."""
    return {
        **dict.fromkeys(_AS_THEY_ARE),
        "sessionId": row["sessionID"],
        "trackerVersion": row["trackerVersion"],
        "startTs": row["timestamp"],
        "platform": "mobile" if row["userOs"] == "iOS" else "web",
        "userId": row["userID"] or None,
        "userUuid": row["userUUID"],
        "userOs": row["userOs"],
        "userBrowser": row["userBrowser"],
        "userBrowserVersion": row["userBrowserVersion"],
        "userDevice": row["userDevice"] or "",
        "userDeviceType": row["userDeviceType"],
        "userDeviceMemorySize": _WEB_MEMORY,
        "userDeviceHeapSize": _WEB_HEAP,
        "userCountry": row["userCountry"] or "UN",
        "userCity": row["userCity"],
        "userState": row["userState"],
        "pagesCount": 0,
        "eventsCount": 0,
        "issueTypes": "{}",
        "timezone": "UTC+00:00",
        "metadata": {name: value for name, value in sorted(row["metadata"].items()) if value},
    }


def with_files(known: Mapping[str, Any], project: int, now: datetime, *, favorite: bool, viewed: bool) -> Answer:
    """Complete a session's details by the caller's marks and the files, in the recorded order of keys."""
    session, is_web = known["sessionId"], known["platform"] == "web"

    def files(*names: str) -> list[str]:
        return [signed(session, name, now) for name in names]

    found = {
        **known,
        "projectId": project,
        "favorite": favorite,
        "viewed": viewed,
        "domURL": files("dom.mobs", "dom.mobe"),
        "devtoolsURL": files("devtools.mob") if is_web else None,
        "canvasURL": [] if is_web else None,
        "canvasFrames": [] if is_web else None,
        "videoURL": None if is_web else files("replay.tar.zst"),
        "mobileFrames": None if is_web else files("replay.frames.zst"),
        "live": False,
        "fileKey": None,
    }
    return {name: found[name] for name in _ORDER}


def signed(session: str, name: str, now: datetime) -> str:
    """Write an address that looks pre-signed for 15 minutes; nothing answers there."""
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    signature = hashlib.blake2b(f"{session}/{name} {moment}".encode(), digest_size=32).hexdigest()
    query = urlencode(
        {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"sandbox/{moment[:8]}/us-east-1/s3/aws4_request",
            "X-Amz-Date": moment,
            "X-Amz-Expires": "900",
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Signature": signature,
        }
    )
    return f"{_FILES_AT}/{session}/{name}?{query}"


_ORDER = (
    *("sessionId", "projectId", "trackerVersion", "startTs", "duration", "platform", "userId", "userUuid"),
    *("userOs", "userOsVersion", "userBrowser", "userBrowserVersion", "userDevice", "userDeviceType"),
    *("userDeviceMemorySize", "userDeviceHeapSize", "userCountry", "pagesCount", "eventsCount", "issueTypes"),
    *("utmSource", "utmMedium", "utmCampaign", "referrer", "baseReferrer", "userCity", "userState", "timezone"),
    *("screenWidth", "screenHeight", "favorite", "viewed", "domURL", "devtoolsURL", "canvasURL", "canvasFrames"),
    *("videoURL", "mobileFrames", "metadata", "live", "fileKey"),
)
