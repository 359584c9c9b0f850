"""Searches that people saved in the dashboard: listed, and found by id or name for a search that starts from one."""

from __future__ import annotations

import difflib
import re
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.fields import Detail, PageNumber, ProjectArguments
from openreplay_tools.flow import Emit, Request, ask
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.directory import fetch_metadata
from openreplay_tools.openreplay.links import saved_search_link
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, tally
from openreplay_tools.openreplay.scope import about, in_project, local
from openreplay_tools.operation import Page, Record, operation
from openreplay_tools.personal import Personal
from openreplay_tools.text import Given, Own, Recorded, identifier, name, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_PERMISSION = "SESSION_REPLAY"
_MOST = 100  # rows that the server gives at once (contract §4.4)
_SHOWN = 12

# The server's names of what a session can be searched by (contract §4.4), in product words.
_WORDS = {
    "userId": "user", "userAnonymousId": "anonymous id", "userOs": "os", "userOsVersion": "os version",
    "userBrowser": "browser", "userBrowserVersion": "browser version", "userDevice": "device",
    "userDeviceType": "device type", "userCountry": "country", "userCity": "city", "userState": "state",
    "platform": "platform", "referrer": "referrer", "revId": "release", "utmSource": "utm source",
    "utmMedium": "utm medium", "utmCampaign": "utm campaign", "screenWidth": "screen width",
    "screenHeight": "screen height", "duration": "duration", "issue": "issue",
}  # fmt: skip
_OPERATORS = {
    "on": "is", "isNot": "is not", "notOn": "is not", "notContains": "does not contain", "startsWith": "starts with",
    "endsWith": "ends with", "regex": "matches", "true": "is true", "false": "is false", "isUndefined": "is not set",
    "isAny": "is set", "onAny": "is set",
}  # fmt: skip
_SLOT = re.compile(r"metadata_\d+\Z")
_WITHOUT_VALUE = frozenset({"true", "false", "isUndefined", "isAny", "onAny"})
_ORDERS = {"then": " in this order", "or": " (any of the events)"}


def _nothing(value: Any) -> Any:
    return "" if value is None else value


Text = Annotated[str, BeforeValidator(_nothing)]
"""A text that some server may tell as null."""


class SearchData(Record):
    """What a saved search looks for, as the server keeps it.

    Attributes:
        filters: conditions in the server's own form, fit to be sent again.
        events_order: then, and, or; "" when it was not saved.
    """

    filters: list[dict[str, Any]] | None = None
    events_order: Text = Field(default="", alias="eventsOrder")


class SavedSearch(Record):
    """A search that somebody saved.

    Attributes:
        search_id: a UUID.
        user_name: who saved it.
        is_public: whether the others see it too.
        data: its conditions, in the server's own form.
        created_at: when it was saved.
        sessions_count: how many sessions the server found when it was asked for the list; over which time is not known.
        users_count: the same for users.
        link: opens the dashboard's session list with this search.
    """

    search_id: str = Field("", alias="searchId")
    name: str = ""
    user_id: int = Field(0, alias="userId")
    user_name: Annotated[Text, Personal("name")] = Field("", alias="userName")
    is_public: bool = Field(False, alias="isPublic")
    is_share: bool = Field(False, alias="isShare")
    data: Annotated[SearchData, BeforeValidator(lambda told: told or {})] = SearchData()
    created_at: Annotated[datetime | None, Field(strict=False)] = Field(None, alias="createdAt")
    sessions_count: int | None = Field(None, alias="sessionsCount")
    users_count: int | None = Field(None, alias="usersCount")
    link: str = ""


class SavedSearchPage(Page[SavedSearch]):
    """One page of saved searches, newest first.

    Attributes:
        metadata: what the slots of custom metadata in their conditions are called (metadata_3: experiment).
    """

    metadata: dict[str, str] = {}


class ListSavedSearchesArgs(ProjectArguments):
    """Which page."""

    limit: Annotated[int, Field(ge=1, le=_MOST, description="Rows per page, 1 to 100.")] = 50
    page: PageNumber = 1
    detail: Detail = "normal"


class _SavedReply(Record):
    """The page stands beside `data` (contract §4.4)."""

    data: list[SavedSearch] | None
    total: int = 0


def _fetch(scope: Scope, offset: int, limit: int) -> Flow[Slice[SavedSearch]]:
    query = {"limit": str(limit), "offset": str(offset), "sort": "createdAt", "order": "desc"}
    path = (str(scope.project.id), "sessions", "search", "saved")
    reply = yield from ask(Request("GET", path, _SavedReply, query=query, via="dashboard"))
    found = reply.data or []
    for search in found:
        search.link = saved_search_link(scope, search.search_id)
    return Slice(found, reply.total)


def every_saved(scope: Scope) -> Flow[list[SavedSearch]]:
    """Return all saved searches this login sees, newest first."""
    found: dict[str, SavedSearch] = {}
    offset = 0
    while True:
        part = yield from _fetch(scope, offset, _MOST)
        found |= {search.search_id: search for search in part.rows}
        offset += _MOST
        if not part.rows or offset >= (part.total or 0):
            return list(found.values())


