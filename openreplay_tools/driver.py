"""What the sync and the async driver share and needs no HTTP library: feeding flows, making clients."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openreplay_tools.connection import Connection
from openreplay_tools.errors import (
    ConfigurationError,
    OpenReplayToolsError,
)
from openreplay_tools.flow import Learned, Pause, Progress, Request, Work
from openreplay_tools.progress import report
from openreplay_tools.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from openreplay_tools.doors import Access
    from openreplay_tools.flow import Command, Flow
    from openreplay_tools.operation import Arguments, Operation

T = TypeVar("T")
_QUICK = {"retries": 0, "deadline": 12.0, "connect_timeout": 4.0, "read_timeout": 4.0}


class Steps(Generic[T]):
    """Feeds a flow with replies and errors, one command at a time, and keeps its result."""

    result: T

    def __init__(
        self,
        flow: Flow[T],
        operation: Operation[..., Any] | None = None,
        learn: Callable[[Access], Access] | None = None,
    ) -> None:
        """Begin a flow.

        Args:
            flow: what to run.
            operation: whose it is; errors that end it carry its name.
            learn: keeps what the flow finds out about the server.
        """
        self._learn = learn
        self._flow = flow
        self._name = operation.tool_name if operation is not None else ""
        self._advance = partial(next, flow)

    def command(self) -> Command | None:
        """Return what the flow asks for next, None when it has ended."""
        try:
            command: Command = self._advance()
            while isinstance(command, Learned | Progress):
                command = self._flow.send(self._noted(command))
        except StopIteration as stop:
            self.result = stop.value
            return None
        except OpenReplayToolsError as error:
            error.operation = error.operation or self._name
            raise
        return command

    def _noted(self, command: Learned | Progress) -> Access | None:
        """Do what needs nothing of the server, and return the flow's answer."""
        if isinstance(command, Progress):
            report(command)
            return None
        return command.access if self._learn is None else self._learn(command.access)

    def reply(self, value: Any) -> None:
        """Answer the last command."""
        self._advance = partial(self._flow.send, value)

    def error(self, error: OpenReplayToolsError) -> None:
        """Throw an error into the flow where it waits for an answer."""
        self._advance = partial(self._flow.throw, error)

    def close(self) -> None:
        """End the flow where it stands: what it holds, such as a half-written file, goes now and not some day."""
        self._flow.close()


def request_of(command: Command) -> Request[Any]:
    """Return a command that is a request.

    Raises:
        TypeError: it is not: a call yielded what only walks may.
    """
    if not isinstance(command, Request):
        raise TypeError(f"{type(command).__name__} is for walks only.")
    return command


def spent(command: Command, began: float) -> float:
    """Return the seconds that a command took without being the server's time for an answer: the deadline moves by them.

    Args:
        command: what was done.
        began: when, on the monotonic clock.
    """
    ours = isinstance(command, Pause | Work) or (isinstance(command, Request) and command.into is not None)
    return time.monotonic() - began if ours else 0.0


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
    def sandbox(cls, *, login: bool = False, siblings: bool = False, **given: Any) -> Self:
        """Make a client of an embedded server with planted incidents; closing the client stops it.

        Args:
            login: a dashboard login beside the organization key.
            siblings: the keys of its LogRocket and its Notte as well.
            **given: fields of `Settings`.

        Raises:
            ImportError: the extra `sandbox` is not installed.
        """
        from openreplay_tools.sandbox import Sandbox

        server = Sandbox().start()
        try:
            return cls(Settings.of_sandbox(server, login=login, siblings=siblings, **given), owned=server)
        except OpenReplayToolsError:
            server.stop()
            raise

    def hurried(self) -> Self:
        """Return a client of the same server that neither waits long nor insists, for a probe."""
        quick = self.connection.settings.model_copy(update=_QUICK)
        return type(self)(connection=Connection(quick, self.connection.transport, self.connection))

    def _steps(self, flow: Flow[T], operation: Operation[..., Any] | None = None) -> Steps[T]:
        return Steps(flow, operation, self.connection.learn)

    def _walking(self, operation: Operation[..., Any], arguments: Arguments) -> Steps[None]:
        return self._steps(operation.walk_all(arguments, self.connection.scope()), operation)

    def _stop(self) -> None:
        if self._owned is not None:
            self._owned.stop()

    def __repr__(self) -> str:
        """Return the address only; never the key."""
        return f"{type(self).__name__}({self.connection.settings.base_url!r})"
