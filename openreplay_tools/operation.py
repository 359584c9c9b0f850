"""What an operation is: one argument model, one result model, one flow per route; and what a flow may ask for.

A flow is a generator that never sends anything: it yields commands, receives typed replies, and has errors thrown
into it. `client.py` drives it, once for sync and once for async code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, ParamSpec, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from openreplay_tools.errors import ArgumentsError, ConfigurationError, UnavailableError
from openreplay_tools.schema import explain, flat_schema
from openreplay_tools.windows import Window

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from openreplay_tools.answer import Answer
    from openreplay_tools.confirmation import Confirmations

P = ParamSpec("P")
A = TypeVar("A", bound="Arguments")
T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Reply = TypeVar("Reply", bound=BaseModel)

Effect = Literal["read", "write", "destroy"]
Credential = Literal["key", "login"]
_MEANS: dict[Credential, str] = {
    "key": "an organization key (OPENREPLAY_API_KEY)",
    "login": "a dashboard login (OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD)",
}


# Until an operation resolves its own.
_EVER = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC), everything=True)


class ArgumentPart(BaseModel):
    """A group of arguments inside an argument: flat, without unions, every optional one with a neutral default."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_omitted(cls, given: Any) -> Any:
        """Models send null for what they do not want to say."""
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class Arguments(ArgumentPart):
    """The arguments of one operation."""


class Record(BaseModel):
    """Something a server told: unknown keys are kept, missing ones have defaults, wrong types are refused."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, strict=True, defer_build=True)


# Epoch milliseconds on the wire.
Instant = Annotated[datetime, Field(strict=False)]


class Page(Record, Generic[T]):
    """One page of a list.

    Attributes:
        rows: the things, in the order asked for.
        total: how many match in all; None when the server does not tell.
        page: number of this page, from 1.
        limit: how many rows a page may hold.
    """

    rows: list[T] = []
    total: int | None = None
    page: int = 1
    limit: int = 0


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """A project by all its names."""

    key: str = ""
    id: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class SessionRef:
    """A session, when its recording began, and the moment a pasted link pointed at (ms from the start)."""

    id: str = ""
    started_ms: int = 0
    moment_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What a call is about, resolved before its flow begins: project, window, session, clock, zone, links."""

    now: datetime
    zone: ZoneInfo
    dashboard: str
    host: str
    default_project: str
    credentials: frozenset[Credential]
    confirmations: Confirmations = field(repr=False)
    project: ProjectRef = ProjectRef()
    session: SessionRef = SessionRef()
    window: Window = _EVER


@dataclass(frozen=True, slots=True)
class Request(Generic[Reply]):
    """One HTTP request and the shape of its reply.

    Args:
        method: GET, POST, DELETE.
        path: path parts below the service's base, each a separate value; `wire` encodes them.
        reply: the model of the whole reply body.
        body: JSON body.
        query: URL query.
        reads: True when nothing changes on the server, so that it may be sent again.
        escaped: True when this server escapes HTML in its answer (observed §D).
        cache_seconds: how long the reply may stand for the next identical request.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: tuple[str, ...]
    reply: type[Reply]
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    reads: bool = True
    escaped: bool = False
    cache_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Several requests whose order does not matter; the driver may run them at the same time."""

    requests: tuple[Request[Any], ...]


@dataclass(frozen=True, slots=True)
class Emit:
    """Rows for whoever iterates; only a walk yields it."""

    rows: tuple[Any, ...]


Command: TypeAlias = Request[Any] | Batch | Emit
Flow: TypeAlias = Generator[Command, Any, T]


def ask(request: Request[Reply]) -> Flow[Reply]:
    """Send one request and return its typed reply."""
    reply: Reply = yield request
    return reply


def ask_all(requests: list[Request[Reply]]) -> Flow[list[Reply]]:
    """Send several requests, at the same time where the client can, and return their replies in order."""
    if not requests:
        return []
    replies: list[Reply] = yield Batch(tuple(requests))
    return replies


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R_co]):
    """A result and the scope it is true about."""

    result: R_co
    scope: Scope


@dataclass(frozen=True, slots=True)
class Route(Generic[R_co]):
    """One way to do it: the credential it needs and its flow."""

    needs: Credential
    flow: Callable[[Any, Scope], Flow[R_co]]


