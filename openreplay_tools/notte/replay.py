"""Whether a session's replay can be had."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from openreplay_tools.answer import Answer
from openreplay_tools.errors import UnavailableError
from openreplay_tools.flow import work
from openreplay_tools.notte.access import at_notte
from openreplay_tools.notte.arguments import SessionId, Wait
from openreplay_tools.notte.containers import NAMES
from openreplay_tools.notte.playlist import doubt, pieces, read_playlist
from openreplay_tools.notte.waiting import NOT_ENDED, Head, await_replay
from openreplay_tools.operation import Arguments, Record, operation
from openreplay_tools.recordings import Media
from openreplay_tools.text import Own, Recorded, identifier, own
from openreplay_tools.windows import format_moment, format_offset

if TYPE_CHECKING:
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line, Part


class Replay(Record):
    """A session's replay, or that it is being prepared.

    Attributes:
        state: processing while Notte prepares it; ask again then.
        waited_s: whole seconds that were waited for it.
        said: Notte's own word for why it is not there yet; "" where it tells none.
        media: the video; its addresses are secrets. None while it is being prepared.
        has_mp4: whether it can be had as one file.
        has_playlist: whether it can be had in pieces.
        segments: how many, where only they can be had.
        complete: False when the playlist does not say that it has an end, or Notte tells another length.
        told_ms: that other length, where it is far from that of the pieces.
        problem: why the pieces, where only they can be had, cannot be joined here.
    """

    session_id: str = ""
    state: Literal["ready", "processing"] = "processing"
    waited_s: float = 0.0
    said: str = ""
    media: Media | None = None
    has_mp4: bool = False
    has_playlist: bool = False
    segments: int | None = None
    complete: bool = True
    told_ms: int | None = None
    problem: str = ""


class NotteGetReplayArgs(Arguments):
    """Whose replay, and how long to wait for it."""

    session: SessionId
    wait: Wait = 50


def replay_card(replay: Replay, args: object, scope: Scope) -> Answer:  # noqa: ARG001
    """Present a replay, without its addresses."""
    who = identifier(replay.session_id)
    media = replay.media
    if media is None:
        return _waiting(replay, who)
    facts = [_kind(replay, media), *_expiry(media, scope)]
    if media.start_ms:
        facts.append(own(f"Notte's video_start_ms: {media.start_ms:,} (relative to what is not documented)."))
    if replay.told_ms is not None:
        facts.append(own(doubt(replay.told_ms)))
    if replay.problem:
        facts.append(own(replay.problem))
    able = not replay.problem
    return Answer(
        subject=(Own("Replay of Notte session "), who, Own(": ready" if able else ": there, but not to be used here")),
        facts=tuple(facts),
        notes=(own(_next(looks=media.container != "webp")),) if able else (),
    )


def _waiting(replay: Replay, who: Part) -> Answer:
    running = replay.said == NOT_ENDED
    state = "not there, for the session has not ended" if running else "being prepared"
    said: Line = (Own("Notte says "), Recorded(replay.said, limit=40), Own(".")) if replay.said else ()
    again = "Call again when it has ended" if running else "Call again in a minute"
    return Answer(
        subject=(Own("Replay of Notte session "), who, Own(f": {state}")),
        facts=(own(f"Not ready after {replay.waited_s:.0f} s of waiting."), *([said] if said else [])),
        notes=((Own(f'{again}: notte_get_replay(session="'), who, Own('").')),),
    )


def _kind(replay: Replay, media: Media) -> Line:
    length = "unknown length" if media.duration_ms is None else f"length {format_offset(media.duration_ms)}"
    if not replay.has_mp4 and not replay.has_playlist:
        kind = f"{NAMES[media.container or 'mp4']}, which this server sends directly, without an address"
    elif replay.has_mp4:
        kind = "an MP4" + (", or pieces (HLS)" if replay.has_playlist else "")
    else:
        count = "pieces" if replay.segments is None else pieces(replay.segments)
        kind = f"{count} of a playlist (HLS)" + (
            "" if replay.complete or replay.told_ms is not None else ", whose end may be missing"
        )
    return own(f"Video: {kind}; {length}.")


def _expiry(media: Media, scope: Scope) -> list[Line]:
    if media.expires_at is None:
        return []
    when = format_moment(media.expires_at.astimezone(scope.zone))
    left = (media.expires_at - scope.now).total_seconds()
    if left <= 0:
        return [own(f"Its address has expired ({when} {scope.zone.key}); the tools below ask for a fresh one.")]
    return [own(f"Its address is good until {when} {scope.zone.key} ({left / 60:,.0f} min); the tools below ask anew.")]


def _next(*, looks: bool) -> str:
    return "Next: notte_save_replay writes the file" + (
        ", notte_get_frames shows moments of it as pictures." if looks else "; of a WebP no pictures are taken."
    )


def _joinable(replay: Replay, media: Media) -> Flow[Replay]:
    """Look whether the pieces can be joined, where there is nothing else."""
    text = media.playlist.get_secret_value() if media.playlist else ""
    try:
        playlist = yield from work(partial(read_playlist, text))
    except UnavailableError as error:
        replay.problem = str(error)
        return replay
    media.duration_ms, replay.told_ms = playlist.length(media.duration_ms)
    replay.segments, replay.complete = playlist.segments, playlist.complete and replay.told_ms is None
    return replay


@operation(NotteGetReplayArgs, group="notte", needs="notte", provider="notte", prepare=at_notte, present=replay_card)
def notte_get_replay(args: NotteGetReplayArgs, scope: Scope) -> Flow[Replay]:
    """Tell whether the video of an ended Notte session can be had: kind, length, until when.

    Waits while Notte prepares it; when that takes longer, says so and how to go on. To see it call notte_get_frames,
    to keep it notte_save_replay: both ask by themselves.
    """
    found = yield from await_replay(args.session, args.wait, Head(), scope)
    media = found.media
    replay = Replay(session_id=args.session, waited_s=round(found.waited), said=found.said, media=media)
    if media is None:
        return replay
    replay.state, replay.has_mp4, replay.has_playlist = "ready", media.url is not None, media.playlist is not None
    return (yield from _joinable(replay, media)) if replay.has_playlist and not replay.has_mp4 else replay
