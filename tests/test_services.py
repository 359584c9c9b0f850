"""What is sent again to which vendor, and how long is waited before: their own clients' rules (see `services`)."""

from __future__ import annotations

import json
import time

import httpx
import pytest

from openreplay_tools.downloads import Draft
from openreplay_tools.errors import (
    ApiError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    RateLimitError,
    ReplyTooLongError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.flow import Request, ask, fetch
from openreplay_tools.operation import Record
from openreplay_tools.services import ABOUT, Patience, base_of, root_of
from tests.vendors import NOW, SIGNED, Driven, raw, said, settings

FOREVER = 10_000.0
STATUSES = {
    "logrocket": {429, 500, 502, 503, 504},
    "notte": {502, 503, 504, 529},
    "storage": {429, 500, 502, 503, 504},
    "v2": {429, 502, 503, 504},
}
EVERY_STATUS = (400, 401, 403, 404, 408, 409, 410, 422, 425, 429, 500, 501, 502, 503, 504, 520, 529)


class Reply(Record):
    """Anything."""


def patient(service):
    return ABOUT[service].patience


def waits(patience, attempt, error=None, left=FOREVER):
    return [patience.wait(attempt, error, left) for _ in range(60)]


# --- Patience ---


@pytest.mark.parametrize(("least", "wanted", "tries"), [(0, 2, 2), (3, 2, 3), (3, 5, 5), (3, 0, 0), (0, 0, 0)])
def test_as_many_tries_as_the_settings_or_the_vendor_want_but_none_for_who_wants_none(least, wanted, tries):
    assert Patience(frozenset(), 1, 2, least=least).tries(wanted) == tries


def test_waits_grow_up_to_the_longest():
    patience = Patience(frozenset(), first=1, factor=2, longest=5)
    assert [patience.wait(attempt, None, FOREVER) for attempt in range(5)] == [1, 2, 4, 5, 5]


def test_a_second_at_most_is_added_by_chance():
    found = waits(Patience(frozenset(), first=2, factor=2, spread="added"), 1)
    assert all(4 <= wait <= 5 for wait in found)
    assert len(set(found)) > 30


def test_full_chance_is_anything_up_to_the_wait():
    found = waits(Patience(frozenset(), first=2, factor=2, spread="full"), 1)
    assert all(0 <= wait <= 4 for wait in found)
    assert min(found) < 2 < max(found)


def test_a_wait_beyond_the_deadline_is_not_worth_it():
    patience = Patience(frozenset(), first=1, factor=2)
    assert [patience.wait(0, None, left) for left in (1.5, 1.0, 0.0, -3.0)] == [1, None, None, None]


def test_the_servers_wish_is_obeyed_unless_it_is_too_long():
    patience = Patience(frozenset(), first=1, factor=2, obeyed=20, spread="full")
    for wish, wait in ((0, 0), (7, 7), (20, 20), (21, None), (999_999, None)):
        error = ServerError("down", status=503, retry_after=wish)
        assert {patience.wait(attempt, error, FOREVER) for attempt in (0, 3)} == {wait}
    assert patience.wait(0, ServerError("down", status=503, retry_after=7), 6.0) is None


# --- Each vendor's ---


@pytest.mark.parametrize("service", STATUSES)
def test_the_statuses_of_passing_trouble_are_the_vendors_own(service):
    assert {status for status in EVERY_STATUS if status in patient(service).statuses} == STATUSES[service]


def test_logrocket_is_waited_for_as_by_its_own_command_line():
    for attempt, least in enumerate((1, 2, 4, 8)):
        assert all(least <= wait <= least + 1 for wait in waits(patient("logrocket"), attempt))


def test_notte_is_waited_for_as_by_its_own_client():
    patience = patient("notte")
    assert (patience.tries(1), patience.tries(2), patience.obeyed) == (3, 3, 20)
    for attempt, most in enumerate((1, 2, 4, 8, 10, 10)):
        assert all(0 <= wait <= most for wait in waits(patience, attempt))


def test_each_service_has_its_address():
    known = settings(logrocket_base_url="https://lr.example", notte_api_url="https://notte.example")
    assert {service: base_of(service, known) for service in ABOUT} == {
        "v2": "https://openreplay.example/v2/api",
        "dashboard": "https://openreplay.example/v2/api",
        "v1": "https://openreplay.example/api",
        "legacy": "https://openreplay.example/api",
        "open": "https://openreplay.example/api",
        "logrocket": "https://lr.example/v1/orgs/acme/apps/shop",
        "notte": "https://notte.example",
        "storage": "",
    }
    assert [root_of(service, known) for service in ("v2", "logrocket", "notte")] == [
        "https://openreplay.example",
        "https://lr.example",
        "https://notte.example",
    ]


# --- Through the clients ---


READ = Request("GET", ("sessions",), Reply, via="notte")
GET = Request("GET", ("data-export",), Reply, via="logrocket", slash=True)
PUT = Request("PUT", ("users", "ann"), Reply, body={"name": "Ann"}, reads=False, repeatable=True, via="logrocket")
POST = Request("POST", ("highlights",), Reply, body={"userID": "ann"}, reads=False, repeatable=False, via="logrocket")
STOP = Request("DELETE", ("sessions", "a", "stop"), Reply, reads=False, repeatable=True, via="notte")
SENT_AGAIN = [
    *((GET, status) for status in (429, 500, 502, 503, 504)),
    *((PUT, status) for status in (500, 503)),
    *((READ, status) for status in (502, 503, 504, 529)),
    *((STOP, status) for status in (503, 529)),
]
SENT_ONCE = [
    *((GET, status) for status in (400, 401, 403, 404, 501)),
    *((POST, status) for status in (429, 500, 502, 503, 504)),
    *((READ, status) for status in (401, 404, 422, 429, 500)),
    *((STOP, status) for status in (429, 500)),
]


def named(value):
    return f"{value.method} {value.via}" if isinstance(value, Request) else None


@pytest.mark.parametrize(("request_", "status"), SENT_AGAIN, ids=named)
def test_after_passing_trouble_it_is_sent_again_alike(make_driven, request_, status):
    driven = make_driven(said(None, status, **NOW), said({"done": True}))
    assert driven.run(ask(request_)).model_extra == {"done": True}
    first, second = driven.requests
    assert (first.method, first.url, first.content) == (second.method, second.url, second.content)


@pytest.mark.parametrize(("request_", "status"), SENT_ONCE, ids=named)
def test_what_may_not_be_repeated_or_would_not_help_is_sent_once(make_driven, request_, status):
    driven = make_driven(said(None, status, **NOW), said())
    with pytest.raises(ApiError) as caught:
        driven.run(ask(request_))
    assert (caught.value.status, len(driven.requests)) == (status, 1)


def test_notte_is_asked_four_times_and_no_more(make_driven):
    driven = make_driven(said(None, 529, **NOW))
    with pytest.raises(ServerError, match=r"Notte is overloaded \(529\)"):
        driven.run(ask(READ))
    assert len(driven.requests) == 4


def test_who_wants_no_repetition_gets_none(make_driven):
    driven = make_driven(said(None, 529, **NOW), retries=0)
    with pytest.raises(ServerError):
        driven.run(ask(READ))
    assert len(driven.requests) == 1


def test_a_wait_longer_than_a_vendor_is_obeyed_ends_the_call(make_driven):
    driven = make_driven(said(None, 503, retry_after="21"), said())
    with pytest.raises(ServerError) as caught:
        driven.run(ask(READ))
    assert (caught.value.retry_after, len(driven.requests)) == (21, 1)


def test_a_request_for_highlights_is_never_queued_twice(make_driven):
    driven = make_driven(httpx.ReadError("gone"), said({"id": "x"}))
    with pytest.raises(TransportError, match="It may have been done all the same: look before trying again"):
        driven.run(ask(POST))
    assert len(driven.requests) == 1


BROKEN = TransportError("broken")
IN_VAIN = [RequestTimeoutError("late"), ReplyTooLongError("long"), UnexpectedReplyError("odd"), NotFoundError("gone")]


@pytest.mark.parametrize("request_", [GET, PUT, READ, STOP], ids=named)
def test_a_broken_connection_is_tried_again_where_repeating_is_harmless(request_):
    with Driven("sync").client as client:
        later = time.monotonic() + FOREVER
        assert client.connection.pause(request_, 0, BROKEN, later) <= 2
        for error in IN_VAIN:
            with pytest.raises(OpenReplayToolsError):
                client.connection.pause(request_, 0, error, later)


# --- The storage ---


@pytest.fixture
def draft(tmp_path):
    with (tmp_path / "draft").open("w+b") as file:
        yield Draft(file, 1000)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 400])
