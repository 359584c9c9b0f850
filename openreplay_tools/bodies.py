"""The bytes of a reply: unpacked and collected within bounds, or handed to whom they are for."""

from __future__ import annotations

import time
import zlib
from typing import TYPE_CHECKING, Any

from openreplay_tools.errors import TransportError, UnexpectedReplyError
from openreplay_tools.replies import media_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openreplay_tools.connection import Connection
    from openreplay_tools.flow import Request, Sink

_PIECE = 64 * 1024  # bytes that are unpacked at a time, so that the bounds are looked at in between
_BLANK = b" \t\r\n\xef\xbb\xbf"
_LONGEST_BLANK = 1024
_GZIP, _ZLIB, _BARE = 31, 15, -15  # zlib's names for the forms of deflate


class Unpacker:
    """Undoes one compression of a body, a little at a time: a small body may hold a very large one."""

    def __init__(self, coding: str) -> None:
        """Begin.

        Args:
            coding: of the header Content-Encoding.

        Raises:
            UnexpectedReplyError: it is none that is undone here; none is asked for.
        """
        self._coding = coding.strip().lower()
        if self._coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise UnexpectedReplyError("The server compresses its answer in a way that nobody asked for.")
        self._plain = self._coding in {"", "identity"}
        self._undo = zlib.decompressobj(_ZLIB if self._coding == "deflate" else _GZIP)
        self._begun = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body holds.

        Raises:
            TransportError: it is broken.
        """
        if self._plain:
            yield chunk
            return
        while chunk:
            try:
                piece = self._undo.decompress(chunk, _PIECE)
            except zlib.error:
                if self._begun or self._coding != "deflate":
                    raise TransportError("The server's compressed answer is broken. Try again.") from None
                self._undo = zlib.decompressobj(_BARE)  # as some servers understand the word
                self._begun = True
                continue
            self._begun = True
            if piece:
                yield piece
            chunk = self._undo.unconsumed_tail

    def end(self) -> None:
        """Make sure that nothing is missing.

        Raises:
            TransportError: the body breaks off.
        """
        if self._begun and not self._undo.eof:
            raise TransportError("The server's compressed answer breaks off. Try again.")


class Body:
    """Collects a reply's bytes within the size bound and the deadline, or hands them to whom they are for."""

    def __init__(self, connection: Connection, request: Request[Any], deadline: float) -> None:
        """Begin empty.

        Args:
            connection: its bounds.
            request: what is answered; its `into` takes the bytes of a success that is not JSON.
            deadline: on the monotonic clock.
        """
        self._connection = connection
        self._request = request
        self._deadline = deadline
        self._chunks: list[bytes] = []
        self._size = 0
        self._sink: Sink | None = None
        self._chosen = request.into is None
        self._success = self._data = False
        self._blank = b""
        self._unpacker = Unpacker("")

    def open(self, status: int, headers: Mapping[str, str], *, unpacked: bool = False) -> None:
        """Look at the head of the reply; what an earlier try has brought is forgotten, even where nothing follows.

        Args:
            status: HTTP status.
            headers: of the reply.
            unpacked: whether what follows has no compression any longer.

        Raises:
            UnexpectedReplyError: the body is compressed in a way that is not undone here.
        """
        self._success = status == 200 if self._request.via == "storage" else 200 <= status < 300
        self._unpacker = Unpacker("" if unpacked else headers.get("content-encoding", ""))
        if self._request.into is not None:
            self._request.into.begin()
        self._data = self._request.via != "storage" and media_type(headers) in {"application/json", "text/html"}

    def add(self, chunk: bytes) -> float:
        """Take a piece, and return until when the next one must be there.

        Raises:
            TransportError: the reply is too long, takes too long, or its compression is broken.
        """
        for piece in self._unpacker.pieces(chunk):
            if time.monotonic() > self._deadline:
                raise self._connection.late(self._request, download=self._sink is not None)
            self._take(piece)
        return self._deadline

    def end(self) -> None:
        """Take note that nothing follows.

        Raises:
            TransportError: something is missing.
        """
        self._unpacker.end()
        self._keep(self._blank)

    def _take(self, piece: bytes) -> None:
        if not self._chosen:
            piece, self._blank = self._blank + piece, b""
            if not piece.strip(_BLANK) and len(piece) < _LONGEST_BLANK:
                self._blank = piece  # which says nothing yet
                return
            self._choose(piece)
        if self._sink is not None:
            self._sink.take(piece)
        else:
            self._keep(piece)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._connection.settings.max_reply_bytes:
            raise self._connection.too_long()
        if piece:
            self._chunks.append(piece)

    def whole(self) -> bytes:
        """Return all of what was not for somebody else."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _choose(self, first: bytes) -> None:
        """Decide by the head and the first bytes whether they are for the request's own sink."""
        self._chosen = True
        written = self._request.via != "storage" and first.lstrip(_BLANK)[:1] in {b"{", b"[", b"<"}
        if self._success and not self._data and not written:
            self._sink = self._request.into
            # From here on it is a download, which has a time of its own.
            self._deadline = max(self._deadline, time.monotonic() + self._connection.settings.download_deadline)
