"""Dashboard links: made for answers, understood when pasted (contract §7), and what a session id tells by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, cast
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from openreplay_tools.errors import ArgumentsError, UnavailableError
from openreplay_tools.text import Given, Own, Recorded

if TYPE_CHECKING:
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Part

_EPOCH_MS = 1_550_000_000_000  # session ids count from here (observed §D)
_LOW_BITS = 24
_LARGEST_ID = 2**63 - 1
_ABSOLUTE_MS = 10**11  # a jumpto beyond three years is an epoch time, not an offset
_LONGEST_MS = 86_400_000  # an event a day after the id's start: the id was not made by a tracker
_PLACE = re.compile(r"/(\d{1,9})/(session|assist)/(\d{1,20})/?\Z", re.ASCII)
_LINK = re.compile(
    r"(?:/[^/]+)*?/(?P<project>\d{1,9})/(?:session/(?P<session>\d{1,20})|assist/(?P<live>\d{1,20})|(?P<sessions>sessions)"
    r"|data-management/user/(?P<user>[^/].*?)|data-management/event/(?P<event>[0-9A-Fa-f-]{36})"
    r"|errors/(?P<error>[0-9A-Za-z_-]{1,64})|(?P<notes>highlights)"
    r"|(?P<dashboard>dashboard(?:/.*)?)|(?P<card>metrics?(?:/.*)?))/?\Z",
    re.ASCII,
)
_SPOT = re.compile(r"(?:/[^/]+)*?/(?:view-spot/[^/]+|(?:\d{1,9}/)?spots?(?:/.*)?)/?\Z", re.ASCII)
_NO_ADDRESS = re.compile(r"[\s\x00-\x1f\x7f]")
_WEB = frozenset({"", "http", "https"})
_USUAL_PORTS = {"https": ":443", "http": ":80"}
_LARGEST_NOTE = 2**31 - 1

Kind = Literal["session", "moment", "note", "live", "user", "event", "error", "sessions", "saved_search", "notes"]
# What a list of sessions may be narrowed by (contract §7).
PREFILTERS = frozenset({"userId", "userCountry", "userCity", "distinct_id", "st_ts", "end_ts"})
_INSTEAD = {
    "dashboard": "a dashboard, which is a page of charts. No tool here reads those. For the sessions behind a figure: "
    "openreplay_search_sessions with the conditions of the chart.",
    "card": "a card, which is a saved chart. No tool here reads those. For the sessions behind its figure: "
    "openreplay_search_sessions with the conditions of the chart.",
    "spot": "a Spot, which is a screen recording made with the browser extension and not a session of a visitor. No "
    "tool here reads those: open it in the browser. If it names a user or a time, openreplay_search_users and "
    "openreplay_search_sessions find what was recorded then.",
}


class Pasted(NamedTuple):
    """What a person or model gave for a session."""

    session_id: str
    project_id: str
    moment_ms: int | None


class Linked(NamedTuple):
    """What a dashboard link names.

    Attributes:
        kind: what the link opens.
        project_id: from the link.
        id: of the session, user, event, error or saved search, as the server spells it; "" for lists.
        moment_ms: from the start of the recording; None without one.
        note_id: 0 without a note.
        filters: what a list of sessions is narrowed by, by the dashboard's names.
        unread: parameters of the link that say nothing here.
    """

    kind: Kind
    project_id: str
    id: str = ""
    moment_ms: int | None = None
    note_id: int = 0
    filters: tuple[tuple[str, str], ...] = ()
    unread: tuple[str, ...] = ()


def session_link(scope: Scope, session_id: str, moment_ms: int | None = None) -> str:
    """Return the link to a replay, at a moment given in ms from the recording's start."""
    link = f"{scope.dashboard}/{scope.project.id}/session/{session_id}"
    return link if moment_ms is None else f"{link}?jumpto={max(0, round(moment_ms))}"


