"""What the sync and the async driver share and needs no HTTP library: feeding flows, remembering, limits, retries."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openreplay_tools import wire
from openreplay_tools.confirmation import Confirmations
from openreplay_tools.errors import (
    ApiError,
    ConfigurationError,
    OpenReplayToolsError,
    ReplyTooLongError,
    RequestTimeoutError,
    ServerError,
    TransportError,
    UnexpectedReplyError,
)
from openreplay_tools.operation import Scope
from openreplay_tools.settings import Settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Self

    from openreplay_tools.operation import Command, Flow, Operation, Request

T = TypeVar("T")
_UNCERTAIN = " It may have been done all the same: look before trying again."
_QUICK = {"retries": 0, "deadline": 5.0}
_AUDIT = logging.getLogger("openreplay_tools.audit")


class Steps(Generic[T]):
    """Feeds a flow with replies and errors, one command at a time, and keeps its result."""

    result: T

    def __init__(self, flow: Flow[T], operation: Operation[..., Any] | None = None) -> None:
        """Begin a flow.

        Args:
            flow: what to run.
            operation: whose it is; errors that end it carry its name.
        """
        self._flow = flow
        self._name = operation.tool_name if operation is not None else ""
        self._advance = partial(next, flow)

    def command(self) -> Command | None:
        """Return what the flow asks for next, None when it has ended."""
        try:
            command: Command = self._advance()
        except StopIteration as stop:
            self.result = stop.value
            return None
        except OpenReplayToolsError as error:
            error.operation = error.operation or self._name
            raise
        return command

    def reply(self, value: Any) -> None:
        """Answer the last command."""
        self._advance = partial(self._flow.send, value)

    def error(self, error: OpenReplayToolsError) -> None:
        """Throw an error into the flow where it waits for an answer."""
        self._advance = partial(self._flow.throw, error)


class Connection:
    """What a sync and an async client share: settings, deadlines, memory, retries, bounds, one TLS context."""

    def __init__(self, settings: Settings, transport: Any = None) -> None:
        """Hold the settings; nothing is opened yet.

        Args:
            settings: credentials, address, limits.
            transport: replaces the network, for tests (an httpx transport).
        """
        self.settings = settings
        self.transport = transport
        self.tls: ssl.SSLContext | None = None
        self.lock = threading.Lock()
        self._memory: dict[str, tuple[float, Any]] = {}
        self._confirmations = Confirmations(settings.secret.get_secret_value())

    def scope(self) -> Scope:
        """Return the surroundings of one call; project, session and window are resolved by the operation."""
        settings = self.settings
        return Scope(
            now=settings.clock().astimezone(settings.zone),
            zone=settings.zone,
            dashboard=settings.dashboard,
            host=settings.host,
            default_project=settings.project,
            credentials=frozenset({"key"} if settings.api_key.get_secret_value() else ()),
            confirmations=self._confirmations,
        )

    def deadline(self) -> float:
        """Return when a call that begins now has to be over, on the monotonic clock."""
        return time.monotonic() + self.settings.deadline

    def phases(self, deadline: float) -> dict[str, float]:
        """Return the limits of one request: each phase has its own, none outlives the call's deadline.

        Raises:
            RequestTimeoutError: the deadline has passed.
        """
        left = self.left(deadline)
        connect, read = min(left, self.settings.connect_timeout), min(left, self.settings.read_timeout)
        return {"connect": connect, "read": read, "write": read, "pool": connect}

    def left(self, deadline: float) -> float:
        """Return the seconds until the deadline.

        Raises:
            RequestTimeoutError: it has passed.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise self.late()
        return left

    def late(self) -> RequestTimeoutError:
        """Return the error for a call that took too long."""
        host, seconds = self.settings.host, self.settings.deadline
        return RequestTimeoutError(f"{host} did not answer within {seconds:g} s. Try again, or narrow the request.")

    def too_long(self) -> ReplyTooLongError:
        """Return the error for a reply beyond the bound."""
        size = self.settings.max_reply_bytes // 1024
        return ReplyTooLongError(
            f"The reply is longer than {size} KiB. Ask for less: a smaller limit, a shorter window."
        )

    def remember(self, request: Request[Any], message: wire.Message, reply: Any) -> None:
        """Keep a reply that may be asked for again."""
        if request.cache_seconds:
            with self.lock:
                self._memory[message.url] = (time.monotonic() + request.cache_seconds, reply)

    def forget(self, request: Request[Any]) -> None:
        """Drop everything kept when a request may change something, whether it seems to succeed or not."""
        if not request.reads:
            with self.lock:
                self._memory.clear()

    def audit(self, request: Request[Any], message: wire.Message, result: str) -> None:
        """Leave a line in the log `openreplay_tools.audit` for everything that changes something on a server.

        Args:
            request: reads leave none.
            message: what was sent; its address holds no secret.
            result: "done", or the name of the error.
        """
        if not request.reads:
            _AUDIT.info("%s %s: %s", message.method, message.url, result)

    def sent(self, request: Request[Any], message: wire.Message, result: str) -> None:
        """Note the end of a try: a write is logged, and what was read while it was under way is forgotten."""
        self.forget(request)
        self.audit(request, message, result)

    def recall(self, request: Request[Any], message: wire.Message) -> Any:
        """Return a kept reply, or None."""
        if not request.cache_seconds:
            return None
        with self.lock:
            until, reply = self._memory.get(message.url, (0.0, None))
        return reply if time.monotonic() < until else None

    def pause(self, request: Request[Any], attempt: int, error: OpenReplayToolsError, deadline: float) -> float:
        """Return the seconds to wait before the next try.

        Args:
            request: only reads are sent again.
            attempt: 0 after the first failure.
            error: only broken connections and the server's passing troubles are worth it.
            deadline: a wait beyond it is not worth it.

        Raises:
            OpenReplayToolsError: the error itself, when it is not to be tried again.
        """
        worth = isinstance(error, TransportError) and not isinstance(error, RequestTimeoutError | ReplyTooLongError)
        worth = worth or (isinstance(error, ApiError) and error.status in wire.RETRYABLE_STATUSES)
        if request.reads and worth and attempt < self.settings.retries:
            wait = wire.wait_before_retry(attempt, error, deadline - time.monotonic())
            if wait is not None:
                return wait
        if not request.reads and isinstance(error, TransportError | ServerError | UnexpectedReplyError):
            error.parts = (*error.parts, _UNCERTAIN)
        raise error

    def decoded(self, request: Request[Any], status: int, headers: Mapping[str, str], body: bytes) -> Any:
        """Return the typed reply or raise what the answer means; a key that a server repeats gets into no error."""
        key = self.settings.api_key.get_secret_value()
        if key and not (status == 200 and wire.media_type(headers) == "application/json"):
            headers = {name.lower(): value.replace(key, "[masked]") for name, value in headers.items()}
            body = body.replace(key.encode(), b"[masked]")
        try:
            return wire.decode(request, status, headers, body, self.settings.host)
        except UnexpectedReplyError as error:
            if not key or key not in repr(error.parts):
                raise
        return wire.decode(request, status, headers, body.replace(key.encode(), b"[masked]"), self.settings.host)