class Operation(Generic[P, R_co]):
    """One operation, written once; clients run it, adapters show it."""

    def __init__(  # noqa: PLR0913 - an operation's whole truth in one place
        self,
        name: str,
        description: str,
        arguments: type[Arguments],
        *,
        provider: str,
        group: str,
        effect: Effect,
        prepare: Callable[[Any, Scope], Flow[Scope]],
        present: Callable[[Any, Any, Scope], Answer],
        route: Route[R_co],
    ) -> None:
        """Hold the parts; use the `operation` decorator."""
        self.name = name
        self.description = description
        self.arguments = arguments
        self.provider = provider
        self.group = group
        self.effect: Effect = effect
        self.present = present
        self.routes = [route]
        self._prepare = prepare
        self._walk: Callable[[Any, Scope], Flow[None]] | None = None

    def __repr__(self) -> str:
        """Return the name only."""
        return f"<operation {self.name}>"

    @cached_property
    def tool_name(self) -> str:
        """The name every framework shows."""
        return f"{self.provider}_{self.name}"

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The arguments' JSON schema, the same for every framework."""
        return flat_schema(self.arguments)

    @property
    def result(self) -> type[BaseModel]:
        """The result model, as the flow's annotation `Flow[...]` names it."""
        flow = inspect.unwrap(self.routes[0].flow)
        said = flow.__annotations__["return"]
        known = said.removeprefix("Flow[").removesuffix("]") if isinstance(said, str) else ""
        model: type[BaseModel] = flow.__globals__[known] if known else get_args(said)[-1]
        return model

    def parse(self, given: Mapping[str, Any]) -> Arguments:
        """Check arguments.

        Args:
            given: names and values as a model or a person sent them.

        Raises:
            ArgumentsError: with one sentence for each wrong argument.
        """
        if not isinstance(given, Mapping):
            raise ArgumentsError("Arguments are an object of names and values.")
        try:
            return self.arguments.model_validate(dict(given))
        except ValidationError as error:
            raise explain(error, self.arguments) from None

    def arguments_of(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Arguments:
        """Check the arguments of a call from Python.

        Raises:
            ArgumentsError: as `parse`, and for arguments without a name.
        """
        if positional:
            raise ArgumentsError(f"{self.name} takes its arguments by name: {', '.join(self.arguments.model_fields)}.")
        return self.parse(named)

    def call(self, arguments: Arguments, scope: Scope) -> Flow[Outcome[R_co]]:
        """Prepare the scope, take the first route whose credential is there, and run it.

        Raises:
            ConfigurationError: there is no credential at all.
            UnavailableError: no route for this kind of credential.
        """
        route = self._route(scope)
        ready = yield from self._prepare(arguments, scope)
        result = yield from route.flow(arguments, ready)
        return Outcome(result, ready)

    def walk_all(self, arguments: Arguments, scope: Scope) -> Flow[None]:
        """Yield every row of every page through `Emit`.

        Raises:
            TypeError: the operation does not return pages.
        """
        if self._walk is None:
            raise TypeError(f"{self.name} does not return pages; use run().")
        if chosen := arguments.model_fields_set & {"page", "limit"}:
            raise ArgumentsError(
                f"{' and '.join(sorted(chosen))}: leave out, for iterate reads every page; run() reads one."
            )
        self._route(scope)
        ready = yield from self._prepare(arguments, scope)
        yield from self._walk(arguments, ready)

    def walk(self, flow: Callable[[Any, Scope], Flow[None]]) -> Callable[[Any, Scope], Flow[None]]:
        """Attach the flow that yields all rows of all pages (decorator)."""
        self._walk = flow
        return flow

    def _route(self, scope: Scope) -> Route[R_co]:
        for route in self.routes:
            if route.needs in scope.credentials:
                return route
        if not scope.credentials:
            raise ConfigurationError(
                "No credential. Set OPENREPLAY_API_KEY to the organization key (Preferences → Account), "
                "and OPENREPLAY_BASE_URL to the instance when it is self-hosted."
            )
        needs = " or ".join(_MEANS[route.needs] for route in self.routes)
        raise UnavailableError(f"{self.tool_name} needs {needs}.")


def operation(  # noqa: PLR0913 - an operation's whole truth in one place
    arguments: Callable[P, A],
    *,
    group: str,
    prepare: Callable[[Any, Scope], Flow[Scope]],
    present: Callable[[R, A, Scope], Answer],
    effect: Effect = "read",
    needs: Credential = "key",
    provider: str = "openreplay",
) -> Callable[[Callable[[A, Scope], Flow[R]]], Operation[P, R]]:
    """Make an operation of a flow: its name, docstring (the tool's description), arguments and result.

    Args:
        arguments: the argument model; its constructor types `client.run(operation, ...)`.
        group: the group by which toolkits select.
        prepare: resolves project, session and window before the flow.
        present: turns a result into an `Answer`.
        effect: read, write or destroy.
        needs: the credential of this first route.
        provider: prefix of the tool's name.
    """
    model: Any = arguments

    def wrap(flow: Callable[[A, Scope], Flow[R]]) -> Operation[P, R]:
        return Operation(
            flow.__name__,
            _prompt(flow.__doc__ or ""),
            model,
            provider=provider,
            group=group,
            effect=effect,
            prepare=prepare,
            present=present,
            route=Route(needs, flow),
        )

    return wrap


def _prompt(docstring: str) -> str:
    """Return a docstring as running text: one line a paragraph."""
    return "\n".join(" ".join(block.split()) for block in inspect.cleandoc(docstring).split("\n\n"))
