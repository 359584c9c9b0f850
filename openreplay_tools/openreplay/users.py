"""Tracked users: their records, and one by id."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.doors import MEANS
from openreplay_tools.errors import ClosedError, NotFoundError, UnavailableError
from openreplay_tools.fields import Detail, ProjectArguments, UserId
from openreplay_tools.flow import Request, ask
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.doctor import Allowance, Diagnosis, alike, attempt, listed, may
from openreplay_tools.openreplay.scope import about, in_project, local, within_project
from openreplay_tools.operation import Instant, Page, Record, operation
from openreplay_tools.personal import EmailAddress, PersonId, PersonName, PhoneNumber
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.doors import Service
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

ReplyT = TypeVar("ReplyT", bound=BaseModel)

_ALL_COLUMNS = [
    "$phone", "$country", "$state", "$city", "$avatar", "$first_event_at", "$timezone", "$sdk_edition", "$sdk_version",
    "$current_url", "$initial_referrer", "$referring_domain", "$or_api_endpoint", "initial_utm_source",
    "initial_utm_medium", "initial_utm_campaign", "properties",
]  # fmt: skip

_EMAIL = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_RECORDS = "DATA_MANAGEMENT"
_ROWS = 200
_SHORTEST = 3  # characters of an id whose likes are looked for by a part of it
_LONGEST = 100  # of a query

# What the Go service says that has no such route (contract §1.3).
_NO_ROUTE = "404 page not found"


def _unset(value: Any) -> Any:
    return None if value in {0, "0", ""} else value


SeenAt = Annotated[Instant | None, BeforeValidator(_unset)]


class User(Record):
    """A tracked user as a search returns it.

    Attributes:
        user_id: the id the site gave, exact.
        created_at: when the record was made.
        last_seen: last event; whole seconds.
        country: ISO-2 or "".
        properties: the site's own traits; None when a filter on one of them made the server unable to give them.
    """

    user_id: PersonId = Field("", alias="$user_id")
    email: EmailAddress = Field("", alias="$email")
    name: PersonName = Field("", alias="$name")
    first_name: PersonName = Field("", alias="$first_name")
    last_name: PersonName = Field("", alias="$last_name")
    phone: PhoneNumber = Field("", alias="$phone")
    country: str = Field("", alias="$country")
    state: str = Field("", alias="$state")
    city: str = Field("", alias="$city")
    created_at: Instant | None = Field(None, alias="$created_at")
    last_seen: Instant | None = Field(None, alias="$last_seen")
    properties: dict[str, Any] | None = None


class UserProfile(User):
    """Everything the server keeps about one user.

    Attributes:
        distinct_ids: device and user ids the record was seen under; empty when the server's search had to serve.
        timezone: hours times ten.
        first_event_at: None when unset; the first session's start where the server only counts sessions.
        sessions_count: recorded sessions; None where the server does not tell.
    """

    avatar: str = Field("", alias="$avatar")
    first_event_at: SeenAt = Field(None, alias="$first_event_at")
    timezone: int = Field(0, alias="$timezone")
    current_url: str = Field("", alias="$current_url")
    initial_referrer: str = Field("", alias="$initial_referrer")
    referring_domain: str = Field("", alias="$referring_domain")
    utm_source: str = Field("", alias="initial_utm_source")
    utm_medium: str = Field("", alias="initial_utm_medium")
    utm_campaign: str = Field("", alias="initial_utm_campaign")
    sdk_version: str = Field("", alias="$sdk_version")
    distinct_ids: list[str] = []
    sessions_count: int | None = None


class UserPage(Page[User]):
    """One page of users.

    Attributes:
        left_out: rows of this page the server matched by an outdated version of their record; not in `rows`.
        diagnosis: when nothing was found: why, as far as a few requests can tell.
    """

    left_out: int = 0
    diagnosis: Diagnosis | None = None


class GetUserArgs(ProjectArguments):
    """Which user."""

    user_id: UserId
    detail: Detail = "normal"


class _Users(Record):
    total: int = 0
    users: list[User] | None = None


class _UsersReply(Record):
    data: _Users


class _Profiles(Record):
    total: int = 0
    users: list[UserProfile] | None = None


class _ProfilesReply(Record):
    data: _Profiles


class _ProfileReply(Record):
    data: UserProfile


class Visitor(Record):
    """What API v1 knows of a user: when their sessions began, and how many there are."""

    user_id: PersonId = Field("", alias="userId")
    sessions_count: int = Field(0, alias="sessionCount")
    first_seen: SeenAt = Field(None, alias="firstSeen")
    last_seen: SeenAt = Field(None, alias="lastSeen")


class _VisitorReply(Record):
    data: Visitor | None


def reachable_by_path(user_id: str) -> bool:
    """Tell whether the server can find this id in a path: it decodes %2F before matching (observed §D)."""
    return "/" not in user_id and user_id not in {".", ".."} and "\0" not in user_id


def user_card(user: UserProfile, args: GetUserArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present one user."""
    names = called(user)
    details = (
        ("E-mail", identifier(user.email if user.email != user.user_id else "")),
        ("Phone", identifier(user.phone)),
        ("UTM source", Recorded(user.utm_source)),
        ("UTM medium", Recorded(user.utm_medium)),
        ("UTM campaign", Recorded(user.utm_campaign)),
        ("Referrer", Recorded(user.initial_referrer)),
    )
    facts: list[Line] = [] if names == own("–") else [names]
    facts.append(_times(user, scope))
    facts += [(Own(f"{label} "), value) for label, value in details if value.text]
    masked: Any = mask_tree(user.properties or {})  # while each value stands under its name
    traits = {key: value for key, value in masked.items() if not key.startswith("$")}
    rows = tuple(Row(((Recorded(key, limit=60),), (Recorded(_plain(value)),))) for key, value in traits.items())
    return Answer(
        subject=(Own("User "), identifier(user.user_id)),
        scope=about(scope),
        facts=tuple(facts),
        headings=("property", "value") if rows else (),
        rows=rows,
        notes=(_next(user.user_id, scope),),
        rest='detail="full" widens',
    )


