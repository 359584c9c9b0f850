"""Client and AsyncClient: the two drivers that run operations."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError
from contextlib import closing
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from openreplay_tools import wire
from openreplay_tools.driver import Configured, Steps, request_of, spent
from openreplay_tools.errors import OpenReplayToolsError
from openreplay_tools.exchange import AsyncExchange, Exchange
from openreplay_tools.flow import Batch, Command, Emit, Flow, Pause, Request, Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Self

    from openreplay_tools.operation import Arguments, Operation, Outcome, Page, Scope
    from openreplay_tools.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_BATCH_WIDTH = 4  # requests of one batch that an async client has under way at the same time


class Client(Configured):
    """Runs operations; safe to share between threads.

    >>> with Client(api_key="...", base_url="https://openreplay.example.com") as client:  # doctest: +SKIP
    ...     page = client.run(search_users, query="ann")
    """

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        """Make a client; nothing is opened until the first request. See `Configured` for the arguments."""
        super().__init__(settings, **given)
        self._exchange = Exchange(self.connection)

    def run(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one operation and return its typed result.

        Args:
            operation: one of the operations in `openreplay_tools`.
            *args: none; argument models take names only.
            **kwargs: the operation's arguments, by name.

        Raises:
            OpenReplayToolsError: one of its subclasses (see `openreplay_tools.errors`).
        """
        return self.outcome(operation, operation.arguments_of(args, kwargs)).result

    def iterate(self, operation: Operation[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        """Yield the rows of all pages, each once, asking for pages as they are needed.

        Args:
            operation: one that returns pages.
            *args: none.
            **kwargs: the operation's arguments, by name; `page` and `limit` are chosen here.

        Raises:
            OpenReplayToolsError: one of its subclasses.
        """
        with closing(self._walking(operation, operation.arguments_of(args, kwargs))) as steps:
            deadline = self.connection.deadline()
            while (command := steps.command()) is not None:
                if isinstance(command, Emit):
                    yield from command.rows
                    steps.reply(None)
                    deadline = self.connection.deadline()  # what the caller does between rows is not our time
                    continue
                began = time.monotonic()
                try:
                    steps.reply(self._perform(command, deadline))
                except OpenReplayToolsError as error:
                    steps.error(error)
                deadline += spent(command, began)

    def outcome(self, operation: Operation[Any, R], arguments: Arguments) -> Outcome[R]:
        """Run one operation and return its result with the scope it is true about: what toolkits present."""
        return self._drive(self._steps(operation.call(arguments, self.connection.scope()), operation))

    def find_out(self, question: Callable[[Any, Scope], Flow[T]], subject: Any) -> T:
        """Run a short flow that belongs to no operation, such as what the server can do."""
        return self._drive(self._steps(question(subject, self.connection.scope())))

    def close(self) -> None:
        """Close the connections; the client opens new ones when it is used again."""
        self._exchange.close()
        self._stop()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def _drive(self, steps: Steps[T], deadline: float | None = None) -> T:
        deadline = self.connection.deadline() if deadline is None else deadline
        with closing(steps):
            while (command := steps.command()) is not None:
                began = time.monotonic()
                try:
                    steps.reply(self._perform(command, deadline))
                except OpenReplayToolsError as error:
                    steps.error(error)
                deadline += spent(command, began)
        return steps.result

    def _perform(self, command: Command, deadline: float) -> Any:
        if isinstance(command, Batch):
            return [self._send(request, deadline) for request in command.requests]
        if isinstance(command, Pause):
            return time.sleep(command.seconds)
        if isinstance(command, Work):
            return command.do()
        return self._send(request_of(command), deadline)

    def _send(self, request: Request[Any], deadline: float) -> Any:
        connection = self.connection
        if (kept := connection.recall(request)) is not None:
            return kept
        token = self._token(deadline) if connection.needs_login(request) else ""
        renewed = 0
        while True:
            try:
                return self._tried(request, token, deadline)
            except OpenReplayToolsError as error:
                if renewed > 1 or not connection.stale(request, error):
                    raise
            token, renewed = self._token(deadline, token), renewed + 1

    def _tried(self, request: Request[Any], token: str, deadline: float) -> Any:
        connection = self.connection
        message = wire.encode(request, connection.settings, token)
        deadline = connection.until(request, deadline)
        connection.forget(request)
        attempt = 0
        while True:
            while wait := connection.turn(request, deadline):
                time.sleep(wait)
            try:
                with connection.noted(request, message):
                    reply = connection.decoded(request, *self._exchange.send(request, message, deadline))
            except OpenReplayToolsError as error:
                time.sleep(connection.pause(request, attempt, error, deadline))
                attempt += 1
            else:
                connection.remember(request, reply)
                return reply

    def _token(self, deadline: float, stale: str = "") -> str:
        """Return the login's token; one thread gets it, the others wait for it."""
        login = self.connection.account
        while True:
            future, ours = login.claim(stale, deadline, blocking=True)
            if ours:
                with login.settling(future) as token:
                    token.append(self._drive(self._steps(login.obtain(stale)), deadline))
            try:
                return future.result(self.connection.left(deadline))
            except TimeoutError:
                raise self.connection.late() from None
            except CancelledError:  # whoever tried was interrupted
                continue


class AsyncClient(Configured):
    """Runs operations from async code; may be used in several event loops, one after another or at the same time.

    >>> async with AsyncClient(api_key="...", base_url="https://openreplay.example.com") as client:  # doctest: +SKIP
    ...     page = await client.run(search_users, query="ann")
    """

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        """Make a client; see `Client`."""
        super().__init__(settings, **given)
        self._exchange = AsyncExchange(self.connection)

    async def run(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one operation and return its typed result; see `Client.run`."""
        return (await self.outcome(operation, operation.arguments_of(args, kwargs))).result

    async def iterate(self, operation: Operation[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        """Yield the rows of all pages, each once; see `Client.iterate`."""
        with closing(self._walking(operation, operation.arguments_of(args, kwargs))) as steps:
            deadline = self.connection.deadline()
            while (command := steps.command()) is not None:
                if isinstance(command, Emit):
                    for row in command.rows:
                        yield row
                    steps.reply(None)
                    deadline = self.connection.deadline()
                    continue
                began = time.monotonic()
                try:
                    steps.reply(await self._perform(command, deadline))
                except OpenReplayToolsError as error:
                    steps.error(error)
                deadline += spent(command, began)

    async def outcome(self, operation: Operation[Any, R], arguments: Arguments) -> Outcome[R]:
        """Run one operation and return its result with its scope; see `Client.outcome`."""
        return await self._drive(self._steps(operation.call(arguments, self.connection.scope()), operation))

    async def find_out(self, question: Callable[[Any, Scope], Flow[T]], subject: Any) -> T:
        """Run a flow that belongs to no operation; see `Client.find_out`."""
        return await self._drive(self._steps(question(subject, self.connection.scope())))

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._exchange.close()
        self._stop()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections of the running loop."""
        await self.aclose()

    async def _drive(self, steps: Steps[T], deadline: float | None = None) -> T:
        deadline = self.connection.deadline() if deadline is None else deadline
        with closing(steps):
            while (command := steps.command()) is not None:
                began = time.monotonic()
                try:
                    steps.reply(await self._perform(command, deadline))
                except OpenReplayToolsError as error:
                    steps.error(error)
                deadline += spent(command, began)
        return steps.result

    async def _perform(self, command: Command, deadline: float) -> Any:
        if isinstance(command, Pause):
            return await asyncio.sleep(command.seconds)
        if isinstance(command, Work):
            return await asyncio.to_thread(command.do)
        if not isinstance(command, Batch):
            return await self._send(request_of(command), deadline)
        gate = asyncio.Semaphore(_BATCH_WIDTH)

        async def one(request: Request[Any]) -> Any:
            async with gate:
                return await self._send(request, deadline)

        tasks = [asyncio.ensure_future(one(request)) for request in command.requests]
        try:
            return await asyncio.gather(*tasks)
        finally:  # after a failure, or when we are cancelled ourselves, nothing goes on behind the caller's back
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, request: Request[Any], deadline: float) -> Any:
        connection = self.connection
        if (kept := connection.recall(request)) is not None:
            return kept
        token = await self._token(deadline) if connection.needs_login(request) else ""
        renewed = 0
        while True:
            try:
                return await self._tried(request, token, deadline)
            except OpenReplayToolsError as error:
                if renewed > 1 or not connection.stale(request, error):
                    raise
            token, renewed = await self._token(deadline, token), renewed + 1

    async def _tried(self, request: Request[Any], token: str, deadline: float) -> Any:
        connection = self.connection
        message = wire.encode(request, connection.settings, token)
        deadline = connection.until(request, deadline)
        connection.forget(request)
        attempt = 0
        while True:
            while wait := connection.turn(request, deadline):  # noqa: ASYNC110 - shared with threads and other loops
                await asyncio.sleep(wait)
            try:
                with connection.noted(request, message):
                    reply = connection.decoded(request, *await self._exchange.send(request, message, deadline))
            except OpenReplayToolsError as error:
                await asyncio.sleep(connection.pause(request, attempt, error, deadline))
                attempt += 1
            else:
                connection.remember(request, reply)
                return reply

    async def _token(self, deadline: float, stale: str = "") -> str:
        """Return the login's token; one task gets it, the others wait for it, whatever their loop."""
        login = self.connection.account
        while True:
            future, ours = login.claim(stale, deadline)
            if ours:
                with login.settling(future) as token:
                    token.append(await self._drive(self._steps(login.obtain(stale)), deadline))
            try:
                # Not wait_for, which swallows a cancellation on 3.11. Shielded: giving up takes the login from nobody.
                async with asyncio.timeout(self.connection.left(deadline)):
                    return await asyncio.shield(asyncio.wrap_future(future))
            except TimeoutError:
                raise self.connection.late() from None
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if not future.cancelled() or (task is not None and task.cancelling()):
                    raise  # we were cancelled, not only whoever tried
