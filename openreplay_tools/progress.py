"""Who hears how far a call has come: `with reporting(print_progress): client.run(find_issues)`.

Nothing here costs anything while nobody listens, and nothing said here gets into an answer.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from openreplay_tools.flow import Progress

_PATIENCE = 5.0  # seconds
_log = logging.getLogger(__name__)
_listening: ContextVar[tuple[Callable[[Progress], object], ...]] = ContextVar("listening", default=())


@contextmanager
def reporting(callback: Callable[[Progress], object]) -> Iterator[None]:
    """Tell a function how far the calls inside this block have come; it works for sync and for async calls.

    Only calls of this thread and of tasks started inside the block are heard. Blocks may be nested: all hear. An error
    of the function is logged and never breaks the call.

    >>> with reporting(print_progress):  # doctest: +SKIP
    ...     client.run(find_issues, since="7d")
    reading sessions: 10 of 40

    Args:
        callback: is called with each `Progress`, between two requests; it should return soon.
    """
    token = _listening.set((*_listening.get(), callback))
    try:
        yield
    finally:
        _listening.reset(token)


@asynccontextmanager
async def areporting(callback: Callable[[Progress], Awaitable[object]]) -> AsyncIterator[None]:
    """Tell an async function how far the calls inside this block have come; see `reporting`.

    It is awaited beside the call, in order, and has ended when the block ends; when the block is cancelled, so is it.

    Args:
        callback: is awaited with each `Progress`.
    """
    relay = _Relay(callback)
    try:
        with reporting(relay):
            yield
    except asyncio.CancelledError:
        relay.cancel()
        raise
    finally:
        await relay.done()


def print_progress(progress: Progress) -> None:
    """Print a line on standard error for a person who waits at a terminal; into a file or a pipe goes nothing."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{progress}\n")
        sys.stderr.flush()


def report(progress: Progress) -> None:
    """Tell everybody who listens."""
    for callback in _listening.get():
        try:
            callback(progress)
        except Exception:  # noqa: BLE001 - whatever is wrong with a listener is not wrong with the call
            _log.exception("A listener to the progress of a call failed; the call goes on.")


class _Relay:
    """Hands progress to an async function, one after another, whichever thread it comes from."""

    def __init__(self, callback: Callable[[Progress], Awaitable[object]]) -> None:
        self._callback = callback
        self._loop = asyncio.get_running_loop()
        self._last: asyncio.Task[None] | None = None
        self._used = self._ended = False

    def __call__(self, progress: Progress) -> None:
        if self._ended:
            return
        self._used = True
        self._loop.call_soon_threadsafe(self._follow, progress)

    def _follow(self, progress: Progress) -> None:
        self._last = self._loop.create_task(self._tell(progress, self._last))

    async def _tell(self, progress: Progress, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        try:
            await self._callback(progress)
        except Exception:  # noqa: BLE001 - whatever is wrong with a listener is not wrong with the call
            _log.exception("A listener to the progress of a call failed; the call goes on.")

    def cancel(self) -> None:
        """Give up what has not been told yet."""
        self._used = False
        if self._last is not None:
            self._last.cancel()

    async def done(self) -> None:
        """Wait until everything is told, for a while: a listener that hangs does not keep the call."""
        if self._used:
            await asyncio.sleep(0)  # what was just reported is queued in the loop
        self._ended = True
        if self._last is not None and self._used:
            await asyncio.wait({self._last}, timeout=_PATIENCE)
