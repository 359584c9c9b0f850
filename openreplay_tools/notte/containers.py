"""What kind of video some bytes are, told by their beginning: addresses and media types promise what they like."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.recordings import Container

EXTENSIONS: Mapping[Container, str] = MappingProxyType({"mp4": ".mp4", "ts": ".ts", "webp": ".webp", "webm": ".webm"})
NAMES: Mapping[Container, str] = MappingProxyType(
    {"mp4": "MP4", "ts": "MPEG transport stream", "webp": "animated WebP", "webm": "WebM"}
)
HEAD = 377  # bytes that are enough for `container_of`

# Boxes that an MP4, or a piece of a fragmented one, may begin with (ISO/IEC 14496-12).
_BOXES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"sidx", b"mdat", b"free", b"skip", b"wide", b"pdin", b"emsg"})
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
