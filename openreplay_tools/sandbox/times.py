"""Times and shapes that every part of the sandbox's data shares."""

from __future__ import annotations

from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
"""An object as the server's JSON has it."""

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SESSION_EPOCH_MS = 1_550_000_000_000
"""Session ids count milliseconds from here (observed D, "A session id holds its start")."""
_LOW_BITS = 24


def session_id(start_ms: int, low: int) -> str:
    """The id of a session that starts then; `low` is its 24-bit random part."""
    return str((start_ms - SESSION_EPOCH_MS) << _LOW_BITS | low)


def start_of(session: str) -> int:
    """When the session of that id started, in exact milliseconds."""
    return (int(session) >> _LOW_BITS) + SESSION_EPOCH_MS
