"""Operations chosen for an agent and bound to a client: what every adapter calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from openreplay_tools.catalogue import OPERATIONS, UNSERVED, AnyOperation
from openreplay_tools.errors import ArgumentsError, ConfigurationError, OpenReplayToolsError, UnavailableError
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.scope import beside_the_default
from openreplay_tools.probing import examine, examined
from openreplay_tools.recordings import with_session_ids
from openreplay_tools.render import Fence, render, sentence
from openreplay_tools.selection import Choice, nearest, selected
from openreplay_tools.settings import Settings
from openreplay_tools.text import own, unescape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from openreplay_tools.answer import Answer, Picture
    from openreplay_tools.client import AsyncClient, Client
    from openreplay_tools.operation import Arguments, Outcome
    from openreplay_tools.pseudonyms import Pseudonyms

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
        pictures: what there is to look at beside the text.
    """

    text: str
    data: dict[str, Any]
    is_error: bool = False
    pictures: tuple[Picture, ...] = ()


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
            groups: groups of operations, or "all" of the vendors with credentials; None takes the curated set.
            tools: names of tools, or "all" likewise; None leaves the choice to `groups`.
            effects: which of "read", "write", "destroy" may be offered; None is reading only.
            owned: closed together with the toolkit (an embedded sandbox).

        Raises:
            ConfigurationError: an unknown name, or a tool whose effect is not allowed.
        """
        self.settings = settings
        chosen = selected(groups, tools, effects, settings.access)
        vendors = {operation.provider for operation in chosen if operation.obstacle(settings.access) is None}
        self._chosen = (*chosen, *(operation for operation in UNSERVED if operation.provider in vendors))
        self._reasons = self._with_discretion(examined(self._chosen, settings.access))
        self._owned = owned

    @classmethod
    def from_env(cls, *, groups: Choice = None, tools: Choice = None, effects: Choice = None, **given: Any) -> Self:
        """Build from the environment (`OPENREPLAY_API_KEY`, `LOGROCKET_API_KEY`, …); what is given in code wins.

        The toolkit holds whichever vendors have credentials.

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
                "OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD to a dashboard login, LOGROCKET_API_KEY or NOTTE_API_KEY, or "
                "try without any: sandbox()."
            )
        shut = settings.access.closed
        if shut and settings.credentials == set(shut):  # nothing else is there to work with
            raise next(iter(shut.values()))
        return cls(settings, groups=groups, tools=tools, effects=effects)

    @classmethod
    def sandbox(
        cls,
        *,
        login: bool = False,
        siblings: bool = False,
        groups: Choice = None,
        tools: Choice = None,
        effects: Choice = None,
        **given: Any,
    ) -> Self:
        """Build over an embedded server with a fixed clock and planted incidents; needs no credential.

        Args:
            login: a dashboard login beside the organization key, so that sessions can be searched.
            siblings: its LogRocket and its Notte as well.
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
            settings = Settings.of_sandbox(server, login=login, siblings=siblings, **given)
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
            self._reasons = self._with_discretion(client.find_out(examine, self._chosen))
        return self

    async def aprobe(self) -> Self:
        """Find out what the server can do from async code; see `probe`."""
        async with self.async_client.hurried() as client:
            self._reasons = self._with_discretion(await client.find_out(examine, self._chosen))
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
        if operation.provider != "openreplay":  # whose ids are numbers, which nobody takes for secrets
            data = with_session_ids(data, outcome.result)
        if self._people is None:
            return Reply(render(answer, budget=budget, fence=self._fence), data, pictures=answer.pictures)
        return self._discreet(self._people, answer, (outcome.result, data), sent, budget)

    def _discreet(self, people: Pseudonyms, answer: Answer, told: tuple[Any, Any], sent: object, budget: int) -> Reply:
        """Return a reply that shows people by aliases; pictures show them as they are, so that none goes out."""
        result, data = told
        people.meet(result)
        if answer.pictures:
            why = "The pictures are left out: they may show people, and this toolkit shows people by aliases only."
            answer = replace(answer, notes=(*answer.notes, own(why)))
        sent = () if answer.rows else sent
        room = max(_SMALLEST, budget - people.room(sent))
        text = render(answer, budget=room, fence=self._fence, rewrite=people.part)
        return Reply(people.explained(text, sent, budget), people.tree(data, result, self.settings.dashboard))

    def _with_discretion(self, reasons: dict[str, OpenReplayToolsError]) -> dict[str, OpenReplayToolsError]:
        """Return why tools cannot work, also those that would show people to a model that is to see aliases only."""
        if self.settings.privacy == "secrets":
            return reasons
        why = UnavailableError("It shows pictures, and with them people as they are: privacy is set to pseudonyms.")
        return {**{each.tool_name: why for each in self._chosen if each.shows_people}, **reasons}

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
        for each in (*OPERATIONS, *UNSERVED):
            if each.tool_name == name:
                reason = each.obstacle(self.settings.access)
                why = "was not chosen when this toolkit was built (groups, tools, effects)."
                raise reason or UnavailableError(f"{name} {why}")
        raise ArgumentsError(f"No tool of that name here.{nearest(name, [op.tool_name for op in self.operations])}")


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
        cls,
        *,
        login: bool = False,
        siblings: bool = False,
        groups: Choice = None,
        tools: Choice = None,
        effects: Choice = None,
        **given: Any,
    ) -> Self:
        """Build over an embedded server with planted incidents; see `Toolkit.sandbox`."""
        chosen = {"groups": groups, "tools": tools, "effects": effects}
        return cls(core=Toolkit.sandbox(login=login, siblings=siblings, **chosen, **given))

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