def linked(scope: Scope, session_id: str, moment_ms: int | None = None) -> Part:
    """Return the link as a part of an answer: ours where the id is one, whatever a server may tell as an id."""
    link = session_link(scope, session_id, moment_ms)
    return Own(link) if session_id.isascii() and session_id.isdigit() else Recorded(link, identifier=True)


def note_link(scope: Scope, session_id: str, note_id: int, moment_ms: int) -> str:
    """Return the link that opens a replay on a note."""
    return f"{session_link(scope, session_id, moment_ms)}&note={note_id}"


def error_link(scope: Scope, error_id: str) -> str:
    """Return the link to an error's page."""
    return f"{scope.dashboard}/{scope.project.id}/errors/{quote(error_id, safe='')}"


def saved_search_link(scope: Scope, search_id: str) -> str:
    """Return the link that opens a shared saved search."""
    return f"{scope.dashboard}/{scope.project.id}/sessions?sid={quote(search_id, safe='<>')}"


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
    parts = _split(text)
    place = _PLACE.search(parts.path)
    if place is None or parts.scheme not in _WEB:
        raise ArgumentsError(
            "session: ", Given(given), " is neither a session id (digits only) nor a link to a session "
            f"({scope.dashboard}/<project id>/session/<session id>). openreplay_list_user_sessions gives ids."
        )  # fmt: skip
    _require_host(parts, "session", scope)
    session_id = _number(place[3], given)
    return Pasted(session_id, place[1], _moment(parts.query, session_id))


def read_link(given: str, scope: Scope) -> Linked:
    """Understand a pasted dashboard link of any form.

    Raises:
        ArgumentsError: it is none, leads to another host, or contradicts itself.
        UnavailableError: it names what no tool reads.
    """
    text = given.strip()
    parts = _split(text)
    found = _LINK.fullmatch(parts.path)
    spot = _SPOT.fullmatch(parts.path)
    odd = _NO_ADDRESS.search(text) or {".", ".."}.intersection(parts.path.split("/")) or parts.scheme not in _WEB
    if odd or (found is None and spot is None):
        raise _no_link(given, scope)
    _require_host(parts, "link", scope)
    form = "spot" if found is None else str(found.lastgroup)
    if form in _INSTEAD:
        raise UnavailableError(f"link: this is {_INSTEAD[form]}")
    values = {} if found is None else found.groupdict()
    return _named(form, str(values["project"]), str(values[form]), parts.query, given)


def _named(form: str, project: str, value: str, query: str, given: str) -> Linked:
    asked = parse_qs(query, keep_blank_values=True)
    if form == "sessions":
        return _list_of_sessions(project, asked)
    if form in {"user", "event", "error", "notes"}:
        exact = _decoded(value, given) if form == "user" else "" if form == "notes" else value
        return Linked(cast("Kind", form), project, exact, unread=tuple(sorted(asked)))
    session_id = _number(value, given, "link")
    if form == "live":
        return Linked("live", project, session_id, unread=tuple(sorted(asked)))
    moment = _jump(asked, session_id)
    note = int(_single(asked, "note", r"\d{1,10}", "the number of a note") or 0)
    if note > _LARGEST_NOTE:
        raise ArgumentsError("link: note is no number that a note can have.")
    kind: Kind = "note" if note else "session" if moment is None else "moment"
    return Linked(kind, project, session_id, moment, note, unread=tuple(sorted(asked.keys() - {"jumpto", "note"})))


def _list_of_sessions(project: str, asked: dict[str, list[str]]) -> Linked:
    unread = tuple(sorted(asked.keys() - PREFILTERS - {"sid"}))
    if "sid" in asked:
        saved = _single(asked, "sid", r"\S{1,200}", "the id of a saved search")
        return Linked("saved_search", project, saved, unread=tuple(sorted(asked.keys() - {"sid"})))
    filters = []
    for name in sorted(PREFILTERS.intersection(asked)):
        stamp = name.endswith("_ts")
        meaning = "a time in epoch milliseconds, such as 1795196568000" if stamp else "a value"
        filters.append((name, _single(asked, name, r"\d{12,14}" if stamp else r"(?s:.{1,256})", meaning)))
    return Linked("sessions", project, filters=tuple(filters), unread=unread)


