"""What the tests of the spool share: envelopes, an open spool on a folder, and its accounts."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from relay.audit import Audit, audit, audit_deep
from relay.clock import Clock, ManualClock
from relay.config import SpoolConfig
from relay.envelope import Entry, Envelope
from relay.metrics import Metrics
from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool import frame
from relay.spool.local import LocalSpool
from relay.spool.port import Settlement, Spool

HEADERS = (("content-type", "application/json"), ("user-agent", "test"))
KIB = 1024
DIGEST = b"0123456789abcdef"
SETTLED = [reason for reason in Reason if OUTCOME_OF[reason] is not Outcome.LOST]


def envelope(number: int = 1, *, route: str = "a", size: int = 0, at_s: float = 1.7e9) -> Envelope:
    """One delivery whose body names *number*, padded to *size* bytes."""
    return Envelope(route, at_s, HEADERS, (b'{"n":%d}' % number).ljust(size))


def envelopes(count: int, *, route: str = "a", size: int = 0) -> list[Envelope]:
    """*count* of them, numbered from 1."""
    return [envelope(number, route=route, size=size) for number in range(1, count + 1)]


def settlement(
    entry: Entry, reason: Reason = Reason.ACCEPTED_BY_INLET, *, event_id: str = ""
) -> Settlement:
    """*entry* ended with *reason*; its id is made from its position unless given."""
    return Settlement(
        entry,
        OUTCOME_OF[reason],
        reason,
        event_id=event_id or f"id-{entry.position}",
        digest=DIGEST,
        stage="test",
    )


def settlements(
    entries: Iterable[Entry], reason: Reason = Reason.ACCEPTED_BY_INLET
) -> list[Settlement]:
    """All of *entries* ended with *reason*."""
    return [settlement(entry, reason) for entry in entries]


def settings(folder: Path, **changed: object) -> SpoolConfig:
    """A spool in *folder* with small files, so that a few events fill one."""
    small = {"segment_bytes": 64 * KIB, "reserve_bytes": 64 * KIB, "path": str(folder)}
    return SpoolConfig.model_validate(small | changed)


async def open_spool(folder: Path, clock: Clock | None = None, **changed: object) -> LocalSpool:
    """Open the spool in *folder*; whoever does closes it."""
    return await LocalSpool.open(
        settings(folder, **changed), metrics=Metrics(), clock=clock or ManualClock()
    )


@asynccontextmanager
async def spool_at(
    folder: Path, clock: Clock | None = None, **changed: object
) -> AsyncIterator[LocalSpool]:
    """The spool in *folder*, open inside the block."""
    spool = await open_spool(folder, clock, **changed)
    try:
        yield spool
    finally:
        await spool.close()


async def take(spool: Spool, count: int, *, route: str = "a") -> list[Entry]:
    """Read exactly *count* entries of *route*."""
    taken: list[Entry] = []
    while len(taken) < count:
        taken += await spool.read(route, max_entries=count - len(taken), max_bytes=1 << 30)
    return taken


async def take_all(spool: Spool, *, route: str = "a") -> list[Entry]:
    """Read everything of *route* that waits now: up to an entry appended as a mark."""
    mark = await spool.append([Envelope(route, 0.0, (), b"mark")])
    taken: list[Entry] = []
    while not taken or taken[-1].position != mark:
        taken += await spool.read(route, max_entries=1000, max_bytes=1 << 30)
    return taken[:-1]


def numbers(entries: Iterable[Entry]) -> list[int]:
    """The positions of *entries*."""
    return [entry.position for entry in entries]


async def filled(spool: Spool, clock: ManualClock) -> list[Entry]:
    """
    Ten entries, ten seconds apart, of routes a (odd) and b (even).

    1 and 2 delivered, 3 not JSON, 4 a schema violation, 5 duplicate, 6 filtered, 7 to 10 pending.
    """
    start_s = clock.wall_s()
    for n in range(10):
        await spool.append([envelope(n + 1, route="ab"[n % 2], at_s=start_s + 10 * n)])
    entries = [*await take(spool, 5), *await take(spool, 5, route="b")]
    entries.sort(key=lambda entry: entry.position)
    reasons = [
        Reason.ACCEPTED_BY_INLET,
        Reason.ACCEPTED_BY_INLET,
        Reason.NOT_JSON,
        Reason.SCHEMA_VIOLATION,
        Reason.SAME_EVENT_ID,
        Reason.METRIC_FILTERED,
    ]
    await spool.settle([settlement(*pair) for pair in zip(entries, reasons, strict=False)])
    return entries


def account(folder: Path) -> Audit:
    """Both audits of *folder*, which must agree and add up."""
    quick, deep = audit(folder), audit_deep(folder)
    assert deep.problems == (), deep
    assert deep.adds_up, deep
    assert quick.adds_up, quick
    assert quick.as_json() | {"deep": True} == deep.as_json()
    return deep


def copy_of(folder: Path, to: Path) -> Path:
    """Copy a spool as a killed process would leave it; nothing may be under way."""
    return shutil.copytree(folder, to)


def newest_segment(folder: Path) -> Path:
    """The log's last file."""
    return max((folder / "log").iterdir())


def size_bytes(kept: Envelope) -> int:
    """Say how many bytes of the log *kept* takes."""
    return len(b"".join(frame.encode_run([kept], 1, 0, 1, 0)))


def change(path: Path, sql: str) -> None:
    """Change the state as nobody should."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(sql)
    connection.close()


def overwrite(path: Path, offset: int, data: bytes) -> None:
    """Write over a part of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
