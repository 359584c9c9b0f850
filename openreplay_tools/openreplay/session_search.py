"""Searching a project's sessions by who, where, what went wrong and what was done."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, NotFoundError, PermissionDeniedError, UnavailableError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, WindowArguments
from openreplay_tools.openreplay import lexicon
from openreplay_tools.openreplay.filter_catalogue import fetch_catalogue
from openreplay_tools.openreplay.filters import EventCondition, Filter  # noqa: TC001 - pydantic reads the annotations
from openreplay_tools.openreplay.links import session_link
from openreplay_tools.openreplay.paging import more_pages, past_the_end, tally
from openreplay_tools.openreplay.saved_searches import find_saved
from openreplay_tools.openreplay.scope import about, device_name, during, in_project
from openreplay_tools.openreplay.sequences import find, find_every
from openreplay_tools.openreplay.session_filters import Question, asked, said
from openreplay_tools.openreplay.session_plans import planned
from openreplay_tools.openreplay.session_queries import Paging, Query, Sort, fetch_all, fetch_properties
from openreplay_tools.openreplay.session_steps import PROPERTY_PREFIX, Applied
from openreplay_tools.openreplay.sessions import Session
from openreplay_tools.operation import Page, Record, operation
from openreplay_tools.text import Own, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.filter_catalogue import FilterCatalogue
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_WEEK = timedelta(days=7)
_MOST_HINTS = 5
_MOST_VALUES = 8

# Where a row tells the value of what it was searched by.
_TOLD = {
    "browser": "browser", "os": "os", "device type": "device_type", "device": "device", "country": "country",
    "city": "city", "state": "state", "platform": "platform",
}  # fmt: skip
_FIRST: dict[tuple[str, str], str] = {
    ("start", "desc"): "newest first", ("start", "asc"): "oldest first",
    ("events", "desc"): "most events first", ("events", "asc"): "fewest events first",
    ("length", "desc"): "longest first", ("length", "asc"): "shortest first",
}  # fmt: skip


class Hint(Record):
    """Why nothing was found, as far as it was looked into.

    Attributes:
        condition: one of those asked for.
        without: how many sessions there are without it, all others holding.
        occurring: values that occur in those instead.
        properties: names of properties that the event has, when the condition is on one of them.
    """

    condition: Applied = Applied()
    without: int = 0
    occurring: list[str] = []
    properties: list[str] = []


class SessionSearchPage(Page[Session]):
    """One page of a search.

    Attributes:
        conditions: what was asked of the server, all of it.
        sorted_among: sorted by length are the newest so many; 0 when all were sorted.
        in_window: when nothing was found: sessions of the window, whatever they are.
        newest_at: when the window is empty: start of the project's newest session.
        hints: when nothing was found: which condition empties the set.
        idle: negations that exclude nothing, since no session of the window has what they exclude.
    """

    rows: list[Session] = []
    conditions: list[Applied] = []
    sorted_among: int = 0
    in_window: int | None = None
    newest_at: datetime | None = None
    hints: list[Hint] = []
    idle: list[Applied] = []


class SearchSessionsArgs(WindowArguments):
    """Which sessions."""

    user_id: Annotated[str, Field(max_length=256, description="Exact user id.")] = ""
    browser: Annotated[str, Field(max_length=100, description="Such as Chrome, Mobile Safari.")] = ""
    os: Annotated[str, Field(max_length=100, description="Such as Windows, Mac OS X, iOS.")] = ""
    country: Annotated[str, Field(max_length=60, description="Two letters: DE.")] = ""
    device_type: Annotated[str, Field(max_length=60, description="desktop, mobile or tablet.")] = ""
    url_path: Annotated[
        str, Field(max_length=256, description="Visited page: /checkout; * for any text at an edge: /product/*.")
    ] = ""
    issue_type: Annotated[
        str, Field(max_length=100, description="click_rage, dead_click, js_exception, bad_request …")
    ] = ""
    min_duration: Annotated[str, Field(max_length=20, description="At least so long: 30s, 2m, 1:30.")] = ""
    max_duration: Annotated[str, Field(max_length=20, description="At most so long.")] = ""
    events: Annotated[list[EventCondition], Field(max_length=5, description="What was done, or not done.")] = []
    events_order: Annotated[
        Literal["all", "any", "in_sequence"], Field(description="How the events that must occur combine.")
    ] = "all"
    filters: Annotated[
        list[Filter], Field(max_length=10, description="Others, by name or metadata name; all must hold.")
    ] = []
    saved_search: Annotated[str, Field(max_length=200, description="Name or id of a saved one, to narrow further.")] = (
        ""
    )
    sort: Annotated[Sort, Field(description="What to sort by.")] = "start"
    order: Order = "desc"
    limit: Limit = 40
    page: PageNumber = 1
    detail: Detail = "normal"


def _prepare(args: SearchSessionsArgs, scope: Scope) -> Flow[Scope]:
    """Resolve the project and a window that is the last week unless narrowed."""
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=_WEEK)
    return replace((yield from in_project(args, scope)), window=window)


def _question(args: SearchSessionsArgs, scope: Scope) -> Flow[Question]:
    if args.saved_search and not args.saved_search.strip():
        raise ArgumentsError("saved_search is blank. Give the name or id of one, or leave it out.")
    catalogue = yield from fetch_catalogue(scope)
    saved = (yield from find_saved(args.saved_search, scope)) if args.saved_search else None
    events = []
    for one in args.events:
        spelled = yield from _spelled(one, catalogue, scope)
        events.append(spelled)
    return asked(args.model_copy(update={"events": events}), catalogue, saved)


def _spelled(one: EventCondition, catalogue: FilterCatalogue, scope: Scope) -> Flow[EventCondition]:
    """Return a condition with the exact name of a property of the site's own event; an unknown one is refused.

    With absent, missing or alternatives a property that never occurs would find everything.
    """
    event = catalogue.find_event(one.event)
    plain = one.property.strip()
    if event is None or event.auto_captured or not plain or plain.startswith(PROPERTY_PREFIX):
        return one
    try:
        known = yield from lexicon.fetch_properties("events", event.name, scope)
    except (PermissionDeniedError, NotFoundError):  # no lexicon for this role or server: a few events have to do
        known = yield from _sampled(event.name, scope)
        if not known:
            return one
    name = lexicon.choose_property(plain, known, "events", captured=False).name
    return one.model_copy(update={"property": name})


def _sampled(event: str, scope: Scope) -> Flow[list[lexicon.EventProperty]]:
    try:
        seen = yield from fetch_properties(event, scope)
    except (PermissionDeniedError, NotFoundError):
        return []
    return [lexicon.EventProperty.model_validate({"name": each}) for each in seen]


def _wanted(args: SearchSessionsArgs) -> Paging:
    return Paging(args.sort, args.order, args.page, args.limit)


def _hints(question: Question, scope: Scope) -> Flow[list[Hint]]:
    """Return what each condition alone takes away."""
    hints: list[Hint] = []
    for condition in question.conditions()[:_MOST_HINTS]:
        if any(hint.condition == condition for hint in hints):
            continue
        others = question.without_condition(condition)
        try:
            found = yield from find(planned(others), scope, Paging())
        except (ArgumentsError, UnavailableError):  # too many to be exact about, or not for this role
            continue
        hint = Hint(condition=condition, without=found.total)
        if found.total and condition.kind == "event" and condition.property and not condition.own:
            try:
                known = yield from fetch_properties(condition.subject, scope)
            except PermissionDeniedError:  # a role that may search sessions need not see the project's events
                known = {}
            hint.properties = list(known)[:_MOST_VALUES]
            hint.occurring = known.get(condition.property, [])[:_MOST_VALUES]
        else:
            values = Counter(value for row in found.rows if (value := _value(row, condition)))
            hint.occurring = [value for value, _ in values.most_common(_MOST_VALUES)]
        hints.append(hint)
    return hints


def _value(row: Session, condition: Applied) -> str:
    """Return what a row tells about what a condition is on."""
    if condition.kind != "session":
        return ""
    if condition.own:
        return str(getattr(row, _TOLD[condition.subject])) if condition.subject in _TOLD else ""
    return str(row.metadata.get(condition.subject, ""))


_VALUES = "openreplay_suggest_values tells what occurs."
_POSITIVE = {"isNot": "is", "notContains": "contains"}


def _idle(question: Question, scope: Scope) -> Flow[list[Applied]]:
    """Return the negations that exclude nothing: a misspelt value would otherwise find everything, silently."""
    turned = [
        (term.said, {**term.wire, "operator": _POSITIVE[term.wire["operator"]]})
        for term in question.on_session
        if term.wire["operator"] in _POSITIVE
    ]
    negated = [*((term.said, term.wire) for term in question.without), *turned]
    negated = [(told, wire) for told, wire in negated if told.kind != "saved"]
    counts = yield from fetch_all([Query((wire,)) for _, wire in negated], scope, limit=1)
    return [told for (told, _), count in zip(negated, counts, strict=True) if not count.total]


def _why_empty(page: SessionSearchPage, question: Question, scope: Scope) -> Flow[None]:
    """Find out why nothing was found."""
    everything = Query(())
    page.in_window = (yield from fetch_all([everything], scope, limit=1))[0].total or 0
    if page.in_window:
        page.hints = yield from _hints(question, scope)
        return
    ever = windows.window("", "", now=scope.now, zone=scope.zone, default=None)
    newest = yield from fetch_all([everything], replace(scope, window=ever), limit=1)
    page.newest_at = newest[0].rows[0].started_at if newest[0].rows else None


def search_table(page: SessionSearchPage, args: SearchSessionsArgs, scope: Scope) -> Answer:
    """Present a search."""
    order = _FIRST[args.sort, args.order]
    if page.sorted_among:
        order = f"{order} among the newest {page.sorted_among:,}"
    return Answer(
        scope=about(scope, during(scope), *_conditions(page, args), own(order)),
        tally=tally("sessions", page),
        headings=(f"start ({scope.zone.key})", "length", "events", "who", "on", "session") if page.rows else (),
        rows=tuple(_row(session, scope) for session in page.rows),
        in_order=True,
        more=more_pages(page),
        notes=(*past_the_end(page), *_notes(page, args, scope)),
        rest="limit={shown}, page={next} goes on; more conditions narrow",
    )


def _conditions(page: SessionSearchPage, args: SearchSessionsArgs) -> list[Line]:
    """Return the conditions in words; events that combine otherwise than by "and" as one."""
    words = {"any": " or ", "in_sequence": ", then "}.get(args.events_order, "")
    done = [said(one) for one in page.conditions if one.kind == "event"]
    if not words or len(done) < 2:
        return [said(one) for one in page.conditions]
    joined = tuple(part for line in done for part in (Own(words), *line))[1:]
    return [*(said(one) for one in page.conditions if one.kind != "event"), joined]


def _row(session: Session, scope: Scope) -> Row:
    who: Line = (identifier(session.user_id),) if session.user_id else own("anonymous")
    place = [part for part in (session.browser, session.os, session.country) if part]
    on = tuple(each for part in place for each in (Own(", "), device_name(part)))[1:]
    start = format_moment(session.started_at.astimezone(scope.zone)) if session.started_at else "unknown"
    length = "running" if session.duration_ms is None else format_offset(session.duration_ms)
    cells = own(start), own(length), own(str(session.events_count)), who, on or own("–")
    return Row((*cells, (identifier(session.session_id),)))


def _notes(page: SessionSearchPage, args: SearchSessionsArgs, scope: Scope) -> list[Line]:
    if page.rows:
        opening = f"Open: {session_link(scope, '<session>')}"
        notes: list[Line] = [
            (Own("Excludes nothing, no session here has it: "), *said(one), Own(f". {_VALUES}")) for one in page.idle
        ]
        notes += [own(f"{opening}   Next: openreplay_get_session, openreplay_list_session_events(session=…)")]
        if args.sort == "events" and (page.page > 1 or (page.total or 0) > page.limit):
            notes.append(own("Sessions with equally many events stand in any order, so pages may repeat or miss some."))
        if page.sorted_among:
            notes.append(own("The server cannot sort by length: narrow with since or min_duration to have all sorted."))
        return notes
    if page.in_window is None:
        return []
    if not page.in_window:
        if page.newest_at is None:
            return [own("No session was recorded in this project yet, or none is kept any more.")]
        newest = format_moment(page.newest_at.astimezone(scope.zone), seconds=False)
        return [
            own(f"The window holds no session at all. The newest of this project starts {newest} {scope.zone.key}.")
        ]
    culprits = [hint for hint in page.hints if hint.without]
    alone = "No condition alone is the reason. " if len(page.hints) == len(page.conditions) else ""
    whole = own(f"{alone}Without any condition the window holds {page.in_window} sessions.")
    return [line for hint in culprits for line in _told(hint, args)] or [whole]


def _told(hint: Hint, args: SearchSessionsArgs) -> list[Line]:
    """Return how many there are without a condition, and what could stand in its place."""
    condition = hint.condition
    lines: list[Line] = [
        (Own("Without "), *said(condition), Own(f": {hint.without:,} session{'s' * (hint.without != 1)}."))
    ]
    if hint.properties and condition.property not in hint.properties:
        lines.append((identifier(condition.subject), Own(" has: "), *_enumerated(hint.properties), Own(".")))
    elif hint.occurring:
        lines[0] += (Own(" Values that occur: "), *_enumerated(hint.occurring), Own("."))
    if condition.kind == "page" and condition.operator == "is":
        lines.append(own("url_path is exact; a * before or after it stands for any text: *checkout*."))
    if condition.subject == "user id" and args.user_id:
        lines.append(own("User ids are exact and case-sensitive: openreplay_search_users finds the right one."))
    return lines


def _enumerated(values: list[str]) -> Line:
    return tuple(part for value in values for part in (Own(", "), device_name(value)))[1:]


@operation(
    SearchSessionsArgs,
    group="sessions",
    prepare=_prepare,
    present=search_table,
    needs="login",
    permission="SESSION_REPLAY",
)
def search_sessions(args: SearchSessionsArgs, scope: Scope) -> Flow[SessionSearchPage]:
    """Find and count a project's sessions by user, device, country, page, issue, length, metadata, events done or not.

    Events may be asked for in sequence. The last 7 days unless since is given.
    Names of filters and events come from openreplay_list_filters. Then openreplay_list_session_events.
    """
    question = yield from _question(args, scope)
    found = yield from find(planned(question), scope, _wanted(args))
    page = SessionSearchPage(
        rows=found.rows,
        total=found.total,
        page=args.page,
        limit=args.limit,
        conditions=question.conditions(),
        sorted_among=found.among,
    )
    if not found.total and args.page == 1:
        yield from _why_empty(page, question, scope)
    elif args.page == 1:
        page.idle = yield from _idle(question, scope)
    return page


@search_sessions.walk
def _all_sessions(args: SearchSessionsArgs, scope: Scope) -> Flow[None]:
    question = yield from _question(args, scope)
    yield from find_every(planned(question), scope, _wanted(args))
