"""Playlists whose pieces can be joined, and the reasons why others are refused."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.errors import UnavailableError
from openreplay_tools.notte.playlist import Playlist, read_playlist

HOST = "https://media.example.com"
SECRET = "X-Signature=s3cr3t,with,commas&X-Expires=60"
HEAD = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:4", "#EXT-X-PLAYLIST-TYPE:VOD"]
END = "#EXT-X-ENDLIST"
MAP = f'#EXT-X-MAP:URI="{HOST}/init.mp4?{SECRET}"'


def piece(number, seconds="4.0", address=""):
    return [f"#EXTINF:{seconds},", address or f"{HOST}/{number}.ts?{SECRET}"]


def text(*lines, ending="\n"):
    return ending.join([*HEAD, *lines]) + ending


def refusal(playlist):
    with pytest.raises(UnavailableError) as caught:
        read_playlist(playlist)
    error = caught.value
    assert error.__context__ is None  # which would quote the playlist in a traceback
    return str(error)


def test_a_transport_stream_is_its_segments_in_order():
    read = read_playlist(text(*piece(0), *piece(1, "3.5"), *piece(2, "0.125"), END))
    assert read.addresses == tuple(f"{HOST}/{number}.ts?{SECRET}" for number in range(3))
    assert (read.segments, read.duration_ms, read.complete, read.mapped) == (3, 7625, True, False)


def test_a_fragmented_mp4_begins_with_its_initialisation_section():
    read = read_playlist(text(MAP, *piece(0), MAP, *piece(1), END))
    assert read.addresses == (f"{HOST}/init.mp4?{SECRET}", *(f"{HOST}/{number}.ts?{SECRET}" for number in range(2)))
    assert (read.segments, read.mapped) == (2, True)


def test_addresses_are_not_in_the_repr():
    assert SECRET not in repr(read_playlist(text(*piece(0))))


def test_without_its_end_a_playlist_is_incomplete():
    assert not read_playlist(text(*piece(0))).complete


@pytest.mark.parametrize(
    "playlist",
    [
        text(*piece(0), END, ending="\r\n"),
        "\ufeff" + text(*piece(0), END),
        "\n" + text(*piece(0), END) + "\n\n",
        text("", "# a comment", "#EXT-X-UNHEARD-OF:1", *piece(0), END),
        text("#EXT-X-KEY:METHOD=NONE", *piece(0), END),
        text("#EXT-X-DISCONTINUITY", *piece(0), END),
        text(*piece(0, address=f"HTTPS://media.example.com/0.ts?{SECRET}"), END),
    ],
)
def test_harmless_variations_are_read(playlist):
    assert read_playlist(playlist).segments == 1


@pytest.mark.parametrize(
    ("playlist", "reason"),
    [
        ("", "begin with #EXTM3U"),
        ("hello", "begin with #EXTM3U"),
        ("<html><body>#EXTM3U</body></html>", "begin with #EXTM3U"),
        ("#EXTINF:4,\nhttps://media.example.com/0.ts", "begin with #EXTM3U"),
        ("#EXTM3U8\n", "begin with #EXTM3U"),
        (text(), "lists no pieces"),
        (text(END), "lists no pieces"),
        (text("#EXT-X-STREAM-INF:BANDWIDTH=1280000", f"{HOST}/low.m3u8?{SECRET}"), "master playlist"),
        (text(f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{HOST}/a.m3u8"'), "master playlist"),
        (text(f'#EXT-X-KEY:METHOD=AES-128,URI="{HOST}/key?{SECRET}"', *piece(0), END), "encrypted"),
        (text(*piece(0), f'#EXT-X-KEY:METHOD=SAMPLE-AES,URI="{HOST}/key"', *piece(1), END), "encrypted"),
        (text("#EXT-X-BYTERANGE:1000@0", *piece(0), END), "byte ranges"),
        (text(f'#EXT-X-MAP:URI="{HOST}/i.mp4?{SECRET}",BYTERANGE="700@0"', *piece(0), END), "byte ranges"),
        (text(MAP, *piece(0), f'#EXT-X-MAP:URI="{HOST}/other.mp4"', *piece(1), END), "initialisation section"),
        (text(*piece(0), MAP, *piece(1), END), "initialisation section"),
        (text(*piece(0), "#EXT-X-DISCONTINUITY", *piece(1), END), "discontinuity"),
        (text(*piece(0), "#EXT-X-GAP", *piece(1), END), "leaves pieces out"),
        (text("#EXT-X-SKIP:SKIPPED-SEGMENTS=3", *piece(3), END), "leaves pieces out"),
        (text("#EXT-X-I-FRAMES-ONLY", *piece(0), END), "single pictures"),
        (text(*piece(0, address=f"0.ts?{SECRET}"), END), "relative"),
        (text(*piece(0, address=f"/0.ts?{SECRET}"), END), "relative"),
        (text(*piece(0, address=f"//media.example.com/0.ts?{SECRET}"), END), "relative"),
        (text(f'#EXT-X-MAP:URI="init.mp4?{SECRET}"', *piece(0), END), "relative"),
        (text(*piece(0), *piece(1, address="file:///etc/passwd"), END), "neither https nor http"),
        (text(*piece(0, address="data:video/mp2t;base64,R0c="), END), "neither https nor http"),
        (text(*piece(0, address="https:///0.ts"), END), "no address"),
        (text(*piece(0, address="https://[media/0.ts"), END), "no address"),
        (text(*piece(0, address=f"{HOST}/0.ts?a b"), END), "no address"),
        (text(*piece(0, address=f"{HOST}:port/0.ts"), END), "no address"),
        (text(*piece(0, "soon"), END), "cannot be read"),
        (text('#EXT-X-MAP:BYTERANGE="3"', *piece(0), END), "cannot be read"),
        (text(*piece(0, "nan"), END), "impossible length"),
        (text(*piece(0, "1e400"), END), "impossible length"),
        (text(*piece(0, "-1"), END), "impossible length"),
        (text(*piece(0), f"{HOST}/1.ts?{SECRET}", END), "some pieces have no length"),
        (text(*piece(0), "#EXTINF:4,", END), "some lengths no piece"),
        (text(*piece(0, address=f"{HOST}/0.ts\u2028?{SECRET}"), END), "some pieces have no length"),
    ],
)
def test_what_cannot_be_joined_is_refused_with_the_reason(playlist, reason):
    said = refusal(playlist)
    assert reason in said
    assert "console" in said
    assert HOST not in said
    assert "s3cr3t" not in said


def test_a_playlist_has_a_bounded_number_of_pieces():
    pieces = [line for number in range(20_001) for line in piece(number, address=f"{HOST}/{number}")]
    assert "more than 20,000 pieces" in refusal(text(*pieces))


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "m3u8", None)
    assert "pip install 'openreplay-tools[video]'" in refusal(text(*piece(0), END))


@pytest.mark.parametrize(
    ("seconds", "told", "length"),
    [
        ("20.0", None, (20_000, None)),
        ("20.0", 21_900, (21_900, None)),
        ("20.0", 22_200, (22_200, None)),  # 2.2 s are not a tenth of it
        ("20.0", 22_300, (20_000, 22_300)),
        ("20.0", 17_700, (20_000, 17_700)),
        ("10.0", 12_000, (12_000, None)),  # a sixth of it, but 2 s only
        ("10.0", 12_001, (10_000, 12_001)),
        ("20.0", 0, (20_000, None)),
        ("0", 20_000, (20_000, None)),  # such a playlist tells no length
        ("0", None, (0, None)),
    ],
)
def test_a_length_that_is_far_from_notte_s_is_told_beside_it(seconds, told, length):
    assert read_playlist(text(*piece(0, seconds), END)).length(told) == length


LINES = [
    *HEAD,
    END,
    MAP,
    *piece(0),
    "#EXTINF:x",
    "0.ts",
    "#EXT-X-KEY:METHOD",
    "#EXT-X-KEY:METHOD=AES-128",
    "#EXT-X-BYTERANGE:x@",
    "#EXT-X-STREAM-INF:",
    "#EXT-X-DISCONTINUITY",
    "#EXT-X-PROGRAM-DATE-TIME:soon",
    "#EXT-X-MEDIA-SEQUENCE:",
    "#EXT-X-PART:URI",
    "#EXT-X-DATERANGE:",
    "#EXT-X-CUE-OUT:",
]


@given(st.lists(st.sampled_from(LINES) | st.text(max_size=40), max_size=12))
def test_any_text_is_read_or_refused(lines):
    playlist = "\n".join(["#EXTM3U", *lines])
    try:
        read = read_playlist(playlist)
    except UnavailableError as error:
        read, said = None, str(error)
    if read is None:
        assert "s3cr3t" not in said
    else:
        assert isinstance(read, Playlist)
        assert len(read.addresses) == read.segments + read.mapped > 0
        assert all(address in playlist and "://" in address for address in read.addresses)
