"""A reply's bytes: unpacked a little at a time, bounded, and for the right taker."""

from __future__ import annotations

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
from openreplay_tools.errors import ArgumentsError, ReplyTooLongError, TransportError, UnexpectedReplyError
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


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip,identity", "compress"])
def test_a_compression_that_nobody_asked_for_is_refused_at_once(make_driven, coding):
    client = make_driven(streamed(gzip.compress(TEXT), content_encoding=coding))
    with pytest.raises(UnexpectedReplyError, match="nobody asked for"):
        client.run(ask(LIST))
    assert len(client.requests) == 1


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
