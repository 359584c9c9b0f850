"""Searching a project's sessions by who, where, what went wrong and what was done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, NotFoundError, PermissionDeniedError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, WindowArguments
from openreplay_tools.openreplay import lexicon
from openreplay_tools.openreplay.doctor import Diagnosis
from openreplay_tools.openreplay.doctor_sessions import why_no_sessions
from openreplay_tools.openreplay.doctor_words import why
from openreplay_tools.openreplay.filter_catalogue import fetch_catalogue
from openreplay_tools.openreplay.filters import EventCondition, Filter  # noqa: TC001 - pydantic reads the annotations
from openreplay_tools.openreplay.links import session_link
from openreplay_tools.openreplay.paging import more_pages, past_the_end, tally
from openreplay_tools.openreplay.saved_searches import find_saved
from openreplay_tools.openreplay.scope import about, device_name, during, in_project, local
from openreplay_tools.openreplay.sequences import find, find_every
from openreplay_tools.openreplay.session_filters import Question, asked, said
from openreplay_tools.openreplay.session_plans import planned
from openreplay_tools.openreplay.session_queries import Paging, Query, Sort, fetch_all, fetch_properties
from openreplay_tools.openreplay.session_steps import PROPERTY_PREFIX, Applied
from openreplay_tools.openreplay.sessions import COUNTED_EVENTS, Session
from openreplay_tools.operation import Page, operation
from openreplay_tools.text import Own, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.filter_catalogue import FilterCatalogue
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_WEEK = timedelta(days=7)

_FIRST: dict[tuple[str, str], str] = {
    ("start", "desc"): "newest first", ("start", "asc"): "oldest first",
    ("events", "desc"): "most events first", ("events", "asc"): "fewest events first",
    ("length", "desc"): "longest first", ("length", "asc"): "shortest first",
}  # fmt: skip


class SessionSearchPage(Page[Session]):
    """One page of a search.

    Attributes:
        conditions: what was asked of the server, all of it.
        sorted_among: sorted by length are the newest so many; 0 when all were sorted.
        diagnosis: when nothing was found: why, as far as a few requests can tell.
        idle: negations that exclude nothing, since no session of the window has what they exclude.
    """

    rows: list[Session] = []
    conditions: list[Applied] = []
    sorted_among: int = 0
    diagnosis: Diagnosis | None = None
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
    start = format_moment(local(session.started_at, scope)) if session.started_at else "unknown"
    length = "running" if session.duration_ms is None else format_offset(session.duration_ms)
    cells = own(start), own(length), own(str(session.events_count)), who, on or own("–")
    return Row((*cells, (identifier(session.session_id),)))


def _notes(page: SessionSearchPage, args: SearchSessionsArgs, scope: Scope) -> list[Line]:
    if page.rows:
        opening = f"Open: {session_link(scope, '<session>')}"
        notes: list[Line] = [
            (Own("Excludes nothing, no session here has it: "), *said(one), Own(f". {_VALUES}")) for one in page.idle
        ]
        notes += [own(f"{opening}   Next: openreplay_summarize_session(session=…)")]
        notes.append(own(COUNTED_EVENTS))
        if args.sort == "events" and (page.page > 1 or (page.total or 0) > page.limit):
            notes.append(own("Sessions with equally many events stand in any order, so pages may repeat or miss some."))
        if page.sorted_among:
            notes.append(own("The server cannot sort by length: narrow with since or min_duration to have all sorted."))
        return notes
    return why(page.diagnosis, "sessions", scope) if page.diagnosis else []


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
    Names of filters and events come from openreplay_list_filters. Then openreplay_summarize_session.
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
        page.diagnosis = (yield from why_no_sessions(question, scope)) if scope.examines else None
    elif args.page == 1:
        page.idle = yield from _idle(question, scope)
    return page


@search_sessions.walk
def _all_sessions(args: SearchSessionsArgs, scope: Scope) -> Flow[None]:
    question = yield from _question(args, scope)
    yield from find_every(planned(question), scope, _wanted(args))