def find_saved(wanted: str, scope: Scope) -> Flow[SavedSearch]:
    """Return the saved search of the scope's project that an id or a name means, whatever its case.

    Raises:
        ArgumentsError: none or several are meant; the text lists what there is.
    """
    folded = wanted.strip().casefold()
    searches = yield from every_saved(scope)
    found = [search for search in searches if search.search_id.casefold() == folded]
    found = found or [search for search in searches if search.name.strip().casefold() == folded]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArgumentsError(
            "Several saved searches are called ", Given(wanted), ". Give the id of one: ", *_listed(found)
        )
    if not searches:
        raise ArgumentsError(
            "No saved search ", Given(wanted), ": this login sees none in ", name(scope.project.name), "."
        )
    near = sorted(searches, key=lambda search: -_likeness(search.name, folded))
    raise ArgumentsError(
        "No saved search ", Given(wanted), " in ", name(scope.project.name), ". There are: ", *_listed(near)
    )


def _likeness(called: str, folded: str) -> float:
    return difflib.SequenceMatcher(None, called.casefold(), folded).ratio()


def _listed(searches: list[SavedSearch]) -> list[object]:
    parts: list[object] = []
    for search in searches[:_SHOWN]:
        parts += ["; " if parts else "", name(search.name), " (id ", identifier(search.search_id), ")"]
    more = len(searches) - _SHOWN
    return [*parts, f" and {more} more; openreplay_list_saved_searches lists all." if more > 0 else "."]


def saved_table(page: SavedSearchPage, args: ListSavedSearchesArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present saved searches."""
    rows = tuple(Row(_cells(search, page, scope)) for search in page.rows)
    form = saved_search_link(scope, "<id>")
    opening = f"Open a shared one: {form}   Next: openreplay_search_sessions(saved_search=…)"
    nothing = "Saved searches are made in the dashboard's session list; those of others are seen when they are public."
    return Answer(
        scope=about(scope, own("newest first")),
        tally=tally("saved searches", page),
        headings=("id", "name", "by", "seen by", f"saved ({scope.zone.key})", "conditions"),
        rows=rows,
        in_order=True,
        more=more_pages(page),
        notes=tuple(past_the_end(page)) or (own(opening if rows else nothing),),
        rest="limit={shown}, page={next} goes on",
    )


def _cells(search: SavedSearch, page: SavedSearchPage, scope: Scope) -> tuple[Line, ...]:
    saved = format_moment(local(search.created_at, scope), seconds=False) if search.created_at else "unknown"
    return (
        (identifier(search.search_id),),
        (name(search.name),),
        (name(search.user_name),),
        own("all" if search.is_public else "its owner"),
        own(saved),
        _conditions(search.data, {**_WORDS, **page.metadata}),
    )


def _conditions(data: SearchData, words: Mapping[str, str]) -> Line:
    """Return how many conditions there are and, in one recorded text, what they are."""
    filters: Any = mask_tree([*(data.filters or [])])  # while each value stands beside its name
    if not filters:
        return own("none")
    ordered = sum(bool(one.get("isEvent")) for one in filters) > 1
    order = _ORDERS.get(data.events_order, "") if ordered else ""
    return (Own(f"{len(filters)}: "), Recorded("; ".join(_condition(one, words) for one in filters)), Own(order))


def _condition(wire: dict[str, Any], words: Mapping[str, str]) -> str:
    called = str(wire.get("name") or "")
    inner = wire.get("filters")
    nested = [_condition(one, words) for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
    if wire.get("isEvent"):
        return f"did {called}" + (f" with {' and '.join(nested)}" if nested else "")
    if wire.get("isSegment") or wire.get("searchId"):
        return f"in segment {called}"
    given = wire.get("value")
    values = [str(each) for each in (given if isinstance(given, list) else [given]) if each not in (None, "")]
    operator = str(wire.get("operator") or "is")
    if called == "duration":
        return f"duration {'–'.join(str(each) for each in given)} ms" if isinstance(given, list) else "duration"
    said = "" if operator in _WITHOUT_VALUE else f" {' or '.join(values) or '(no value)'}"
    return f"{words.get(called, called)} {_OPERATORS.get(operator, operator)}{said}"


@operation(
    ListSavedSearchesArgs,
    group="sessions",
    prepare=in_project,
    present=saved_table,
    needs="login",
    permission=_PERMISSION,
)
def list_saved_searches(args: ListSavedSearchesArgs, scope: Scope) -> Flow[SavedSearchPage]:
    """List the session searches saved in the dashboard: name, who saved it, its conditions, id.

    openreplay_search_sessions takes the id or the name and finds the sessions.
    """
    found = yield from _fetch(scope, (args.page - 1) * args.limit, args.limit)
    slots = any(_SLOT.match(str(one.get("name"))) for search in found.rows for one in search.data.filters or [])
    metadata = (yield from fetch_metadata(scope)) if slots else {}
    return SavedSearchPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit, metadata=metadata)


@list_saved_searches.walk
def _all_saved(args: ListSavedSearchesArgs, scope: Scope) -> Flow[None]:  # noqa: ARG001
    yield Emit(tuple((yield from every_saved(scope))))
