"""One file of LogRocket's data export: fetched by its handle, counted, shown in part, saved when asked to."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    ReplyTooLongError,
    UnexpectedReplyError,
)
from openreplay_tools.fields import Detail
from openreplay_tools.flow import Emit, fetch, work
from openreplay_tools.logrocket.export_answer import contents_table
from openreplay_tools.logrocket.export_contents import ExportContents, Wanted, identified
from openreplay_tools.logrocket.export_file import ExportCounts, ExportedEvent, read_events
from openreplay_tools.logrocket.export_handles import place_of
from openreplay_tools.logrocket.export_session import Whose
from openreplay_tools.logrocket.exports import MOST_AT_ONCE, Listing
from openreplay_tools.operation import Arguments, operation
from openreplay_tools.text import identifier

if TYPE_CHECKING:
    from pathlib import Path

    from openreplay_tools.downloads import Downloads, Draft
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.personal import Found

_BATCH = 500
_BATCH_BYTES = 4 * 2**20  # of lines; many small values take many times as much once they are read
_MOST_EVENTS = 200
_MOST_TYPES = 20
_MOST_PEOPLE = 200
_MOST_CHARACTERS = 8 * 2**20  # of the events in a result
_GZIP = b"\x1f\x8b"
_ENDINGS = re.compile(r"(?P<kind>\.(?:jsonl|ndjson|json))?(?:\.gz)?\Z", re.IGNORECASE)


class LogrocketReadExportArgs(Arguments):
    """Which file, and what of it."""

    export: Annotated[str, Field(description="Handle from logrocket_list_exports; never an address.")]
    types: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=120)]],
        Field(
            max_length=_MOST_TYPES,
            description="Only these: whole types or dotted parts, e.g. lr.core.Exception or network; empty: all.",
        ),
    ] = []
    limit: Annotated[int, Field(ge=0, le=_MOST_EVENTS, description="Events to show, 0 to 200; 0: counts only.")] = 30
    save_as: Annotated[
        str, Field(max_length=120, description="Save the whole file under this name, e.g. checkout.jsonl.")
    ] = ""
    overwrite: Annotated[bool, Field(description="Whether a file of that name may be replaced.")] = False
    detail: Detail = "normal"


def _by_handle(args: LogrocketReadExportArgs, scope: Scope) -> Flow[Scope]:
    """Refuse what is no handle, and a name that cannot be saved under, before anything is sent for."""
    yield from ()
    place_of(args.export)
    if args.save_as:
        scope.downloads.check(args.save_as, overwrite=True)  # so that a refusal repeats what was given
        for name in _names(args.save_as):
            scope.downloads.check(name, overwrite=args.overwrite)
    return scope


def _names(save_as: str) -> tuple[str, str]:
    """Return what a file is called when it is plain, and when it is compressed."""
    ending = _ENDINGS.search(save_as)
    stem, kind = (save_as[: ending.start()], ending["kind"] or ".jsonl") if ending else (save_as, ".jsonl")
    return f"{stem}{kind}", f"{stem}{kind}.gz"


def _download(handle: str, draft: Draft, scope: Scope) -> Flow[None]:
    """Fetch a file, by the address that is remembered or, where that has expired or is unknown, by a fresh one."""
    address = scope.handles.get(handle)
    if address:
        try:
            yield from fetch(address, draft)
        except (PermissionDeniedError, AuthenticationError):
            draft.restart()
        else:
            return
    yield from fetch((yield from _listed_again(handle, scope)), draft)


def _listed_again(handle: str, scope: Scope) -> Flow[str]:
    """Return a file's fresh address: its page is asked for again."""
    listing = Listing(place_of(handle), scope)
    yield from listing.page(MOST_AT_ONCE)
    if handle not in listing.addresses:
        raise NotFoundError(
            "export: LogRocket does not list ", identifier(handle), " at its place any more. List again: "
            "logrocket_list_exports.",
            status=404,
        )  # fmt: skip
    return listing.addresses[handle]


