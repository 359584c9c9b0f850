"""Bringing a replay's video here: the whole file, or the pieces of its playlist one behind the other."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from openreplay_tools.errors import (
    ApiError,
    AuthenticationError,
    OpenReplayToolsError,
    PermissionDeniedError,
    ReplyTooLongError,
    RequestTimeoutError,
    TransportError,
    UnavailableError,
    UnexpectedReplyError,
)
from openreplay_tools.flow import Progress, fetch, work
from openreplay_tools.notte.containers import HEAD, container_of, is_whole_mp4, piece_fits
from openreplay_tools.notte.playlist import pieces, read_playlist
from openreplay_tools.notte.waiting import NOT_ENDED, await_replay, still_active
from openreplay_tools.recordings import Media
from openreplay_tools.text import Recorded, identifier

if TYPE_CHECKING:
    from collections.abc import Callable

    from openreplay_tools.downloads import Draft
    from openreplay_tools.flow import Flow, Sink
    from openreplay_tools.notte.waiting import Found
    from openreplay_tools.operation import Scope
    from openreplay_tools.recordings import Container

_INSTEAD = "nothing of it was kept. Try again later, or watch the replay in Notte's console."


class _ExpiredError(OpenReplayToolsError):
    """A pre-signed address is refused; Notte gives fresh ones."""


@dataclass(frozen=True, slots=True)
class Video:
    """A video whose bytes are here.

    Attributes:
        container: told by them.
        duration_ms: as Notte says it, or its playlist; None where neither does.
        segments: how many pieces were joined; None for a whole file.
        complete: False when the playlist does not say that it has an end, or Notte tells another length.
        told_ms: that other length; None where it tells none.
    """

    container: Container
    duration_ms: int | None = None
    segments: int | None = None
    complete: bool = True
    told_ms: int | None = None


def fetch_video(
    session: str, wait: int, draft: Draft, scope: Scope, expect: Callable[[Container], None] = lambda _: None
) -> Flow[Video]:
    """Bring a replay's video into a draft.

    Args:
        session: whose.
        wait: seconds that the replay may be waited for.
        draft: empty; takes the bytes.
        scope: see `await_replay`.
        expect: is told the likely container before it is sent for, and may raise.

    Raises:
        UnavailableError: there is no replay (yet), or its playlist cannot be joined.
        UnexpectedReplyError: what came is no video.
        PermissionDeniedError: fresh addresses are refused as well.
        TransportError: it broke off, or is longer than may be downloaded.
    """
    fresh = False
    while True:
        draft.restart()
        found = yield from await_replay(session, wait, draft, scope)
        if found.media is None:
            raise _not_ready(session, found)
        try:
            return (yield from _brought(found, draft, scope, expect, fresh=fresh))
        except _ExpiredError:
            if fresh:
                raise PermissionDeniedError(
                    "The storage refuses the addresses of Notte's replay, fresh ones too (403). Try again later; when "
                    "it stays so, ask Notte.",
                    status=403,
                ) from None
        fresh, wait = True, max(0, wait - int(found.waited))


def _not_ready(session: str, found: Found) -> UnavailableError:
    if found.said == NOT_ENDED:
        raise still_active(session)
    said = (" (Notte says ", Recorded(found.said, limit=40), ")") if found.said else ()
    return UnavailableError(
        "The replay of session ", identifier(session), f" is not ready after {found.waited:.0f} s", *said, ". Call "
        "again in a minute, or with a longer wait.",
    )  # fmt: skip


def _brought(
    found: Found, draft: Draft, scope: Scope, expect: Callable[[Container], None], *, fresh: bool
) -> Flow[Video]:
    media = found.media or Media()
    if found.direct:
        return Video((yield from _container(draft)), media.duration_ms)
    if media.url is not None:
        expect("mp4")
        try:
            yield Progress(0, 1, "fetching the video")
            yield from _piece(media.url.get_secret_value(), draft)
            return Video((yield from _container(draft)), media.duration_ms)
        except (ApiError, UnexpectedReplyError, TransportError, _ExpiredError) as error:
            if media.playlist is None or isinstance(error, ReplyTooLongError | RequestTimeoutError):
                raise
            if isinstance(error, _ExpiredError) and not fresh:
                raise
        draft.restart()
    return (yield from _joined(media, draft, expect, scope.downloads.download_deadline))


class _InTime:
    """Takes the pieces of a video as long as there is time for them: each download has a time of its own."""

    def __init__(self, draft: Draft, seconds: float, count: int) -> None:
        self._draft, self._seconds, self._count = draft, seconds, count
        self._until = time.monotonic() + seconds

    def begin(self) -> None:
        self._draft.begin()

    def take(self, chunk: bytes) -> None:
        if time.monotonic() > self._until:
            raise RequestTimeoutError(
                f"The {pieces(self._count)} of this replay took longer than {self._seconds:g} s to come (the setting "
                "download_deadline); nothing of it was kept. Try again later, or raise that setting."
            )
        self._draft.take(chunk)


def _joined(media: Media, draft: Draft, expect: Callable[[Container], None], seconds: float) -> Flow[Video]:
    text = media.playlist.get_secret_value() if media.playlist else ""
    playlist = yield from work(partial(read_playlist, text))
    expect("mp4" if playlist.mapped else "ts")
    into = _InTime(draft, seconds, playlist.segments)
    for done, address in enumerate(playlist.addresses):
        yield Progress(done, len(playlist.addresses), "fetching the video")
        before = draft.size
        yield from _piece(address, into)
        if draft.size == before:
            raise UnexpectedReplyError("A piece of Notte's replay came empty; nothing was kept. Try again later.")
        head, count = draft.head_at(before, HEAD), len(playlist.addresses)
        if not piece_fits(head, done, count, mapped=playlist.mapped):
            raise UnexpectedReplyError(
                f"Piece {done + 1:,} of {count:,} of Notte's replay is not what belongs there in one video; {_INSTEAD}"
            )
        draft.mark()
    container = yield from _container(draft)
    length, told = playlist.length(media.duration_ms)
    return Video(container, length, playlist.segments, playlist.complete and told is None, told)


def _piece(address: str, into: Sink) -> Flow[None]:
    try:
        yield from fetch(address, into)
    except (AuthenticationError, PermissionDeniedError) as error:
        raise _ExpiredError("The storage refused an address.") from error


def _container(draft: Draft) -> Flow[Container]:
    """Tell what has come, and refuse what is none or not all of one."""
    container = container_of(draft.head(HEAD))
    if container is None:
        raise UnexpectedReplyError(f"What came as Notte's replay is no video; {_INSTEAD}")
    if container == "mp4" and not (yield from work(partial(is_whole_mp4, draft.file, draft.size))):
        raise UnexpectedReplyError(f"The MP4 that came as Notte's replay is cut off or damaged; {_INSTEAD}")
    return container
