"""Values that occur: of a filter, of an event's property, or names of events; by the server's own suggestions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import ArgumentsError, PermissionDeniedError
from openreplay_tools.fields import Detail, ProjectArguments
from openreplay_tools.flow import Emit, Request, ask
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.filter_catalogue import FilterCatalogue, SessionFilter, fetch_catalogue
from openreplay_tools.openreplay.lexicon import EventProperty, choose_property, fetch_properties
from openreplay_tools.openreplay.scope import about, device_name, in_project
from openreplay_tools.openreplay.vocabulary import Query, holds, queried
from openreplay_tools.operation import Page, Record, operation
from openreplay_tools.personal import named
from openreplay_tools.text import Given, Own, Recorded, identifier, own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.personal import Found
    from openreplay_tools.text import Line, Part

_PREFIX = "property:"
_DAYS = 30
_DEVICES = frozenset({"browser", "os"})


Of = Literal["session", "user", "metadata", "property", "event"]


class Suggestion(Record):
    """A value that occurs.

    Attributes:
        value: exact.
        share: percent of what is suggested, or of the sessions counted; None where it is not known.
    """

    value: Annotated[str, BeforeValidator(str)] = ""
    share: float | None = Field(None, alias="rowPercentage")


class SuggestionPage(Page[Suggestion]):
    """Values that occur.

    Attributes:
        name: of what; "" for event names.
        of: session, user, metadata, property or event.
        sampled: how many of the newest sessions were counted, where the server suggests nothing; 0 otherwise.
        possible: True when these are the values that can occur, and none is known to.
        unchecked: True when the role may not read the lexicon, so that the name could not be checked.
    """

    name: str = ""
    of: Of = "session"
    sampled: int = 0
    possible: bool = False
    unchecked: bool = False

    def persons(self) -> Iterator[Found]:
        """Yield the values, where the name makes them personal."""
        yield from named(self.name, [row.value for row in self.rows])


class SuggestValuesArgs(ProjectArguments):
    """Values of what."""

    name: Annotated[
        str, Field(max_length=256, description="Filter, metadata name or event property; empty: event names.")
    ] = ""
    event: Annotated[str, Field(max_length=256, description="Event whose property it is, e.g. CLICK.")] = ""
    query: Query = ""
    detail: Detail = "normal"


class _SuggestionsReply(Record):
    data: list[Suggestion]


class _Sessions(Record):
    sessions: list[dict[str, Any]] | None = None


class _SessionsReply(Record):
    data: _Sessions


def values_table(page: SuggestionPage, args: SuggestValuesArgs, scope: Scope) -> Answer:
    """Present values."""
    shares = any(value.share is not None for value in page.rows)
    rows = tuple(Row(((_shown(v.value, page),), own(_share(v)))[: 2 if shares else 1]) for v in page.rows)
    return Answer(
        subject=_subject(page, args),
        scope=about(scope, *queried(args.query)),
        tally=Tally("event names" if page.of == "event" else "values", page.total),
        headings=("value", "of sessions" if page.sampled else "share of these")[: 2 if shares else 1] if rows else (),
        rows=rows,
        in_order=True,
        notes=tuple(own(note) for note in _value_notes(page, args)),
        rest='query narrows; detail="full" widens',
    )


def _shown(value: str, page: SuggestionPage) -> Part:
    """Return a value as it can be passed back, but for what holds a secret."""
    if page.name in _DEVICES and page.of == "session":
        return device_name(value)
    masked: Any = mask_tree({page.name: value})
    return identifier(value) if masked[page.name] == value else Recorded(str(masked[page.name]))


def _share(value: Suggestion) -> str:
    return f"{value.share:g} %" if value.share is not None else ""


def _subject(page: SuggestionPage, args: SuggestValuesArgs) -> Line:
    if page.of == "event":
        return ()
    kind = "" if page.of == "property" else f"{page.of} filter "
    event: Line = (Own(" of event "), Given(args.event)) if args.event else ()
    return (Own(f"of {kind}"), identifier(page.name), *event)


def _value_notes(page: SuggestionPage, args: SuggestValuesArgs) -> list[str]:
    notes = []
    if page.possible:
        notes.append("These can occur; the server does not tell which of them do.")
    elif page.sampled:
        notes.append(f"Counted in the newest {page.sampled} sessions of {_DAYS} days; the server itself suggests none.")
    elif page.of == "event":
        notes.append("Next: openreplay_search_sessions(events=[…]), openreplay_search_events(kinds=[…]).")
    elif page.rows:
        notes.append("The server suggests some of the most frequent values; query finds others.")
    elif args.query:
        notes.append("No value that is known holds this text. Leave query out to see some.")
    else:
        notes.append("The server keeps no values for suggestions here; that does not mean that none occur.")
    if page.unchecked:
        notes.append("The login's role may not read the lexicon (DATA_MANAGEMENT), so the name was not checked.")
    return notes


@operation(SuggestValuesArgs, group="sessions", prepare=in_project, present=values_table, needs="login")
def suggest_values(args: SuggestValuesArgs, scope: Scope) -> Flow[SuggestionPage]:
    """Suggest values that occur for a filter, a metadata name or an event's property; or event names like a text.

    Use it to spell a value right before searching. Names come from openreplay_list_filters and
    openreplay_list_event_properties. How often something happened: openreplay_search_events.
    """
    if not args.name.strip() and args.event:
        raise ArgumentsError("name: give the property of the event too, such as status of REQUEST.")
    if not args.name.strip():
        rows = yield from _suggested(("events", "autocomplete"), {}, args, scope)
        # Every name gets the same share, however often it occurs (recorded).
        return _values([_unshared(row.value) for row in rows], "", "event")
    catalogue = yield from fetch_catalogue(scope)
    plain = not args.event and not args.name.strip().startswith(_PREFIX)
    found = catalogue.find_filter(args.name) if plain else None
    if found is None:
        return (yield from _property_values(args, catalogue, scope))
    return (yield from _filter_values(catalogue.filter(args.name, "name"), args, scope))


@suggest_values.walk
def _all_values(args: SuggestValuesArgs, scope: Scope) -> Flow[None]:
    yield Emit(tuple((yield from suggest_values.routes[0].flow(args, scope)).rows))


def _unshared(value: str) -> Suggestion:
    return Suggestion.model_validate({"value": value})


def _values(rows: list[Suggestion], name: str, of: Of) -> SuggestionPage:
    return SuggestionPage(rows=rows, total=len(rows), limit=len(rows), name=name, of=of)


def _suggested(
    route: tuple[str, str], query: dict[str, str], args: SuggestValuesArgs, scope: Scope
) -> Flow[list[Suggestion]]:
    text = {"q": args.query.strip()} if args.query.strip() else {}
    path = ("pa", str(scope.project.id), *route)
    request = Request("GET", path, _SuggestionsReply, query={**query, **text}, via="legacy")  # contract §4.3
    reply = yield from ask(request)
    return reply.data


def _filter_values(found: SessionFilter, args: SuggestValuesArgs, scope: Scope) -> Flow[SuggestionPage]:
    if found.kind == "duration":
        raise ArgumentsError("name: a length has no list of values. Compare it: greater 30s, less 2m.")
    query = {"propertyName": found.wire, "ac": "true", "source": "sessions"}
    rows = yield from _suggested(("properties", "autocomplete"), query, args, scope)
    if rows:
        return _values(rows, found.name, found.group)
    rows, sampled = yield from _counted(found, args, scope)
    if rows or not found.values:
        page = _values(rows, found.name, found.group)
        page.sampled = sampled
        return page
    page = _values([_unshared(v) for v in found.values if holds(args.query, v)], found.name, found.group)
    page.possible = bool(page.rows)
    return page


def _counted(found: SessionFilter, args: SuggestValuesArgs, scope: Scope) -> Flow[tuple[list[Suggestion], int]]:
    """Count the values of the newest sessions: the server keeps suggestions for some filters only.

    Returns:
        The values, most frequent first, and how many sessions were looked at; nothing when the role may not see any.
    """
    end = round(scope.now.timestamp() * 1000)
    body = {"startTimestamp": end - _DAYS * 86_400_000, "endTimestamp": end, "limit": 200, "page": 1}
    path = (str(scope.project.id), "sessions", "search")  # contract §4.4
    try:
        reply = yield from ask(Request("POST", path, _SessionsReply, body=body, via="dashboard"))
    except PermissionDeniedError:
        return [], 0
    sessions = reply.data.sessions or []
    source = [each.get("metadata") or {} for each in sessions] if found.group == "metadata" else sessions
    key = found.label if found.group == "metadata" else found.wire
    counts = Counter(str(each[key]) for each in source if isinstance(each.get(key), str | int) and each[key] != "")
    told = [
        Suggestion.model_validate({"value": value, "share": round(100 * count / len(sessions), 2)})
        for value, count in counts.most_common()
        if holds(args.query, value)
    ]
    return told, len(sessions)


def _property_values(args: SuggestValuesArgs, catalogue: FilterCatalogue, scope: Scope) -> Flow[SuggestionPage]:
    event = catalogue.event(args.event, "event") if args.event else None
    name = args.name.strip().removeprefix(_PREFIX).strip()
    if not name:
        raise ArgumentsError("name: write the property's name after property:, such as property:plan.")
    captured = event.auto_captured if event else None
    also = () if event else tuple(each.name for each in catalogue.filters if not each.unusable)
    unchecked = False
    try:
        known = yield from fetch_properties("events", event.name if event else "", scope)
        chosen = choose_property(name, known, "name", captured=captured, also=also)
    except PermissionDeniedError:
        unchecked = True
        chosen = EventProperty.model_validate({"name": name, "auto_captured": captured is not False})
    query = {"propertyName": chosen.name, "ac": "true" if chosen.auto_captured else "false"}
    query |= {"eventName": event.name} if event else {}
    rows = yield from _suggested(("properties", "autocomplete"), query, args, scope)
    page = _values(rows, chosen.name, "property")
    page.unchecked = unchecked
    return page
