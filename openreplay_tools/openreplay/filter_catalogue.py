"""What a project's sessions can be filtered by: the server's catalogue, read once and asked by any spelling.

The session search takes a name it does not know for a property of events and answers with a silent zero (contract
§4.4), so every name is looked up here first. What the catalogue lists but the server gets wrong is marked with the
reason.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from openreplay_tools.errors import ApiError, ArgumentsError, NotFoundError, UnexpectedReplyError
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.filters import event_names
from openreplay_tools.operation import Record
from openreplay_tools.text import Given, Recorded, identifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope

DataType = Literal["string", "number", "boolean", "timestamp"]
Kind = Literal["text", "number", "duration", "issue"]
Group = Literal["session", "user", "metadata"]
Caveat = Literal["", "servers before 1.27.7 ignore it", "only is and is_not"]

METADATA_PREFIX = "metadata:"
_CATALOGUE_SECONDS = 300.0
_NEAR = 4
_CLOSE = 0.55

# Names of the wire → ours. What the catalogue lists besides is called as the server calls it, in snake_case.
_OURS = {
    "userBrowser": "browser", "userBrowserVersion": "browser_version", "userOs": "os", "userOsVersion": "os_version",
    "userDevice": "device", "userDeviceType": "device_type", "userCountry": "country", "userState": "state",
    "userCity": "city", "userAnonymousId": "anonymous_id",
}  # fmt: skip
_KINDS: dict[str, Kind] = {"duration": "duration", "issue": "issue"}
_UNUSABLE = {"revId": "the server keeps no version where its search looks, so it never matches"}  # observed §A15
_CAVEATS: dict[str, Caveat] = {
    # contract §4.4
    "userDeviceType": "servers before 1.27.7 ignore it",
    "userOsVersion": "servers before 1.27.7 ignore it",
    "issue": "only is and is_not",
}
# Columns that the search knows and the catalogue does not list (contract §4.4).
_UNLISTED = (("platform", "Platform"), ("userOsVersion", "OS Version"), ("userAnonymousId", "Anonymous ID"))
_UNLISTED_VALUES = {"platform": ["web", "mobile"]}
# What people try, and the search takes for something else (contract §4.4).
_NO_FILTER = {
    "url": "sessions are found by a page's path: use url_path",
    "path": "sessions are found by a page's path: use url_path",
    "issuetype": "the server ignores it on sessions; use issue",
    "eventscount": "the server takes it for a property of events; sort by it instead",
    "pagescount": "the server takes it for a property of events",
    "errorscount": "the server takes it for a property of events; use issue with js_exception",
}
_NUMERIC = re.compile(r"(u?int|float|decimal|number|integer)\d*\Z", re.IGNORECASE)
_TIME = re.compile(r"(timestamp|datetime|date)\d*\Z", re.IGNORECASE)
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)\Z")


class SessionFilter(Record):
    """Something sessions can be filtered by.

    Attributes:
        name: what to pass: browser, country, plan (a metadata name) …
        wire: the server's name: userBrowser, metadata_1 …
        label: as the dashboard shows it.
        group: session, user, or metadata (set by the site itself).
        kind: duration and issue are compared in a way of their own.
        data_type: as the search endpoint takes it.
        values: the only possible ones; [] where any text may occur.
        unusable: why it cannot be used; "" when it can.
        caveat: what to know when using it.
    """

    name: str = ""
    wire: str = ""
    label: str = ""
    group: Group = "session"
    kind: Kind = "text"
    data_type: DataType = "string"
    values: list[str] = []
    unusable: str = ""
    caveat: Caveat = ""


class EventName(Record):
    """An event that occurs in the project.

    Attributes:
        name: exact.
        auto_captured: recorded by the tracker itself; otherwise sent by the site.
        label: as the dashboard shows it.
    """

    name: str = ""
    auto_captured: bool = Field(False, alias="autoCaptured")
    label: str = Field("", alias="displayName")


def _identity(value: object) -> object:
    """Issues are objects, everything else is text (contract §4.3)."""
    return value["id"] if isinstance(value, dict) and "id" in value else value


class _Item(Record):
    name: Annotated[str, Field(min_length=1)]
    label: str = Field("", alias="displayName")
    auto_captured: bool = Field(False, alias="autoCaptured")
    data_type: str = Field("string", alias="dataType")
    values: list[Annotated[str, BeforeValidator(_identity)]] = Field([], alias="possibleValues")


class _Category(Record):
    items: list[_Item] = Field(alias="list")


class _Filled(_Category):
    items: list[_Item] = Field(alias="list", min_length=1)


class _Events(Record):
    items: list[EventName] = Field(alias="list")


class _Categories(Record):
    events: _Events
    session: _Filled
    user: _Category
    metadata: _Category


class _CatalogueReply(Record):
    data: _Categories


@dataclass(frozen=True, slots=True)
class FilterCatalogue:
    """What there is to filter by.

    Args:
        filters: session filters, then those on the user, then metadata.
        events: names of events.
    """

    filters: tuple[SessionFilter, ...]
    events: tuple[EventName, ...]

    def find_filter(self, given: str) -> SessionFilter | None:
        """Return the filter that a name means in any spelling (browser, userBrowser, "User Browser"), else None.

        A metadata name may be written `metadata:<name>`, which it must where a session filter has the same name.

        Raises:
            ArgumentsError: two metadata names differ only in spelling, and neither is the given one exactly.
        """
        given = given.strip()
        among = [each for each in self.filters if each.group == "metadata"]
        if given.startswith(METADATA_PREFIX):
            return _only(given.removeprefix(METADATA_PREFIX).strip(), among)
        others = [each for each in self.filters if each.group != "metadata"]
        return _only(given, others) or _only(given, among)

    def filter(self, given: str, field: str = "filters") -> SessionFilter:
        """Return the filter that a name means.

        Args:
            given: its name in any spelling.
            field: the argument it stands in, for the refusal.

        Raises:
            ArgumentsError: there is none, or the server gets it wrong; the text names the nearest.
        """
        found = self.find_filter(given)
        reason = found.unusable if found else _NO_FILTER.get(folded(given))
        if reason:
            raise ArgumentsError(f"{field}: ", Given(given.strip()), f" cannot be used: {reason}.")
        if found is None:
            known = [each.name for each in self.filters if not each.unusable]
            raise ArgumentsError(
                f"{field}: unknown filter ", Given(given.strip()), ".", *nearest_sentence(given, known),
                f" openreplay_list_filters lists all {len(known)}."
            )  # fmt: skip
        return found

    def find_event(self, given: str) -> EventName | None:
        """Return the event that a name or the dashboard's label for it means, None when none occurs."""
        exact = {event.name: event for event in self.events}
        spelled = event_names([given]) if given.strip() else []
        for name in (given, given.strip(), *spelled):
            if name in exact:
                return exact[name]
        wanted = folded(given)
        alike = [event for event in self.events if wanted in {folded(event.name), folded(event.label)} - {""}]
        return alike[0] if len(alike) == 1 else None

    def event(self, given: str, field: str = "events") -> EventName:
        """Return the event that a name means.

        Args:
            given: its name.
            field: the argument it stands in, for the refusal.

        Raises:
            ArgumentsError: no such event occurs in the project; the text names the nearest.
        """
        found = self.find_event(given)
        if found is None:
            near = nearest_sentence(given, [event.name for event in self.events])
            raise ArgumentsError(
                f"{field}: no event ", Given(given.strip()), " occurs in this project.", *near,
                f" openreplay_list_filters lists all {len(self.events)}."
            )  # fmt: skip
        return found


