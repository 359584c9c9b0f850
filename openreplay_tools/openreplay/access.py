"""What an address and a key can do, found out in at most three small requests (contract §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.errors import ApiError, NotFoundError, OpenReplayToolsError, UnavailableError
from openreplay_tools.openreplay.scope import fetch_projects
from openreplay_tools.operation import Record, Request, ask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openreplay_tools.operation import Flow, Operation, Scope


class _Anything(Record):
    """Any JSON object."""


def examine(operations: Iterable[Operation[..., object]], scope: Scope) -> Flow[dict[str, OpenReplayToolsError]]:  # noqa: ARG001
    """Return the tools that cannot work here, each with the reason and what would help."""
    chosen = list(operations)
    try:
        projects = yield from fetch_projects()
    except OpenReplayToolsError as error:
        return {operation.tool_name: error for operation in chosen}
    live = [operation for operation in chosen if operation.group == "live"]
    if not live or not projects:
        return {}
    try:
        yield from ask(Request("GET", ("public", projects[0].project_key, "assist", "sessions"), _Anything))
    except NotFoundError:
        missing = UnavailableError("Live sessions need OpenReplay's Enterprise edition or its cloud.")
        return {operation.tool_name: missing for operation in live}
    except ApiError as error:
        return {operation.tool_name: error for operation in live}
    return {}
