"""One session's export: a file of JSON Lines whose schema LogRocket does not document.

So nothing is required of a line. What it is and when it happened is looked for under the names that are known to occur;
everything else is passed on as it stands.
"""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openreplay_tools.errors import ReplyTooLongError
from openreplay_tools.operation import Record
from openreplay_tools.text import shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST_LINE: Final = 2 * 2**20  # bytes; a longer line is not read
MOST_LINES: Final = 2_000_000  # of a file, blank ones counted
LONGEST_READING_S: Final = 60.0  # seconds that are spent on one file

_CHUNK: Final = 2**16
_CHECKED_EVERY: Final = 1000  # lines; and after each that is long
_LONG: Final = 2**16  # bytes
_GZIP: Final = b"\x1f\x8b"
_GZIP_ONLY: Final = zlib.MAX_WBITS | 16
_BOM: Final = b"\xef\xbb\xbf"
_TYPES: Final = ("eventType", "event_type", "type", "name")
_TIMES: Final = ("timestamp", "time", "session_time")
_LONGEST_TYPE: Final = 120  # characters
_MOST_TYPES: Final = 1000  # that are counted by themselves
_FIRST_LINES: Final = 5
_DEEPEST: Final = 100  # levels of brackets; what serializes a result gives up soon after
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SECOND: Final = 946_684_800  # the year 2000
_LAST_SECOND: Final = 32_503_680_000  # the year 3000
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


class ExportedEvent(Record):
    """One line of an export.

    Attributes:
        type: what kind of event, as the line says it; "" where it does not.
        at: when; None where the line tells no absolute time.
        line: its number in the file, from 1.
        data: the whole line; one that is no object stands under `value`.
    """

    type: str = ""
    at: datetime | None = None
    line: int = 0
    data: dict[str, Any] = {}


@dataclass(slots=True)
class ExportCounts:
    """What a file held, as far as it has been read.

    Attributes:
        total: readable events.
        unreadable: lines that are no JSON, or too long or too deeply nested to be read.
        first_unreadable_lines: the numbers of the first few of those.
        earliest: time of the earliest event that tells one.
        latest: likewise.
        broken_off: the compressed file ends too early or is damaged from some point on.
        uncounted: events of further types, after the first thousand types.
        bytes: of the lines that were read, unpacked.
    """

    total: int = 0
    unreadable: int = 0
    first_unreadable_lines: list[int] = field(default_factory=list)
    earliest: datetime | None = None
    latest: datetime | None = None
    broken_off: bool = False
    uncounted: int = 0
    bytes: int = 0
    _types: Counter[str] = field(default_factory=Counter, repr=False)

    @property
    def by_type(self) -> Mapping[str, int]:
        """How many events there are of each type, the most frequent first."""
        return dict(sorted(self._types.items(), key=lambda item: (-item[1], item[0])))

    def add(self, event: ExportedEvent) -> None:
        """Count an event."""
        self.total += 1
        if event.type in self._types or len(self._types) < _MOST_TYPES:
            self._types[event.type] += 1
        else:
            self.uncounted += 1
        if event.at is not None:
            self.earliest = min(self.earliest or event.at, event.at)
            self.latest = max(self.latest or event.at, event.at)

    def miss(self, line: int) -> None:
        """Count a line that cannot be read."""
        self.unreadable += 1
        if len(self.first_unreadable_lines) < _FIRST_LINES:
            self.first_unreadable_lines.append(line)


def read_events(
    file: BinaryIO,
    *,
    at_most_bytes: int,
    counts: ExportCounts | None = None,
    longest_line: int = LONGEST_LINE,
    patient: bool = False,
) -> Iterator[ExportedEvent]:
    """Yield the events of an export, one after the other and in constant memory.

    Args:
        file: the export, plain or gzip, open for reading and seekable; read from its beginning.
        at_most_bytes: how long it may be, unpacked.
        counts: is told everything that is read, and what is not.
        longest_line: bytes of a line that is still read.
        patient: whether the caller takes the events as they come and may stop at any: then time does not matter, and
            lines only where so many follow each other without an event.

    Raises:
        ReplyTooLongError: it is longer, has too many lines or takes too long; the events before that were yielded.
    """
    counts = ExportCounts() if counts is None else counts
    effort = _Effort(patient=patient)
    file.seek(0)
    chunks = _bounded(_unpacked(file, counts), at_most_bytes)
    for number, line in enumerate(_lines(chunks, longest_line), 1):
        counts.bytes += len(line or b"")
        effort.check(number, len(line or b""))
        text = b"" if line is None else (line.removeprefix(_BOM) if number == 1 else line).strip()
        if line is not None and not text:
            continue
        event = _event(text, number)
        if event is None:
            counts.miss(number)
        else:
            counts.add(event)
            effort.heard(number)
            yield event


