"""Reading tool answers as a model does: from their text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCED = re.compile(r"⟦(\w{4}) (.*?) \1⟧")
_GAP = re.compile(r" {2,}")
_NUMBERED = re.compile(r"\d+\. ")
_INDENT = "   "
_MOMENT = re.compile(r"(https?://\S+)?\?jumpto=(\d+)")
_BETWEEN = re.compile(r"; (?=[^⟦⟧]*(?:⟦|\Z))")  # not inside a fence


@dataclass(frozen=True)
class Item:
    """What an answer tells under a number: a finding, a problem, an issue.

    Attributes:
        told: its first line, without the number.
        more: the indented lines below it.
    """

    told: str
    more: tuple[str, ...] = ()

    @property
    def offset_ms(self) -> int | None:
        """Where in its session the first moment is that it points out."""
        found = _MOMENT.search(" ".join(self.more))
        return int(found[2]) if found else None


def bare(text: str) -> str:
    """Return text without the fences around recorded parts: an id as a tool takes it."""
    return _FENCED.sub(r"\2", text)


def quoted(text: str) -> str:
    """Return text with quotation marks instead of fences, for a person to read."""
    return _FENCED.sub(r"“\2”", text)


def steps(told: str) -> list[str]:
    """Return the steps of a chain of cause and effect, for a person to read."""
    return [quoted(step) for step in _BETWEEN.split(told)]


def items(answer: str) -> list[Item]:
    """Return what an answer tells under numbers, in its order."""
    found: list[Item] = []
    for line in answer.splitlines():
        if _NUMBERED.match(line):
            found.append(Item(line.partition(" ")[2]))
        elif found and line.startswith(_INDENT):
            found[-1] = Item(found[-1].told, (*found[-1].more, line.strip()))
    return found


def link(text: str) -> str:
    """Return the first link to a moment in a text, "" when there is none."""
    found = next((found for found in _MOMENT.finditer(text) if found[1]), None)
    return found[0] if found else ""


def session_of(moment: str) -> str:
    """Return the id of the session that a link opens."""
    return moment.partition("?")[0].rpartition("/")[2]


def nearest(answer: str, moment: str) -> Item | None:
    """Return the item of a session's answer whose first moment is nearest to the one that a link opens."""
    at = Item("", (moment,)).offset_ms or 0
    placed = [(abs(item.offset_ms - at), item) for item in items(answer) if item.offset_ms is not None]
    return min(placed, key=lambda pair: pair[0])[1] if placed else None


def begins(answer: str, moment: str) -> str:
    """Return a link to where that item begins, which may be a click some seconds before the moment."""
    item = nearest(answer, moment)
    return f"{moment.partition('?')[0]}?jumpto={item.offset_ms}" if item else moment


def line_of(answer: str, beginning: str) -> str:
    """Return the rest of the line that begins like this, for a person to read; "" when there is none."""
    found = next((line for line in answer.splitlines() if line.startswith(beginning)), "")
    return quoted(found.removeprefix(beginning))


def table(answer: str, first_heading: str, width: int) -> list[list[str]]:
    """Return the rows of an answer's table.

    Args:
        answer: a tool's text.
        first_heading: how the line of headings begins.
        width: number of columns; lines with another number are not rows.
    """
    lines = answer.splitlines()
    start = next((index for index, line in enumerate(lines) if line.startswith(first_heading)), len(lines))
    rows = (_GAP.split(line, width - 1) for line in lines[start + 1 :])
    return [row for row in rows if len(row) == width and row[0][:1].isalnum()]
