"""
What ``state.db`` says at one moment, read without the lock and beside a running relay.

The connection is read-only and cannot checkpoint; everything is read in one transaction, so that
it belongs together.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from relay.errors import SpoolError, SpoolVersion
from relay.outcome import Outcome, Reason
from relay.spool.database import VERSION
from relay.spool.folded import Totals, totals_of
from relay.spool.quarantine import is_whole

_PAGE = 16
_PAST = (
    "SELECT coalesce(sum(last - max(first, ?1 + 1) + 1), 0) FROM ranges WHERE last > ?1",
    "SELECT count(*) FROM outcomes WHERE position > ?1",
    "SELECT count(*) FROM replays WHERE position > ?1",
)


@dataclass(frozen=True, slots=True)
class Statement:
    """
    The state's own numbers.

    *before* and *folded* are what retention deleted; *passed* counts the positions that are not
    plain pending, *waiting* the replays among them, *highest* is the last of them.
    """

    before: int
    folded: Totals
    totals: Totals
    passed: int
    waiting: int
    highest: int


@dataclass(frozen=True, slots=True)
class Rows:
    """
    Every row that gives a position its place.

    *ended* are sorted (first, last) of outcomes, *counted* the same by route, outcome and reason;
    *replays* are positions; *copies* those that the quarantine has bytes of, and *uncopied* those
    that are quarantined without.
    """

    ended: list[tuple[int, int]] = field(repr=False)
    counted: Totals
    replays: list[int] = field(repr=False)
    copies: set[int] = field(repr=False)
    uncopied: list[int] = field(repr=False)


def read_statement(folder: Path) -> Statement:
    """
    Read the running totals.

    Raises:
        SpoolError: there is no state, or it cannot be read.
    """
    with _reading(folder) as connection:
        return _statement(connection)


def read_rows(folder: Path) -> tuple[Statement, Rows]:
    """
    Read the running totals and every row, of the same moment.

    Raises:
        SpoolError: there is no state, or it cannot be read.
    """
    with _reading(folder) as connection:
        return _statement(connection), _rows(connection)


def damaged_copies(folder: Path) -> Iterator[int]:
    """
    Check the checksum of every copy in quarantine, a few at a time; name the damaged ones.

    Raises:
        SpoolError: the state cannot be read.
    """
    after = 0
    while True:
        with _reading(folder) as connection:
            rows = connection.execute(
                "SELECT position, crc, headers, body FROM quarantine WHERE position > ? "
                "ORDER BY position LIMIT ?",
                (after, _PAGE),
            ).fetchall()
        for position, crc, headers, body in rows:
            if not is_whole(position, headers, body, crc):
                yield position
        if len(rows) < _PAGE:
            return
        after = rows[-1][0]


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Hold one read transaction on a connection of its own."""
    path = folder / "state.db"
    if not path.exists():
        raise SpoolError(
            f"{path} is missing",
            hint="name the spool's folder, or start the relay: it makes the state anew",
        )
    try:
        # Read-only: it may neither write nor checkpoint, whatever happens to the writer.
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only = ON")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise SpoolVersion(f"{path} has format {version}, this relay knows {VERSION}")
            connection.execute("BEGIN")
            yield connection
    except (sqlite3.Error, ValueError) as error:
        raise SpoolError(
            f"{path} cannot be read: {error}",
            hint="if it is damaged, the relay sets it aside when it starts and makes it anew",
        ) from error


def _statement(connection: sqlite3.Connection) -> Statement:
    facts = dict(connection.execute("SELECT key, value FROM facts").fetchall())
    hint = int(facts.get("spool:cursor", 0))
    past = [int(connection.execute(sql, (hint,)).fetchone()[0]) for sql in _PAST]
    highest = connection.execute(
        "SELECT max(coalesce((SELECT max(last) FROM ranges), 0), "
        "coalesce((SELECT max(position) FROM outcomes), 0), "
        "coalesce((SELECT max(position) FROM replays), 0), ?)",
        (hint,),
    ).fetchone()[0]
    return Statement(
        before=int(facts.get("spool:before", 1)),
        folded=_totals(connection, "folded"),
        totals=_totals(connection, "totals"),
        passed=hint + sum(past),
        waiting=connection.execute("SELECT count(*) FROM replays").fetchone()[0],
        highest=highest,
    )


def _totals(connection: sqlite3.Connection, table: str) -> Totals:
    rows = connection.execute(f"SELECT route, outcome, reason, count FROM {table}")  # noqa: S608 - our own names
    return {key: count for key, count in totals_of(rows).items() if count}


def _rows(connection: sqlite3.Connection) -> Rows:
    ended: list[tuple[int, int]] = []
    counted: Counter[tuple[str, Outcome, Reason]] = Counter()
    uncopied: list[int] = []
    copies = {row[0] for row in connection.execute("SELECT position FROM quarantine")}
    for first, last, *key in connection.execute(
        "SELECT first, last, route, outcome, reason FROM ranges"
    ):
        ended.append((first, last))
        counted.update(totals_of([(*key, last - first + 1)]))
    for position, *key in connection.execute(
        "SELECT position, route, outcome, reason FROM outcomes"
    ):
        ended.append((position, position))
        counted.update(totals_of([(*key, 1)]))
        if key[1] == Outcome.QUARANTINED and position not in copies:
            uncopied.append(position)
    replays = [row[0] for row in connection.execute("SELECT position FROM replays")]
    return Rows(sorted(ended), dict(counted), sorted(replays), copies, sorted(uncopied))
