"""What one user went through over their recent sessions: what they tried, what kept failing, since when."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import (
    ArgumentsError,
    NotFoundError,
    OpenReplayToolsError,
    RateLimitError,
    ServerError,
    TransportError,
)
from openreplay_tools.fields import Detail, UserId, WindowArguments
from openreplay_tools.flow import Progress
from openreplay_tools.openreplay.finding_lines import what
from openreplay_tools.openreplay.findings import Finding
from openreplay_tools.openreplay.links import linked, session_link
from openreplay_tools.openreplay.scope import about, during, in_project_ever, local
from openreplay_tools.openreplay.session_summary import SessionSummary, summarize_session
from openreplay_tools.openreplay.sessions import SessionPage, list_user_sessions
from openreplay_tools.operation import Record, operation
from openreplay_tools.personal import PersonId
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line, Part

_NOT_TROUBLE = frozenset({"pause"})
_MOST_PROBLEMS = {"brief": 3, "normal": 6, "full": 30}
_MOST_TOLD = 12
# One session that cannot be read, or those that are left when the time is over, do not hide the others.
_SKIPPED = (ArgumentsError, NotFoundError, RateLimitError, ServerError, TransportError)
_AGAIN = 1000  # what fails in several sessions stands before what failed in one


class Moment(Record):
    """A point in a session."""

    session_id: str = ""
    at: datetime | None = None
    offset_ms: int = 0
    link: str = ""


class Problem(Record):
    """The same trouble over several sessions.

    Attributes:
        finding: it, as it was the last time.
        count: how often, at least.
        sessions: in how many sessions.
        first_bad: its first time in the sessions read.
        last_bad: its last session's first time.
        last_good: when the same last went well before that: the request succeeded, or the page was used without it.
        good_since: when it went well after the last bad moment.
    """

    finding: Finding = Finding()
    count: int = 0
    sessions: int = 0
    first_bad: Moment = Moment()
    last_bad: Moment = Moment()
    last_good: Moment | None = None
    good_since: Moment | None = None


class UserSummary(Record):
    """A user's recent sessions, understood.

    Attributes:
        user_id: whose.
        total: sessions in the window.
        unread: sessions that should have been read and could not be.
        sessions: those that were read, newest first.
        problems: what went wrong, first what did so in most sessions.
        events: the site's own events by name, over all sessions read.
        pages: views by page template, over all sessions read.
        listed: the list of sessions as openreplay_list_user_sessions gives it, when there is none.
    """

    user_id: PersonId = ""
    total: int | None = None
    unread: int = 0
    sessions: list[SessionSummary] = []
    problems: list[Problem] = []
    events: dict[str, int] = {}
    pages: dict[str, int] = {}
    listed: SessionPage | None = None


class SummarizeUserArgs(WindowArguments):
    """Whose sessions."""

    user_id: UserId
    limit: Annotated[int, Field(ge=1, le=30, description="Newest sessions to read, 1 to 30.")] = 8
    detail: Detail = "normal"


def _moment(session: SessionSummary, offset_ms: int, scope: Scope) -> Moment:
    at = session.started_at + timedelta(milliseconds=offset_ms) if session.started_at else None
    link = session_link(scope, session.session_id, offset_ms)
    return Moment(session_id=session.session_id, at=at, offset_ms=offset_ms, link=link)


def _problems(sessions: list[SessionSummary], scope: Scope) -> list[Problem]:
    """Group what went wrong over sessions that are given oldest first."""
    found: dict[tuple[str, ...], list[tuple[int, Finding]]] = {}
    for number, session in enumerate(sessions):
        for finding in session.findings:
            if finding.kind not in _NOT_TROUBLE:
                found.setdefault(_key(finding), []).append((number, finding))
    problems = []
    for occurrences in found.values():
        (first, first_bad), (last, last_bad) = occurrences[0], occurrences[-1]
        bad = {number for number, _ in occurrences}
        problems.append(
            Problem(
                finding=last_bad,
                count=sum(finding.count for _, finding in occurrences),
                sessions=len(occurrences),
                first_bad=_moment(sessions[first], first_bad.offset_ms, scope),
                last_bad=_moment(sessions[last], last_bad.offset_ms, scope),
                last_good=_good(first_bad, list(enumerate(sessions))[first::-1], bad, scope, before=True),
                good_since=_good(last_bad, list(enumerate(sessions))[last:], bad, scope, before=False),
            )
        )
    return sorted(problems, key=lambda one: (-_AGAIN * min(one.sessions - 1, 5) - one.finding.worth, -one.count))


def _good(
    finding: Finding, sessions: list[tuple[int, SessionSummary]], bad: set[int], scope: Scope, *, before: bool
) -> Moment | None:
    """Return the nearest moment at which the same went well, looking from the session of a finding on.

    Args:
        finding: what went wrong in the first of the sessions.
        sessions: with their numbers, in the order in which to look.
        bad: numbers of those in which it went wrong.
        scope: for links.
        before: whether they reach back.
    """
    for place, (number, session) in enumerate(sessions):
        if finding.method and finding.url:
            at = _succeeded(finding, session, within=not place, before=before)
        else:
            at = None if not place or number in bad else _used(finding, session)
        if at is not None:
            return _moment(session, at, scope)
    return None


def _succeeded(finding: Finding, session: SessionSummary, *, within: bool, before: bool) -> int | None:
    """Return when a request succeeded: nearest to the failures of the session that has them, last in another one."""
    for kind in session.requests:
        if (kind.method, kind.url) == (finding.method, finding.url):
            return (kind.good_before_ms if before else kind.good_after_ms) if within else kind.last_good_ms
    return None


def _used(finding: Finding, session: SessionSummary) -> int | None:
    """Return when the page of some trouble was used last."""
    return next((kind.last_ms for kind in session.pages if finding.page and kind.page == finding.page), None)


def user_summary_card(found: UserSummary, args: SummarizeUserArgs, scope: Scope) -> Answer:
    """Present a user's sessions."""
    if found.listed is not None:
        return list_user_sessions.present(found.listed, list_user_sessions.parse(_which(args, scope)), scope)
    shown = found.problems[: _MOST_PROBLEMS[args.detail]]
    rows = [_problem_row(number, one, scope) for number, one in enumerate(shown, 1)]
    numbers = {_key(one.finding): number for number, one in enumerate(shown, 1)}
    read = len(found.sessions)
    return Answer(
        subject=(
            Own(f"{read} of {found.total or read} session{'s' * (found.total != 1)} of "),
            identifier(found.user_id),
        ),
        scope=about(scope, during(scope), own("newest first")),
        facts=tuple(line for line in (*_did(found), _verdict(found)) if line),
        rows=(*rows, *(_session_row(each, numbers, scope) for each in found.sessions)),
        notes=tuple(_notes(found, args, len(found.problems) - len(shown))),
        rest="fewer sessions with limit, or since and until",
    )


