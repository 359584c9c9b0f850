"""Where a session led: pages in order, the site's own events, requests by kind; bounded whatever its length."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, TypeVar

from openreplay_tools.openreplay.findings import Milestone, PageKind, RequestKind, Visit

K = TypeVar("K")
_FIRST_VISITS: Final = 60
KEPT_LAST: Final = 30
_MOST_MILESTONES: Final = 60
_POLLED: Final = 3  # so many requests of a kind before, most without a cause: a page asks by itself
_MOST_KINDS: Final = 300  # of pages, requests or own events that are told apart


@dataclass(slots=True)
class _Tally:
    """Counts one kind of request, or visits to one page."""

    count: int = 0
    failed: int = 0
    uncaused: int = 0
    slowest_s: int = 0
    last_ms: int | None = None  # the last that went well
    before_ms: int | None = None  # the last that went well before the first failure
    after_ms: int | None = None  # the first that went well after the last failure


class Trail:
    """Takes what happened, in order."""

    def __init__(self) -> None:
        """Begin at the start of a recording."""
        self.counts: Counter[str] = Counter()
        self.own_counts: Counter[str] = Counter()
        self.milestones: list[Milestone] = []
        self.pages_total = 0
        self._milestones_left_out = False
        self._first: list[Visit] = []
        self._last: deque[Visit] = deque(maxlen=KEPT_LAST)
        self._current: Visit | None = None
        self._pages: dict[str, _Tally] = {}
        self._requests: dict[tuple[str, str], _Tally] = {}

    def visited(self, page: str, offset_ms: int, loaded_ms: int) -> None:
        """Take a page view."""
        self.left(offset_ms)
        visit = Visit.model_construct(page=page, offset_ms=offset_ms, stay_ms=0, loaded_ms=loaded_ms)
        self.pages_total += 1
        self._current = visit
        if len(self._first) < _FIRST_VISITS:
            self._first.append(visit)
        else:
            self._last.append(visit)
        if tally := _tally(self._pages, page):
            tally.count += 1
            tally.last_ms = offset_ms

    def left(self, offset_ms: int) -> None:
        """End the stay on the current page."""
        if self._current is not None:
            self._current.stay_ms = max(0, offset_ms - self._current.offset_ms)

    def requested(self, kind: tuple[str, str], offset_ms: int, duration_s: int, *, failed: bool, caused: bool) -> bool:
        """Take a request, by method and URL template; tell whether it is one that comes again and again by itself."""
        if (tally := _tally(self._requests, kind)) is None:
            return False
        polled = tally.count >= _POLLED and tally.uncaused * 2 >= tally.count
        tally.count += 1
        tally.uncaused += not caused
        tally.slowest_s = max(tally.slowest_s, duration_s)
        if failed:
            tally.before_ms = tally.before_ms if tally.failed else tally.last_ms
            tally.failed += 1
            tally.after_ms = None
        else:
            tally.last_ms = offset_ms
            tally.after_ms = offset_ms if tally.failed and tally.after_ms is None else tally.after_ms
        return polled

    @property
    def knows_requests(self) -> bool:
        """Whether there was any."""
        return bool(self._requests)

    def later(self, method: str, url: str) -> tuple[int | None, int | None] | None:
        """Return when such a request first went well after its last failure, and when last; None when not counted."""
        tally = self._requests.get((method, url))
        return (tally.after_ms, tally.last_ms) if tally is not None else None

    def told(self, name: str, offset_ms: int, *, failed: bool) -> None:
        """Take an event of the site's own."""
        if name in self.own_counts or len(self.own_counts) < _MOST_KINDS:
            self.own_counts[name] += 1
        last = self.milestones[-1] if self.milestones else None
        if self._milestones_left_out:
            return
        if last is not None and last.name == name:
            last.count += 1
        elif len(self.milestones) < _MOST_MILESTONES:
            self.milestones.append(Milestone(name=name, offset_ms=offset_ms, failed=failed))
        else:
            self._milestones_left_out = True

    @property
    def path(self) -> list[Visit]:
        """The first and the last visits."""
        return [*self._first, *self._last]

    @property
    def requests(self) -> list[RequestKind]:
        """The most frequent first."""
        told = [
            RequestKind(method=method, url=url, count=tally.count, failed=tally.failed, slowest_s=tally.slowest_s,
                        last_good_ms=tally.last_ms, good_before_ms=tally.before_ms, good_after_ms=tally.after_ms)
            for (method, url), tally in self._requests.items()
        ]  # fmt: skip
        return sorted(told, key=lambda kind: (-kind.count, kind.method, kind.url))

    @property
    def pages(self) -> list[PageKind]:
        """In the order in which they were first seen."""
        return [
            PageKind(page=page, visits=tally.count, last_ms=tally.last_ms or 0) for page, tally in self._pages.items()
        ]


def _tally(tallies: dict[K, _Tally], key: K) -> _Tally | None:
    """Return the tally of something; None when too many kinds are told apart already."""
    tally = tallies.get(key)
    if tally is None and len(tallies) < _MOST_KINDS:
        tally = tallies[key] = _Tally()
    return tally
