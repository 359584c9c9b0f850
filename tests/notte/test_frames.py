"""Pictures of videos: the right one, of the right size, whatever the container; and nothing but our own errors."""

import io
import random
import sys
from fractions import Fraction

import av
import pytest

from openreplay_tools.errors import OpenReplayToolsError, UnavailableError, UnexpectedReplyError
from openreplay_tools.notte import frames
from openreplay_tools.notte.frames import pictures_at
from openreplay_tools.notte.playlist import read_playlist

WIDTH, HEIGHT, FRAMES, RATE, GROUP = 64, 36, 40, 10, 10
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
BRIGHT = 219  # steps from black to white in a video


def grey(number):
    """How bright the picture of this number is; a step of five is told apart after two lossy encodings."""
    return number * 5 % (BRIGHT + 1)


def film(kind, *, codec="libx264", count=FRAMES, group=GROUP, late=0, size=(WIDTH, HEIGHT), options=None, target=None):
    """A video whose picture number n is `grey(n)`; with frames that are decoded before they are shown, if it can."""
    target = target or io.BytesIO()
    with av.open(target, "w", format=kind, options=options or {}) as container:
        stream = container.add_stream(codec, rate=RATE)
        (stream.width, stream.height), stream.pix_fmt, stream.gop_size = size, "yuv420p", group
        stream.bit_rate = 2_000_000  # in which even MPEG-4 keeps shades apart
        stream.max_b_frames = 0 if codec == "libvpx" else 2
        stream.options = {"sc_threshold": "0", "preset": "ultrafast", "bf": "2"} if codec == "libx264" else {}
        for number in range(count):
            frame = av.VideoFrame(*size, "yuv420p")
            for plane, value in zip(frame.planes, (16 + grey(number), 128, 128), strict=True):
                plane.update(bytes([value]) * plane.buffer_size)
            frame.pts, frame.time_base = late + number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue() if isinstance(target, io.BytesIO) else b""


def seen(picture):
    """The number of the picture, by its brightness."""
    with av.open(io.BytesIO(picture.content), format="mjpeg") as container:
        (image,) = container.decode(video=0)
        assert (image.width, image.height) == (picture.width, picture.height)
        bright = bytes(image.planes[0])[0] * BRIGHT / 255
    return round(bright / 5)


KINDS = {
    "mp4": lambda: film("mp4"),
    "mp4 that begins late": lambda: film("mp4", late=50),
    "mp4 with one key frame": lambda: film("mp4", group=1000),
    "fragmented mp4": lambda: film("mp4", options=FRAGMENTED),
    "ts": lambda: film("mpegts"),
    "ts that begins after two hours": lambda: film("mpegts", late=72_000),
    "ts in mpeg-4": lambda: film("mpegts", codec="mpeg4"),
    "webm": lambda: film("webm", codec="libvpx"),
}


@pytest.fixture(scope="module", params=list(KINDS))
def video(request):
    return KINDS[request.param]()


@pytest.fixture(scope="module")
def mp4():
    return film("mp4")


def test_the_picture_is_the_one_that_is_shown_then(video):
    asked = [3900, 0, 99, 100, 150, 1999, 2000, 100, 2350]
    pictures = pictures_at(io.BytesIO(video), asked, WIDTH)
    assert [picture.asked_ms for picture in pictures] == asked
    assert [picture.at_ms for picture in pictures] == [3900, 0, 0, 100, 100, 1900, 2000, 100, 2300]
    assert [seen(picture) for picture in pictures] == [39, 0, 0, 1, 1, 19, 20, 1, 23]


def test_each_single_picture_can_be_had_by_itself(video):
    found = [seen(pictures_at(io.BytesIO(video), [number * 100 + 50], WIDTH)[0]) for number in range(0, FRAMES, 3)]
    assert found == list(range(0, FRAMES, 3))


def test_after_the_end_stands_the_last_picture_and_says_so(video):
    first, last = pictures_at(io.BytesIO(video), [99_999, 10**12], WIDTH)
    assert (first.at_ms, last.at_ms) == (3900, 3900)
    assert seen(first) == seen(last) == 39


@pytest.mark.parametrize("kind", ["mpegts", "fmp4"])
def test_a_joined_replay_plays(kind, tmp_path):
    film(
        "hls",
        target=str(tmp_path / "replay.m3u8"),
        options={"hls_time": "1", "hls_list_size": "0", "hls_segment_type": kind},
    )
    listed = (tmp_path / "replay.m3u8").read_text("utf-8")
    names = {path.name for path in tmp_path.iterdir()} - {"replay.m3u8"}
    for name in names:
        listed = listed.replace(name, f"https://media.example.com/{name}")
    playlist = read_playlist(listed)
    assert (playlist.segments, playlist.duration_ms, playlist.mapped) == (4, 4000, kind == "fmp4")
    pieces = [tmp_path / address.rpartition("/")[2] for address in playlist.addresses]
    joined = b"".join(piece.read_bytes() for piece in pieces)
    with av.open(io.BytesIO(joined)) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    pictures = pictures_at(io.BytesIO(joined), [0, 1500, 3950], WIDTH)
    assert [(seen(picture), picture.at_ms) for picture in pictures] == [(0, 0), (15, 1500), (39, 3900)]


