"""Client and AsyncClient: the two drivers that run operations. The only module that imports the HTTP library."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import httpx

from openreplay_tools import wire
from openreplay_tools.addresses import is_loopback
from openreplay_tools.connection import Body, Connection, EmptyJar
from openreplay_tools.deadline import begin, limit
from openreplay_tools.driver import Configured, Steps, request_of
from openreplay_tools.errors import ConfigurationError, OpenReplayToolsError, RequestTimeoutError, TransportError
from openreplay_tools.flow import Batch, Command, Emit, Flow, Request
from openreplay_tools.text import Recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from typing import Self

    from openreplay_tools.operation import Arguments, Operation, Outcome, Page, Scope
    from openreplay_tools.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
_address = lru_cache(maxsize=64)(httpx.URL)  # slow to read, and most calls go to the same few
_BATCH_WIDTH = 4  # requests of one batch that an async client has under way at the same time


def _options(connection: Connection) -> dict[str, Any]:
    """Return an httpx client's arguments: one TLS context, slow to make; no proxy for this machine's own ports."""
    with connection.lock:
        if connection.tls is None and connection.wants_tls:
            connection.tls = httpx.create_ssl_context()
    given = {"verify": connection.tls or False, "trust_env": not is_loopback(connection.settings.base_url)}
    return {**given, "follow_redirects": False, "cookies": EmptyJar(), "transport": connection.transport}


class Client(Configured):
    """Runs operations; safe to share between threads.

    >>> with Client(api_key="...", base_url="https://openreplay.example.com") as client:  # doctest: +SKIP
    ...     page = client.run(search_users, query="ann")
    """

    _http: httpx.Client | None = None

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
        steps = self._walking(operation, operation.arguments_of(args, kwargs))
        deadline = self.connection.deadline()
        while (command := steps.command()) is not None:
            if isinstance(command, Emit):
                yield from command.rows
                steps.reply(None)
                deadline = self.connection.deadline()  # what the caller does between rows is not our time
                continue
            try:
                steps.reply(self._perform(command, deadline))
            except OpenReplayToolsError as error:
                steps.error(error)

    def outcome(self, operation: Operation[Any, R], arguments: Arguments) -> Outcome[R]:
        """Run one operation and return its result with the scope it is true about: what toolkits present."""
        return self._drive(self._steps(operation.call(arguments, self.connection.scope()), operation))

    def find_out(self, question: Callable[[Any, Scope], Flow[T]], subject: Any) -> T:
        """Run a short flow that belongs to no operation, such as what the server can do."""
        return self._drive(self._steps(question(subject, self.connection.scope())))

    def close(self) -> None:
        """Close the connections; the client opens new ones when it is used again."""
        with self.connection.lock:
            http, self._http = self._http, None
        if http is not None:
            http.close()
        self._stop()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def _drive(self, steps: Steps[T], deadline: float | None = None) -> T:
        deadline = self.connection.deadline() if deadline is None else deadline
        while (command := steps.command()) is not None:
            try:
                steps.reply(self._perform(command, deadline))
            except OpenReplayToolsError as error:
                steps.error(error)
        return steps.result

    def _perform(self, command: Command, deadline: float) -> Any:
        if isinstance(command, Batch):
            return [self._send(request, deadline) for request in command.requests]
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
        connection.forget(request)
        attempt = 0
        while True:
            while wait := connection.turn(request, deadline):
                time.sleep(wait)
            try:
                with connection.noted(request, message):
                    reply = connection.decoded(request, *self._exchange(message, deadline))
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

    def _exchange(self, message: wire.Message, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        http, body = self._opened(), Body(self.connection, deadline)
        begin(deadline)
        try:
            with translated(self.connection.settings.host):
                response = http.send(_prepared(message, self.connection.phases(deadline)), stream=True)
                try:
                    for chunk in response.iter_bytes():
                        body.add(chunk)
                finally:
                    response.close()
        except RequestTimeoutError:
            self.connection.left(deadline)  # past the deadline both clients say the same
            raise
        return response.status_code, response.headers, body.whole()

    def _opened(self) -> httpx.Client:
        http = self._http
        if http is None:
            options = _options(self.connection)
            with _proxied(), self.connection.lock:
                http = self._http
                if http is None:
                    http = self._http = httpx.Client(**options)
                    limit(http)
        return http


class AsyncClient(Configured):
    """Runs operations from async code; may be used in several event loops, one after another or at the same time.

    >>> async with AsyncClient(api_key="...", base_url="https://openreplay.example.com") as client:  # doctest: +SKIP
    ...     page = await client.run(search_users, query="ann")
    """

    def __init__(self, settings: Settings | None = None, **given: Any) -> None:
        """Make a client; see `Client`."""
        super().__init__(settings, **given)
        self._http: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}  # each belongs to the loop it was opened in

    async def run(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one operation and return its typed result; see `Client.run`."""
        return (await self.outcome(operation, operation.arguments_of(args, kwargs))).result

    async def iterate(self, operation: Operation[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        """Yield the rows of all pages, each once; see `Client.iterate`."""
        steps = self._walking(operation, operation.arguments_of(args, kwargs))
        deadline = self.connection.deadline()
        while (command := steps.command()) is not None:
            if isinstance(command, Emit):
                for row in command.rows:
                    yield row
                steps.reply(None)
                deadline = self.connection.deadline()
                continue
            try:
                steps.reply(await self._perform(command, deadline))
            except OpenReplayToolsError as error:
                steps.error(error)

    async def outcome(self, operation: Operation[Any, R], arguments: Arguments) -> Outcome[R]:
        """Run one operation and return its result with its scope; see `Client.outcome`."""
        return await self._drive(self._steps(operation.call(arguments, self.connection.scope()), operation))

    async def find_out(self, question: Callable[[Any, Scope], Flow[T]], subject: Any) -> T:
        """Run a flow that belongs to no operation; see `Client.find_out`."""
        return await self._drive(self._steps(question(subject, self.connection.scope())))

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        with self.connection.lock:
            http = self._http.pop(asyncio.get_running_loop(), None)
        if http is not None:
            await http.aclose()
        self._stop()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections of the running loop."""
        await self.aclose()

    async def _drive(self, steps: Steps[T], deadline: float | None = None) -> T:
        deadline = self.connection.deadline() if deadline is None else deadline
        while (command := steps.command()) is not None:
            try:
                steps.reply(await self._perform(command, deadline))
            except OpenReplayToolsError as error:
                steps.error(error)
        return steps.result

    async def _perform(self, command: Command, deadline: float) -> Any:
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
        connection.forget(request)
        attempt = 0
        while True:
            while wait := connection.turn(request, deadline):  # noqa: ASYNC110 - shared with threads and other loops
                await asyncio.sleep(wait)
            try:
                with connection.noted(request, message):
                    reply = connection.decoded(request, *await self._exchange(message, deadline))
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

    async def _exchange(self, message: wire.Message, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        connection = self.connection
        http, body = self._opened(), Body(connection, deadline)
        timer = asyncio.timeout(connection.left(deadline))
        try:
            async with timer:
                with translated(connection.settings.host):
                    response = await http.send(_prepared(message, connection.phases(deadline)), stream=True)
                    try:
                        async for chunk in response.aiter_bytes():
                            body.add(chunk)
                    finally:
                        await response.aclose()
        except TimeoutError:
            if timer.expired():
                raise connection.late() from None
            raise
        return response.status_code, response.headers, body.whole()

    def _opened(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self.connection.lock:
            # An open connection keeps its loop alive, so loops that have ended are forgotten here.
            for ended in [each for each in self._http if each.is_closed()]:
                del self._http[ended]
            http = self._http.get(loop)
        if http is None:
            options = _options(self.connection)
            with _proxied(), self.connection.lock:
                http = self._http[loop] = httpx.AsyncClient(**options)
        return http


def _prepared(message: wire.Message, phases: dict[str, float]) -> httpx.Request:
    given: dict[str, Any] = {"headers": message.headers, "content": message.content}
    return httpx.Request(message.method, _address(message.url), extensions={"timeout": phases}, **given)


@contextmanager
def _proxied() -> Iterator[None]:
    """Turn what opening a client raises into our error: nothing but the environment's proxies can be wrong there."""
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL):  # socks without its library, a scheme that no proxy has
        what = "Check ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
        raise ConfigurationError(f"The proxy of the environment cannot be used. {what}") from None


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn what the HTTP library raises into our errors; neither key nor headers stand in them."""
    try:
        yield
    except httpx.TimeoutException:
        raise RequestTimeoutError(f"{host} did not answer in time. Try again, or narrow the request.") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
        what = "Check OPENREPLAY_BASE_URL and OPENREPLAY_API_KEY."
        raise ConfigurationError(f"The request to {host} cannot be written. {what}") from None
    except httpx.ConnectError as error:
        what = ". Check OPENREPLAY_BASE_URL and the network."
        raise TransportError(f"Cannot reach {host}: ", Recorded(str(error)), what) from None
    except httpx.HTTPError as error:
        raise TransportError(f"{host} broke the connection off ({type(error).__name__}). Try again.") from None
