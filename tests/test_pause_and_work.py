"""Waiting on purpose and working beside the event loop: commands that send nothing, alike in both clients."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from openreplay_tools.answer import Answer
from openreplay_tools.client import AsyncClient, Client
from openreplay_tools.driver import spent
from openreplay_tools.errors import ArgumentsError, NotFoundError, OpenReplayToolsError
from openreplay_tools.flow import Batch, Emit, Fetched, Flow, Pause, Request, Work, ask, pause, work
from openreplay_tools.notte.access import at_notte
from openreplay_tools.operation import Arguments, Page, Record, Scope, operation
from tests.vendors import Driven, Far, said, settings

NOTTE = Request("GET", ("sessions",), Record, via="notte")
NAME = contextvars.ContextVar("name", default="")


@pytest.fixture
async def client():
    async with AsyncClient(settings()) as opened:
        yield opened


def failing(error):
    def do():
        raise error

    return do


# --- Both ---


def test_a_pause_lasts_and_answers_nothing(make_driven):
    def flow(scope):
        began = time.monotonic()
        assert (yield Pause(0.03)) is None
        yield from pause(0)
        return time.monotonic() - began

    driven = make_driven(said())
    assert 0.025 < driven.run(flow) < 5
    assert driven.requests == []


def test_work_answers_what_it_returns(make_driven):
    assert make_driven(said()).run(work(lambda: {"frames": 40})) == {"frames": 40}
    assert make_driven(said()).run(work(lambda: None)) is None


def test_an_error_of_work_comes_back_into_the_flow(make_driven):
    def flow(scope):
        try:
            yield from work(failing(ArgumentsError("odd file")))
        except ArgumentsError as error:
            yield from ask(NOTTE)
            return str(error)

    driven = make_driven(said())
    assert driven.run(flow) == "odd file"
    assert len(driven.requests) == 1


def test_an_error_of_work_that_nobody_catches_ends_the_call(make_driven):
    ended = []

    def flow(scope):
        try:
            yield from work(failing(NotFoundError("gone")))
        finally:
            ended.append(True)

    with pytest.raises(NotFoundError, match="gone"):
        make_driven(said()).run(flow)
    assert ended == [True]


def test_a_bug_in_work_passes_unchanged_and_the_flow_is_left(make_driven):
    ended = []

    def flow(scope):
        try:
            yield from work(failing(ZeroDivisionError()))
        except OpenReplayToolsError:
            ended.append("taken for one of ours")
        finally:
            ended.append("left")

    with pytest.raises(ZeroDivisionError) as caught:
        make_driven(said()).run(flow)
    assert ended == ["left"], f"while {caught.value!r} is still held"


def test_work_knows_the_callers_surroundings(make_driven):
    token = NAME.set("caller")
    try:
        assert make_driven(said()).run(work(NAME.get)) == "caller"
    finally:
        NAME.reset(token)


def test_only_our_own_time_moves_the_deadline():
    began = time.monotonic() - 10
    download = Request("GET", (), Fetched, via="storage", address="https://h.example/x", into=object())
    for command in (Pause(1), Work(int), download):
        assert 10 <= spent(command, began) < 11
    for command in (NOTTE, Batch((NOTTE,))):
        assert spent(command, began) == 0


def test_work_of_the_sync_client_is_done_in_its_own_thread():
    driven = Driven("sync", Far(said()))
    assert driven.run(work(threading.get_ident)) == threading.get_ident()


# --- Leaving a walk ---


class NumbersArgs(Arguments):
    """None."""


class Numbers(Page[int]):
    """Some numbers."""


LEFT = []


@operation(NumbersArgs, group="x", prepare=at_notte, present=lambda *_: Answer(), needs="notte", provider="notte")
def notte_numbers(args: NumbersArgs, scope: Scope) -> Flow[Numbers]:
    """Count."""
    return (yield from work(Numbers))


@notte_numbers.walk
def _all_numbers(args: NumbersArgs, scope: Scope) -> Flow[None]:
    try:
        for number in range(9):
            yield from pause(0)
            yield Emit((number,))
    finally:
        LEFT.append("left")


def test_a_walk_that_is_left_ends_its_flow():
    LEFT.clear()
    with Client(settings()) as client:
        rows = client.iterate(notte_numbers)
        assert [next(rows), next(rows), LEFT] == [0, 1, []]
        rows.close()
    assert LEFT == ["left"]


async def test_an_async_walk_that_is_left_ends_its_flow(client):
    LEFT.clear()
    rows = client.iterate(notte_numbers)
    assert [await anext(rows), LEFT] == [0, []]
    await rows.aclose()
    assert LEFT == ["left"]


# --- The event loop ---


async def test_the_loop_goes_on_while_somebody_works(client):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    beside = asyncio.ensure_future(tick())
    done = threading.Event()

    def long():
        done.wait(0.2)
        return threading.get_ident()

    worker = await client.find_out(lambda _, scope: work(long), None)
    beside.cancel()
    assert worker != threading.get_ident()
    assert ticks >= 3


async def test_pauses_of_several_calls_run_at_the_same_time(client):
    began = time.monotonic()
    await asyncio.gather(*(client.find_out(lambda _, scope: pause(0.05), None) for _ in range(20)))
    assert time.monotonic() - began < 0.8


@pytest.mark.parametrize("command", ["pause", "work"])
async def test_a_call_can_be_cancelled_in_between(client, command):
    waiting, release, ended = asyncio.Event(), threading.Event(), []

    def flow(scope):
        waiting.set()
        try:
            yield Pause(60) if command == "pause" else Work(lambda: release.wait(10))
        finally:
            ended.append(True)

    task = asyncio.ensure_future(client.find_out(lambda _, scope: flow(scope), None))
    await waiting.wait()
    await asyncio.sleep(0.01)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    release.set()
    assert time.monotonic() - began < 5
    assert ended == [True], f"while {caught.value!r} is still held"


async def test_a_time_out_around_a_call_ends_its_pause(client):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await client.find_out(lambda _, scope: pause(60), None)