def _which(args: SummarizeUserArgs, scope: Scope) -> dict[str, object]:
    project = scope.project.key or str(scope.project.id)
    return {"user_id": args.user_id, "project": project, "since": args.since, "until": args.until, "limit": args.limit}


def _did(found: UserSummary) -> list[Line]:
    return [
        _named("Own events: ", list(found.events.items())),
        _named("Pages: ", sorted(found.pages.items(), key=lambda each: -each[1])),
    ]


def _named(label: str, counts: list[tuple[str, int]]) -> Line:
    shown = [
        part for name, count in counts[:_MOST_TOLD] for part in (Own(", "), Recorded(name, limit=80), Own(f" {count}"))
    ]
    more = (Own(f" and {len(counts) - _MOST_TOLD} more"),) if len(counts) > _MOST_TOLD else ()
    return (Own(label), *shown[1:], *more) if shown else ()


def _verdict(found: UserSummary) -> Line:
    well = sum(not any(each.kind not in _NOT_TROUBLE for each in one.findings) for one in found.sessions)
    told = f"{well} of {len(found.sessions)} sessions went without trouble."
    return own(f"What went wrong ({len(found.problems)}). {told}" if found.problems else told)


def _problem_row(number: int, one: Problem, scope: Scope) -> Row:
    times = f"{one.count} time{'s' * (one.count > 1)} in {one.sessions} session{'s' * (one.sessions > 1)}"
    line = (Own(f"{number}. {times}: "), *what(one.finding), *_history(one, scope))
    return Row((line,), worth=_AGAIN - number, kind="problems")


