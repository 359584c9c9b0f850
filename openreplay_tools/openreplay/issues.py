"""What goes wrong for visitors, over many sessions: failures grouped by signature, counted by sessions and users."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.errors import ArgumentsError, PermissionDeniedError, UnavailableError
from openreplay_tools.fields import Detail, WindowArguments
from openreplay_tools.flow import Emit
from openreplay_tools.openreplay.doctor import Diagnosis
from openreplay_tools.openreplay.issue_groups import PAGE, Issue, Occurrence, grouped, locate, occurrences_of, related
from openreplay_tools.openreplay.issue_lines import issues_list, title
from openreplay_tools.openreplay.issue_sources import (
    FRUSTRATION,
    Kinds,
    PartRead,
    Steps,
    began_in,
    read_failures,
    read_pages,
)
from openreplay_tools.openreplay.issue_visits import (
    MOST_VISITS,
    People,
    Wanted,
    add_traits,
    read_visits,
    sessions_of,
    visit_of,
    whose,
)
from openreplay_tools.openreplay.scope import in_project
from openreplay_tools.openreplay.session_search import search_sessions
from openreplay_tools.openreplay.session_steps import Applied, page_term
from openreplay_tools.openreplay.telling import site_of
from openreplay_tools.operation import Page, operation

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.events import EventPage
    from openreplay_tools.openreplay.issue_groups import Visit
    from openreplay_tools.openreplay.sessions import Session
    from openreplay_tools.openreplay.timeline import Event
    from openreplay_tools.operation import Scope

_WEEK = timedelta(days=7)
_PER_PAGE: Final = 200
_MOST_SESSION_PAGES: Final = 10
_PLACED_OF_AN_ISSUE: Final = 20  # sessions in which it is looked up where an issue happened
_PLACED: Final = 60
_EVERY_ONE: Final = 10_000
_SIGNED: Final[dict[Kinds, frozenset[str]]] = {
    "any": frozenset(),
    "errors": frozenset({"error", "crash"}),
    "requests": frozenset({"request"}),
    "frustration": frozenset(FRUSTRATION),
}


class IssuePage(Page[Issue]):
    """Issues, those that met most sessions first.

    Attributes:
        conditions: what narrowed the sessions.
        sessions: how many were searched, and met what narrows them; None where the login may not count them.
        looked_into: how many were read for that.
        matching: out of how many.
        known: of how many of them browser and metadata are known; shares overall are of these.
        users: identified people of the known ones.
        anonymous: how many of the known ones belong to nobody known.
        one_by_one: whether sessions were read one by one, so that those of few people were searched.
        people: how many people's sessions were looked for, where these were read.
        people_total: of how many in the window; None where they were named.
        unread: sessions and users that the server could not give.
        parts: how much of each sort of failure was read, where the project's failures were.
        others: issues that do not contain what was asked for.
        diagnosis: when no session was found: why, as far as a few requests can tell.
        whose: why the one user named has no session.
    """

    rows: list[Issue] = []
    conditions: list[Applied] = []
    sessions: int | None = None
    looked_into: int | None = None
    matching: int | None = None
    known: int = 0
    users: int = 0
    anonymous: int = 0
    one_by_one: bool = False
    people: int = 0
    people_total: int | None = None
    unread: int = 0
    parts: list[PartRead] = []
    others: int = 0
    diagnosis: Diagnosis | None = None
    whose: Diagnosis | None = None


class FindIssuesArgs(WindowArguments):
    """Where to look, and for what."""

    user_ids: Annotated[
        list[Annotated[str, Field(max_length=256)]], Field(max_length=10, description="Only these; exact ids.")
    ] = []
    kinds: Annotated[Kinds, Field(description="frustration: rage and dead clicks …")] = "any"
    query: Annotated[str, Field(max_length=200, description="Part of message, URL or label.")] = ""
    url_path: Annotated[str, Field(max_length=256, description="Visited: /checkout, /product/*.")] = ""
    browser: Annotated[str, Field(max_length=100, description="Such as Chrome.")] = ""
    saved_search: Annotated[str, Field(max_length=200, description="Name or id.")] = ""
    limit: Annotated[int, Field(ge=1, le=50, description="Issues, 1 to 50.")] = 10
    detail: Detail = "normal"


@dataclass(slots=True)
class _Searched:
    """The sessions in which failures are looked for; see `IssuePage`."""

    visits: dict[str, Visit] = field(default_factory=dict)
    matching: int | None = None
    conditions: list[Applied] = field(default_factory=list)
    diagnosis: Diagnosis | None = None


def _prepare(args: FindIssuesArgs, scope: Scope) -> Flow[Scope]:
    """Resolve the project and a window that is the last week unless narrowed."""
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=_WEEK)
    return replace((yield from in_project(args, scope)), window=window)


def _narrowing(args: FindIssuesArgs) -> dict[str, Any]:
    """Return what narrows the sessions, as arguments of the session search."""
    given: dict[str, Any] = {
        name: value for name in ("url_path", "browser", "saved_search") if (value := getattr(args, name))
    }
    if args.user_ids:
        given["filters"] = [{"name": "user_id", "operator": "is", "values": args.user_ids}]
    return given


def _search(args: FindIssuesArgs, scope: Scope, steps: Steps, pages: int) -> Flow[tuple[_Searched, list[Session]]]:
    """Search sessions, the newest first, at most so many pages."""
    project = scope.project.key or str(scope.project.id)
    span = {"since": str(scope.window.start_ms), "until": str(scope.window.end_ms)}
    asked = {**_narrowing(args), **span, "project": project, "limit": _PER_PAGE}
    steps.planned(1)
    first = (yield from search_sessions.call(search_sessions.parse(asked), scope)).result
    total = first.total or 0
    rows = {row.session_id: row for row in first.rows}
    last = min(pages, -(-total // _PER_PAGE))
    steps.planned(max(0, last - 1))
    yield from steps.took(1, "reading the list of sessions")
    for number in range(2, last + 1):
        outcome = yield from search_sessions.call(search_sessions.parse({**asked, "page": number}), scope)
        rows |= {row.session_id: row for row in outcome.result.rows}
        yield from steps.took(1, "reading the list of sessions")
    visits = {row.session_id: visit_of(row) for row in rows.values()}
    return _Searched(visits, total, first.conditions, first.diagnosis), list(rows.values())


@operation(
    FindIssuesArgs,
    group="insight",
    prepare=_prepare,
    present=issues_list,
    needs="login",
    permission="DATA_MANAGEMENT",
)
def find_issues(args: FindIssuesArgs, scope: Scope) -> Flow[IssuePage]:
    """Find what goes wrong over many sessions: errors, failing requests, rage and dead clicks, the most frequent first.

    Tells how many sessions and users each met, since when, which browser, page or plan stands out; links moments.
    The last 7 days unless since is given. Then openreplay_summarize_session.
    """
    steps = Steps()
    searched = _Searched()
    try:
        searched, _ = yield from _search(args, scope, steps, _MOST_SESSION_PAGES)
    except (PermissionDeniedError, UnavailableError):  # a role may see the project's events and no sessions
        if _narrowing(args):
            raise
    if searched.matching == 0:
        return _nothing_searched(searched)
    found = yield from read_failures(args.kinds, scope, steps)
    events = [event for event in found.events if _meant(event, args, searched, scope)]
    occurrences, others = _asked_for(occurrences_of(events, found.host), args)
    page = _page(grouped(occurrences, searched.visits, scope), searched, args)
    page.parts, page.others = found.parts, others
    if _narrowing(args):
        page.sessions = page.looked_into = len(searched.visits)
    opened = yield from read_pages(_unplaced(page.rows), scope, steps)
    locate(page.rows, occurrences, opened, found.host)
    return page


@find_issues.walk
def _all_issues(args: FindIssuesArgs, scope: Scope) -> Flow[None]:
    page = (yield from find_issues.call(args.model_copy(update={"limit": _EVERY_ONE}), scope)).result
    yield Emit(tuple(page.rows))


@find_issues.route("v2", lacks=("sessions of anonymous visitors",))
def _of_people(args: FindIssuesArgs, scope: Scope) -> Flow[IssuePage]:
    if args.saved_search:
        raise ArgumentsError(
            "saved_search: saved searches belong to the dashboard, so it needs a login (OPENREPLAY_EMAIL and "
            "OPENREPLAY_PASSWORD). Leave it out, or name user_ids."
        )
    steps = Steps()
    people = yield from whose(args.user_ids, scope, steps)
    listed = yield from sessions_of(people, scope, steps)
    if args.user_ids and listed.rows:
        yield from add_traits(people, scope, steps)
    page = yield from _one_by_one(listed.rows, people, args, scope, steps)
    page.people, page.people_total, page.whose = len(people.ids), people.total, listed.diagnosis
    page.unread += listed.unread
    page.matching = (page.matching or 0) + listed.more
    return page


@find_issues.route("login", permission="SESSION_REPLAY", lacks=("failing requests",))
def _of_a_search(args: FindIssuesArgs, scope: Scope) -> Flow[IssuePage]:
    if args.kinds == "requests":
        raise UnavailableError(
            "The login's role lacks the permission DATA_MANAGEMENT, without which requests are not shown. An "
            "organization key (OPENREPLAY_API_KEY) would show them too."
        )
    steps = Steps()
    searched, rows = yield from _search(args, scope, steps, 1)
    if not rows:
        return _nothing_searched(searched)
    page = yield from _one_by_one(rows, People(), args, scope, steps)
    page.matching, page.conditions = searched.matching, searched.conditions
    return page


def _one_by_one(
    rows: list[Session], people: People, args: FindIssuesArgs, scope: Scope, steps: Steps
) -> Flow[IssuePage]:
    """Look into the newest of these sessions."""
    conditions = _conditions(args)
    wanted = Wanted(args.kinds, lambda told: _holds(told, conditions))
    found = yield from read_visits(rows[:MOST_VISITS], people, wanted, scope, steps)
    host = site_of(found.events)
    occurrences, others = _asked_for(occurrences_of(found.events, host), args)
    searched = _Searched(found.visits, len(rows), conditions)
    page = _page(grouped(occurrences, found.visits, scope), searched, args)
    page.sessions, page.looked_into = len(found.visits), min(len(rows), MOST_VISITS) - found.unread
    page.one_by_one, page.unread, page.others = True, found.unread, others
    locate(page.rows, occurrences, found.events, host)
    return page


def _conditions(args: FindIssuesArgs) -> list[Applied]:
    """Return what narrows the sessions, where that is looked for in their own events."""
    given = [("user id", args.user_ids), ("browser", [args.browser.strip()])]
    conditions = [Applied(subject=subject, values=list(values)) for subject, values in given if any(values)]
    return [*conditions, page_term(args.url_path).said] if args.url_path else conditions


def _holds(told: EventPage, conditions: list[Applied]) -> bool:
    """Tell whether a session's own events meet conditions; whose it is, is known beforehand."""
    for one in conditions:
        if one.kind == "page" and not any(_fits(_path(event), one) for event in told.rows if event.kind == "LOCATION"):
            return False
        if one.subject == "browser" and told.browser.casefold() != one.values[0].casefold():
            return False
    return True


