"""What agents ask for because other vendors have it: operations that are never offered and say what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict

from openreplay_tools.errors import UnavailableError
from openreplay_tools.operation import Arguments, Operation, Record
from openreplay_tools.routes import NoRoute, Route

if TYPE_CHECKING:
    from openreplay_tools.answer import Answer
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope


class AnyArguments(Arguments):
    """Whatever somebody passes to what cannot be done anyway."""

    model_config = ConfigDict(extra="allow")


def unserved(name: str, provider: str, group: str, *instead: str) -> Operation[..., Record]:
    """Make an operation that a vendor has no API for: it is never offered, and says what to use instead.

    Args:
        name: as agents ask for it when they know another vendor's tools.
        provider: the vendor; prefix of the name.
        group: see `operation`.
        *instead: the reason and what could be used, as parts of an error.
    """

    def nothing(args: AnyArguments, scope: Scope) -> Flow[Record]:  # noqa: ARG001
        yield from ()
        raise UnavailableError(*instead)

    def at_once(args: AnyArguments, scope: Scope) -> Flow[Scope]:  # noqa: ARG001
        yield from ()
        return scope

    def never(*_: Any) -> Answer:
        raise UnavailableError(*instead)

    route: Route[Record] = NoRoute("logrocket" if provider == "logrocket" else "notte", nothing, instead)
    return Operation(
        name,
        "".join(instead),
        AnyArguments,
        provider=provider,
        group=group,
        effect="read",
        prepare=at_once,
        present=never,
        route=route,
    )
