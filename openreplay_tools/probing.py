"""What the servers and credentials at hand can do, found out in a few small requests for each credential."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from openreplay_tools.doors import OPENED_BY, OPENREPLAY, Access
from openreplay_tools.errors import ConfigurationError, OpenReplayToolsError
from openreplay_tools.flow import Learned
from openreplay_tools.logrocket.access import knock as knock_logrocket
from openreplay_tools.notte.access import knock as knock_notte
from openreplay_tools.openreplay.access import LASTING, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openreplay_tools.doors import Door
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Operation, Scope

_KNOCKS: Mapping[Door, Callable[[], Flow[None]]] = {"logrocket": knock_logrocket, "notte": knock_notte}


def examine(operations: Iterable[Operation[..., Any]], scope: Scope) -> Flow[dict[str, OpenReplayToolsError]]:
    """Look, and return the tools that cannot work here, each with the reason and what would help."""
    access = scope.access
    if access.credentials & OPENREPLAY:
        access, _ = yield from look(scope)
    for door, knock in _KNOCKS.items():
        unusable = isinstance(scope.access.closed.get(door), ConfigurationError)  # known without asking
        if OPENED_BY[door] in access.credentials and not unusable:
            access = yield from _knocked(door, knock, access)
    return examined(operations, access)


def _knocked(door: Door, knock: Callable[[], Flow[None]], access: Access) -> Flow[Access]:
    access = replace(access, closed={other: error for other, error in access.closed.items() if other != door})
    try:
        yield from knock()
    except OpenReplayToolsError as error:
        access = access.without(door, error)
    lasting = {shut: error for shut, error in access.closed.items() if isinstance(error, LASTING)}
    yield Learned(replace(access, closed=lasting))
    return access


def examined(operations: Iterable[Operation[..., Any]], access: Access) -> dict[str, OpenReplayToolsError]:
    """Return the tools that cannot work as far as is known, each with the reason and what would help."""
    found = {operation.tool_name: operation.obstacle(access) for operation in operations}
    return {tool: reason for tool, reason in found.items() if reason is not None}
