"""Why no user, or no session of a user, was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from openreplay_tools.openreplay.doctor import (
    Allowance,
    Diagnosis,
    Finding,
    at,
    attempt,
    closed,
    closing_lines,
    counted,
    ever,
    leave_out,
    listed,
    look_elsewhere,
    many,
    may,
)
from openreplay_tools.openreplay.users import look_for_alike
from openreplay_tools.text import Own, own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

A = TypeVar("A")
_RECORDS = "DATA_MANAGEMENT"


def why_no_users(  # noqa: PLR0913 - what is asked, in the forms that the search knows
    asked: A,
    everything: A,
    parts: Sequence[tuple[Finding, A]],
    scope: Scope,
    *,
    count: Callable[[A, Scope], Flow[int | None]],
    identity: tuple[Finding, A] | None,
    under: Callable[[], Flow[int]] | None,
    at_most: bool,
) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why no user was found.

    Args:
        asked: the search that found none.
        everything: the same without any condition.
        parts: a finding for each condition, and the search without that condition.
        scope: project and door.
        count: counts what a search finds.
        identity: the finding of what may be an exact id, and the search for that alone; None where nothing may be one.
        under: counts the sessions recorded under that id; None where that cannot be asked.
        at_most: whether the server may count too many.
    """
    report, left = Diagnosis(at_most=at_most), Allowance()
    if parts:
        yield from attempt("window", counted(report, count(everything, scope)), report, left)
    else:
        report.in_window = 0
    if report.in_window == 0:
        report.kept = 0
    yield from leave_out(report, left, parts, lambda others: count(others, scope), spare=2 if identity else 0)
    if identity is not None and report.in_window:
        finding, alone = identity
        if finding.alone is None:
            yield from attempt("conditions", _alone(finding, count(alone, scope)), report, left)
        if finding.alone == 0 and under is not None:
            yield from attempt("sessions", _under(report, under()), report, left)
    if (identity is not None or not report.in_window) and not report.under_id:
        yield from look_elsewhere(report, left, scope, lambda there: count(asked, there))
    return report


def _alone(finding: Finding, counting: Flow[int | None]) -> Flow[None]:
    finding.alone = yield from counting


def _under(report: Diagnosis, counting: Flow[int]) -> Flow[None]:
    report.under_id = yield from counting


@dataclass(frozen=True, slots=True)
class Visits:
    """How many sessions a user has, and when the newest began."""

    total: int = 0
    newest_at: datetime | None = None


def why_no_visits(user_id: str, scope: Scope, visits: Callable[[Scope], Flow[Visits]]) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why a user has no sessions in a window, or none at all.

    Args:
        user_id: the id given.
        scope: project, window and door.
        visits: counts the user's sessions in a project and a window.
    """
    report, left = Diagnosis(ever=None if not scope.window.everything else 0), Allowance()
    if report.ever is None:
        yield from attempt("time", _ever(report, visits(ever(scope))), report, left)
    if report.ever == 0:
        yield from _records(report, user_id, scope, left)
        yield from look_elsewhere(report, left, ever(scope), lambda there: _total(visits(there)))
    return report


def _ever(report: Diagnosis, counting: Flow[Visits]) -> Flow[None]:
    found = yield from counting
    report.ever, report.newest_at = found.total, found.newest_at


def _total(counting: Flow[Visits]) -> Flow[int | None]:
    return (yield from counting).total


def _records(report: Diagnosis, user_id: str, scope: Scope, left: Allowance) -> Flow[None]:
    """Look for the id among the records of users, which API v1 cannot search."""
    if scope.door == "v1" or (scope.door == "login" and not may(scope, _RECORDS)):
        closed(report, "users", _RECORDS, scope)
        return
    yield from attempt(
        "users", look_for_alike(report, user_id, scope), report, left, _RECORDS if scope.door == "login" else ""
    )


def visits_words(report: Diagnosis, scope: Scope) -> list[Line]:
    """Return the lines that tell why a user has no sessions."""
    lines: list[Line] = []
    if report.ever:
        newest = f"; the newest starts {at(report.newest_at, scope)}" if report.newest_at else ""
        lie = "lies" if report.ever == 1 else "lie"
        lines.append(own(f"Why: {many(report.ever, 'sessions')} of this user {lie} outside this window{newest}. Widen "
                         "since and until, or leave them out."))  # fmt: skip
    elif report.ever is None:
        lines.append(own("Why: it could not be found out. Leave out since and until to see all of this user's."))
    elif report.record:
        lines.append(own("Why: a record of this user exists, but no session was ever recorded under this id, or none "
                         "is kept any more. Events appear some minutes after they happen."))  # fmt: skip
    elif report.similar:
        lines.append((Own("Why: nobody has exactly this id; ids are case-sensitive. Nearest: "),
                      *listed(report.similar), Own(".")))  # fmt: skip
    elif report.record is None:
        lines.append(own("Why: no session was ever recorded under exactly this id; ids are case-sensitive."))
    else:
        why = "neither a session nor a user's record has exactly this id, or one that begins and reads much like it."
        lines.append(own(f"Why: {why} openreplay_search_users finds people by part of name or e-mail."))
    return [*lines, *closing_lines(report, "sessions")]
