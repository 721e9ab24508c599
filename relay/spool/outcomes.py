"""
Outcomes of single entries: everything but an event delivered at its first attempt.

Each has its row with what a person wants to know of it; `Found` is that row read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.database import Database
from relay.spool.dedupe import key_of
from relay.spool.folded import Totals, totals_of
from relay.spool.port import Found, Query, Settlement

COLUMNS = (
    "position, route, received_at_s, size_bytes, attempt, outcome, reason, event_id, event_key, "
    "stage, path, detail, settled_at_s"
)
_READ = (
    "position, route, received_at_s, size_bytes, attempt, outcome, reason, event_id, stage, path, "
    "detail, settled_at_s"
)
_TEXT_CHARACTERS = 500


def plain(text: str) -> str:
    """Cut *text* to what is kept of it, in characters that SQLite can store."""
    return text[:_TEXT_CHARACTERS].encode("utf-8", "replace").decode("utf-8")


def conditions(query: Query, *, first: int, last: int) -> tuple[str, list[Any]]:
    """Turn the fields that a row of its own can answer into SQL; positions *first* to *last*."""
    parts: list[str] = ["position >= ? AND position <= ?"]
    values: list[Any] = [first, last]
    for sql, value in (
        ("route = ?", query.route or None),
        ("received_at_s >= ?", query.since_s),
        ("received_at_s < ?", query.until_s),
        ("event_key = ?", key_of(query.event_id) if query.event_id else None),
    ):
        if value is not None:
            parts.append(sql)
            values.append(value)
    return " AND ".join(parts), values


class Outcomes:
    """The table ``outcomes``; writes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, settlements: Sequence[Settlement], now_s: float) -> None:
        """Write one row for each of *settlements*."""
        self._database.insert(
            f"INSERT INTO outcomes ({COLUMNS})", [_row(one, now_s) for one in settlements]
        )

    def put_back(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows that were read from another state."""
        self._database.insert(f"INSERT INTO outcomes ({COLUMNS})", rows)

    def get(self, position: int) -> Found | None:
        """Read the row of *position*."""
        rows = self._database.rows(f"SELECT {_READ} FROM outcomes WHERE position = ?", (position,))  # noqa: S608 - our own names
        return _found(rows[0]) if rows else None

    def find(self, query: Query, *, first: int, last: int) -> list[Found]:
        """List rows that match *query*, in position order."""
        where, values = conditions(query, first=first, last=last)
        for column, value in (("outcome", query.outcome), ("reason", query.reason)):
            if value is not None:
                where += f" AND {column} = ?"
                values.append(value)
        rows = self._database.rows(
            f"SELECT {_READ} FROM outcomes WHERE {where} ORDER BY position LIMIT ?",  # noqa: S608 - our own names
            [*values, query.limit],
        )
        return [_found(row) for row in rows]

    def remove(self, position: int) -> None:
        """Delete the row of *position*."""
        self._database.execute("DELETE FROM outcomes WHERE position = ?", (position,))

    def drop(self, position: int, now_s: float) -> None:
        """Turn the row of *position* into a discarded one."""
        reason = Reason.DROPPED_BY_PERSON
        self._database.execute(
            "UPDATE outcomes SET outcome = ?, reason = ?, settled_at_s = ? WHERE position = ?",
            (OUTCOME_OF[reason], reason, now_s, position),
        )

    def above(self, cursor: int) -> Iterable[int]:
        """List positions over *cursor*, in order."""
        rows = self._database.rows(
            "SELECT position FROM outcomes WHERE position > ? ORDER BY position", (cursor,)
        )
        return [row[0] for row in rows]

    def kinds(self) -> list[tuple[str, str]]:
        """List the pairs of outcome and reason that there are, as they stand in the file."""
        return self._database.rows("SELECT DISTINCT outcome, reason FROM outcomes")

    def count(self) -> int:
        """Count all rows."""
        return int(self._database.value("SELECT count(*) FROM outcomes"))

    def fold(self, before: int) -> Totals:
        """Delete what is below *before* and not in quarantine; give what it was."""
        counts = self._database.rows(
            "SELECT route, outcome, reason, count(*) FROM outcomes "
            "WHERE position < ? AND outcome != 'quarantined' GROUP BY 1, 2, 3",
            (before,),
        )
        self._database.execute(
            "DELETE FROM outcomes WHERE position < ? AND outcome != 'quarantined'", (before,)
        )
        return totals_of(counts)


def _row(one: Settlement, now_s: float) -> tuple[Any, ...]:
    entry, envelope = one.entry, one.entry.envelope
    return (
        entry.position,
        envelope.route,
        envelope.received_at_s,
        envelope.size_bytes,
        entry.attempt,
        one.outcome,
        one.reason,
        plain(one.event_id),
        key_of(one.event_id) if one.event_id else None,
        plain(one.stage),
        plain(one.path),
        plain(one.detail),
        now_s,
    )


def _found(row: tuple[Any, ...]) -> Found:
    position, route, received_at_s, size_bytes, attempt, outcome, reason, event_id, *rest = row
    stage, path, detail, settled_at_s = rest
    return Found(
        position=position,
        route=route,
        received_at_s=received_at_s,
        size_bytes=size_bytes,
        attempt=attempt,
        outcome=Outcome(outcome),
        reason=Reason(reason),
        event_id=event_id,
        stage=stage,
        path=path,
        detail=detail,
        settled_at_s=settled_at_s,
    )
