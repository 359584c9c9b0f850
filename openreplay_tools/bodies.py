"""The bytes of a reply: collected within bounds, or handed to whom they are for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from openreplay_tools.replies import media_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openreplay_tools.connection import Connection
    from openreplay_tools.flow import Request, Sink


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

    def open(self, status: int, headers: Mapping[str, str]) -> None:
        """Look at the head of the reply; what an earlier try has brought is forgotten, even where nothing follows."""
        self._success = 200 <= status < 300
        if self._request.into is not None:
            self._request.into.begin()
        self._data = self._request.via != "storage" and media_type(headers) in {"application/json", "text/html"}

    def add(self, chunk: bytes) -> None:
        """Take a piece.

        Raises:
            TransportError: the reply is too long or takes too long.
        """
        if time.monotonic() > self._deadline:
            raise self._connection.late(self._request)
        if not self._chosen and chunk:
            self._choose(chunk)
        if self._sink is not None:
            self._sink.take(chunk)
            return
        self._size += len(chunk)
        if self._size > self._connection.settings.max_reply_bytes:
            raise self._connection.too_long()
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        """Return all of what was not for somebody else."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _choose(self, first: bytes) -> None:
        """Decide by the head and the first bytes whether they are for the request's own sink."""
        self._chosen = True
        written = self._request.via != "storage" and first.lstrip()[:1] in {b"{", b"[", b"<"}
        if self._success and not self._data and not written:
            self._sink = self._request.into
