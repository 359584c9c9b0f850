"""Where issues are looked for session by session: the visits of some people, or the newest of a search."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from openreplay_tools.errors import (
    ArgumentsError,
    NotFoundError,
    OpenReplayToolsError,
    RateLimitError,
    ServerError,
    TransportError,
    UnavailableError,
)
from openreplay_tools.openreplay.events import list_session_events
from openreplay_tools.openreplay.issue_groups import Visit
from openreplay_tools.openreplay.sessions import list_user_sessions
from openreplay_tools.openreplay.user_search import search_users

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.doctor import Diagnosis
    from openreplay_tools.openreplay.events import EventPage
    from openreplay_tools.openreplay.issue_sources import Kinds, Steps
    from openreplay_tools.openreplay.sessions import Session
    from openreplay_tools.openreplay.timeline import Event
    from openreplay_tools.openreplay.users import User
    from openreplay_tools.operation import Scope

MOST_PEOPLE: Final = 20
MOST_VISITS: Final = 40
_TRAITS: Final = 20
_LONGEST_TRAIT: Final = 80
_OF_KIND: Final[dict[Kinds, list[str]]] = {
    "any": ["ERROR", "CRASH", "REQUEST", "ISSUE"],
    "errors": ["ERROR", "CRASH"],
    "requests": ["REQUEST", "ISSUE"],
    "frustration": ["ISSUE"],
}
# One user or session that cannot be read, or those that are left when the time is over, do not hide the others.
_SKIPPED = (ArgumentsError, NotFoundError, RateLimitError, ServerError, TransportError, UnavailableError)


@dataclass(slots=True)
class People:
    """Whose sessions are looked into.

    Args:
        ids: exact user ids.
        traits: what the site told of each.
        total: how many people there are in the window; None where they were named.
    """

    ids: list[str] = field(default_factory=list)
    traits: dict[str, dict[str, Any]] = field(default_factory=dict)
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Sessions of some people, how many more they have, whose could not be listed, and why the only one has none."""

    rows: list[Session]
    more: int = 0
    unread: int = 0
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which failures are looked for, and in which sessions, as far as these tell it themselves."""

    kinds: Kinds
    keep: Callable[[EventPage], bool]


@dataclass(slots=True)
class VisitsRead:
    """Events of sessions that were read one by one.

    Args:
        visits: by session id.
        events: all of these sessions' that were asked for.
        unread: sessions and users that could not be read.
    """

    visits: dict[str, Visit] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    unread: int = 0


def whose(user_ids: list[str], scope: Scope, steps: Steps) -> Flow[People]:
    """Return the people named, or those most recently seen in the window."""
    if user_ids:
        return People(list(dict.fromkeys(user_ids)))
    steps.planned(1)
    asked = {"project": _project(scope), "limit": MOST_PEOPLE, "last_seen_since": str(scope.window.start_ms)}
    found = (yield from search_users.call(search_users.parse(asked), scope)).result
    yield from steps.took(1, "reading users")
    ids = [user.user_id for user in found.rows if user.user_id]
    return People(ids, {user.user_id: _traits(user) for user in found.rows}, found.total)


def add_traits(people: People, scope: Scope, steps: Steps) -> Flow[None]:
    """Read what the site told of people who were named; their sessions stand without it."""
    steps.planned(1)
    only = {"name": "user_id", "operator": "is", "values": people.ids}
    asked = {"project": _project(scope), "limit": MOST_PEOPLE, "filters": [only]}
    try:
        found = (yield from search_users.call(search_users.parse(asked), scope)).result
    except _SKIPPED:
        pass
    else:
        people.traits.update({user.user_id: _traits(user) for user in found.rows})
    yield from steps.took(1, "reading users")


def sessions_of(people: People, scope: Scope, steps: Steps) -> Flow[Listed]:
    """Return the sessions of people that began in the window, the newest first."""
    span = {} if scope.window.everything else {"since": str(scope.window.start_ms), "until": str(scope.window.end_ms)}
    found: dict[str, Session] = {}
    refusal: OpenReplayToolsError | None = None
    diagnosis: Diagnosis | None = None
    unread = more = 0
    steps.planned(len(people.ids))
    inside = replace(scope, examines=len(people.ids) == 1)
    for user_id in people.ids:
        asked = {"project": _project(scope), "user_id": user_id, "limit": MOST_VISITS, **span}
        try:
            listed = (yield from list_user_sessions.call(list_user_sessions.parse(asked), inside)).result
            found |= {one.session_id: one for one in listed.rows if _began(one, scope)}
            diagnosis = listed.diagnosis
            more += max(0, (listed.total or 0) - len(listed.rows))
        except _SKIPPED as error:
            refusal, unread = error, unread + 1
        yield from steps.took(1, "reading sessions of users")
    if refusal and unread == len(people.ids):
        raise refusal
    rows = sorted(found.values(), key=lambda one: (-(one.started_at or scope.now).timestamp(), one.session_id))
    return Listed(rows, more, unread, diagnosis if len(people.ids) == 1 else None)


def read_visits(
    sessions: list[Session], people: People, wanted: Wanted, scope: Scope, steps: Steps
) -> Flow[VisitsRead]:
    """Read the failures and pages of sessions, and keep those sessions that are meant."""
    found = VisitsRead()
    refusal: OpenReplayToolsError | None = None
    steps.planned(len(sessions))
    inside = replace(scope, examines=False)
    for row in sessions:
        asked = {"project": _project(scope), "session": row.session_id, "kinds": [*_OF_KIND[wanted.kinds], "LOCATION"]}
        try:
            told = (yield from list_session_events.call(list_session_events.parse(asked), inside)).result
        except _SKIPPED as error:
            refusal = error
            found.unread += 1
        else:
            if wanted.keep(told):
                found.visits[row.session_id] = _visit(row, told, people)
                found.events += [_owned(event, row) for event in told.rows]
        yield from steps.took(1, "reading sessions")
    if refusal and found.unread == len(sessions):
        raise refusal
    return found


def visit_of(row: Session) -> Visit:
    """Return what the dashboard's list knows of a session."""
    facts = {
        ("browser", False): row.browser, ("os", False): row.os, ("device type", False): row.device_type,
        ("country", False): row.country,
        **{(name, True): _short(value) for name, value in row.metadata.items()},
    }  # fmt: skip
    return Visit(row.user_id, {name: value for name, value in facts.items() if value})


