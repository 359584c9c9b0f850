"""Operations chosen for an agent and bound to a client: what every adapter calls."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel

from openreplay_tools.catalogue import CURATED, CURATED_WITH_LOGIN, OPERATIONS, AnyOperation
from openreplay_tools.doors import Access
from openreplay_tools.errors import ArgumentsError, ConfigurationError, OpenReplayToolsError, UnavailableError
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.access import examine, examined
from openreplay_tools.openreplay.scope import beside_the_default
from openreplay_tools.render import Fence, render, sentence
from openreplay_tools.settings import Settings
from openreplay_tools.text import own, unescape

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from openreplay_tools.client import AsyncClient, Client
    from openreplay_tools.operation import Arguments, Outcome
    from openreplay_tools.pseudonyms import Pseudonyms

Choice: TypeAlias = "tuple[str, ...] | list[str] | Literal['all'] | None"
_EFFECTS = ("read", "write", "destroy")
_ERROR_LIMIT = 1500
_DETAIL = {"brief": (1, 3), "normal": (1, 1), "full": (4, 1)}
_SMALLEST = 500


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call says.

    Attributes:
        text: for the model: bounded, fenced; of a refusal the reason and what to do.
        data: the complete typed result as JSON data, secrets masked; {} for a refusal.
        is_error: whether the call was refused or failed.
    """

    text: str
    data: dict[str, Any]
    is_error: bool = False


