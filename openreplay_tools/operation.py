"""What an operation is: one argument model, one result model, one flow per route."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, ParamSpec, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from openreplay_tools.doors import AppRef
from openreplay_tools.downloads import Downloads
from openreplay_tools.errors import (
    ArgumentsError,
    AuthenticationError,
    ClosedError,
    OpenReplayToolsError,
    UnavailableError,
    WebPageError,
)
from openreplay_tools.flow import Emit, Flow, Learned, watched
from openreplay_tools.handles import Handles
from openreplay_tools.routes import Route, hindrance
from openreplay_tools.schema import explain, flat_schema
from openreplay_tools.windows import Window

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from openreplay_tools.answer import Answer
    from openreplay_tools.confirmation import Confirmations
    from openreplay_tools.doors import Access, Door

P = ParamSpec("P")
A = TypeVar("A", bound="Arguments")
T = TypeVar("T")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Effect = Literal["read", "write", "destroy"]

# Until an operation resolves its own.
_NO_APP = AppRef()
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
    """What a call is about, resolved before its flow begins: door, project, window, session, clock, zone, links."""

    now: datetime
    zone: ZoneInfo
    dashboard: str
    host: str
    default_project: str
    access: Access
    confirmations: Confirmations = field(repr=False)
    door: Door = "v2"
    lacks: tuple[str, ...] = ()
    project: ProjectRef = ProjectRef()
    session: SessionRef = SessionRef()
    window: Window = _EVER
    examines: bool = True  # whether a search that finds nothing looks into why
    app: AppRef = _NO_APP
    downloads: Downloads = field(default_factory=Downloads)
    handles: Handles = field(default_factory=Handles, repr=False)
    poll_seconds: float = 5.0  # between two looks at what a server is preparing


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R_co]):
    """A result and the scope it is true about."""

    result: R_co
    scope: Scope


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
        always: bool = False,
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
        self.always = always
        self.idempotent = effect == "read"  # whether calling it again does no more than calling it once
        self.shows_people = False  # whether its pictures show people as they are
        self._prepare = prepare
        self._walk: Callable[[Any, Scope], Flow[None]] | None = None

    def __repr__(self) -> str:
        """Return the name only."""
        return f"<operation {self.name}>"

    @cached_property
    def tool_name(self) -> str:
        """The name every framework shows; an operation of a sibling vendor carries its vendor in its own name."""
        prefix = f"{self.provider}_"
        return self.name if self.name.startswith(prefix) else f"{prefix}{self.name}"

    @property
    def title(self) -> str:
        """What hosts show people instead of the name."""
        words = self.name.removeprefix(f"{self.provider}_").replace("_", " ").capitalize()
        vendor = {"logrocket": "LogRocket", "notte": "Notte"}.get(self.provider)
        return f"{words} ({vendor})" if vendor else words

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
        """Take the first route that this server and these credentials allow, prepare the scope, and run it.

        Raises:
            ConfigurationError: there is no credential at all.
            UnavailableError: no route can be taken.
        """
        return (yield from self._first(arguments, scope, lambda route, ready: route.flow(arguments, ready)))

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
        emitted: list[Emit] = []
        walk = self._walk
        yield from self._first(arguments, scope, lambda _, ready: watched(walk(arguments, ready), emitted), emitted)

    def _first(
        self,
        arguments: Arguments,
        scope: Scope,
        run: Callable[[Route[R_co], Scope], Flow[Any]],
        told: Sequence[Emit] = (),
    ) -> Flow[Outcome[Any]]:
        """Run the first route that leads to an end; a read may be missing behind an open door, and another has it."""
        routes = self.routes
        while True:
            route, ready = yield from self._enter(arguments, scope, routes)
            try:
                return Outcome((yield from run(route, ready)), ready)
            except (ClosedError, WebPageError):
                routes = routes[routes.index(route) + 1 :]
                scope = replace(scope, project=ready.project)  # need not be looked for again
                other = any(each.obstacle(ready.access) is None for each in routes)
                if self.effect != "read" or not other or told:
                    raise

    def walk(self, flow: Callable[[Any, Scope], Flow[None]]) -> Callable[[Any, Scope], Flow[None]]:
        """Attach the flow that yields all rows of all pages (decorator)."""
        self._walk = flow
        return flow

    def route(
        self, needs: Door, *, lacks: tuple[str, ...] = (), permission: str = "", edition: str = ""
    ) -> Callable[[Callable[[Any, Scope], Flow[Any]]], Callable[[Any, Scope], Flow[Any]]]:
        """Attach a further route (decorator), which is tried after those before it; for the arguments see `Route`."""

        def attach(flow: Callable[[Any, Scope], Flow[Any]]) -> Callable[[Any, Scope], Flow[Any]]:
            self.routes.append(Route(needs, flow, lacks, permission, edition))
            return flow

        return attach

    def obstacle(self, access: Access) -> OpenReplayToolsError | None:
        """Return why the operation cannot work here and what would help, None when a route may be open."""
        return hindrance(self.tool_name, self.routes, access, always=self.always)

    def _enter(self, arguments: Arguments, scope: Scope, routes: list[Route[R_co]]) -> Flow[tuple[Route[R_co], Scope]]:
        """Return the first route whose door opens, and the scope prepared at that door."""
        if reason := self.obstacle(scope.access):
            raise reason
        access = scope.access
        refusal: OpenReplayToolsError = UnavailableError("No route is left.")
        for route in routes:
            if route.obstacle(access) is not None and not self.always:
                continue
            try:
                ready = yield from self._prepare(
                    arguments, replace(scope, access=access, door=route.needs, lacks=route.lacks)
                )
            except ClosedError as error:
                access, refusal = access.without(route.needs, error), error
            except AuthenticationError as error:
                access, refusal = access.refused(route.needs, error), error
            else:
                if access is not scope.access:
                    yield Learned(access)
                return route, ready
        raise self.obstacle(access) or refusal


def operation(  # noqa: PLR0913 - an operation's whole truth in one place
    arguments: Callable[P, A],
    *,
    group: str,
    prepare: Callable[[Any, Scope], Flow[Scope]],
    present: Callable[[R, A, Scope], Answer],
    effect: Effect = "read",
    needs: Door = "v2",
    permission: str = "",
    edition: str = "",
    saves: bool = False,
    library: str = "",
    always: bool = False,
    provider: str = "openreplay",
) -> Callable[[Callable[[A, Scope], Flow[R]]], Operation[P, R]]:
    """Make an operation of a flow: its name, docstring (the tool's description), arguments and result.

    Args:
        arguments: the argument model; its constructor types `client.run(operation, ...)`.
        group: by which toolkits select; so they do by `effect`. `provider` is the prefix of the tool's name.
        prepare: resolves project, session and window before the flow; `present` turns a result into an `Answer`.
        needs: the first route's door; see `Route`, also for what follows it, and `hindrance` for `always`.
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
            route=Route(needs, flow, (), permission, edition, saves, library),
            always=always,
        )

    return wrap


def _prompt(docstring: str) -> str:
    """Return a docstring as running text: one line a paragraph."""
    return "\n".join(" ".join(block.split()) for block in inspect.cleandoc(docstring).split("\n\n"))
