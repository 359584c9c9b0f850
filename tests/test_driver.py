"""What both drivers share: feeding flows, scope, deadline, memory, retries, bounds. No HTTP in it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from openreplay_tools import wire
from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.driver import Body, Rules, Steps, named
from openreplay_tools.errors import (
    NotFoundError,
    OpenReplayToolsError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.operation import Batch, Record, Request
from openreplay_tools.settings import Settings

KEY = "sekretsekretsekretse"


class Reply(Record):
    """Anything."""


READ = Request("GET", ("things",), Reply)
KEPT = Request("GET", ("things",), Reply, cache_seconds=60)
WRITE = Request("POST", ("things",), Reply, body={}, reads=False)


def rules(**given):
    return Rules(Settings.make(**{"api_key": KEY, "base_url": "https://h.example", **given}))


def message(request, of):
    return wire.encode(request, of.settings)


# --- Steps ---


def test_a_flow_is_fed_one_reply_at_a_time():
    def flow():
        first = yield READ
        second = yield Batch((KEPT,))
        return [first, *second]

    steps = Steps(flow())
    assert steps.command() == READ
    steps.reply(1)
    assert steps.command() == Batch((KEPT,))
    steps.reply([2])
    assert steps.command() is None
    assert steps.result == [1, 2]


def test_an_error_is_thrown_where_the_flow_waits():
    def flow():
        try:
            yield READ
        except NotFoundError as error:
            return (yield WRITE), str(error)

    steps = Steps(flow())
    steps.command()
    steps.error(NotFoundError("gone"))
    assert steps.command() == WRITE
    steps.reply(3)
    assert steps.command() is None
    assert steps.result == (3, "gone")


def test_an_error_the_flow_does_not_catch_comes_out():
    def flow():
        yield READ

    steps = Steps(flow())
    steps.command()
    steps.error(NotFoundError("gone"))
    with pytest.raises(NotFoundError, match="gone"):
        steps.command()


def test_a_flow_without_commands_ends_at_once():
    def flow():
        yield from ()
        return 7

    steps = Steps(flow())
    assert steps.command() is None
    assert steps.result == 7


# --- Scope ---


def test_the_scope_has_the_clock_in_the_readers_zone():
    now = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)
    scope = rules(
        timezone="Europe/Berlin", clock=lambda: now, project="Acme", base_url="https://h.example:1/api"
    ).scope()
    assert (scope.now, scope.now.isoformat()) == (now, "2026-11-20T19:15:00+01:00")
    assert (scope.zone.key, scope.host, scope.dashboard) == ("Europe/Berlin", "h.example:1", "https://h.example:1")
    assert (scope.default_project, scope.credentials) == ("Acme", {"key"})
    assert scope.window.everything


def test_without_a_key_there_is_no_credential():
    assert rules(api_key="").scope().credentials == frozenset()


def test_confirmations_are_signed_with_the_settings_secret():
    one, same, other = (rules(secret=secret).scope() for secret in ("a", "a", "b"))
    token = one.confirmations.token(("x",), one.now)
    assert token == same.confirmations.token(("x",), one.now) != other.confirmations.token(("x",), one.now)


# --- Time ---


def test_each_phase_has_its_limit():
    of = rules(connect_timeout=3, read_timeout=7)
    assert of.phases(time.monotonic() + 60) == {"connect": 3, "read": 7, "write": 7, "pool": 3}


def test_no_phase_outlives_the_deadline():
    phases = rules(connect_timeout=3, read_timeout=7).phases(time.monotonic() + 2)
    assert set(phases) == {"connect", "read", "write", "pool"}
    assert all(1.5 < seconds <= 2 for seconds in phases.values())


def test_after_the_deadline_nothing_is_begun():
    with pytest.raises(RequestTimeoutError) as caught:
        rules(deadline=1.5).phases(time.monotonic())
    assert str(caught.value) == "h.example did not answer within 1.5 s. Try again, or narrow the request."


def test_a_call_has_the_settings_seconds_unless_it_is_short():
    of = rules(deadline=42)
    assert of.deadline() - time.monotonic() == pytest.approx(42, abs=0.5)
    assert of.deadline(10) - time.monotonic() == pytest.approx(10, abs=0.5)


# --- Memory ---


def test_only_what_may_be_kept_is_remembered():
    of = rules()
    of.remember(READ, message(READ, of), "reply")
    assert of.recall(KEPT, message(KEPT, of)) is None
    of.remember(KEPT, message(KEPT, of), "reply")
    assert of.recall(KEPT, message(KEPT, of)) == "reply"
    assert of.recall(READ, message(READ, of)) is None, "who wants it fresh gets it fresh"


def test_what_is_kept_belongs_to_its_address():
    of = rules()
    of.remember(KEPT, message(KEPT, of), "reply")
    other = Request("GET", ("things",), Reply, query={"page": "2"}, cache_seconds=60)
    assert of.recall(other, message(other, of)) is None


def test_what_is_kept_grows_old():
    of = rules()
    brief = Request("GET", ("things",), Reply, cache_seconds=0.02)
    of.remember(brief, message(brief, of), "reply")
    assert of.recall(brief, message(brief, of)) == "reply"
    time.sleep(0.03)
    assert of.recall(brief, message(brief, of)) is None


def test_a_write_makes_everything_kept_doubtful():
    of = rules()
    of.remember(KEPT, message(KEPT, of), "reply")
    of.remember(WRITE, message(WRITE, of), "written")
    assert of.recall(KEPT, message(KEPT, of)) is None


# --- Retries ---

LATER = time.monotonic() + 3600
WORTH_IT = {
    "broken connection": TransportError("broken"),
    "429": RateLimitError("slow"),
    **{str(status): ServerError("down", status=status) for status in (502, 503, 504)},
}
IN_VAIN = {
    "time-out": RequestTimeoutError("late"),
    "500": ServerError("bug", status=500),
    "404": NotFoundError("gone", status=404),
    "unexpected reply": UnexpectedReplyError("odd"),
}


@pytest.mark.parametrize("case", WORTH_IT)
def test_a_read_is_tried_again_after_passing_trouble(case):
    assert [rules().pause(READ, attempt, WORTH_IT[case], LATER) for attempt in (0, 1)] == [0.25, 1]


@pytest.mark.parametrize("case", WORTH_IT)
def test_a_write_is_never_sent_twice(case):
    with pytest.raises(type(WORTH_IT[case])):
        rules().pause(WRITE, 0, WORTH_IT[case], LATER)


@pytest.mark.parametrize("case", IN_VAIN)
def test_trouble_that_stays_is_told_at_once(case):
    with pytest.raises(type(IN_VAIN[case])) as caught:
        rules().pause(READ, 0, IN_VAIN[case], LATER)
    assert caught.value is IN_VAIN[case]


@pytest.mark.parametrize(("retries", "attempt"), [(0, 0), (1, 1), (2, 2)])
def test_tries_are_counted(retries, attempt):
    with pytest.raises(TransportError):
        rules(retries=retries).pause(READ, attempt, TransportError("broken"), LATER)


def test_the_servers_wish_is_honoured_unless_it_lies_beyond_the_deadline():
    assert rules().pause(READ, 0, RateLimitError("slow", retry_after=9), time.monotonic() + 10) == 9
    with pytest.raises(RateLimitError):
        rules().pause(READ, 0, RateLimitError("slow", retry_after=9), time.monotonic() + 8)


@pytest.mark.xfail(
    strict=True, reason="driver: too_long is a TransportError like any, so the same reply is fetched again"
)
def test_a_reply_that_is_too_long_is_not_asked_for_again():
    of = rules()
    with pytest.raises(TransportError):
        of.pause(READ, 0, of.too_long(), LATER)


# --- Bodies ---


def test_a_body_is_collected():
    body = Body(rules(), LATER)
    assert body.whole() == b""
    for piece in (b"ab", b"", b"cd"):
        body.add(piece)
    assert body.whole() == b"abcd"


def test_a_body_of_one_piece_is_not_copied():
    body, piece = Body(rules(), LATER), b"x" * 1000
    body.add(piece)
    assert body.whole() is piece


def test_a_body_may_be_as_long_as_the_bound_and_no_longer():
    body = Body(rules(max_reply_bytes=4096), LATER)
    body.add(b"x" * 4096)
    with pytest.raises(TransportError) as caught:
        body.add(b"x")
    assert str(caught.value) == "The reply is longer than 4 KiB. Ask for less: a smaller limit, a shorter window."


def test_a_body_must_be_there_in_time():
    with pytest.raises(RequestTimeoutError):
        Body(rules(), time.monotonic() - 1).add(b"x")


# --- Names ---


def test_an_error_notes_the_first_operation_it_ended():
    inner, outer = OPERATIONS[:2]
    with pytest.raises(OpenReplayToolsError) as caught, named(outer), named(inner):
        raise NotFoundError("gone")
    assert caught.value.operation == inner.tool_name


def test_other_exceptions_pass_unchanged():
    with pytest.raises(ZeroDivisionError), named(OPERATIONS[0]):
        _ = 1 / 0
