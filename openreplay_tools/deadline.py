"""A total deadline for blocking reads: the HTTP library limits each phase, and some phases have no end of their own.

A server that sends its headers a byte at a time never exceeds the limit of one read. So every read and write of a
connection is given what is left of the call.
"""

from __future__ import annotations

import threading
import time
from typing import Any

_SHORTEST = 0.001  # lets the read itself raise its timeout

_call = threading.local()


def begin(until: float) -> None:
    """Set the deadline of the calls that this thread makes from now on, on the monotonic clock."""
    _call.until = until


def limit(http: Any) -> None:
    """Make a sync HTTP client's future connections keep the deadline.

    The library has no public place for this; where its insides have changed, the limits of each phase remain.

    Args:
        http: an `httpx.Client`.
    """
    for transport in (getattr(http, "_transport", None), *getattr(http, "_mounts", {}).values()):
        pool = getattr(transport, "_pool", None)
        backend = getattr(pool, "_network_backend", None)
        if pool is not None and backend is not None:
            pool._network_backend = _Backend(backend)  # noqa: SLF001


def _left(timeout: float | None) -> float | None:
    until = getattr(_call, "until", None)
    if until is None:
        return timeout
    left: float = max(_SHORTEST, until - time.monotonic())
    return left if timeout is None else min(timeout, left)


class _Backend:
    """Opens connections whose reads and writes keep the deadline."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def connect_tcp(self, *args: Any, **kwargs: Any) -> _Stream:
        return _Stream(self._inner.connect_tcp(*args, **kwargs))


class _Stream:
    """A connection."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data: bytes = self._inner.read(max_bytes, _left(timeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def start_tls(self, context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        return _Stream(self._inner.start_tls(context, server_hostname, _left(timeout)))