class Toolkit:
    """Operations chosen for an agent and bound to a client.

    Building one sends nothing. Reading is the default; writing and deleting are offered only when asked for.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        groups: Choice = None,
        tools: Choice = None,
        effects: Choice = None,
        owned: Any = None,
    ) -> None:
        """Choose the operations.

        Args:
            settings: credentials, address, limits.
            groups: groups of operations, or "all"; None takes the curated set.
            tools: names of tools, or "all"; None leaves the choice to `groups`.
            effects: which of "read", "write", "destroy" may be offered; None is reading only.
            owned: closed together with the toolkit (an embedded sandbox).

        Raises:
            ConfigurationError: an unknown name, or a tool whose effect is not allowed.
        """
        self.settings = settings
        access = Access(settings.credentials)
        self._chosen = _selected(groups, tools, effects, access)
        self._reasons: dict[str, OpenReplayToolsError] = examined(self._chosen, access)
        self._owned = owned

    @classmethod
    def from_env(cls, *, groups: Choice = None, tools: Choice = None, effects: Choice = None, **given: Any) -> Self:
        """Build from the environment (`OPENREPLAY_API_KEY`, `OPENREPLAY_BASE_URL`, …); what is given in code wins.

        Args:
            groups: see `Toolkit`.
            tools: see `Toolkit`.
            effects: see `Toolkit`.
            **given: fields of `Settings`.

        Raises:
            ConfigurationError: there is no credential, or a variable is malformed.
        """
        settings = Settings.from_env(**given)
        if not settings.credentials:
            raise ConfigurationError(
                "OPENREPLAY_API_KEY is not set. Copy the organization key from Preferences → Account, or set "
                "OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD to a dashboard login, or try without any: sandbox()."
            )
        return cls(settings, groups=groups, tools=tools, effects=effects)

    @classmethod
    def sandbox(
        cls, *, login: bool = False, groups: Choice = None, tools: Choice = None, effects: Choice = None, **given: Any
    ) -> Self:
        """Build over an embedded server with a fixed clock and planted incidents; needs no credential.

        Args:
            login: a dashboard login beside the organization key, so that sessions can be searched.
            groups: see `Toolkit`.
            tools: see `Toolkit`.
            effects: see `Toolkit`.
            **given: fields of `Settings`.

        Raises:
            ImportError: the extra `sandbox` is not installed.
        """
        from openreplay_tools.sandbox import Sandbox

        server = Sandbox().start()
        try:
            settings = Settings.of_sandbox(server, login=login, **given)
            return cls(settings, groups=groups, tools=tools, effects=effects, owned=server)
        except OpenReplayToolsError:
            server.stop()
            raise

    def call(self, name: str, arguments: Mapping[str, Any]) -> Reply:
        """Call a tool by name; every refusal and failure that can be foreseen becomes a `Reply` with `is_error`.

        Args:
            name: a tool of this toolkit, such as openreplay_search_users.
            arguments: as a model sent them.
        """
        try:
            operation = self._operation(name)
            parsed = operation.parse(self._received(dict(arguments)))
            return self._reply(operation, parsed, self.client.outcome(operation, parsed), arguments)
        except OpenReplayToolsError as error:
            return self.refusal(error, arguments)

    async def acall(self, name: str, arguments: Mapping[str, Any]) -> Reply:
        """Call a tool by name from async code; see `call`."""
        try:
            operation = self._operation(name)
            parsed = operation.parse(self._received(dict(arguments)))
            return self._reply(operation, parsed, await self.async_client.outcome(operation, parsed), arguments)
        except OpenReplayToolsError as error:
            return self.refusal(error, arguments)

    def refusal(self, error: OpenReplayToolsError, sent: object = None) -> Reply:
        """Return an error as a reply, to what a model sent."""
        people = self._people
        text = sentence(error.parts, self._fence, _ERROR_LIMIT, people.part if people else None)
        text = f"{text}\n{self._fence.legend}" if self._fence.stands_in(text) else text
        return Reply(people.explained(text, sent) if people else text, {}, is_error=True)

    @property
    def operations(self) -> tuple[AnyOperation, ...]:
        """What is offered: what was chosen, less what these credentials or, after a probe, this server cannot do."""
        return tuple(operation for operation in self._chosen if operation.tool_name not in self._reasons)

    @property
    def unavailable(self) -> dict[str, str]:
        """Tools that were chosen and cannot work here, each with the reason; after a probe the server's too."""
        return {name: str(error) for name, error in self._reasons.items()}

    def probe(self) -> Self:
        """Find out what the server can do, with at most three small requests for each credential, and narrow the offer.

        What cannot work is listed in `unavailable` with the reason. A later probe looks anew.
        """
        with self.client.hurried() as client:
            self._reasons = client.find_out(examine, self._chosen)
        return self

    async def aprobe(self) -> Self:
        """Find out what the server can do from async code; see `probe`."""
        async with self.async_client.hurried() as client:
            self._reasons = await client.find_out(examine, self._chosen)
        return self

    def close(self) -> None:
        """Close the connections, and the embedded sandbox when there is one."""
        client: Client | None = self.__dict__.get("client")
        if client is not None:
            client.close()
        if self._owned is not None:
            self._owned.stop()

    async def aclose(self) -> None:
        """Close the connections of the running loop as well."""
        await self.async_client.aclose()
        self.close()

    def __enter__(self) -> Self:
        """Return the toolkit."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the toolkit."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections, those of the running loop too."""
        await self.aclose()

    @cached_property
    def client(self) -> Client:
        """The client that runs the operations; made when it is first used, for it loads the HTTP library."""
        from openreplay_tools.client import Client

        return Client(self.settings)

    @cached_property
    def async_client(self) -> AsyncClient:
        """The same for async code; shares the settings and the cache."""
        from openreplay_tools.client import AsyncClient

        return AsyncClient(connection=self.client.connection)

    @cached_property
    def _fence(self) -> Fence:
        return Fence.of(self.settings.secret.get_secret_value())

    @cached_property
    def _people(self) -> Pseudonyms | None:
        if self.settings.privacy != "pseudonyms":
            return None
        from openreplay_tools.pseudonyms import Pseudonyms

        return Pseudonyms.of(self.settings.secret.get_secret_value(), self.settings.host)

    def _reply(self, operation: AnyOperation, arguments: Arguments, outcome: Outcome[Any], sent: object) -> Reply:
        answer = operation.present(outcome.result, arguments, outcome.scope)
        if lacks := outcome.scope.lacks:
            answer = replace(answer, notes=(*answer.notes, own(f"Not told here: {', '.join(lacks)}.")))
        if elsewhere := beside_the_default(outcome.scope):
            answer = replace(answer, notes=(*answer.notes, own(elsewhere)))
        times, parts = _DETAIL[dict(arguments).get("detail", "normal")]
        budget = max(_SMALLEST, self.settings.budget * times // parts)
        data: Any = mask_tree(outcome.result.model_dump(mode="json"))
        if self._people is None:
            return Reply(render(answer, budget=budget, fence=self._fence), data)
        self._people.meet(outcome.result)
        sent = () if answer.rows else sent
        room = max(_SMALLEST, budget - self._people.room(sent))
        text = render(answer, budget=room, fence=self._fence, rewrite=self._people.part)
        told = self._people.tree(data, outcome.result, self.settings.dashboard)
        return Reply(self._people.explained(text, sent, budget), told)

    def _received(self, value: Any) -> Any:
        """Take back what a model passes as it read it: escaped identifiers, text in our own fence."""
        if isinstance(value, str):
            text = unescape(self._fence.within(value))
            return self._people.reveal(text) if self._people else text
        if isinstance(value, BaseModel):  # LangChain hands nested arguments over validated
            return self._received(value.model_dump())
        if isinstance(value, dict):
            return {key: self._received(item) for key, item in value.items()}
        return [self._received(item) for item in value] if isinstance(value, list) else value

    def _operation(self, name: str) -> AnyOperation:
        for operation in self.operations:
            if operation.tool_name == name:
                return operation
        if name in self._reasons:
            parts = self._reasons[name].parts
            known = str(parts[0]).startswith(name)  # a reason may begin with it
            raise UnavailableError("" if known else f"{name} is not available: ", *parts)
        for each in OPERATIONS:
            if each.tool_name == name:
                reason = each.obstacle(Access(self.settings.credentials))
                why = "was not chosen when this toolkit was built (groups, tools, effects)."
                raise reason or UnavailableError(f"{name} {why}")
        raise ArgumentsError(f"No tool of that name here.{_nearest(name, [op.tool_name for op in self.operations])}")


def _selected(groups: Choice, tools: Choice, effects: Choice, access: Access) -> tuple[AnyOperation, ...]:
    allowed = _checked("effects", effects if effects is not None else ("read",), _EFFECTS)
    by_name = {operation.tool_name: operation for operation in OPERATIONS}
    if tools is not None and groups is not None:
        raise ConfigurationError("Give groups or tools, not both: tools names every tool that is offered.")
    if tools is not None:
        named = [by_name[name] for name in _checked("tools", tools, tuple(by_name))]
        refused = [operation for operation in named if operation.effect not in allowed and tools != "all"]
        if refused:
            needed = " and ".join(sorted({f'"{operation.effect}"' for operation in refused}))
            raise ConfigurationError(
                f"tools: {refused[0].tool_name} changes data; build the toolkit with effects that include {needed}."
            )
        return tuple(operation for operation in named if operation.effect in allowed)
    if groups is None:
        return _curated(access, allowed)
    known = tuple(dict.fromkeys(operation.group for operation in OPERATIONS))
    wanted = _checked("groups", groups, known)
    return tuple(operation for operation in OPERATIONS if operation.group in wanted and operation.effect in allowed)


def _curated(access: Access, allowed: tuple[str, ...]) -> tuple[AnyOperation, ...]:
    """Return what answers most questions with the credentials at hand, and what was allowed beside reading."""
    # Jobs only matter to those who may make or cancel them; the passthrough is chosen by name.
    further = {"jobs"} if len(allowed) > 1 else set()
    alone = access.credentials == {"key"}
    chosen = tuple(each for each in CURATED if not (alone and each in CURATED_WITH_LOGIN))
    return tuple(
        each
        for each in OPERATIONS
        if (each in chosen or each.group in further or (each.effect != "read" and each.group != "raw"))
        and each.effect in allowed
        and (each.obstacle(access) is None or not access.credentials)
    )


def _checked(what: str, given: tuple[str, ...] | list[str] | str, known: tuple[str, ...]) -> tuple[str, ...]:
    if given == "all":
        return known
    if isinstance(given, str):
        raise ConfigurationError(f'{what}: give a tuple of names, such as ("{known[0]}",), or "all".')
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{what}: unknown name {name!r}.{_nearest(name, known)}")
    return tuple(dict.fromkeys(given))


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, 3, 0.4)
    return f" Nearest: {', '.join(near)}." if near else f" There are: {', '.join(names)}."


