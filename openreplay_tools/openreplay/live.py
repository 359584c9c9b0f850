"""Sessions that are being recorded right now.

A login sees them on every edition (recorded); a key on the Enterprise edition only (from the contract §2.12 and §3.9,
not observed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from openreplay_tools.answer import Answer, Row
from openreplay_tools.doors import MEANS
from openreplay_tools.errors import ArgumentsError, NotFoundError, ServerError, UnavailableError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, ProjectArguments
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.access import fetch_edition
from openreplay_tools.openreplay.doctor import Allowance, Diagnosis, filtered, why_none
from openreplay_tools.openreplay.doctor_words import why
from openreplay_tools.openreplay.links import live_link
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.scope import about, device_name, in_project, within_project
from openreplay_tools.operation import ArgumentPart, Instant, Page, Record, operation
from openreplay_tools.personal import PersonId
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_NO_ROUTE = ("404 page not found", "Not Found")  # Go and Python (contract §1.3, §1.5)
_FIXED_LIMIT = 10  # of the plain list (contract §2.12)
_ATTRIBUTES = {
    "user_id": "userId", "anonymous_id": "userAnonymousId", "browser": "userBrowser", "os": "userOs",
    "device": "userDevice", "device_type": "platform", "country": "userCountry", "state": "userState",
    "city": "userCity",
}  # fmt: skip

# What the open-source edition's live service makes of these is not established: its objects have no such keys.
_ENTERPRISE_NAMES = ("anonymous_id", "device_type")


class LiveSession(Record):
    """A session under way.

    Attributes:
        started_at: when it began.
        active: whether the visitor's tab is in the foreground.
        metadata: the project's custom metadata.
    """

    session_id: str = Field("", alias="sessionID")
    user_id: PersonId | None = Field(None, alias="userID")
    page_title: str | None = Field(None, alias="pageTitle")
    active: bool = False
    started_at: Instant | None = Field(None, alias="timestamp")
    metadata: dict[str, Any] | None = None
    browser: str | None = Field(None, alias="userBrowser")
    os: str | None = Field(None, alias="userOs")
    device: str | None = Field(None, alias="userDevice")
    country: str | None = Field(None, alias="userCountry")
    city: str | None = Field(None, alias="userCity")
    tracker_version: str = Field("", alias="trackerVersion")
    link: str = ""


class LiveSessionPage(Page[LiveSession]):
    """One page of live sessions, newest first.

    Attributes:
        diagnosis: when nothing was found: why, as far as a few requests can tell.
    """

    diagnosis: Diagnosis | None = None


class LiveFilter(ArgumentPart):
    """One condition on a live session."""

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="user_id, anonymous_id, browser, os, device, device_type, country, state, city, or "
            "metadata:<name>.",
        ),
    ]
    operator: Annotated[
        Literal["is", "contains"], Field(description="is: exact; contains: part, case does not matter.")
    ] = "contains"
    values: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=256)]],
        Field(min_length=1, max_length=10, description="Any may match."),
    ]


class ListLiveSessionsArgs(ProjectArguments):
    """Whose."""

    user_id: Annotated[str, Field(max_length=256, description="Only this user, exact id; empty: everybody.")] = ""


class SearchLiveSessionsArgs(ProjectArguments):
    """Which."""

    filters: Annotated[list[LiveFilter], Field(max_length=10, description="Conditions; all must hold.")] = []
    order: Order = "desc"
    limit: Limit = 50
    page: PageNumber = 1
    detail: Detail = "normal"


class _Live(Record):
    total: int = 0
    sessions: list[LiveSession] | None = None


class _LiveReply(Record):
    """Without data, or null as a whole: the live service failed, or is out of reach (contract §2.12, §4.7)."""

    data: _Live | None = None

    @model_validator(mode="before")
    @classmethod
    def _null_is_no_data(cls, given: Any) -> Any:
        return {} if given is None else given


class _Wanted(NamedTuple):
    filters: list[LiveFilter]
    order: str = "desc"
    limit: int = _FIXED_LIMIT
    page: int = 1
    plain: bool = False  # the list without a search


def _seek(wanted: _Wanted, scope: Scope) -> Flow[Slice[LiveSession]]:
    """Ask for live sessions at the scope's door; from a key's door that has none go on to the login's."""
    if scope.door == "login":
        return (yield from _by_login(wanted, scope))
    try:
        reply = yield from within_project((_request_v1 if scope.door == "v1" else _request_v2)(wanted, scope), scope)
    except NotFoundError as error:
        if not error.message.startswith(_NO_ROUTE):
            raise
        if scope.access.has("login"):
            return (yield from _by_login(wanted, scope))
        raise UnavailableError(
            "Live sessions need OpenReplay's Enterprise edition or its cloud; this server has no such route "
            f"for a key. They are seen with {MEANS['login']} too."
        ) from None
    return _slice(reply, scope)


