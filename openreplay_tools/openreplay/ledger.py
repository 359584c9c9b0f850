"""What went wrong in a session: equal troubles are one, and each waits a while for what follows it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from openreplay_tools.openreplay.findings import ErrorSeen, Finding, Report
from openreplay_tools.openreplay.timeline import payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.openreplay.findings import Kind, Reaction
    from openreplay_tools.openreplay.timeline import Event

_FOLLOWS_MS: Final = 5_000  # an error or own event so soon after a failed request reports it
_SAME_MS: Final = 3_000  # an issue so near to a failed request or error is the same once more
_REACTS_MS: Final = 60_000
_ENDS_MS: Final = 30_000
_MOST: Final = 300  # distinct findings
_MOST_OFFSETS: Final = 5
_RECENT: Final = 8
_MOST_FOLLOWING: Final = 3
_AWAITING: Final = frozenset({
    "failed_request", "hidden_error", "error", "crash", "failure_event", "rage_click", "dead_click", "slow_request",
})  # fmt: skip


@dataclass(slots=True)
class Action:
    """What the visitor did last."""

    kind: Literal["click", "tap", "input", "open"]
    label: str
    offset_ms: int


class Ledger:
    """Takes findings, in order."""

    def __init__(self) -> None:
        """Begin with none."""
        self.left_out = 0
        self._found: dict[tuple[str, ...], Finding] = {}
        self._waiting: list[tuple[Finding, int]] = []  # with when it happened last
        self._recent: deque[Finding] = deque(maxlen=_RECENT)
        self._chain: tuple[Finding, int, Action | None] | None = None

    def note(
        self, kind: Kind, signature: list[str], offset_ms: int, action: Action | None = None, **about: Any
    ) -> Finding:
        """Take a finding; return it, or the equal one that was there before.

        Args:
            kind: what sort of trouble.
            signature: what makes it itself.
            offset_ms: when.
            action: what brought it about.
            **about: further fields of `Finding`.
        """
        key = (kind, *signature)
        known = self._found.get(key)
        if known is None:
            known = Finding(kind=kind, signature=signature, offset_ms=offset_ms, count=0, **about)
            if len(self._found) >= _MOST:
                self.left_out += 1
                return known
            self._found[key] = known
            if action is not None:
                known.action, known.action_kind, known.action_offset_ms = action.label, action.kind, action.offset_ms
        known.duration_ms = max(known.duration_ms, about.get("duration_ms", 0))
        known.clicks = max(known.clicks, about.get("clicks", 0))
        known.count += 1
        known.last_offset_ms = offset_ms
        if len(known.offsets) < _MOST_OFFSETS:
            known.offsets.append(offset_ms)
        if not self._recent or self._recent[-1] is not known:
            self._recent.append(known)
        if kind in _AWAITING:
            if known.reaction:
                _react(known, "", 0)
            self._waiting = [each for each in self._waiting if each[0] is not known]
            self._waiting.append((known, offset_ms))
        return known

    def opens(self, finding: Finding, offset_ms: int, action: Action | None) -> None:
        """Let what follows soon, without another action between, belong to a failed request."""
        self._chain = (finding, offset_ms, action)

    def cause(self, offset_ms: int, action: Action | None) -> Finding | None:
        """Return the failed request that something of this moment reports."""
        if self._chain is None:
            return None
        finding, since, by = self._chain
        # Of two things that happen by themselves only a request explains the other.
        related = by is action and (action is not None or finding.kind in {"failed_request", "hidden_error"})
        return finding if offset_ms - since <= _FOLLOWS_MS and related else None

    def near(self, offset_ms: int, url: str = "") -> Finding | None:
        """Return a failed request, or error when no URL is given, of which an issue of this moment speaks."""
        for finding in reversed(self._recent):
            if abs(offset_ms - finding.last_offset_ms) > _SAME_MS:
                continue
            if (finding.kind == "failed_request" and finding.url == url) if url else finding.kind in {"error", "crash"}:
                return finding
            if not url and finding.errors:
                return finding
        return None

    def of_label(self, label: str, offset_ms: int) -> Finding | None:
        """Return the finding that a click on something has just brought about."""
        if self._chain is None or not label:
            return None
        finding, since, action = self._chain
        fits = action is not None and action.label == label and offset_ms - since <= _FOLLOWS_MS
        return finding if fits else None

    def acted(self, action: Action) -> None:
        """Take what the visitor did next as the reaction to what waits for one."""
        if not self._waiting:
            return
        for finding, since in self._waiting:
            after = action.offset_ms - since
            if after <= _REACTS_MS:
                again = bool(action.label) and action.label == finding.action
                _react(finding, "tried_again" if again else "went_on", after, label="" if again else action.label)
        self._waiting = []

    def moved(self, page: str, offset_ms: int, *, again: bool) -> None:
        """Take the next page, or the same one again, as the reaction to what waits for one."""
        for finding, since in self._waiting:
            after = offset_ms - since
            if after <= _REACTS_MS:
                _react(finding, "reloaded" if again else "left", after, page=page)
        self._waiting = []
        self._chain = None

    def ended(self, offset_ms: int) -> None:
        """Take the end of the session as the reaction to what waits for one."""
        for finding, since in self._waiting:
            if offset_ms - since <= _ENDS_MS:
                _react(finding, "ended", offset_ms - since)
        self._waiting = []

    def settle(self, later: Callable[[str, str], tuple[int | None, int | None] | None]) -> None:
        """Say what only the whole session tells: whether a request worked later, which rage clicks had no effect."""
        for finding in list(self._found.values()):
            if finding.kind in {"failed_request", "hidden_error"} and (known := later(finding.method, finding.url)):
                after, last = known
                if after is not None and after > finding.last_offset_ms:
                    finding.good_after_ms, finding.recovered = after, True
                elif last is None or last < finding.last_offset_ms:  # in the same second nobody knows
                    finding.recovered = False
            dead = self._found.get(("dead_click", *finding.signature)) if finding.kind == "rage_click" else None
            if dead is not None and abs(dead.offset_ms - finding.offset_ms) <= _REACTS_MS:
                finding.dead = True
                del self._found["dead_click", *finding.signature]

    @property
    def findings(self) -> list[Finding]:
        """The worst first; among equals the earlier."""
        return sorted(self._found.values(), key=lambda finding: (-finding.worth, finding.offset_ms, finding.signature))


def _react(finding: Finding, reaction: Reaction, after: int, *, page: str = "", label: str = "") -> None:
    finding.reaction, finding.reaction_after_ms = reaction, after
    finding.reaction_page, finding.reaction_label = page, label


def add_error(finding: Finding, seen: ErrorSeen) -> None:
    """Add an error that a finding brought about."""
    for known in finding.errors:
        if (known.name, known.message) == (seen.name, seen.message):
            known.count += 1
            return
    if len(finding.errors) < _MOST_FOLLOWING:
        finding.errors.append(seen)


def add_report(finding: Finding, event: Event) -> None:
    """Add an own event that reports a finding."""
    for known in finding.reports:
        if known.name == event.kind:
            known.count += 1
            return
    if len(finding.reports) < _MOST_FOLLOWING:
        finding.reports.append(Report(name=event.kind, data=payload(event)))
