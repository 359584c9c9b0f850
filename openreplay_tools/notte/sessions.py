"""Notte's sessions: all of them, and one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from openreplay_tools.answer import Answer, Row, Tally
from openreplay_tools.errors import BadRequestError, NotFoundError, UnexpectedReplyError
from openreplay_tools.fields import Detail, PageNumber
from openreplay_tools.flow import Emit, Request
from openreplay_tools.notte.access import NotteReply, ask_notte, at_notte, excerpt
from openreplay_tools.notte.arguments import SessionId
from openreplay_tools.notte.session_record import Count, NotteSession, SessionReply, Step, Truth, good
from openreplay_tools.operation import Arguments, Page, operation
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_MOST = 100  # rows that Notte gives at once
_ENOUGH = 10_000  # pages; a list that has no end is none
_FURTHER = 5  # pages that may be read because sessions still run; a plan allows a few hundred at once
_SPOKEN = ("message", "url", "text", "value", "selector", "id")  # of a step, whose shape is not documented


class NotteSessionPage(Page[NotteSession]):
    """One page of sessions in Notte's order, which is not documented; it tells no total.

    Attributes:
        has_next: whether there are more pages.
    """

    has_next: bool = False


class NotteListSessionsArgs(Arguments):
    """Which sessions."""

    status: Annotated[Literal["any", "ended", "active"], Field(description="ended: those that may have a replay.")] = (
        "any"
    )
    limit: Annotated[int, Field(ge=1, le=_MOST, description="Rows per page, 1 to 100.")] = 20
    page: PageNumber = 1
    detail: Detail = "normal"


class NotteGetSessionArgs(Arguments):
    """Which session."""

    session: SessionId
    detail: Detail = "normal"


class _ListReply(NotteReply):
    model_config = ConfigDict(extra="ignore")

    items: list[SessionReply] | None = None
    has_next: Truth = None
    came: Count = None

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, told: Any) -> Any:
        """Notte's own client takes a list without anything around it as well; of a longer one only a page is read."""
        told = {"items": told} if isinstance(told, list) else told
        if not isinstance(told, dict) or not isinstance(told.get("items"), list):
            return told
        return {**told, "items": good(told["items"], _MOST), "came": len(told["items"])}


def _fetch(status: str, page: int, limit: int) -> Flow[tuple[list[NotteSession], bool]]:
    """Return one page as Notte gives it, and whether there are more."""
    # https://docs.notte.cc/api-reference; without only_active=false it lists running sessions only.
    query = {"page": str(page), "page_size": str(limit), "only_active": str(status == "active").lower()}
    reply = yield from ask_notte(Request("GET", ("sessions",), _ListReply, query=query, via="notte"))
    if reply.items is None:
        raise UnexpectedReplyError("Notte answered without a list of sessions. Check NOTTE_API_URL.")
    found = [each.to_session() for each in reply.items[:limit]]
    came = reply.came or 0
    return found, came > limit or (came == limit if reply.has_next is None else reply.has_next)


def _ended(page: int, limit: int) -> Flow[tuple[list[NotteSession], bool]]:
    """Return one page of the sessions that have ended, and whether there are more.

    Notte has no such filter: the list is read from its beginning, and those that still run are left out here.
    """
    ended: dict[str, NotteSession] = {}
    last, number, more = page * limit, 0, True
    while more and len(ended) <= last and number < last // _MOST + _FURTHER:
        number += 1
        found, more = yield from _fetch("ended", number, _MOST)
        ended.update((each.session_id, each) for each in found if not each.is_open)
    rows = list(ended.values())
    return rows[last - limit : last], more or len(rows) > last


def fetch_session(session: str) -> Flow[NotteSession]:
    """Return one session with its steps.

    Raises:
        NotFoundError: Notte knows none of that id.
        BadRequestError: it does not take it for an id.
    """
    try:
        reply = yield from ask_notte(Request("GET", ("sessions", session), SessionReply, via="notte"))
    except NotFoundError as error:
        raise NotFoundError(
            "session: Notte knows no session ", identifier(session), ", or no longer. notte_list_sessions shows those "
            "there are.",
            status=error.status, message=error.message,
        ) from None  # fmt: skip
    except BadRequestError as error:
        raise no_id(session, error) from None
    if not reply.session_id and not reply.status:
        raise UnexpectedReplyError(
            "What Notte answered for session ", identifier(session), " is no session: it has neither an id nor a "
            "state. Try again later.",
        )  # fmt: skip
    return reply.to_session(session, steps=True)


def no_id(session: str, error: BadRequestError) -> BadRequestError:
    """Return the error for what Notte does not take for a session's id."""
    said = (": ", Recorded(error.message, limit=300)) if error.message else ()
    return BadRequestError(
        "session: Notte refused the id ", identifier(session), f" ({error.status})", *said, ". Copy it from "
        "notte_list_sessions.",
        status=error.status, message=error.message, told=error.told,
    )  # fmt: skip


