"""
What can be saved of a state that was set aside: quarantined entries that the log has no more.

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


@dataclass(frozen=True, slots=True)
class Rescued:
    """One quarantined entry: its rows as they stood in ``outcomes`` and ``quarantine``."""

    route: str
    reason: Reason
    outcome_row: tuple[Any, ...]
    copy_row: tuple[Any, ...]


def rescue(path: Path, before: int) -> list[Rescued]:
    """Read what is whole of the quarantine in the state at *path*, below position *before*."""
    found: dict[int, Rescued] = {}
    with suppress(sqlite3.Error, ValueError):
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            for position in _positions(connection, before):
                one = _read(connection, position)
                if one is not None:
                    found[position] = one
    return list(found.values())


def _positions(connection: sqlite3.Connection, before: int) -> list[int]:
    positions: list[int] = []
    rows = connection.execute("SELECT position FROM quarantine ORDER BY position")
    # Where a page is damaged the rows end; those before it are there.
    with suppress(sqlite3.Error, ValueError):
        positions.extend(_below(rows, before))
    return positions


def _below(rows: sqlite3.Cursor, before: int) -> Iterator[int]:
    for (position,) in rows:
        if isinstance(position, int) and 0 < position < before:
            yield position


def _read(connection: sqlite3.Connection, position: int) -> Rescued | None:
    """Read one entry; ``None`` when any part of it is not as it was written."""
    with suppress(sqlite3.Error, ValueError, TypeError, IndexError):
        outcome_row = connection.execute(
            f"SELECT {OUTCOME_COLUMNS} FROM outcomes WHERE position = ?",  # noqa: S608 - our own names
            (position,),
        ).fetchall()[0]
        copy_row = connection.execute(
            f"SELECT {COPY_COLUMNS} FROM quarantine WHERE position = ?",  # noqa: S608 - our own names
            (position,),
        ).fetchall()[0]
        _, route, *_ = outcome_row
        reason = Reason(outcome_row[OUTCOME_COLUMNS.split(", ").index("reason")])
        _, _, _, _, crc, _, _, headers, body = copy_row
        if OUTCOME_OF[reason] is Outcome.QUARANTINED and is_whole(position, headers, body, crc):
            return Rescued(route, reason, outcome_row, copy_row)
    return None
