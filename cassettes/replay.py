"""Running a case: through a client for its result, through a toolkit for the text that a model reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from cassettes.case import PROJECT_KEY, SNAPSHOTS
from cassettes.cassette import clock_of, path_of, played
from openreplay_tools.driver import Configured
from openreplay_tools.login import new_login
from openreplay_tools.text import shorten
from openreplay_tools.toolkit import Toolkit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from cassettes.case import Case
    from openreplay_tools import AsyncClient, Client
    from openreplay_tools.login import Pace
    from openreplay_tools.toolkit import Reply

ClientT = TypeVar("ClientT", bound=Configured)
_SHOWN = 80


def result(client: Client, case: Case, clock: datetime, *, project_key: str = PROJECT_KEY, **other: Any) -> Any:
    """Return a case's result; a list of rows for a case that iterates.

    Args:
        client: has the case's settings.
        case: what to run.
        clock: the present, for arguments that depend on it.
        project_key: of the project it is about, likewise.
        **other: arguments to use instead of the case's own.
    """
    arguments = {**case.arguments_at(clock, project_key), **other}
    if case.every:
        return list(client.iterate(case.operation, **arguments))
    return client.run(case.operation, **arguments)


async def result_async(client: AsyncClient, case: Case, clock: datetime) -> Any:
    """Return a case's result from async code."""
    arguments = case.arguments_at(clock)
    if case.every:
        return [row async for row in client.iterate(case.operation, **arguments)]
    return await client.run(case.operation, **arguments)


def problem(case: Case, outcome: Any) -> str:
    """Return what is wrong with a result or an error; "" when it is what the case says."""
    if isinstance(outcome, Exception) or case.raises:
        if case.raises is not None and type(outcome) is case.raises:
            return ""
        wanted = case.raises.__name__ if case.raises else "a result"
        said = f": {outcome}" if isinstance(outcome, Exception) else ""
        return f"{wanted} is expected, not {type(outcome).__name__}{said}"
    wrong = {path: found for path, value in case.expects.items() if (found := reached(outcome, path)) != value}
    told = ", ".join(f"{path} is {shorten(repr(found), _SHOWN)}" for path, found in wrong.items())
    return f"the result is not what is expected: {told}" if told else ""


def reached(value: Any, path: str) -> Any:
    """Return what a dotted path leads to in a result; numbers index lists; "nothing there" where it leads nowhere."""
    for step in path.split("."):
        try:
            if isinstance(value, BaseModel):
                value = getattr(value, step)
            else:
                value = value[int(step)] if isinstance(value, list) else value[step]
        except (AttributeError, LookupError, TypeError):
            return "nothing there"
    return value


def alone(client: ClientT, pace: Pace | None = None) -> ClientT:
    """Return a client with a login of its own: a process shares one, and a cassette signs in anew.

    Args:
        client: that has asked nothing yet.
        pace: of all logins of the same person at a live server, whose limiter counts them together.
    """
    login = client.connection.login = new_login(client.connection.settings)
    if login is not None and pace is not None:
        login.pace = pace
    return client


def toolkit(case: Case, path: Path) -> Toolkit:
    """Return a toolkit of all tools at the time of a cassette."""
    tools = Toolkit(case.settings_at(clock_of(path)), tools="all", effects="all")
    alone(tools.client)
    return tools


def snapshot(case: Case, reply: Reply) -> str:
    """Return what a snapshot file holds: the call, and the answer as a model reads it."""
    call = f"{case.operation.tool_name} {json.dumps(dict(case.arguments), ensure_ascii=False)}"
    return f"{call}\n{'refused' if reply.is_error else 'answered'}:\n\n{reply.text}\n"


def snapshot_path(case: Case) -> Path:
    """Return where a case's snapshot lies."""
    return SNAPSHOTS / f"{case.id}.txt"


def write_snapshots(cases: Iterable[Case]) -> int:
    """Replay the cassettes and write the answers; return how many."""
    count = 0
    for case in cases:
        if case.every:
            continue  # tools answer in pages
        path = path_of(case)
        with played(path), toolkit(case, path) as tools:
            reply = tools.call(case.operation.tool_name, case.arguments_at(clock_of(path)))
        target = snapshot_path(case)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(snapshot(case, reply), encoding="utf-8")
        count += 1
    return count
