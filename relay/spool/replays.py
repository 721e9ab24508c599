"""
Entries that had an outcome and wait again: their attempt, and their turn.

*seq* grows with every replay, so that a reader that remembers the last one it took sees each
replay once, without a list of them in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from relay.spool.database import Database
from relay.spool.dedupe import key_of
from relay.spool.outcomes import conditions
from relay.spool.port import Found, Query

COLUMNS = "position, route, received_at_s, size_bytes, attempt, event_id, event_key"


class Waiting(NamedTuple):
    """A replay that waits: *seq* is its turn."""

    seq: int
    position: int
    attempt: int


class Replays:
    """The table ``replays``; writes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.count = 0

    def load(self) -> None:
        """Read how many there are."""
        self.count = self._database.value("SELECT count(*) FROM replays")

    def add(self, found: Found) -> None:
        """Let *found* wait for its next attempt."""
        row = (
            found.position,
            found.route,
            found.received_at_s,
            found.size_bytes,
            found.attempt + 1,
            found.event_id,
            key_of(found.event_id) if found.event_id else None,
        )
        self.put_back([row])
        self.count += 1

    def put_back(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows that were read from another state; `load` counts them."""
        self._database.insert(f"INSERT INTO replays ({COLUMNS})", rows)

    def attempts(self, positions: Sequence[int]) -> dict[int, int]:
        """Say for which attempt those of *positions* wait that do."""
        found: dict[int, int] = {}
        for start in range(0, len(positions), 500):
            part = positions[start : start + 500]
            marks = ",".join("?" * len(part))
            found |= self._database.rows(
                f"SELECT position, attempt FROM replays WHERE position IN ({marks})",  # noqa: S608 - marks only
                part,
            )
        return found

    def remove(self, positions: Iterable[int]) -> None:
        """Let *positions* wait no longer."""
        for position in positions:
            self.count -= self._database.execute(
                "DELETE FROM replays WHERE position = ?", (position,)
            ).rowcount

    def after(self, route: str, seq: int, limit: int) -> list[Waiting]:
        """List *route*'s replays after *seq*, in their turn."""
        rows = self._database.rows(
            "SELECT seq, position, attempt FROM replays WHERE route = ? AND seq > ? "
            "ORDER BY seq LIMIT ?",
            (route, seq, limit),
        )
        return [Waiting(*row) for row in rows]

    def first(self, before: int) -> int | None:
        """Give the lowest position at or over *before*."""
        lowest: int | None = self._database.value(
            "SELECT min(position) FROM replays WHERE position >= ?", (before,)
        )
        return lowest

    def between(self, first: int, last: int) -> list[int]:
        """List the positions from *first* to *last*, in order."""
        rows = self._database.rows(
            "SELECT position FROM replays WHERE position BETWEEN ? AND ? ORDER BY position",
            (first, last),
        )
        return [row[0] for row in rows]

    def above(self, cursor: int) -> list[int]:
        """List positions over *cursor*, in order."""
        rows = self._database.rows(
            "SELECT position FROM replays WHERE position > ? ORDER BY position", (cursor,)
        )
        return [row[0] for row in rows]

    def routes(self) -> list[str]:
        """List the routes that have one."""
        return [row[0] for row in self._database.rows("SELECT DISTINCT route FROM replays")]

    def find(self, query: Query, *, first: int, last: int) -> list[Found]:
        """List those that match *query*, in position order."""
        where, values = conditions(query, first=first, last=last)
        rows = self._database.rows(
            "SELECT position, route, received_at_s, size_bytes, attempt, event_id FROM replays "  # noqa: S608 - our own names
            f"WHERE {where} ORDER BY position LIMIT ?",
            [*values, query.limit],
        )
        return [_found(row) for row in rows]


def _found(row: tuple[Any, ...]) -> Found:
    position, route, received_at_s, size_bytes, attempt, event_id = row
    return Found(
        position, route, received_at_s, size_bytes, attempt, None, None, event_id=event_id
    )
