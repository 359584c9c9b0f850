"""Tracked users: search, get, delete."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from openreplay_tools import windows
from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, NotFoundError
from openreplay_tools.fields import Detail, Limit, Order, PagedArguments, ProjectArguments, UserId
from openreplay_tools.masking import mask_tree
from openreplay_tools.openreplay.filters import (
    USER_COLUMNS,
    Condition,
    EventCondition,
    Filter,
    event_conditions,
    time_condition,
    user_condition,
)
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.scope import about, in_project, within_project
from openreplay_tools.operation import Instant, Page, Record, Request, operation
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.operation import Flow, Scope
    from openreplay_tools.text import Line

_SORTS = {
    "last_seen": "$last_seen",
    "created": "$created_at",
    "user_id": "$user_id",
    "name": "$name",
    "email": "$email",
}
_COLUMNS = ["$phone", "$country", "$state", "$city"]
_PROPERTIES = "properties"
_ALL_COLUMNS = [
    *_COLUMNS, "$avatar", "$first_event_at", "$timezone", "$sdk_edition", "$sdk_version", "$current_url",
    "$initial_referrer", "$referring_domain", "$or_api_endpoint", "initial_utm_source", "initial_utm_medium",
    "initial_utm_campaign", "properties",
]  # fmt: skip


def _unset(value: Any) -> Any:
    return None if value in {0, "0", ""} else value


SeenAt = Annotated[Instant | None, BeforeValidator(_unset)]
Moment = Annotated[str, Field(max_length=80, description="Such as 7d, yesterday, 2026-11-03.")]


class User(Record):
    """A tracked user as a search returns it.

    Attributes:
        user_id: the id the site gave, exact.
        created_at: when the record was made.
        last_seen: last event; whole seconds.
        country: ISO-2 or "".
        properties: the site's own traits; None when a filter on one of them made the server unable to give them.
    """

    user_id: str = Field("", alias="$user_id")
    email: str = Field("", alias="$email")
    name: str = Field("", alias="$name")
    first_name: str = Field("", alias="$first_name")
    last_name: str = Field("", alias="$last_name")
    phone: str = Field("", alias="$phone")
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
        first_event_at: None when unset.
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


class UserPage(Page[User]):
    """One page of users.

    Attributes:
        left_out: rows of this page the server matched by an outdated version of their record; not in `rows`.
    """

    left_out: int = 0


class SearchUsersArgs(PagedArguments):
    """Who to look for."""

    limit: Limit = 40  # about what a normal answer holds
    query: Annotated[str, Field(max_length=100, description="Part of user id, e-mail or name, in any case.")] = ""
    last_seen_since: Moment = ""
    last_seen_until: Moment = ""
    created_since: Moment = ""
    created_until: Moment = ""
    filters: Annotated[list[Filter], Field(max_length=10, description="On the user's record; all must hold.")] = []
    events: Annotated[list[EventCondition], Field(max_length=5, description="Events the user did; one is enough.")] = []
    events_since: Moment = ""
    events_until: Moment = ""
    sort: Annotated[
        Literal["last_seen", "created", "user_id", "name", "email"], Field(description="What to sort by.")
    ] = "last_seen"
    order: Order = "desc"


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


def reachable_by_path(user_id: str) -> bool:
    """Tell whether the server can find this id in a path: it decodes %2F before matching (observed §D)."""
    return "/" not in user_id and user_id not in {".", ".."} and "\0" not in user_id


def _conditions(args: SearchUsersArgs, scope: Scope) -> tuple[list[Condition], list[Condition]]:
    """Return the conditions on the record and those on events."""
    record = [user_condition(one, scope) for one in args.filters]
    record += time_condition("$last_seen", args.last_seen_since, args.last_seen_until, scope, "last_seen")
    record += time_condition("$created_at", args.created_since, args.created_until, scope, "created")
    events = event_conditions(args.events)
    if (args.events_since or args.events_until) and not events:
        raise ArgumentsError(
            "events_since and events_until narrow events= only. To narrow users by time use last_seen_since or "
            "created_since."
        )
    return record, events


def _event_span(args: SearchUsersArgs, scope: Scope) -> dict[str, int]:
    if not args.events:
        return {}
    span = _span(args, scope)
    return {"startTimestamp": span.start_ms, "endTimestamp": span.end_ms - 1}


def _columns(args: SearchUsersArgs) -> list[str]:
    # The column together with a filter on one of the properties is a 500 (observed §B, §2.4); whether an event's
    # properties clash with it too is unknown.
    filtered = any(one.name.startswith("property:") for one in args.filters) or any(one.property for one in args.events)
    return _COLUMNS if filtered else [*_COLUMNS, _PROPERTIES]


def _span(args: SearchUsersArgs, scope: Scope) -> windows.Window:
    return windows.window(
        args.events_since, args.events_until, now=scope.now, zone=scope.zone, default=None, prefix="events_"
    )


_CHECKED = {column: name for name, column in USER_COLUMNS.items() if name in {*User.model_fields, "created"}}


def _kept(users: list[User], conditions: list[Condition]) -> list[User]:
    """Return the users whose newest record meets the conditions that an older one met (observed §A33)."""
    known = [condition for condition in conditions if condition.holds and condition.column in _CHECKED]
    return [user for user in users if all(_holds(user, condition) for condition in known)] if known else users


def _holds(user: User, condition: Condition) -> bool:
    name = {"created": "created_at"}.get(_CHECKED[condition.column], _CHECKED[condition.column])
    value = getattr(user, name)
    if value is None or condition.holds is None or name not in user.model_fields_set:
        return True  # what a reply does not tell cannot contradict
    return condition.holds(value if isinstance(value, str) else round(value.timestamp() * 1000))


def _fetch(args: SearchUsersArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[User]]:
    record, events = _conditions(args, scope)
    body = {
        "limit": limit,
        "page": page,
        "sortBy": _SORTS[args.sort],
        "sortOrder": args.order,
        "columns": _columns(args),
        **({"query": args.query} if args.query else {}),
        **({"filters": [condition.wire for condition in (*record, *events)]} if record or events else {}),
        **_event_span(args, scope),
    }
    # https://docs.openreplay.com/en/api/users/
    request = Request("POST", ("public", scope.project.key, "users"), _UsersReply, body=body, escaped=True)
    reply = yield from within_project(request, scope)
    return Slice(reply.data.users or [], reply.data.total)


def users_table(page: UserPage, args: SearchUsersArgs, scope: Scope) -> Answer:
    """Present a search."""
    record, events = _conditions(args, scope)
    said: list[Line] = [(Own("query "), Given(args.query))] if args.query else []
    said += [condition.said for condition in record]
    if events:
        alternatives = tuple(part for condition in events for part in (Own(" or "), *condition.said))[1:]
        said.append((*alternatives, Own(f", {_span(args, scope).text()}")))
    rows = tuple(
        Row((_stamp(u.last_seen, scope), (identifier(u.user_id),), _stamp(u.created_at, scope, day=True), _called(u)))
        for u in page.rows
    )
    order = f"by {args.sort.replace('_', ' ')}, {'descending' if args.order == 'desc' else 'ascending'}"
    return Answer(
        scope=about(scope, *said, own(order)),
        tally=tally("users", page, at_most=_inexact(page, args)),
        headings=(f"last seen ({scope.zone.key})", "user id", "record made", "called, where"),
        rows=rows,
        more=more_pages(page),
        in_order=True,
        notes=(*past_the_end(page), *(own(note) for note in _search_notes(page, args))),
        rest="limit={shown}, page={next} goes on; query and filters narrow",
    )


def _inexact(page: UserPage, args: SearchUsersArgs) -> bool:
    return bool(page.left_out) or "_" in args.query or "%" in args.query


def _search_notes(page: UserPage, args: SearchUsersArgs) -> list[str]:
    notes = []
    if "_" in args.query or "%" in args.query:
        notes.append("In query the server takes _ for any character and % for any text, so there may be too many.")
    if page.left_out:
        notes.append(f"Left out on this page: {page.left_out} that match only by an outdated version of their record.")
    elif args.filters:
        notes.append("The server also matches earlier values of a user's record.")
    if page.rows:
        notes.append("Next: openreplay_list_user_sessions(user_id=…).")
    elif page.page == 1 and not page.left_out:
        hint = "openreplay_list_user_sessions finds their sessions by exact id"
        notes.append(f"Ids given only when the tracker started are not searchable; {hint}.")
    return notes


@operation(SearchUsersArgs, group="users", prepare=in_project, present=users_table)
def search_users(args: SearchUsersArgs, scope: Scope) -> Flow[UserPage]:
    """Find tracked users by part of id, e-mail or name, by their record, by when they were seen, or by what they did.

    The usual start when a person is known: then openreplay_list_user_sessions. Anonymous visitors are not in it.
    """
    record, _ = _conditions(args, scope)
    found = yield from _fetch(args, scope, args.page, args.limit)
    kept = _kept(found.rows, record)
    return UserPage(
        rows=kept, total=found.total, page=args.page, limit=args.limit, left_out=len(found.rows) - len(kept)
    )


@search_users.walk
def _all_users(args: SearchUsersArgs, scope: Scope) -> Flow[None]:
    record, _ = _conditions(args, scope)
    yield from sweep(
        lambda page, limit: _fetch(args, scope, page, limit),
        lambda user: user.user_id,
        lambda user: bool(_kept([user], record)),
    )


def user_card(user: UserProfile, args: GetUserArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present one user."""
    first = (Own(" · first event "), *_stamp(user.first_event_at, scope)) if user.first_event_at else ()
    times: Line = (
        Own("Last seen "),
        *_stamp(user.last_seen, scope),
        Own(" · record made "),
        *_stamp(user.created_at, scope),
    )
    called = _called(user)
    details = (
        ("E-mail", identifier(user.email if user.email != user.user_id else "")),
        ("Phone", identifier(user.phone)),
        ("UTM source", Recorded(user.utm_source)),
        ("UTM medium", Recorded(user.utm_medium)),
        ("UTM campaign", Recorded(user.utm_campaign)),
        ("Referrer", Recorded(user.initial_referrer)),
    )
    facts: list[Line] = [] if called == own("–") else [called]
    facts.append((*times, *first, Own(f" {scope.zone.key}")))
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
        notes=((Own("Next: openreplay_list_user_sessions(user_id="), identifier(user.user_id), Own(").")),),
        rest='detail="full" widens',
    )


