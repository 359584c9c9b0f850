"""What a flow may ask for.

A flow is a generator that never sends anything: it yields commands, receives typed replies, and has errors thrown
into it. `client.py` drives it, once for sync and once for async code.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeAlias, TypeVar

from pydantic import BaseModel

from openreplay_tools.errors import MovedError, OpenReplayToolsError

if TYPE_CHECKING:
    from openreplay_tools.doors import Access, Service

T = TypeVar("T")
Reply = TypeVar("Reply", bound=BaseModel)


class Sink(Protocol):
    """Takes the bytes of a reply that is not data for us to read: a video, an export."""

    def begin(self) -> None:
        """Forget what an earlier try has brought."""

    def take(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            OpenReplayToolsError: it is more than may be taken.
        """


@dataclass(frozen=True, slots=True)
class Request(Generic[Reply]):
    """One HTTP request and the shape of its reply.

    Args:
        method: GET, POST, PUT, DELETE.
        path: path parts below the service's base, each a separate value; `wire` encodes them.
        reply: the model of the whole reply body.
        body: JSON body.
        query: URL query.
        reads: True when nothing changes on the server, so that it may be sent again.
        escaped: True when this server escapes HTML in its answer (observed §D).
        cache_seconds: how long the reply may stand for the next identical request.
        via: which service answers, with which credential.
        headers: further headers; only the login's own requests have any.
        slash: whether the path ends in a slash: some servers know an endpoint by one form only.
        repeatable: whether it may be sent again after a failure; None: when it only reads.
        address: instead of a path: a whole pre-signed address, a secret; asked for without any credential.
        into: takes the body where it is no JSON; the reply is then an empty one.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: tuple[str, ...]
    reply: type[Reply]
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict)
    reads: bool = True
    escaped: bool = False
    cache_seconds: float = 0
    via: Service = "v2"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    slash: bool = False
    repeatable: bool | None = None
    address: str = field(default="", repr=False)
    into: Sink | None = field(default=None, repr=False)

    @property
    def again(self) -> bool:
        """Whether it may be sent again after a failure."""
        return self.reads if self.repeatable is None else self.repeatable


@dataclass(frozen=True, slots=True)
class Batch:
    """Several requests whose order does not matter; the driver may run them at the same time."""

    requests: tuple[Request[Any], ...]


@dataclass(frozen=True, slots=True)
class Emit:
    """Rows for whoever iterates; only a walk yields it."""

    rows: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Learned:
    """What a flow found out about the server; the driver keeps it, and answers what is known by then."""

    access: Access


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long flow has come, for whoever listens (`reporting`); the driver answers None and sends nothing.

    Args:
        done: how many of the things are done.
        total: how many there are; None while nobody knows.
        what: what is being done, in our own words only: "reading sessions". Nothing recorded ever stands in it.
    """

    done: int
    total: int | None
    what: str

    def __str__(self) -> str:
        """Return it as a person reads it: "reading sessions: 3 of 12"."""
        return f"{self.what}: {self.done}" if self.total is None else f"{self.what}: {self.done} of {self.total}"


@dataclass(frozen=True, slots=True)
class Pause:
    """Waiting on purpose, between two looks at what a server is preparing; it does not count against the deadline.

    Args:
        seconds: how long.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """Something that takes the processor or the disk for long; async code does it beside its event loop.

    Args:
        do: what; it sends nothing.
    """

    do: Callable[[], T]


Command: TypeAlias = Request[Any] | Batch | Emit | Learned | Progress | Pause | Work[Any]
Flow: TypeAlias = Generator[Command, Any, T]


def ask(request: Request[Reply]) -> Flow[Reply]:
    """Send one request and return its typed reply."""
    reply: Reply = yield request
    return reply


def ask_either_way(request: Request[Reply]) -> Flow[Reply]:
    """Send a request whose path some servers know with a slash at its end and others without.

    The redirect that says so is not followed: behind a proxy it may name another scheme or host.
    """
    try:
        return (yield from ask(request))
    except MovedError:
        return (yield from ask(replace(request, slash=not request.slash)))


def ask_all(requests: list[Request[Reply]]) -> Flow[list[Reply]]:
    """Send several requests, at the same time where the client can, and return their replies in order."""
    if not requests:
        return []
    replies: list[Reply] = yield Batch(tuple(requests))
    return replies


def pause(seconds: float) -> Flow[None]:
    """Wait for a number of seconds."""
    yield Pause(seconds)


def work(do: Callable[[], T]) -> Flow[T]:
    """Do what takes long, and return its result; what it raises of ours comes back into the flow."""
    result: T = yield Work(do)
    return result


class Fetched(BaseModel):
    """What a pre-signed address answers: its bytes went elsewhere."""


def fetch(address: str, into: Sink) -> Flow[None]:
    """Send for what lies behind a pre-signed address: without any credential, over https.

    Args:
        address: whole, and a secret.
        into: takes the bytes.

    Raises:
        PermissionDeniedError: the address has expired.
        ApiError: the storage refuses or fails.
    """
    yield Request("GET", (), Fetched, via="storage", address=address, into=into)


def watched(flow: Flow[T], emitted: list[Emit]) -> Flow[T]:
    """Run a flow and note that it emits; the rows are not kept, for there may be any number of them."""

    def note(command: Command) -> None:
        if isinstance(command, Emit) and not emitted:
            emitted.append(Emit(()))

    return inspected(flow, note)


def inspected(flow: Flow[T], look: Callable[[Command], Exception | None]) -> Flow[T]:
    """Run a flow and look at each of its commands; what looking returns is thrown into it instead of an answer."""
    advance: Callable[[], Command] = partial(next, flow)
    while True:
        try:
            command = advance()
        except StopIteration as stop:
            result: T = stop.value
            return result
        if (refusal := look(command)) is not None:
            advance = partial(flow.throw, refusal)
            continue
        try:
            advance = partial(flow.send, (yield command))
        except OpenReplayToolsError as error:
            advance = partial(flow.throw, error)
