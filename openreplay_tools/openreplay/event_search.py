"""Events of a whole project: what happened anywhere, to whom, and where in which session."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, WindowArguments
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.doctor import Diagnosis, Finding, asked_for, filtered
from openreplay_tools.openreplay.doctor_events import why_no_events
from openreplay_tools.openreplay.doctor_words import why
from openreplay_tools.openreplay.filter_catalogue import EventName, fetch_catalogue, folded
from openreplay_tools.openreplay.filters import COMPARISONS, Filter, user_condition
from openreplay_tools.openreplay.lexicon import choose_property, fetch_properties
from openreplay_tools.openreplay.links import read_session, session_link, trusted_start_ms
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.scope import about, during, in_project, local
from openreplay_tools.openreplay.telling import row_of, site_of
from openreplay_tools.openreplay.timeline import Event
from openreplay_tools.operation import Page, Record, SessionRef, operation
from openreplay_tools.text import Given, Own, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_WEEK = timedelta(days=7)
_PREFIX = "property:"
_WIRE_COLUMNS = [
    "$user_id", "$device_id", "$duration_s", "properties", "$properties", "$auto_captured", "$os", "$os_version",
    "$browser", "$current_url", "$current_path", "$referrer", "$country", "$state", "$city", "issue_type",
    "issue_id", "error_id",
]  # fmt: skip
# Columns of an event that can be filtered on (contract §2.8), by the names people use.
_TEXTS = {
    "user_id": "$user_id", "device_id": "$device_id", "browser": "$browser", "os": "$os", "os_version": "$os_version",
    "platform": "$device", "country": "$country", "state": "$state", "city": "$city", "url": "$current_url",
    "path": "$current_path", "referrer": "$referrer", "issue_type": "issue_type", "issue_id": "issue_id",
    "error_id": "error_id",
}  # fmt: skip
_NUMBERS = {"duration_s": "$duration_s", "screen_width": "$screen_width", "screen_height": "$screen_height"}
_COLUMNS = {**_TEXTS, **_NUMBERS}
_SPELLED = {folded(each): name for name, wire in _COLUMNS.items() for each in (name, wire)}
_ALIASES = {"currenturl": "url", "currentpath": "path", "urlpath": "path", "issue": "issue_type"}
# The pipeline never fills them on web events (observed §A15), or they mean the user's value (contract §2.10).
_EMPTY = frozenset({
    "browserversion", "timezone", "sdkversion", "sdkedition", "utmsource", "utmmedium", "utmcampaign",
    "initialreferrer", "referringdomain", "searchengine", "searchenginekeyword",
})  # fmt: skip
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?\Z")
_SPELLING = "is compares case-sensitively; openreplay_suggest_values tells values that occur."
_OF_REQUESTS = "The url of a request is the request's own, not the page's."


class FoundEventPage(Page[Event]):
    """Events of a project, the newest first unless asked otherwise.

    Attributes:
        kinds: the events asked for, as the server spells them.
        filtered_by: the columns and properties asked for, in the order of the filters, as they were understood.
        diagnosis: when nothing was found: why, as far as a few requests can tell.
    """

    kinds: list[str] = []
    filtered_by: list[str] = []
    diagnosis: Diagnosis | None = None


class SearchEventsArgs(WindowArguments):
    """Which events."""

    kinds: Annotated[
        list[Annotated[str, Field(max_length=256)]],
        Field(max_length=10, description="Only these events: CLICK REQUEST ERROR ISSUE LOCATION …, or own names."),
    ] = []
    filters: Annotated[
        list[Filter],
        Field(max_length=10, description="Columns (browser, country, url, path, issue_type …) or property:<name>."),
    ] = []
    user_id: Annotated[str, Field(max_length=256, description="Only this user's; exact id.")] = ""
    session: Annotated[str, Field(max_length=2000, description="Only this session's; id or pasted link.")] = ""
    order: Order = "desc"
    limit: Limit = 40
    page: PageNumber = 1
    detail: Detail = "normal"


class _Events(Record):
    total: int = 0
    events: list[Event] | None = None


class _EventsReply(Record):
    data: _Events


@dataclass(frozen=True, slots=True)
class _Condition:
    """Filters as the server takes them, and our name for what they say."""

    name: str
    wire: tuple[dict[str, Any], ...]


def _prepared(args: SearchEventsArgs, scope: Scope) -> Flow[Scope]:
    """Resolve project, session and window: the last week, or all time of one session."""
    pasted = read_session(args.session, scope) if args.session.strip() else None
    default = None if pasted else _WEEK
    window = windows.window(args.since, args.until, now=scope.now, zone=scope.zone, default=default)
    if pasted is None:
        return replace((yield from in_project(args, scope)), window=window)
    named = args.project or pasted.project_id
    found = yield from in_project(args.model_copy(update={"project": named}), scope)
    if pasted.project_id and pasted.project_id != str(found.project.id):
        raise ArgumentsError(
            f"session: the link belongs to project id {pasted.project_id}. Leave project empty, or give the link's own."
        )
    return replace(found, window=window, session=SessionRef(pasted.session_id))


def _conditions(args: SearchEventsArgs, scope: Scope) -> Flow[list[_Condition]]:
    """Check every name against what the project has, and return what is asked.

    Raises:
        ArgumentsError: a name, operator or value that the server would ignore or falsify.
    """
    found: list[_Condition] = []
    kinds: list[EventName] = []
    if args.kinds:
        catalogue = yield from fetch_catalogue(scope)
        kinds = [catalogue.event(kind, "kinds") for kind in args.kinds]
        # An event filter (isEvent) beside any other filter answers a wrong 0 here (observed §A1).
        found.append(_Condition("kinds", (_only("$event_name", [kind.name for kind in kinds]),)))
    if args.user_id:
        found.append(_Condition("user_id", (_only("$user_id", [args.user_id]),)))
    if scope.session.id:
        found.append(_Condition("session", (_only("session_id", [scope.session.id]),)))
    for given in args.filters:
        if given.name.strip().startswith(_PREFIX):
            found.append((yield from _on_property(given, kinds, scope)))
        else:
            found.append(_on_column(given, scope))
    return found


def _only(column: str, values: list[str]) -> dict[str, Any]:
    return {"name": column, "operator": "is", "value": values}


def _on_column(given: Filter, scope: Scope) -> _Condition:
    name = _column(given.name)
    if given.operator in {"exists", "missing"}:
        raise ArgumentsError(
            f"filters: {given.operator} does not work on {name}: the server treats every column as present. "
            f"Use is or is_not."
        )
    if name in _NUMBERS:
        if given.operator not in COMPARISONS | {"is", "is_not"} or not all(map(_NUMBER.match, given.values)):
            raise ArgumentsError(f"filters: {name} is a number: compare it with a number, such as greater 3.")
    elif given.operator in COMPARISONS:
        raise ArgumentsError(f"filters: {given.operator} compares numbers; {name} is text. Use is, contains or regex.")
    return _Condition(name, ({**_wire(given, scope), "name": _COLUMNS[name]},))


def _column(given: str) -> str:
    """Return our name of an event's column, in whatever spelling it is given."""
    wanted = folded(given)
    plain = wanted if wanted == "userid" else wanted.removeprefix("user")
    if plain == "device":
        raise ArgumentsError(
            "filters: the server keeps the platform as an event's device. Use platform (web, ios …), or "
            "property:user_device for the model."
        )
    if plain in _EMPTY:
        raise ArgumentsError("filters: ", Given(given), " cannot be used: the server leaves it empty on events.")
    name = _ALIASES.get(plain) or _SPELLED.get(plain)
    if name:
        return name
    near = difflib.get_close_matches(given.lower(), _COLUMNS, 3, 0.6)
    hint = f" Nearest: {', '.join(near)}." if near else ""
    raise ArgumentsError(
        "filters: unknown column ", Given(given), f".{hint} Columns: {', '.join(_COLUMNS)}. A property of events is "
        "written property:<name>, such as property:status."
    )  # fmt: skip


