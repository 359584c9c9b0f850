"""What GET /sessions/{id}/replay of the sandbox's Notte answers, look by look; `notte_data` has the list."""

from __future__ import annotations

from datetime import timedelta
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from openreplay_tools.sandbox import notte_data as planted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from openreplay_tools.sandbox.storage import Storage

    Look = Callable[[str, int], Response]
    Body = dict[str, Any]

EXPIRES_SECONDS = 3600  # how long Notte's addresses last is not documented
DURATION_MS, SEGMENT_SECONDS = 20_000, 5
SEGMENTS = tuple(f"segment-{place}.ts" for place in range(4))
FRAGMENTS = tuple(f"segment-{place}.m4s" for place in range(4))
_TYPES = {"mp4": "video/mp4", "ts": "video/mp2t", "m4s": "video/iso.segment", "m3u8": "application/vnd.apple.mpegurl"}
_NOT_READY_LOOKS = 2


@cache
def media(name: str) -> bytes:
    """One of the files that `tests/fixtures/make_media.py` wrote."""
    return resources.files(__package__).joinpath("media", name).read_bytes()


def failure(status: int, message: str, detail: str | None = None, headers: dict[str, str] | None = None) -> Response:
    """Answer with the API's general body for errors."""
    body = {"message": message} if detail is None else {"message": message, "detail": detail}
    return JSONResponse(body, status, headers)


def _joined() -> bytes:
    return b"".join(media(name) for name in SEGMENTS)