def _visit(row: Session, told: EventPage, people: People) -> Visit:
    user_id = row.user_id or told.user_id or ""
    device = next((str(value) for event in told.rows if (value := event.recorded("user_device_type"))), "")
    known = {
        ("browser", False): told.browser, ("os", False): told.os, ("country", False): told.country,
        ("device type", False): device,
        **{(name, True): value for name, value in people.traits.get(user_id, {}).items()},
    }  # fmt: skip
    facts = {**visit_of(row).facts, **{name: value for name, value in known.items() if value}}
    return Visit(user_id, facts)


def _owned(event: Event, row: Session) -> Event:
    """Return an event that tells its session, whatever the source told."""
    return event if event.session_id else event.model_copy(update={"session_id": row.session_id})


def _traits(user: User) -> dict[str, str]:
    told = list((user.properties or {}).items())[:_TRAITS]
    return {name: text for name, value in told if (text := _short(value))}


def _short(value: Any) -> str:
    """Return a value that may be one of many sessions', "" for what surely is not."""
    text = str(value) if isinstance(value, str | int | float | bool) else ""
    return text if len(text) <= _LONGEST_TRAIT else ""


def _began(row: Session, scope: Scope) -> bool:
    if row.started_at is None or scope.window.everything:
        return True
    return scope.window.start_ms <= row.started_at.timestamp() * 1000 < scope.window.end_ms


def _project(scope: Scope) -> str:
    return scope.project.key or str(scope.project.id)
