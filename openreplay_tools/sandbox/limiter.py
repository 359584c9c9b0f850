"""How many dashboard requests a person may make (contract §1.4). Requests with an organization key are not counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RATE = 10
BURST = 30


class Limiter:
    """A bucket of tokens per person.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[int, tuple[int, float]] = {}

    def allows(self, user: int) -> bool:
        """Take a token for a request; False is the server's 429.

        Every request, refused ones too, starts the time anew, and only whole seconds refill: whoever asks more often
        than once a second gets nothing back.
        """
        now = self._clock()
        tokens, before = self._buckets.get(user, (BURST, now))
        tokens = min(BURST, tokens + int(now - before) * RATE)
        self._buckets[user] = (max(tokens - 1, 0), now)
        return tokens > 0