class Replays:
    """The replays of one server.

    Args:
        storage: where the files and playlists lie that the addresses point at.
        now: the server's clock.
    """

    def __init__(self, storage: Storage, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._now = now
        playlists: dict[str, Callable[[str], str]] = {
            planted.TS_PLAYLIST: self._ts,
            planted.FMP4_PLAYLIST: self._fmp4,
            planted.ENCRYPTED: self._encrypted,
            planted.BYTE_RANGES: self._byte_ranges,
            planted.RELATIVE: lambda _: _playlist(SEGMENTS),
            planted.MASTER: self._master,
            planted.DISCONTINUITY: self._discontinuity,
            planted.NO_ENDLIST: lambda session: self._ts(session).replace("#EXT-X-ENDLIST\n", ""),
            planted.NOT_A_PLAYLIST: lambda _: "<html><body>Not here any more</body></html>",
            planted.NO_SEGMENTS: lambda _: _playlist(()),
        }
        self._looks: dict[str, Look] = {
            **{session: partial(self._only_playlist, write) for session, write in playlists.items()},
            planted.WITH_MP4: self._everything,
            planted.PROCESSING: self._processing,
            planted.PROCESSING_STRUCTURED: self._processing_structured,
            planted.UNAVAILABLE: _unavailable,
            planted.FAILED: _failed,
            planted.WAITING: _waiting,
            planted.OVERLOADED: self._overloaded,
            planted.RATE_LIMITED: self._rate_limited,
            planted.BAD_GATEWAY: lambda *_: PlainTextResponse("502 Bad Gateway\n", 502),
            planted.RAW_MP4: lambda *_: Response(media("replay.mp4"), media_type="video/mp4"),
            planted.RAW_UNTYPED: lambda *_: Response(media("replay.mp4"), media_type="application/octet-stream"),
            planted.RAW_WEBP: lambda *_: Response(media("replay.webp"), media_type="image/webp"),
            planted.RAW_NOT_FOUND: lambda *_: Response(b"not found", media_type="application/octet-stream"),
            planted.DISGUISED_ERROR: lambda *_: JSONResponse({"detail": "Replay storage could not be read"}),
            planted.EXPIRED: self._expired,
            planted.EXPIRED_SEGMENTS: self._expired_segments,
            planted.ALWAYS_EXPIRED: self._always_expired,
            planted.EMPTY: lambda *_: self._ready(),
            planted.INSECURE: lambda *_: self._ready(mp4_url="http://media.notte.example/replay.mp4"),
        }

    def answer(self, session: planted.Made, look: int) -> Response:
        """Answer a look at a session's replay, the first being 0."""
        session_id = session.shown["session_id"]
        if known := self._looks.get(session_id):
            return known(session_id, look)
        if session.plan.is_open:
            return failure(404, "Replay not ready", f"Session {session_id} is still active")
        return self._mp4(session_id, look)

    def _address(self, session: str, name: str, starting: datetime | None = None) -> str:
        """Lay one of the media files into the storage, to be read when somebody asks for it, and sign its address."""
        kind = name.rpartition(".")[2]
        return self._file(session, name, partial(media, name), _TYPES[kind], starting)

    def _file(
        self,
        session: str,
        name: str,
        content: bytes | Callable[[], bytes],
        media_type: str,
        starting: datetime | None = None,
    ) -> str:
        key = f"notte/{session}/{name}"
        self._storage.put(key, content, media_type)
        return self._storage.sign(key, EXPIRES_SECONDS, starting=starting)

    def _ready(
        self,
        mp4_url: str | None = None,
        playlist_content: str | None = None,
        starting: datetime | None = None,
        mouse: Body | None = None,
    ) -> Response:
        expires = (starting or self._now()) + timedelta(seconds=EXPIRES_SECONDS)
        body: Body = {
            "playlist_content": playlist_content,
            "mp4_url": mp4_url,
            "expires_at": expires.isoformat(),
            "video_start_ms": 0,
            "video_duration_ms": DURATION_MS,
        }
        return JSONResponse(body | (mouse or {}))

    def _long_ago(self) -> datetime:
        return self._now() - timedelta(seconds=2 * EXPIRES_SECONDS)

    def _mp4(self, session: str, _: int) -> Response:
        return self._ready(self._address(session, "replay.mp4"))

    def _everything(self, session: str, _: int) -> Response:
        names = ("manifest.json", "chunk-0.json")
        # What is inside the mouse files is not documented: ours are empty.
        manifest, *chunks = [self._file(session, f"mouse/{name}", b"{}", "application/json") for name in names]
        mouse = {"mouse_manifest_url": manifest, "mouse_chunk_urls": chunks, "mouse_next_offset": None}
        return self._ready(self._address(session, "replay.mp4"), self._ts(session), mouse=mouse)

    def _only_playlist(self, write: Callable[[str], str], session: str, _: int) -> Response:
        return self._ready(playlist_content=write(session))

    def _processing(self, session: str, look: int) -> Response:
        if look < _NOT_READY_LOOKS:
            return failure(404, "Replay not ready")
        return self._ready(self._address(session, "replay.mp4"), self._ts(session))

    def _processing_structured(self, session: str, look: int) -> Response:
        if look < _NOT_READY_LOOKS:
            return _missing(session, "processing", "The replay is being prepared, try again soon.", retryable=True)
        return self._mp4(session, look)

    def _overloaded(self, session: str, look: int) -> Response:
        if not look:
            return failure(529, "Cluster overloaded", "The cluster is overloaded, please try again later.")
        return self._mp4(session, look)

    def _rate_limited(self, session: str, look: int) -> Response:
        if not look:
            left = {"X-RateLimit-Remaining": "0"}
            return failure(429, "Too many requests", "Rate limit exceeded, please slow down.", left)
        return self._mp4(session, look)

    def _expired(self, session: str, look: int) -> Response:
        starting = None if look else self._long_ago()
        return self._ready(self._address(session, "replay.mp4", starting), starting=starting)

    def _expired_segments(self, session: str, look: int) -> Response:
        return self._ready(playlist_content=self._ts(session, None if look else self._long_ago()))

    def _always_expired(self, session: str, _: int) -> Response:
        return self._ready(self._address(session, "replay.mp4", self._long_ago()))

    def _ts(self, session: str, starting: datetime | None = None) -> str:
        return _playlist([self._address(session, name, starting) for name in SEGMENTS])

    def _fmp4(self, session: str) -> str:
        head = f'#EXT-X-MAP:URI="{self._address(session, "init.mp4")}"'
        addresses = [self._address(session, name) for name in FRAGMENTS]
        return _playlist(addresses, head, "#EXT-X-KEY:METHOD=NONE", version=7).replace("\n", "\r\n")

    def _encrypted(self, session: str) -> str:
        key = self._file(session, "segments.key", bytes(range(16)), "application/octet-stream")
        head = f'#EXT-X-KEY:METHOD=AES-128,URI="{key}",IV=0x{1:032x}'
        return _playlist([self._address(session, name) for name in SEGMENTS], head)

    def _byte_ranges(self, session: str) -> str:
        address = self._file(session, "replay.ts", _joined, _TYPES["ts"])
        sizes = [len(media(name)) for name in SEGMENTS]
        parts = [f"#EXT-X-BYTERANGE:{size}@{sum(sizes[:place])}\n{address}" for place, size in enumerate(sizes)]
        return _playlist(parts, version=4)

    def _master(self, session: str) -> str:
        text = self._ts(session).encode()
        address = self._file(session, "video.m3u8", text, _TYPES["m3u8"])
        return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-STREAM-INF:BANDWIDTH=60000,RESOLUTION=320x180\n{address}\n"

    def _discontinuity(self, session: str) -> str:
        pieces = self._ts(session).split("#EXTINF")
        before, after = "#EXTINF".join(pieces[:3]), "#EXTINF".join(pieces[3:])
        return f"{before}#EXT-X-DISCONTINUITY\n#EXTINF{after}"


def _playlist(segments: Sequence[str], *head: str, version: int = 3) -> str:
    """Write an HLS playlist (RFC 8216) of a finished recording; a segment may bring tags in lines before its own."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{SEGMENT_SECONDS}"]
    lines += ["#EXT-X-MEDIA-SEQUENCE:0", "#EXT-X-PLAYLIST-TYPE:VOD", *head]
    for segment in segments:
        lines += [f"#EXTINF:{SEGMENT_SECONDS:.6f},", segment]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _missing(session: str, replay_status: str, message: str, **more: bool) -> Response:
    """Write the newer body for a replay that is not there, ReplayMissingResponse."""
    body = {
        "detail": message,
        "session_id": session,
        "status": 404,
        "error": "ReplayMissing",
        "message": message,
        "replay_status": replay_status,
    }
    return JSONResponse(body | more, 404)


def _unavailable(session: str, _: int) -> Response:
    return _missing(session, "unavailable", "No action was performed: there is no replay.", retryable=False)


def _failed(session: str, _: int) -> Response:
    return _missing(session, "failed", "The replay could not be made.")


def _waiting(session: str, _: int) -> Response:
    return _missing(session, "waiting_for_session", "The replay is made when the session has ended.", retryable=True)