def _jump(asked: dict[str, list[str]], session_id: str) -> int | None:
    """Return the moment a link points at; one that is none is refused."""
    given = {"jumpto": [value for value in asked.get("jumpto", []) if value]}  # an empty one names no moment
    spoken = _single(given, "jumpto", r"\d{1,15}", "a number of milliseconds from the start, such as 4056")
    if not spoken:
        return None
    moment = int(spoken)
    moment = max(0, moment - started_ms(session_id)) if moment > _ABSOLUTE_MS else moment
    if moment > _LONGEST_MS:
        raise ArgumentsError("link: jumpto lies more than a day after the start; no recording is that long.")
    return moment


def _single(asked: dict[str, list[str]], name: str, form: str, meaning: str) -> str:
    """Return the value of a parameter, "" when the link has none."""
    values = set(asked.get(name, []))
    if not values:
        return ""
    if len(values) > 1:
        raise ArgumentsError(f"link: {name} is given more than once, with different values. Leave one.")
    (value,) = values
    if not re.fullmatch(form, value, re.ASCII):
        raise ArgumentsError(f"link: {name}=", Given(value), f" is not {meaning}. Correct it, or leave it out.")
    return value


def _decoded(value: str, given: str) -> str:
    """Return a user id as the site gave it: once decoded, for a link holds it once encoded."""
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise ArgumentsError("link: ", Given(given), " holds percent signs that encode no text.") from None


def _no_link(given: str, scope: Scope) -> ArgumentsError:
    text = given.strip()
    if text.isascii() and text.isdigit():
        return ArgumentsError(
            "link: ", Given(given), " is no link. If it is a session id: openreplay_summarize_session(session=…)."
        )  # fmt: skip
    return ArgumentsError(
        "link: ", Given(given), " is no dashboard link that opens here. "
        f"Forms: {scope.dashboard}/<project id>/ and then session/<id>, session/<id>?jumpto=<ms>, "
        "session/<id>?jumpto=<ms>&note=<id>, assist/<id>, sessions?userId=<id>, sessions?sid=<id>, "
        "data-management/user/<id>, data-management/event/<id>, errors/<id>, highlights.",
    )  # fmt: skip


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text if "://" in text or text.startswith("/") else f"//{text}")
    except ValueError:  # brackets that hold no address
        return urlsplit("")


def _require_host(parts: SplitResult, argument: str, scope: Scope) -> None:
    """Refuse a link to another host; whatever stands before an @ makes it another."""
    dashboard = urlsplit(scope.dashboard)
    scheme, ours = dashboard.scheme, dashboard.netloc
    hosts = {_without_usual_port(scheme, ours), _without_usual_port(scheme, scope.host), ""}
    if _without_usual_port(parts.scheme or scheme, parts.netloc) not in hosts:
        raise ArgumentsError(
            f"{argument}: this link leads to ", Given(parts.netloc), f"; this toolkit reads {ours} only."
        )  # fmt: skip


def _without_usual_port(scheme: str, host: str) -> str:
    return host.lower().removesuffix(_USUAL_PORTS.get(scheme, ":"))


def _number(digits: str, given: str, argument: str = "session") -> str:
    number = int(digits) if len(digits) <= 20 else 0
    if not 0 < number <= _LARGEST_ID:
        raise ArgumentsError(f"{argument}: ", Given(given), " is not a session id; ids are positive 64-bit numbers.")
    return str(number)


def _moment(query: str, session_id: str) -> int | None:
    values = parse_qs(query).get("jumpto", [])
    if not values or not values[0].isascii() or not values[0].isdigit() or len(values[0]) > 15:
        return None
    moment = int(values[0])
    return max(0, moment - started_ms(session_id)) if moment > _ABSOLUTE_MS else moment
