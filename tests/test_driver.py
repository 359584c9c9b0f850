"""What both drivers share: feeding flows, scope, deadline, memory, retries, bounds. No HTTP in it."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime

import pytest

from openreplay_tools import wire
from openreplay_tools.bodies import Body
from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.driver import Connection, Steps
from openreplay_tools.errors import (
    ArgumentsError,
    ConflictError,
    NotFoundError,
    OpenReplayToolsError,
    RateLimitError,
    ReplyTooLongError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.flow import Batch, Request
from openreplay_tools.operation import Record
from openreplay_tools.settings import Settings

KEY = "sekretsekretsekretse"


class Reply(Record):
    """Anything."""


class Numbered(Record):
    number: int = 0
    numbers: dict[str, int] = {}


READ = Request("GET", ("things",), Reply)
KEPT = Request("GET", ("things",), Reply, cache_seconds=60)
WRITE = Request("POST", ("things",), Reply, body={}, reads=False)


def made(**given):
    return Connection(Settings.make(**{"api_key": KEY, "base_url": "https://h.example", **given}))


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


@pytest.mark.parametrize("begin", ["at once", "after a request"])
def test_an_error_that_ends_a_flow_carries_the_operations_name(begin):
    def flow():
        if begin == "after a request":
            yield READ
        raise NotFoundError("gone")

    steps = Steps(flow(), OPERATIONS[0])
    if begin == "after a request":
        assert steps.command() == READ
        steps.reply(1)
    with pytest.raises(NotFoundError) as caught:
        steps.command()
    assert caught.value.operation == OPERATIONS[0].tool_name


def test_the_name_an_error_has_already_stays():
    error = NotFoundError("gone")
    error.operation = "inner"

    def flow():
        yield READ

    steps = Steps(flow(), OPERATIONS[0])
    steps.command()
    steps.error(error)
    with pytest.raises(NotFoundError) as caught:
        steps.command()
    assert caught.value is error
    assert error.operation == "inner"


def test_an_error_of_a_flow_that_belongs_to_no_operation_has_no_name():
    def flow():
        yield READ

    steps = Steps(flow())
    steps.command()
    steps.error(NotFoundError("gone"))
    with pytest.raises(NotFoundError) as caught:
        steps.command()
    assert caught.value.operation == ""


def test_a_bug_in_a_flow_passes_unchanged():
    def flow():
        yield READ
        _ = 1 / 0

    steps = Steps(flow(), OPERATIONS[0])
    steps.command()
    steps.reply(1)
    with pytest.raises(ZeroDivisionError):
        steps.command()


# --- Scope ---


def test_the_scope_has_the_clock_in_the_readers_zone():
    now = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)
    scope = made(
        timezone="Europe/Berlin", clock=lambda: now, project="Acme", base_url="https://h.example:1/api"
    ).scope()
    assert (scope.now, scope.now.isoformat()) == (now, "2026-11-20T19:15:00+01:00")
    assert (scope.zone.key, scope.host, scope.dashboard) == ("Europe/Berlin", "h.example:1", "https://h.example:1")
    assert (scope.default_project, scope.access.credentials) == ("Acme", {"key"})
    assert scope.window.everything


def test_without_a_key_there_is_no_credential():
    assert made(api_key="").scope().access.credentials == frozenset()


def test_confirmations_are_signed_with_the_settings_secret():
    one, same, other = (made(secret=secret).scope() for secret in ("a", "a", "b"))
    token = one.confirmations.token(("x",), one.now)
    assert token == same.confirmations.token(("x",), one.now) != other.confirmations.token(("x",), one.now)


def test_a_confirmation_is_spent_for_all_calls_of_a_connection():
    of = made()
    first, second = of.scope(), of.scope()
    token = first.confirmations.token(("x",), first.now)
    second.confirmations.check(token, ("x",), second.now)
    with pytest.raises(ArgumentsError, match="has been used"):
        of.scope().confirmations.check(token, ("x",), first.now)


# --- Time ---


def test_each_phase_has_its_limit():
    of = made(connect_timeout=3, read_timeout=7)
    assert of.phases(time.monotonic() + 60) == {"connect": 3, "read": 7, "write": 7, "pool": 3}


def test_no_phase_outlives_the_deadline():
    phases = made(connect_timeout=3, read_timeout=7).phases(time.monotonic() + 2)
    assert set(phases) == {"connect", "read", "write", "pool"}
    assert all(1.5 < seconds <= 2 for seconds in phases.values())


def test_after_the_deadline_nothing_is_begun():
    with pytest.raises(RequestTimeoutError) as caught:
        made(deadline=1.5).phases(time.monotonic())
    assert str(caught.value) == "h.example did not answer within 1.5 s. Try again, or narrow the request."


def test_a_call_has_the_settings_seconds():
    assert made(deadline=42).deadline() - time.monotonic() == pytest.approx(42, abs=0.5)


# --- Memory ---


def test_only_what_may_be_kept_is_remembered():
    of = made()
    of.remember(READ, "reply")
    assert of.recall(KEPT) is None
    of.remember(KEPT, "reply")
    assert of.recall(KEPT) == "reply"
    assert of.recall(READ) is None, "who wants it fresh gets it fresh"


def test_what_is_kept_belongs_to_its_address():
    of = made()
    of.remember(KEPT, "reply")
    other = Request("GET", ("things",), Reply, query={"page": "2"}, cache_seconds=60)
    assert of.recall(other) is None


def test_what_is_kept_grows_old():
    of = made()
    brief = Request("GET", ("things",), Reply, cache_seconds=0.02)
    of.remember(brief, "reply")
    assert of.recall(brief) == "reply"
    time.sleep(0.03)
    assert of.recall(brief) is None


@pytest.mark.parametrize(("request_", "kept"), [(READ, "reply"), (KEPT, "reply"), (WRITE, None)])
def test_a_write_makes_everything_kept_doubtful(request_, kept):
    of = made()
    of.remember(KEPT, "reply")
    of.forget(request_)
    assert of.recall(KEPT) == kept


def test_a_write_itself_is_not_kept():
    of = made()
    of.remember(WRITE, "written")
    assert of.recall(KEPT) is None


# --- Retries ---

LATER = time.monotonic() + 3600
WORTH_IT = {
    "broken connection": TransportError("broken"),
    "429": RateLimitError("slow", status=429),
    **{str(status): ServerError("down", status=status) for status in (502, 503, 504)},
}
IN_VAIN = {
    "time-out": RequestTimeoutError("late"),
    "too long": ReplyTooLongError("long"),
    "500": ServerError("bug", status=500),
    "404": NotFoundError("gone", status=404),
    "unexpected reply": UnexpectedReplyError("odd"),
}


@pytest.mark.parametrize("case", WORTH_IT)
def test_a_read_is_tried_again_after_passing_trouble(case):
    # After a 429 nothing passes until a whole second was silent (contract §1.4).
    waits = [1.25, 5] if case == "429" else [0.25, 1]
    assert [made().pause(READ, attempt, WORTH_IT[case], LATER) for attempt in (0, 1)] == waits


@pytest.mark.parametrize("case", WORTH_IT)
def test_a_write_is_never_sent_twice(case):
    with pytest.raises(type(WORTH_IT[case])):
        made().pause(WRITE, 0, WORTH_IT[case], LATER)


@pytest.mark.parametrize("case", IN_VAIN)
def test_trouble_that_stays_is_told_at_once(case):
    with pytest.raises(type(IN_VAIN[case])) as caught:
        made().pause(READ, 0, IN_VAIN[case], LATER)
    assert caught.value is IN_VAIN[case]


@pytest.mark.parametrize(("retries", "attempt"), [(0, 0), (1, 1), (2, 2)])
def test_tries_are_counted(retries, attempt):
    with pytest.raises(TransportError):
        made(retries=retries).pause(READ, attempt, TransportError("broken"), LATER)


def test_the_servers_wish_is_honoured_unless_it_lies_beyond_the_deadline():
    assert made().pause(READ, 0, RateLimitError("slow", status=429, retry_after=9), time.monotonic() + 10) == 9
    with pytest.raises(RateLimitError):
        made().pause(READ, 0, RateLimitError("slow", status=429, retry_after=9), time.monotonic() + 8)


def test_a_reply_that_is_too_long_is_not_asked_for_again():
    of = made()
    with pytest.raises(ReplyTooLongError):
        of.pause(READ, 0, of.too_long(), LATER)


UNCERTAIN = "It may have been done all the same: look before trying again."


@pytest.mark.parametrize(
    "error",
    [
        TransportError("Broken."),
        RequestTimeoutError("Late."),
        ReplyTooLongError("Long."),
        ServerError("Down.", status=502),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_write_whose_outcome_is_unknown_says_so_and_a_read_does_not(error):
    with pytest.raises(type(error)) as caught:
        made(retries=0).pause(READ, 0, error, LATER)
    assert UNCERTAIN not in str(caught.value)
    with pytest.raises(type(error)) as caught:
        made().pause(WRITE, 0, error, LATER)
    assert caught.value is error
    assert str(error).endswith(f". {UNCERTAIN}")


@pytest.mark.parametrize(
    "error",
    [NotFoundError("Gone.", status=404), RateLimitError("Slow.", status=429), ConflictError("Busy.", status=409)],
    ids=lambda error: type(error).__name__,
)
def test_a_write_that_was_refused_was_not_done(error):
    with pytest.raises(type(error)) as caught:
        made().pause(WRITE, 0, error, LATER)
    assert UNCERTAIN not in str(caught.value)


# --- Bodies ---


def test_a_body_is_collected():
    body = Body(made(), READ, LATER)
    assert body.whole() == b""
    for piece in (b"ab", b"", b"cd"):
        body.add(piece)
    assert body.whole() == b"abcd"


def test_a_body_of_one_piece_is_not_copied():
    body, piece = Body(made(), READ, LATER), b"x" * 1000
    body.add(piece)
    assert body.whole() is piece


def test_a_body_may_be_as_long_as_the_bound_and_no_longer():
    body = Body(made(max_reply_bytes=4096), READ, LATER)
    body.add(b"x" * 4096)
    with pytest.raises(TransportError) as caught:
        body.add(b"x")
    assert str(caught.value) == "The reply is longer than 4 KiB. Ask for less: a smaller limit, a shorter window."


def test_a_body_must_be_there_in_time():
    with pytest.raises(RequestTimeoutError):
        Body(made(), READ, time.monotonic() - 1).add(b"x")


# --- The log of what was changed ---


@pytest.fixture
def audited(caplog):
    """The lines of the log, as they are written."""
    caplog.set_level(logging.INFO, logger="openreplay_tools.audit")
    return lambda: [(line.name, line.levelname, line.getMessage()) for line in caplog.records]


def test_a_write_leaves_a_line_without_secrets(audited):
    of = made()
    secretive = Request("POST", ("users", "a b\nc"), Reply, body={"password": "hunter2"}, query={"x": "1"}, reads=False)
    of.audit(secretive, message(secretive, of), "done")
    assert audited() == [
        ("openreplay_tools.audit", "INFO", "POST https://h.example/v2/api/users/a%20b%0Ac?x=1: done"),
    ]
    assert KEY not in str(audited())
    assert "hunter2" not in str(audited())


def test_a_read_leaves_no_line(audited):
    of = made()
    for request in (READ, KEPT):
        of.audit(request, message(request, of), "done")
    assert audited() == []


def test_nothing_is_said_unless_the_log_is_wanted(capsys):
    of = made()
    of.audit(WRITE, message(WRITE, of), "done")
    assert capsys.readouterr() == ("", "")


# --- A server that repeats the key ---

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (400, JSON, json.dumps({"error": f"no such key: {KEY}"})),
        (400, JSON, json.dumps({"errors": [KEY, f"Bearer {KEY}"]})),
        (401, JSON, json.dumps({"detail": [{"loc": [KEY], "msg": KEY}]})),
        (500, {"content-type": "text/plain"}, f"panic: {KEY}{KEY}"),
        (500, {}, KEY),
        (302, {"location": f"https://{KEY}.example/"}, ""),
        (302, {"Location": f"https://{KEY}.example/"}, ""),
        (302, {"location": f"https://{KEY}@h.example/"}, ""),
        (200, {"content-type": KEY}, ""),
        (200, {"Content-Type": f"text/{KEY}"}, "{}"),
        (429, {"retry-after": KEY}, KEY),
        (200, JSON, json.dumps({"number": KEY})),
        (200, JSON, json.dumps({"numbers": {KEY: "x"}})),
        (200, JSON, KEY),
    ],
)  # fmt: skip
def test_a_key_that_a_server_repeats_gets_into_no_error(status, headers, body):
    request = Request("GET", ("public", "P", "things"), Numbered)
    with pytest.raises(OpenReplayToolsError) as caught:
        made().decoded(request, status, headers, body.encode())
    error = caught.value
    assert not any(KEY in text for text in (str(error), repr(error), repr(vars(error)), repr(error.args)))
    assert error.__suppress_context__ or KEY not in str(error.__context__)


def test_without_a_key_nothing_is_masked():
    with pytest.raises(OpenReplayToolsError, match="one two"):
        made(api_key="").decoded(READ, 400, JSON, b'{"error":"one two"}')


def test_a_reply_that_is_data_stays_as_it_is():
    reply = made().decoded(READ, 200, JSON, json.dumps({"text": KEY}).encode())
    assert reply.model_extra == {"text": KEY}
