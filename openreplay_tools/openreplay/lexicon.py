"""The dashboard's lexicon: which events a project has and which properties they and its users carry (contract §4.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.flow import Request, ask, ask_all
from openreplay_tools.openreplay.filter_catalogue import DataType, folded, nearest_sentence, wire_type
from openreplay_tools.operation import Record
from openreplay_tools.personal import named
from openreplay_tools.text import Given, identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.personal import Found

_LEXICON_SECONDS = 60.0
_MOST = 500  # properties on a page (contract §4.8)
_FEW = 12
_VISIBLE = "visible"


class EventUse(Record):
    """An event name and how often it occurs.

    Attributes:
        name: exact.
        label: as the dashboard shows it.
        description: of events that the tracker records by itself.
        auto_captured: recorded by the tracker itself; otherwise sent by the site.
        count: as the server's lexicon counts.
        status: visible; hidden and dropped ones are in no search.
    """

    name: str = ""
    label: str = Field("", alias="displayName")
    description: str = ""
    auto_captured: bool = Field(False, alias="autoCaptured")
    count: int = 0
    status: str = _VISIBLE


class EventProperty(Record):
    """A property of events or users.

    Attributes:
        name: exact.
        label: as the dashboard shows it.
        stored_type: as the server's database calls it (Int64, String …).
        auto_captured: recorded by the tracker itself; otherwise sent by the site.
        count: as the server's lexicon counts.
        status: visible; the server ignores filters on hidden ones.
        samples: some values that occurred; the server has them for some properties only.
    """

    name: str = ""
    label: str = Field("", alias="displayName")
    stored_type: str = Field("", alias="dataType")
    auto_captured: bool = Field(False, alias="autoCaptured")
    count: int = 0
    status: str = _VISIBLE
    samples: list[Any] | None = Field(None, alias="sampleValues")

    def persons(self) -> Iterator[Found]:
        """Yield the samples, where the name makes them personal."""
        yield from named(self.name, self.samples or [])

    @property
    def data_type(self) -> DataType:
        """The type as requests take it."""
        return wire_type(self.stored_type)


class _Events(Record):
    events: list[EventUse] | None = None


class _EventsReply(Record):
    data: _Events


class _Properties(Record):
    total: int = 0
    properties: list[EventProperty] | None = None


class _PropertiesReply(Record):
    data: _Properties


def fetch_event_names(scope: Scope) -> Flow[list[EventUse]]:
    """Return every event name of the scope's project; the route has no pages (recorded: it ignores limit)."""
    path = (str(scope.project.id), "lexicon", "events")
    request = Request("GET", path, _EventsReply, cache_seconds=_LEXICON_SECONDS, via="dashboard")
    reply = yield from ask(request)
    return reply.data.events or []


def fetch_properties(source: str, event: str, scope: Scope) -> Flow[list[EventProperty]]:
    """Return all properties of a source.

    Args:
        source: events, users or sessions.
        event: only this event's; "" for those of all.
        scope: the project.
    """
    path = (str(scope.project.id), "lexicon", "properties")
    only = {"eventName": event} if event else {}

    def page(number: int) -> Request[_PropertiesReply]:
        query = {"source": source, **only, "limit": str(_MOST), "page": str(number)}
        return Request("GET", path, _PropertiesReply, query=query, cache_seconds=_LEXICON_SECONDS, via="dashboard")

    first = yield from ask(page(1))
    others = yield from ask_all([page(number) for number in range(2, -(-first.data.total // _MOST) + 1)])
    found = [each for reply in (first, *others) for each in reply.data.properties or []]
    return list({(each.name, each.auto_captured): each for each in found}.values())


def _all_of(known: list[EventProperty]) -> list[object]:
    """Return a sentence's end that names the properties there are, where they are few."""
    if len(known) > _FEW:
        return [" openreplay_list_event_properties lists them."]
    parts: list[object] = []
    for each in known:
        parts += [", " if parts else " There are: ", identifier(each.name)]
    return [*parts, "."] if parts else []


def choose_property(
    given: str, known: list[EventProperty], field: str, *, captured: bool | None, also: tuple[str, ...] = ()
) -> EventProperty:
    """Return the property that a name means, in any spelling.

    Args:
        given: the name.
        known: what there is.
        field: the argument it stands in, for the refusal.
        captured: which one is meant where the tracker and the site use the same name; None when that is unclear.
        also: further names to suggest.

    Raises:
        ArgumentsError: there is none, several are meant, or the server ignores it.
    """
    found = [each for each in known if each.name == given]
    found = found or [each for each in known if folded(given) and folded(each.name) == folded(given)]
    if len(found) > 1 and captured is not None:
        found = [each for each in found if each.auto_captured is captured] or found
    if not found:
        near = nearest_sentence(given, [*also, *dict.fromkeys(each.name for each in known)])
        raise ArgumentsError(f"{field}: no property ", Given(given), " is known here.", *near, *_all_of(known))
    if len(found) > 1:
        raise ArgumentsError(
            f"{field}: ", Given(given), " is a property of events that the tracker records and of the site's own ones, "
            "or is spelled in several ways. Give its exact name, and the event it belongs to."
        )  # fmt: skip
    if found[0].status != _VISIBLE:
        raise ArgumentsError(f"{field}: ", Given(given), " is hidden in the project's lexicon; the server ignores it.")
    return found[0]
