"""What issues are found in: failures of a whole project (login), or of some people's sessions one by one.

The number of requests is bounded. What was not read for that is counted, never silently left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from openreplay_tools.flow import Progress, Request, ask_all
from openreplay_tools.openreplay.links import trusted_start_ms
from openreplay_tools.openreplay.signatures import REPEATS_REQUEST
from openreplay_tools.openreplay.timeline import Event
from openreplay_tools.operation import Record

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope

    Wire = dict[str, Any]

Kinds = Literal["any", "errors", "requests", "frustration"]
Failures = Literal["errors", "failed requests", "unanswered requests", "issues"]

PER_PAGE: Final = 200  # the server's bound (contract §4.8)
MOST_PAGES: Final = 24
_AT_ONCE: Final = 4
_DAY_MS: Final = 86_400_000
_FEW: Final = 50
_SESSIONS_AT_ONCE: Final = 10
_MOST_OF_A_GROUP: Final = 3  # pages
_COLUMNS: Final = ["$user_id", "$device_id", "$properties", "$os", "$browser", "$current_url", "$country", "issue_type"]
_FROM_STATUS, _NO_STATUS = "400", "100"  # below 100 there was no answer
# Other events tell them, or nothing went wrong (observed §A4, contract §4.5).
_TOLD_BESIDE: Final = ["custom", "js_exception", "crash", "incident"]
FRUSTRATION: Final = ["click_rage", "dead_click", "tap_rage", "mouse_thrashing", "excessive_scrolling"]


class PartRead(Record):
    """How much of one sort of failure was read.

    Attributes:
        what: which sort.
        total: how many the server counts from the window's start to a day after its end.
        read: how many of these, the newest.
        since: the oldest that was read, where not all were.
    """

    what: Failures = "errors"
    total: int = 0
    read: int = 0
    since: datetime | None = None


@dataclass(slots=True)
class Steps:
    """Counts requests, so that whoever listens hears of progress that only grows."""

    done: int = 0
    total: int = 0

    def planned(self, more: int) -> None:
        """Take so many more requests into the total."""
        self.total += more

    def took(self, requests: int, what: str) -> Flow[None]:
        """Report that so many were answered."""
        self.done += requests
        self.total = max(self.total, self.done)
        yield Progress(self.done, self.total, what)


@dataclass(slots=True)
class FailuresRead:
    """Events of a project that tell of failures, the host of its site, and how much of all there is."""

    events: list[Event] = field(default_factory=list)
    host: str = ""
    parts: list[PartRead] = field(default_factory=list)


class _Events(Record):
    total: int = 0
    events: list[Event] | None = None


class _EventsReply(Record):
    data: _Events


def read_failures(kinds: Kinds, scope: Scope, steps: Steps) -> Flow[FailuresRead]:
    """Read what failed in a project in the window's sessions, completely or else the newest of each sort."""
    asked = _asked(kinds)
    steps.planned(1 + len(asked))
    pages = _only("$event_name", ["LOCATION"])
    first = yield from ask_all(
        [_request([pages], scope, limit=_FEW), *(_request(filters, scope) for filters in asked.values())]
    )
    yield from steps.took(len(first), "reading failures")
    found = FailuresRead(host=_host(first[0].data.events or []))
    needed = {what: -(-reply.data.total // PER_PAGE) for what, reply in zip(asked, first[1:], strict=True)}
    granted = _granted(needed)
    steps.planned(sum(_further(needed[what], granted[what]) for what in asked))
    for (what, filters), reply in zip(asked.items(), first[1:], strict=True):
        whole = granted[what] == needed[what]
        begin = 2 if whole else 1  # in another order from the first page on
        replies = [reply] if whole else []
        requests = [_request(filters, scope, page, whole=whole) for page in range(begin, granted[what] + 1)]
        for at in range(0, len(requests), _AT_ONCE):
            batch = requests[at : at + _AT_ONCE]
            replies += yield from ask_all(batch)
            yield from steps.took(len(batch), "reading failures")
        events = {event.event_id: event for one in replies for event in one.data.events or []}
        every = whole or len(events) >= reply.data.total
        oldest = None if every else min((event.at for event in events.values() if event.at), default=None)
        found.parts.append(PartRead(what=what, total=reply.data.total, read=len(events), since=oldest))
        found.events += events.values()
    return found


def read_pages(sessions: list[str], scope: Scope, steps: Steps) -> Flow[list[Event]]:
    """Read which pages were opened in some sessions; of too many pages none of those sessions."""
    groups = [sessions[at : at + _SESSIONS_AT_ONCE] for at in range(0, len(sessions), _SESSIONS_AT_ONCE)]
    asked = [[_only("$event_name", ["LOCATION"]), _only("session_id", group)] for group in groups]
    steps.planned(len(groups))
    found: list[Event] = []
    for at in range(0, len(groups), _AT_ONCE):
        batch = asked[at : at + _AT_ONCE]
        firsts = yield from ask_all([_request(filters, scope) for filters in batch])
        rest = [
            _request(filters, scope, page)
            for filters, reply in zip(batch, firsts, strict=True)
            for page in range(2, min(-(-reply.data.total // PER_PAGE), _MOST_OF_A_GROUP) + 1)
        ]
        others = yield from ask_all(rest)
        yield from steps.took(len(batch), "reading pages")
        events = [event for reply in (*firsts, *others) for event in reply.data.events or []]
        partly = {
            session
            for group, reply in zip(groups[at : at + _AT_ONCE], firsts, strict=True)
            if reply.data.total > PER_PAGE * _MOST_OF_A_GROUP
            for session in group
        }
        found += [event for event in events if event.session_id not in partly]
    return found


def began_in(scope: Scope, session_id: str, at_ms: int) -> bool:
    """Tell whether a session began in the window, given the time of one of its events."""
    return scope.window.start_ms <= trusted_start_ms(session_id, at_ms) < scope.window.end_ms


def _asked(kinds: Kinds) -> dict[Failures, list[Wire]]:
    """Return the filters for each sort of failure; event filters beside others answer a wrong 0 (observed §A1)."""
    requests = _only("$event_name", ["REQUEST"])
    status = {"name": "status", "dataType": "number", "autoCaptured": True}
    issues = _only("$event_name", ["ISSUE"])
    of_type = {
        "any": {"name": "issue_type", "operator": "isNot", "value": _TOLD_BESIDE},
        "requests": _only("issue_type", [REPEATS_REQUEST]),
        "frustration": _only("issue_type", FRUSTRATION),
    }
    asked: dict[Failures, list[Wire]] = {}
    if kinds in {"any", "errors"}:
        asked["errors"] = [_only("$event_name", ["ERROR", "CRASH"])]
    if kinds in {"any", "requests"}:
        asked["failed requests"] = [requests, {**status, "operator": ">=", "value": [_FROM_STATUS]}]
        asked["unanswered requests"] = [requests, {**status, "operator": "<", "value": [_NO_STATUS]}]
    if kinds in of_type:
        asked["issues"] = [issues, of_type[kinds]]
    return asked


def _only(column: str, values: list[str]) -> Wire:
    return {"name": column, "operator": "is", "value": values}


def _request(
    filters: list[Wire], scope: Scope, page: int = 1, *, limit: int = PER_PAGE, whole: bool = True
) -> Request[_EventsReply]:
    end = scope.window.end_ms + _DAY_MS  # a session that begins in the window may end after it
    body = {
        "startTimestamp": scope.window.start_ms,
        "endTimestamp": max(end, scope.window.start_ms + 1),
        "limit": limit,
        "page": page,
        # Unlike times, event ids have no ties, so pages neither lose nor double a row (observed §D).
        "sortBy": "event_id" if whole else "created_at",
        "sortOrder": "asc" if whole else "desc",
        "columns": _COLUMNS,
        "filters": filters,
    }
    path = (str(scope.project.id), "events")  # contract §4.8
    return Request("POST", path, _EventsReply, body=body, escaped=True, via="dashboard")


def _granted(needed: dict[Failures, int]) -> dict[Failures, int]:
    """Share the pages that may be read: what needs few gets them all, the rest is divided evenly."""
    granted: dict[Failures, int] = {}
    left = MOST_PAGES
    for place, (what, pages) in enumerate(sorted(needed.items(), key=lambda each: each[1])):
        granted[what] = min(pages, left // (len(needed) - place))
        left -= granted[what]
    return granted


def _further(needed: int, granted: int) -> int:
    return max(0, needed - 1) if granted == needed else granted


def _host(pages: list[Event]) -> str:
    """Return the host of most pages."""
    hosts = Counter(event.url.partition("://")[2].partition("/")[0].partition("?")[0] for event in pages)
    return hosts.most_common(1)[0][0] if hosts else ""
