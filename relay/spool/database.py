"""
The SQLite file behind the state: opened, checked, written in transactions, set aside when damaged.

Exactly one connection writes and checkpoints it, in the state's thread. Write-ahead log with
``synchronous = NORMAL``: what a power cut takes back is the last transactions, whole, so that the
accounts add up and some events are sent again. Where that is not enough (retention deletes files)
`Database.sync` makes everything so far survive.

A statement that runs in another thread gives the interpreter lock up and waits for it once a row.
Beside a busy event loop that wait is up to 5 ms, so many rows go in with one statement
(`Database.insert`): 500 ids took 110 ms one by one and 2 ms together.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from relay.errors import SpoolVersion
from relay.spool.segment import sync_folder

VERSION = 1
_CHECKPOINT_PAGES = 300
_CACHE_KIB = 32 * 1024
_WAL_KEPT_BYTES = 16 * 1024 * 1024
_ROWS_A_STATEMENT = 500
_CHECK_S = 2.0
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
_COMPANIONS = ("", "-wal", "-shm")

SCHEMA = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE totals (
    route TEXT, outcome TEXT, reason TEXT, count INTEGER NOT NULL,
    PRIMARY KEY (route, outcome, reason)
) WITHOUT ROWID;
CREATE TABLE folded (
    route TEXT, outcome TEXT, reason TEXT, count INTEGER NOT NULL,
    PRIMARY KEY (route, outcome, reason)
) WITHOUT ROWID;
CREATE TABLE ranges (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, route TEXT NOT NULL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, settled_at_s REAL NOT NULL
);
CREATE TABLE outcomes (
    position INTEGER PRIMARY KEY, route TEXT NOT NULL, received_at_s REAL NOT NULL,
    size_bytes INTEGER NOT NULL, attempt INTEGER NOT NULL, outcome TEXT NOT NULL,
    reason TEXT NOT NULL, event_id TEXT NOT NULL, event_key BLOB, stage TEXT NOT NULL,
    path TEXT NOT NULL, detail TEXT NOT NULL, settled_at_s REAL NOT NULL
);
CREATE INDEX outcomes_by_outcome ON outcomes (outcome, position);
CREATE INDEX outcomes_by_event ON outcomes (event_key) WHERE event_key IS NOT NULL;
CREATE TABLE replays (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, position INTEGER NOT NULL UNIQUE, route TEXT NOT NULL,
    received_at_s REAL NOT NULL, size_bytes INTEGER NOT NULL, attempt INTEGER NOT NULL,
    event_id TEXT NOT NULL, event_key BLOB
);
CREATE INDEX replays_by_route ON replays (route, seq);
CREATE INDEX replays_by_event ON replays (event_key) WHERE event_key IS NOT NULL;
CREATE TABLE quarantine (
    position INTEGER PRIMARY KEY, kept_bytes INTEGER NOT NULL, spill_bytes INTEGER NOT NULL,
    spill TEXT NOT NULL, crc INTEGER NOT NULL, route TEXT NOT NULL, received_at_s REAL NOT NULL,
    headers BLOB NOT NULL, body BLOB NOT NULL
);
CREATE TABLE days (
    name TEXT PRIMARY KEY, day INTEGER NOT NULL, part INTEGER NOT NULL,
    entries INTEGER NOT NULL, bytes INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE pauses (
    route TEXT PRIMARY KEY, since_s REAL NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
    hint TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE routes (route TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE hours (
    route TEXT, start_s INTEGER, delivered INTEGER NOT NULL, PRIMARY KEY (route, start_s)
) WITHOUT ROWID;
CREATE TABLE trail (
    id INTEGER PRIMARY KEY, at_s REAL NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
    entries INTEGER NOT NULL, positions TEXT NOT NULL
);
"""