def _next(user_id: str, scope: Scope) -> Line:
    if sessions_out_of_reach(user_id, scope):
        return own(f"To list the sessions of this id takes {MEANS['login']}: it cannot stand in an address.")
    return (Own("Next: openreplay_list_user_sessions(user_id="), identifier(user_id), Own(")."))


def _times(user: UserProfile, scope: Scope) -> Line:
    last: Line = (Own("Last seen "), *seen_at(user.last_seen, scope))
    first = seen_at(user.first_event_at, scope)
    zone = Own(f" {scope.zone.key}")
    if user.sessions_count is not None:  # what a server tells that only counts sessions
        sessions = "session" if user.sessions_count == 1 else "sessions"
        return (*last, Own(" · first seen "), *first, zone, Own(f" · {user.sessions_count} {sessions}"))
    made: Line = (Own(" · record made "), *seen_at(user.created_at, scope))
    return (*last, *made, *((Own(" · first event "), *first) if user.first_event_at else ()), zone)


def sessions_out_of_reach(user_id: str, scope: Scope) -> bool:
    """Tell whether no request can ask for a user's sessions: with a key alone the id has to stand in an address."""
    return not reachable_by_path(user_id) and not scope.access.has("login")


@operation(GetUserArgs, group="users", prepare=in_project, present=user_card)
def get_user(args: GetUserArgs, scope: Scope) -> Flow[UserProfile]:
    """Show one tracked user by exact id: name, contact, place, first and last seen, custom properties.

    When the id is not known call openreplay_search_users first; for what the user did, openreplay_list_user_sessions.
    """
    if not reachable_by_path(args.user_id):
        return (yield from _by_search(args, scope))
    path, via = users_place(scope)
    request = Request("GET", (*path, args.user_id), _ProfileReply, escaped=True, via=via)
    try:
        reply = yield from ask_users(request, scope)
    except NotFoundError as error:
        if not error.status:
            raise
        status = error.status
    else:
        return reply.data
    raise (yield from _nobody(args, scope, status))


@get_user.route("login", permission="DATA_MANAGEMENT")
def _by_login(args: GetUserArgs, scope: Scope) -> Flow[UserProfile]:
    found: UserProfile = yield from get_user.routes[0].flow(args, scope)
    return found


@get_user.route("v1", lacks=("name", "contact", "place", "properties", "when the record was made"))
def _by_v1(args: GetUserArgs, scope: Scope) -> Flow[UserProfile]:
    visitor = yield from fetch_visitor(args.user_id, scope)
    if visitor is None:
        raise _no_record(args, scope, 404, [])
    first = {"first_event_at": visitor.first_seen}
    return UserProfile.model_validate({**visitor.model_dump(exclude={"first_seen"}), **first})


def fetch_visitor(user_id: str, scope: Scope) -> Flow[Visitor | None]:
    """Return what API v1 counts of a user's sessions, None when no session carries the id.

    Raises:
        UnavailableError: the id cannot stand in an address.
    """
    require_path(user_id, scope)
    # https://docs.openreplay.com/en/api/users/ (contract §3.6)
    request = Request("GET", ("v1", scope.project.key, "users", user_id), _VisitorReply, via="v1")
    return (yield from ask(request)).data


def require_path(user_id: str, scope: Scope) -> None:
    """Refuse a user id that API v1 cannot find in an address.

    Raises:
        UnavailableError: it holds a slash, or is a dot.
    """
    if reachable_by_path(user_id):
        return
    way = "" if scope.access.has("login") else f" It would work with {MEANS['login']}."
    raise UnavailableError(
        "API v1 cannot look up user id ",
        identifier(user_id),
        f": it takes the slash or dot for a part of the address.{way}",
    )


