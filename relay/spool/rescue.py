"""
What can be saved of a state that was set aside: quarantined entries that the log has no more, and
those of them that wait for a replay.

Their bytes carry a checksum of their own, so that those that read right are right, whatever is
wrong with the rest of the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.outcomes import COLUMNS as OUTCOME_COLUMNS
from relay.spool.quarantine import COLUMNS as COPY_COLUMNS
from relay.spool.quarantine import is_whole
from relay.spool.replays import COLUMNS as REPLAY_COLUMNS


@dataclass(frozen=True, slots=True)
class Rescued:
    """
    One entry: its rows as they stood in ``outcomes``, or else ``replays``, and ``quarantine``.

    *reason* is why it is in quarantine, ``None`` when it waits for a replay.
    """

    route: str
    reason: Reason | None
    row: tuple[Any, ...]
    copy_row: tuple[Any, ...]


def rescue(path: Path, before: int) -> Iterator[Rescued]:
    """Read what is whole of the quarantine in the state at *path*, below position *before*."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    try:
        connection = sqlite3.connect(uri, uri=True)
    except sqlite3.Error:
        return
    with closing(connection):
        for position in _positions(connection, before):
            one = _read(connection, position)
            if one is not None:
                yield one


def _positions(connection: sqlite3.Connection, before: int) -> list[int]:
    positions: dict[int, None] = {}
    # Where a page is damaged the rows end; those before it are there.
    with suppress(sqlite3.Error, ValueError):
        rows = connection.execute("SELECT position FROM quarantine ORDER BY position")
        positions.update((position, None) for position in _below(rows, before))
    return list(positions)


def _below(rows: sqlite3.Cursor, before: int) -> Iterator[int]:
    for (position,) in rows:
        if isinstance(position, int) and 0 < position < before:
            yield position


def _read(connection: sqlite3.Connection, position: int) -> Rescued | None:
    """Read one entry; ``None`` when any part of it is not as it was written."""
    with suppress(sqlite3.Error, ValueError, TypeError, IndexError):
        (copy_row,) = _rows(connection, COPY_COLUMNS, "quarantine", position)
        _, _, _, _, crc, _, _, headers, body = copy_row
        if not is_whole(position, headers, body, crc):
            return None
        for row in _rows(connection, OUTCOME_COLUMNS, "outcomes", position):
            reason = Reason(row[OUTCOME_COLUMNS.split(", ").index("reason")])
            if OUTCOME_OF[reason] is Outcome.QUARANTINED:
                return Rescued(row[1], reason, row, copy_row)
            return None
        for row in _rows(connection, REPLAY_COLUMNS, "replays", position):
            return Rescued(row[1], None, row, copy_row)
    return None


def _rows(
    connection: sqlite3.Connection, columns: str, table: str, position: int
) -> list[tuple[Any, ...]]:
    """Read the rows of *position* that have a value wherever one must be."""
    sql = f"SELECT {columns} FROM {table} WHERE position = ?"  # noqa: S608 - our own names
    names = columns.split(", ")
    return [
        row
        for row in connection.execute(sql, (position,))
        if all(
            value is not None or name == "event_key"
            for name, value in zip(names, row, strict=True)
        )
    ]
