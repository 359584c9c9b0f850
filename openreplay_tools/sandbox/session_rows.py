"""What the store keeps of each session: one form for generated and recorded ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openreplay_tools.sandbox.times import Row

_ONLY_IN_REPLAY = (
    *("userDeviceMemorySize", "userDeviceHeapSize"),
    *("utmSource", "utmMedium", "utmCampaign", "referrer", "baseReferrer"),
)
_FROM_REPLAY = (
    *("startTs", "duration", "platform", "userOs", "userOsVersion", "userBrowser", "userBrowserVersion"),
    *("userDeviceType", "pagesCount", "trackerVersion", "screenWidth", "screenHeight", "timezone"),
    *_ONLY_IN_REPLAY,
)
_FROM_SEARCH = (
    *("sessionId", "userId", "userUuid", "userDevice", "userCountry", "userCity", "userState", "eventsCount"),
)


def generated(
    sessions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]], slots: Sequence[str]
) -> list[Row]:
    """Complete the rows of the generated world by what its events know of their session."""
    referrers = {row["session_id"]: row.get("$referrer") for row in events}
    unknown: Row = dict.fromkeys(_ONLY_IN_REPLAY)
    return [
        {
            **unknown,
            **row,
            "userAnonymousId": None,
            "eventsCountInReplay": row["eventsCount"],
            "referrer": referrers.get(row["sessionId"]) or None,
            "metadata": {slot: row["metadata"].get(slot) for slot in slots},
        }
        for row in sessions
    ]


def from_recording(session: Mapping[str, Any], slots: Sequence[str]) -> Row:
    """Join a recorded session's search row, replay and events."""
    seen, replay, events = session["search_row"], session["replay"], session["app_events"]
    issues: str = replay["issueTypes"].strip("{}")
    return {
        **{name: seen[name] for name in _FROM_SEARCH},
        **{name: replay[name] for name in _FROM_REPLAY},
        "userAnonymousId": None,
        "eventsCountInReplay": replay["eventsCount"],  # PostgreSQL counts otherwise than the search
        "metadata": {slot: seen["metadata"].get(slot) for slot in slots},
        "issueTypes": sorted(filter(None, issues.split(","))),
        "errorsCount": len(events["errors"] or ()),
        "live": False,
    }
