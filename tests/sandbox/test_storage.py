"""Pre-signed addresses: what they open, for how long, and S3's words when they do not."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta

import httpx
import pytest

from openreplay_tools.sandbox import FIXED_NOW, Sandbox


@pytest.fixture
def storage(sandbox):
    sandbox.storage.put("clips/a b&ü.txt", b"0123456789", "text/plain")
    return sandbox.storage


@pytest.fixture(scope="module")
def bare():
    with httpx.Client() as client:
        yield client


def refusal(reply):
    assert reply.headers["Content-Type"] == "application/xml"
    return reply.status_code, *re.search(r"<Code>(.*)</Code><Message>(.*?)[.;<]", reply.text).groups()


def test_signed_address_opens_a_file(storage, bare):
    url = storage.sign("clips/a b&ü.txt")
    assert "/storage/clips/a%20b%26%C3%BC.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&" in url
    reply = bare.get(url)
    assert (reply.status_code, reply.content) == (200, b"0123456789")
    assert (reply.headers["Content-Type"], reply.headers["Content-Length"]) == ("text/plain", "10")


def test_encoded_file_says_so_and_another_does_not(storage, bare):
    packed = gzip.compress(b"lines", mtime=0)
    storage.put("said", packed, encoding="gzip")
    storage.put("unsaid", packed)
    assert bare.get(storage.sign("said")).content == b"lines"
    assert bare.get(storage.sign("unsaid")).content == packed


def test_file_is_made_at_the_first_look_and_kept(storage, bare):
    made = []
    storage.put("lazy", lambda: made.append(1) or b"late")
    url = storage.sign("lazy")
    assert not made
    assert [bare.get(url).content for _ in range(2)] == [b"late"] * 2
    assert made == [1]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("bytes=2-4", (206, b"234", "bytes 2-4/10")),
        ("bytes=7-", (206, b"789", "bytes 7-9/10")),
        ("bytes=-2", (206, b"89", "bytes 8-9/10")),
        ("bytes=8-99", (206, b"89", "bytes 8-9/10")),
        ("bytes=-", (200, b"0123456789", None)),
        ("lines=1-2", (200, b"0123456789", None)),
    ],
)
def test_part_of_a_file(storage, bare, asked, answer):
    reply = bare.get(storage.sign("clips/a b&ü.txt"), headers={"Range": asked})
    assert (reply.status_code, reply.content, reply.headers.get("Content-Range")) == answer


def test_part_beyond_the_end_is_refused(storage, bare):
    reply = bare.get(storage.sign("clips/a b&ü.txt"), headers={"Range": "bytes=10-"})
    assert refusal(reply) == (416, "InvalidRange", "The requested range is not satisfiable")


def test_address_expires_by_the_sandbox_clock(storage, bare):
    an_hour_ago = FIXED_NOW - timedelta(hours=1)
    assert bare.get(storage.sign("clips/a b&ü.txt", 3600, starting=an_hour_ago)).status_code == 200
    reply = bare.get(storage.sign("clips/a b&ü.txt", 3599, starting=an_hour_ago))
    assert refusal(reply) == (403, "AccessDenied", "Request has expired")
    assert "<Expires>2026-11-20T18:14:59Z</Expires><ServerTime>2026-11-20T18:15:00Z</ServerTime>" in reply.text
    tomorrow = storage.sign("clips/a b&ü.txt", starting=FIXED_NOW + timedelta(days=1))
    assert refusal(bare.get(tomorrow)) == (403, "AccessDenied", "Request is not yet valid")


def test_time_passes_for_addresses_when_told(small_world, bare):
    with Sandbox() as other:
        other.storage.put("clip", b"x")
        before = other.storage.sign("clip", 60)
        other.storage.wait(61)
        assert refusal(bare.get(before)) == (403, "AccessDenied", "Request has expired")
        assert bare.get(other.storage.sign("clip", 60)).status_code == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("clips/", "clips2/"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600"),
        (r"X-Amz-Signature=\w{4}", "X-Amz-Signature=0000"),
        ("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=host%3Brange"),
    ],
)
def test_changed_address_is_refused(storage, bare, old, new):
    url = storage.sign("clips/a b&ü.txt", 60)
    changed = re.sub(old, new, url)
    assert changed != url
    assert refusal(bare.get(changed))[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE"])
def test_address_is_signed_for_get_alone(storage, bare, method):
    assert bare.request(method, storage.sign("clips/a b&ü.txt")).status_code == 403


def test_address_by_another_name_of_the_host_is_refused(storage, bare):
    url = storage.sign("clips/a b&ü.txt").replace("127.0.0.1", "localhost")
    assert refusal(bare.get(url))[:2] == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("value", ["token acme:shop:x", "Bearer key", ""])
def test_leaked_key_is_caught(storage, bare, value):
    reply = bare.get(storage.sign("clips/a b&ü.txt"), headers={"Authorization": value})
    assert refusal(reply) == (400, "InvalidArgument", "Only one auth mechanism allowed")


def test_address_without_its_query_is_refused(storage, bare):
    url = storage.sign("clips/a b&ü.txt")
    assert refusal(bare.get(url.partition("?")[0])) == (403, "AccessDenied", "Access Denied")
    for incomplete in (url.partition("&X-Amz-Signature")[0], re.sub(r"Date=\w+", "Date=now", url)):
        assert refusal(bare.get(incomplete))[:2] == (400, "AuthorizationQueryParametersError")


def test_file_that_is_not_there(storage, bare):
    reply = bare.get(storage.sign("clips/<other>"))
    assert refusal(reply) == (404, "NoSuchKey", "The specified key does not exist")
    assert "<Key>clips/&lt;other&gt;</Key>" in reply.text


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
def test_address_for_no_time_or_too_long_is_not_signed(storage, seconds):
    with pytest.raises(ValueError, match="seconds must be 1 to 604800"):
        storage.sign("x", seconds)


def test_requests_are_noted_as_sent_and_dots_reach_no_neighbour(sandbox, bare):
    for path in ("/storage/x%2F..%2Fy", "/storage", "/storage/%2e%2e/v2/api/"):
        bare.get(sandbox.url + path)
        assert sandbox.requests[-1].path == path
    assert bare.get(f"{sandbox.url}/storage").text.startswith("<!doctype html>")
    assert refusal(bare.get(f"{sandbox.url}/storage/%2e%2e/v2/api/"))[0] == 403