@pytest.mark.parametrize(
    ("width", "size"), [(16, (16, 9)), (33, (33, 19)), (WIDTH, (64, 36)), (4000, (64, 36)), (1, (1, 1))]
)
def test_pictures_shrink_to_the_width_and_never_grow(mp4, width, size):
    (picture,) = pictures_at(io.BytesIO(mp4), [0], width)
    assert (picture.width, picture.height) == size
    assert picture.media_type == "image/jpeg"
    assert picture.content.startswith(b"\xff\xd8\xff")
    assert picture.content.endswith(b"\xff\xd9")
    assert "content" not in repr(picture)
    assert seen(picture) == 0


def test_colours_are_kept():
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        (stream.width, stream.height), stream.pix_fmt = (WIDTH, HEIGHT), "yuv420p"
        frame = av.VideoFrame.from_bytes(bytes([200, 40, 90, 255]) * WIDTH * HEIGHT, WIDTH, HEIGHT)
        container.mux([*stream.encode(frame.reformat(format="yuv420p")), *stream.encode(None)])
    (picture,) = pictures_at(target, [0], WIDTH)
    with av.open(io.BytesIO(picture.content), format="mjpeg") as container:
        (image,) = container.decode(video=0)
    shown = bytes(image.reformat(format="rgb24").planes[0])[:3]
    assert all(abs(a - b) <= 6 for a, b in zip(shown, (200, 40, 90), strict=True))


@pytest.mark.parametrize("kind", [{"kind": "mp4"}, {"kind": "mp4", "options": FRAGMENTED}, {"kind": "mpegts"}])
def test_a_long_video_is_wound_and_not_watched(kind, monkeypatch):
    video = film(**kind, count=600)
    # As much as some groups of pictures, not as much as the whole.
    monkeypatch.setattr(frames, "_MOST_PIXELS", WIDTH * HEIGHT * 4 * GROUP)
    pictures = pictures_at(io.BytesIO(video), [30_000, 30_050, 59_900], WIDTH)
    assert [picture.at_ms for picture in pictures] == [30_000, 30_000, 59_900]
    monkeypatch.setattr(frames, "_MOST_PIXELS", WIDTH * HEIGHT * GROUP)
    with pytest.raises(UnavailableError, match="fewer or earlier moments"):
        pictures_at(io.BytesIO(video), [9_900, 30_900, 59_900], WIDTH)


def test_pictures_may_be_too_large(mp4, monkeypatch):
    monkeypatch.setattr(frames, "_LARGEST", WIDTH - 1)
    with pytest.raises(UnavailableError, match="larger than 63 pixels"):
        pictures_at(io.BytesIO(mp4), [0], WIDTH)


def test_a_video_may_be_too_long(mp4, monkeypatch):
    monkeypatch.setattr(frames, "_MOST_PACKETS", FRAMES - 1)
    with pytest.raises(UnavailableError, match="too long"):
        pictures_at(io.BytesIO(mp4), [0], WIDTH)


def test_an_unknown_encoding_is_unavailable(mp4):
    with pytest.raises(UnavailableError, match="encoding"):
        pictures_at(io.BytesIO(mp4.replace(b"avc1", b"zzzz")), [0], WIDTH)


def test_an_animated_webp_is_unavailable():
    with pytest.raises(UnavailableError, match="WebP"):
        pictures_at(io.BytesIO(b"RIFF\x10\0\0\0WEBPVP8X"), [0], WIDTH)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not found",
        b"<html></html>" * 100,
        # FFmpeg left to guess would open what these name.
        b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    ],
)
def test_what_is_no_video_is_unexpected(content):
    with pytest.raises(UnexpectedReplyError, match="is no video"):
        pictures_at(io.BytesIO(content), [0], WIDTH)


def test_a_file_of_sound_holds_no_video():
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 8000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux([*stream.encode(frame), *stream.encode(None)])
    with pytest.raises(UnexpectedReplyError, match="holds no video"):
        pictures_at(target, [0], WIDTH)


def test_a_video_without_its_end_is_broken(mp4):
    with pytest.raises(UnexpectedReplyError, match="broken"):
        pictures_at(io.BytesIO(mp4[: len(mp4) // 2]), [0], WIDTH)


def test_no_damage_raises_anything_but_our_own_errors(video):
    chance = random.Random(8)
    outcomes = set()
    for _ in range(25):
        damaged = bytearray(video)
        for _ in range(chance.choice([1, 5, 30])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            outcomes.add(len(pictures_at(io.BytesIO(damaged), [0, 2500, 9999], WIDTH)))
        except OpenReplayToolsError:
            outcomes.add(0)
    assert outcomes <= {0, 3}


def test_without_the_library_the_extra_is_named(mp4, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UnavailableError, match=r"pip install 'openreplay-tools\[video\]'"):
        pictures_at(io.BytesIO(mp4), [0], WIDTH)
