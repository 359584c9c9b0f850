"""How the demo looks in a terminal."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import dataclass
from typing import Any

_WIDEST = 120
_NARROWEST = 60


@dataclass(frozen=True)
class Seen:
    """A tool call and its answer."""

    tool: str
    arguments: dict[str, Any]
    answer: str
    is_error: bool


def _width() -> int:
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))


def lines(text: str, first: str, then: str = "", *, hang: int = 0) -> None:
    """Print text, its long lines wrapped between words; nothing is left out.

    Args:
        text: one or several lines.
        first: stands before the first line.
        then: stands before the others; by default as many spaces.
        hang: spaces before the rest of a wrapped line, beyond its own.
    """
    then = then or " " * len(first)
    for index, line in enumerate(text.splitlines() or [""]):
        begin = first if index == 0 else then
        wrapped = textwrap.wrap(
            line,
            _width(),
            initial_indent=begin,
            subsequent_indent=then + " " * (len(line) - len(line.lstrip()) + hang),
            break_long_words=False,
            break_on_hyphens=False,
        )
        print("\n".join(wrapped) if wrapped else begin.rstrip())


def title(text: str) -> None:
    """Begin a part."""
    print(f"\n━━ {text} {'━' * (_width() - len(text) - 4)}\n", flush=True)


def seen(number: int, one: Seen) -> None:
    """Print a tool call with its complete answer."""
    arguments = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in one.arguments.items())
    print()
    lines(f"{one.tool}({arguments})", f" {number}  ")
    lines(one.answer, "    ✗ " if one.is_error else "    │ ", "    │ ", hang=4)


def conclusion(text: str) -> None:
    """Print how the agent answers."""
    print()
    lines(text.strip(), "Conclusion  ")
