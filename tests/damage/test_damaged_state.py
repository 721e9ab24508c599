"""``state.db`` damaged or gone: set aside, made anew, every kept event pending, accounts right."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from spool_kit import (
    account,
    copy_of,
    envelope,
    envelopes,
    open_spool,
    settlement,
    settlements,
    spool_at,
    take,
    take_all,
)

from relay.clock import ManualClock
from relay.errors import SpoolFailed, SpoolVersion
from relay.outcome import Outcome, Reason
from relay.spool import database
from relay.spool.port import Query

DAY_S = 86_400


async def settled(folder: Path) -> None:
    """Ten entries: six delivered, two quarantined, two pending."""
    async with spool_at(folder) as spool:
        await spool.append(envelopes(10))
        entries = await take(spool, 10)
        await spool.settle(settlements(entries[:6]))
        await spool.settle(settlements(entries[6:8], Reason.NOT_JSON))


HURTS = {
    "missing": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a database\n" * 1000),
    "another database": lambda path: (path.unlink(), other_database(path)),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "zeros inside": lambda path: overwrite(path, 4096, b"\0" * 8 * 4096),
    "noise inside": lambda path: overwrite(path, 3 * 4096, b"\xa5" * 4096),
    "a total changed": lambda path: change(path, "UPDATE totals SET count = count + 1"),
    "an outcome removed": lambda path: change(path, "DELETE FROM outcomes WHERE position = 7"),
    "a range removed": lambda path: change(path, "DELETE FROM ranges"),
    "a range made longer": lambda path: change(path, "UPDATE ranges SET last = 10"),
    "a table dropped": lambda path: change(path, "DROP TABLE replays"),
}


def other_database(path: Path) -> None:
    """Some database, but no spool's."""
    change(path, "CREATE TABLE notes (text)")


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


@pytest.mark.parametrize("hurt", HURTS)
async def test_a_damaged_state_is_made_anew(tmp_path, hurt):
    """However it is hurt: told, set aside, all that the log keeps is pending, and it adds up."""
    folder = tmp_path / "spool"
    await settled(folder)
    HURTS[hurt](folder / "state.db")
    async with spool_at(folder) as spool:
        stats = spool.stats()
        assert "pending again" in stats.damage[0]
        assert (stats.accepted, stats.pending) == (10, 10)
        assert (folder / "state.db.damaged-1").exists() == (hurt != "missing")
        assert ("state.db.damaged-1" in stats.damage[0]) == (hurt != "missing")
        entries = await take_all(spool)
        assert [one.envelope for one in entries] == envelopes(10)
        await spool.settle(settlements(entries))
    assert account(folder).delivered == 10
    async with spool_at(folder) as spool:
        assert spool.stats().damage == ()


async def test_nothing_set_aside_is_ever_overwritten(tmp_path):
    """Damage after damage is set aside under names of its own."""
    folder = tmp_path / "spool"
    for number in (1, 2, 3):
        async with spool_at(folder) as spool:
            await spool.append(envelopes(1))
        (folder / "state.db").write_bytes(b"damage %d" % number)
    async with spool_at(folder):
        pass
    kept = [(folder / f"state.db.damaged-{n}").read_bytes() for n in (1, 2, 3)]
    assert kept == [b"damage 1", b"damage 2", b"damage 3"]


async def test_a_flipped_bit_in_the_state_is_never_silent_loss(tmp_path):
    """All over the file: what was acknowledged is pending or has an outcome, or it is told."""
    await settled(tmp_path / "whole")
    size = (tmp_path / "whole" / "state.db").stat().st_size
    told = 0
    for offset in range(0, size, 1013):
        folder = copy_of(tmp_path / "whole", tmp_path / "flipped")
        byte = (folder / "state.db").read_bytes()[offset]
        overwrite(folder / "state.db", offset, bytes([byte ^ 1 << offset % 8]))
        async with spool_at(folder) as spool:
            stats = spool.stats()
            assert stats.adds_up
            assert stats.accepted == 10
            assert stats.pending == (10 if stats.damage else 2), offset
            told += bool(stats.damage)
        shutil.rmtree(folder)
    assert told > 0


