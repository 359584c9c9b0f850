"""Videos told by their first bytes."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openreplay_tools.notte.containers import EXTENSIONS, HEAD, container_of
from openreplay_tools.recordings import Container

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
