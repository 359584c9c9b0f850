"""Videos told by their first bytes."""

import io
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.notte.containers import EXTENSIONS, HEAD, container_of, is_whole_mp4, piece_fits
from openreplay_tools.recordings import Container
from openreplay_tools.sandbox.notte_replays import FRAGMENTS, media

PACKET = b"\x47" + bytes(187)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\0\0\0\x20ftypisom", "mp4"),
        (b"\0\0\0\x18stypmsdh", "mp4"),
        (b"\0\0\0\x64moof", "mp4"),
        (b"\0\0\x03\xe8moov", "mp4"),
        (PACKET, "ts"),
        (PACKET * 2, "ts"),
        (PACKET * 3 + b"cut", "ts"),
        (b"RIFF\x10\0\0\0WEBPVP8X", "webp"),
        (b"\x1a\x45\xdf\xa3\x01", "webm"),
        (b"", None),
        (b"\x47", None),
        (b"Gateway timeout", None),
        (b"Gone. " * 100, None),
        (PACKET + b"\0" * 188, None),
        (PACKET * 2 + b"\0" * 188, None),
        (b"RIFF\x10\0\0\0WAVE", None),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", None),
        (b'{"detail": "not found"}', None),
        (b"<html>", None),
        (b"not found", None),
    ],
)
def test_a_container_is_told_by_the_first_bytes(head, expected):
    assert container_of(head) == expected


@given(st.binary(max_size=600))
def test_a_whole_file_is_told_as_its_head_is(content):
    assert container_of(content) == container_of(content[:HEAD])


def test_every_container_has_an_extension():
    assert set(EXTENSIONS) == set(get_args(Container))
    assert all(extension == f".{container}" for container, extension in EXTENSIONS.items())


WHOLE, INIT = media("replay.mp4"), media("init.mp4")
FRAGMENTED = INIT + b"".join(map(media, FRAGMENTS))


def box(name, content=b"", size=None):
    return (len(content) + 8 if size is None else size).to_bytes(4, "big") + name + content


def large(name, content=b"", size=None):
    return box(name, (len(content) + 16 if size is None else size).to_bytes(8, "big") + content, 1)


def is_whole(content):
    return is_whole_mp4(io.BytesIO(content), len(content))


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        FRAGMENTED,
        box(b"ftyp") + box(b"moov") + large(b"mdat", b"12345"),
        large(b"ftyp") + box(b"moov") + box(b"mdat", b"to the end", 0),
        box(b"mdat", b"12") + box(b"moov"),
        box(b"moov") + box(b"mdat") + box(b"\xa9new"),
        box(b"moov") + box(b"mdat") * 200_000,
    ],
)
def test_a_whole_mp4_is_told(content):
    assert is_whole(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        INIT,
        box(b"ftyp") + box(b"mdat", b"12"),
        media(FRAGMENTS[0]),
        media(FRAGMENTS[0]) + INIT,
        WHOLE + b"\0",
        WHOLE + box(b"free")[:7],
        WHOLE + large(b"free")[:12],
        WHOLE + box(b"free", size=7),
        WHOLE + large(b"free", size=15),
        WHOLE + large(b"free", size=2**64 - 1),
        WHOLE + box(b"free", size=2**32 - 1),
        box(b"moov") + box(b"mdat") * 250_000,
    ],
)
def test_an_mp4_that_lacks_something_is_told(content):
    assert not is_whole(content)


def test_an_mp4_is_not_whole_wherever_it_is_cut():
    assert not any(is_whole(WHOLE[:at]) for at in range(len(WHOLE)))
    ends = [at for at in range(len(FRAGMENTED)) if is_whole(FRAGMENTED[:at])]
    assert len(ends) == len(FRAGMENTS) - 1  # between two fragments only, which nothing tells


@given(st.binary(max_size=300))
def test_any_bytes_are_whole_or_not(content):
    assert is_whole(content) in {True, False}
    assert not is_whole(b"\0\0\0\0moov" + content)


TS, M4S, WEBP = PACKET * 3, media(FRAGMENTS[0]), b"RIFF\x10\0\0\0WEBPVP8X"
WORDS = [b"", b"<?xml version='1.0'?><Error/>", b'{"error": "SlowDown"}', b"Gone. " * 99, b"#EXTM3U\n"]


@pytest.mark.parametrize(
    ("head", "place", "count", "mapped", "fits"),
    [
        (TS, 0, 2, False, True),
        (TS, 1, 2, False, True),
        (TS, 0, 1, False, True),
        (WHOLE, 0, 1, False, True),
        (WEBP, 0, 1, False, True),
        (WHOLE, 0, 2, False, False),
        (WEBP, 1, 2, False, False),
        (M4S, 0, 1, False, False),
        (M4S, 1, 2, False, False),
        (INIT, 0, 2, True, True),
        (M4S, 1, 2, True, True),
        (box(b"moof"), 1, 2, True, True),
        (box(b"prft"), 1, 2, True, True),
        (M4S, 0, 2, True, False),
        (TS, 0, 2, True, False),
        (TS, 1, 2, True, False),
        (WHOLE, 1, 2, True, False),
        (INIT, 1, 2, True, False),
        (box(b"moov"), 1, 2, True, False),
        *((word, place, 2, mapped, False) for word in WORDS for place in (0, 1) for mapped in (True, False)),
    ],
)
def test_a_piece_fits_where_one_video_comes_of_it(head, place, count, mapped, fits):
    assert piece_fits(head[:HEAD], place, count, mapped=mapped) is fits
