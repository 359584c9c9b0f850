"""An exported event on one line: what tells most comes first, and only so much of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from openreplay_tools.masking import mask_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST: Final = 300  # characters of a digest
_MOST_LEAVES: Final = 200
_LONGEST_VALUE: Final = 160
_DEEPEST: Final = 8
_SHORT: Final = 8  # characters; such values are equal by chance

# What is told elsewhere in the row; these keys are those that `export_file` looks for.
_TOLD: Final = frozenset({"eventType", "event_type", "type", "name", "timestamp", "time", "session_time"})
# Last parts of names, the most telling first; whatever else there is follows in the event's own order.
_FIRST: Final = (
    "level", "message", "msg", "error", "errortype", "args", "method", "url", "href", "status", "statuscode",
    "duration", "type", "name", "label", "selector", "text", "value", "userid", "email",
)  # fmt: skip
# Long and seldom what somebody looks for.
_LAST: Final = frozenset({"headers", "reqid", "seqid", "seq_id", "stack", "stacktrace"})
_ORDER: Final = {name: number for number, name in enumerate(_FIRST)}


def digest(data: Mapping[str, Any], kind: str) -> str:
    """Return the useful values of an event as `name: value, …`; recorded text, its secrets masked.

    Args:
        data: the whole line.
        kind: its type, which need not be said again.
    """
    shown = {key: value for key, value in data.items() if not (key in _TOLD and _is_told(value, kind))}
    told: list[tuple[int, int, str]] = []
    for number, (path, value) in enumerate(_leaves(mask_tree(shown))):
        if number == _MOST_LEAVES:
            break
        told.append((_rank(path), number, f"{'.'.join(path)}: {value}"))
    text, seen = "", set[str]()
    for _, _, each in sorted(told):
        value = each.partition(": ")[2]
        if len(value) > _SHORT and value in seen:  # an address often stands under several names
            continue
        seen.add(value)
        text = f"{text}, {each}" if text else each
        if len(text) > LONGEST:
            break
    return text


def _is_told(value: Any, kind: str) -> bool:
    """Tell whether a value is the type or the time."""
    return value == kind or (isinstance(value, int | float) and not isinstance(value, bool)) or _is_time(value)


def _is_time(value: Any) -> bool:
    return isinstance(value, str) and value[:4].isdigit() and (value.isdigit() or value[4:5] == "-")


def _rank(path: tuple[str, ...]) -> int:
    names = [part.lower() for part in path]
    if _LAST & set(names):
        return len(_FIRST) + 1
    return min((_ORDER[name] for name in names[-1:] if name in _ORDER), default=len(_FIRST))


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the values of an event that say something, each with the names it stands under."""
    if isinstance(value, dict):
        for key, each in value.items() if len(path) < _DEEPEST else ():
            yield from _leaves(each, (*path, str(key)))
    elif value not in (None, "", [], {}):
        text = value if isinstance(value, str) else _joined(value) if isinstance(value, list) else json.dumps(value)
        yield path, text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _joined(values: list[Any]) -> str:
    plain = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in values[:20]]
    return " | ".join(plain)
