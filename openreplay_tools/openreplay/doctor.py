"""Why a search found nothing: a few bounded requests beside it, and what they tell.

An examination never fails: what could not be looked into is told as such, and the empty answer stands. `within` keeps
it to its number of requests whatever its steps are made of, and a step that is cut short states nothing.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from openreplay_tools import windows
from openreplay_tools.errors import (
    AuthenticationError,
    OpenReplayToolsError,
    PermissionDeniedError,
    RateLimitError,
    TransportError,
    UnavailableError,
)
from openreplay_tools.flow import Batch, Request, inspected
from openreplay_tools.openreplay.directory import fetch_projects
from openreplay_tools.openreplay.scope import local
from openreplay_tools.openreplay.session_steps import Applied
from openreplay_tools.operation import ProjectRef, Record
from openreplay_tools.personal import Personal, named
from openreplay_tools.text import Own, identifier, name, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openreplay_tools.flow import Command, Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.personal import Found
    from openreplay_tools.text import Line

T = TypeVar("T")
A = TypeVar("A")

MOST_REQUESTS = 6
_MOST_PROJECTS = 2
_ALIKE = 0.7  # of difflib's ratio: Safarri and Safari are, Netscape and Safari are not

Argument = Literal[
    "", "events", "last_seen_since, last_seen_until", "created_since, created_until", "mine_only",
]  # fmt: skip
Why = Literal["requests", "access", "answer", "failure"]
Topic = Literal["window", "time", "conditions", "values", "users", "sessions", "projects", "session"]


class Finding(Record):
    """What one condition takes away.

    Attributes:
        argument: which it is, where it is an argument of its own; "" where `conditions` tell.
        conditions: the condition; several are alternatives.
        alone: how many of the window meet it, whatever else they are; None where that was not found out.
        without: how many meet all the others; None likewise.
        ever: how many met it at any time; None likewise.
        newest_at: when it was last met, where it ever was.
        occurring: values that occur instead, the most frequent first.
        nearest: the one of them most like the value given; "" when none is.
        properties: names of properties that the event has, when the condition is on another one.
    """

    argument: Argument = ""
    conditions: list[Applied] = []
    alone: int | None = None
    without: int | None = None
    ever: int | None = None
    newest_at: datetime | None = None
    occurring: list[str] = []
    nearest: str = ""
    properties: list[str] = []

    def persons(self) -> Iterator[Found]:
        """Yield what occurs instead, where the condition makes them personal."""
        for subject in (self.argument, *(one.property or one.subject for one in self.conditions)):
            yield from named(subject, [*self.occurring, self.nearest])


class Elsewhere(Record):
    """What another project has of it.

    Attributes:
        project: its name.
        project_key: its key.
        total: how many meet the same conditions there.
    """

    project: str = ""
    project_key: str = ""
    total: int = 0


class Gap(Record):
    """Something that was not looked into.

    Attributes:
        what: other projects, conditions …
        why: requests: no more of them were allowed; access: the credential or role may not; answer: none came; failure.
        permission: which one the login's role lacks, where that is known to be the reason.
    """

    what: Topic = "conditions"
    why: Why = "failure"
    permission: str = ""


class Diagnosis(Record):
    """Why nothing was found, as far as it was looked into.

    Attributes:
        in_window: how many there are in the window, or at all where no window narrows, whatever else they are.
        kept: how many the project has at any time; None where that was not asked.
        last_at: when the window is empty: the newest of those.
        ever: how many meet the same conditions at any time.
        newest_at: the newest of those.
        findings: what each condition takes away.
        elsewhere: what other projects have of it.
        similar: user ids spelled much like the one given.
        under_id: sessions recorded under an id that has no record.
        record: whether a user's record has the id given.
        at_most: whether counts may be too high, for the server matches more than is meant.
        gaps: what was not looked into, and why.
    """

    in_window: int | None = None
    kept: int | None = None
    last_at: datetime | None = None
    ever: int | None = None
    newest_at: datetime | None = None
    findings: list[Finding] = []
    elsewhere: list[Elsewhere] = []
    similar: Annotated[list[str], Personal("user")] = []
    under_id: int | None = None
    record: bool | None = None
    at_most: bool = False
    gaps: list[Gap] = []

    def culprits(self) -> list[Finding]:
        """Return what empties the set all by itself."""
        return [finding for finding in self.findings if finding.without]

    def absent(self) -> list[Finding]:
        """Return the conditions that nothing meets, those first that empty the set all by themselves."""
        return sorted((one for one in self.findings if one.alone == 0), key=lambda one: not one.without)


class EndedError(Exception):
    """No more requests are allowed. None of the package's own errors, so that no flow takes it for a server's."""


@dataclass(slots=True)
class Allowance:
    """How many requests an examination may still send."""

    left: int = MOST_REQUESTS


def within(flow: Flow[T], allowance: Allowance) -> Flow[T]:
    """Run a flow that may send so many requests: at the command that would send more it gets an `EndedError`.

    A batch counts as many as it holds and is sent whole or not at all. What the client remembers counts too.
    """

    def spend(command: Command) -> EndedError | None:
        size = len(command.requests) if isinstance(command, Batch) else int(isinstance(command, Request))
        if size > allowance.left:
            return EndedError()
        allowance.left -= size
        return None

    return inspected(flow, spend)


def attempt(what: Topic, flow: Flow[None], report: Diagnosis, allowance: Allowance, permission: str = "") -> Flow[None]:
    """Run one step; what keeps it from its end becomes a gap of the report: of the login's role, given a permission."""
    try:
        yield from within(flow, allowance)
    except EndedError:
        _note(report, what, "requests")
    except (TransportError, RateLimitError):
        _note(report, what, "answer")
        allowance.left = 0  # nobody waits for a server that does not answer once more
    except PermissionDeniedError:
        _note(report, what, "access", permission)
    except (AuthenticationError, UnavailableError):
        _note(report, what, "access")
    except OpenReplayToolsError:
        _note(report, what, "failure")


