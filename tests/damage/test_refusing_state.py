"""A state that refuses a COMMIT: what only memory knows is believed by nobody."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from spool_kit import account, envelope, numbers, settlements, spool_at, take

from relay.clock import ManualClock
from relay.errors import SpoolFailed
from relay.spool.database import Database

COUNT = 10


@pytest.fixture
def failing_commits(monkeypatch):
    """While its ``is_on`` every COMMIT fails, as on a disk that is full: nothing is written."""
    execute = Database.execute

    class Commits:
        is_on = True

    def refuse(self, sql, parameters=()):
        if Commits.is_on and sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return execute(self, sql, parameters)

    monkeypatch.setattr(Database, "execute", refuse)
    Commits.is_on = False
    return Commits


async def settle_in_vain(spool, commits) -> None:
    """Read several segments of entries, and fail to write that all were delivered."""
    for number in range(1, COUNT + 1):
        await spool.append([envelope(number, size=30_000)])
    assert spool.stats().segments > 2
    entries = await take(spool, COUNT)
    commits.is_on = True
    with pytest.raises(SpoolFailed):
        await spool.settle(settlements(entries))
    commits.is_on = False


async def test_retention_deletes_nothing_that_was_settled_in_vain(tmp_path, failing_commits):
    """Outcomes that did not reach the disk let no segment go, and no total counts them."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await settle_in_vain(spool, failing_commits)
        await spool.pauses()
        assert (spool.stats().pending, spool.stats().cursor) == (COUNT, 0)
        assert not await spool._room.make()
        await spool._keeper.tick(retain=True)
        assert spool.stats().first_position == 1
    assert account(folder).pending == COUNT


async def test_what_was_settled_in_vain_is_read_again(tmp_path, failing_commits):
    """A rewind after the failure gives every entry out again."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await settle_in_vain(spool, failing_commits)
        spool.rewind("a")
        async with asyncio.timeout(10):
            again = await take(spool, COUNT)
        assert numbers(again) == list(range(1, COUNT + 1))
        await spool.settle(settlements(again))
    assert account(folder).delivered == COUNT


async def test_a_value_nobody_wrote_does_not_end_the_housekeeping(tmp_path):
    """Retention that meets one is told; the mark is synced and the log is probed as before."""
    folder, clock = tmp_path / "spool", ManualClock()
    async with spool_at(folder, clock) as spool:
        for number in range(1, COUNT + 1):
            await spool.append([envelope(number, size=30_000)])
        await spool.settle(settlements(await take(spool, COUNT)))
        sql = "UPDATE ranges SET reason = 'acceptel_by_inlet'"
        await spool._core.in_state(spool._state._database.execute, sql)
        clock.advance(4 * 86_400)
        await spool._keeper.tick(retain=True)
        assert "the spool's retain fails: ValueError" in spool.stats().damage
        assert spool.stats().first_position == 1
        await spool._core.in_state(
            spool._state._database.execute, "UPDATE ranges SET reason = 'accepted_by_inlet'"
        )
        await spool._keeper.tick(retain=True)
        assert spool.stats().damage == ()
        assert spool.stats().first_position > 1
    account(folder)