class Database:
    """The one connection that writes ``state.db``; every call belongs to the state's thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_new = not path.exists()
        if self.is_new:
            # SQLite gives its other files the mode of this one.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        for pragma in (
            "cell_size_check = ON",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"cache_size = {-_CACHE_KIB}",
            f"journal_size_limit = {_WAL_KEPT_BYTES}",
            "temp_store = MEMORY",
            "secure_delete = FAST",
        ):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        version = int(self.value("PRAGMA user_version"))
        if version > VERSION:
            raise SpoolVersion(
                f"{self.path.name} has format {version}, this relay knows {VERSION}",
                hint="start the newer relay that wrote it, or give this one another spool.path",
            )
        self.is_new = version == 0
        if version == 0 and self.value("SELECT count(*) FROM sqlite_master"):
            raise sqlite3.DatabaseError("the file is a database, but not a spool's state")

    def create(self) -> None:
        """Make the tables; belongs into a transaction."""
        for statement in SCHEMA.split(";"):
            if statement.strip():
                self.execute(statement)
        self.execute(f"PRAGMA user_version = {VERSION}")

    def check(self) -> None:
        """
        Look for damage, for two seconds at most.

        Raises:
            sqlite3.DatabaseError: the file is damaged.
        """
        deadline_s = time.monotonic() + _CHECK_S
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline_s, 20_000)
        try:
            problem = self.value("PRAGMA quick_check(1)")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            return
        finally:
            self._connection.set_progress_handler(None, 0)
        if problem != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {problem}")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Fetch all rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """Fetch the first column of the first row; ``None`` when there is no row."""
        row = self._connection.execute(sql, parameters).fetchone()
        return None if row is None else row[0]

    def insert(self, head: str, rows: Sequence[Sequence[Any]], tail: str = "") -> int:
        """Run ``head VALUES (…), (…) tail`` with few statements; say how many rows changed."""
        changed = 0
        for start in range(0, len(rows), _ROWS_A_STATEMENT):
            part = rows[start : start + _ROWS_A_STATEMENT]
            marks = "(" + ",".join("?" * len(part[0])) + ")"
            sql = f"{head} VALUES {','.join([marks] * len(part))} {tail}"
            changed += self.execute(sql, [value for row in part for value in row]).rowcount
        return changed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all or nothing of what the block writes."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                # A failed statement may have rolled back by itself.
                with suppress(sqlite3.Error):
                    self.execute("ROLLBACK")
            raise

    def sync(self) -> None:
        """
        Make every transaction so far survive power loss.

        Through the write-ahead log and not by a checkpoint, which a reader may hold up. No lock
        of SQLite's is on that file, so that it may be opened and closed here.

        Raises:
            OSError: the disk refuses.
        """
        with suppress(FileNotFoundError):
            fd = os.open(self._wal, os.O_RDWR | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        sync_folder(self.path.parent)

    @property
    def _wal(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def sizes(self) -> tuple[int, int]:
        """Give the bytes of the file and of its write-ahead log."""
        wal_bytes = 0
        with suppress(OSError):
            wal_bytes = self._wal.stat().st_size
        return self.path.stat().st_size, wal_bytes

    def close(self) -> None:
        """Checkpoint and close."""
        self._connection.close()


def is_damage(error: sqlite3.Error) -> bool:
    """
    Say whether *error*, met at opening, means a damaged file, and not a disk that refuses.

    A statement that does not fit the tables means that they are not ours any more; an error
    without a code is about a value that was read.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGE


def free_name(path: Path) -> str:
    """Give the first of ``<name>.damaged-N`` that nothing at *path* has."""
    number = 1
    while any(
        path.with_name(f"{path.name}.damaged-{number}{end}").exists() for end in _COMPANIONS
    ):
        number += 1
    return f"{path.name}.damaged-{number}"


def set_aside(path: Path, name: str) -> None:
    """
    Rename the file at *path* and its companions to *name*.

    Raises:
        OSError: the disk refuses.
    """
    # The file itself last: cut short, the rest of it is found and set aside the next time.
    for end in reversed(_COMPANIONS):
        with suppress(FileNotFoundError):
            path.with_name(path.name + end).rename(path.with_name(name + end))
    sync_folder(path.parent)


def remove(path: Path) -> None:
    """
    Remove the file at *path* and its companions.

    Raises:
        OSError: the disk refuses.
    """
    for end in _COMPANIONS:
        path.with_name(path.name + end).unlink(missing_ok=True)
