"""Links to sessions, made for answers and found in what LogRocket's model writes.

That model reads what visitors typed, so its text may hold any address: a link is only ever made of our own parts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from openreplay_tools.recordings import Moment

_MOST = 100  # moments of one text
_LONGEST_TEXT = 300_000  # characters that are searched
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAUSIBLE_MS = range(946_684_800_000, 32_503_680_000_000)  # the years 2000 to 2999
_PORTS = {"http": 80, "https": 443}

# A Markdown link, or an address by itself; brackets inside of a link's text may be escaped or come in pairs.
_ADDRESS = re.compile(
    r"(?:(?<!\\)\[(?P<label>(?:[^\[\]\\\n]|\\.|\[[^\[\]\n]{0,100}\]){0,300})\]\(\s{0,9}<?)?"
    r"(?P<url>https?://[^\s()<>\[\]\"'`|\\^{}]{1,2000})",
    re.IGNORECASE,
)
# https://docs.logrocket.com/docs/session-highlights-api: /<org>/<project>/s/<recordingID>/<sessionID>?t=<epoch ms>
_SESSION = r"(?!\.\.?/)[A-Za-z0-9_.~-]{1,100}/\d{1,20}"
_IS_SESSION = re.compile(rf"{_SESSION}\Z", re.ASCII).match
_PLACE = re.compile(rf"/(?P<org>[^/]+)/(?P<app>[^/]+)/s/(?P<session>{_SESSION})/?\Z", re.ASCII)
_TIME = re.compile(r"(?:^|[&;])t=(\d{1,15})(?!\w)", re.ASCII)
_SENTENCE_END = ".,;:!?*_~…"


class _Found(NamedTuple):
    """A link's parts: whether it leads into the asked dashboard, the session's id, the time in epoch ms."""

    ours: bool
    session_id: str
    at_ms: int | None


def session_link(session_id: str, at_ms: int | None = None, *, org: str, app: str, dashboard: str) -> str:
    """Return the link to a replay, "" where the id or what it belongs to is unknown or malformed.

    Args:
        session_id: `recordingID/sessionID`.
        at_ms: the moment to open it at, epoch milliseconds.
        org: the organization's id.
        app: the project's id.
        dashboard: its address, without a slash at its end.
    """
    if not (org and app and dashboard and _IS_SESSION(session_id)):
        return ""
    link = f"{dashboard}/{quote(org, safe='')}/{quote(app, safe='')}/s/{session_id}"
    return link if at_ms is None else f"{link}?t={at_ms}"


def is_session_id(text: str) -> bool:
    """Tell whether a text is a session's id in the form that links have."""
    return bool(_IS_SESSION(text))


def moments_in(markdown: str, *, org: str, app: str, dashboard: str) -> list[Moment]:
    """Return the moments a text links to, each once, in its order, at most a hundred.

    Args:
        markdown: the text.
        org: the organization whose links are understood.
        app: the project whose links are understood.
        dashboard: address of the dashboard whose links are understood; the link of any other moment is "".
    """
    moments: dict[_Found, Moment] = {}
    for match in _ADDRESS.finditer(markdown[:_LONGEST_TEXT]):
        if len(moments) == _MOST:
            break
        found = _read(match["url"].rstrip(_SENTENCE_END), org, app, dashboard)
        if found is None or found in moments:
            continue
        link = session_link(found.session_id, found.at_ms, org=org, app=app, dashboard=dashboard) if found.ours else ""
        at = None if found.at_ms is None else _EPOCH + timedelta(milliseconds=found.at_ms)
        moments[found] = Moment(session_id=found.session_id, at=at, link=link, label=match["label"] or "")
    return list(moments.values())


def _read(url: str, org: str, app: str, dashboard: str) -> _Found | None:
    """Understand one address; None when it is no link to a session."""
    try:
        parts, home = urlsplit(url), urlsplit(dashboard)
        same_host = "@" not in parts.netloc and _host(parts) == _host(home)
    except ValueError:  # brackets without an address in them, a port that is none
        return None
    path = parts.path.removeprefix(home.path.rstrip("/")) if same_host else parts.path
    place = _PLACE.match(path)
    if place is None:
        return None
    ours = same_host and (unquote(place["org"]), unquote(place["app"])) == (org, app)
    times = (int(time[1]) for time in _TIME.finditer(parts.query))
    at_ms = next((time for time in times if time in _PLAUSIBLE_MS), None)
    return _Found(ours, place["session"], at_ms)


def _host(parts: SplitResult) -> tuple[str, int | None]:
    """Return the host an address leads to, with its port."""
    return parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
