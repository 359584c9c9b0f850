"""The async client in the loops people have: one after another, several at a time, cancelled, never closed."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from openreplay_tools import AsyncClient, Client, get_user, list_projects, search_users
from openreplay_tools.answer import Answer
from openreplay_tools.errors import NotFoundError, RequestTimeoutError
from openreplay_tools.flow import Emit, Flow, Request, ask, ask_all
from openreplay_tools.openreplay.scope import at_large
from openreplay_tools.operation import Arguments, Page, Record, Scope, operation
from openreplay_tools.sandbox import Failure

KEY = "sekretsekretsekretse"


class CountArgs(Arguments):
    """How many."""

    count: int = 1


class Number(Record):
    number: int = 0


class NumberPage(Page[int]):
    """Some numbers."""


def request(number):
    return Request("GET", ("numbers", str(number)), Number)


def card(result: object, args: object, scope: Scope) -> Answer:
    return Answer()


@operation(CountArgs, group="numbers", prepare=at_large, present=card)
def numbers(args: CountArgs, scope: Scope) -> Flow[NumberPage]:
    replies = yield from ask_all([request(number) for number in range(args.count)])
    return NumberPage(rows=[reply.number for reply in replies])


@numbers.walk
def _one_by_one(args: CountArgs, scope: Scope) -> Flow[None]:
    for number in range(args.count):
        yield Emit(((yield from ask(request(number))).number,))


@operation(CountArgs, group="numbers", prepare=at_large, present=card)
def numbers_or_none(args: CountArgs, scope: Scope) -> Flow[NumberPage]:
    try:
        yield from ask_all([request(number) for number in range(args.count)])
    except NotFoundError:
        return NumberPage()
    return NumberPage(total=args.count)


class FarSide:
    """Answers with the number asked for, after a while; knows how many requests were under way at the same time."""

    def __init__(self, seconds=0.01, missing=None):
        self.seconds = seconds
        self.missing = missing
        self.begun = self.under_way = self.most = 0

    async def __call__(self, asked):
        number = int(asked.url.path.rpartition("/")[2])
        self.begun += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if number == self.missing:
                return httpx.Response(404)
            await asyncio.sleep(self.seconds)
        finally:
            self.under_way -= 1
        return httpx.Response(200, json={"number": number})

    def client(self, **given):
        return AsyncClient(api_key=KEY, transport=httpx.MockTransport(self), **given)


@pytest.fixture
def settings(sandbox):
    sandbox.failures.clear()
    yield {"api_key": sandbox.api_key, "base_url": sandbox.url, "project": "Acme Shop"}
    sandbox.failures.clear()


# --- Loops ---


def test_one_client_works_in_one_loop_after_another(settings):
    client = AsyncClient(**settings)

    async def main():
        async with client:
            return (await client.run(search_users, limit=1)).total

    assert asyncio.run(main()) == asyncio.run(main()) > 200


def test_a_connection_left_open_by_an_earlier_loop_does_no_harm(settings):
    """As in notebooks and scripts that never close."""
    client = AsyncClient(**settings)

    async def main(*, close):
        total = (await client.run(search_users, limit=1)).total
        if close:
            await client.aclose()
        return total

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert asyncio.run(main(close=False)) == asyncio.run(main(close=True)) > 200
        client._exchange._http.clear()
        gc.collect()


def test_parallel_loops_in_threads_share_a_client(settings):
    client = AsyncClient(**settings)
    gate = threading.Barrier(8)

    async def main(page):
        async with client:
            return [user.user_id for user in (await client.run(search_users, limit=3, page=page)).rows]

    def thread(page):
        gate.wait()
        return asyncio.run(main(page))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(thread, range(1, 9)))
    assert len({user for page in found for user in page}) == 24


def test_each_loop_has_its_own_connections():
    client = FarSide().client()

    async def main():
        assert client._exchange.opened("https://h.example") is client._exchange.opened("https://h.example")
        return client._exchange.opened("https://h.example")

    assert asyncio.run(main()) is not asyncio.run(main())


def test_a_loop_that_has_ended_is_forgotten(settings):
    client = AsyncClient(**settings)

    async def main():
        await client.run(list_projects)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            for _ in range(3):
                asyncio.run(main())
                client.connection._memory.clear()
            gc.collect()
            kept = len(client._exchange._http)
        finally:
            client._exchange._http.clear()
            gc.collect()
    assert kept <= 1


# --- At the same time ---


async def test_fifty_calls_at_the_same_time_get_their_own_answers(settings):
    async with AsyncClient(**settings) as client:
        users = (await client.run(search_users, limit=50)).rows
        began = [client.run(get_user, user_id=user.user_id) for user in users]
        profiles = await asyncio.gather(*began)
    assert [profile.user_id for profile in profiles] == [user.user_id for user in users]


async def test_a_batch_is_asked_for_a_few_at_a_time():
    far = FarSide()
    assert (await far.client().run(numbers, count=30)).rows == list(range(30))
    assert (far.begun, far.most) == (30, 4)


async def test_a_batch_has_one_deadline():
    began = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        await FarSide(0.05).client(deadline=0.12).run(numbers, count=1000)
    assert time.monotonic() - began < 6, "all of it would take twelve seconds"


async def test_a_batch_that_fails_throws_its_error_into_the_flow():
    assert (await FarSide(missing=5).client().run(numbers_or_none, count=30)).total is None
    assert (await FarSide().client().run(numbers_or_none, count=30)).total == 30


async def test_a_batch_that_fails_asks_for_nothing_more():
    far = FarSide(missing=0)
    await far.client().run(numbers_or_none, count=30)
    begun = far.begun
    await asyncio.sleep(0.1)
    assert (far.begun, far.under_way) == (begun, 0)


# --- Cancelled ---


async def test_a_cancelled_call_leaves_the_client_usable(settings, sandbox):
    async with AsyncClient(**settings) as client:
        await client.run(list_projects)
        sandbox.failures.add(Failure("delay", path="users", delay=5))
        task = asyncio.create_task(client.run(search_users, limit=1))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await client.run(search_users, limit=1)).rows


async def test_a_callers_own_time_out_is_his_own(settings, sandbox):
    async with AsyncClient(**settings) as client:
        sandbox.failures.add(Failure("delay", delay=5))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.run(list_projects), 0.1)
        assert len((await client.run(list_projects)).rows) == 2


async def test_a_cancelled_batch_stops():
    far = FarSide(0.05)
    task = asyncio.create_task(far.client().run(numbers, count=50))
    await asyncio.sleep(0.06)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    begun = far.begun
    await asyncio.sleep(0.1)
    assert (far.begun, far.under_way) == (begun, 0)


async def test_many_cancelled_calls_use_up_no_connections(settings, sandbox):
    """A pool holds a hundred."""
    async with AsyncClient(**settings) as client:
        await client.run(list_projects)
        sandbox.failures.add(Failure("delay", path="users", delay=3, times=150))
        tasks = [asyncio.create_task(client.run(search_users, limit=1)) for _ in range(150)]
        await asyncio.sleep(0.3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sandbox.failures.clear()
        assert (await client.run(search_users, limit=1)).rows


# --- Walks and closing ---


async def test_a_walk_can_be_left_early_and_begun_again():
    far = FarSide()
    client = far.client()
    for _ in range(2):
        async for number in client.iterate(numbers, count=50):
            if number == 2:
                break
    assert far.begun == 6


async def test_two_walks_at_the_same_time_do_not_mix():
    client = FarSide(0.001).client()

    async def walk():
        return [number async for number in client.iterate(numbers, count=10)]

    assert await asyncio.gather(walk(), walk()) == [list(range(10))] * 2


async def test_a_client_that_was_never_used_can_be_closed():
    async with AsyncClient(api_key=KEY) as client:
        assert repr(client) == "AsyncClient('https://api.openreplay.com')"
    await client.aclose()


async def test_closing_closes_what_this_loop_opened():
    client = FarSide().client()
    async with client:
        await client.run(numbers)
        opened = client._exchange.opened("https://h.example")
    assert opened.is_closed
    assert (await client.run(numbers, count=3)).rows == [0, 1, 2], "closed, it opens again"


async def test_a_sync_client_may_be_called_beside_it(settings):
    client = Client(**settings)
    async with AsyncClient(connection=client.connection) as other:
        here, there = await asyncio.gather(other.run(list_projects), asyncio.to_thread(client.run, list_projects))
    client.close()
    assert [project.name for project in here.rows] == [project.name for project in there.rows]