@operation(GetUserArgs, group="users", prepare=in_project, present=user_card)
def get_user(args: GetUserArgs, scope: Scope) -> Flow[UserProfile]:
    """Show one tracked user by exact id: name, contact, place, first and last seen, custom properties.

    When the id is not known call openreplay_search_users first; for what the user did, openreplay_list_user_sessions.
    """
    if not reachable_by_path(args.user_id):
        return (yield from _by_search(args, scope))
    # https://docs.openreplay.com/en/api/users/
    request = Request("GET", ("public", scope.project.key, "users", args.user_id), _ProfileReply, escaped=True)
    try:
        reply = yield from within_project(request, scope)
    except NotFoundError as error:
        raise (_no_record(args, error.status) if error.status else error) from None
    return reply.data


def _by_search(args: GetUserArgs, scope: Scope) -> Flow[UserProfile]:
    """Find a user whose id cannot stand in a path."""
    only = {"name": "$user_id", "operator": "is", "value": [args.user_id]}
    body = {"limit": 1, "page": 1, "filters": [only], "columns": _ALL_COLUMNS}
    request = Request("POST", ("public", scope.project.key, "users"), _ProfilesReply, body=body, escaped=True)
    reply = yield from within_project(request, scope)
    if not reply.data.users:
        raise _no_record(args, 404)
    return reply.data.users[0]


def _no_record(args: GetUserArgs, status: int) -> NotFoundError:
    # A 404 does not mean "no sessions" (observed §A7), and the server gives it for any failure of its database too.
    return NotFoundError(
        "No user record ", identifier(args.user_id), ". Sessions may exist all the same: try "
        "openreplay_list_user_sessions with "
        "this id, or find the right id with openreplay_search_users.",
        status=status,
    )  # fmt: skip


def _stamp(moment: datetime | None, scope: Scope, *, day: bool = False) -> Line:
    if moment is None or moment.year <= 1970:
        return own("unknown")
    text = format_moment(moment.astimezone(scope.zone))
    return own(text[:10] if day else text)


def _called(user: User) -> Line:
    """Return name and place as one recorded text: one fence costs less than two."""
    full = user.name or " ".join(part for part in (user.first_name, user.last_name) if part)
    called = full or (user.email if user.email != user.user_id else "")
    place = " ".join(part for part in (user.city, user.country) if part)
    text = ", ".join(part for part in (called, place) if part)
    return (Recorded(text, limit=100),) if text else own("–")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
