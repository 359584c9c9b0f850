"""The words of a project: what its sessions can be filtered by, which values, events and properties occur."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.fields import Detail, ProjectArguments
from openreplay_tools.flow import Emit
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.filter_catalogue import (
    Caveat,
    FilterCatalogue,
    fetch_catalogue,
    folded,
    nearest,
)
from openreplay_tools.openreplay.filters import USER_COLUMNS
from openreplay_tools.openreplay.lexicon import (
    EventProperty,
    EventUse,
    fetch_event_names,
    fetch_properties,
)
from openreplay_tools.openreplay.scope import about, in_project
from openreplay_tools.operation import Page, Record, operation
from openreplay_tools.text import Given, Own, Recorded, identifier, own, shorten

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_SHOWN_VALUES = 10
_SAMPLES = 3
_WORDS = {"string": "text", "number": "number", "boolean": "true or false", "timestamp": "time"}
_KINDS = {"text": "text", "number": "number", "duration": "length such as 30s, 2m, 1:30", "issue": "kind of issue"}
_COLUMNS = frozenset(USER_COLUMNS.values())
_CODES = "two-letter codes such as DE"
_WORTH = {"session": 4, "user": 4, "metadata": 3, "event": 2}

Query = Annotated[str, Field(max_length=100, description="Only what holds this text, in any case.")]


class Filterable(Record):
    """Something sessions can be filtered by.

    Attributes:
        name: what to pass: as filter, or as event.
        label: as the dashboard shows it.
        group: session, user, metadata or event.
        kind: text, number, duration or issue; of an event: auto-captured or own.
        values: the only possible ones; [] where any text may occur.
        note: what to know when using it.
    """

    name: str = ""
    label: str = ""
    group: Literal["session", "user", "metadata", "event"] = "session"
    kind: Literal["text", "number", "duration", "issue", "auto-captured", "own"] = "text"
    values: list[str] = []
    note: Caveat = ""


class FilterablePage(Page[Filterable]):
    """All that sessions can be filtered by.

    Attributes:
        unusable: filters that the server lists although they never match.
        known: how many there are without the query.
        near: names like the query, when nothing holds it.
    """

    unusable: list[str] = []
    known: int = 0
    near: list[str] = []


class EventUsePage(Page[EventUse]):
    """Event names, the most frequent first.

    Attributes:
        known: how many there are without the query.
        near: names like the query, when nothing holds it.
    """

    known: int = 0
    near: list[str] = []


class EventPropertyPage(Page[EventProperty]):
    """Properties, the most frequent first.

    Attributes:
        event: whose; "" for those of all events, or of users.
        known: how many there are without the query.
        near: names like the query, when nothing holds it.
    """

    event: str = ""
    known: int = 0
    near: list[str] = []


class ListFiltersArgs(ProjectArguments):
    """Which of them."""

    query: Query = ""
    detail: Detail = "normal"


class ListEventNamesArgs(ProjectArguments):
    """Which of them."""

    query: Query = ""
    detail: Detail = "normal"


class ListEventPropertiesArgs(ProjectArguments):
    """Properties of what."""

    event: Annotated[str, Field(max_length=256, description="Event, e.g. REQUEST; empty: of all events.")] = ""
    of: Annotated[Literal["events", "users"], Field(description="Whose properties.")] = "events"
    query: Query = ""
    detail: Detail = "normal"


def holds(query: str, *texts: str) -> bool:
    """Tell whether one of the texts holds what is asked for, in any spelling."""
    wanted = query.strip().casefold()
    return any(wanted in text.casefold() or (folded(query) and folded(query) in folded(text)) for text in texts)


def _filterables(catalogue: FilterCatalogue) -> list[Filterable]:
    filters = [
        Filterable(name=f.name, label=f.label, group=f.group, kind=f.kind, values=f.values, note=f.caveat)
        for f in catalogue.filters
        if not f.unusable
    ]
    return filters + [
        Filterable(name=e.name, label=e.label, group="event", kind="auto-captured" if e.auto_captured else "own")
        for e in catalogue.events
    ]


def filters_table(page: FilterablePage, args: ListFiltersArgs, scope: Scope) -> Answer:
    """Present what can be filtered by."""
    rows = tuple(
        Row(((identifier(f.name),), own(f.group), _told(f)), _WORTH[f.group], f"{f.group} filters") for f in page.rows
    )
    notes: list[Line] = []
    if page.unusable and not args.query:
        names = tuple(part for name in page.unusable for part in (Own(", "), identifier(name)))
        notes.append((Own("Not usable, for the server keeps nothing where its search looks: "), *names[1:], Own(".")))
    if rows:
        notes.append(
            own("Pass session, user and metadata names as filters, events as events. openreplay_suggest_values tells "
                "values that occur; openreplay_list_event_properties an event's properties.")
        )  # fmt: skip
    return Answer(
        subject=own("of sessions"),
        scope=about(scope, *queried(args.query)),
        tally=Tally("filters", page.total),
        headings=("name", "of", "takes") if rows else (),
        rows=rows,
        notes=(*notes, *_nothing(page.near, page.known, "filters", rows)),
        rest='query narrows; detail="full" widens',
    )


def _told(one: Filterable) -> Line:
    if one.group == "event":
        return own("captured by the tracker" if one.kind == "auto-captured" else "the site's own")
    told: list[Own | Recorded] = [Own(_KINDS.get(one.kind, one.kind))]
    if one.values and len(one.values) > 20 and all(len(value) == 2 for value in one.values):
        told.append(Own(f", {_CODES}"))
    elif one.values:
        for index, value in enumerate(one.values[:_SHOWN_VALUES]):
            told += [Own(", " if index else ": "), identifier(value)]
        told.append(Own(f" and {len(one.values) - _SHOWN_VALUES} more" if len(one.values) > _SHOWN_VALUES else ""))
    return (*told, Own(f" ({one.note})" if one.note else ""))


def queried(query: str) -> list[Line]:
    """Return what a query narrows an answer to."""
    return [(Own("with "), Given(query))] if query.strip() else []


def _nothing(near: list[str], known: int, noun: str, rows: tuple[Row, ...]) -> list[Line]:
    """Say what there is instead, when nothing holds the query."""
    if rows:
        return []
    if not known:
        return [own(f"The server knows no {noun} here: nothing was recorded yet, or the project is another one.")]
    names: list[Own | Recorded] = []
    for name in near:
        names += [Own(", " if names else " Nearest: "), identifier(name)]
    return [(Own(f"None of the {known} {noun} holds this text."), *names, Own("." if names else ""))]


@operation(ListFiltersArgs, group="sessions", prepare=in_project, present=filters_table, needs="login")
def list_filters(args: ListFiltersArgs, scope: Scope) -> Flow[FilterablePage]:
    """List what sessions of a project can be filtered by: columns such as browser or country, metadata, events.

    Use it before openreplay_search_sessions when a name is not certain; openreplay_suggest_values then tells values.
    """
    catalogue = yield from fetch_catalogue(scope)
    known = _filterables(catalogue)
    rows = [each for each in known if holds(args.query, each.name, each.label)]
    return FilterablePage(
        rows=rows,
        total=len(rows),
        limit=len(rows),
        unusable=[each.name for each in catalogue.filters if each.unusable],
        known=len(known),
        near=[] if rows else nearest(args.query, [each.name for each in known]),
    )


@list_filters.walk
def _all_filters(args: ListFiltersArgs, scope: Scope) -> Flow[None]:
    yield Emit(tuple((yield from list_filters.routes[0].flow(args, scope)).rows))


def event_names_table(page: EventUsePage, args: ListEventNamesArgs, scope: Scope) -> Answer:
    """Present event names."""
    rows = tuple(
        Row(((identifier(e.name),), _source(e), own(str(e.count))), worth=e.count, kind="event names")
        for e in page.rows
    )
    notes = (
        [own("Next: openreplay_list_event_properties(event=…), openreplay_search_events(kinds=[…]).")] if rows else []
    )
    return Answer(
        scope=about(scope, *queried(args.query), own("most frequent first")),
        tally=Tally("event names", page.total),
        headings=("event", "source", "times") if rows else (),
        rows=rows,
        in_order=True,
        notes=(*notes, *_nothing(page.near, page.known, "event names", rows)),
        rest='query narrows; detail="full" widens',
    )


def _source(one: EventUse | EventProperty) -> Line:
    """Say who sends it; what is hidden or dropped in the lexicon is in no search."""
    source = own("tracker" if one.auto_captured else "own")
    return source if one.status == "visible" else (*source, Own(", "), Recorded(one.status, limit=20))


@operation(
    ListEventNamesArgs,
    group="events",
    prepare=in_project,
    present=event_names_table,
    needs="login",
    permission="DATA_MANAGEMENT",
)
def list_event_names(args: ListEventNamesArgs, scope: Scope) -> Flow[EventUsePage]:
    """List the events of a project: name, how often it occurred in all, captured by the tracker or sent by the site.

    Names are exact and go into kinds of openreplay_search_events, events of openreplay_search_sessions.
    """
    known = yield from fetch_event_names(scope)
    rows = sorted(
        (each for each in known if holds(args.query, each.name, each.label)), key=lambda each: (-each.count, each.name)
    )
    near = [] if rows else nearest(args.query, [each.name for each in known])
    return EventUsePage(rows=rows, total=len(rows), limit=len(rows), known=len(known), near=near)


@list_event_names.walk
def _all_names(args: ListEventNamesArgs, scope: Scope) -> Flow[None]:
    yield Emit(tuple((yield from list_event_names.routes[0].flow(args, scope)).rows))


def properties_table(page: EventPropertyPage, args: ListEventPropertiesArgs, scope: Scope) -> Answer:
    """Present properties."""
    rows = tuple(
        Row((_named(p), _source(p), own(_type(p)), own(str(p.count)), _samples(p)), worth=p.count, kind="properties")
        for p in page.rows
    )
    whose: Line = (Own("of event "), identifier(page.event)) if page.event else own(f"of {args.of}")
    notes: list[Line] = []
    if rows and args.of == "events":
        notes.append(own("Next: openreplay_suggest_values(name=…, event=…), openreplay_search_events with "
                         "filters on property:<name>."))  # fmt: skip
    return Answer(
        subject=whose,
        scope=about(scope, *queried(args.query), own("most frequent first")),
        tally=Tally("properties", page.total),
        headings=("property", "source", "type", "seen", "such as") if rows else (),
        rows=rows,
        in_order=True,
        notes=(*notes, *_nothing(page.near, page.known, "properties", rows)),
        rest='query narrows; detail="full" widens',
    )


def _named(one: EventProperty) -> Line:
    return own(one.name) if one.auto_captured and one.name in _COLUMNS else (identifier(one.name),)


def _type(one: EventProperty) -> str:
    return "list" if one.stored_type.startswith("Array") else _WORDS[one.data_type]


def _samples(one: EventProperty) -> Line:
    """Return some values as one recorded text, masked while each stands under its name."""
    masked: Any = [mask_tree({one.name: value}) for value in (one.samples or [])[:_SAMPLES]]
    return (Recorded(", ".join(shorten(str(each[one.name]), 40) for each in masked), limit=130),) if masked else ()


@operation(
    ListEventPropertiesArgs,
    group="events",
    prepare=in_project,
    present=properties_table,
    needs="login",
    permission="DATA_MANAGEMENT",
)
def list_event_properties(args: ListEventPropertiesArgs, scope: Scope) -> Flow[EventPropertyPage]:
    """List the properties of an event, of all events, or of users: name, type, source, sample values.

    Use it to filter openreplay_search_events by property:<name>. Events: openreplay_list_event_names.
    """
    if args.event and args.of != "events":
        raise ArgumentsError("event: goes with of=events only; users' properties belong to no event.")
    event = ""
    if args.event:
        event = (yield from fetch_catalogue(scope)).event(args.event, "event").name
    known = yield from fetch_properties(args.of, event, scope)
    rows = sorted(
        (each for each in known if holds(args.query, each.name, each.label)), key=lambda each: (-each.count, each.name)
    )
    near = [] if rows else nearest(args.query, [each.name for each in known])
    return EventPropertyPage(rows=rows, total=len(rows), limit=len(rows), known=len(known), near=near, event=event)


@list_event_properties.walk
def _all_properties(args: ListEventPropertiesArgs, scope: Scope) -> Flow[None]:
    yield Emit(tuple((yield from list_event_properties.routes[0].flow(args, scope)).rows))
