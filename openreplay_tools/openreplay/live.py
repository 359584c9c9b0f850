"""Sessions that are being recorded right now (Enterprise edition; from the contract §2.12, not observed with a key)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from openreplay_tools.answer import Answer, Row
from openreplay_tools.errors import ArgumentsError, NotFoundError, ServerError, UnavailableError
from openreplay_tools.fields import Detail, Limit, Order, PageNumber, ProjectArguments
from openreplay_tools.openreplay.links import live_link
from openreplay_tools.openreplay.paging import Slice, more_pages, past_the_end, sweep, tally
from openreplay_tools.openreplay.scope import about, device_name, in_project, within_project
from openreplay_tools.operation import ArgumentPart, Instant, Page, Record, Request, operation
from openreplay_tools.text import Given, Own, Recorded, identifier, own
from openreplay_tools.windows import format_offset

if TYPE_CHECKING:
    from openreplay_tools.operation import Flow, Scope
    from openreplay_tools.text import Line

_FIXED_LIMIT = 10  # of the plain list (contract §2.12)
_ATTRIBUTES = {
    "user_id": "userId", "anonymous_id": "userAnonymousId", "browser": "userBrowser", "os": "userOs",
    "device": "userDevice", "device_type": "platform", "country": "userCountry", "state": "userState",
    "city": "userCity",
}  # fmt: skip


class LiveSession(Record):
    """A session under way.

    Attributes:
        started_at: when it began.
        active: whether the visitor's tab is in the foreground.
        metadata: the project's custom metadata.
    """

    session_id: str = Field("", alias="sessionID")
    user_id: str | None = Field(None, alias="userID")
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
    """One page of live sessions, newest first."""


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
    data: _Live | None


def _ask(request: Request[_LiveReply], scope: Scope) -> Flow[Slice[LiveSession]]:
    try:
        reply = yield from within_project(request, scope)
    except NotFoundError as error:
        if error.message.startswith("404 page not found"):
            raise UnavailableError(
                "Live sessions need OpenReplay's Enterprise edition or its cloud; this server has no such route "
                "for a key."
            ) from None
        raise
    if reply.data is None:
        raise ServerError(
            "The server's live-session service does not answer. Try again later; recorded sessions are not affected.",
            status=200,
        )
    found = reply.data.sessions or []
    for session in found:
        session.link = live_link(scope, session.session_id)
    return Slice(found, reply.data.total)


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
    body = {
        "filters": [_wire_filter(one) for one in args.filters],
        "sort": "timestamp",
        "order": args.order,
        "limit": limit,
        "page": page,
    }
    path = ("public", scope.project.key, "assist", "sessions")
    return (yield from _ask(Request("POST", path, _LiveReply, body=body), scope))


def live_table(page: LiveSessionPage, args: ListLiveSessionsArgs | SearchLiveSessionsArgs, scope: Scope) -> Answer:
    """Present live sessions."""
    pages = isinstance(args, SearchLiveSessionsArgs)
    notes = past_the_end(page)
    if page.rows:
        notes.append(own(f"Join: {live_link(scope, '')}<session>"))
    elif page.page == 1:
        notes.append(own("The server also answers 0 while its live-session service is out of reach."))
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


@operation(ListLiveSessionsArgs, group="live", prepare=in_project, present=live_table)
def list_live_sessions(args: ListLiveSessionsArgs, scope: Scope) -> Flow[LiveSessionPage]:
    """List the ten newest sessions that visitors are in right now, or one user's. Enterprise only.

    To filter or page: openreplay_search_live_sessions.
    """
    query = {"userId": args.user_id} if args.user_id else {}
    request = Request("GET", ("public", scope.project.key, "assist", "sessions"), _LiveReply, query=query)
    found = yield from _ask(request, scope)
    return LiveSessionPage(rows=found.rows, total=found.total, page=1, limit=_FIXED_LIMIT)


@operation(SearchLiveSessionsArgs, group="live", prepare=in_project, present=live_table)
def search_live_sessions(args: SearchLiveSessionsArgs, scope: Scope) -> Flow[LiveSessionPage]:
    """Search sessions that visitors are in right now by user, browser, system, place or metadata. Enterprise only.

    For finished sessions: openreplay_list_user_sessions.
    """
    found = yield from _search(args, scope, args.page, args.limit)
    return LiveSessionPage(rows=found.rows, total=found.total, page=args.page, limit=args.limit)


@search_live_sessions.walk
def _all_live(args: SearchLiveSessionsArgs, scope: Scope) -> Flow[None]:
    yield from sweep(lambda page, limit: _search(args, scope, page, limit), lambda session: session.session_id)
