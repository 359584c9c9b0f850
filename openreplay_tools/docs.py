"""Writes the parts of README.md that are made from the code: the tables of operations, settings and masking.

`python -m openreplay_tools.docs` writes them; with `--check` it fails when they are stale.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openreplay_tools.catalogue import OPERATIONS
from openreplay_tools.masking import RULES
from openreplay_tools.secret_shapes import SERVICES
from openreplay_tools.settings import VARIABLES, Settings
from openreplay_tools.toolkit import Toolkit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openreplay_tools.catalogue import AnyOperation

README = Path(__file__).resolve().parent.parent / "README.md"
_DOORS = {"v2": "key", "v1": "key (API v1)", "login": "login", "logrocket": "LogRocket key", "notte": "Notte key"}
_ALL = {"api_key": "-", "logrocket_api_key": "org:app:-", "notte_api_key": "-", "downloads": "-"}
_SENTENCE = re.compile(r"(.+?\.)(?=\s|\Z)", re.DOTALL)
_ARGUMENT = re.compile(r"^ {4}(\w+): (.+)$", re.MULTILINE)


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the generated parts and return the exit code.

    Args:
        argv: arguments; None takes the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m openreplay_tools.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when something is stale")
    parser.add_argument("--readme", type=Path, default=README, help="another file than the checkout's README.md")
    args = parser.parse_args(argv)
    try:
        before = args.readme.read_text("utf-8")
        after = renewed(before)
    except (OSError, ValueError) as error:
        print(f"{args.readme.name} cannot be renewed: {error}", file=sys.stderr)
        return 1
    if before == after:
        return 0
    if args.check:
        stale = ", ".join(name for name in _TABLES if _between(name, before) != _between(name, after))
        print(f"{args.readme.name} is stale: {stale}. Run: python -m openreplay_tools.docs", file=sys.stderr)
        return 1
    args.readme.write_text(after, "utf-8")
    return 0


def renewed(text: str) -> str:
    """Return a document with everything between the marks made anew.

    Args:
        text: the document; `<!-- operations -->` … `<!-- /operations -->`, and the same for settings and masking.

    Raises:
        ValueError: a mark is missing, stands twice or in the wrong order.
    """
    for name, table in _TABLES.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
        if text.count(opening) != 1 or text.count(closing) != 1 or text.index(opening) > text.index(closing):
            raise ValueError(f"it needs the lines {opening.strip()} and {closing.strip()}, each once, in this order")
        text = text.replace(f"{opening}{_between(name, text)}", f"{opening}{table()}")
    return text


def _between(name: str, text: str) -> str:
    return text.partition(f"<!-- {name} -->\n")[2].partition(f"<!-- /{name} -->\n")[0]


def operations_table() -> str:
    """Return every operation: the tool, what it does, effect, group, what it needs, whether it is in the default."""
    login = {"email": "somebody@example.org", "password": "-"}
    default = {
        "key": Toolkit(Settings.make(api_key="-")).operations,
        "login": Toolkit(Settings.make(api_key="-", **login)).operations,
        "LogRocket key": Toolkit(Settings.make(logrocket_api_key="org:app:-", downloads="-")).operations,
        "Notte key": Toolkit(Settings.make(notte_api_key="-", downloads="-")).operations,
        "all": Toolkit(Settings.make(**_ALL, **login)).operations,
    }
    rows = [
        (
            f"`{operation.tool_name}`",
            _first_sentence(operation.description),
            operation.effect,
            operation.group,
            " or ".join(dict.fromkeys(_DOORS[route.needs] for route in operation.routes)),
            ", ".join(words for words, chosen in default.items() if operation in chosen) or "no",
        )
        for operation in OPERATIONS
    ]
    table = _table(("tool", "what it does", "effect", "group", "works with", "default with"), rows)
    sizes = {words: sum(len(_definition(each)) for each in chosen) for words, chosen in default.items()}
    return (
        f"{table}\nThe default with a key is {len(default['key'])} tools, their definitions {sizes['key']:,} "
        f"characters of JSON; with a key and a login {len(default['login'])} tools, {sizes['login']:,} characters; "
        f"with all credentials {len(default['all'])} tools, {sizes['all']:,} characters.\n"
    )


def settings_table() -> str:
    """Return every setting: its environment variable, its name in code, its default, what it means."""
    meanings = dict(_ARGUMENT.findall(inspect.getdoc(Settings) or ""))
    rows = [
        (
            f"`{VARIABLES[name]}`" if name in VARIABLES else "",
            f"`{name}`",
            f"`{field.default}`" if isinstance(field.default, str | int | float) and field.default != "" else "",
            meanings[name],
        )
        for name, field in Settings.model_fields.items()
    ]
    return _table(("environment", "in code", "default", "meaning"), rows)


def masking_table() -> str:
    """Return every rule by which secrets are masked, and the services whose keys are known."""
    rows = [(rule.name, rule.about, f"`{rule.masked}`") for rule in RULES]
    services = ", ".join(service.name for service in SERVICES)
    return f"{_table(('masked', 'what', 'what is left'), rows)}\nKeys of {len(SERVICES)} kinds are known: {services}.\n"


def _definition(operation: AnyOperation) -> str:
    shown = {"name": operation.tool_name, "description": operation.description, "parameters": operation.schema}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def _first_sentence(text: str) -> str:
    found = _SENTENCE.match(text)
    return " ".join((found[1] if found else text).split())


def _table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


_TABLES = {"operations": operations_table, "settings": settings_table, "masking": masking_table}

if __name__ == "__main__":
    sys.exit(main())