class Body:
    """Collects a reply's bytes within the size bound and the deadline."""

    def __init__(self, connection: Connection, deadline: float) -> None:
        """Begin empty."""
        self._connection = connection
        self._deadline = deadline
        self._chunks: list[bytes] = []
        self._size = 0

    def add(self, chunk: bytes) -> None:
        """Take a piece.

        Raises:
            TransportError: the reply is too long or takes too long.
        """
        self._size += len(chunk)
        if self._size > self._connection.settings.max_reply_bytes:
            raise self._connection.too_long()
        if time.monotonic() > self._deadline:
            raise self._connection.late()
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        """Return all of it."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)


class Configured:
    """What both clients can do without I/O."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        transport: Any = None,
        connection: Connection | None = None,
        owned: Any = None,
        **given: Any,
    ) -> None:
        """Make a client; nothing is opened until the first request.

        Args:
            settings: credentials, address, limits; None makes them of `given`.
            transport: replaces the network, for tests (an httpx transport).
            connection: shares another client's settings and cache.
            owned: stopped when the client is closed (an embedded sandbox).
            **given: fields of `Settings`, when no settings are given.

        Raises:
            ConfigurationError: a setting is malformed.
        """
        if settings is not None and given:
            raise ConfigurationError("Give settings or their fields, not both.")
        self.connection = connection or Connection(settings or Settings.make(**given), transport)
        self._owned = owned

    @classmethod
    def from_env(cls, **given: Any) -> Self:
        """Make a client from the environment; what is given in code wins.

        Args:
            **given: fields of `Settings`.

        Raises:
            ConfigurationError: a variable is malformed.
        """
        return cls(Settings.from_env(**given))

    @classmethod
    def sandbox(cls, **given: Any) -> Self:
        """Make a client of an embedded server with planted incidents; closing the client stops it.

        Args:
            **given: fields of `Settings`.

        Raises:
            ImportError: the extra `sandbox` is not installed.
        """
        from openreplay_tools.sandbox import Sandbox

        server = Sandbox().start()
        try:
            return cls(Settings.of_sandbox(server, **given), owned=server)
        except OpenReplayToolsError:
            server.stop()
            raise

    def hurried(self) -> Self:
        """Return a client of the same server that neither waits long nor insists, for a probe."""
        quick = self.connection.settings.model_copy(update=_QUICK)
        return type(self)(quick, transport=self.connection.transport)

    def _stop(self) -> None:
        if self._owned is not None:
            self._owned.stop()

    def __repr__(self) -> str:
        """Return the address only; never the key."""
        return f"{type(self).__name__}({self.connection.settings.base_url!r})"
