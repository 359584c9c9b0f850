"""One HTTP exchange, from sync and from async code. The only module that imports the HTTP library."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

import httpx

from openreplay_tools.addresses import is_loopback
from openreplay_tools.bodies import Body
from openreplay_tools.deadline import begin, limit
from openreplay_tools.discretion import EmptyJar, secretive
from openreplay_tools.errors import ConfigurationError, RequestTimeoutError, TransportError
from openreplay_tools.services import ABOUT
from openreplay_tools.text import Recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openreplay_tools.connection import Connection
    from openreplay_tools.flow import Request
    from openreplay_tools.wire import Message

    Answered: TypeAlias = tuple[int, Mapping[str, str], bytes]
    _Sort: TypeAlias = tuple[bool, bool]

_address = lru_cache(maxsize=64)(httpx.URL)  # slow to read, and most calls go to the same few


class Exchange:
    """Sends messages from sync code, over one HTTP client for each kind of address."""

    def __init__(self, connection: Connection) -> None:
        """Open nothing yet."""
        self._connection = connection
        self._lock = threading.Lock()
        self._http: dict[_Sort, httpx.Client] = {}

    def send(self, request: Request[Any], message: Message, deadline: float) -> Answered:
        """Send one message and return status, headers and body.

        Raises:
            TransportError: no whole answer came.
        """
        connection = self._connection
        http, body = self.opened(message.url), Body(connection, request, deadline)
        begin(deadline)
        try:
            with secretive(ABOUT[request.via].secretive), translated(connection, request):
                response = http.send(_prepared(message, connection.phases(deadline, request)), stream=True)
                try:
                    body.open(response.status_code, response.headers, unpacked=response.is_stream_consumed)
                    for chunk in (response.content,) if response.is_stream_consumed else response.iter_raw():
                        begin(body.add(chunk))
                    body.end()
                finally:
                    response.close()
        except RequestTimeoutError:
            if time.monotonic() < body.deadline:
                raise
            raise connection.late(request, download=body.is_download) from None  # as the async client says it
        return response.status_code, response.headers, body.whole()

    def opened(self, url: str) -> httpx.Client:
        """Return the HTTP client for an address, a new one where there is none."""
        sort = _sort(url)
        http = self._http.get(sort)
        if http is None:
            settings = options(self._connection, url)
            with _proxied(), self._lock:
                http = self._http.get(sort)
                if http is None:
                    http = self._http[sort] = httpx.Client(**settings)
                    limit(http)
        return http

    def close(self) -> None:
        """Close the connections; new ones are opened when they are needed again."""
        with self._lock:
            ended, self._http = self._http, {}
        for http in ended.values():
            http.close()


class AsyncExchange:
    """Sends messages from async code; each event loop has its own HTTP clients."""

    def __init__(self, connection: Connection) -> None:
        """Open nothing yet."""
        self._connection = connection
        self._http: dict[tuple[asyncio.AbstractEventLoop, _Sort], httpx.AsyncClient] = {}

    async def send(self, request: Request[Any], message: Message, deadline: float) -> Answered:
        """Send one message and return status, headers and body; see `Exchange.send`."""
        connection = self._connection
        http, body = self.opened(message.url), Body(connection, request, deadline)
        timer = asyncio.timeout(connection.left(deadline, request))
        offset = asyncio.get_running_loop().time() - time.monotonic()  # the loop's clock need not be that one
        try:
            async with timer:
                with secretive(ABOUT[request.via].secretive), translated(connection, request):
                    response = await http.send(_prepared(message, connection.phases(deadline, request)), stream=True)
                    try:
                        body.open(response.status_code, response.headers, unpacked=response.is_stream_consumed)
                        if response.is_stream_consumed:
                            body.add(response.content)
                        else:
                            async for chunk in response.aiter_raw():
                                timer.reschedule(body.add(chunk) + offset)
                        body.end()
                    finally:
                        await response.aclose()
        except TimeoutError:
            if timer.expired():
                raise connection.late(request, download=body.is_download) from None
            raise
        return response.status_code, response.headers, body.whole()

    def opened(self, url: str) -> httpx.AsyncClient:
        """Return the running loop's HTTP client for an address, a new one where there is none."""
        place = asyncio.get_running_loop(), _sort(url)
        with self._connection.lock:
            # An open connection keeps its loop alive, so loops that have ended are forgotten here.
            for ended in [each for each in self._http if each[0].is_closed()]:
                del self._http[ended]
            http = self._http.get(place)
        if http is None:
            settings = options(self._connection, url)
            with _proxied(), self._connection.lock:
                http = self._http[place] = httpx.AsyncClient(**settings)
        return http

    async def close(self) -> None:
        """Close the connections of the running loop."""
        loop = asyncio.get_running_loop()
        with self._connection.lock:
            ours = [self._http.pop(place) for place in list(self._http) if place[0] is loop]
        for http in ours:
            await http.aclose()


def _sort(url: str) -> _Sort:
    """Return what an HTTP client is made for: with TLS or without, this machine's own ports or others."""
    return _is_safe(url), is_loopback(url)


def _is_safe(url: str) -> bool:
    return urlsplit(url).scheme != "http"  # whatever else it may be, HTTPS:// too, has its certificate verified


def options(connection: Connection, url: str) -> dict[str, Any]:
    """Return an HTTP client's arguments: one TLS context, slow to make; no proxy for this machine's own ports."""
    with connection.lock:
        if connection.tls is None and connection.transport is None and _is_safe(url):
            connection.tls = httpx.create_ssl_context()
    given = {"verify": connection.tls or False, "trust_env": not is_loopback(url)}
    return {**given, "follow_redirects": False, "cookies": EmptyJar(), "transport": connection.transport}


def _prepared(message: Message, phases: dict[str, float]) -> httpx.Request:
    given: dict[str, Any] = {"headers": message.headers, "content": message.content}
    kept = "Authorization" in message.headers  # a pre-signed address is not
    address = _address(message.url) if kept else httpx.URL(message.url)
    return httpx.Request(message.method, address, extensions={"timeout": phases}, **given)


@contextmanager
def _proxied() -> Iterator[None]:
    """Turn what opening a client raises into our error: nothing but the environment's proxies can be wrong there."""
    try:
        yield
    except (ImportError, ValueError, httpx.InvalidURL):  # socks without its library, a scheme that no proxy has
        what = "Check ALL_PROXY, HTTP_PROXY and HTTPS_PROXY."
        raise ConfigurationError(f"The proxy of the environment cannot be used. {what}") from None


@contextmanager
def translated(connection: Connection, request: Request[Any]) -> Iterator[None]:
    """Turn what the HTTP library raises into our errors; neither key nor headers nor a whole address stand in them."""
    host, about = connection.host_of(request), ABOUT[request.via]
    try:
        yield
    except httpx.TimeoutException:
        raise RequestTimeoutError(f"{host} did not answer in time. Try again, or narrow the request.") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
        what = f" Check {about.address} and {about.key}." if about.key else ""
        raise ConfigurationError(f"The request to {host} cannot be written.{what}") from None
    except httpx.ConnectError as error:
        what = f". Check {about.address} and the network." if about.address else ". Check the network."
        raise TransportError(f"Cannot reach {host}: ", Recorded(str(error)), what) from None
    except httpx.HTTPError as error:
        raise TransportError(f"{host} broke the connection off ({type(error).__name__}). Try again.") from None
