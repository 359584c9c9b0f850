"""Reading all pages: whatever the server does with them, every row comes once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openreplay_tools.flow import Emit
from openreplay_tools.openreplay.paging import Slice, sweep


def collect(fetch, keep=None, most=2000):
    """Run a walk against a fake page; return the rows and the (page, size) pairs asked for."""
    asked = []

    def flow(page, size):
        asked.append((page, size))
        yield from ()
        return fetch(page, size)

    rows = []
    steps = sweep(flow, lambda row: row) if keep is None else sweep(flow, lambda row: row, keep)
    for command in steps:
        assert isinstance(command, Emit)
        rows += command.rows
        assert len(asked) < most
    return rows, asked


def pages(rows, *, total=True):
    def fetch(page, size):
        found = rows[(page - 1) * size : page * size]
        return Slice(found, (len(rows) if found else 0) if total else None)

    return fetch


@given(st.integers(0, 900))
@settings(max_examples=60, deadline=None)
def test_every_row_comes_once_in_order(count):
    rows, asked = collect(pages(list(range(count))))
    assert rows == list(range(count))
    assert len(asked) <= count // 200 + 1


@pytest.mark.parametrize("count", [0, 1, 199, 200, 201, 400])
def test_without_a_total_it_reads_until_a_page_is_empty(count):
    rows, asked = collect(pages(list(range(count)), total=False))
    assert rows == list(range(count))
    assert asked[-1][0] == -(-count // 200) + 1


def test_short_pages_are_not_the_end():
    """Rows the server cannot decode are left out of a page without a word (contract §2.8)."""
    good = [n for n in range(500) if n % 10]

    def fetch(page, size):
        window = range((page - 1) * size, min(page * size, 500))
        return Slice([n for n in window if n % 10], 500 if window else 0)

    rows, _ = collect(fetch)
    assert rows == good


def test_rows_that_move_between_pages_are_found_by_reading_again():
    """At size 200 the row at each edge comes twice and its neighbour never."""

    def fetch(page, size):
        order = list(range(450))
        if size == 200:
            order[200] = order[199]
            order[400] = order[399]
        found = order[(page - 1) * size : page * size]
        return Slice(found, 450 if found else 0)

    rows, asked = collect(fetch)
    assert len(rows) == 450
    assert set(rows) == set(range(450))
    assert {size for _, size in asked} == {200, 170}


def test_what_stays_hidden_is_logged(caplog):
    rows, asked = collect(lambda page, size: Slice([1, 2] if page == 1 else [], 3 if page == 1 else 0))
    assert rows == [1, 2]
    assert len(asked) == 3
    assert "1 of 3 rows could not be read" in caplog.text


def test_a_growing_list_is_followed():
    counter = iter(range(10_000))

    def fetch(page, size):
        return Slice(
            [next(counter) for _ in range(size if page < 4 else 10)] if page < 5 else [], 610 + page if page < 5 else 0
        )

    rows, _ = collect(fetch)
    assert len(rows) == len(set(rows)) >= 610


def test_rows_that_are_not_kept_still_count_as_seen():
    rows, asked = collect(pages(list(range(300))), keep=lambda row: row % 2 == 0)
    assert rows == list(range(0, 300, 2))
    assert len(asked) == 2
