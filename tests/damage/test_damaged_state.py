"""``state.db`` damaged or gone: set aside, made anew, every kept event pending, accounts right."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from spool_kit import (
    account,
    change,
    copy_of,
    envelope,
    envelopes,
    open_spool,
    overwrite,
    settlement,
    settlements,
    spool_at,
    take,
    take_all,
)

from relay.errors import SpoolFailed, SpoolVersion
from relay.outcome import Outcome, Reason
from relay.spool import database


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
    "a reason that is none": lambda path: change(path, "UPDATE ranges SET reason = 'acceptel'"),
    "another outcome's reason": lambda path: change(path, "UPDATE outcomes SET outcome = 'lost'"),
    "a table dropped": lambda path: change(path, "DROP TABLE replays"),
}


def other_database(path: Path) -> None:
    """Some database, but no spool's."""
    change(path, "CREATE TABLE notes (text)")


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
        with pytest.raises(SpoolFailed, match="malformed") as caught:
            await spool.body(30)
        assert "restart the relay" in caught.value.hint


async def test_damage_found_while_running_is_mended_at_the_next_opening(tmp_path):
    """Whether or not the search at opening, which ends in time, would come to it."""
    folder = tmp_path / "spool"
    names = [f"id-{number}" for number in range(1, 501)]
    async with spool_at(folder) as spool:
        await spool.append(envelopes(500))
        await spool.settle(settlements(await take(spool, 500)))
    whole = (folder / "state.db").read_bytes()
    async with spool_at(folder) as spool:
        for at in range(4096, len(whole), 4096):
            if b"id-250" in whole[at : at + 4096]:
                overwrite(folder / "state.db", at, b"\xa5" * 4096)
        await spool._core.in_state(spool._state._database.execute, "PRAGMA shrink_memory")
        with pytest.raises(SpoolFailed, match="malformed"):
            await spool.seen(names)
    (folder / "state.db").write_bytes(whole)
    async with spool_at(folder) as spool:
        assert "state.db was found damaged in use" in spool.stats().damage[0]
        assert await spool.seen(names) == {}
        entries = await take_all(spool)
        assert len(entries) == 500
        await spool.settle(settlements(entries))
    account(folder)
    async with spool_at(folder) as spool:
        assert spool.stats().damage == ()


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
