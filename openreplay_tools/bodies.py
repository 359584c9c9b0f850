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
_MAGIC = b"\x1f\x8b"
_UNDONE = frozenset({"gzip", "x-gzip", "deflate"})
_COMPRESSIONS = _UNDONE | {"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"}


class Unpacker:
    """Undoes one compression of a body, a little at a time: a small body may hold a very large one."""

    def __init__(self, coding: str) -> None:
        """Begin.

        Args:
            coding: of the header Content-Encoding; words in it that name no compression do not matter.

        Raises:
            UnexpectedReplyError: it is none that is undone here, or several; none is asked for.
        """
        named = [word for word in (each.strip().lower() for each in coding.split(",")) if word in _COMPRESSIONS]
        if len(named) > 1 or not _UNDONE.issuperset(named):
            raise UnexpectedReplyError("The server compresses its answer in a way that nobody asked for.")
        self._coding = named[0] if named else ""
        self._undo: Any = None
        self._held = b""  # too little to tell what it is
        self._over = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what a piece of the body holds.

        Raises:
            TransportError: it is broken.
        """
        if not self._coding:
            yield chunk
            return
        chunk, self._held = self._held + chunk, b""
        while self._goes_on(chunk):
            try:
                piece = self._undo.decompress(chunk, _PIECE)
            except zlib.error:
                raise TransportError("The server's compressed answer is broken. Try again.") from None
            if piece:
                yield piece
            chunk = self._undo.unused_data if self._undo.eof else self._undo.unconsumed_tail
            if not chunk and (self._undo.eof or len(piece) < _PIECE):  # a full piece may not have been all
                return

    def _goes_on(self, rest: bytes) -> bool:
        """Tell whether more of the body is to be undone, and make ready for it."""
        if self._over or not (rest or self._undo):
            return False
        if self._undo is not None and not self._undo.eof:
            return True
        if len(rest) < len(_MAGIC):
            self._held = rest
            return False
        if self._undo is None:
            bare = self._coding == "deflate" and (rest[0] & 15 != 8 or int.from_bytes(rest[:2], "big") % 31)
            self._undo = zlib.decompressobj(_BARE if bare else _ZLIB if self._coding == "deflate" else _GZIP)
            return True
        # Compressed files put one behind the other are one file; anything else that follows is padding.
        self._over = self._coding == "deflate" or not rest.startswith(_MAGIC)
        if not self._over:
            self._undo = zlib.decompressobj(_GZIP)
        return not self._over

    def end(self) -> None:
        """Make sure that nothing is missing.

        Raises:
            TransportError: the body breaks off.
        """
        if self._held if self._undo is None else not self._undo.eof:
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
        self.deadline = deadline
        self._chunks: list[bytes] = []
        self._size = 0
        self._sink: Sink | None = None
        self._chosen = request.into is None
        self._success = self._data = False
        self._blank = b""
        self._unpacker = Unpacker("")
        self._readable = True

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
        try:
            self._unpacker = Unpacker("" if unpacked else headers.get("content-encoding", ""))
        except UnexpectedReplyError:
            if self._success:
                raise
            self._readable = False  # the status says enough
        if self._request.into is not None:
            self._request.into.begin()
        self._data = self._request.via != "storage" and media_type(headers) in {"application/json", "text/html"}

    def add(self, chunk: bytes) -> float:
        """Take a piece, and return until when the next one must be there.

        Raises:
            TransportError: the reply is too long, takes too long, or its compression is broken.
        """
        self._check_time()
        for piece in self._unpacker.pieces(chunk) if self._readable else ():
            self._check_time()
            self._take(piece)
        return self.deadline

    def end(self) -> None:
        """Take note that nothing follows.

        Raises:
            TransportError: something is missing.
        """
        self._unpacker.end()
        if self._blank and self._request.via == "storage":  # a file may well hold nothing but blanks
            self._choose(self._blank)
        if self._sink is not None and self._blank:
            self._sink.take(self._blank)
        else:
            self._keep(self._blank)

    def _check_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise self._connection.late(self._request, download=self.is_download)

    @property
    def is_download(self) -> bool:
        """Whether somebody else takes the bytes, in a time of its own."""
        return self._sink is not None

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
            if self._request.via != "storage":  # from here on it is a download, which has a time of its own
                self.deadline = max(self.deadline, time.monotonic() + self._connection.settings.download_deadline)