def users_place(scope: Scope) -> tuple[tuple[str, ...], Service]:
    """Return where this door keeps a project's users, and who answers there."""
    # https://docs.openreplay.com/en/api/users/
    if scope.door == "login":
        return (str(scope.project.id), "users"), "dashboard"
    return ("public", scope.project.key, "users"), "v2"


def ask_users(request: Request[ReplyT], scope: Scope) -> Flow[ReplyT]:
    """Send a request about users or their sessions to API v2 or the dashboard's Go service.

    Raises:
        ClosedError: the dashboard is too old to have it (contract §5).
    """
    try:
        return (yield from within_project(request, scope))
    except NotFoundError as error:
        if request.via == "dashboard" and error.message.startswith(_NO_ROUTE):
            raise ClosedError("This server's dashboard is too old for that; OpenReplay 1.24 can do it.") from None
        raise


def _by_search(args: GetUserArgs, scope: Scope) -> Flow[UserProfile]:
    """Find a user whose id cannot stand in a path."""
    only = {"name": "$user_id", "operator": "is", "value": [args.user_id]}
    body = {"limit": 1, "page": 1, "filters": [only], "columns": _ALL_COLUMNS}
    path, via = users_place(scope)
    request = Request("POST", path, _ProfilesReply, body=body, escaped=True, via=via)
    reply = yield from ask_users(request, scope)
    if not reply.data.users:
        raise (yield from _nobody(args, scope, 404))
    return reply.data.users[0]


def _nobody(args: GetUserArgs, scope: Scope, status: int) -> Flow[NotFoundError]:
    """Return the error that says so, and names who may be meant: that costs one request."""
    report = Diagnosis()
    if scope.examines and _EMAIL.fullmatch(args.user_id) and (scope.door == "v2" or may(scope, _RECORDS)):
        yield from attempt("users", look_for_alike(report, args.user_id, scope), report, Allowance(1))
    # Aliases stand for people whom a result told of; in an error only those that show by their form.
    return _no_record(args, scope, status, [each for each in report.similar if _EMAIL.fullmatch(each)])


def _no_record(args: GetUserArgs, scope: Scope, status: int, similar: list[str]) -> NotFoundError:
    # A 404 does not mean "no sessions" (observed §A7), and the server gives it for any failure of its database too.
    way = ": try openreplay_list_user_sessions with this id, or find the right id with openreplay_search_users."
    if sessions_out_of_reach(args.user_id, scope):
        way = (
            f", but to list them takes {MEANS['login']}, for this id cannot stand in an address. Find the right id "
            "with openreplay_search_users."
        )
    nearest: Line = (Own(" Nearest: "), *listed(similar), Own(".")) if similar else ()
    return NotFoundError(
        "No user record ", identifier(args.user_id), f". Sessions may exist all the same{way}", *nearest,
        status=status,
    )  # fmt: skip


def similar_ids(user_id: str, scope: Scope) -> Flow[tuple[list[str], bool | None]]:
    """Return user ids spelled much like one, and whether a record has exactly this one; None where more are alike."""
    # The server finds parts of ids, so what may be mistyped is left out: the domain and the end.
    local = user_id.partition("@")[0] if "@" in user_id[_SHORTEST:] else user_id
    part = local[: max(_SHORTEST, 2 * len(local) // 3)]
    known, total = yield from _ids_with(part[:_LONGEST], scope)
    if user_id in known:
        return [], True
    same = [each for each in known if each.casefold() == user_id.casefold()]
    name = user_id.partition("@")[0]
    near = [each for each in alike(user_id, known) if alike(name, [each.partition("@")[0]]) or name in each]
    return same or near, False if total <= len(known) else None


def _ids_with(query: str, scope: Scope) -> Flow[tuple[list[str], int]]:
    path, via = users_place(scope)
    body = {
        "limit": _ROWS,
        "page": 1,
        "sortBy": "$last_seen",
        "sortOrder": "desc",
        "columns": ["$city"],
        "query": query,
    }
    reply = yield from ask_users(Request("POST", path, _UsersReply, body=body, escaped=True, via=via), scope)
    return [user.user_id for user in reply.data.users or []], reply.data.total


def look_for_alike(report: Diagnosis, user_id: str, scope: Scope) -> Flow[None]:
    """Learn which user ids are spelled much like one, and whether a record has exactly this one."""
    report.similar, report.record = yield from similar_ids(user_id, scope)


def seen_at(moment: datetime | None, scope: Scope, *, day: bool = False) -> Line:
    """Return a moment of a user's record as answers show it; the day only where that is enough."""
    if moment is None or moment.year <= 1970:
        return own("unknown")
    text = format_moment(local(moment, scope))
    return own(text[:10] if day else text)


def called(user: User) -> Line:
    """Return name and place as one recorded text: one fence costs less than two."""
    full = user.name or " ".join(part for part in (user.first_name, user.last_name) if part)
    known = full or (user.email if user.email != user.user_id else "")
    place = " ".join(part for part in (user.city, user.country) if part)
    text = ", ".join(part for part in (known, place) if part)
    return (Recorded(text, limit=100),) if text else own("–")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
