"""The audit trail: what people did to entries, who, when, and to which positions."""

from __future__ import annotations

from collections.abc import Iterable

from relay.spool.database import Database
from relay.spool.intervals import Intervals
from relay.spool.port import Deed

_KEPT = 10_000


class Trail:
    """The table ``trail``, its newest ten thousand rows; writes belong into a transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, what: str, who: str, positions: Iterable[int], now_s: float) -> None:
        """Note that *who* did *what* to *positions*."""
        done = Intervals((position, position) for position in positions)
        text = ",".join(f"{a}-{b}" if a < b else f"{a}" for a, b in done)
        self._database.execute(
            "INSERT INTO trail (at_s, who, what, entries, positions) VALUES (?, ?, ?, ?, ?)",
            (now_s, who, what, done.count, text),
        )
        self._database.execute(
            "DELETE FROM trail WHERE id <= (SELECT max(id) FROM trail) - ?", (_KEPT,)
        )

    def newest(self, limit: int) -> list[Deed]:
        """List the last *limit* deeds, newest first."""
        rows = self._database.rows(
            "SELECT at_s, who, what, entries, positions FROM trail ORDER BY id DESC LIMIT ?",
            (min(limit, _KEPT),),
        )
        return [Deed(*row) for row in rows]
