"""What kind of video some bytes are, and whether all of it is there: addresses and media types promise anything."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from openreplay_tools.recordings import Container

EXTENSIONS: Mapping[Container, str] = MappingProxyType({"mp4": ".mp4", "ts": ".ts", "webp": ".webp", "webm": ".webm"})
NAMES: Mapping[Container, str] = MappingProxyType(
    {"mp4": "MP4", "ts": "MPEG transport stream", "webp": "animated WebP", "webm": "WebM"}
)
HEAD = 377  # bytes that are enough for `container_of`

# Boxes that an MP4, or a piece of a fragmented one, may begin with (ISO/IEC 14496-12).
_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"mdat", b"free", b"skip", b"wide", b"pdin", b"emsg"})
# Boxes that a piece of a fragmented MP4 begins with, behind its initialisation section (ISO/IEC 14496-12, 8.16).
_FRAGMENT = frozenset({b"styp", b"moof", b"sidx", b"ssix", b"emsg", b"prft"})
_MOST_BOXES = 250_000  # side by side: a dozen for each piece of the longest playlist
_SIZED = 8  # bytes of a box's size and name
_LARGE = 16  # where the size has 64 bits
_PACKET = 188  # bytes of an MPEG transport stream's packet, each of which begins with 0x47
_SYNC = 0x47
_EBML = b"\x1a\x45\xdf\xa3"


def container_of(head: bytes) -> Container | None:
    """Tell a video's container by its first bytes.

    Args:
        head: the file's beginning, best `HEAD` bytes of it; a transport stream is told from one packet (188 bytes) on.

    Returns:
        None when it is none of those that Notte is known to send.
    """
    if head[4:8] in _BOXES:
        return "mp4"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:4] == _EBML:
        return "webm"
    # 0x47 is the letter G as well: what ends before its first packet does is a text.
    if len(head) >= _PACKET and all(head[at] == _SYNC for at in range(0, min(len(head), HEAD), _PACKET)):
        return "ts"
    return None


def piece_fits(head: bytes, place: int, count: int, *, mapped: bool) -> bool:
    """Tell whether a piece may stand where it does in a file that is joined of pieces.

    Args:
        head: the piece's beginning, `HEAD` bytes of it.
        place: among all of them, from 0.
        count: how many there are.
        mapped: whether the first one is an initialisation section.
    """
    kind, box = container_of(head), head[4:8]
    if mapped:
        return box in _FRAGMENT if place else box == b"ftyp"
    # Files put one behind the other are no file, but for transport streams.
    return kind == "ts" or (count == 1 and (kind in {"webp", "webm"} or box == b"ftyp"))


def is_whole_mp4(file: IO[bytes], size: int) -> bool:
    """Tell whether an MP4 has all its parts, as far as the sizes of its outermost boxes tell.

    Args:
        file: open for reading and seekable; afterwards it stands somewhere.
        size: of the file, in bytes.
    """
    seen: set[bytes] = set()
    name = b""
    for name in _boxes(file, size):
        if not name or (name == b"moof" and b"moov" not in seen):
            return False
        seen.add(name)
    # What tells of a fragment comes before it.
    return {b"moov", b"mdat"} <= seen and name not in _FRAGMENT


def _boxes(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the names of a file's outermost boxes, b"" as the last one where they do not end where the file does."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at == size:
            return
        file.seek(at)
        start = file.read(_LARGE)
        length, least = int.from_bytes(start[:4], "big"), _SIZED
        if length == 1:
            length, least = int.from_bytes(start[_SIZED:], "big"), _LARGE
        elif length == 0:  # to the end
            length = size - at
        if len(start) < least or not least <= length <= size - at:
            break
        yield start[4:_SIZED]
        at += length
    if at != size:
        yield b""
