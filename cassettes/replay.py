"""Running a case: through a client for its result, through a toolkit for the text that a model reads."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
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

    from cassettes.case import Case
    from openreplay_tools import AsyncClient, Client
    from openreplay_tools.login import Pace
    from openreplay_tools.toolkit import Reply

ClientT = TypeVar("ClientT", bound=Configured)
_SHOWN = 80
_DIRECTORY = "<downloads>"  # stands in a snapshot for the directory of the files


def result(client: Client, case: Case, clock: datetime, *, project_key: str = PROJECT_KEY, **other: Any) -> Any:
    """Return a case's result; a list of rows for a case that iterates.

    Args:
        client: has the case's settings.
        case: what to run.
        clock: the present, for arguments that depend on it.
        project_key: of the project it is about, likewise.
        **other: arguments to use instead of the case's own.
    """
    for operation, given in case.before:
        client.run(operation, **given)
    arguments = {**case.arguments_at(clock, project_key), **other}
    if case.every:
        return list(client.iterate(case.operation, **arguments))
    return client.run(case.operation, **arguments)


async def result_async(client: AsyncClient, case: Case, clock: datetime) -> Any:
    """Return a case's result from async code."""
    for operation, given in case.before:
        await client.run(operation, **given)
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


def toolkit(case: Case, path: Path, directory: Path) -> Toolkit:
    """Return a toolkit of all tools at the time of a cassette; `directory` is for files."""
    tools = Toolkit(case.settings_at(clock_of(path), directory), tools="all", effects="all")
    alone(tools.client)
    return tools


def answer(tools: Toolkit, case: Case, clock: datetime) -> Reply:
    """Return what a case's tool says."""
    for operation, given in case.before:
        tools.call(operation.tool_name, given)
    return tools.call(case.operation.tool_name, case.arguments_at(clock))


async def answer_async(tools: Toolkit, case: Case, clock: datetime) -> Reply:
    """Return what a case's tool says to async code."""
    for operation, given in case.before:
        await tools.acall(operation.tool_name, given)
    return await tools.acall(case.operation.tool_name, case.arguments_at(clock))


def snapshot(case: Case, reply: Reply, directory: Path) -> str:
    """Return what a snapshot file holds: the calls, and the answer as a model reads it.

    Args:
        case: what was asked.
        reply: to it.
        directory: of the files, whose place is left out.
    """
    asked = [*case.before, (case.operation, case.arguments)]
    calls = [f"{each.tool_name} {json.dumps(dict(given), ensure_ascii=False)}" for each, given in asked]
    said = reply.text.replace(str(directory), _DIRECTORY) if case.saves else reply.text
    return "\n".join([*calls, "refused:" if reply.is_error else "answered:", "", f"{said}\n"])


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
        with TemporaryDirectory() as directory:
            place = Path(directory)
            with played(path), toolkit(case, path, place) as tools:
                said = snapshot(case, answer(tools, case, clock_of(path)), place)
        target = snapshot_path(case)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(said, encoding="utf-8")
        count += 1
    return count
