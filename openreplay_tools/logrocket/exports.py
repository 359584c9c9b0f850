"""The list of LogRocket's data export: one file for each finished session, behind addresses that are never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import ArgumentsError, AuthenticationError, NotFoundError, UnexpectedReplyError
from openreplay_tools.fields import Detail, Since
from openreplay_tools.flow import Emit, Request
from openreplay_tools.logrocket.access import Reply, about, ask_logrocket, at_logrocket, first_of
from openreplay_tools.logrocket.export_handles import LONGEST_CURSOR, Place, fingerprint, handle
from openreplay_tools.logrocket.refusals import not_enabled
from openreplay_tools.operation import Arguments, Page, Record, operation
from openreplay_tools.text import Own, identifier, own
from openreplay_tools.windows import format_moment, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

MOST_AT_ONCE = 100  # files that the server lists in one page
_MOST = 1000
_MOST_ENTRIES = 1000  # of a page that are read; a server that keeps to its limit sends a tenth
_INSTEAD = "Highlights do without: logrocket_request_highlights."


End = Literal["", "empty_page", "no_cursor", "repeated_cursor", "nothing_new"]
_ENDS: Mapping[End, str] = {
    "empty_page": "a page came back empty",
    "no_cursor": "the server gave no further cursor",
    "repeated_cursor": "the server's cursor repeats",
    "nothing_new": "a page held nothing new",
}


class Export(Record):
    """A file of the data export: the events of one finished session.

    Attributes:
        handle: opens it with logrocket_read_export, also from another process.
        position: its number in this listing, from 1.
    """

    handle: str = ""
    position: int = 0


class ExportPage(Page[Export]):
    """A part of the data export's list, oldest first; nobody tells how long it is.

    Attributes:
        cursor: goes on where this ends, also days later; "" when nothing came.
        ended: whether there is nothing more for now.
        why: how that is known, for the server never says it; "" when there may be more.
        unusable: entries without an address.
        left_out: files that the server listed beyond the limit; the cursor goes on behind them.
    """

    cursor: str = ""
    ended: bool = False
    why: End = ""
    unusable: int = 0
    left_out: int = 0


class LogrocketListExportsArgs(Arguments):
    """From where on, and how many."""

    since: Since = ""
    cursor: Annotated[str, Field(max_length=LONGEST_CURSOR, description="Goes on where an earlier listing ended.")] = ""
    limit: Annotated[int, Field(ge=1, le=_MOST, description="Files, 1 to 1000.")] = 50
    detail: Detail = "normal"


def _as_cursor(value: Any) -> Any:
    """Return a cursor as text: the server shows it as a number."""
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return str(int(value) if isinstance(value, float) and value.is_integer() else value) if whole else value


class _Entry(Reply):
    url: str | None = None


class _ListReply(Reply):
    nulls = frozenset({"sessions"})  # as some servers write an empty list

    cursor: Annotated[str | None, BeforeValidator(_as_cursor)] = None
    sessions: Annotated[list[_Entry] | None, BeforeValidator(lambda given: first_of(given, _MOST_ENTRIES))] = None


class Listing:
    """Reads the list page by page, each file once, until the server has no more: it never says so in words."""

    def __init__(self, place: Place, scope: Scope) -> None:
        """Begin somewhere.

        Args:
            place: where the first page begins.
            scope: keeps the files' addresses.
        """
        self.cursor = place.cursor
        self.ended: End = ""
        self.unusable = 0
        self.addresses: dict[str, str] = {}  # of the last page, by handle
        self._place = place
        self._scope = scope
        self._cursors = {place.cursor}
        self._seen: set[str] = set()

    def page(self, limit: int) -> Flow[list[Export]]:
        """Return the files of the next page that were not listed before; `ended` says whether it was the last.

        A page shorter than its limit is not the last one. The ways to end are those that the documentation leaves.
        """
        reply = yield from _ask(self._place, limit, self._scope)
        entries = reply.sessions or []
        cursor = reply.cursor if len(reply.cursor or "") <= LONGEST_CURSOR else None
        self.cursor = cursor or self.cursor
        fresh = self._fresh(entries)
        if not entries:
            self.ended = "empty_page"
        elif not cursor:
            self.ended = "no_cursor"
        elif cursor in self._cursors:
            self.ended = "repeated_cursor"
        elif not fresh:
            self.ended = "nothing_new"
        self._cursors.add(self.cursor)
        self._place = Place(self.cursor)
        return fresh

    def _fresh(self, entries: list[_Entry]) -> list[Export]:
        found = []
        self.addresses = {}
        here = self._place.text  # once for all: a cursor may be long
        for entry in entries:
            if not entry.url:
                self.unusable += 1
                continue
            mark = fingerprint(entry.url)
            opens = handle(here, mark)
            self.addresses[opens] = entry.url
            self._scope.handles.keep(opens, entry.url)
            if mark not in self._seen:
                self._seen.add(mark)
                found.append(Export(handle=opens, position=len(self._seen)))
        return found


def _ask(place: Place, limit: int, scope: Scope) -> Flow[_ListReply]:
    query = {"limit": str(limit), **place.query}
    request = Request("GET", ("data-export",), _ListReply, query=query, via="logrocket", slash=True)
    try:
        reply = yield from ask_logrocket(request)
    except (AuthenticationError, NotFoundError) as error:
        if error.status not in {403, 404}:
            raise
        raise not_enabled(error, scope, "data exports", _INSTEAD) from None
    if not {"sessions", "cursor"} & reply.model_fields_set:
        raise UnexpectedReplyError("LogRocket answered without a list of exports. Check LOGROCKET_BASE_URL.")
    return reply


def _start(args: LogrocketListExportsArgs, scope: Scope) -> Place:
    if args.cursor and args.since:
        raise ArgumentsError("cursor: it goes on where a listing ended, whatever since says. Leave one of them out.")
    if not args.since:
        return Place(args.cursor)
    since = moment(args.since, now=scope.now, zone=scope.zone, field="since", edge="start")
    return Place(date_ms=round(since.timestamp() * 1000))


def exports_table(page: ExportPage, args: LogrocketListExportsArgs, scope: Scope) -> Answer:
    """Present files."""
    said: list[Line] = [own("oldest first")]
    date_ms = _start(args, scope).date_ms
    if date_ms is not None:
        since = moment(args.since, now=scope.now, zone=scope.zone, field="since", edge="start")
        said.insert(0, own(f"from {format_moment(since, seconds=bool(since.second))} {scope.zone.key}"))
    if args.cursor:
        said.insert(0, (Own("after cursor "), identifier(args.cursor)))
    return Answer(
        scope=about(scope, *said),
        tally=Tally("export files", None),
        headings=("nr", "export"),
        rows=tuple(Row((own(str(row.position)), (identifier(row.handle),))) for row in page.rows),
        in_order=True,
        more=_goes_on(page),
        notes=tuple(_notes(page)),
        rest="limit={shown}: its cursor goes on there; detail=full shows more at once",
    )


def _notes(page: ExportPage) -> list[Line]:
    notes: list[Line] = []
    if page.rows:
        notes.append(
            own(
                "Each is one finished session; the list tells neither session nor user nor time. Open one: "
                "logrocket_read_export(export=…)."
            )
        )
    if page.unusable:
        notes.append(own(f"Entries without an address, left out: {page.unusable}."))
    if page.left_out and page.limit == _MOST:
        notes.append(own(f"Left out, for the server listed more than were asked for: {page.left_out:,}."))
    if page.ended and not page.rows:
        notes.append(
            own("A file appears once a session had no news for an hour or more. An earlier since, or none, shows more.")
        )
    return notes


def _goes_on(page: ExportPage) -> Line:
    """Return how to get what comes behind these, said only when all of them are shown."""
    if page.left_out and page.limit < _MOST:  # behind the cursor they would be skipped
        enough = min(page.limit + page.left_out, _MOST)
        return own(f"The server listed {page.left_out:,} more than were asked for; limit={enough} shows them.")
    if not page.ended:
        return (Own("There may be more: cursor="), identifier(page.cursor), Own("."))
    later: Line = (Own(" What comes later: cursor="), identifier(page.cursor), Own(".")) if page.cursor else ()
    return (Own(f"The list ends here for now{_ended(page)}."), *later)


def _ended(page: ExportPage) -> str:
    return f": {_ENDS[page.why]}" if page.why else ""


@operation(
    LogrocketListExportsArgs,
    provider="logrocket",
    group="logrocket",
    needs="logrocket",
    prepare=at_logrocket,
    present=exports_table,
)
def logrocket_list_exports(args: LogrocketListExportsArgs, scope: Scope) -> Flow[ExportPage]:
    """List LogRocket's export files, one for each finished session, oldest first, and the cursor that goes on.

    The list tells neither session nor user nor time; logrocket_read_export opens a file. What one user did:
    logrocket_request_highlights is the shorter way.
    """
    listing = Listing(_start(args, scope), scope)
    rows: list[Export] = []
    while len(rows) < args.limit and not listing.ended:
        rows += yield from listing.page(min(MOST_AT_ONCE, args.limit - len(rows)))
    return ExportPage(
        rows=rows[: args.limit],
        left_out=max(0, len(rows) - args.limit),
        limit=args.limit,
        cursor=listing.cursor,
        ended=bool(listing.ended),
        why=listing.ended,
        unusable=listing.unusable,
    )


@logrocket_list_exports.walk
def _all_exports(args: LogrocketListExportsArgs, scope: Scope) -> Flow[None]:
    listing = Listing(_start(args, scope), scope)
    while not listing.ended:
        yield Emit(tuple((yield from listing.page(MOST_AT_ONCE))))
