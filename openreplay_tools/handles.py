"""Short names for what must not be shown: a tool passes the name, the process keeps what it stands for."""

from __future__ import annotations

import threading
from collections import OrderedDict

_KEPT = 10_000  # the oldest are forgotten


class Handles:
    """Remembers what names stand for; safe to share between threads."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, str] = OrderedDict()

    def keep(self, handle: str, secret: str) -> None:
        """Remember what a name stands for; what it stood for before is forgotten."""
        with self._lock:
            self._kept[handle] = secret
            self._kept.move_to_end(handle)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def get(self, handle: str) -> str:
        """Return what a name stands for, "" when nobody knows."""
        with self._lock:
            return self._kept.get(handle, "")