def nearest(given: str, names: Iterable[str]) -> list[str]:
    """Return the few names most like a given one, those alike first, then those that hold it."""
    spellings: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        spellings.setdefault(folded(name) or name, []).append(name)
    wanted = folded(given)
    similar = difflib.get_close_matches(wanted, spellings, _NEAR, _CLOSE)
    holding = [one for one in spellings if len(wanted) > 2 and (wanted in one or (len(one) > 2 and one in wanted))]
    return [name for one in dict.fromkeys([*similar, *holding]) for name in spellings[one]][:_NEAR]


def nearest_sentence(given: str, names: Iterable[str]) -> list[object]:
    """Return the nearest names as a sentence that follows a refusal, [] when none is near."""
    parts: list[object] = []
    for name in nearest(given, names):
        parts += [", " if parts else " Nearest: ", Recorded(name, identifier=True)]
    return [*parts, "."] if parts else []


def wire_type(told: str) -> DataType:
    """Return the catalogue's or the lexicon's data type (UInt16, int, Nullable(String) …) as requests take it."""
    while wrapped := _WRAPPED.match(told):
        told = wrapped[1]
    if _NUMERIC.match(told):
        return "number"
    if told.casefold() in {"bool", "boolean"}:
        return "boolean"
    return "timestamp" if _TIME.match(told) else "string"