def _path(event: Event) -> str:
    return event.path or f"/{event.url.partition('://')[2].partition('?')[0].partition('/')[2]}"


def _fits(path: str, page: Applied) -> bool:
    value = page.values[0]
    fits = {"is": path == value, "starts_with": path.startswith(value), "ends_with": path.endswith(value)}
    return fits.get(page.operator, value in path)


def _meant(event: Event, args: FindIssuesArgs, searched: _Searched, scope: Scope) -> bool:
    """Tell whether an event belongs to a session that was searched."""
    if _narrowing(args):
        return event.session_id in searched.visits
    at = round(event.at.timestamp() * 1000) if event.at else 0
    return event.session_id in searched.visits or began_in(scope, event.session_id, at)


def _asked_for(occurrences: list[Occurrence], args: FindIssuesArgs) -> tuple[list[Occurrence], int]:
    """Return the failures that are asked for, and how many issues the text asked for leaves out."""
    signed = _SIGNED[args.kinds]
    of_kind = [one for one in occurrences if not signed or one.signature[0] in signed]
    text = " ".join(args.query.casefold().replace("->", "→").split())
    if not text:
        return of_kind, 0
    kept = [one for one in of_kind if _contains(one, text)]
    return kept, len({one.signature for one in of_kind} - {one.signature for one in kept})


