"""Running totals by route, outcome and reason, and what of them retention has folded away."""

from __future__ import annotations

from collections.abc import Mapping

from relay.outcome import Outcome, Reason
from relay.spool.database import Database
from relay.spool.folded import Totals, totals_of


class Accounts:
    """
    The tables ``totals`` and ``folded``; writes belong into the caller's transaction.

    *totals* counts every entry that has an outcome; *folded* is the part of it whose rows are
    deleted, all of positions below *before*.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.totals: Totals = {}
        self.folded: Totals = {}
        self.before = 1

    def load(self) -> None:
        """Read both tables."""
        self.totals = self._read("totals")
        self.folded = self._read("folded")
        self.before = self._database.value(
            "SELECT coalesce((SELECT value FROM facts WHERE key = 'spool:before'), 1)"
        )

    def _read(self, table: str) -> Totals:
        sql = f"SELECT route, outcome, reason, count FROM {table}"  # noqa: S608 - our own names
        return totals_of(self._database.rows(sql))

    def change(self, changes: Mapping[tuple[str, Outcome, Reason], int]) -> None:
        """Add *changes* to the running totals."""
        for key, change in changes.items():
            self.totals[key] = self.totals.get(key, 0) + change
        self._write("totals", changes)

    def fold(self, before: int, folded: Totals) -> None:
        """Note that the rows of *folded* are deleted, and everything below *before* with them."""
        self.before = before
        for key, count in folded.items():
            self.folded[key] = self.folded.get(key, 0) + count
        self._write("folded", folded)
        self._database.execute(
            "INSERT OR REPLACE INTO facts VALUES ('spool:before', ?)", (before,)
        )

    def kept(self, outcome: Outcome) -> int:
        """Count the entries with *outcome* whose rows are not deleted."""
        return sum(
            count - self.folded.get(key, 0)
            for key, count in self.totals.items()
            if key[1] is outcome
        )

    def _write(self, table: str, changes: Mapping[tuple[str, Outcome, Reason], int]) -> None:
        self._database.insert(
            f"INSERT INTO {table}",
            [(*key, change) for key, change in changes.items() if change],
            "ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )
