"""Search of tracked users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openreplay_tools import windows
from openreplay_tools.answer import Answer, Row
from openreplay_tools.doors import MEANS
from openreplay_tools.errors import ArgumentsError
from openreplay_tools.fields import Limit, Order, PagedArguments
from openreplay_tools.flow import Request
from openreplay_tools.openreplay.doctor import Finding, asked_for, ever, filtered, many
from openreplay_tools.openreplay.doctor_people import why_no_users
from openreplay_tools.openreplay.doctor_words import why
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
from openreplay_tools.openreplay.scope import about, in_project
from openreplay_tools.openreplay.sessions import newest_visit
from openreplay_tools.openreplay.users import (
    User,
    UserPage,
    ask_users,
    called,
    reachable_by_path,
    seen_at,
    sessions_out_of_reach,
    users_place,
)
from openreplay_tools.operation import Record, operation
from openreplay_tools.text import Given, Own, identifier, own

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.openreplay.doctor import Argument, Diagnosis
    from openreplay_tools.operation import Scope
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

Moment = Annotated[str, Field(max_length=80, description="Such as 7d, yesterday, 2026-11-03.")]
Same = Annotated[str, Field(max_length=80, description="As last_seen_since.")]


class SearchUsersArgs(PagedArguments):
    """Who to look for."""

    limit: Limit = 40  # about what a normal answer holds
    query: Annotated[str, Field(max_length=100, description="Part of user id, e-mail or name, in any case.")] = ""
    last_seen_since: Moment = ""
    last_seen_until: Same = ""
    created_since: Same = ""
    created_until: Same = ""
    filters: Annotated[list[Filter], Field(max_length=10, description="On the user's record; all must hold.")] = []
    events: Annotated[list[EventCondition], Field(max_length=5, description="Events the user did; one is enough.")] = []
    events_since: Same = ""
    events_until: Same = ""
    sort: Annotated[
        Literal["last_seen", "created", "user_id", "name", "email"], Field(description="What to sort by.")
    ] = "last_seen"
    order: Order = "desc"


class _Users(Record):
    total: int = 0
    users: list[User] | None = None


class _UsersReply(Record):
    data: _Users


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
    path, via = users_place(scope)
    request = Request("POST", path, _UsersReply, body=body, escaped=True, via=via)
    reply = yield from ask_users(request, scope)
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
        Row((seen_at(u.last_seen, scope), (identifier(u.user_id),), seen_at(u.created_at, scope, day=True), called(u)))
        for u in page.rows
    )
    order = f"by {args.sort.replace('_', ' ')}, {'descending' if args.order == 'desc' else 'ascending'}"
    return Answer(
        scope=about(scope, *said, own(order)),
        tally=tally("users", page, at_most=_inexact(page, args)),
        headings=(f"last seen ({scope.zone.key})", "user id", "record made", "name, place"),
        rows=rows,
        more=more_pages(page),
        in_order=True,
        notes=(
            *past_the_end(page),
            *_reasons(page, args, scope),
            *map(own, _search_notes(page, args, scope)),
        ),
        rest="limit={shown}, page={next} goes on; query and filters narrow",
    )


def _inexact(page: UserPage, args: SearchUsersArgs) -> bool:
    return bool(page.left_out) or "_" in args.query or "%" in args.query


def _search_notes(page: UserPage, args: SearchUsersArgs, scope: Scope) -> list[str]:
    notes = []
    if "_" in args.query or "%" in args.query:
        notes.append("In query the server takes _ for any character and % for any text, so there may be too many.")
    if page.left_out:
        why_none = "" if page.rows else "Why: nobody matches any more. "
        notes.append(
            f"{why_none}Left out on this page: {page.left_out} that match only by an outdated version of their record."
        )
    elif args.filters and page.rows:
        notes.append("The server also matches earlier values of a user's record.")
    barred = sum(sessions_out_of_reach(user.user_id, scope) for user in page.rows)
    if barred < len(page.rows):
        notes.append("Next: openreplay_list_user_sessions(user_id=…).")
    if barred:
        of = "For an id with a slash that" if barred < len(page.rows) else "To list the sessions of this id"
        notes.append(f"{of} takes {MEANS['login']}: it cannot stand in an address.")
    return notes


_UNRECORDED = (
    "Ids given only when the tracker started have no record; openreplay_list_user_sessions finds their sessions by "
    "exact id."
)

_BARRED = (
    f"Ids given only when the tracker started have no record; to list the sessions of this one takes {MEANS['login']}."
)


def _reasons(page: UserPage, args: SearchUsersArgs, scope: Scope) -> list[Line]:
    """Return why nothing was found."""
    report = page.diagnosis
    if report is None:
        return []
    if report.under_id:
        given = Given(_one_id(args))
        return [(Own("Why: "), given, Own(f" has no record as a user, but {many(report.under_id, 'sessions')}: "
                 "openreplay_list_user_sessions with exactly this user_id. Ids given only when the tracker started "
                 "get no record."))]  # fmt: skip
    if report.under_id == 0:
        advice = "No session carries exactly this id either. Anonymous visitors are in openreplay_search_sessions only"
        advice += "." if scope.access.has("login") else ", which needs a dashboard login."
    else:
        barred = sessions_out_of_reach(_one_id(args), scope)
        advice = (_BARRED if barred else _UNRECORDED) if report.in_window and _one_id(args) else ""
    return why(report, "users", scope, advice)


def _one_id(args: SearchUsersArgs) -> str:
    """Return what may be an exact user id, "" when nothing is asked for that may."""
    return args.query or next((one.values[0] for one in args.filters if _names_one(one)), "")


def _names_one(one: Filter) -> bool:
    exact = one.operator == "is" and len(one.values) == 1
    return exact and USER_COLUMNS.get(one.name, one.name) == "$user_id"


def _identity(args: SearchUsersArgs, parts: list[tuple[Finding, Any]]) -> tuple[Finding, SearchUsersArgs] | None:
    """Return the finding of what may be an exact id, and the search for that alone."""
    if args.query:
        return parts[0][0], SearchUsersArgs(query=args.query)
    for (finding, _), one in zip(parts, args.filters, strict=False):
        if _names_one(one):
            return finding, SearchUsersArgs(filters=[one])
    return None


_TIMES: tuple[tuple[Argument, tuple[str, str]], ...] = (
    ("last_seen_since, last_seen_until", ("last_seen_since", "last_seen_until")),
    ("created_since, created_until", ("created_since", "created_until")),
)


def _parts(args: SearchUsersArgs) -> list[tuple[Finding, SearchUsersArgs]]:
    """Return each condition, with the search that has all but this one."""
    parts = [(asked_for("query", args.query), args.model_copy(update={"query": ""}))] if args.query else []
    for index, one in enumerate(args.filters):
        others = [*args.filters[:index], *args.filters[index + 1 :]]
        column = one.name.startswith("$") or one.name in USER_COLUMNS
        parts.append((filtered(one, own=column), args.model_copy(update={"filters": others})))
    for argument, fields in _TIMES:
        if any(getattr(args, field) for field in fields):
            parts.append((Finding(argument=argument), args.model_copy(update=dict.fromkeys(fields, ""))))
    if args.events:
        rest = args.model_copy(update={"events": [], "events_since": "", "events_until": ""})
        parts.append((Finding(argument="events"), rest))
    return parts


def _why_none(args: SearchUsersArgs, scope: Scope) -> Flow[Diagnosis]:
    one_id, parts = _one_id(args), _parts(args)

    def count(asked: SearchUsersArgs, there: Scope) -> Flow[int | None]:
        return (yield from _fetch(asked, there, 1, 1)).total

    def sessions() -> Flow[int]:
        return (yield from newest_visit(one_id, ever(scope))).total

    return (
        yield from why_no_users(
            args,
            SearchUsersArgs(project=args.project),
            parts,
            scope,
            count=count,
            identity=_identity(args, parts),
            under=sessions if one_id and (scope.door == "login" or reachable_by_path(one_id)) else None,
            at_most=_inexact(UserPage(), args) or bool(_conditions(args, scope)[0]),
        )
    )


@operation(SearchUsersArgs, group="users", prepare=in_project, present=users_table)
def search_users(args: SearchUsersArgs, scope: Scope) -> Flow[UserPage]:
    """Find tracked users by part of id, e-mail or name, by their record, by when they were seen, or by what they did.

    The usual start when a person is known: then openreplay_list_user_sessions. Anonymous visitors are not in it.
    """
    record, _ = _conditions(args, scope)
    found = yield from _fetch(args, scope, args.page, args.limit)
    kept = _kept(found.rows, record)
    page = UserPage(
        rows=kept, total=found.total, page=args.page, limit=args.limit, left_out=len(found.rows) - len(kept)
    )
    if not found.rows and args.page == 1 and scope.examines:
        page.diagnosis = yield from _why_none(args, scope)
    return page


search_users.route("login", permission="DATA_MANAGEMENT")(search_users.routes[0].flow)


@search_users.walk
def _all_users(args: SearchUsersArgs, scope: Scope) -> Flow[None]:
    record, _ = _conditions(args, scope)
    yield from sweep(
        lambda page, limit: _fetch(args, scope, page, limit),
        lambda user: user.user_id,
        lambda user: bool(_kept([user], record)),
    )
