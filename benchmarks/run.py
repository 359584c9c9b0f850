"""What the package costs, as ratios within one run: `make bench`.

Calls go over loopback to a server in another process that answers at once with recorded rows (`server.py`), so nearly
all that is measured is the client's own work; against a real server, which takes milliseconds, the ratios are smaller.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a script knows its own folder only

from benchmarks.replies import PROJECT_KEY, SESSION_ID, events
from benchmarks.timing import ROOT, Measure, alternate, alternate_async, fresh
from openreplay_tools import AsyncClient, Client, Settings, get_user, list_session_events, search_users
from openreplay_tools.openreplay.digest import digest
from openreplay_tools.openreplay.timeline import Event, arranged
from openreplay_tools.toolkit import Toolkit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROWS = ((1, 1.3), (50, 1.3), (200, 1.5))
_TOOL_TARGET = 1.5
_LONG, _LONG_PART = 100_000, 1_000
_MOST_CHARACTERS = 10_000
_MOST_WITH_LOGIN = 16_000
_KEY = "benchmarkbenchmarkbe"


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the fixed server in a process of its own; yields its address."""
    command = [sys.executable, str(ROOT / "benchmarks" / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


@contextlib.contextmanager
def sandbox() -> Iterator[Settings]:
    """Run the embedded server, whose replies take as long as a small real one's, in a process of its own."""
    code = "from openreplay_tools.cli import main; main(['sandbox', '--port', '0'])"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            said = dict(word.split("=", 1) for word in shlex.split(process.stdout.readline()))
            yield Settings.make(
                api_key=said["OPENREPLAY_API_KEY"],
                base_url=said["OPENREPLAY_BASE_URL"],
                project=said["OPENREPLAY_PROJECT"],
            )
        finally:
            process.terminate()


def settings(address: str) -> Settings:
    """Return the settings of a client of the fixed server."""
    return Settings.make(api_key=_KEY, base_url=address, project=PROJECT_KEY)


def same_request(address: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return what plain httpx needs to send what we send."""
    headers = {"Authorization": f"Bearer {_KEY}", "Accept": "application/json"}
    url = f"{address}/v2/api/public/{PROJECT_KEY}/{path}"
    return {"method": "POST", "url": url, "headers": headers, "json": body}


def sync_calls(address: str, times: int) -> Iterator[Measure]:
    """Measure `Client.run` against `httpx.Client.request` and JSON decoding."""
    with Client(settings(address)) as client, httpx.Client() as http:
        for rows, target in _ROWS:
            wanted = same_request(address, "users", {"limit": rows, "page": 1})
            taken = alternate(
                lambda wanted=wanted: json.loads(http.request(**wanted).content),
                lambda rows=rows: client.run(search_users, limit=rows),
                times,
            )
            yield Measure(f"Client.run, {_rows(rows, 'user')} ÷ httpx + json", taken[1], taken[0], target)
        wanted = same_request(address, f"sessions/{SESSION_ID}/events", {"limit": 200, "page": 1})
        taken = alternate(
            lambda: json.loads(http.request(**wanted).content),
            lambda: client.run(list_session_events, session=SESSION_ID),
            times,
        )
        yield Measure("Client.run, 200 events ÷ httpx + json", taken[1], taken[0], None)


async def async_calls(address: str, times: int) -> list[Measure]:
    """Measure `AsyncClient.run` against `httpx.AsyncClient.request` and JSON decoding."""
    found = []
    async with AsyncClient(settings(address)) as client, httpx.AsyncClient() as http:

        async def plain(wanted: dict[str, Any]) -> Any:
            return json.loads((await http.request(**wanted)).content)

        for rows, target in _ROWS:
            wanted = same_request(address, "users", {"limit": rows, "page": 1})
            taken = await alternate_async(
                lambda wanted=wanted: plain(wanted), lambda rows=rows: client.run(search_users, limit=rows), times
            )
            found.append(Measure(f"AsyncClient.run, {_rows(rows, 'user')} ÷ httpx + json", taken[1], taken[0], target))
    return found


def tool_calls(address: str, times: int) -> Iterator[Measure]:
    """Measure a LangChain tool call, which also writes the answer's text, against `Client.run`."""
    from openreplay_tools.langchain import OpenReplayToolkit

    core = Toolkit(settings(address))
    tools = {tool.name: tool for tool in OpenReplayToolkit(core=core).get_tools()}
    for rows, _ in _ROWS:
        call = {"type": "tool_call", "id": "1", "name": "openreplay_search_users", "args": {"limit": rows}}
        taken = alternate(
            lambda rows=rows: core.client.run(search_users, limit=rows),
            lambda call=call: tools["openreplay_search_users"].invoke(call),
            times,
        )
        yield Measure(f"LangChain tool, {_rows(rows, 'user')} ÷ Client.run", taken[1], taken[0], _TOOL_TARGET)
    call = {"type": "tool_call", "id": "1", "name": "openreplay_list_session_events", "args": {"session": SESSION_ID}}
    taken = alternate(
        lambda: core.client.run(list_session_events, session=SESSION_ID),
        lambda: tools["openreplay_list_session_events"].invoke(call),
        times,
    )
    yield Measure("LangChain tool, 200 events ÷ Client.run", taken[1], taken[0], None)
    core.close()


def sandbox_tool_calls(times: int) -> Iterator[Measure]:
    """Measure LangChain tool calls against `Client.run` where replies take as long as a server's that searches."""
    from openreplay_tools.langchain import OpenReplayToolkit

    with sandbox() as where, OpenReplayToolkit(core=Toolkit(where)) as bound:
        tools = {tool.name: tool for tool in bound.get_tools()}
        for operation, arguments in (
            (get_user, {"user_id": "ann@example.org"}),
            (search_users, {"query": "example.net"}),
        ):
            call = {"type": "tool_call", "id": "1", "name": operation.tool_name, "args": arguments}
            taken = alternate(
                lambda operation=operation, arguments=arguments: bound.core.client.run(operation, **arguments),
                lambda call=call: tools[call["name"]].invoke(call),
                times,
            )
            yield Measure(f"the same over the sandbox, {operation.name}", taken[1], taken[0], _TOOL_TARGET)


def digests(times: int) -> Iterator[Measure]:
    """Measure the digest of a very long session whose events are in memory."""
    rows = json.loads(events(_LONG_PART))["data"]["events"]
    told = arranged([Event.model_validate(row) for row in rows])
    begun = min(event.at for event in told if event.at)
    for event in told:
        event.offset_ms = round((event.at - begun).total_seconds() * 1000) if event.at else 0
    # Again and again the same events, later: a list of references, so that memory is not what is measured.
    whole = [*told] * (_LONG // _LONG_PART)
    text = json.dumps(rows)
    plain, ours = alternate(
        lambda: [json.loads(text) for _ in range(_LONG // _LONG_PART)], lambda: digest(whole, str), max(1, times // 40)
    )
    yield Measure(f"digest of {_LONG:,} events ÷ decoding their JSON", ours, plain, None)
    yield Measure("the same ÷ the second it may take", ours, 1.0, 1.0)


def imports(times: int) -> Iterator[Measure]:
    """Measure imports in fresh processes."""
    build = (
        "from openreplay_tools.langchain import OpenReplayToolkit\n"
        "from openreplay_tools.toolkit import Toolkit\n"
        "from openreplay_tools.settings import Settings\n"
        f"OpenReplayToolkit(core=Toolkit(Settings.make(api_key={_KEY!r}))).get_tools()"
    )
    touch = "from openreplay_tools import Client, OPERATIONS, Toolkit"
    for what, plain, ours, target in (
        ("import openreplay_tools ÷ import httpx, pydantic", "import httpx, pydantic", "import openreplay_tools", 1.2),
        ("… with Client, OPERATIONS and Toolkit loaded", "import httpx, pydantic", touch, None),
        # `import langchain_core.tools` alone loads nothing since its names are lazy: only a name brings the module.
        (
            "LangChain toolkit built ÷ langchain_core.tools' BaseTool",
            "from langchain_core.tools import BaseTool",
            build,
            1.4,
        ),
        ("LangChain toolkit built ÷ the lazy langchain_core.tools", "import langchain_core.tools", build, None),
    ):
        taken = alternate_fresh(plain, ours, times)
        yield Measure(what, taken[1], taken[0], target)


def alternate_fresh(plain: str, ours: str, times: int) -> tuple[float, float]:
    """Return the median seconds of both pieces of code, each in fresh processes, in turns."""
    with tempfile.TemporaryDirectory() as compiled:
        # The first writes the bytecode and fills the disk's cache.
        pairs = [(fresh(plain, compiled), fresh(ours, compiled)) for _ in range(times + 1)][1:]
    middle = len(pairs) // 2
    return sorted(pair[0] for pair in pairs)[middle], sorted(pair[1] for pair in pairs)[middle]


def definitions(**login: str) -> int:
    """Return the characters that the default selection's tools take in a model's context."""
    kit = Toolkit(Settings.make(api_key=_KEY, **login))
    shown = [
        {"name": one.tool_name, "description": one.description, "parameters": one.schema} for one in kit.operations
    ]
    return sum(len(json.dumps(one, ensure_ascii=False, separators=(",", ":"))) for one in shown)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print a table, and return 0; with --strict 1 when a target is missed.

    Args:
        argv: arguments; None takes the process's own.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions: seconds instead of a minute")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--calls", type=int, default=400, help="calls of each kind")
    parser.add_argument("--processes", type=int, default=15, help="fresh processes of each kind")
    args = parser.parse_args(argv)
    calls, processes = (
        (max(1, args.calls // 10), max(1, args.processes // 5)) if args.quick else (args.calls, args.processes)
    )
    missed = 0
    print(f"{'measure':<56} {'ours':>9} {'plain':>9} {'ratio':>6} {'target':>6}")
    for measure in _all(calls, processes):
        target = f"{measure.target:.1f}" if measure.target else ""
        missed += measure.verdict == "OVER"
        print(
            f"{measure.what:<56} {measure.ours * 1000:6.2f} ms {measure.plain * 1000:6.2f} ms "
            f"{measure.ratio:6.2f} {target:>6}  {measure.verdict}",
            flush=True,
        )
    for words, most, login in (
        ("characters of the default tools' definitions, key", _MOST_CHARACTERS, {}),
        ("the same with a login besides", _MOST_WITH_LOGIN, {"email": "a@example.org", "password": "-"}),
    ):
        size = definitions(**login)
        missed += size > most
        print(f"{words:<56} {size:>26,} {most:>6,}  {'ok' if size <= most else 'OVER'}")
    return 1 if missed and args.strict else 0


def _all(calls: int, processes: int) -> Iterator[Measure]:
    with server() as address:
        yield from sync_calls(address, calls)
        yield from asyncio.run(async_calls(address, calls))
        yield from tool_calls(address, calls)
    yield from sandbox_tool_calls(calls)
    yield from digests(calls)
    yield from imports(processes)


def _rows(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