def _note(report: Diagnosis, what: Topic, why: Why, permission: str = "") -> None:
    unheard = why == "requests" and any(gap.why == "answer" for gap in report.gaps)
    if not unheard and not any(gap.what == what for gap in report.gaps):
        report.gaps = [*report.gaps, Gap(what=what, why=why, permission=permission)]


def leave_out(
    report: Diagnosis,
    allowance: Allowance,
    parts: Sequence[tuple[Finding, A]],
    count: Callable[[A], Flow[int | None]],
    *,
    spare: int = 0,
) -> Flow[None]:
    """Find out what each condition takes away.

    Args:
        report: gets the findings; its `in_window` is known.
        allowance: of requests; so many are left as `spare` says.
        parts: a finding for each condition, and what is asked without that condition.
        count: counts what is asked; None where a few requests cannot tell.
    """
    report.findings = [finding for finding, _ in parts]
    if not report.in_window:
        return
    if len(parts) == 1:
        report.findings[0].alone, report.findings[0].without = 0, report.in_window
        return
    for finding, others in parts:
        if allowance.left <= spare:
            _note(report, "conditions", "requests")
            return
        yield from attempt("conditions", _left_out(finding, count(others)), report, allowance)
    if len(parts) == 2:
        first, second = report.findings
        first.alone, second.alone = second.without, first.without


def _left_out(finding: Finding, counting: Flow[int | None]) -> Flow[None]:
    finding.without = yield from counting


def look_elsewhere(
    report: Diagnosis, allowance: Allowance, scope: Scope, count: Callable[[Scope], Flow[int | None]]
) -> Flow[None]:
    """Count the same in the account's other projects, where they are few."""
    yield from attempt("projects", _elsewhere(report, scope, count), report, allowance)


def _elsewhere(report: Diagnosis, scope: Scope, count: Callable[[Scope], Flow[int | None]]) -> Flow[None]:
    if scope.door == "v1":
        return  # it tells its projects once in 20 seconds only: somebody may need that list more (contract §3.1)
    others = [each for each in (yield from fetch_projects(scope)) if each.project_key != scope.project.key]
    if len(others) > _MOST_PROJECTS:
        return
    for each in others:
        there = replace(scope, project=ProjectRef(each.project_key, each.project_id, each.name))
        if total := (yield from count(there)):
            found = Elsewhere(project=each.name, project_key=each.project_key, total=total)
            report.elsewhere = [*report.elsewhere, found]