def _contains(one: Occurrence, text: str) -> bool:
    recorded = ("message", "reason", "name", "url", "context_string", "label")
    said = [*one.signature[1:], one.event.url, *(str(one.event.recorded(key) or "") for key in recorded)]
    return any(text in each.casefold() for each in (*said, title(one.signature)))


def _page(issues: list[Issue], searched: _Searched, args: FindIssuesArgs) -> IssuePage:
    shown = issues[: args.limit]
    related(shown)
    owners = [visit.user_id for visit in searched.visits.values()]
    return IssuePage(
        rows=shown,
        total=len(issues),
        limit=args.limit,
        conditions=searched.conditions,
        sessions=searched.matching,
        looked_into=searched.matching,
        matching=searched.matching,
        known=len(searched.visits),
        users=len({owner for owner in owners if owner}),
        anonymous=sum(not owner for owner in owners),
    )


def _nothing_searched(searched: _Searched) -> IssuePage:
    return IssuePage(
        total=0, sessions=0, looked_into=0, matching=0, conditions=searched.conditions, diagnosis=searched.diagnosis
    )


def _unplaced(issues: list[Issue]) -> list[str]:
    """Return sessions in which it is to be looked up where issues happened, the newest of each issue."""
    chosen: dict[str, None] = {}
    for issue in issues:
        if not any(share.name == PAGE for share in issue.shares):
            chosen.update(dict.fromkeys(issue.session_ids[:_PLACED_OF_AN_ISSUE]))
    return [one for one in chosen if one.isascii() and one.isdecimal()][:_PLACED]  # the server fails on others
