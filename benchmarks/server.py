"""A server that answers at once with fixed replies, so that what is measured is the client.

Run as a process of its own: `python benchmarks/server.py` prints its port and answers until its input ends.
"""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from functools import cache
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a script knows its own folder only

from benchmarks import replies

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_LIMIT = re.compile(rb'"limit": ?(\d+)')


class FixedReplies(asyncio.Protocol):
    """Just enough HTTP/1.1: keep-alive, one request after the other."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send small packets at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Answer when a request is complete."""
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if self._transport is None or not end or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        limit = _LIMIT.search(body)
        self._transport.write(reply(head.split(b" ", 2)[1], int(limit[1]) if limit else 0))


@cache
def reply(path: bytes, limit: int) -> bytes:
    """Return a whole answer; each is made once."""
    if path.endswith(b"/events"):
        body = replies.events(limit)
    elif path.endswith(b"/users"):
        body = replies.users(limit)
    else:
        body = replies.projects()
    # The headers that the real server sends.
    head = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Fri, 20 Nov 2026 17:52:16 GMT\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\nAccess-Control-Max-Age: 3600\r\n\r\n"
    )
    return head.encode() + body


async def main() -> None:
    """Listen on a free port and answer until the parent goes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FixedReplies, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