def fetch_catalogue(scope: Scope) -> Flow[FilterCatalogue]:
    """Return what the scope's project can be filtered by, at most five minutes old.

    Raises:
        UnexpectedReplyError: the server's catalogue is not what it should be.
        ApiError: it cannot be fetched.
    """
    # contract §4.3
    request = Request(
        "GET",
        ("pa", str(scope.project.id), "filters"),
        _CatalogueReply,
        cache_seconds=_CATALOGUE_SECONDS,
        via="legacy",
    )
    try:
        reply = yield from ask(request)
    except UnexpectedReplyError as error:
        raise UnexpectedReplyError("The project's catalogue of filters cannot be read. ", *error.parts) from None
    except NotFoundError as error:
        raise ApiError(
            "The server has no catalogue of filters for this project (404), so no filter can be checked. ",
            *error.parts, status=error.status, message=error.message,
        ) from None  # fmt: skip
    told = reply.data
    session = [_filter(item, "session") for item in told.session.items]
    listed = {each.wire for each in session}
    session += [_unlisted(wire, label) for wire, label in _UNLISTED if wire not in listed]
    user = [_filter(item, "user") for item in told.user.items]
    taken = {spelling for each in (*session, *user) for spelling in _spellings(each)}
    metadata = [_slot(item, taken) for item in told.metadata.items]
    return FilterCatalogue((*session, *user, *metadata), tuple(told.events.items))


def _filter(item: _Item, group: Group) -> SessionFilter:
    kind = _KINDS.get(item.name, "number" if wire_type(item.data_type) == "number" else "text")
    return SessionFilter(
        name=_OURS.get(item.name, _snake(item.name)),
        wire=item.name,
        label=item.label,
        group=group,
        kind=kind,
        data_type=wire_type(item.data_type),
        values=list(item.values),
        unusable=_UNUSABLE.get(item.name, ""),
        caveat=_CAVEATS.get(item.name, ""),
    )


def _unlisted(wire: str, label: str) -> SessionFilter:
    return SessionFilter(
        name=_OURS.get(wire, wire),
        wire=wire,
        label=label,
        values=_UNLISTED_VALUES.get(wire, []),
        caveat=_CAVEATS.get(wire, ""),
    )


def _slot(item: _Item, taken: set[str]) -> SessionFilter:
    shown = item.label or item.name
    name = f"{METADATA_PREFIX}{shown}" if folded(shown) in taken or folded(shown) in _NO_FILTER else shown
    return SessionFilter(name=name, wire=item.name, label=shown, group="metadata", data_type=wire_type(item.data_type))


def _only(given: str, among: list[SessionFilter]) -> SessionFilter | None:
    """Return the one filter with this name: spelled exactly so, or else in another spelling."""
    exact = [each for each in among if given in {each.name, each.wire, each.label}]
    found = exact or [each for each in among if folded(given) and folded(given) in _spellings(each)]
    if len(found) > 1:
        names: list[object] = []
        for each in found:
            names += [", " if names else "", identifier(each.label), " (", identifier(each.wire), ")"]
        raise ArgumentsError("filters: ", Given(given), " may mean several: ", *names, ". Give the one in brackets.")
    return found[0] if found else None


def _spellings(each: SessionFilter) -> set[str]:
    return {folded(each.name), folded(each.wire), folded(each.label)} - {""}


def folded(name: str) -> str:
    """Return a name without case, spaces and signs: userBrowser, "User Browser" and user_browser are one."""
    return "".join(filter(str.isalnum, name.casefold()))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
