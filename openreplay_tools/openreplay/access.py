"""What an address and its credentials can do, found out in at most three small requests for each (contract §5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from openreplay_tools.answer import Answer
from openreplay_tools.doors import MEANS, OPENED_BY, OPENREPLAY, Access
from openreplay_tools.errors import (
    AuthenticationError,
    ClosedError,
    ConfigurationError,
    NotFoundError,
    OpenReplayToolsError,
    PermissionDeniedError,
    ServerError,
    UnavailableError,
    WebPageError,
)
from openreplay_tools.flow import Learned, Request, ask
from openreplay_tools.openreplay.directory import Project, fetch_projects
from openreplay_tools.openreplay.scope import at_large
from openreplay_tools.operation import Arguments, Record, operation
from openreplay_tools.text import Own, Recorded, name, own

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

# What is worth remembering; all other trouble may pass.
LASTING = (UnavailableError, AuthenticationError, PermissionDeniedError, ConfigurationError)
_LONG_AGO_MS = 946_684_800_000  # the earliest time the server takes
_SHOWN = 8


_Door = Literal["v2", "v1", "login"]
DOORS: tuple[_Door, ...] = ("v2", "v1", "login")


class DoorReport(Record):
    """One way into the server.

    Attributes:
        door: v2, v1 or login.
        state: open; closed: the server has none; refused: the credential is not accepted; unset: no credential;
            unknown: it could not be found out.
        reason: why it is not open, and what would help, in our words.
        said: what the server said to it.
    """

    door: _Door
    state: Literal["open", "closed", "refused", "unset", "unknown"]
    reason: str = ""
    said: str = ""


class AccessReport(Record):
    """What an address and its credentials can do.

    Attributes:
        host: where the credentials go.
        edition: foss, ee, or "" when the server does not tell.
        doors: each way in, and whether it is open.
        permissions: what the login's role may do; None when the server does not tell.
        projects: names of the projects that are seen.
    """

    host: str = ""
    edition: str = ""
    doors: list[DoorReport] = []
    permissions: list[str] | None = None
    projects: list[str] = []


class CheckAccessArgs(Arguments):
    """None are needed."""


class _Signup(Record):
    edition: str = ""


class _SignupReply(Record):
    data: _Signup


class _Anything(Record):
    """Any JSON object."""


def look(scope: Scope) -> Flow[tuple[Access, list[Project]]]:
    """Find out which doors are open, and remember it; nothing known before counts.

    With a key: the project list of API v2, something of API v1, and the edition. With a login: signing in, its project
    list, and a search in a minute long ago.
    """
    elsewhere = {door: error for door, error in scope.access.closed.items() if OPENED_BY[door] not in OPENREPLAY}
    access = replace(scope.access, closed=elsewhere, edition="")
    projects: list[Project] = []
    for door, knock in _KNOCKS:
        if not access.has(door):
            continue
        try:
            projects = (yield from knock(replace(scope, access=access, door=door), projects)) or projects
        except OpenReplayToolsError as error:
            # A key that v2 has accepted is a good one, whatever is said to v1.
            wrong = isinstance(error, AuthenticationError) and not (door == "v1" and access.has("v2"))
            access = access.refused(door, error) if wrong else access.without(door, error)
    lasting = {door: error for door, error in access.closed.items() if isinstance(error, LASTING)}
    known: Access = yield Learned(replace(access, closed=lasting))
    if not known.edition:  # a login has told it
        known = yield Learned(replace(known, edition=(yield from fetch_edition())))
    return replace(known, closed=access.closed), projects


def _knock_v2(scope: Scope, _: list[Project]) -> Flow[list[Project]]:
    return (yield from fetch_projects(scope, fresh=True))


def _knock_v1(scope: Scope, known: list[Project]) -> Flow[list[Project]]:
    if not known:
        try:
            return (yield from fetch_projects(scope))
        except ServerError as error:
            if error.status != 500:
                raise
            return []  # somebody asked in the last 20 seconds: the key was accepted all the same
    # Not the list, which each caller gets only once in 20 seconds (contract §3.1).
    try:
        yield from ask(Request("GET", ("v1", "projects", known[0].project_key), _Anything, via="v1"))
    except (NotFoundError, WebPageError):
        raise ClosedError("API v1 is gone; API v2 can do more.") from None
    return known


def _knock_login(scope: Scope, _: list[Project]) -> Flow[list[Project]]:
    """Also make sure that the service behind session search is there (servers from 1.23)."""
    projects = yield from fetch_projects(scope, fresh=True)
    if not projects:
        return []
    span = {"startTimestamp": _LONG_AGO_MS, "endTimestamp": _LONG_AGO_MS + 60_000, "limit": 1, "page": 1}
    path = (str(projects[0].project_id), "sessions", "search")
    try:
        yield from ask(Request("POST", path, _Anything, body=span, via="dashboard"))
    except PermissionDeniedError:
        pass  # the role may not search sessions: that closes no door
    except (NotFoundError, WebPageError):
        raise ClosedError("This server is older than 1.23: its dashboard API is another one.") from None
    return projects


_KNOCKS: tuple[tuple[_Door, Callable[[Scope, list[Project]], Flow[list[Project]]]], ...] = (
    ("v2", _knock_v2),
    ("v1", _knock_v1),
    ("login", _knock_login),
)


def fetch_edition() -> Flow[str]:
    """Return foss or ee, which every instance tells without a credential; "" when this one does not."""
    try:
        reply = yield from ask(Request("GET", ("signup",), _SignupReply, via="open", cache_seconds=600))
    except OpenReplayToolsError:
        return ""
    return reply.data.edition


def access_card(report: AccessReport, args: CheckAccessArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present what works, and what to set to get more."""
    edition = {"foss": "open-source edition", "ee": "Enterprise edition"}.get(report.edition, "edition unknown")
    doors = {door.door: door for door in report.doors}
    # Nobody misses API v1 where v2 is, and a key that is refused is refused once.
    missed = doors["v1"].state != "closed" or doors["v2"].state != "open"
    again = doors["v1"].state == "refused" and doors["v1"].reason == doors["v2"].reason
    hidden = set() if missed and not again else {"v1"}
    shown = [door for door in report.doors if door.state != "unset" and door.door not in hidden]
    facts: list[Line] = [_told(door, _WORDS[door.door]) for door in shown]
    keyless = doors["v2"].state == "unset"
    adds = _KEY_ADDS if doors["login"].state == "open" else _KEY_GIVES
    facts += [own(f"No organization key. OPENREPLAY_API_KEY would add: {adds}.")] if keyless else []
    if doors["login"].state == "unset":
        facts.append(own(f"No dashboard login. OPENREPLAY_EMAIL and OPENREPLAY_PASSWORD would add: {_LOGIN_GIVES}."))
    facts += [own(told) for vendor, told in _SIBLINGS.items() if vendor in scope.access.credentials]
    if report.permissions is not None:
        may = [part for each in report.permissions for part in (Own(", "), Recorded(each, limit=60))][1:]
        facts.append((Own("The login's role may: "), *(may or own("nothing"))))
    seen = [part for each in report.projects[:_SHOWN] for part in (Own(", "), name(each))][1:]
    more = len(report.projects) - _SHOWN
    if seen:
        facts.append((Own("Projects: "), *seen, *((Own(f" and {more} more"),) if more > 0 else ())))
    return Answer(
        subject=(Own("Access to "), Own(report.host)),
        scope=(own(edition),),
        facts=tuple(facts),
        notes=(own("Next: openreplay_list_projects."),) if seen else (),
    )


