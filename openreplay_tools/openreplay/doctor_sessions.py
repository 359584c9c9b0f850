"""Why a session search found nothing: the window, each condition, the user, the events, other times and projects."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from openreplay_tools.openreplay.doctor import (
    Allowance,
    Diagnosis,
    Finding,
    alike,
    attempt,
    closed,
    ever,
    leave_out,
    look_elsewhere,
    may,
)
from openreplay_tools.openreplay.paging import Slice
from openreplay_tools.openreplay.sequences import count
from openreplay_tools.openreplay.session_filters import Question
from openreplay_tools.openreplay.session_plans import planned
from openreplay_tools.openreplay.session_queries import fetch_all, fetch_properties
from openreplay_tools.openreplay.users import look_for_alike

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.doctor import Topic
    from openreplay_tools.openreplay.session_steps import Applied
    from openreplay_tools.openreplay.sessions import Session
    from openreplay_tools.operation import Scope

_SAMPLE = 200  # sessions whose values are told
_MOST_VALUES = 8
# Where a row tells the value of what it was searched by.
_TOLD = {
    "browser": "browser", "os": "os", "device type": "device_type", "device": "device", "country": "country",
    "city": "city", "state": "state", "platform": "platform",
}  # fmt: skip
_USER = "user id"
_POSITIVE = frozenset({"is", "contains", "starts_with", "ends_with", "regex"})


def why_no_sessions(question: Question, scope: Scope) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why a search found no session."""
    examination = _Examination(question, scope)
    yield from examination.run()
    return examination.report


class _Examination:
    """One examination: what is asked, what was found out, how many requests are left."""

    def __init__(self, question: Question, scope: Scope) -> None:
        self.report = Diagnosis()
        self._question = question
        self._scope = scope
        self._parts = conditions_of(question)
        self._left = Allowance()

    def run(self) -> Flow[None]:
        """Ask what tells most first."""
        yield from self._attempt("time", self._at_any_time())
        if self._parts:
            yield from self._attempt("window", self._window())
            if self.report.in_window:
                yield from self._conditions()
                return
        else:  # nothing but the window empties it
            self.report.in_window = 0
        if self.report.in_window == 0:
            yield from self._attempt("window", self._whole_project())
        if self.report.kept == 0:
            yield from look_elsewhere(self.report, self._left, self._scope, self._counting(Question()))

    def _attempt(self, what: Topic, flow: Flow[None], permission: str = "") -> Flow[None]:
        yield from attempt(what, flow, self.report, self._left, permission)

    def _at_any_time(self) -> Flow[None]:
        found = yield from _look(self._question, ever(self._scope))
        if found is not None:
            self.report.ever, self.report.newest_at = found.total, _newest(found)

    def _window(self) -> Flow[None]:
        """Count the window's sessions; where one condition is all there is, also tell what occurs instead."""
        sample = _sample(self._parts[0]) if len(self._parts) == 1 else 1
        found = yield from _look(Question(), self._scope, sample)
        self.report.in_window = found.total if found else None
        if found and sample > 1:
            self.report.findings = [_with_values(Finding(conditions=list(self._parts[0])), found.rows)]

    def _whole_project(self) -> Flow[None]:
        if not self._parts and self.report.ever is not None:
            self.report.kept, self.report.last_at = self.report.ever, self.report.newest_at
            self.report.ever = self.report.newest_at = None
            return
        found = yield from _look(Question(), ever(self._scope))
        if found is not None:
            self.report.kept, self.report.last_at = found.total, _newest(found)

    def _conditions(self) -> Flow[None]:
        known = self.report.findings or [Finding(conditions=list(part)) for part in self._parts]
        parts = [(finding, finding) for finding in known]
        named = any(_rare(part) for part in self._parts)
        yield from leave_out(self.report, self._left, parts, self._rest, spare=int(named and len(parts) > 3))
        for finding in known:
            if len(known) > 1 and _names_user(finding.conditions):  # a known user is never to seem unknown
                yield from self._whose(finding)
        for finding in (self.report.absent() or self.report.culprits() or self.report.findings)[:2]:
            yield from self._explain(finding)
        if self.report.ever == 0 and self._portable(self._question):
            yield from look_elsewhere(self.report, self._left, self._scope, self._counting(self._question))

    def _rest(self, finding: Finding) -> Flow[int | None]:
        """Count what meets all other conditions, and see which values that has."""
        question = self._question
        for one in finding.conditions:
            question = question.without_condition(one)
        found = yield from _look(question, self._scope, _sample(finding.conditions))
        if found is None:
            return None
        _with_values(finding, found.rows)
        return found.total

    def _explain(self, finding: Finding) -> Flow[None]:
        """Find out more about a condition that takes everything away."""
        whole = len(self._parts) == 1
        if whole:
            finding.ever, finding.newest_at = self.report.ever, self.report.newest_at
        if finding.alone is None:
            yield from self._attempt("conditions", self._alone(finding))
        (one, *more) = finding.conditions
        if finding.without and one.kind == "event" and one.property and not one.own and not more:
            yield from self._attempt("values", self._properties(finding, one))
        if not finding.alone and finding.ever is None and _rare(finding.conditions):
            yield from self._attempt("time", self._last(finding))
        if finding.ever == 0 and _names_user(finding.conditions) and one.operator == "is" and one.values:
            if may(self._scope, "DATA_MANAGEMENT"):
                flow = look_for_alike(self.report, one.values[0], self._scope)
                yield from self._attempt("users", flow, "DATA_MANAGEMENT" if self._scope.door == "login" else "")
            else:
                closed(self.report, "users", "DATA_MANAGEMENT", self._scope)

    def _whose(self, finding: Finding) -> Flow[None]:
        """Tell when the user was ever here: that costs one request, and may tell of the window as well."""
        if finding.alone:
            return
        yield from self._attempt("time", self._last(finding))
        newest, start = finding.newest_at, self._scope.window.start
        if finding.ever == 0 or (newest is not None and newest < start):
            finding.alone = 0

    def _only(self, finding: Finding) -> Question:
        question = self._question
        for part in self._parts:
            for one in part:
                question = question if one in finding.conditions else question.without_condition(one)
        return question

    def _alone(self, finding: Finding) -> Flow[None]:
        found = yield from _look(self._only(finding), self._scope)
        finding.alone = found.total if found else None

    def _last(self, finding: Finding) -> Flow[None]:
        found = yield from _look(self._only(finding), ever(self._scope))
        if found is not None:
            finding.ever, finding.newest_at = found.total, _newest(found)

    def _properties(self, finding: Finding, one: Applied) -> Flow[None]:
        known = yield from fetch_properties(one.subject, self._scope)
        finding.properties = list(known)[:_MOST_VALUES]
        finding.occurring = known.get(one.property, [])[:_MOST_VALUES]

    def _counting(self, question: Question) -> Callable[[Scope], Flow[int | None]]:
        def count_there(scope: Scope) -> Flow[int | None]:
            found = yield from _look(question, ever(scope) if question.conditions() else scope)
            return found.total if found else None

        return count_there

    def _portable(self, question: Question) -> bool:
        """Tell whether a question means the same in another project: slots of metadata and saved searches do not."""
        return all(one.own or one.kind != "session" for one in question.conditions()) and question.saved is None


