"""The sandbox: a fake OpenReplay on a loopback port, in a background thread."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from openreplay_tools.sandbox.accounts import MEMBER, OWNER, PASSWORD, Accounts
from openreplay_tools.sandbox.app import Gate, build
from openreplay_tools.sandbox.failures import Connections, FailingServer, Failures
from openreplay_tools.sandbox.front import Front, Received
from openreplay_tools.sandbox.legacy import build_legacy
from openreplay_tools.sandbox.legacy_call import Installation
from openreplay_tools.sandbox.limiter import Limiter
from openreplay_tools.sandbox.logrocket import build_logrocket
from openreplay_tools.sandbox.notte import build_notte
from openreplay_tools.sandbox.routes import Edition, Service
from openreplay_tools.sandbox.storage import Storage
from openreplay_tools.sandbox.store import Store, milliseconds
from openreplay_tools.sandbox.versions import Version, has_api_v1, has_go

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from starlette.types import ASGIApp

FIXED_NOW = datetime(2026, 11, 20, 18, 15, tzinfo=UTC)
"""The sandbox's clock unless told otherwise: the moment after which nothing was recorded."""

_START_SECONDS = 10.0
_KEPT_REQUESTS = 1000


class Sandbox:
    """An embedded OpenReplay server on a loopback port, with LogRocket and Notte beside it.

    Project 1 holds generated visits that end at the sandbox's clock, project 2 the recorded ones at their own times.
    LogRocket has recorded a part of the former as well; its files and Notte's videos lie in `storage`.
    Use it as a context manager, or call `start` and `stop`.

    Args:
        now: the server's clock, standing still, and the end of the generated data; `FIXED_NOW` when not given.
        version: "1.27" has API v2 and the dashboard's, "1.27.0" API v1 besides, "1.26" the dashboard's and v1, "1.22"
            v1 alone.
        edition: "ee" has live sessions and roles, "foss" is what most people host.
        api_v1: whether API v1 answers; as the version has it when not given.
        host: the address to listen on.
        port: 0 picks a free one.
        live_clock: end the generated data at the present and let the clock run.
        pulse: seconds that only grow, which the limiter of dashboard requests goes by.
    """

    api_key = "sandboxsandboxsandbx"
    email = OWNER.email
    member_email = MEMBER.email
    """Somebody whose role, on "ee", allows to watch sessions and live ones, and nothing else."""
    password = PASSWORD
    logrocket_api_key = "acme:shop:sandbox-logrocket"
    notte_api_key = "sandbox-notte-key"
    secret = "sandbox-secret-for-fence-and-confirmation"  # noqa: S105  a fixed text, so that outputs repeat

    def __init__(  # noqa: PLR0913  all by name, each with a default
        self,
        *,
        now: datetime | None = None,
        version: Version = "1.27",
        edition: Edition = "ee",
        api_v1: bool | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        live_clock: bool = False,
        pulse: Callable[[], float] = time.monotonic,
    ) -> None:
        if now is not None and (live_clock or now.tzinfo is None):
            raise ValueError("now must have a time zone and cannot be combined with live_clock")
        self._fixed_now = None if live_clock else (now or FIXED_NOW).astimezone(UTC)
        self.version = version
        self.edition = edition
        self.api_v1 = has_api_v1(version) if api_v1 is None else api_v1
        self.host = host
        self.port = port
        self.failures = Failures()
        self.requests: deque[Received] = deque(maxlen=_KEPT_REQUESTS)
        self.accounts = Accounts(self.now)
        self.storage = Storage(lambda: f"{self.url}/storage", self.now, self.secret)
        self._pulse = pulse
        self._connections: Connections = {}
        self._store: Store | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The server's root; the public API is under `/v2/api` as on a self-hosted instance."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def logrocket_url(self) -> str:
        """The place of LogRocket's `https://api.logrocket.com`: what stands before `/v1`."""
        return f"{self.url}/logrocket"

    @property
    def notte_url(self) -> str:
        """The place of Notte's `https://api.notte.cc`."""
        return f"{self.url}/notte"

    @property
    def store(self) -> Store:
        """The server's data, while it runs."""
        if self._store is None:
            raise RuntimeError("the sandbox is not started")
        return self._store

    def now(self) -> datetime:
        """The server's clock."""
        return self._fixed_now or datetime.now(UTC)

    def start(self) -> Self:
        """Listen and answer; returns when the server is ready."""
        if self._thread is not None:
            raise RuntimeError("the sandbox is already started")
        # Bound before all else: the port is known, nobody can take it, and a taken one leaves nothing open.
        listener = _listen(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._store = Store(milliseconds(self.now().replace(microsecond=0)))
        self._server = uvicorn.Server(self._config(self._store))
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="openreplay-sandbox", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.001)
        return self

    def stop(self) -> None:
        """Stop answering and wait for the thread; stopping twice is allowed."""
        if self._thread is None or self._server is None:
            return
        self._server.should_exit = True
        self._thread.join()
        self.store.close()
        self._thread = self._server = self._store = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def serve_forever(self) -> None:
        """Answer until interrupted, for the command line; starts the server when it is not."""
        if self._thread is None:
            self.start()
        try:
            while self._thread is not None and self._thread.is_alive():
                self._thread.join(0.5)
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def _config(self, store: Store) -> uvicorn.Config:
        installation = Installation(
            store=store,
            accounts=self.accounts,
            api_key=self.api_key,
            edition=self.edition,
            version=self.version,
            now=self.now,
            clock=self._pulse,
            opened_ms=milliseconds(self.now()),
        )
        gate = Gate(self.api_key, self.accounts, Limiter(self._pulse))
        service = build(Service(store, self.edition, self.now), gate, self.version) if has_go(self.version) else None
        siblings: dict[str, ASGIApp] = {
            "logrocket": build_logrocket(self.storage, self.logrocket_api_key, self.now, store),
            "notte": build_notte(self.storage, self.notte_api_key, self.now),
            "storage": self.storage,
        }
        front = Front(service, build_legacy(installation, api_v1=self.api_v1), self.requests, siblings)
        return uvicorn.Config(
            FailingServer(front, self.failures, self._connections),
            http=_protocol(self._connections),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            headers=[("Server", "nginx")],
            timeout_graceful_shutdown=1,
        )


def _listen(host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is: otherwise a body waits
    # 40 ms for the acknowledgement of its headers.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(100)
    except OSError:
        listener.close()
        raise
    return listener


def _protocol(connections: Connections) -> type[asyncio.Protocol]:
    """Make uvicorn's protocol remember its connections: ASGI has no way to close one without an answer."""

    class NotedProtocol(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if self.client is not None:
                connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                connections.pop(self.client, None)
            super().connection_lost(exc)

    return NotedProtocol