def _slice(reply: _LiveReply, scope: Scope) -> Slice[LiveSession]:
    if reply.data is None:
        raise ServerError(
            "The server's live-session service does not answer. Try again later; recorded sessions are not affected.",
            status=200,
        )
    found = reply.data.sessions or []
    for session in found:
        session.link = live_link(scope, session.session_id)
    return Slice(found, reply.data.total)


def _request_v2(wanted: _Wanted, scope: Scope) -> Request[_LiveReply]:
    path = ("public", scope.project.key, "assist", "sessions")
    if wanted.plain:
        query = {"userId": wanted.filters[0].values[0]} if wanted.filters else {}
        return Request("GET", path, _LiveReply, query=query)
    return Request("POST", path, _LiveReply, body=_body(wanted))


def _by_login(wanted: _Wanted, scope: Scope) -> Flow[Slice[LiveSession]]:
    if doubtful := next((one.name for one in wanted.filters if one.name in _ENTERPRISE_NAMES), ""):
        yield from _require_enterprise(doubtful, scope)
    path = (str(scope.project.id), "assist", "sessions")
    reply = yield from ask(Request("POST", path, _LiveReply, body=_body(wanted), via="dashboard"))
    return _slice(reply, scope)


def _require_enterprise(name: str, scope: Scope) -> Flow[None]:
    if (scope.access.edition or (yield from fetch_edition())) == "ee":
        return
    everywhere = ", ".join(each for each in _ATTRIBUTES if each not in _ENTERPRISE_NAMES)
    raise ArgumentsError(
        f"filters: {name} is known to work on the Enterprise edition only. Names that work everywhere: {everywhere}, "
        "metadata:<name>."
    )


def _request_v1(wanted: _Wanted, scope: Scope) -> Request[_LiveReply]:
    """Search always: the plain list does not find a user (contract §3.9, not observed)."""
    body = {
        **_body(wanted),
        "filters": [_filter_v1(one) for one in wanted.filters],
        "sort": "TIMESTAMP",
        "order": wanted.order.upper(),
    }
    return Request("POST", ("v1", scope.project.key, "assist", "sessions"), _LiveReply, body=body, via="v1")


def _filter_v1(given: LiveFilter) -> dict[str, Any]:
    wire = _wire_filter(given)
    return wire if given.name in _ATTRIBUTES else {**wire, "name": "metadata", "source": wire["name"]}


def _body(wanted: _Wanted) -> dict[str, Any]:
    return {
        "filters": [_wire_filter(one) for one in wanted.filters],
        "sort": "timestamp",
        "order": wanted.order,
        "limit": wanted.limit,
        "page": wanted.page,
    }


def _wire_filter(given: LiveFilter) -> dict[str, Any]:
    metadata = given.name.removeprefix("metadata:") if given.name.startswith("metadata:") else ""
    if not metadata and given.name not in _ATTRIBUTES:
        # The server would take any other name for metadata and find nothing.
        raise ArgumentsError(
            "filters: unknown name ",
            Given(given.name),
            f". Names: {', '.join(_ATTRIBUTES)}; custom metadata is written metadata:<name>.",
        )
    if metadata.startswith("metadata_") or metadata in _ATTRIBUTES.values():
        raise ArgumentsError(
            "filters: ",
            Given(metadata),
            " is not a metadata name; give the name shown in the project's settings.",
        )
    return {"name": metadata or _ATTRIBUTES[given.name], "operator": given.operator, "value": list(given.values)}


def _search(args: SearchLiveSessionsArgs, scope: Scope, page: int, limit: int) -> Flow[Slice[LiveSession]]:
    return (yield from _seek(_Wanted(args.filters, args.order, limit, page), scope))


def _why_none(filters: list[LiveFilter], scope: Scope) -> Flow[Diagnosis]:
    """Find out, in at most six requests, why nobody was found."""
    parts = [
        (filtered(one, own=one.name in _ATTRIBUTES), [other for other in filters if other is not one])
        for one in filters
    ]

    def count(left: list[LiveFilter], there: Scope = scope) -> Flow[int | None]:
        return (yield from _seek(_Wanted(left, limit=1, plain=not left), there)).total

    anywhere = any(one.name == "user_id" for one in filters)
    return (yield from why_none(filters, [], parts, scope, count, anywhere=anywhere, left=Allowance()))


