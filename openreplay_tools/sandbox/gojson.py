"""Bodies as the server's Go code reads and writes them: its JSON reader, its escaping, its HTML escaping."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

# encoding/json escapes these in every string it writes.
_GO_ESCAPES = {
    "&": r"\u0026",
    "<": r"\u003c",
    ">": r"\u003e",
    "\u2028": r"\u2028",
    "\u2029": r"\u2029",
}
# html.EscapeString runs over users and events before they are written (contract §0.5), and the ampersands
# it makes are then escaped by encoding/json.
_HTML_ESCAPES = {
    "&": r"\u0026amp;",
    "<": r"\u0026lt;",
    ">": r"\u0026gt;",
    "'": r"\u0026#39;",
    '\\"': r"\u0026#34;",
    "\u2028": r"\u2028",
    "\u2029": r"\u2029",
}
_GO_PATTERN = re.compile("[&<>\u2028\u2029]")
# Outside strings JSON has none of these characters, so the finished text can be escaped in one pass.
_HTML_PATTERN = re.compile("\\\\.|[&<>'\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")


class InvalidJSONError(ValueError):
    """The body is not what Go's decoder accepts: the server answers `invalid JSON body`."""


def compact(value: object) -> str:
    """JSON without spaces, property maps in key order (as Go writes maps), text kept as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def escape(text: str) -> str:
    """Escape finished JSON text as Go writes it: jobs, projects, live sessions."""
    return _GO_PATTERN.sub(lambda hit: _GO_ESCAPES[hit[0]], text)


def escape_html(text: str) -> str:
    """Escape finished JSON text whose strings (keys too) went through html.EscapeString: users and events."""
    return _HTML_PATTERN.sub(lambda hit: _HTML_ESCAPES.get(hit[0], hit[0]), text)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJSONError(name)


def _well_formed(text: str) -> str:
    # Go replaces half of a surrogate pair by U+FFFD; Python would keep it and fail later.
    return _SURROGATE.sub("\ufffd", text) if _SURROGATE.search(text) else text


def decode(body: bytes) -> Any:
    """Read one JSON value as Go does: nothing after it, no byte order mark, bad UTF-8 replaced (observed A21)."""
    text = body.decode("utf-8", errors="replace")
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidJSONError(str(error)) from error


class Reader:
    """The fields of one decoded object, taken by Go's rules for struct fields."""

    def __init__(self, value: object) -> None:
        if value is None:  # `null` leaves every default (observed A21)
            value = {}
        if not isinstance(value, dict):
            raise InvalidJSONError
        # Field names are matched without regard to case; of doubles the last counts. null changes nothing.
        self._fields = {str(key).lower(): item for key, item in value.items() if item is not None}

    def text(self, name: str, default: str = "") -> str:
        """A string field."""
        value = self._fields.get(name.lower(), default)
        if not isinstance(value, str):
            raise InvalidJSONError(name)
        return _well_formed(value)

    def integer(self, name: str, default: int = 0) -> int:
        """An integer field: 1.0 and 1e3 are none for Go (contract §1.3)."""
        value = self._fields.get(name.lower(), default)
        if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
            raise InvalidJSONError(name)
        return value

    def boolean(self, name: str) -> bool:
        """A truth value, false when absent."""
        value = self._fields.get(name.lower(), False)
        if not isinstance(value, bool):
            raise InvalidJSONError(name)
        return value

    def items(self, name: str) -> list[object]:
        """A list field, of anything."""
        value = self._fields.get(name.lower(), [])
        if not isinstance(value, list):
            raise InvalidJSONError(name)
        return value

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        values = ["" if item is None else item for item in self.items(name)]
        if not all(isinstance(item, str) for item in values):
            raise InvalidJSONError(name)
        return [_well_formed(str(item)) for item in values]

    def filters(self) -> Iterator[Self]:
        """The objects in the list field `filters`, to be read one by one: the first that is wrong is told."""
        return (type(self)(item) for item in self.items("filters"))
