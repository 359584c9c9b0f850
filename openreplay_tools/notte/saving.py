"""Writing a session's replay to a file."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

from pydantic import Field

from openreplay_tools.answer import Answer
from openreplay_tools.downloads import plain_name
from openreplay_tools.flow import work
from openreplay_tools.notte.access import at_notte
from openreplay_tools.notte.arguments import SessionId, Wait
from openreplay_tools.notte.containers import EXTENSIONS, NAMES
from openreplay_tools.notte.playlist import doubt, pieces
from openreplay_tools.notte.video import fetch_video
from openreplay_tools.operation import Arguments, Record, operation
from openreplay_tools.recordings import Container
from openreplay_tools.text import Given, Own, identifier, own
from openreplay_tools.windows import format_offset

if TYPE_CHECKING:
    from typing import IO

    from openreplay_tools.downloads import Downloads
    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Scope
    from openreplay_tools.text import Line

# Endings that promise a kind of video, and are replaced where it is another.
_PROMISES = frozenset({*EXTENSIONS.values(), ".m4v", ".mov", ".mkv", ".avi", ".gif", ".m3u8", ".hls", ".video"})
_LONGEST_ENDING: Container = "webp"
_PIECE = 1024 * 1024


class SavedVideo(Record):
    """A replay that was written to a file.

    Attributes:
        path: where it is.
        size: in bytes.
        container: told by the bytes.
        duration_ms: None where Notte does not tell it.
        segments: how many pieces were joined; None for a whole file.
        complete: False when the playlist does not say that it has an end, or Notte tells another length: the recording
            may lack a part.
        told_ms: Notte's other length, where it is far from that of the joined pieces.
        sha256: of the file, in hexadecimal.
    """

    session_id: str = ""
    path: str = ""
    size: int = 0
    container: Container = "mp4"
    duration_ms: int | None = None
    segments: int | None = None
    complete: bool = True
    told_ms: int | None = None
    sha256: str = ""


class NotteSaveReplayArgs(Arguments):
    """Whose replay, and the file's name."""

    session: SessionId
    save_as: Annotated[
        str, Field(max_length=120, description="File name without a directory; empty: made of the session id.")
    ] = ""
    overwrite: Annotated[bool, Field(description="Replace a file of that name.")] = False
    wait: Wait = 50


def saved_card(saved: SavedVideo, args: NotteSaveReplayArgs, scope: Scope) -> Answer:  # noqa: ARG001
    """Present the file."""
    length = "length unknown" if saved.duration_ms is None else f"length {format_offset(saved.duration_ms)}"
    joined = f", joined of {pieces(saved.segments)}" if saved.segments else ""
    facts: list[Line] = [
        (Own("File: "), Own(saved.path, ours=False)),
        own(f"{NAMES[saved.container]}{joined}; {_amount(saved.size)}; {length}."),
    ]
    ending = EXTENSIONS[saved.container]
    if not Path(saved.path).name.startswith(args.save_as.strip()):  # an ending that was only added needs no word
        facts.append((Own("Named otherwise than "), Given(args.save_as), Own(f": by its bytes it is {ending[1:]}.")))
    if not saved.complete:
        facts.append(own(doubt(saved.told_ms)))
    looks = "notte_get_frames shows moments of it as pictures." if saved.container != "webp" else "a browser shows it."
    return Answer(
        subject=(Own("Saved the replay of Notte session "), identifier(saved.session_id)),
        facts=tuple(facts),
        notes=(own(f"Next: {looks}"),),
    )


def _amount(size: int) -> str:
    return f"{size:,} bytes" if size < 1024**2 else f"{size / 1024**2:,.1f} MiB"


def file_name(save_as: str, session: str, container: Container) -> str:
    """Return the name of a file, with the ending that its bytes have.

    Args:
        save_as: as asked for; "" for one made of the session.
        session: the session's id.
        container: of the bytes.
    """
    name, ending = save_as.strip() or plain_name(session), EXTENSIONS[container]
    stem, dot, last = name.rpartition(".")
    promised = f".{last}".lower() if dot and stem else ""
    if promised == ending:
        return name
    return (stem if promised in _PROMISES else name) + ending


def _check_names(args: NotteSaveReplayArgs, downloads: Downloads) -> None:
    """Refuse what is known to fail before anything is sent for: the container is not known yet."""
    if given := args.save_as.strip():
        downloads.check(given, overwrite=True)
    downloads.check(file_name(given, args.session, _LONGEST_ENDING), overwrite=True)
    ending = f".{given.rpartition('.')[2].lower()}"
    likely = next((each for each, known in EXTENSIONS.items() if known == ending), "mp4")
    downloads.check(file_name(given, args.session, cast("Container", likely)), overwrite=args.overwrite)


def _digest(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()


@operation(
    NotteSaveReplayArgs, group="notte", needs="notte", provider="notte", prepare=at_notte, present=saved_card,
    saves=True,
)  # fmt: skip
def notte_save_replay(args: NotteSaveReplayArgs, scope: Scope) -> Flow[SavedVideo]:
    """Save the video of an ended Notte session as a file in the directory for downloads; returns path, size, length.

    Waits while Notte prepares it. The ending follows from the video's bytes. Ids come from notte_list_sessions; to look
    at moments without keeping a file call notte_get_frames.
    """
    downloads = scope.downloads
    _check_names(args, downloads)

    def expect(container: Container) -> None:
        downloads.check(file_name(args.save_as, args.session, container), overwrite=args.overwrite)

    with downloads.drafting() as draft:
        video = yield from fetch_video(args.session, args.wait, draft, scope, expect)
        digest = yield from work(partial(_digest, draft.file))
        name = file_name(args.save_as, args.session, video.container)
        path = yield from work(partial(downloads.keep, draft, name, overwrite=args.overwrite))
    return SavedVideo(
        session_id=args.session,
        path=str(path.absolute()),
        size=draft.size,
        container=video.container,
        duration_ms=video.duration_ms,
        segments=video.segments,
        complete=video.complete,
        told_ms=video.told_ms,
        sha256=digest,
    )