async def test_a_damaged_write_ahead_log_loses_settlements_not_events(tmp_path):
    """Noise in the WAL takes settlements back: those events are pending again, not lost."""
    async with spool_at(tmp_path / "open") as spool:
        await spool.append(envelopes(10))
        entries = await take(spool, 10)
        for entry in entries:
            await spool.settle([settlement(entry)])
        folder = copy_of(tmp_path / "open", tmp_path / "killed")
    wal = folder / "state.db-wal"
    overwrite(wal, wal.stat().st_size * 3 // 4, b"\xa5" * 64)
    async with spool_at(folder) as spool:
        stats = spool.stats()
        assert 0 < stats.pending < 10
        assert stats.outcomes[Outcome.LOST] == 0
        again = await take_all(spool)
        assert len(again) == stats.pending
        await spool.settle(settlements(again))
    assert account(folder).delivered == 10


async def retained(folder: Path, clock: ManualClock) -> int:
    """Forty large entries, 3 quarantined, all others delivered; old segments deleted."""
    async with spool_at(folder, clock) as spool:
        for number in range(1, 41):
            await spool.append([envelope(number, size=8000)])
        entries = await take(spool, 40)
        await spool.settle([settlement(entries[2], Reason.SCHEMA_VIOLATION)])
        await spool.settle(settlements(entry for entry in entries if entry.position != 3))
        clock.advance(4 * DAY_S)
        await spool._keeper.tick(retain=True)
        first = spool.stats().first_position
        assert first > 3
        assert spool.stats().outcomes[Outcome.QUARANTINED] == 1
        assert (await spool.body(3)).body == envelope(3, size=8000).body
    return first


async def test_what_retention_deleted_keeps_its_outcome(tmp_path):
    """Made anew, the state knows deleted events by the file beside the log."""
    folder, clock = tmp_path / "spool", ManualClock()
    first = await retained(folder, clock)
    assert account(folder).delivered == 39
    (folder / "state.db").unlink()
    async with spool_at(folder, clock) as spool:
        stats = spool.stats()
        assert stats.pending == 40 - first + 1
        assert stats.outcomes[Outcome.DELIVERED] == first - 2
        assert stats.outcomes_by_reason["", Outcome.LOST, Reason.STATE_DAMAGED] == 1
        assert any("lost 1 events below" in one for one in stats.damage)
    assert account(folder).accepted == 40


@pytest.mark.parametrize("hurt", ["a total changed", "a range removed", "noise inside"])
async def test_the_quarantine_is_saved_from_a_damaged_state(tmp_path, hurt):
    """A quarantined entry whose segment is gone survives damage elsewhere in the state."""
    folder, clock = tmp_path / "spool", ManualClock()
    first = await retained(folder, clock)
    path = folder / "state.db"
    if hurt == "noise inside":
        connection = sqlite3.connect(path)
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'ranges'"
        page = connection.execute(sql).fetchone()[0]
        connection.close()
        overwrite(path, (page - 1) * 4096, b"\xa5" * 4096)
    else:
        HURTS[hurt](path)
    async with spool_at(folder, clock) as spool:
        assert any("1 quarantined events were saved" in one for one in spool.stats().damage)
        stats = spool.stats()
        assert stats.outcomes_by_reason["a", Outcome.QUARANTINED, Reason.SCHEMA_VIOLATION] == 1
        assert (stats.outcomes[Outcome.LOST], stats.pending) == (0, 41 - first)
        assert await spool.body(3) == envelope(3, size=8000)
        (found,) = await spool.find(Query(event_id="id-3"))
        assert found.reason is Reason.SCHEMA_VIOLATION
    assert account(folder).quarantined == 1


async def test_a_damaged_copy_is_not_saved(tmp_path):
    """A copy whose own bytes are damaged is not saved but reported lost."""
    folder, clock = tmp_path / "spool", ManualClock()
    await retained(folder, clock)
    change(folder / "state.db", "UPDATE quarantine SET body = zeroblob(8000)")
    change(folder / "state.db", "UPDATE totals SET count = count + 1")
    async with spool_at(folder, clock) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 1
        assert await spool.body(3) is None
    account(folder)


async def test_a_state_older_than_retention_is_not_believed(tmp_path):
    """A state put back from a backup, from before retention, is set aside and made anew."""
    folder, clock = tmp_path / "spool", ManualClock()
    async with spool_at(folder, clock):
        pass
    shutil.copy(folder / "state.db", tmp_path / "backup")
    first = await retained(folder, clock)
    shutil.copy(tmp_path / "backup", folder / "state.db")
    async with spool_at(folder, clock) as spool:
        assert "older than what retention deleted" in spool.stats().damage[0]
        assert spool.stats().pending == 41 - first
    account(folder)


@pytest.mark.parametrize("hurt", [None, b"", b"{}\n00000000\n", b"\xff\xfe"])
async def test_a_damaged_totals_file_is_written_again_from_the_state(tmp_path, hurt):
    """While the state is whole, the file beside the log is no more than its copy."""
    folder, clock = tmp_path / "spool", ManualClock()
    await retained(folder, clock)
    whole = (folder / "folded").read_bytes()
    if hurt is None:
        (folder / "folded").unlink()
    else:
        (folder / "folded").write_bytes(hurt)
    async with spool_at(folder, clock) as spool:
        assert spool.stats().outcomes[Outcome.DELIVERED] == 39
    assert (folder / "folded").read_bytes() == whole
    account(folder)


async def test_a_newer_state_is_left_alone(tmp_path):
    """A state of a newer relay is refused with a sentence, not set aside."""
    folder = tmp_path / "spool"
    await settled(folder)
    change(folder / "state.db", "PRAGMA user_version = 99")
    with pytest.raises(SpoolVersion, match=r"state\.db has format 99"):
        await open_spool(folder)
    assert not list(folder.glob("*damaged*"))
    change(folder / "state.db", "PRAGMA user_version = 1")
    async with spool_at(folder) as spool:
        assert spool.stats().pending == 2


async def test_damage_found_while_running_is_told(tmp_path):
    """A page that turns out damaged fails the call with a sentence, not with an answer."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(n, size=20_000) for n in range(1, 60)])
        await spool.settle(settlements(await take(spool, 59), Reason.NOT_JSON))
    async with spool_at(folder) as spool:
        size = (folder / "state.db").stat().st_size
        overwrite(folder / "state.db", 8 * 4096, b"\xa5" * (size - 8 * 4096))
        # Nothing of it in memory, nor in the log: SQLite must go to the file.
        await spool._core.in_state(spool._state._database.execute, "PRAGMA shrink_memory")
        for path in (folder / "log").iterdir():
            path.unlink()
        with pytest.raises(SpoolFailed, match="malformed"):
            await spool.body(30)


async def test_a_damaged_copy_in_quarantine_is_not_handed_out(tmp_path):
    """A flipped bit in quarantined bytes is found by their checksum, and named by the audit."""
    folder, clock = tmp_path / "spool", ManualClock()
    await retained(folder, clock)
    change(folder / "state.db", "UPDATE quarantine SET body = zeroblob(length(body))")
    async with spool_at(folder, clock) as spool:
        assert await spool.body(3) is None
        assert (await spool.replay(Query(position=3))).done == 1
        assert await take_all(spool) == []
    async with spool_at(folder, clock) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 1
    account(folder)


def test_the_search_for_damage_ends_in_time(tmp_path, monkeypatch):
    """A state too large to be searched in time is believed, and used without that limit."""
    path = tmp_path / "state.db"
    store = database.Database(path)
    with store.transaction():
        store.create()
        store.execute("CREATE TABLE long (number)")
        store.insert("INSERT INTO long", [(number,) for number in range(20_000)])
        store.insert("INSERT INTO long", [(None,)])
        # The last row is wrong, and the search comes to it last.
        store.execute("PRAGMA writable_schema = ON")
        store.execute(
            "UPDATE sqlite_master SET sql = 'CREATE TABLE long (number NOT NULL)' "
            "WHERE name = 'long'"
        )
    store.close()
    store = database.Database(path)
    with pytest.raises(sqlite3.DatabaseError, match="NULL value"):
        store.check()
    monkeypatch.setattr(database, "_CHECK_S", -1.0)
    store.check()
    assert store.value("SELECT count(*) FROM long WHERE number >= 0") == 20_000
    store.close()