def _on_property(given: Filter, kinds: list[EventName], scope: Scope) -> Flow[_Condition]:
    name = given.name.strip().removeprefix(_PREFIX).strip()
    known = yield from fetch_properties("events", kinds[0].name if len(kinds) == 1 else "", scope)
    sources = {kind.auto_captured for kind in kinds}
    captured = sources.pop() if len(sources) == 1 else None
    chosen = choose_property(name, known, "filters", captured=captured)
    place = {"name": chosen.name, "autoCaptured": chosen.auto_captured}
    if chosen.data_type == "boolean" and given.operator not in {"exists", "missing"}:
        wire = _truth(given, place)
    else:
        wire = ({**_wire(given, scope), **place},)
    return _Condition(f"{_PREFIX}{chosen.name}", wire)


def _truth(given: Filter, place: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Compare with true or false; false alone also matches what has no such property (observed §A12)."""
    said = [value.strip().lower() for value in given.values]
    if given.operator not in {"is", "is_not"} or len(said) != 1 or said[0] not in {"true", "false"}:
        raise ArgumentsError("filters: ", Given(given.name), " is true or false: use is with true or with false.")
    wanted = (said[0] == "true") is (given.operator == "is")
    truth = {**place, "operator": "true" if wanted else "false", "value": [], "dataType": "boolean"}
    return (truth,) if wanted else (truth, {**place, "operator": "isAny", "value": []})


def _wire(given: Filter, scope: Scope) -> dict[str, Any]:
    """Return operator, values and data type of a filter, checked."""
    return user_condition(given.model_copy(update={"name": f"{_PREFIX}x"}), scope).wire


def _body(conditions: list[_Condition], scope: Scope, page: int, limit: int) -> dict[str, Any]:
    filters = [wire for condition in conditions for wire in condition.wire]
    return {
        "startTimestamp": scope.window.start_ms,
        # The server's end is inclusive, and cut to whole seconds (observed §A2).
        "endTimestamp": max(scope.window.end_ms - 1, scope.window.start_ms + 1),
        "limit": limit,
        "page": page,
        **({"filters": filters} if filters else {}),
    }


def _request(body: dict[str, Any], scope: Scope) -> Request[_EventsReply]:
    path = (str(scope.project.id), "events")  # contract §4.8
    return Request("POST", path, _EventsReply, body=body, escaped=True, via="dashboard")


def _fetch(body: dict[str, Any], scope: Scope, sort_by: str, order: str) -> Flow[Slice[Event]]:
    asked = {**body, "sortBy": sort_by, "sortOrder": order, "columns": _WIRE_COLUMNS}
    reply = yield from ask(_request(asked, scope))
    found = reply.data.events or []
    for event in found:
        _complete(event, scope)
    return Slice(found, reply.data.total)


def _why_none(args: SearchEventsArgs, conditions: list[_Condition], scope: Scope) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why nothing was found."""
    filters = iter(args.filters)
    named = {"kinds": "kind", "user_id": "user id", "session": "session"}
    parts = [
        (
            asked_for(named[one.name], *one.wire[0]["value"]) if one.name in named else _on(next(filters), one),
            [other for other in conditions if other is not one],
        )
        for one in conditions
    ]

    def newest(asked: list[_Condition], there: Scope) -> Flow[tuple[int, datetime | None]]:
        found = yield from _fetch(_body(asked, there, 1, 1), there, "created_at", "desc")
        return found.total or 0, found.rows[0].at if found.rows else None

    return (yield from why_no_events(conditions, parts, scope, newest, args.user_id))


def _on(given: Filter, one: _Condition) -> Finding:
    return filtered(given.model_copy(update={"name": one.name}), own=not one.name.startswith(_PREFIX))


def _complete(event: Event, scope: Scope) -> None:
    at = round(event.at.timestamp() * 1000) if event.at else 0
    event.offset_ms = max(0, at - trusted_start_ms(event.session_id, at))
    event.link = session_link(scope, event.session_id, event.offset_ms)


def found_events_table(page: FoundEventPage, args: SearchEventsArgs, scope: Scope) -> Answer:
    """Present events of a project."""
    host = site_of(page.rows)
    order = "newest first" if args.order == "desc" else "oldest first"
    return Answer(
        scope=about(scope, during(scope), *_said(page, args, scope), own(order)),
        tally=tally("events", page),
        headings=(f"when ({scope.zone.key})", "event", "user", "session", "at", "what") if page.rows else (),
        rows=tuple(_row(event, host, args, scope) for event in page.rows),
        more=more_pages(page),
        in_order=True,
        notes=(*past_the_end(page), *_notes(page, args, scope)),
        rest="limit={shown}, page={next} goes on; kinds, filters, since and until narrow",
    )


def _row(event: Event, host: str, args: SearchEventsArgs, scope: Scope) -> Row:
    told = row_of(event, host, full=args.detail == "full")
    at, kind, what = told.cells
    when = format_moment(local(event.at, scope)) if event.at else "unknown"
    who: Line = (identifier(event.user_id),) if event.user_id else own("–")
    return Row((own(when), kind, who, (identifier(event.session_id),), at, what), told.worth, told.kind)


def _said(page: FoundEventPage, args: SearchEventsArgs, scope: Scope) -> list[Line]:
    said: list[Line] = []
    if page.kinds:
        said.append(tuple(part for kind in page.kinds for part in (Own(" or "), identifier(kind)))[1:])
    if args.user_id:
        said.append((Own("user "), Given(args.user_id)))
    if scope.session.id:
        said.append((Own("session "), identifier(scope.session.id)))
    for name, given in zip(page.filtered_by, args.filters, strict=False):
        words = user_condition(given.model_copy(update={"name": f"{_PREFIX}x"}), scope).said
        said.append((identifier(name), *words[1:]))
    return said


def _notes(page: FoundEventPage, args: SearchEventsArgs, scope: Scope) -> list[Line]:
    if page.diagnosis is not None:
        hint = (
            "is compares case-sensitively; openreplay_suggest_values tells values that occur." if args.filters else ""
        )
        return why(page.diagnosis, "events", scope, hint if page.diagnosis.in_window else "")
    if not page.rows:
        return []
    form = session_link(scope, "<session>")
    notes = [f"Open a moment: {form}?jumpto=<ms> (at 0:44 is 44000). Next: openreplay_list_session_events(session=…)."]
    if (page.total or 0) > page.limit:
        notes.append("Events of one second have no fixed order, so at a page's edge one may come twice or be missed.")
    if "url" in page.filtered_by or "path" in page.filtered_by:
        notes.append(_OF_REQUESTS)
    return [own(note) for note in notes]


@operation(
    SearchEventsArgs,
    group="events",
    prepare=_prepared,
    present=found_events_table,
    needs="login",
    permission="DATA_MANAGEMENT",
)
def search_events(args: SearchEventsArgs, scope: Scope) -> Flow[FoundEventPage]:
    """Search the events of a whole project: clicks, requests, errors, issues, own events, with user and session.

    The last 7 days unless since or until say otherwise. Event names: openreplay_list_filters. All of one session:
    openreplay_list_session_events.
    """
    conditions = yield from _conditions(args, scope)
    body = _body(conditions, scope, args.page, args.limit)
    found = yield from _fetch(body, scope, "created_at", args.order)
    page = FoundEventPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)
    page.kinds = [kind for each in conditions if each.name == "kinds" for kind in each.wire[0]["value"]]
    page.filtered_by = [each.name for each in conditions[len(conditions) - len(args.filters) :]]
    if not found.rows and args.page == 1 and scope.examines:
        page.diagnosis = yield from _why_none(args, conditions, scope)
    return page


@search_events.walk
def _all_events(args: SearchEventsArgs, scope: Scope) -> Flow[None]:
    conditions = yield from _conditions(args, scope)
    # Unlike times, event ids have no ties, so pages neither lose nor double a row (observed §D).
    yield from sweep(
        lambda page, limit: _fetch(_body(conditions, scope, page, limit), scope, "event_id", args.order),
        lambda event: event.event_id,
    )
