"""What a digest of a session is made of: what went wrong, pages in order, own events, requests by kind."""

from __future__ import annotations

from typing import Any, Literal

from openreplay_tools.openreplay.signatures import usually_harmless
from openreplay_tools.operation import Record

Kind = Literal[
    "failed_request", "hidden_error", "error", "crash", "failure_event", "rage_click", "dead_click", "reloads",
    "abandoned_form", "slow_page", "slow_request", "pause", "issue",
]  # fmt: skip
Reaction = Literal["", "tried_again", "went_on", "left", "reloaded", "ended"]

# The worse, the higher; what was done by a click and what ended a session weigh more.
WORTH: dict[Kind, int] = {
    "crash": 100, "failed_request": 90, "error": 88, "hidden_error": 86, "failure_event": 80, "rage_click": 72,
    "reloads": 60, "abandoned_form": 58, "dead_click": 52, "slow_request": 46, "slow_page": 44, "issue": 40,
    "pause": 20,
}  # fmt: skip
_SERVER_FAILED = 500
_REFUSED_EVERYDAY = frozenset({401, 403, 404})
_BY_NOBODY = 12  # a failure that no click brought about is seldom what stopped somebody
_ASSET = 45
_REPEATS = 6
_ENDED = 5
_HARMLESS_WORTH = 40


class ErrorSeen(Record):
    """An error that followed.

    Attributes:
        origin: file:line:column of the first frame.
    """

    name: str = ""
    message: str = ""
    origin: str = ""
    count: int = 1


class Report(Record):
    """An event of the site's own that tells of a failure."""

    name: str = ""
    data: dict[str, Any] = {}
    count: int = 1


class Finding(Record):
    """Something that went wrong, with what led to it and what followed; equal ones are one.

    Attributes:
        kind: what sort of trouble.
        signature: equal for the same trouble in other sessions.
        offset_ms: first time, from the start of the recording; whole seconds of the clock, as events have them.
        last_offset_ms: last time.
        count: how often, at least: the server keeps one event of a name for each second (observed §A3).
        offsets: of the first few times.
        link: opens the replay at the first time.
        page: the page it happened on, as a template (/orders/:id).
        action: label of what was clicked or typed into just before; "" when nothing was.
        action_kind: click, tap, input, or open: the page was just opened.
        action_offset_ms: when.
        method: of the request.
        url: of the request, as a template.
        status: of the answer; None without one.
        asset: whether the request was for a picture, a script or the like.
        duration_ms: of a request, a page load or a pause: the longest.
        said: what the server answered, or what an issue is about.
        errors: that followed or are the trouble.
        reports: own events that tell of it.
        issue: the server's name of an issue.
        clicks: of a rage click, the most at once.
        fields: labels of fields that were typed into.
        dead: whether the page did not react to the click.
        reaction: what the visitor did next, the last time.
        reaction_page: where they went.
        reaction_label: what they clicked instead.
        reaction_after_ms: how long after.
        good_after_ms: when the same request first succeeded after its last failure; None when it did not.
        recovered: whether it did; None when whole seconds or too many kinds of requests leave that open.
    """

    kind: Kind = "issue"
    signature: list[str] = []
    offset_ms: int = 0
    last_offset_ms: int = 0
    count: int = 1
    offsets: list[int] = []
    link: str = ""
    page: str = ""
    action: str = ""
    action_kind: Literal["", "click", "tap", "input", "open"] = ""
    action_offset_ms: int = 0
    method: str = ""
    url: str = ""
    status: int | None = None
    asset: bool = False
    duration_ms: int = 0
    said: str = ""
    errors: list[ErrorSeen] = []
    reports: list[Report] = []
    issue: str = ""
    clicks: int = 0
    fields: list[str] = []
    dead: bool = False
    reaction: Reaction = ""
    reaction_page: str = ""
    reaction_label: str = ""
    reaction_after_ms: int = 0
    good_after_ms: int | None = None
    recovered: bool | None = None

    @property
    def worth(self) -> int:
        """How bad it is."""
        worth = WORTH[self.kind] + min(self.count - 1, _REPEATS) + (_ENDED if self.reaction == "ended" else 0)
        if self.kind == "failed_request":
            worth += 4 if (self.status or 0) >= _SERVER_FAILED else 0
            worth -= _ASSET if self.asset else 0
            worth -= _BY_NOBODY if self.status in _REFUSED_EVERYDAY and not self.action_kind else 0
        if self.kind in {"failed_request", "error", "hidden_error"}:
            worth += 3 * bool(self.errors and self.kind != "error") + 3 * bool(self.reports)
            worth -= 0 if self.action_kind in {"click", "tap", "input"} else _BY_NOBODY // 2
        if self.kind == "error" and self.errors and usually_harmless(self.errors[0].message):
            worth -= _HARMLESS_WORTH
        return worth


class Visit(Record):
    """A page of the session's path.

    Attributes:
        page: as a template.
        offset_ms: when it was opened.
        stay_ms: until the next page or the last event.
        loaded_ms: how long it took to load; 0 where it was quick or is not told.
    """

    page: str = ""
    offset_ms: int = 0
    stay_ms: int = 0
    loaded_ms: int = 0


class Milestone(Record):
    """An event of the site's own, neighbours of the same name as one."""

    name: str = ""
    offset_ms: int = 0
    count: int = 1
    failed: bool = False


class RequestKind(Record):
    """Requests of one method and URL template.

    Attributes:
        last_good_ms: offset of the last that succeeded; None when none did.
        good_before_ms: of the last before the first failure.
        good_after_ms: of the first after the last failure.
    """

    method: str = ""
    url: str = ""
    count: int = 0
    failed: int = 0
    slowest_s: int = 0
    last_good_ms: int | None = None
    good_before_ms: int | None = None
    good_after_ms: int | None = None


class PageKind(Record):
    """Visits to one page template, and the last of them."""

    page: str = ""
    visits: int = 0
    last_ms: int = 0


class Digest(Record):
    """A session's events, understood.

    Attributes:
        findings: the worst first.
        findings_left_out: distinct ones beyond the bound.
        path: pages in order; of very many the first and the last.
        pages_total: how many page views there were.
        milestones: the site's own events in order; of very many the first.
        requests: by method and URL template, the most frequent first.
        pages: by template.
        counts: events of each kind.
        own_counts: own events by name.
        duration_ms: to the last event.
    """

    findings: list[Finding] = []
    findings_left_out: int = 0
    path: list[Visit] = []
    pages_total: int = 0
    milestones: list[Milestone] = []
    requests: list[RequestKind] = []
    pages: list[PageKind] = []
    counts: dict[str, int] = {}
    own_counts: dict[str, int] = {}
    duration_ms: int = 0
