"""One JavaScript error over all its sessions, as the dashboard's error page tells it (contract §4.5, observed §A34)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from openreplay_tools.answer import Answer
from openreplay_tools.errors import NotFoundError
from openreplay_tools.flow import Request, ask
from openreplay_tools.openreplay.links import error_link, session_link, trusted_start_ms
from openreplay_tools.openreplay.scope import about, device_name, local
from openreplay_tools.openreplay.sessions import Text
from openreplay_tools.operation import Instant, Record
from openreplay_tools.personal import Personal
from openreplay_tools.text import Own, Recorded, identifier, name, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from datetime import datetime

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

_TOLD_TAGS = ("browser", "OS", "country")
_MOST_SHARES = 3


def _decimal(value: Any) -> Any:
    """Return an id as text: here alone the server tells it as a number, one that JavaScript cannot hold."""
    return str(value) if isinstance(value, int) else value or ""


class _Hydrated(Record):
    started_at: Instant | None = Field(None, alias="startTs")
    user_id: Annotated[Text, Personal("user")] = Field("", alias="userId")


class ErrorDetails(Record):
    """An error with its numbers.

    Attributes:
        error_id: the server's.
        users: how many had it.
        sessions: how many it occurred in.
        first_seen: whole seconds.
        last_seen: whole seconds.
        last_session_id: the session in which it occurred last.
        last_user_id: whose that was; "" for an anonymous visitor.
        offset_ms: the last time, from the start of that session's recording.
        link: opens the replay of that session at the error; "" without a session.
        page_link: the error's page in the dashboard.
        tags: on which browsers, systems, devices and where, with counts, as the server tells it.
    """

    error_id: str = Field("", alias="errorId")
    name: Text = ""
    message: Text = ""
    users: int = 0
    sessions: int = 0
    first_seen: Instant | None = Field(None, alias="firstOccurrence")
    last_seen: Instant | None = Field(None, alias="lastOccurrence")
    last_session_id: Annotated[str, BeforeValidator(_decimal)] = Field("", alias="lastSessionId")
    last_session: _Hydrated | None = Field(None, alias="lastHydratedSession")
    last_user_id: Annotated[str, Personal("user")] = ""
    offset_ms: int = 0
    link: str = ""
    page_link: str = ""
    tags: list[Any] = []


class _ErrorReply(Record):
    data: ErrorDetails


def fetch_error(error_id: str, scope: Scope) -> Flow[ErrorDetails]:
    """Return an error of the scope's project; asks with a login.

    Raises:
        NotFoundError: the project has none of this id.
    """
    path = (str(scope.project.id), "errors", error_id)
    try:
        reply = yield from ask(Request("GET", path, _ErrorReply, via="legacy"))
    except NotFoundError as error:
        raise NotFoundError(
            "Project ", name(scope.project.name), " has no error ", identifier(error_id), ". Errors and their ids: "
            'openreplay_search_events(kinds=["ERROR"]).', status=404, message=error.message,
        ) from None  # fmt: skip
    return _complete(reply.data.model_copy(update={"error_id": error_id}), scope)


def _complete(error: ErrorDetails, scope: Scope) -> ErrorDetails:
    """Add where in its last session it occurred."""
    error.page_link = error_link(scope, error.error_id)
    error.last_user_id = error.last_session.user_id if error.last_session else ""
    session = error.last_session_id
    if session.isascii() and session.isdigit() and error.last_seen:
        last = _ms(error.last_seen)
        began = _ms(error.last_session.started_at) if error.last_session else 0
        error.offset_ms = max(0, last - trusted_start_ms(session, began or last))
        error.link = session_link(scope, session, error.offset_ms)
    return error


def _ms(moment: datetime | None) -> int:
    return round(moment.timestamp() * 1000) if moment else 0


def error_card(error: ErrorDetails, scope: Scope) -> Answer:
    """Present an error."""
    title = " ".join(part for part in (error.name, error.message) if part)
    counted = f"{error.sessions} session{'s' * (error.sessions != 1)}, {error.users} user{'s' * (error.users != 1)}"
    seen = f"first {_when(error.first_seen, scope)}, last {_when(error.last_seen, scope)} {scope.zone.key}"
    facts: list[Line] = [(Recorded(title, limit=300),), own(f"{counted} · {seen}")]
    if on := _shares(error):
        facts.append((Own("On "), *on))
    if error.link:
        who: Line = (identifier(error.last_user_id),) if error.last_user_id else own("an anonymous visitor")
        at = format_offset(error.offset_ms)
        facts.append((Own("Last in session "), identifier(error.last_session_id), Own(" of "), *who, Own(f" at {at}")))
        facts.append(own(error.link))
    every = 'every occurrence: openreplay_search_events(kinds=["ERROR"], filters=[{"name": "error_id", "values": ["'
    return Answer(
        subject=(Own("error "), identifier(error.error_id)),
        scope=about(scope),
        facts=tuple(facts),
        notes=(
            own("Next: openreplay_summarize_session(session=…) tells what led to it;"),
            (Own(every), identifier(error.error_id), Own('"]}])')),
        ),
    )


def _when(moment: datetime | None, scope: Scope) -> str:
    return format_moment(local(moment, scope)) if moment else "unknown"


def _shares(error: ErrorDetails) -> Line:
    """Return the commonest browsers, systems and countries with their counts."""
    told = {tag["name"]: tag["partitions"] for tag in error.tags if isinstance(tag, dict) and tag.get("partitions")}
    shares = [share for tag in _TOLD_TAGS for share in told.get(tag, [])[:_MOST_SHARES]]
    parts = [(Own(", "), device_name(str(share.get("name"))), Own(f" {share.get('count')}")) for share in shares]
    return tuple(part for line in parts for part in line)[1:]