def conditions_of(question: Question) -> list[tuple[Applied, ...]]:
    """Return each condition once; alternatives are one: without one of them there would be fewer, not more."""
    either = [tuple(term.said for term in group.steps) for group in question.groups if group.order == "or"]
    found: list[tuple[Applied, ...]] = []
    for one in question.conditions():
        part = next((each for each in either if one in each), (one,))
        if part not in found:
            found.append(part)
    return found


def _look(question: Question, scope: Scope, sample: int = 1) -> Flow[Slice[Session] | None]:
    """Return how many sessions meet a question and the newest of them, None where a few counts cannot tell.

    Rows come only where the server's own pages are the answer.
    """
    plan = planned(question)
    if plan.countable:
        return Slice([], (yield from count(plan, scope)))
    found = (yield from fetch_all([plan.base], scope, sample if plan.direct else 1))[0]
    if plan.direct:
        return Slice(found.rows, found.total or 0)
    return None if found.total else Slice([], 0)  # the base holds all that can be meant


def _newest(found: Slice[Session]) -> datetime | None:
    return found.rows[0].started_at if found.rows else None


def _sample(part: Sequence[Applied]) -> int:
    return _SAMPLE if len(part) == 1 and _tellable(part[0]) else 1


def _tellable(one: Applied) -> bool:
    """Tell whether rows show the value that a condition is on."""
    return one.kind == "session" and one.operator in _POSITIVE and (one.subject in _TOLD or not one.own)


def _rare(part: Sequence[Applied]) -> bool:
    """Tell whether it is worth knowing when a condition was ever met: a user, or something done."""
    return len(part) == 1 and (part[0].kind == "event" or _names_user(part))


def _names_user(part: Sequence[Applied]) -> bool:
    return len(part) == 1 and part[0].own and part[0].subject == _USER


def _with_values(finding: Finding, rows: list[Session]) -> Finding:
    one = finding.conditions[0]
    if len(finding.conditions) == 1 and _tellable(one):
        counts = Counter(value for row in rows if (value := _value(row, one)))
        finding.occurring = [value for value, _ in counts.most_common(_MOST_VALUES)]
        near = [found for given in one.values for found in alike(given, list(counts))]
        finding.nearest = near[0] if near else ""
    return finding


def _value(row: Session, one: Applied) -> str:
    """Return what a row tells about what a condition is on."""
    return str(getattr(row, _TOLD[one.subject])) if one.own else str(row.metadata.get(one.subject, ""))
