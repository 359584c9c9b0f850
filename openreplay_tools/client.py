"""Client and AsyncClient: the two drivers that run operations. The only module that imports the HTTP library."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import httpx

from openreplay_tools import wire
from openreplay_tools.addresses import is_loopback
from openreplay_tools.deadline import begin, limit
from openreplay_tools.driver import Body, Configured, Connection, Steps
from openreplay_tools.errors import ConfigurationError, OpenReplayToolsError, RequestTimeoutError, TransportError
from openreplay_tools.operation import Arguments, Batch, Command, Emit, Flow, Operation, Outcome, Page, Request, Scope
from openreplay_tools.text import Recorded

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from openreplay_tools.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_BATCH_WIDTH = 4  # requests of one batch that an async client has under way at the same time


def _options(connection: Connection) -> dict[str, Any]:
    """Return the arguments of an httpx client; making a TLS context is slow, so there is one."""
    with connection.lock:
        if (
            connection.tls is None
            and connection.transport is None
            and connection.settings.base_url.startswith("https:")
        ):
            connection.tls = httpx.create_ssl_context()
    # Without https there is nothing to verify; a proxy of the environment cannot reach this machine's own ports.
    verify: ssl.SSLContext | bool = connection.tls or False
    trust_env = not is_loopback(connection.settings.base_url)
    return {"verify": verify, "follow_redirects": False, "transport": connection.transport, "trust_env": trust_env}


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
        steps = Steps(operation.walk_all(operation.arguments_of(args, kwargs), self.connection.scope()), operation)
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
        return self._drive(Steps(operation.call(arguments, self.connection.scope()), operation))

    def find_out(self, question: Callable[[Any, Scope], Flow[T]], subject: Any) -> T:
        """Run a short flow that belongs to no operation, such as what the server can do."""
        return self._drive(Steps(question(subject, self.connection.scope())))

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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def _drive(self, steps: Steps[T]) -> T:
        deadline = self.connection.deadline()
        while (command := steps.command()) is not None:
            try:
                steps.reply(self._perform(command, deadline))
            except OpenReplayToolsError as error:
                steps.error(error)
        return steps.result

    def _perform(self, command: Command, deadline: float) -> Any:
        if isinstance(command, Batch):
            return [self._send(request, deadline) for request in command.requests]
        return self._send(_request(command), deadline)

    def _send(self, request: Request[Any], deadline: float) -> Any:
        connection = self.connection
        message = wire.encode(request, connection.settings)
        if (kept := connection.recall(request, message)) is not None:
            return kept
        connection.forget(request)
        for attempt in count():
            try:
                reply = connection.decoded(request, *self._exchange(message, deadline))
            except OpenReplayToolsError as error:
                connection.sent(request, message, type(error).__name__)
                time.sleep(connection.pause(request, attempt, error, deadline))
            except BaseException as error:  # interrupted or cancelled: it may have been done
                connection.sent(request, message, type(error).__name__)
                raise
            else:
                connection.sent(request, message, "done")
                connection.remember(request, message, reply)
                return reply
        raise AssertionError  # pragma: no cover - count() does not end

    def _exchange(self, message: wire.Message, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        http = self._opened()
        body = Body(self.connection, deadline)
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
            with self.connection.lock:
                http = self._http
                if http is None:
                    with _proxied():
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
        # A connection belongs to the loop it was opened in.
        self._http: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}

    async def run(self, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run one operation and return its typed result; see `Client.run`."""
        return (await self.outcome(operation, operation.arguments_of(args, kwargs))).result

    async def iterate(self, operation: Operation[P, Page[T]], *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        """Yield the rows of all pages, each once; see `Client.iterate`."""
        steps = Steps(operation.walk_all(operation.arguments_of(args, kwargs), self.connection.scope()), operation)
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
        return await self._drive(Steps(operation.call(arguments, self.connection.scope()), operation))

    async def find_out(self, question: Callable[[Any, Scope], Flow[T]], subject: Any) -> T:
        """Run a flow that belongs to no operation; see `Client.find_out`."""
        return await self._drive(Steps(question(subject, self.connection.scope())))

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

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections of the running loop."""
        await self.aclose()

    async def _drive(self, steps: Steps[T]) -> T:
        deadline = self.connection.deadline()
        while (command := steps.command()) is not None:
            try:
                steps.reply(await self._perform(command, deadline))
            except OpenReplayToolsError as error:
                steps.error(error)
        return steps.result

    async def _perform(self, command: Command, deadline: float) -> Any:
        if not isinstance(command, Batch):
            return await self._send(_request(command), deadline)
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
        message = wire.encode(request, connection.settings)
        if (kept := connection.recall(request, message)) is not None:
            return kept
        connection.forget(request)
        for attempt in count():
            try:
                reply = connection.decoded(request, *await self._exchange(message, deadline))
            except OpenReplayToolsError as error:
                connection.sent(request, message, type(error).__name__)
                await asyncio.sleep(connection.pause(request, attempt, error, deadline))
            except BaseException as error:  # interrupted or cancelled: it may have been done
                connection.sent(request, message, type(error).__name__)
                raise
            else:
                connection.sent(request, message, "done")
                connection.remember(request, message, reply)
                return reply
        raise AssertionError  # pragma: no cover - count() does not end

    async def _exchange(self, message: wire.Message, deadline: float) -> tuple[int, Mapping[str, str], bytes]:
        connection = self.connection
        http = self._opened()
        body = Body(connection, deadline)
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


def _request(command: Command) -> Request[Any]:
    if not isinstance(command, Request):
        raise TypeError(f"{type(command).__name__} is for walks only.")
    return command


def _prepared(message: wire.Message, phases: dict[str, float]) -> httpx.Request:
    limits = {"timeout": phases}
    return httpx.Request(
        message.method, message.url, headers=message.headers, content=message.content, extensions=limits
    )


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