class _Effort:
    """How much is made for one file: so many lines, and so much time; with patience only lines without any event."""

    def __init__(self, *, patient: bool) -> None:
        self._patient = patient
        self._heard = 0
        self._until = math.inf if patient else time.monotonic() + LONGEST_READING_S

    def heard(self, number: int) -> None:
        """Note that a line was an event."""
        self._heard = number if self._patient else 0

    def check(self, number: int, size: int) -> None:
        """Give up where it was enough."""
        looks = number % _CHECKED_EVERY == 0 or size > _LONG
        if number - self._heard > MOST_LINES or (looks and time.monotonic() > self._until):
            raise ReplyTooLongError(
                f"The export has more than {MOST_LINES:,} lines or takes longer than {LONGEST_READING_S:g} s to read, "
                "which is as much as is read. Save the file as it is and read it with other means."
            )


def _unpacked(file: BinaryIO, counts: ExportCounts) -> Iterator[bytes]:
    """Yield a file's contents in pieces, unpacked where they are gzip."""
    chunk = file.read(_CHUNK)
    if not chunk.startswith(_GZIP):
        while chunk:
            yield chunk
            chunk = file.read(_CHUNK)
        return
    unpacker = zlib.decompressobj(_GZIP_ONLY)
    try:
        while chunk := chunk or file.read(_CHUNK):
            if unpacker.eof:  # files put one behind the other are one file; what else follows is padding
                if len(chunk) < len(_GZIP):
                    chunk += file.read(_CHUNK)
                if not chunk.startswith(_GZIP):
                    return
                unpacker = zlib.decompressobj(_GZIP_ONLY)
            if piece := unpacker.decompress(chunk, _CHUNK):
                yield piece
            chunk = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        counts.broken_off = not unpacker.eof
    except zlib.error:
        counts.broken_off = True


def _bounded(chunks: Iterator[bytes], at_most: int) -> Iterator[bytes]:
    """Pass pieces on until they are too many."""
    left = at_most
    for chunk in chunks:
        left -= len(chunk)
        if left < 0:
            raise ReplyTooLongError(
                f"The export holds more than {at_most:,} bytes once unpacked, which is as much as is read. "
                "Save the file as it is and read it with other means, or allow more."
            )
        yield chunk


def _lines(chunks: Iterator[bytes], longest: int) -> Iterator[bytes | None]:
    """Yield the lines, None for one that is too long."""
    kept = bytearray()
    too_long = False
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            whole = not too_long and len(kept) + len(end) <= longest
            yield bytes(kept) + end if whole else None
            kept.clear()
            too_long = False
        too_long = too_long or len(kept) + len(rest) > longest
        if too_long:
            kept.clear()
        else:
            kept += rest
    if kept or too_long:
        yield None if too_long else bytes(kept)


def _event(line: bytes, number: int) -> ExportedEvent | None:
    """Read a line; None when it cannot be."""
    try:
        value = json.loads(line.decode("utf-8", "replace"))
        if _HALF_PAIR.search(line):  # half of a surrogate pair could be written nowhere again
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    if line.count(b"{") + line.count(b"[") > _DEEPEST and _is_deep(value):
        return None
    data = value if isinstance(value, dict) else {"value": value}
    names = (data.get(key) for key in _TYPES)
    kind = next((name for name in names if isinstance(name, str) and name.strip()), "")
    times = (_instant(data.get(key)) for key in _TIMES)
    at = next((time for time in times if time is not None), None)
    return ExportedEvent(type=shorten(kind, _LONGEST_TYPE), at=at, line=number, data=data)


def _is_deep(value: Any) -> bool:
    """Tell whether brackets are nested too deeply."""
    level = [value]
    for _ in range(_DEEPEST + 1):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


def _instant(value: Any) -> datetime | None:
    """Read a time: epoch milliseconds, epoch seconds, or ISO 8601, which is UTC where it does not say."""
    if isinstance(value, str):
        text = value.strip()[:40]
        return _epoch(float(text)) if re.fullmatch(r"\d{9,15}(\.\d{1,9})?", text, re.ASCII) else _iso(text)
    return _epoch(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _epoch(number: float) -> datetime | None:
    # Seconds and milliseconds of these thousand years do not overlap; offsets from a start are smaller than both.
    if _FIRST_SECOND <= number < _LAST_SECOND:
        return _EPOCH + timedelta(seconds=number)
    if _FIRST_SECOND * 1000 <= number < _LAST_SECOND * 1000:
        return _EPOCH + timedelta(milliseconds=number)
    return None


def _iso(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
        moment = (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_SECOND <= moment.timestamp() < _LAST_SECOND else None
