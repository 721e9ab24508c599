"""``state.db`` damaged after retention: what only it knew is saved, or reported as lost."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from spool_kit import (
    account,
    change,
    envelope,
    open_spool,
    overwrite,
    settlement,
    settlements,
    spool_at,
    take,
    take_all,
)

from relay.audit import audit, audit_deep
from relay.clock import ManualClock
from relay.errors import SpoolError
from relay.outcome import Outcome, Reason
from relay.spool.database import Database
from relay.spool.port import Query

DAY_S = 86_400


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


async def test_a_second_loss_does_not_hide_the_first(tmp_path):
    """What two damaged states cost is counted together, and told each time by itself."""
    folder, clock = tmp_path / "spool", ManualClock()
    await retained(folder, clock)
    (folder / "state.db").unlink()
    async with spool_at(folder, clock) as spool:
        entries = await take(spool, spool.stats().pending)
        await spool.settle(settlements(entries[:2], Reason.NOT_JSON))
        await spool.settle(settlements(entries[2:]))
        for number in range(41, 61):
            await spool.append([envelope(number, size=8000)])
        clock.advance(4 * DAY_S)
        await spool._keeper.tick(retain=True)
        assert spool.stats().first_position > entries[1].position
    (folder / "state.db").unlink()
    async with spool_at(folder, clock) as spool:
        assert any("lost 2 events below" in one for one in spool.stats().damage)
        lost = spool.stats().outcomes_by_reason["", Outcome.LOST, Reason.STATE_DAMAGED]
        assert lost == 3
        assert spool.stats().adds_up
    async with spool_at(folder, clock) as spool:
        assert not spool.stats().damage
    assert account(folder).accepted == 60


CHANGES = {
    "a total changed": "UPDATE totals SET count = count + 1",
    "a range removed": "DELETE FROM ranges",
}


@pytest.mark.parametrize("hurt", [*CHANGES, "noise inside"])
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
        change(path, CHANGES[hurt])
    async with spool_at(folder, clock) as spool:
        assert any("1 quarantined events were saved" in one for one in spool.stats().damage)
        stats = spool.stats()
        assert stats.outcomes_by_reason["a", Outcome.QUARANTINED, Reason.SCHEMA_VIOLATION] == 1
        assert (stats.outcomes[Outcome.LOST], stats.pending) == (0, 41 - first)
        assert await spool.body(3) == envelope(3, size=8000)
        (found,) = await spool.find(Query(event_id="id-3"))
        assert found.reason is Reason.SCHEMA_VIOLATION
    assert account(folder).quarantined == 1


async def test_what_waits_for_its_replay_is_saved_too(tmp_path):
    """A quarantined entry that was replayed and whose segment is gone still waits."""
    folder, clock = tmp_path / "spool", ManualClock()
    first = await retained(folder, clock)
    async with spool_at(folder, clock) as spool:
        assert (await spool.replay(Query(position=3))).done == 1
    change(folder / "state.db", "UPDATE totals SET count = count + 1")
    async with spool_at(folder, clock) as spool:
        stats = spool.stats()
        assert (stats.outcomes[Outcome.LOST], stats.pending) == (0, 42 - first)
        (entry,) = await take(spool, 1)
        assert (entry.position, entry.attempt) == (3, 2)
        assert entry.envelope == envelope(3, size=8000)
        await spool.settle([settlement(entry)])
    account(folder)


async def test_an_old_state_does_not_count_twice_what_ended_since(tmp_path):
    """Put back from a backup, it has in quarantine what was delivered and deleted later."""
    folder, clock = tmp_path / "spool", ManualClock()
    async with spool_at(folder, clock) as spool:
        for number in range(1, 21):
            await spool.append([envelope(number, size=8000)])
        await spool.settle(settlements(await take(spool, 20), Reason.NOT_JSON))
    shutil.copy(folder / "state.db", tmp_path / "backup")
    async with spool_at(folder, clock) as spool:
        assert (await spool.replay(Query())).done == 20
        await spool.settle(settlements(await take(spool, 20)))
        clock.advance(4 * DAY_S)
        await spool._keeper.tick(retain=True)
        first = spool.stats().first_position
        assert first > 3
    shutil.copy(tmp_path / "backup", folder / "state.db")
    async with spool_at(folder, clock) as spool:
        stats = spool.stats()
        assert stats.adds_up
        assert (stats.outcomes[Outcome.QUARANTINED], stats.pending) == (first - 1, 21 - first)
    account(folder)
    async with spool_at(folder, clock) as spool:
        assert spool.stats().damage == ()


@pytest.mark.parametrize("step", ["CREATE TABLE quarantine", "COMMIT", "PRAGMA user_version"])
async def test_what_is_made_anew_may_be_cut_short(tmp_path, monkeypatch, step):
    """Begun again after a full disk or a kill, it saves the quarantine from the same old state."""
    folder, clock = tmp_path / "spool", ManualClock()
    await retained(folder, clock)
    change(folder / "state.db", "UPDATE totals SET count = count + 1")
    execute = Database.execute

    def refuse(self, sql, parameters=()):
        if sql.strip().startswith(step) and self.is_new:
            raise sqlite3.OperationalError("database or disk is full")
        return execute(self, sql, parameters)

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Database, "execute", refuse)
            with pytest.raises(SpoolError, match="disk is full"):
                await open_spool(folder, clock)
    async with spool_at(folder, clock) as spool:
        assert (
            "not made anew to its end; it is set aside as state.db.damaged-1"
            in (spool.stats().damage[0])
        )
        assert spool.stats().outcomes[Outcome.QUARANTINED] == 1
        assert await spool.body(3) == envelope(3, size=8000)
    assert not list(folder.glob("*damaged-2*"))
    assert not (folder / "state.anew").exists()
    account(folder)


async def test_a_copy_whose_row_is_damaged_is_not_saved(tmp_path):
    """A row without its route cannot be written again; the rest of the spool opens."""
    folder, clock = tmp_path / "spool", ManualClock()
    await retained(folder, clock)
    connection = sqlite3.connect(folder / "state.db")
    with connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'stage TEXT NOT NULL', 'stage TEXT') "
            "WHERE name = 'outcomes'"
        )
    connection.close()
    change(folder / "state.db", "UPDATE outcomes SET stage = NULL")
    change(folder / "state.db", "UPDATE totals SET count = count + 1")
    async with spool_at(folder, clock) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 1
    account(folder)


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
    for look in (audit, audit_deep):
        assert any("it is older" in problem for problem in look(folder).problems)
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