def _contents(draft: Draft, args: LogrocketReadExportArgs, scope: Scope, at_most: int) -> ExportContents:
    """Read a file that has been fetched."""
    counts, wanted = ExportCounts(), Wanted(args.types)
    rows: list[ExportedEvent] = []
    people: list[Found] = []
    whose = Whose()
    found, room, too_long = 0, _MOST_CHARACTERS, False
    try:
        for event in read_events(draft.file, at_most_bytes=at_most, counts=counts):  # type: ignore[arg-type]
            whose.hear(event)
            people += identified(event) if len(people) < _MOST_PEOPLE else ()
            if not wanted(event):
                continue
            found += 1
            if room > 0 and len(rows) < args.limit:
                room -= len(json.dumps(event.data, ensure_ascii=False))
                rows += [event] if room > 0 else []
    except ReplyTooLongError:
        too_long = True
    contents = ExportContents(
        rows=rows,
        total=found,
        limit=args.limit,
        handle=args.export,
        session=whose.session(scope),
        user_id=whose.user_id,
        counts=dict(counts.by_type),
        events=counts.total,
        uncounted=counts.uncounted,
        unreadable=counts.unreadable,
        first_unreadable_lines=counts.first_unreadable_lines,
        broken_off=counts.broken_off,
        too_long=too_long,
        earliest=counts.earliest,
        latest=counts.latest,
        size=draft.size,
    )
    contents.meet(people)
    return contents


def _nothing_in_it(draft: Draft, args: LogrocketReadExportArgs) -> UnexpectedReplyError:
    """Return the error for what came instead of a file, a page for people or nothing: it must replace no good one."""
    what = "not one line that can be read" if draft.size else "nothing"
    return UnexpectedReplyError(
        "What came for export ", identifier(args.export), f" holds {what} ({draft.size:,} bytes), so nothing was saved "
        "and what there was stays. Try again in a few minutes, or list again: logrocket_list_exports.",
    )  # fmt: skip


def _kept(draft: Draft, args: LogrocketReadExportArgs, downloads: Downloads) -> Path:
    plain, packed = _names(args.save_as)
    return downloads.keep(draft, packed if draft.head(2) == _GZIP else plain, overwrite=args.overwrite)


@operation(
    LogrocketReadExportArgs,
    provider="logrocket",
    group="logrocket",
    needs="logrocket",
    prepare=_by_handle,
    present=contents_table,
)
def logrocket_read_export(args: LogrocketReadExportArgs, scope: Scope) -> Flow[ExportContents]:
    """Read one export file, a finished session: its events counted by type, and the first of them with time and values.

    Handles come from logrocket_list_exports. Begin with limit=0 for the counts, then narrow with types. LogRocket does
    not document what a file holds; names vary.
    """
    downloads = scope.downloads
    with downloads.drafting() if args.save_as else downloads.aside() as draft:
        yield from _download(args.export, draft, scope)
        contents = yield from work(partial(_contents, draft, args, scope, downloads.at_most))
        if args.save_as:
            if not contents.events:
                raise _nothing_in_it(draft, args)
            contents.file = str((yield from work(partial(_kept, draft, args, downloads))))
    return contents


@logrocket_read_export.walk
def _all_events(args: LogrocketReadExportArgs, scope: Scope) -> Flow[None]:
    if args.save_as:
        raise ArgumentsError("save_as: leave out for iterate; run() saves the file.")
    downloads = scope.downloads
    with downloads.aside() as draft:
        yield from _download(args.export, draft, scope)
        batches = _Batches(draft, args, downloads.at_most)
        while not batches.over:
            yield Emit(tuple((yield from work(batches.next))))
    if batches.ended is not None:
        raise batches.ended


class _Batches:
    """Reads a file some events at a time."""

    def __init__(self, draft: Draft, args: LogrocketReadExportArgs, at_most: int) -> None:
        self.over = False
        self.ended: OpenReplayToolsError | None = None  # what kept others from following
        self._wanted = Wanted(args.types)
        self._counts = ExportCounts()
        self._events = read_events(draft.file, at_most_bytes=at_most, counts=self._counts, patient=True)  # type: ignore[arg-type]

    def next(self) -> list[ExportedEvent]:
        """Return the next events that are wanted; none of them may be where others follow."""
        batch: list[ExportedEvent] = []
        enough = self._counts.bytes + _BATCH_BYTES
        try:
            for event in self._events:
                batch += [event] if self._wanted(event) else ()
                if len(batch) >= _BATCH or self._counts.bytes >= enough:
                    return batch
            self.over = True
        except ReplyTooLongError as error:
            self.over, self.ended = True, error
        return batch
