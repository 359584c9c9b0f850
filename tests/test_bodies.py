"""A reply's bytes: unpacked a little at a time, bounded, and for the right taker."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from base64 import b64encode
from io import BytesIO

import httpx
import pytest

from openreplay_tools import wire
from openreplay_tools.bodies import _PIECE, Body, Unpacker
from openreplay_tools.connection import Connection
from openreplay_tools.downloads import Draft
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    ReplyTooLongError,
    RequestTimeoutError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.flow import Request, ask, fetch
from openreplay_tools.operation import Record
from tests.vendors import LOGROCKET_KEY, SIGNED, raw, said, settings

TEXT = b'{"name": "' + b"x" * 100_000 + b'"}'
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256))


class Named(Record):
    name: str = ""


LIST = Request("GET", ("sessions",), Named, via="notte")


class Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as a network brings it: in pieces, compressed as it is."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def __iter__(self):
        yield from self.pieces

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece


def streamed(*pieces, **headers):
    known = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda _: httpx.Response(200, stream=Stream(*pieces), headers=known)


def bare(content):
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(content) + squeeze.flush()


# --- compression ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coding", "pressed"),
    [
        ("", TEXT), ("identity", TEXT), ("gzip", gzip.compress(TEXT)), ("X-GZIP", gzip.compress(TEXT)),
        ("deflate", zlib.compress(TEXT)), ("deflate", bare(TEXT)),
    ],
    ids=["none", "identity", "gzip", "x-gzip", "deflate", "bare deflate"],
)  # fmt: skip
def test_one_compression_is_undone(make_driven, coding, pressed):
    cut = len(pressed) // 2
    headers = {"content_encoding": coding} if coding else {}
    client = make_driven(streamed(pressed[:cut], pressed[cut:], content_type="application/json", **headers))
    assert len(client.run(ask(LIST)).name) == 100_000


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip, br", "compress"])
def test_a_compression_that_nobody_asked_for_is_refused_at_once(make_driven, coding):
    client = make_driven(streamed(gzip.compress(TEXT), content_encoding=coding))
    with pytest.raises(UnexpectedReplyError, match="nobody asked for"):
        client.run(ask(LIST))
    assert len(client.requests) == 1


@pytest.mark.parametrize("coding", ["UTF-8", "none", "aws-chunked", "gzip,aws-chunked", "gzip, identity"])
def test_words_that_name_no_compression_do_not_matter(make_driven, coding):
    content = gzip.compress(TEXT) if "gzip" in coding else TEXT
    assert len(make_driven(streamed(content, content_encoding=coding)).run(ask(LIST)).name) == 100_000


def test_a_refusal_says_what_it_is_however_it_is_compressed(make_driven):
    def refused(_):
        return httpx.Response(401, stream=Stream(b"\x0b\x02\x80"), headers={"content-encoding": "br"})

    with pytest.raises(AuthenticationError):
        make_driven(refused).run(ask(LIST))


def whole(coding, content, cut):
    unpacker = Unpacker(coding)
    found = b"".join(piece for at in range(0, len(content), cut) for piece in unpacker.pieces(content[at : at + cut]))
    unpacker.end()
    return found


@pytest.mark.parametrize("size", [0, 1, 100, _PIECE - 1, _PIECE, _PIECE + 1, 2 * _PIECE + 1, 140_000])
@pytest.mark.parametrize("cut", [997, _PIECE, 10**7])
@pytest.mark.parametrize(
    "behind", [b"", b"\0", b"\0" * 3000, b"junk", b"\x1f"], ids=["", "nul", "nuls", "junk", "half"]
)
def test_lengths_pieces_and_padding_do_not_matter(size, cut, behind):
    """Past its end zlib gives the rest back again and again: a loop that does not look would never end."""
    content = b"a" * size
    for coding, pressed in (
        ("gzip", gzip.compress(content)),
        ("deflate", zlib.compress(content)),
        ("deflate", bare(content)),
    ):
        assert whole(coding, pressed + behind, cut) == content
    files = gzip.compress(content) + gzip.compress(b"two") + gzip.compress(content)
    assert whole("gzip", files + behind, cut) == content + b"two" + content


def test_a_compressed_body_may_come_byte_by_byte():
    for coding, pressed in (("gzip", gzip.compress(MP4) * 2), ("deflate", zlib.compress(MP4)), ("deflate", bare(MP4))):
        assert whole(coding, pressed, 1) == (MP4 * 2 if coding == "gzip" else MP4)


def test_what_unpacks_to_nothing_takes_its_time_too():
    body = Body(Connection(settings()), LIST, time.monotonic() - 1)
    body.open(200, {"content-encoding": "gzip"})
    with pytest.raises(RequestTimeoutError):
        body.add(b"\x1f")


def test_a_file_of_blanks_is_a_file(make_driven):
    draft = Draft(BytesIO(), 10_000)
    make_driven(streamed(b"\n", b" \n")).run(fetch(SIGNED, draft))
    assert draft.head() == b"\n \n"


def test_a_small_body_that_holds_a_very_large_one_is_unpacked_no_further_than_the_bound():
    bomb = gzip.compress(bytes(50 * 1024 * 1024))
    pieces = Unpacker("gzip").pieces(bomb)
    assert max(len(next(pieces)) for _ in range(20)) <= _PIECE
    body = Body(Connection(settings(max_reply_bytes=1024 * 1024)), LIST, time.monotonic() + 60)
    body.open(200, {"content-encoding": "gzip"})
    with pytest.raises(ReplyTooLongError):
        body.add(bomb)


@pytest.mark.parametrize("content", [gzip.compress(TEXT)[:-20], gzip.compress(TEXT)[:60]], ids=["its end", "more"])
def test_what_is_missing_of_a_compressed_body_is_noticed(make_driven, content):
    client = make_driven(streamed(content, content_encoding="gzip"), retries=0)
    with pytest.raises(TransportError, match="breaks off"):
        client.run(ask(LIST))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_broken_compression_is_noticed(make_driven, coding):
    client = make_driven(streamed(b"no such thing", content_encoding=coding), retries=0)
    with pytest.raises(TransportError, match="is broken"):
        client.run(ask(LIST))


def test_a_stored_file_is_unpacked_too(make_driven):
    draft = Draft(BytesIO(), 10_000)
    make_driven(streamed(gzip.compress(MP4), content_encoding="gzip")).run(fetch(SIGNED, draft))
    assert draft.head(1000) == MP4


# --- for whom ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lead", [b"\xef\xbb\xbf", b" \r\n", b"\n" * 900], ids=["mark", "blanks", "many"])
def test_data_is_told_from_a_video_by_its_first_byte_that_says_something(make_driven, lead):
    draft = Draft(BytesIO(), 10_000)
    request = Request("GET", ("sessions", "s", "replay"), Named, via="notte", into=draft)
    client = make_driven(streamed(lead, b'{"name"', b': "there"}'))
    assert client.run(ask(request)).name == "there"
    assert draft.size == 0


def test_blanks_alone_are_an_empty_answer_and_many_are_somebodys_bytes(make_driven):
    draft = Draft(BytesIO(), 10_000)
    request = Request("GET", ("sessions", "s", "replay"), Named, via="notte", into=draft)
    with pytest.raises(UnexpectedReplyError):
        make_driven(streamed(b"   ", b"  ")).run(ask(request))
    make_driven(streamed(b" " * 2000, content_type="video/mp4")).run(ask(request))
    assert draft.size == 2000


def test_a_look_has_the_calls_time_and_a_download_its_own():
    connection = Connection(settings(deadline=5, download_deadline=900))
    soon = time.monotonic() + 5
    look = Request("GET", ("sessions", "s", "replay"), Named, via="notte", into=Draft(BytesIO(), 10_000))
    assert connection.until(look, soon) == soon
    assert connection.until(Request("GET", (), Named, via="storage", address=SIGNED), soon) > soon + 800
    data, video = Body(connection, look, soon), Body(connection, look, soon)
    data.open(200, {"content-type": "application/json"})
    assert data.add(b"{}") == soon
    video.open(200, {"content-type": "video/mp4"})
    assert video.add(MP4) > soon + 800


def test_a_late_download_is_told_with_its_own_limit(make_driven):
    class Slow(Stream):
        def __iter__(self):
            yield MP4
            time.sleep(0.15)
            yield MP4

        async def __aiter__(self):
            yield MP4
            await asyncio.sleep(0.15)
            yield MP4

    look = Request("GET", ("sessions", "s", "replay"), Named, via="notte", into=Draft(BytesIO(), 10_000))
    slow = make_driven(lambda _: httpx.Response(200, stream=Slow()), deadline=0.05, download_deadline=0.1, retries=0)
    with pytest.raises(RequestTimeoutError, match=r"The download took longer than 0\.1 s"):
        slow.run(ask(look))


@pytest.mark.parametrize("status", [201, 204, 206])
def test_from_the_storage_only_a_whole_file_counts(make_driven, status):
    draft = Draft(BytesIO(), 10_000)
    with pytest.raises(Exception, match="storage"):
        make_driven(raw(b"" if status == 204 else MP4, status)).run(fetch(SIGNED, draft))
    assert draft.size == 0


# --- what must not be told, or reached --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    ["sekretlogrocket", "acme%3Ashop%3Asekretlogrocket", b64encode(LOGROCKET_KEY.encode()).decode().rstrip("=")],
)
def test_a_key_in_another_form_is_masked_too(make_driven, form):
    client = make_driven(said({"error": f"secret {form} unknown"}, 400))
    with pytest.raises(Exception, match="unknown") as caught:
        client.run(ask(Request("GET", ("highlights",), Named, via="logrocket")))
    assert form not in str(caught.value)
    assert "[masked]" in str(caught.value)


@pytest.mark.parametrize("part", ["../x", "..\\x", "a/../b", "./a", "a/.", "\ud800", ""])
def test_an_id_reaches_no_other_endpoint_of_a_vendor(part):
    with pytest.raises(ArgumentsError):
        wire.path(("users", part), slashes=True)


def test_an_id_with_a_slash_is_one_part_of_a_vendors_path():
    assert wire.path(("users", "team/eve"), slashes=True) == "users/team%2Feve"
    assert wire.path(("users", "a..b"), slashes=True) == "users/a..b"
