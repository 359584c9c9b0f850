"""Single pictures of a video: what was to be seen at given moments."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from openreplay_tools.errors import UnavailableError, UnexpectedReplyError
from openreplay_tools.notte.containers import HEAD, container_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer

_LARGEST = 8192  # pixels of a side
_MOST_AT_ONCE = 4096 * 4096  # pixels of a picture; decoding holds several in memory
_MOST_PACKETS = 2_000_000  # nine hours of sixty pictures a second
_MOST_PIXELS = 5 * 10**10  # decoded in one call: half an hour of 1280×720 without a key frame in it
_QUALITY = 3  # of JPEG in FFmpeg's scale from 2, the best, to 31
# FFmpeg's names. It is told what to read: left to guess, it would follow a playlist's addresses and files' names.
_FORMATS = {"mp4": "mov", "ts": "mpegts", "webm": "matroska"}
# FFmpeg's decoders of what browsers' recordings come in. Some of the hundreds of others take far more memory.
_DECODERS = frozenset(
    {"h264", "hevc", "av1", "libdav1d", "libaom-av1", "vp8", "vp9", "libvpx", "libvpx-vp9", "mpeg4", "mpeg2video"}
)


@dataclass(frozen=True, slots=True)
class Picture:
    """What was to be seen at a moment.

    Attributes:
        asked_ms: the moment asked for, from the video's first picture.
        at_ms: when this picture appeared; earlier than asked for, much earlier where the video ended before.
        width: in pixels.
        height: in pixels.
        content: the file.
        media_type: the file's kind.
    """

    asked_ms: int
    at_ms: int
    width: int
    height: int
    content: bytes = field(repr=False)
    media_type: str = "image/jpeg"


def pictures_at(video: BinaryIO, offsets_ms: Sequence[int], width: int) -> list[Picture]:
    """Return what a video shows at some moments, in the order asked for.

    Args:
        video: an MP4, MPEG-TS or WebM file, open for reading and seekable.
        offsets_ms: from the first picture; a moment after the end shows the last picture.
        width: pixels that a picture is at most wide; none is enlarged.

    Raises:
        UnavailableError: the library is missing, or the video is of a kind or size that is not decoded here.
        UnexpectedReplyError: this is no video, or a broken one.
    """
    try:
        import av
    except ImportError:
        av = None  # type: ignore[assignment]
    if av is None:
        raise UnavailableError(
            "Taking pictures from a video needs a further library: pip install 'openreplay-tools[video]'. "
            "Or save the replay and watch it."
        )
    kind = _format_of(video)
    try:
        with av.open(video, "r", format=kind, options=_options()) as container:
            shown = _Reel(container).at(sorted(set(offsets_ms)), width)
    except (av.FFmpegError, ArithmeticError, LookupError, ValueError, RuntimeError, MemoryError):
        shown = None
    if shown is None:
        raise UnexpectedReplyError("The video is broken or incomplete. Fetch the replay again, or save and watch it.")
    return [shown[offset] for offset in offsets_ms]


def _options() -> dict[str, str]:
    """Return how FFmpeg is to open a file, which makes it decode a little already."""
    return {
        "protocol_whitelist": "",
        "codec_whitelist": ",".join(sorted(_DECODERS)),
        "max_pixels": str(_MOST_AT_ONCE),
    }


def _format_of(video: BinaryIO) -> str:
    video.seek(0)
    kind = container_of(video.read(HEAD))
    video.seek(0)
    if kind == "webp":
        raise UnavailableError(
            "The replay is an animated WebP, of which no pictures are taken here. Save it and open it in a browser."
        )
    if kind is None:
        raise UnexpectedReplyError("What came as the replay is no video. Fetch the replay again.")
    return _FORMATS[kind]


class _Key(NamedTuple):
    """When a key frame is shown and when it is decoded, by the video's clock."""

    pts: int
    dts: int


