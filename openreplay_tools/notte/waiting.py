"""Asking for a session's replay until there is one: Notte makes it some time after the session has ended.

https://docs.notte.cc/features/sessions/recordings; the refusals as Notte's own client reads them (notte_sdk,
endpoints/sessions.py and the generated ReplayMissingResponse).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from openreplay_tools.errors import (
    ApiError,
    BadRequestError,
    NotFoundError,
    OpenReplayToolsError,
    UnavailableError,
    UnexpectedReplyError,
)
from openreplay_tools.flow import Progress, Request, Sink, pause
from openreplay_tools.notte.access import ask_notte, excerpt
from openreplay_tools.notte.containers import HEAD, container_of
from openreplay_tools.notte.session_record import ReplayReply
from openreplay_tools.notte.sessions import fetch_session, no_id
from openreplay_tools.recordings import Media
from openreplay_tools.text import Recorded, identifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope

_HURRIED = 30.0  # seconds after which is looked half as often
_INSTANT = 0.1  # seconds for which nobody waits
NOT_ENDED = "waiting_for_session"
_GONE = frozenset({"unavailable", "failed"})
_OK = 200
_NOT_FOUND = b"not found"  # how servers before September 2025 say that there is none


class Taster(Sink, Protocol):
    """Takes a video that comes in the place of its address, and can tell how it begins."""

    def head(self, size: int = ...) -> bytes:
        """Return the first bytes."""


class EnoughError(OpenReplayToolsError):
    """A reply has shown what it is; the rest of it is not wanted."""


class Head:
    """Takes as much of a video as tells its container, and breaks it off then."""

    def __init__(self) -> None:
        """Begin empty."""
        self._bytes = b""

    def begin(self) -> None:
        """Forget what an earlier try has brought."""
        self._bytes = b""

    def take(self, chunk: bytes) -> None:
        """Take the next piece.

        Raises:
            EnoughError: the rest is not wanted.
        """
        self._bytes += chunk[: HEAD - len(self._bytes)]
        if len(self._bytes) >= HEAD:
            raise EnoughError("The beginning was enough.")

    def head(self, size: int = HEAD) -> bytes:
        """Return the first bytes."""
        return self._bytes[:size]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of asking.

    Attributes:
        waited: seconds.
        media: the video; None while it is being prepared.
        direct: whether its bytes came at once, into the sink, as older servers send them.
        said: Notte's word for why there is none yet; "" where it tells none.
    """

    waited: float
    media: Media | None = None
    direct: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why there is no replay, as far as Notte tells."""

    status: str
    retryable: bool | None
    message: str
    words: str

    @classmethod
    def of(cls, told: Mapping[str, object], message: str) -> _Refusal:
        status, retryable = told.get("replay_status"), told.get("retryable")
        words = " ".join([message, *(excerpt(str(told.get(key) or "")) for key in ("message", "detail"))])
        said = next((text for key in ("message", "detail") if isinstance(text := told.get(key), str) and text), message)
        return cls(
            excerpt(status) if isinstance(status, str) else "",
            retryable if isinstance(retryable, bool) else None,
            excerpt(said),
            words,
        )

    @property
    def structured(self) -> bool:
        return bool(self.status) or self.retryable is not None

    def end(self, session: str) -> UnavailableError | None:
        """Return why waiting would not help, None when it may."""
        gone = self.status in _GONE
        if self.retryable is not True and not gone and "still active" in self.words:
            return still_active(session)
        if self.retryable is False and self.status == NOT_ENDED:
            return still_active(session)
        return self._final(session, gone=gone) if self.retryable is False or (self.retryable is None and gone) else None

    def _final(self, session: str, *, gone: bool) -> UnavailableError:
        status = (" (", Recorded(self.status, limit=40), ")") if self.status else ()
        said = (" It says: ", Recorded(self.message, limit=300)) if self.message else ()
        # Not to be asked again need not mean that none will ever be made.
        ending = (*status, " and will not make one.") if gone else (". Notte says not to ask again", *status, ".")
        return UnavailableError(
            "Notte has no replay of session ", identifier(session), *ending, *said,
            " notte_get_session shows its steps.",
        )  # fmt: skip


def still_active(session: str) -> UnavailableError:
    """Return the error for a session that has not ended."""
    return UnavailableError(
        "Notte session ", identifier(session), " is still active: a replay is made when a session has ended. End it at "
        "Notte, or ask again when it has timed out.",
    )  # fmt: skip


def await_replay(session: str, wait: int, into: Taster, scope: Scope) -> Flow[Found]:
    """Ask for a replay, and again while Notte prepares it.

    Args:
        session: whose.
        wait: seconds after which it is not asked again; a look that takes long is a part of them.
        into: takes the video where its bytes come at once.
        scope: tells how often to ask.

    Raises:
        NotFoundError: there is no such session, or an older server has no replay of it.
        UnavailableError: it still runs, or there will be no replay.
    """
    began, paused, waited, ended = time.monotonic(), 0.0, 0.0, False
    while True:
        refusal = yield from _look(session, into, waited)
        if isinstance(refusal, Found):
            return refusal
        if end := refusal.end(session):
            raise end
        if not refusal.structured and not ended:  # the same words may mean that there is no such session
            if (yield from fetch_session(session)).is_open:
                raise still_active(session)
            ended = True
        waited = max(paused, time.monotonic() - began)
        if waited > wait - _INSTANT:
            return Found(waited, said=refusal.status)
        yield Progress(round(waited), wait, "waiting for the replay")
        seconds = min(scope.poll_seconds * (1 if waited < _HURRIED else 2), wait - waited)
        yield from pause(seconds)
        paused += seconds
        waited = max(paused, time.monotonic() - began)


def _look(session: str, into: Taster, waited: float) -> Flow[Found | _Refusal]:
    request = Request("GET", ("sessions", session, "replay"), ReplayReply, via="notte", into=into)
    into.begin()
    try:
        reply = yield from ask_notte(request)
    except EnoughError:
        reply = ReplayReply()
    except BadRequestError as error:
        raise no_id(session, error) from None
    except ApiError as error:
        # That the structured refusal comes with 404 is not documented.
        refusal = _Refusal.of(error.told, error.message)
        if isinstance(error, NotFoundError) or refusal.structured:
            return refusal
        raise _refused(session, error) if error.status == _OK else error from None
    if reply.mp4_url is not None or reply.playlist_content is not None:
        into.begin()  # a try before this one may have begun to bring a video
        return Found(waited, _media(session, reply))
    if head := into.head(HEAD):
        return Found(waited, _direct(session, head), direct=True)
    refusal = _Refusal.of(reply.model_dump(), "")
    if not refusal.structured:
        raise _nothing(session)
    return refusal


def _media(session: str, reply: ReplayReply) -> Media:
    return Media(
        session_id=session,
        container="mp4" if reply.mp4_url else None,
        url=reply.mp4_url,
        playlist=reply.playlist_content,
        expires_at=reply.expires_at,
        start_ms=reply.video_start_ms,
        duration_ms=reply.video_duration_ms,
    )


def _refused(session: str, error: ApiError) -> ApiError:
    said = Recorded(error.message, limit=300)
    return ApiError(
        "Notte refused the replay of session ", identifier(session), ": ", said, ". Try again later; notte_get_session "
        "shows its steps.",
        status=error.status, message=error.message, told=error.told,
    )  # fmt: skip


def _nothing(session: str) -> UnavailableError:
    return UnavailableError(
        "Notte has no video of session ", identifier(session), ": it names neither an MP4 nor a playlist. "
        "notte_get_session shows its steps.",
    )  # fmt: skip


def _direct(session: str, head: bytes) -> Media:
    """Return what is known of a video whose bytes came at once."""
    container = container_of(head)
    if container is None and head.strip().lower().startswith(_NOT_FOUND):
        raise NotFoundError(
            "session: Notte has no replay of ", identifier(session), ", or not yet. notte_get_session shows its steps.",
            status=200, message="not found",
        )  # fmt: skip
    if container is None:
        raise UnexpectedReplyError("What Notte sent as the replay is no video. Try again later.")
    return Media(session_id=session, container=container)