def why_none(  # noqa: PLR0913 - what is asked, in the forms that the search knows
    asked: A,
    everything: A,
    parts: Sequence[tuple[Finding, A]],
    scope: Scope,
    count: Callable[[A, Scope], Flow[int | None]],
    *,
    anywhere: bool,
    left: Allowance,
) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why a search without a window found nothing.

    Args:
        asked: the search.
        everything: the same without any condition.
        parts: a finding for each condition, and the search without that condition.
        scope: project and door.
        count: counts what a search finds.
        anywhere: whether another project may be meant.
        left: how many requests may be sent.
    """
    report = Diagnosis()
    if parts:
        yield from attempt("window", counted(report, count(everything, scope)), report, left)
    else:
        report.in_window = 0
    if report.in_window == 0:
        report.kept = 0
    yield from leave_out(report, left, parts, lambda others: count(others, scope))
    if anywhere or report.kept == 0:
        yield from look_elsewhere(report, left, scope, lambda there: count(asked, there))
    return report


def counted(report: Diagnosis, counting: Flow[int | None]) -> Flow[None]:
    """Learn how many there are, whatever they are."""
    report.in_window = yield from counting


def ever(scope: Scope) -> Scope:
    """Return the scope of all time."""
    return replace(scope, window=windows.window("", "", now=scope.now, zone=scope.zone, default=None))


def alike(given: str, known: Sequence[str], most: int = 3) -> list[str]:
    """Return what is spelled much like a text, in any case; what differs by case alone comes first."""
    spellings: dict[str, list[str]] = {}
    for each in dict.fromkeys(known):
        spellings.setdefault(each.casefold(), []).append(each)
    near = difflib.get_close_matches(given.casefold(), spellings, most, _ALIKE)
    return [each for spelling in near for each in spellings[spelling] if each != given][:most]


def may(scope: Scope, permission: str) -> bool:
    """Tell whether nothing is known to keep the login's role from something."""
    return scope.access.permissions is None or permission in scope.access.permissions


def closed(report: Diagnosis, what: Topic, permission: str, scope: Scope) -> None:
    """Note what only a login with a permission could look into."""
    lacking = scope.access.has("login") and not may(scope, permission)
    report.gaps = [*report.gaps, Gap(what=what, why="access", permission=permission if lacking else "")]


def asked_for(subject: str, *values: str) -> Finding:
    """Return the finding of an argument that holds values, given our name of it."""
    return Finding(conditions=[Applied(subject=subject, values=list(values))])


def filtered(given: Any, *, own: bool) -> Finding:
    """Return the finding of a filter, given its name, operator and values.

    Args:
        given: the filter.
        own: whether its name is one of ours.
    """
    return Finding(conditions=[Applied(subject=given.name, own=own, operator=given.operator, values=given.values)])


def many(count: int, noun: str, *, at_most: bool = False) -> str:
    """Return a number of things.

    Args:
        count: how many.
        noun: what, in the plural.
        at_most: whether they may be fewer.
    """
    return f"{'at most ' * at_most}{count:,} {noun if count != 1 else noun.removesuffix('s')}"


def at(moment: datetime, scope: Scope) -> str:
    """Return a moment as a diagnosis shows it."""
    return f"{format_moment(local(moment, scope), seconds=False)} {scope.zone.key}"


_ABOUT: dict[Topic, str] = {
    "window": "what else there is", "time": "other times", "conditions": "further conditions",
    "values": "values that occur", "users": "users with a similar id", "sessions": "sessions under this id",
    "projects": "other projects", "session": "whether the session exists",
}  # fmt: skip
_REASONS = (
    ("access", "Missing access (it takes a dashboard login with the permission), so not looked into: "),
    ("answer", "Not looked into, for the server gave no answer: "),
    ("failure", "Could not be looked into: "),
    ("requests", f"Not looked further, after {MOST_REQUESTS} requests: "),
)


def closing_lines(report: Diagnosis, noun: str) -> list[Line]:
    """Return what else a diagnosis tells: the right project, and what was not looked into.

    Args:
        report: the diagnosis.
        noun: what was searched for, in the plural.
    """
    lines: list[Line] = []
    if report.elsewhere:
        there = [(Own(", "), name(one.project), Own(f" has {many(one.total, noun)}")) for one in report.elsewhere]
        parts = tuple(part for each in there for part in each)[1:]
        lines.append((Own("This may be the wrong project: "), *parts, Own(" of it.")))
    gaps = []
    lacking = list(dict.fromkeys(gap.permission for gap in report.gaps if gap.permission))
    named = [(f"Missing access (the login's role lacks the permission {each}), so not looked into: ", "access", each)
             for each in lacking]  # fmt: skip
    for words, why, permission in (*named, *((words, why, "") for why, words in _REASONS)):
        topics = [_ABOUT[gap.what] for gap in report.gaps if (gap.why, gap.permission) == (why, permission)]
        gaps += [f"{words}{', '.join(topics)}."] if topics else []
    return [*lines, *([own(" ".join(gaps))] if gaps else [])]


def listed(ids: Sequence[str]) -> Line:
    """Return ids, to be passed back, as the end of a sentence."""
    return tuple(part for each in ids for part in (Own(", "), identifier(each)))[1:]