def _history(one: Problem, scope: Scope) -> list[Part]:
    told = [("first bad: " if one.sessions > 1 else "", one.first_bad)]
    told += [("last bad: ", one.last_bad)] if one.sessions > 1 else []
    # A request is known to have succeeded; of anything else only that its page was used without the trouble.
    worked = one.finding.method and one.finding.url
    before, since = (
        ("last worked: ", "worked again: ") if worked else ("page last used well before: ", "and well again: ")
    )
    told += [(before, one.last_good)] if one.last_good else []
    told += [(since, one.good_since)] if one.good_since else []
    lines = [
        (Own(f"\n   {words}{_at(moment, scope)} "), linked(scope, moment.session_id, moment.offset_ms))
        for words, moment in told
    ]
    return [part for line in lines for part in line]


def _at(moment: Moment, scope: Scope) -> str:
    return format_moment(local(moment.at, scope), seconds=False) if moment.at else "at an unknown time"


def _session_row(session: SessionSummary, numbers: dict[tuple[str, ...], int], scope: Scope) -> Row:
    start = format_moment(local(session.started_at, scope), seconds=False) if session.started_at else "–"
    ours = [each for each in session.findings if each.kind not in _NOT_TROUBLE]
    told = [
        f"problem {numbers[_key(each)]} at {format_offset(each.offset_ms)}" for each in ours if _key(each) in numbers
    ]
    lesser = len(ours) - len(told)
    told += [f"{lesser} lesser problem{'s' * (lesser > 1)}"] if lesser else []
    pages = f"{session.pages_total} page{'s' * (session.pages_total != 1)}"
    cells = own(start), own(format_offset(session.duration_ms)), (identifier(session.session_id),), own(pages)
    return Row((*cells, own(", ".join(told) or "no trouble")), worth=_AGAIN // 2, kind="sessions")


def _key(finding: Finding) -> tuple[str, ...]:
    """Return what makes trouble the same in several sessions; a request may fail with one status and another."""
    return (finding.kind, finding.method, finding.url) if finding.url else (finding.kind, *finding.signature)


def _notes(found: UserSummary, args: SummarizeUserArgs, hidden: int) -> list[Line]:
    notes = []
    if hidden:
        notes.append(own(f'{hidden} lesser problems left out; detail="full" shows more.'))
    if found.unread:
        notes.append(own(f"{found.unread} of the sessions could not be read; openreplay_list_user_sessions has all."))
    if (found.total or 0) > len(found.sessions) + found.unread:
        notes.append(own(f"Read were the newest {len(found.sessions)}; limit and until reach further back."))
    if args.since or args.until:
        notes.append(own("Sessions are read whole, also where they reach beyond the window."))
    notes.append(own("Next: openreplay_summarize_session(session=…)."))
    return notes


@operation(SummarizeUserArgs, group="insight", prepare=in_project_ever, present=user_summary_card)
def summarize_user(args: SummarizeUserArgs, scope: Scope) -> Flow[UserSummary]:
    """Explain a user's recent sessions: what they tried, what kept failing, linked first bad and last good moments.

    Needs the exact user id: openreplay_search_users finds it.
    """
    outcome = yield from list_user_sessions.call(list_user_sessions.parse(_which(args, scope)), scope)
    listed = outcome.result
    if not listed.rows:
        return UserSummary(user_id=args.user_id, total=0, listed=listed)
    sessions: list[SessionSummary] = []
    refusal: OpenReplayToolsError | None = None
    inside = replace(scope, examines=False)
    for done, row in enumerate(listed.rows):
        yield Progress(done, len(listed.rows), "sessions read")
        which = {"session": row.session_id, "project": scope.project.key or str(scope.project.id)}
        try:
            told = yield from summarize_session.call(summarize_session.parse(which), inside)
        except _SKIPPED as error:
            refusal = error
        else:
            sessions.append(told.result)
    if not sessions and refusal is not None and not isinstance(refusal, ArgumentsError):
        raise refusal
    yield Progress(len(listed.rows), len(listed.rows), "sessions read")
    oldest_first = sorted(sessions, key=lambda one: one.started_at.timestamp() if one.started_at else 0)
    events: Counter[str] = Counter()
    pages: Counter[str] = Counter()
    for one in sessions:
        events.update(one.own_counts)
        pages.update({kind.page: kind.visits for kind in one.pages})
    return UserSummary(
        user_id=args.user_id,
        total=listed.total,
        unread=len(listed.rows) - len(sessions),
        sessions=sessions,
        problems=_problems(oldest_first, scope),
        events=dict(events.most_common()),
        pages=dict(pages.most_common()),
    )


summarize_user.route("login", permission="SESSION_REPLAY")(summarize_user.routes[0].flow)
summarize_user.route("v1")(summarize_user.routes[0].flow)
