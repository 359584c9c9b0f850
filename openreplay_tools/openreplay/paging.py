"""Reading all pages of a list whose server reorders ties, shortens pages and forgets totals."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from openreplay_tools.answer import Tally
from openreplay_tools.flow import Emit
from openreplay_tools.text import own

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from openreplay_tools.flow import Flow
    from openreplay_tools.operation import Page
    from openreplay_tools.text import Line

T = TypeVar("T")
_LOG = logging.getLogger("openreplay_tools")

# Rows with equal sort keys come in any order, so a row at a page's edge can be missed and another come twice
# (observed §D). Reading again with other page sizes moves the edges.
_PAGE_SIZES = (1.0, 0.85, 0.65)


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page as the server gave it; `total` is None when the server does not tell."""

    rows: list[T]
    total: int | None


def everything(row: object) -> bool:  # noqa: ARG001
    """Keep every row."""
    return True


def sweep(
    fetch: Callable[[int, int], Flow[Slice[T]]],
    key: Callable[[T], Hashable],
    keep: Callable[[T], bool] = everything,
    *,
    most: int = 200,
) -> Flow[None]:
    """Emit every row once, in the server's order, however its pages fall.

    Args:
        fetch: reads one page, given its number and size.
        key: what makes a row itself.
        keep: which rows to emit; the others still count as seen.
        most: rows that the server gives at once.
    """
    seen: set[Hashable] = set()
    total: int | None = None
    for size in (round(most * part) for part in _PAGE_SIZES):
        for number in range(1, 1_000_000):
            page = yield from fetch(number, size)
            total = max(page.total or 0, total or 0) if page.total is not None else None
            fresh = [row for row in page.rows if key(row) not in seen]
            seen.update(key(row) for row in fresh)
            yield Emit(tuple(row for row in fresh if keep(row)))
            # Past the end the server says total 0; a page may be shorter than its limit and still not be the last.
            if not page.rows or (total is not None and number * size >= total):
                break
        if total is None or len(seen) >= total:
            return
    _LOG.warning(
        "%d of %d rows could not be read: the server left them out of every page.", (total or 0) - len(seen), total or 0
    )


def tally(noun: str, page: Page[Any], *, at_most: bool = False) -> Tally:
    """Return the count of a page: how many of how many, from which on.

    Args:
        noun: plural, product words.
        page: the page.
        at_most: True when the server's total may be too high.
    """
    return Tally(noun, page.total, at_most=at_most, first=(page.page - 1) * page.limit + 1)


def more_pages(page: Page[Any], how: str = "") -> Line:
    """Return how to get the next page, () when there is none.

    Args:
        page: the page that is shown.
        how: what to do instead of asking for the next number.
    """
    more = (page.total or 0) > page.page * page.limit
    return own(f"More: {how or f'page={page.page + 1}'}.") if more else ()


def past_the_end(page: Page[Any]) -> list[Line]:
    """Return a note when the page asked for does not exist."""
    return [own(f"Page {page.page} is past the end.")] if not page.rows and page.page > 1 else []
