"""What an alias looks like (`user-7`, `email-2`), where one stands in what a model passes, and how texts are compared.

Where a site's own ids look like aliases these are spelled `user-x7` instead.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from openreplay_tools.personal import KINDS, kind_of
from openreplay_tools.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Container

_KIND: Final = "|".join(KINDS)
_BEFORE: Final = r"(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt])|(?<=u00[0-9A-Fa-f]{2}))"
ALIAS = re.compile(rf"{_BEFORE}(?:{_KIND})-x?[1-9][0-9]{{0,8}}(?![A-Za-z0-9_])", re.IGNORECASE)
_HALF = re.compile(rf"(?:{_KIND})-x?\d*\Z")

_CONTEXT = re.compile(r"\w{0,40}\W{1,3}\Z")
_LOOK_BACK: Final = 48
# What stands before a word that is meant as a whole: a mark of prose, or a quote that opens there.
_OPEN = re.compile(r"[\s,;(]\Z|[\s,;:(\[{][\"'`\u201c\u2018«]\Z|\s[\[{<]\Z")
_GOES_ON = re.compile(r"[-@]\w")
_OF_A_USER = re.compile(r"/users?/\Z|[?&](?P<name>[\w$.%-]{1,40})=(?:\w{1,20}(?:\||%7C))?\Z", re.IGNORECASE)
_ASKED: Final = frozenset({"q", "query", "value", "id"})
_LITERAL = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0xFE6B: "@"}


def visible(text: str) -> str:
    """Return a text as it is seen: without invisible characters, unusual spaces and full-width letters.

    Args:
        text: as recorded; lines and indents stay.
    """
    if text.isascii():
        return text
    kept: list[str] = []
    for char in text.translate(_FULL_WIDTH):
        category = "" if char.isascii() else unicodedata.category(char)
        if category == "Zs":
            kept.append(" ")
        elif not category or (category not in {"Cf", "Co", "Cn"} and clean(f"a{char}") != "a"):
            kept.append(char)
    return "".join(kept)


def cut(text: str, limit: int) -> str:
    """Return a text within a limit, without the half of an alias: user-1 of user-12 is somebody else."""
    return text if len(text) <= limit else f"{_HALF.sub('', text[: limit - 1])}…"


def context(before: str, alias: str) -> str:
    """Return an alias with the word and mark it follows, "" where it stands free and needs none."""
    found = _CONTEXT.search(before[-_LOOK_BACK:])
    return f"{found[0]}{alias}".lower() if found and not _OPEN.search(f" {before}"[-2:]) else ""


def substituted(text: str, back: Callable[[str], str], shown: Container[str]) -> str:
    """Return a text with every alias in it replaced that is meant as one.

    Args:
        text: what a model passed.
        back: what takes an alias's place.
        shown: the contexts of aliases in texts that the model was shown.
    """
    if text.lstrip().startswith(("{", "[")) and _is_json(text):
        return _LITERAL.sub(lambda found: _in_literal(found[0], back, shown), text)
    made: list[str] = []
    done = 0
    for found in ALIAS.finditer(text):
        start, end = found.span()
        if _GOES_ON.match(text, end) or not _is_meant(text, start, found[0], shown):
            continue
        made += (text[done:start], back(found[0]))
        done = end
    return "".join(made) + text[done:]


def _is_meant(text: str, start: int, alias: str, shown: Container[str]) -> bool:
    before = text[max(0, start - _LOOK_BACK) : start]
    if not before or _OPEN.search(f" {before}"[-2:]) or context(before, alias) in shown:
        return True
    link = _OF_A_USER.search(before) if text.startswith("/") or "://" in text else None
    return link is not None and (link["name"] is None or link["name"] in _ASKED or kind_of(link["name"]) is not None)


def _in_literal(literal: str, back: Callable[[str], str], shown: Container[str]) -> str:
    if not ALIAS.search(literal):
        return literal
    inner = json.loads(literal, strict=False)
    revealed = substituted(inner, back, shown)
    return literal if revealed == inner else json.dumps(revealed, ensure_ascii=False)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
