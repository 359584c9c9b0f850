"""Reading tool answers as a model does: from their text alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCED = re.compile(r"⟦(\w{4}) (.*?) \1⟧")
_GAP = re.compile(r" {2,}")
_MOMENT = re.compile(r"([\d:.]+) ([a-z][a-z ]*): (https?://\S+[?&]jumpto=\d+)")


@dataclass(frozen=True)
class Moment:
    """A moment that an answer points out: offset, what it is ("failed request"), and the link that opens it."""

    offset: str
    what: str
    link: str


@dataclass(frozen=True)
class Event:
    """One row of a session's table: offset, kind of event ("click"), and what it tells."""

    offset: str
    kind: str
    what: str


def bare(text: str) -> str:
    """Return text without the fences around recorded parts: an id as a tool takes it."""
    return _FENCED.sub(r"\2", text)


def quoted(text: str) -> str:
    """Return text with quotation marks instead of fences, for a person to read."""
    return _FENCED.sub(r"“\2”", text)


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


def moments(answer: str) -> list[Moment]:
    """Return the moments that a session's answer points out."""
    return [Moment(*found.groups()) for line in answer.splitlines() if (found := _MOMENT.fullmatch(line))]


def events(answer: str) -> list[Event]:
    """Return the rows of a session's answer."""
    return [Event(*(quoted(cell) for cell in row)) for row in table(answer, "at ", 3)]


def seconds(offset: str) -> float:
    """Return an offset such as 1:05 or 1:00:05 in seconds."""
    total = 0.0
    for part in offset.split(":"):
        total = total * 60 + float(part)
    return total
