"""The pages of a session as one line: with times, loops made one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openreplay_tools.openreplay.trail import KEPT_LAST
from openreplay_tools.text import Own, Recorded
from openreplay_tools.windows import format_offset

if TYPE_CHECKING:
    from openreplay_tools.openreplay.findings import Visit
    from openreplay_tools.text import Line, Part

_LONGEST_LOOP = 3
_SLOW_MS = 2500  # the "needs improvement" bound of the LCP web vital
_STAY_MS = 5000


def folded(path: list[Visit], total: int, most: int) -> Line:
    """Return a path as pages with the offset of each; what repeats stands once.

    Args:
        path: of very many visits the first and the last.
        total: how many there were.
        most: how many steps to show.
    """
    gap = total > len(path)  # what is missing lies before the last visits
    first, last = (_loops(path[:-KEPT_LAST]), _loops(path[-KEPT_LAST:])) if gap else (_loops(path), [])
    if gap or len(first) > most:
        steps, ending = first, last or first
        first, last = steps[: most - most // 3], ending[max(0, len(ending) - most // 3) :]
    parts: list[Part] = []
    for step in first:
        parts += [Own(" → "), *_step(step, path[-1])]
    shown = sum(len(step.visits) * step.times for step in (*first, *last))
    if total > shown:
        parts += [Own(f" → … {total - shown} more …")]
    for step in last:
        parts += [Own(" → "), *_step(step, path[-1])]
    return tuple(parts[1:])


class _Step:
    """Some visits that follow each other, and how often they do."""

    def __init__(self, visits: list[Visit]) -> None:
        self.visits = visits
        self.times = 1


def _loops(path: list[Visit]) -> list[_Step]:
    steps: list[_Step] = []
    position = 0
    while position < len(path):
        size, times = _loop_at(path, position)
        step = _Step(path[position : position + size])
        step.times = times
        steps.append(step)
        position += size * times
    return steps


def _loop_at(path: list[Visit], start: int) -> tuple[int, int]:
    """Return the loop that begins here: how many pages it has, and how often it is gone through."""
    best = (1, 1)
    for size in range(1, _LONGEST_LOOP + 1):
        pages = [visit.page for visit in path[start : start + size]]
        times = 1
        while [visit.page for visit in path[start + size * times : start + size * (times + 1)]] == pages:
            times += 1
        if times > 1 and size * times > best[0] * best[1]:
            best = (size, times)
    return best


def _step(step: _Step, end: Visit) -> list[Part]:
    first = step.visits[0]
    parts: list[Part] = [Own(f"{format_offset(first.offset_ms)} ")]
    if step.times > 1 and len(step.visits) > 1:
        inner = [part for visit in step.visits for part in (Own(" → "), Recorded(visit.page, limit=100))][1:]
        return [*parts, Own("("), *inner, Own(f") ×{step.times}")]
    parts.append(Recorded(first.page, limit=100))
    if step.times > 1:
        return [*parts, Own(f" ×{step.times}")]
    told = [f"{first.stay_ms // 1000} s"] if first.stay_ms >= _STAY_MS else []
    told += [f"loaded in {first.loaded_ms / 1000:.1f} s"] if first.loaded_ms >= _SLOW_MS else []
    told += ["end"] if first is end else []
    return [*parts, Own(f" ({', '.join(told)})")] if told else parts
