"""Measuring two things against each other so that the machine's moods hit both alike."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Measure:
    """One line of the report.

    Args:
        what: what is compared with what.
        ours: seconds (median).
        plain: seconds (median) of what it is compared with.
        target: the ratio that is good enough; None when it is only reported.
    """

    what: str
    ours: float
    plain: float
    target: float | None

    @property
    def ratio(self) -> float:
        """Ours ÷ plain."""
        return self.ours / self.plain

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.target is None:
            return "–"
        return "ok" if self.ratio <= self.target else "OVER"


def alternate(plain: Callable[[], Any], ours: Callable[[], Any], times: int) -> tuple[float, float]:
    """Return the median seconds of both, called in turns; the first tenth warms up."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times + times // 10 + 1):
        for call, into in ((plain, taken[0]), (ours, taken[1])):
            begun = perf_counter()
            call()
            into.append(perf_counter() - begun)
    return median(taken[0][-times:]), median(taken[1][-times:])


async def alternate_async(
    plain: Callable[[], Awaitable[Any]], ours: Callable[[], Awaitable[Any]], times: int
) -> tuple[float, float]:
    """Return the median seconds of both, awaited in turns; the first tenth warms up."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times + times // 10 + 1):
        for call, into in ((plain, taken[0]), (ours, taken[1])):
            begun = perf_counter()
            await call()
            into.append(perf_counter() - begun)
    return median(taken[0][-times:]), median(taken[1][-times:])


def fresh(code: str, compiled: str) -> float:
    """Return the seconds that code takes in a fresh interpreter, start-up of the interpreter not counted.

    Args:
        code: what to time.
        compiled: a directory for bytecode, which installed packages have, whatever the environment says.
    """
    timed = "import sys, time; sys.dont_write_bytecode = False; begun = time.perf_counter()\n"
    timed += f"{code}\nprint(time.perf_counter() - begun)"
    command = [sys.executable, "-X", f"pycache_prefix={compiled}", "-c", timed]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return float(done.stdout.splitlines()[-1])
