"""LogRocket's highlights as the server writes them, in either spelling, and as we pass them on.

LogRocket's documentation and the specification that others made of the same API differ: READY or COMPLETE, `id` or
`requestID`, `recordingID` and `sessionID` or `sessionId` (https://docs.logrocket.com/docs/session-highlights-api).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field

from openreplay_tools.logrocket.access import Reply, first_of
from openreplay_tools.logrocket.moments import moments_in, session_link
from openreplay_tools.operation import Record
from openreplay_tools.personal import EmailAddress, PersonId
from openreplay_tools.recordings import Highlight, Session

if TYPE_CHECKING:
    from openreplay_tools.operation import Scope

State = Literal["pending", "ready", "failed"]
_MOST_SESSIONS = 100  # the documentation promises ten at most
_STATES: dict[str, State] = {"READY": "ready", "COMPLETE": "ready", "FAILED": "failed"}


class Highlights(Record):
    """What LogRocket's model wrote about a user's sessions: recorded text, not instructions.

    Attributes:
        request_id: asks for them again, with logrocket_get_highlights.
        user_id: whom they are about, as it was asked; "" where they were asked for by email, or earlier.
        email: likewise.
        state: pending while they are being made; failed ones have to be requested anew.
        waited_s: seconds that were waited for them.
        said: LogRocket's own word for the state, where it is none of the documented ones; recorded text.
        no_result: they are said to be ready, but LogRocket gave none.
        summary: about all sessions together; None until they are ready, and where there is none.
        sessions: one for each session, at most the ten most recent ones, in the server's order.
    """

    request_id: str = ""
    user_id: PersonId = ""
    email: EmailAddress = ""
    state: State = "pending"
    waited_s: float = 0
    said: str = ""
    no_result: bool = False
    summary: Highlight | None = None
    sessions: list[Highlight] = []


def _as_text(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool)
    return "" if value is None else str(value) if number else value


_Told = Annotated[str, BeforeValidator(_as_text)]


class SessionReply(Reply):
    """What is told of one session."""

    recording: _Told = Field("", validation_alias=AliasChoices("recordingID", "recordingId"))
    session: _Told = Field("", validation_alias=AliasChoices("sessionID", "sessionId"))
    highlights: _Told = ""

    @property
    def session_id(self) -> str:
        """The session's id as links have it: recording and number; where only one is told, that may be the whole."""
        if "/" in self.session or not self.recording:
            return self.session
        return f"{self.recording}/{self.session}" if self.session else self.recording


class ResultReply(Reply):
    """What there is once it is ready."""

    highlights: _Told = ""
    sessions: Annotated[list[SessionReply], BeforeValidator(lambda given: first_of(given, _MOST_SESSIONS))] = []


class HighlightsReply(Reply):
    """A request's state; the answer to a new one may hold its id only."""

    id: _Told = Field("", validation_alias=AliasChoices("id", "requestID", "requestId"))
    status: _Told = ""
    result: ResultReply | None = None

    @property
    def state(self) -> State:
        """What the status means; one that is not known is taken for waiting, unless there is a result."""
        known = _STATES.get(self.status.strip().upper())
        return known or ("pending" if self.result is None else "ready")


def told(reply: HighlightsReply, request_id: str, waited_s: float, scope: Scope) -> Highlights:
    """Return a reply in our words."""
    said = "" if reply.status.strip().upper() in {"PENDING", *_STATES} else reply.status
    highlights = Highlights(request_id=request_id, state=reply.state, waited_s=waited_s, said=said)
    if highlights.state == "ready":
        highlights.no_result = reply.result is None
    if highlights.state == "ready" and reply.result is not None:
        text = reply.result.highlights
        highlights.summary = _highlight(text, None, scope) if text.strip() else None
        highlights.sessions = [_of_session(each, scope) for each in reply.result.sessions]
    return highlights


def _of_session(reply: SessionReply, scope: Scope) -> Highlight:
    app, session_id = scope.app, reply.session_id
    link = session_link(session_id, org=app.org, app=app.app, dashboard=app.dashboard)
    return _highlight(reply.highlights, Session(vendor="logrocket", session_id=session_id, link=link), scope)


def _highlight(text: str, session: Session | None, scope: Scope) -> Highlight:
    app = scope.app
    moments = moments_in(text, org=app.org, app=app.app, dashboard=app.dashboard)
    return Highlight(text=text, session=session, moments=moments)