class Bound:
    """What the toolkits of all frameworks share: how they are built, narrowed and closed."""

    if TYPE_CHECKING:
        core: Toolkit

        def __init__(self, core: Toolkit) -> None: ...

    @classmethod
    def from_env(cls, *, groups: Choice = None, tools: Choice = None, effects: Choice = None, **given: Any) -> Self:
        """Build from the environment; see `Toolkit.from_env`."""
        return cls(core=Toolkit.from_env(groups=groups, tools=tools, effects=effects, **given))

    @classmethod
    def sandbox(
        cls, *, login: bool = False, groups: Choice = None, tools: Choice = None, effects: Choice = None, **given: Any
    ) -> Self:
        """Build over an embedded server with planted incidents; see `Toolkit.sandbox`."""
        return cls(core=Toolkit.sandbox(login=login, groups=groups, tools=tools, effects=effects, **given))

    def probe(self) -> Self:
        """Narrow the offer to what the server can do; see `Toolkit.probe`."""
        self.core.probe()
        return self

    async def aprobe(self) -> Self:
        """Narrow the offer from async code; see `Toolkit.probe`."""
        await self.core.aprobe()
        return self

    @property
    def unavailable(self) -> dict[str, str]:
        """Tools that cannot work here, each with the reason."""
        return self.core.unavailable

    def close(self) -> None:
        """Close the connections, and the embedded server when there is one."""
        self.core.close()

    async def aclose(self) -> None:
        """Close the connections of the running loop as well."""
        await self.core.aclose()

    def __enter__(self) -> Self:
        """Return the toolkit."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the toolkit."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections, those of the running loop too."""
        await self.aclose()
