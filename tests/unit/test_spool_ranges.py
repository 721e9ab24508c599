"""Rows of delivered and lost ranges, looked up by position."""

from __future__ import annotations

import pytest

from relay.outcome import Outcome, Reason
from relay.spool.database import Database
from relay.spool.ranges import Ranges

ROWS = 5000


@pytest.fixture
def database(tmp_path):
    """A state with rows of two delivered positions each, and of every third nothing."""
    database = Database(tmp_path / "state.db")
    with database.transaction():
        database.create()
        runs = [(3 * number + 1, 3 * number + 2, "a") for number in range(ROWS)]
        Ranges(database).add_delivered(runs, 0.0)
        Ranges(database).add_lost(3 * ROWS + 1, 3 * ROWS + 9, Reason.FRAME_DAMAGED, "", 0.0)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (1, 1, [(1, 2)]),
        (2, 3, [(1, 2)]),
        (3, 3, []),
        (2, 4, [(1, 2), (4, 5)]),
        (3 * ROWS - 1, 3 * ROWS + 1, [(3 * ROWS - 2, 3 * ROWS - 1), (3 * ROWS + 1, 3 * ROWS + 9)]),
        (3 * ROWS + 5, 1 << 62, [(3 * ROWS + 1, 3 * ROWS + 9)]),
        (3 * ROWS + 10, 1 << 62, []),
    ],
)
def test_rows_that_touch_are_found(database, first, last, rows):
    """Those that begin before, end after, or lie between; no other."""
    assert [(row.first, row.last) for row in Ranges(database).between(first, last)] == rows


def test_the_last_page_costs_no_more_than_the_first(database):
    """Rows before the page are not read, so that a list is not slower the longer it is."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    database._connection.set_progress_handler(count, 10)
    page = Ranges(database).between(3 * ROWS - 30, 3 * ROWS, Outcome.DELIVERED)
    assert len(page) == 10
    assert steps < 100
