"""What one file of the data export held, and which of its events somebody wants."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import PrivateAttr

from openreplay_tools.logrocket.export_file import ExportedEvent
from openreplay_tools.operation import Page
from openreplay_tools.personal import Found, PersonId, is_personal, named
from openreplay_tools.recordings import Session

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ExportContents(Page[ExportedEvent]):
    """One file of the data export: its counts, and the first of its events (`rows`), in the file's order.

    Attributes:
        handle: which file.
        session: which session, where its lines say so.
        user_id: whose, likewise; "" where none names a user.
        counts: events by type, the most frequent first; types are the site's and the recorder's own words.
        events: readable events of all types; `total` counts those of the types asked for.
        uncounted: events of further types, after the first thousand types.
        unreadable: lines that could not be read.
        first_unreadable_lines: the numbers of the first few of those.
        broken_off: the compressed file ends too early or is damaged from some point on.
        too_long: it holds more than is read; what is told is true of its beginning.
        earliest: time of the earliest event that tells one.
        latest: likewise.
        size: bytes, as they came.
        file: path of the saved file; "" when none was asked for.
    """

    handle: str = ""
    session: Session | None = None
    user_id: PersonId = ""
    counts: dict[str, int] = {}
    events: int = 0
    uncounted: int = 0
    unreadable: int = 0
    first_unreadable_lines: list[int] = []
    broken_off: bool = False
    too_long: bool = False
    earliest: datetime | None = None
    latest: datetime | None = None
    size: int = 0
    file: str = ""

    _met: list[Found] = PrivateAttr(default_factory=list)

    def meet(self, people: list[Found]) -> None:
        """Take note of those whom events identify that are not among the rows: the rows may speak of them."""
        self._met = people

    def persons(self) -> Iterator[Found]:
        """Yield whom events identify."""
        for event in self.rows:
            yield from identified(event)
        yield from self._met


def identified(event: ExportedEvent) -> Iterator[Found]:
    """Yield whom an event identifies, with the names under `name`, which elsewhere is the name of anything."""
    if "identify" not in event.type.casefold():
        return
    for told in (event.data, event.data.get("traits"), event.data.get("user")):
        for key, value in told.items() if isinstance(told, dict) else ():
            plain = str(value) if isinstance(value, str | int) else ""
            yield from named(key, [plain])
            if key == "name" and is_personal("name", plain):
                yield "name", plain


class Wanted:
    """Tells which events somebody wants: by their whole type, or by a dotted part of it (`lr.network`, `Exception`)."""

    def __init__(self, types: Iterable[str]) -> None:
        """Want events of these types; of all when there are none."""
        self._parts = tuple(f".{each.strip().strip('.').casefold()}." for each in types)
        self._known: dict[str, bool] = {}

    def __call__(self, event: ExportedEvent) -> bool:
        """Tell whether an event is wanted."""
        if not self._parts:
            return True
        if event.type not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[event.type] = self.fits(event.type)
        return self._known[event.type]

    def fits(self, kind: str) -> bool:
        """Tell whether events of a type are wanted."""
        return not self._parts or any(part in f".{kind.strip().casefold()}." for part in self._parts)