def sessions_table(page: NotteSessionPage, args: NotteListSessionsArgs, scope: Scope) -> Answer:
    """Present a page of sessions."""
    zone = scope.zone.key
    rows = tuple(
        Row(
            (
                (identifier(each.session_id),),
                _state(each),
                own(_when(each.started_at, scope)),
                own(_long(each.duration_ms)),
                own(str(each.steps_count)),
                (Recorded(each.browser_type, limit=30),),
                (Recorded(each.error, limit=80),),
            )
        )
        for each in page.rows
    )
    alone = page.page == 1 and not page.has_next
    notes = []
    if any(not each.is_open for each in page.rows):
        notes.append(own("notte_get_session shows a session's steps, notte_get_frames moments of its video."))
    which = {"any": "all states", "ended": "ended only", "active": "running only"}[args.status]
    return Answer(
        scope=(own("Notte"), own(which), own("in Notte's order")),
        tally=Tally("sessions", len(rows) if alone else None, first=(page.page - 1) * page.limit + 1),
        headings=("session", "status", f"began ({zone})", "length", "steps", "browser", "error"),
        rows=rows,
        in_order=True,
        more=own(f"More: page={page.page + 1}.") if page.has_next else (),
        notes=tuple(notes),
        rest="limit={shown}, page={next} goes on",
    )


def session_card(session: NotteSession, args: object, scope: Scope) -> Answer:  # noqa: ARG001
    """Present one session."""
    zone, rows = scope.zone.key, tuple(_step(number, each) for number, each in enumerate(session.steps, 1))
    used = f"last used {_when(session.last_used_at, scope)}"
    ended = f"ended {_when(session.ended_at, scope)}" if session.ended_at else used
    facts: list[Line] = [
        (Own("Status: "), *_state(session), Own(".")),
        own(f"Began {_when(session.started_at, scope)}, {ended} {zone}; length {_long(session.duration_ms)}."),
    ]
    if session.browser_type:
        size = f", {session.viewport_width}×{session.viewport_height}" if session.viewport_width else ""
        facts.append((Own("Browser: "), Recorded(session.browser_type, limit=40), Own(f"{size}; {_traffic(session)}.")))
    if session.error:
        facts.append((Own("Error: "), Recorded(session.error, limit=400)))
    total, read = max(len(rows), session.steps_count), len(rows)
    if total > read:
        facts.append(own(f"Only the first {read:,} of its {total:,} steps are read here."))
    return Answer(
        subject=(Own("of Notte session "), identifier(session.session_id)),
        tally=Tally("steps", total),
        facts=tuple(facts),
        headings=("step", "did", "came of it") if rows else (),
        rows=rows,
        rest="the last and the failed ones; detail=full shows more",
        notes=(own(_next(session)),),
    )


def _step(number: int, step: Step) -> Row:
    told = {**step.model_dump(), "message": step.message}
    said = next((excerpt(told[key]) for key in _SPOKEN if isinstance(told.get(key), str) and told[key]), "")
    failed = (Own(" (failed)"),) if step.success is False else ()
    # What went wrong is worth most, and what came last tells how it ended.
    worth = number + (_ENOUGH if failed else 0)
    return Row((own(str(number)), (Recorded(step.type, limit=40), *failed), (Recorded(said, limit=200),)), worth)


def _next(session: NotteSession) -> str:
    if session.is_open:
        return "It still runs: its replay can be had when it has ended."
    return "Next: notte_get_frames shows moments of its video."


def _state(session: NotteSession) -> Line:
    reason = "" if session.close_reason in {session.status, "unknown"} else session.close_reason
    status = Recorded(session.status or "unknown", limit=40)
    return (status, Own(" ("), Recorded(reason, limit=40), Own(")")) if reason else (status,)


def _traffic(session: NotteSession) -> str:
    if session.request_bytes is None and session.response_bytes is None:
        return "traffic unknown"
    return (
        f"sent {(session.request_bytes or 0) / 1024:,.0f} KiB, loaded {(session.response_bytes or 0) / 1024:,.0f} KiB"
    )


def _when(moment: datetime | None, scope: Scope) -> str:
    return format_moment(moment.astimezone(scope.zone)) if moment else "unknown"


def _long(duration_ms: int | None) -> str:
    return "unknown" if duration_ms is None else format_offset(duration_ms)


@operation(
    NotteListSessionsArgs, group="notte", needs="notte", provider="notte", prepare=at_notte, present=sessions_table
)
def notte_list_sessions(args: NotteListSessionsArgs, scope: Scope) -> Flow[NotteSessionPage]:  # noqa: ARG001
    """List browser sessions at Notte, in Notte's order: id, state, when they began, length, steps, error.

    Ended ones are included; only those can have a replay (status=ended). For one session's steps call
    notte_get_session.
    """
    if args.status == "ended":
        rows, more = yield from _ended(args.page, args.limit)
    else:
        rows, more = yield from _fetch(args.status, args.page, args.limit)
    return NotteSessionPage(rows=rows, page=args.page, limit=args.limit, has_next=more)


@notte_list_sessions.walk
def _all_sessions(args: NotteListSessionsArgs, scope: Scope) -> Flow[None]:  # noqa: ARG001
    seen: set[str] = set()
    for number in range(1, _ENOUGH):
        found, more = yield from _fetch(args.status, number, _MOST)
        fresh = [each for each in found if each.session_id not in seen]
        seen.update(each.session_id for each in fresh)
        yield Emit(tuple(each for each in fresh if args.status != "ended" or not each.is_open))
        if not more or not fresh:
            return


@operation(NotteGetSessionArgs, group="notte", needs="notte", provider="notte", prepare=at_notte, present=session_card)
def notte_get_session(args: NotteGetSessionArgs, scope: Scope) -> Flow[NotteSession]:  # noqa: ARG001
    """Show one Notte session: its state, times, error, and the steps an agent took in it.

    Ids come from notte_list_sessions. For what was to be seen call notte_get_frames.
    """
    return (yield from fetch_session(args.session))
