"""Dashboard links: made for answers, understood when pasted (contract §7), and what a session id tells by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

from openreplay_tools.errors import ArgumentsError
from openreplay_tools.text import Given

if TYPE_CHECKING:
    from openreplay_tools.operation import Scope

_EPOCH_MS = 1_550_000_000_000  # session ids count from here (observed §D)
_LOW_BITS = 24
_LARGEST_ID = 2**63 - 1
_ABSOLUTE_MS = 10**11  # a jumpto beyond three years is an epoch time, not an offset
_LONGEST_MS = 86_400_000  # an event a day after the id's start: the id was not made by a tracker
_PLACE = re.compile(r"/(\d{1,9})/(session|assist)/(\d{1,20})/?\Z")


class Pasted(NamedTuple):
    """What a person or model gave for a session."""

    session_id: str
    project_id: str
    moment_ms: int | None


def session_link(scope: Scope, session_id: str, moment_ms: int | None = None) -> str:
    """Return the link to a replay, at a moment given in ms from the recording's start."""
    link = f"{scope.dashboard}/{scope.project.id}/session/{session_id}"
    return link if moment_ms is None else f"{link}?jumpto={max(0, round(moment_ms))}"


def live_link(scope: Scope, session_id: str) -> str:
    """Return the link that joins a live session."""
    return f"{scope.dashboard}/{scope.project.id}/assist/{quote(session_id, safe='')}"


def started_ms(session_id: str) -> int:
    """Return when the recording began, epoch ms: a session id holds its start (observed §D)."""
    return (int(session_id) >> _LOW_BITS) + _EPOCH_MS


def trusted_start_ms(session_id: str, first_event_ms: int) -> int:
    """Return when the recording began, given its first known event; the event's time where the id is no clock.

    Args:
        session_id: as the server told it.
        first_event_ms: epoch ms, in whole seconds; 0 when unknown.
    """
    if not session_id.isascii() or not session_id.isdigit():
        return first_event_ms
    start = started_ms(session_id)
    second = 1000
    plausible = not first_event_ms or (
        start // second <= first_event_ms // second + 1 and first_event_ms - start < _LONGEST_MS
    )
    return start if plausible else first_event_ms


def read_session(given: str, scope: Scope) -> Pasted:
    """Understand a session id or a pasted dashboard link.

    Raises:
        ArgumentsError: it is neither, or the link leads to another host.
    """
    text = given.strip()
    if text.isascii() and text.isdigit():
        return Pasted(_number(text, given), "", None)
    try:
        parts = urlsplit(text if "://" in text or text.startswith("/") else f"//{text}")
    except ValueError:  # brackets that hold no address
        parts = urlsplit("")
    place = _PLACE.search(parts.path)
    if place is None:
        raise ArgumentsError(
            "session: ", Given(given), " is neither a session id (digits only) nor a link to a session "
            f"({scope.dashboard}/<project id>/session/<session id>). openreplay_list_user_sessions gives ids."
        )  # fmt: skip
    hosts = {urlsplit(scope.dashboard).netloc.lower(), scope.host.lower(), ""}
    if parts.netloc.lower() not in hosts:
        raise ArgumentsError(
            "session: this link leads to ",
            Given(parts.netloc),
            f"; this toolkit reads {urlsplit(scope.dashboard).netloc} only.",
        )
    session_id = _number(place[3], given)
    return Pasted(session_id, place[1], _moment(parts.query, session_id))


def _number(digits: str, given: str) -> str:
    number = int(digits) if len(digits) <= 20 else 0
    if not 0 < number <= _LARGEST_ID:
        raise ArgumentsError("session: ", Given(given), " is not a session id; ids are positive 64-bit numbers.")
    return str(number)


def _moment(query: str, session_id: str) -> int | None:
    values = parse_qs(query).get("jumpto", [])
    if not values or not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 15:
        return None
    moment = int(values[0])
    return max(0, moment - started_ms(session_id)) if moment > _ABSOLUTE_MS else moment
