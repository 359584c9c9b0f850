"""An HLS playlist as Notte hands it out: the text of a list whose lines are pre-signed addresses of a video's pieces.

https://datatracker.ietf.org/doc/html/rfc8216
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from openreplay_tools.errors import UnavailableError
from openreplay_tools.windows import format_offset

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SEGMENTS = 20_000  # a day in pieces of four seconds
_LONGEST_SEGMENT = 86_400  # seconds
_LONGEST_LINE = 8 * 1024  # characters; a pre-signed address has one or two thousand
_FURTHER_LINES = 1000  # beside four for each piece: its length, its address, and what may be said of it
_APART_MS, _APART = 2000, 0.1  # lengths that differ by more than both, in milliseconds and in parts, are others
_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # where m3u8 begins a new line
_INSTEAD = "Watch the replay in Notte's console."


@dataclass(frozen=True, slots=True)
class Playlist:
    """What there is to fetch.

    Attributes:
        addresses: pre-signed, so secrets: the initialisation section if there is one, then the segments in order.
        segments: how many of them are segments.
        duration_ms: of all segments, as the playlist says it.
        complete: whether it says that no more will come; without that the recording may lack its end.
        mapped: whether the first address is an initialisation section (fragmented MP4).
    """

    addresses: tuple[str, ...] = field(repr=False)
    segments: int
    duration_ms: int
    complete: bool
    mapped: bool

    def length(self, told_ms: int | None) -> tuple[int, int | None]:
        """Return the video's length, and the one that Notte tells where that is quite another.

        Args:
            told_ms: what Notte tells beside the playlist.
        """
        if not told_ms or not self.duration_ms:  # 0 tells nothing
            return told_ms or self.duration_ms, None
        apart = abs(told_ms - self.duration_ms)
        if apart > max(_APART_MS, _APART * max(told_ms, self.duration_ms)):
            return self.duration_ms, told_ms
        return told_ms, None


def doubt(told_ms: int | None) -> str:
    """Return why a joined recording may be incomplete.

    Args:
        told_ms: Notte's other length; see `Playlist.length`.
    """
    if told_ms is None:
        return "The playlist does not say that it has an end: the recording may be incomplete."
    return f"Notte tells another length than its playlist, {format_offset(told_ms)}: the recording may be incomplete."


def read_playlist(text: str) -> Playlist:
    """Read a playlist whose pieces can be joined by putting them one behind the other.

    Args:
        text: the playlist.

    Raises:
        UnavailableError: it is none, or joining its pieces so would give no video; the text never quotes it.
    """
    text = text.removeprefix("\ufeff").strip()
    # m3u8 takes any text for a playlist without segments.
    if text.split(maxsplit=1)[:1] != ["#EXTM3U"]:
        raise _refused("does not begin with #EXTM3U and so is none")
    if reason := _excess(text):
        raise _refused(reason)
    parsed = _parsed(text)
    reason = "cannot be read" if parsed is None else next(_reasons(parsed, text), "")
    if parsed is None or reason:
        raise _refused(reason)
    first = parsed.segments[0].init_section
    segments = [segment.uri for segment in parsed.segments]
    addresses = [first.uri, *segments] if first else segments
    if reason := next(filter(None, map(_unusable, addresses)), ""):
        raise _refused(reason)
    seconds = math.fsum(segment.duration for segment in parsed.segments)
    return Playlist(tuple(addresses), len(segments), round(seconds * 1000), bool(parsed.is_endlist), bool(first))


def pieces(count: int) -> str:
    """Return a number of pieces in words."""
    return f"{count:,} piece{'s' * (count != 1)}"


def _excess(text: str) -> str:
    """Return why a text is too much for m3u8, which would take memory and time for every line; "" when it is not."""
    segments = text.count("#EXTINF")
    if segments > _MOST_SEGMENTS:
        return f"has more than {_MOST_SEGMENTS:,} pieces"
    # Counted before they are taken apart.
    lines = sum(map(text.count, _BREAKS)) - text.count("\r\n") + 1
    if lines > 4 * segments + _FURTHER_LINES:
        return "has far more lines than pieces"
    if max(map(len, text.splitlines())) > _LONGEST_LINE:
        return f"has lines of more than {_LONGEST_LINE:,} characters"
    return ""


def _parsed(text: str) -> Any:
    """Return what m3u8 makes of a text, None when it cannot read it."""
    try:
        import m3u8  # type: ignore[import-untyped]
    except ImportError:
        m3u8 = None
    if m3u8 is None:
        raise UnavailableError(
            "Joining a replay that comes in pieces (HLS) needs a further library: pip install "
            f"'openreplay-tools[video]'. {_INSTEAD}"
        )
    try:
        return m3u8.loads(text)
    except Exception:  # noqa: BLE001 - bare ValueErrors, TypeErrors and more, whose texts quote the playlist
        return None


def _reasons(parsed: Any, text: str) -> Iterator[str]:
    """Yield why joining would give no video, the plainest reason first."""
    if parsed.is_variant or parsed.playlists or parsed.iframe_playlists or parsed.media:
        yield "is a master playlist, which lists other playlists and no video"
    if not parsed.segments:
        yield "lists no pieces"
    if any(key is not None and key.method != "NONE" for key in parsed.keys):
        yield "is encrypted"
    if parsed.is_i_frames_only or parsed.is_images_only:
        yield "holds single pictures only"
    yield from _breaks(parsed.segments)
    # m3u8 drops an address without #EXTINF before it, and keeps a length without an address behind it.
    addresses = sum(not line.startswith("#") for line in map(str.strip, text.splitlines()) if line)
    if addresses != len(parsed.segments) or not all(each.uri for each in parsed.segments):
        yield "is malformed (some pieces have no length, or some lengths no piece)"
    if not all(0 <= each.duration <= _LONGEST_SEGMENT for each in parsed.segments):
        yield "is malformed (a piece has an impossible length)"
    if parsed.skip or any(each.gap_tag for each in parsed.segments):
        yield "leaves pieces out"


def _breaks(segments: Any) -> Iterator[str]:
    """Yield why pieces put one behind the other would not be one file."""
    sections = [each.init_section for each in segments]
    if any(each.byterange for each in (*segments, *filter(None, sections))):
        yield "takes them out of larger files (byte ranges)"
    if len({each.uri if each else None for each in sections}) > 1:
        yield "changes its initialisation section on the way"
    # A break before the first piece separates nothing here.
    if any(each.discontinuity for each in segments[1:]):
        yield "has a discontinuity, so that they are not one video"


def _unusable(address: str) -> str:
    """Return why nothing can be fetched from an address, "" when something can."""
    try:
        parts = urlsplit(address)
        whole = bool(parts.hostname) and parts.port != 0 and address.isprintable() and " " not in address
    except ValueError:
        return "holds something that is no address"
    if not parts.scheme:
        return "holds relative addresses, and nobody tells what they are relative to"
    if parts.scheme not in {"http", "https"}:
        return "holds addresses that are neither https nor http"
    return "" if whole else "holds something that is no address"


def _refused(reason: str) -> UnavailableError:
    return UnavailableError(f"The pieces of this replay cannot be joined: their playlist {reason}. {_INSTEAD}")
