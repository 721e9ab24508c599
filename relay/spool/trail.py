"""
The audit trail: what people did to entries, who, when, and to which positions.

A command does its work page by page, at a slow rate one entry a page. Pages that follow each other
are one deed, at the time of the last: a long replay is one row and pushes nothing else out.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.spool.database import Database
from relay.spool.intervals import Intervals
from relay.spool.port import Deed

_KEPT = 10_000
_GOES_ON_S = 15.0
_MAX_TEXT = 4096


class Trail:
    """The table ``trail``, its newest ten thousand rows; writes belong into a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, what: str, who: str, positions: Iterable[int], now_s: float) -> None:
        """Note that *who* did *what* to *positions*, or that the newest deed goes on."""
        done = Intervals((position, position) for position in positions)
        if self._goes_on(what, who, done, now_s):
            return
        self._database.execute(
            "INSERT INTO trail (at_s, who, what, entries, positions) VALUES (?, ?, ?, ?, ?)",
            (now_s, who, what, done.count, _text(done)),
        )
        self._database.execute(
            "DELETE FROM trail WHERE id <= (SELECT max(id) FROM trail) - ?", (_KEPT,)
        )

    def _goes_on(self, what: str, who: str, done: Intervals, now_s: float) -> bool:
        """Add *done* to the newest deed if it is that one's next page."""
        rows = self._database.rows(
            "SELECT id, positions FROM trail WHERE id = (SELECT max(id) FROM trail) "
            "AND what = ? AND who = ? AND at_s BETWEEN ? AND ? AND length(positions) < ?",
            (what, who, now_s - _GOES_ON_S, now_s, _MAX_TEXT),
        )
        for row, text in rows:
            before = _read(text)
            if any(first <= before.last for first, _ in done):
                return False
            for first, last in done:
                before.add(first, last)
            self._database.execute(
                "UPDATE trail SET at_s = ?, entries = ?, positions = ? WHERE id = ?",
                (now_s, before.count, _text(before), row),
            )
            return True
        return False

    def newest(self, limit: int) -> list[Deed]:
        """List the last *limit* deeds, newest first."""
        rows = self._database.rows(
            "SELECT at_s, who, what, entries, positions FROM trail ORDER BY id DESC LIMIT ?",
            (min(limit, _KEPT),),
        )
        return [Deed(*row) for row in rows]


def _text(positions: Intervals) -> str:
    return ",".join(f"{a}-{b}" if a < b else f"{a}" for a, b in positions)


def _read(text: str) -> Intervals:
    spans = (span.partition("-") for span in text.split(","))
    return Intervals((int(first), int(last or first)) for first, _, last in spans)