def live_table(page: LiveSessionPage, args: ListLiveSessionsArgs | SearchLiveSessionsArgs, scope: Scope) -> Answer:
    """Present live sessions."""
    pages = isinstance(args, SearchLiveSessionsArgs)
    notes = past_the_end(page)
    if page.rows:
        notes.append(own(f"Join: {live_link(scope, '')}<session>"))
    elif page.diagnosis is not None:
        unsure = "" if page.diagnosis.in_window else "The server also answers 0 while its live service is out of reach."
        notes += why(page.diagnosis, "live sessions", scope, unsure)
    return Answer(
        scope=about(scope, own(f"now, {scope.now:%Y-%m-%d %H:%M} {scope.zone.key}"), *_asked(args)),
        tally=tally("live sessions", page),
        headings=("for", "user", "device", "page title", "session"),
        rows=tuple(_row(session, scope) for session in page.rows),
        in_order=True,
        more=more_pages(page, "" if pages else "openreplay_search_live_sessions"),
        notes=tuple(notes),
        rest="limit={shown}, page={next} goes on" if pages else "openreplay_search_live_sessions with filters narrows",
    )


def _asked(args: ListLiveSessionsArgs | SearchLiveSessionsArgs) -> list[Line]:
    if isinstance(args, ListLiveSessionsArgs):
        return [(Own("user "), identifier(args.user_id))] if args.user_id else []
    said: list[Line] = []
    for one in args.filters:
        values = tuple(part for value in one.values for part in (Own(" or "), Given(value)))[1:]
        name = Own(one.name) if one.name in _ATTRIBUTES else Given(one.name)
        said.append((name, Own(f" {one.operator} "), *values))
    return said


def _row(session: LiveSession, scope: Scope) -> Row:
    title = Recorded(session.page_title or "", limit=60)
    running = own(_running(session, scope))
    return Row((running, _who(session), _device(session), (title,), (identifier(session.session_id),)))


def _running(session: LiveSession, scope: Scope) -> str:
    return (
        format_offset(max(0, round((scope.now - session.started_at).total_seconds() * 1000)))
        if session.started_at
        else "unknown"
    )


def _who(session: LiveSession) -> Line:
    return (identifier(session.user_id),) if session.user_id else own("anonymous")


def _device(session: LiveSession) -> Line:
    known = [device_name(value) for value in (session.browser, session.os, session.country) if value]
    return tuple(part for value in known for part in (Own(" "), value))[1:] or own("–")


@operation(ListLiveSessionsArgs, group="live", prepare=in_project, present=live_table, edition="ee")
def list_live_sessions(args: ListLiveSessionsArgs, scope: Scope) -> Flow[LiveSessionPage]:
    """List the ten newest sessions that visitors are in right now, or one user's. With a key: Enterprise only.

    openreplay_search_live_sessions filters and pages, where it is offered.
    """
    only = [LiveFilter(name="user_id", operator="is", values=[args.user_id])] if args.user_id else []
    found = yield from _seek(_Wanted(only, plain=True), scope)
    page = LiveSessionPage(rows=found.rows, total=found.total, page=1, limit=_FIXED_LIMIT)
    if not found.rows and scope.examines:
        page.diagnosis = yield from _why_none(only, scope)
    return page


list_live_sessions.route("login", permission="ASSIST_LIVE")(list_live_sessions.routes[0].flow)
list_live_sessions.route("v1", edition="ee")(list_live_sessions.routes[0].flow)


@operation(SearchLiveSessionsArgs, group="live", prepare=in_project, present=live_table, edition="ee")
def search_live_sessions(args: SearchLiveSessionsArgs, scope: Scope) -> Flow[LiveSessionPage]:
    """Search sessions that visitors are in right now by user, browser, system, place or metadata.

    With a key: Enterprise only. For finished sessions: openreplay_list_user_sessions.
    """
    found = yield from _search(args, scope, args.page, args.limit)
    page = LiveSessionPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)
    if not found.rows and args.page == 1 and scope.examines:
        page.diagnosis = yield from _why_none(args.filters, scope)
    return page


search_live_sessions.route("login", permission="ASSIST_LIVE")(search_live_sessions.routes[0].flow)
search_live_sessions.route("v1", edition="ee")(search_live_sessions.routes[0].flow)


@search_live_sessions.walk
def _all_live(args: SearchLiveSessionsArgs, scope: Scope) -> Flow[None]:
    yield from sweep(lambda page, limit: _search(args, scope, page, limit), lambda session: session.session_id)
