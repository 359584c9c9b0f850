"""The command line: `openreplay-tools mcp`, `sandbox`, `tools` and `call`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from textwrap import indent
from typing import TYPE_CHECKING, Any

from openreplay_tools.catalogue import VENDORS
from openreplay_tools.errors import OpenReplayToolsError
from openreplay_tools.progress import print_progress, reporting
from openreplay_tools.toolkit import Toolkit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openreplay_tools.catalogue import AnyOperation

_USAGE_ERROR = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, given its arguments or the process's own; 0 done, 1 refused or failed, 2 misused."""
    args = _parser().parse_args(argv)
    try:
        return int(args.run(args))
    except (OpenReplayToolsError, ImportError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="openreplay-tools", description="Tools over recorded user sessions.")
    selection = argparse.ArgumentParser(add_help=False)
    selection.add_argument("--sandbox", action="store_true", help="use an embedded server, not the environment's")
    selection.add_argument("--login", action="store_true", help="with --sandbox: a dashboard login beside the key")
    selection.add_argument("--siblings", action="store_true", help="with --sandbox: its LogRocket and Notte as well")
    selection.add_argument("--downloads", default=None, help="the directory in which files may be written")
    for name in ("groups", "tools", "effects"):
        selection.add_argument(f"--{name}", default=None, type=_names, help="comma-separated names, or all")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    mcp = commands.add_parser("mcp", parents=[selection], help="serve the tools to an MCP host over stdin and stdout")
    mcp.set_defaults(run=_mcp)
    tools = commands.add_parser("tools", parents=[selection], help="list the tools and their arguments")
    tools.set_defaults(run=_tools)
    call = commands.add_parser("call", parents=[selection], help="call one tool, e.g. call search_users query=ann")
    call.add_argument("tool", help="its name; the prefix openreplay_ may be left out")
    call.add_argument("arguments", nargs="*", help="name=value; lists and objects as JSON")
    call.add_argument("--yes", action="store_true", help="destroy without asking; see the preview first")
    call.set_defaults(run=_call)
    sandbox = commands.add_parser("sandbox", help="run the embedded server, its data ending now")
    sandbox.add_argument("--port", type=int, default=8787)
    sandbox.add_argument("--version", choices=("1.27", "1.27.0", "1.26", "1.22"), default="1.27", help="what it speaks")
    sandbox.add_argument("--edition", choices=("ee", "foss"), default="ee")
    sandbox.set_defaults(run=_sandbox)
    return parser


def _names(text: str) -> tuple[str, ...] | str:
    return text if text == "all" else tuple(name.strip() for name in text.split(",") if name.strip())


def _toolkit(args: argparse.Namespace) -> Toolkit:
    chosen = {"groups": args.groups, "tools": args.tools, "effects": args.effects}
    chosen |= {"downloads": args.downloads} if args.downloads else {}
    given = {"login": args.login, "siblings": args.siblings} if args.sandbox else {}
    return Toolkit.sandbox(**given, **chosen) if args.sandbox else Toolkit.from_env(**chosen)


def _mcp(args: argparse.Namespace) -> int:
    from openreplay_tools.mcp import serve

    with _toolkit(args) as toolkit:
        for name, reason in toolkit.probe().unavailable.items():
            print(f"Not offered: {name}: {reason}", file=sys.stderr)
        asyncio.run(serve(toolkit))
    return 0


def _tools(args: argparse.Namespace) -> int:
    with _toolkit(args) as toolkit:
        for operation in toolkit.operations:
            print(f"{operation.tool_name} [{operation.effect}]\n{indent(operation.description, '  ')}")
            for name, about in operation.schema["properties"].items():
                print(f"    {name}: {about.get('description', '')}")
    return 0


def _call(args: argparse.Namespace) -> int:
    name = args.tool if args.tool.partition("_")[0] in VENDORS else f"openreplay_{args.tool}"
    args.siblings |= not name.startswith("openreplay_")
    if args.groups is None and args.tools is None:
        args.groups = "all"  # whoever names a tool need not choose it as well
    with _toolkit(args) as toolkit, reporting(print_progress):
        known = {operation.tool_name: operation for operation in toolkit.operations}
        arguments = _arguments(args.arguments, known.get(name))
        reply = toolkit.call(name, arguments)
        if reply.data.get("confirm") and _confirmed(reply.text, yes=args.yes):
            reply = toolkit.call(name, {**arguments, "confirm": reply.data["confirm"]})
        if reply.data.get("confirm"):
            reply = replace(reply, text=f"{reply.text.rpartition(chr(10))[0]}\nTo go on: the same with --yes.")
    print(reply.text, file=sys.stderr if reply.is_error else sys.stdout)
    return int(reply.is_error)


def _confirmed(preview: str, *, yes: bool) -> bool:
    """Ask before something is destroyed; the token of the preview stays in this process."""
    if yes or not sys.stdin.isatty():
        return yes
    print(preview, file=sys.stderr)
    return input("Type yes to go on: ").strip() == "yes"


def _arguments(words: list[str], operation: AnyOperation | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            print(f"{word!r} is not name=value.", file=sys.stderr)
            raise SystemExit(_USAGE_ERROR)
        kind = operation.schema["properties"].get(name, {}).get("type") if operation else None
        found[name] = _listed(value) if kind == "array" else value  # which the argument model converts
    return found


def _listed(text: str) -> Any:
    """Read a list: JSON, or values with commas."""
    try:
        return json.loads(text)
    except ValueError:
        return text.split(",")


def _sandbox(args: argparse.Namespace) -> int:
    from openreplay_tools.sandbox.command import serve

    serve(port=args.port, version=args.version, edition=args.edition)
    return 0
