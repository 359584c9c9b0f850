"""Why no event was found: in a project, or in a session, and whether that exists at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from openreplay_tools.errors import BadRequestError
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.doctor import (
    Allowance,
    Diagnosis,
    attempt,
    closed,
    closing_lines,
    counted,
    ever,
    leave_out,
    look_elsewhere,
    many,
    may,
)
from openreplay_tools.openreplay.users import look_for_alike
from openreplay_tools.operation import Record
from openreplay_tools.text import own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.doctor import Finding
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

C = TypeVar("C")
_RECENT_MS = 3_600_000
_OLDEST_MS = 1_577_836_800_000  # 2020: no recording is older, so an id that says so is none
_MINUTE_MS = 60_000


class _FilesReply(Record):
    data: dict[str, Any]


def why_no_events(
    asked: C,
    parts: Sequence[tuple[Finding, C]],
    scope: Scope,
    newest: Callable[[C, Scope], Flow[tuple[int, datetime | None]]],
    user_id: str,
) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why no event of a project was found.

    Args:
        asked: the conditions.
        parts: a finding for each condition, and the others.
        scope: project and window.
        newest: counts what meets conditions, and tells when that last happened.
        user_id: whose events are asked for; "" for everybody's.
    """
    report, left, always = Diagnosis(), Allowance(), ever(scope)
    everything: Any = []

    def count(conditions: C, there: Scope = scope) -> Flow[int | None]:
        return (yield from newest(conditions, there))[0]

    if parts:
        yield from attempt("time", _last(report, newest(asked, always)), report, left)
        yield from attempt("window", counted(report, count(everything)), report, left)
    else:
        report.in_window = 0
    if report.in_window == 0:
        yield from attempt("window", _kept(report, newest(everything, always)), report, left)
    yield from leave_out(report, left, parts, count, spare=int(bool(user_id)))
    if user_id and report.in_window and report.ever == 0:
        yield from attempt("users", look_for_alike(report, user_id, scope), report, left)
    if 0 in {report.ever, report.kept}:
        yield from look_elsewhere(report, left, always, lambda there: count(asked, there))
    return report


def _last(report: Diagnosis, counting: Flow[tuple[int, datetime | None]]) -> Flow[None]:
    report.ever, report.newest_at = yield from counting


def _kept(report: Diagnosis, counting: Flow[tuple[int, datetime | None]]) -> Flow[None]:
    report.kept, report.last_at = yield from counting


def why_no_session_events(
    scope: Scope, count: Callable[[Scope], Flow[int | None]], *, narrowed: bool
) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why a session has no events.

    Args:
        scope: project, session and door.
        count: counts the events of the whole session in a project.
        narrowed: whether only a part of the session was asked for.
    """
    report, left = Diagnosis(in_window=None if narrowed else 0), Allowance()
    if narrowed:
        yield from attempt("window", counted(report, count(scope)), report, left)
    if report.in_window == 0:
        yield from look_for_session(report, scope, left)
    if report.in_window == 0 and not report.record:
        yield from look_elsewhere(report, left, scope, count)
    if report.elsewhere:  # a session is in one project only: that it is not in this one needs no login any more
        report.gaps = [gap for gap in report.gaps if gap.what != "session"]
    return report


def look_for_session(report: Diagnosis, scope: Scope, left: Allowance) -> Flow[None]:
    """Find out whether the project has the session, which only a login can tell."""
    if scope.access.has("login") and may(scope, "SESSION_REPLAY"):
        yield from attempt("session", _known(report, scope), report, left, "SESSION_REPLAY")
    else:
        closed(report, "session", "SESSION_REPLAY", scope)


def _known(report: Diagnosis, scope: Scope) -> Flow[None]:
    path = (str(scope.project.id), "sessions", scope.session.id, "first-mob")
    try:
        yield from ask(Request("GET", path, _FilesReply, via="dashboard"))
    except BadRequestError:  # contract §4.5
        report.record = False
    else:
        report.record = True


def session_words(report: Diagnosis, scope: Scope) -> list[Line]:
    """Return the lines that tell why a session has no events."""
    return [own(f"Why: {_reason(report, scope)}"), *closing_lines(report, "events")]


def _reason(report: Diagnosis, scope: Scope) -> str:
    if report.in_window:
        return (
            f"nothing in this part; the whole session has {many(report.in_window, 'events')}. Leave out since, until, "
            "from_offset and to_offset."
        )
    if report.in_window is None:
        return "it could not be found out. Leave out since, until, from_offset and to_offset for the whole session."
    if report.record is False or (report.record is None and report.elsewhere):
        return "this project has no session with this id."
    return _by_its_start(scope, known=bool(report.record))


def _by_its_start(scope: Scope, *, known: bool) -> str:
    """Return what the start that an id holds makes likely."""
    begun = scope.session.started_ms
    age = round(scope.now.timestamp() * 1000) - begun
    if not known and (begun < _OLDEST_MS or age < -_MINUTE_MS):
        return "this id holds no time at which a recording can have begun; it is probably mistyped."
    if age < -_MINUTE_MS:
        return (
            "this project has the session, but by its id it begins later than this clock says it is now, so how long "
            "ago it was recorded is unknown. Events follow some minutes after they happen."
        )
    recent = age < _RECENT_MS
    ago = many(max(0, age // _MINUTE_MS), "minutes")
    if known and recent:
        return f"its recording began {ago} ago; events follow some minutes after they happen. Ask again later."
    if known:
        return "the session is recorded, but none of its events is stored here, or none is kept any more."
    still = f" By its id it began {ago} ago: then its events may follow within minutes." if recent else ""
    return f"this project has no event of this session: another id, another project, or no longer kept.{still}"