class _Reel:
    """A video that is wound to its key frames and shown forward from there."""

    def __init__(self, container: InputContainer) -> None:
        if not container.streams.video:
            raise UnexpectedReplyError("The file holds no video. Fetch the replay again.")
        self._container = container
        self._stream: VideoStream = container.streams.video[0]
        decoder = getattr(self._stream, "codec_context", None)
        if decoder is None or decoder.type != "video" or decoder.name not in _DECODERS:
            raise UnavailableError("The video's encoding is not decoded here. Save the replay and watch it.")
        self._check_size(self._stream.width, self._stream.height)
        self._check_size(decoder.width, decoder.height)
        self._sized = self._stream.width > 0
        decoder.options = {"max_pixels": str(_MOST_AT_ONCE)}  # a picture may be larger than the file says
        if self._stream.time_base is None:
            raise ValueError
        self._tick = self._stream.time_base * 1000
        self._pixels_left = _MOST_PIXELS
        # One pass over the file without decoding: most fragmented and transport streams have no index of their own.
        self._keys = sorted(self._key_frames())
        if not self._keys:
            raise ValueError

    def at(self, offsets_ms: list[int], width: int) -> dict[int, Picture]:
        """Return the pictures at moments that are in order."""
        pictures: dict[int, Picture] = {}
        frames: Iterator[VideoFrame] = iter(())
        shown: VideoFrame | None = None
        ahead: VideoFrame | None = None
        for offset in offsets_ms:
            key = self._key_before(offset)
            reached = ahead or shown
            # What lies before the next key frame is reached by going on, anything else by winding.
            if reached is None or key.pts > _pts(reached):
                frames = self._from(key)
                shown, ahead = None, next(frames, None)
            while ahead is not None and (shown is None or self._ms(ahead) <= offset):
                shown, ahead = ahead, next(frames, None)
            if shown is None:
                raise ValueError
            content, size = _jpeg(shown, width)
            pictures[offset] = Picture(offset, self._ms(shown), *size, content)
        return pictures

    def _key_frames(self) -> Iterator[_Key]:
        for number, packet in enumerate(self._container.demux(self._stream)):
            if number > _MOST_PACKETS:
                raise UnavailableError(
                    "The video is too long to take pictures from here. Save the replay and watch it."
                )
            if packet.is_keyframe and packet.pts is not None:
                yield _Key(packet.pts, packet.pts if packet.dts is None else packet.dts)

    def _key_before(self, offset_ms: int) -> _Key:
        """Return the last key frame that is shown by a moment, the first one where there is none."""
        place = bisect_right(self._keys, offset_ms, key=self._ms)
        return self._keys[max(0, place - 1)]

    def _from(self, key: _Key) -> Iterator[VideoFrame]:
        """Yield the frames from a key frame on."""
        for packet in self._wound(key):
            for frame in self._decoded(packet):
                self._check_size(frame.width, frame.height)
                self._pixels_left -= frame.width * frame.height
                if self._pixels_left < 0:
                    raise UnavailableError(
                        "Too much would have to be decoded for these pictures. Ask for fewer or earlier moments."
                    )
                # Behind a key frame may come frames that are shown before it and lean on what was not decoded.
                if frame.pts is not None and frame.pts >= key.pts:
                    yield frame

    def _decoded(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        from av import FFmpegError

        try:
            return packet.decode()
        except FFmpegError:
            if self._sized:
                raise
            # Opening the file has already failed to decode a little of it, and FFmpeg does not tell why.
            raise UnavailableError(
                f"The video is broken, or its pictures have more than {_MOST_AT_ONCE:,} pixels. Save the replay and "
                "watch it."
            ) from None

    def _wound(self, key: _Key) -> Iterator[Packet[VideoStream]]:
        """Yield the packets from a key frame on, or from an earlier one where seeking is that imprecise."""
        second = round(1000 / self._tick)
        # MP4 seeks by the time of showing, transport streams by that of decoding, and both may miss.
        for place in (key.pts, key.dts, key.dts - second, key.dts - 20 * second, self._keys[0].dts - second):
            self._container.seek(place, stream=self._stream)
            packets = self._container.demux(self._stream)
            first = next((packet for packet in packets if packet.is_keyframe and packet.pts is not None), None)
            if first is not None and (first.pts or 0) <= key.pts:
                yield first
                yield from packets
                return
        raise ValueError

    def _ms(self, frame: VideoFrame | _Key) -> int:
        """Return when a frame appears, in whole milliseconds from the first one."""
        return int((_pts(frame) - self._keys[0].pts) * self._tick)

    @staticmethod
    def _check_size(width: int, height: int) -> None:
        if max(width, height) > _LARGEST:
            raise UnavailableError(
                f"The video's pictures are larger than {_LARGEST} pixels. Save the replay and watch it."
            )
        if width * height > _MOST_AT_ONCE:
            raise UnavailableError(
                f"The video's pictures have more than {_MOST_AT_ONCE:,} pixels. Save the replay and watch it."
            )


def _pts(frame: VideoFrame | _Key) -> int:
    """Return when a frame is shown, by the video's clock."""
    return frame.pts or 0


def _jpeg(frame: VideoFrame, width: int) -> tuple[bytes, tuple[int, int]]:
    """Return a picture as a JPEG file of at most some width, and its width and height."""
    from av.video.codeccontext import VideoCodecContext

    wide = max(1, min(width, frame.width))
    high = max(1, round(frame.height * wide / frame.width))
    encoder = VideoCodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = wide, high, "yuvj420p"
    encoder.time_base = Fraction(1, 1000)  # any: a picture has no length
    encoder.qmin = encoder.qmax = _QUALITY
    picture = frame.reformat(
        wide, high, "yuvj420p", interpolation="AREA", dst_colorspace="ITU601", dst_color_range="JPEG"
    )
    picture.pts, picture.time_base = 0, encoder.time_base
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets), (wide, high)