_KEY_GIVES = "users, their sessions and events, jobs"
_KEY_ADDS = "deletion of users' recordings, its jobs, creating projects"
_LOGIN_GIVES = "session search, session details, filters, project-wide events, notes"
_SIBLINGS = {
    "logrocket": "LogRocket: a key is set (not tried here). Its tools begin with logrocket_.",
    "notte": "Notte: a key is set (not tried here). Its tools begin with notte_.",
}
_WORDS = {
    "v2": ("API v2", f"the key is accepted: {_KEY_GIVES}"),
    "v1": ("API v1", "the key is accepted: a user's sessions, clicks and pages; no errors, requests or own events"),
    "login": ("Dashboard API", f"the login is accepted: {_LOGIN_GIVES}"),
}


def _told(door: DoorReport, words: tuple[str, str]) -> Line:
    title, gives = words
    if door.state == "open":
        return own(f"{title}: {gives}.")
    said = (Own(" "), Recorded(door.said, limit=200)) if door.said else ()
    return (Own(f"{title}: {door.reason.rstrip()}"), *said)


@operation(CheckAccessArgs, group="projects", prepare=at_large, present=access_card, always=True)
def check_access(args: CheckAccessArgs, scope: Scope) -> Flow[AccessReport]:  # noqa: ARG001
    """Tell what this server and these credentials can do, why something cannot work, and what to set to get more.

    Call it when a tool is refused or missing.
    """
    access, projects = yield from look(scope)
    return AccessReport(
        host=scope.host,
        edition=access.edition,
        doors=[_report(door, access) for door in DOORS],
        permissions=None if access.permissions is None else sorted(access.permissions),
        projects=[project.name for project in projects],
    )


def _report(door: _Door, access: Access) -> DoorReport:
    if OPENED_BY[door] not in access.credentials:
        return DoorReport(door=door, state="unset", reason=f"It needs {MEANS[OPENED_BY[door]]}.")
    error = access.closed.get(door)
    if error is None:
        return DoorReport(door=door, state="open")
    refused = isinstance(error, AuthenticationError | PermissionDeniedError)
    state: Literal["closed", "refused", "unknown"] = (
        "closed" if isinstance(error, UnavailableError) else "refused" if refused else "unknown"
    )
    ours = "".join(part for part in error.parts if isinstance(part, str))
    said = " ".join(part.text for part in error.parts if isinstance(part, Recorded))
    return DoorReport(door=door, state=state, reason=ours, said=said)


for _door in ("v1", "login"):
    check_access.route(_door)(check_access.routes[0].flow)
