"""A write that never finished: cut off, told, and nothing before it is touched."""

from __future__ import annotations

import shutil

import pytest
from spool_kit import (
    account,
    copy_of,
    envelope,
    newest_segment,
    numbers,
    size_bytes,
    spool_at,
    take,
    take_all,
)

from relay.outcome import Outcome
from relay.spool.segment import HEADER_BYTES


@pytest.fixture
async def torn(tmp_path):
    """Two acknowledged entries, and the bytes of a third whose write was under way."""
    async with spool_at(tmp_path / "open") as spool:
        await spool.append([envelope(1), envelope(2)])
        before = copy_of(tmp_path / "open", tmp_path / "before")
        await spool.append([envelope(3)])
        after = newest_segment(tmp_path / "open").read_bytes()
    start = HEADER_BYTES + size_bytes(envelope(1)) + size_bytes(envelope(2))
    return before, after[start : start + size_bytes(envelope(3))]


async def test_a_torn_last_entry_is_cut_off(torn, tmp_path):
    """Whatever part of the last write reached the disk, what was acknowledged is read."""
    before, frame = torn
    start = HEADER_BYTES + size_bytes(envelope(1)) + size_bytes(envelope(2))
    for part in range(1, len(frame)):
        folder = copy_of(before, tmp_path / "torn")
        with newest_segment(folder).open("r+b") as file:
            file.seek(start)
            file.write(frame[:part])
        async with spool_at(folder) as spool:
            stats = spool.stats()
            assert (stats.accepted, stats.outcomes[Outcome.LOST]) == (2, 0)
            assert "never finished" in stats.damage[0]
            assert await spool.append([envelope(9)]) == 3
            assert [one.envelope.body for one in await take(spool, 3)] == [
                envelope(n).body for n in (1, 2, 9)
            ]
        assert account(folder).pending == 3
        shutil.rmtree(folder)


async def test_a_whole_entry_that_nobody_was_told_about_is_kept(torn, tmp_path):
    """A write that reached the disk whole, but was not acknowledged, is an entry all the same."""
    before, frame = torn
    start = HEADER_BYTES + size_bytes(envelope(1)) + size_bytes(envelope(2))
    with newest_segment(before).open("r+b") as file:
        file.seek(start)
        file.write(frame)
    async with spool_at(before) as spool:
        assert spool.stats().accepted == 3
        assert spool.stats().damage == ()
        assert numbers(await take_all(spool)) == [1, 2, 3]
    account(before)


async def test_a_torn_group_leaves_its_whole_entries(tmp_path):
    """Of a group whose write was torn in the middle, the entries before the tear are kept."""
    async with spool_at(tmp_path / "open") as spool:
        await spool.append([envelope(1)])
        folder = copy_of(tmp_path / "open", tmp_path / "torn")
        await spool.append([envelope(n) for n in range(2, 8)])
        after = newest_segment(tmp_path / "open").read_bytes()
    end = HEADER_BYTES + 4 * size_bytes(envelope(1)) + 20
    newest_segment(folder).write_bytes(after[:end])
    async with spool_at(folder) as spool:
        assert numbers(await take_all(spool)) == [1, 2, 3, 4]
        assert spool.stats().outcomes[Outcome.LOST] == 0
    account(folder)


async def test_holes_in_a_torn_group_are_not_read_over(tmp_path):
    """Pages of one write may reach the disk in any order: what follows a hole is cut off too."""
    async with spool_at(tmp_path / "open") as spool:
        await spool.append([envelope(1)])
        folder = copy_of(tmp_path / "open", tmp_path / "torn")
        await spool.append([envelope(n) for n in range(2, 8)])
        after = bytearray(newest_segment(tmp_path / "open").read_bytes())
    size = size_bytes(envelope(1))
    hole = HEADER_BYTES + 2 * size
    after[hole : hole + size] = bytes(size)
    newest_segment(folder).write_bytes(after)
    assert account(folder).accepted == 2
    async with spool_at(folder) as spool:
        assert numbers(await take_all(spool)) == [1, 2]
        assert await spool.append([envelope(9)]) == 4
        assert spool.stats().outcomes[Outcome.LOST] == 0
    async with spool_at(folder) as spool:
        assert [one.envelope.body for one in await take(spool, 4)][2:] == [b"mark", b'{"n":9}']
    account(folder)
