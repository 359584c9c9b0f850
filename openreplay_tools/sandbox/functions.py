"""What SQLite lacks and the server's filters need: property maps, ILIKE, RE2."""

from __future__ import annotations

import json
import operator
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@lru_cache(maxsize=512)  # several filters look at the same row
def _properties(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def _prop_exists(text: str, key: str) -> bool:
    return _properties(text).get(key) is not None


def _prop_text(text: str, key: str) -> str | None:
    value = _properties(text).get(key)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _prop_number(text: str, key: str) -> float | None:
    """toFloat64OrNull: a number, or text that reads as one (web vitals are text, observed A17)."""
    value = _properties(text).get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _prop_is_boolean(text: str, key: str, wanted: int) -> bool:
    value = _properties(text).get(key, False)
    if not isinstance(value, bool):
        raise TypeError(key)  # the query fails in the database (observed A12)
    return value is bool(wanted)


def _prop_compare(text: str, key: str, sign: str, value: str) -> bool | None:
    stored = _properties(text).get(key)
    if isinstance(stored, str):
        return _SIGNS[sign](stored, value)
    number = _prop_number(text, key)
    return None if number is None else _SIGNS[sign](number, float(value))


@lru_cache(maxsize=256)
def _like(pattern: str) -> re.Pattern[str]:
    """ILIKE as a regular expression: % and _ are wildcards, a backslash takes their meaning away."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile(
        "".join(wild.get(part) or re.escape(part[1:] if part[0] == "\\" and part[1:] else part) for part in parts),
        re.DOTALL | re.IGNORECASE,
    )


def _ilike(text: str | None, pattern: str) -> bool | None:
    return None if text is None else _like(pattern).fullmatch(text) is not None


def _re2(text: str | None, pattern: str) -> bool | None:
    return None if text is None else re.search(pattern, text) is not None


def register(connection: sqlite3.Connection) -> None:
    """Give the connection every function the compiled filters call."""
    for name, count, function in (
        ("prop_exists", 2, _prop_exists),
        ("prop_text", 2, _prop_text),
        ("prop_number", 2, _prop_number),
        ("prop_is_boolean", 3, _prop_is_boolean),
        ("prop_compare", 4, _prop_compare),
        ("ilike", 2, _ilike),
        ("re2", 2, _re2),
    ):
        connection.create_function(name, count, function, deterministic=True)