def test_a_storages_refusal_is_final(make_driven, draft, status):
    driven = make_driven(raw(b"<Error/>", status, **NOW), raw(b"content"))
    with pytest.raises(ApiError) as caught:
        driven.run(fetch(SIGNED, draft))
    assert (caught.value.status, len(driven.requests)) == (status, 1)
    assert isinstance(caught.value, PermissionDeniedError) == (status == 403)


@pytest.mark.parametrize("status", sorted(STATUSES["storage"]))
def test_a_storages_passing_trouble_is_not_and_the_file_begins_anew(make_driven, draft, status):
    draft.take(b"head:")
    draft.mark()
    draft.take(b"left by an earlier try")
    driven = make_driven(raw(b"<Error>busy</Error>", status, **NOW), raw(b"content"))
    driven.run(fetch(SIGNED, draft))
    assert (draft.head(), draft.size, len(driven.requests)) == (b"head:content", 12, 2)


def test_a_try_that_brings_nothing_begins_anew_too(make_driven, draft):
    draft.take(b"left by an earlier try")
    make_driven(raw(b"")).run(fetch(SIGNED, draft))
    assert (draft.head(), draft.size) == (b"", 0)


def test_after_a_limited_rate_a_silent_second_is_waited_for():
    error = RateLimitError("slow", status=429)
    assert all(1.25 <= wait <= 2.25 for wait in waits(patient("storage"), 0, error))


def test_a_body_is_the_same_in_each_try(make_driven):
    driven = make_driven(said(None, 500, **NOW), said(None, 503, **NOW), said())
    driven.run(ask(PUT))
    assert [json.loads(each.content) for each in driven.requests] == [{"name": "Ann"}] * 3
