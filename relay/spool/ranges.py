"""
Outcomes of whole ranges: a run of delivered events is one row, and so is a run of lost ones.

A row covers *first* to *last*, all of one route, outcome and reason, settled within a minute.
Rows never overlap each other or an outcome of its own (`relay.spool.outcomes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.database import Database
from relay.spool.folded import Totals, totals_of

_GROW_S = 60.0
_GROWING = 256
_COLUMNS = "first, last, route, outcome, reason, detail, settled_at_s"


class Range(NamedTuple):
    """One row."""

    first: int
    last: int
    route: str
    outcome: Outcome
    reason: Reason
    detail: str
    settled_at_s: float


def runs_of(delivered: Iterable[tuple[int, str]]) -> list[tuple[int, int, str]]:
    """Join sorted (position, route) pairs into (first, last, route) runs."""
    runs: list[tuple[int, int, str]] = []
    first = last = 0
    of = ""
    for position, route in delivered:
        if position == last + 1 and route == of:
            last = position
            continue
        if last:
            runs.append((first, last, of))
        first, last, of = position, position, route
    if last:
        runs.append((first, last, of))
    return runs


class Ranges:
    """The table ``ranges``; writes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Rows that the next run may make longer, by (route, next position): (first, settled at).
        self._growing: dict[tuple[str, int], tuple[int, float]] = {}

    def forget(self) -> None:
        """Forget what may grow: rows were cut, or a transaction failed."""
        self._growing.clear()

    def add_delivered(self, runs: list[tuple[int, int, str]], now_s: float) -> None:
        """Write delivered (first, last, route) runs; a run that follows a row makes it longer."""
        outcome, reason = Outcome.DELIVERED, Reason.ACCEPTED_BY_INLET
        fresh = []
        for first, last, route in runs:
            started, settled_at_s = self._growing.pop((route, first), (0, 0.0))
            if started and now_s - settled_at_s < _GROW_S:
                self._database.execute(
                    "UPDATE ranges SET last = ? WHERE first = ?", (last, started)
                )
            else:
                started, settled_at_s = first, now_s
                fresh.append((first, last, route, outcome, reason, "", now_s))
            self._growing[route, last + 1] = (started, settled_at_s)
        self._database.insert(f"INSERT INTO ranges ({_COLUMNS})", fresh)
        while len(self._growing) > _GROWING:
            del self._growing[next(iter(self._growing))]

    def add_lost(self, first: int, last: int, reason: Reason, detail: str, now_s: float) -> None:
        """Write that *first* to *last* are lost; nobody knows whose they were."""
        row = (first, last, "", OUTCOME_OF[reason], reason, detail, now_s)
        self._database.insert(f"INSERT INTO ranges ({_COLUMNS})", [row])

    def covering(self, position: int) -> Range | None:
        """Find the row that covers *position*."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM ranges WHERE first <= ? ORDER BY first DESC LIMIT 1",  # noqa: S608 - our own names
            (position,),
        )
        return _range(rows[0]) if rows and rows[0][1] >= position else None

    def between(
        self, first: int, last: int, outcome: Outcome | None = None, *, limit: int = -1
    ) -> list[Range]:
        """List rows that touch *first* to *last*, in order."""
        # Rows do not overlap, so none before the last that starts at *first* or earlier does.
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM ranges WHERE first <= ?1 AND last >= ?2 "  # noqa: S608 - our own names
            "AND first >= coalesce((SELECT max(first) FROM ranges WHERE first <= ?2), 0) "
            "AND (?3 = '' OR outcome = ?3) ORDER BY first LIMIT ?4",
            (last, first, outcome or "", limit),
        )
        return [_range(row) for row in rows]

    def cut(self, position: int) -> Range | None:
        """Take *position* out of the row that covers it; give that row as it was."""
        row = self.covering(position)
        if row is None:
            return None
        self.forget()
        self._database.execute("DELETE FROM ranges WHERE first = ?", (row.first,))
        parts = [
            row._replace(first=first, last=last)
            for first, last in ((row.first, position - 1), (position + 1, row.last))
            if first <= last
        ]
        self._database.insert(f"INSERT INTO ranges ({_COLUMNS})", parts)
        return row

    def kinds(self) -> list[tuple[str, str]]:
        """List the pairs of outcome and reason that there are, as they stand in the file."""
        return self._database.rows("SELECT DISTINCT outcome, reason FROM ranges")

    def count(self) -> int:
        """Count the positions of all rows."""
        return int(self._database.value("SELECT coalesce(sum(last - first + 1), 0) FROM ranges"))

    def _count(self, before: int) -> Totals:
        """Count the positions below *before*."""
        counts = self._database.rows(
            "SELECT route, outcome, reason, sum(min(last + 1, ?1) - first) FROM ranges "
            "WHERE first < ?1 GROUP BY 1, 2, 3",
            (before,),
        )
        return totals_of(counts)

    def fold(self, before: int) -> Totals:
        """Delete what is below *before*; give what it was."""
        self.forget()
        counts = self._count(before)
        self._database.execute("DELETE FROM ranges WHERE last < ?", (before,))
        self._database.execute("UPDATE ranges SET first = ?1 WHERE first < ?1", (before,))
        return counts


def _range(row: tuple[int, int, str, str, str, str, float]) -> Range:
    first, last, route, outcome, reason, detail, settled_at_s = row
    return Range(first, last, route, Outcome(outcome), Reason(reason), detail, settled_at_s)
