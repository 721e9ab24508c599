"""A file of the log that is gone: its pending positions are reported, the others are read."""

from __future__ import annotations

import asyncio
import os

import pytest
from spool_kit import account, envelope, settlements, spool_at, take, take_all

from relay.audit import audit, audit_deep
from relay.errors import SpoolFailed
from relay.outcome import Outcome, Reason
from relay.spool.port import Query
from relay.spool.segment import list_segments

COUNT = 40


async def filled(folder) -> list[tuple[int, int]]:
    """Forty entries, the first and every tenth settled; the (first, last) of each segment."""
    async with spool_at(folder) as spool:
        for number in range(1, COUNT + 1):
            await spool.append([envelope(number, size=8000)])
        entries = await take(spool, COUNT)
        await spool.settle(settlements(e for e in entries if e.position % 10 == 1))
        segments = list_segments(folder / "log")
        segments[-1].last = COUNT
        return [(segment.first, segment.last) for segment in segments]


@pytest.mark.parametrize("which", [0, 2, -2])
async def test_a_missing_segment_is_reported_with_its_positions(tmp_path, which):
    """First, middle or next to last: what it held and was pending is lost, the rest is read."""
    folder = tmp_path / "spool"
    first, last = (await filled(folder))[which]
    sorted((folder / "log").iterdir())[which].unlink()
    before = audit_deep(folder)
    assert not before.adds_up
    gone = [n for n in range(first, last + 1) if n % 10 != 1]
    async with spool_at(folder) as spool:
        lost = await spool.find(Query(outcome=Outcome.LOST, limit=COUNT))
        assert [one.position for one in lost] == gone
        assert {one.reason for one in lost} == {Reason.SEGMENT_MISSING}
        assert any("segment" in one and str(gone[0]) in one for one in spool.stats().damage)
        left = [n for n in range(1, COUNT + 1) if n % 10 != 1 and n not in gone]
        assert [one.position for one in await take_all(spool)] == left
        assert spool.stats().outcomes[Outcome.DELIVERED] == 4
    assert account(folder).lost == len(gone)
    async with spool_at(folder) as spool:
        assert spool.stats().damage == ()
        assert len(await take_all(spool)) == len(left) + 1


@pytest.mark.parametrize("left_bytes", [0, 47, 48, 77, 128, 129])
async def test_a_closed_segment_cut_near_its_header_is_lost_and_passed_over(tmp_path, left_bytes):
    """Whatever is left of the header, what it held is lost, and what follows it is read."""
    folder = tmp_path / "spool"
    first, last = (await filled(folder))[2]
    os.truncate(sorted((folder / "log").iterdir())[2], left_bytes)
    gone = [n for n in range(first, last + 1) if n % 10 != 1]
    assert not audit_deep(folder).adds_up
    async with spool_at(folder) as spool:
        left = [n for n in range(1, COUNT + 1) if n % 10 != 1 and n not in gone]
        async with asyncio.timeout(10):
            assert [one.position for one in await take_all(spool)] == left
        found = await spool.find(Query(outcome=Outcome.LOST, limit=COUNT))
        assert [one.position for one in found] == gone
    assert account(folder).lost == len(gone)


async def test_the_newest_segment_missing_is_a_log_that_ends_early(tmp_path):
    """Without its last file the log ends before the high-water mark: the rest is lost."""
    folder = tmp_path / "spool"
    first, _ = (await filled(folder))[-1]
    max((folder / "log").iterdir()).unlink()
    assert not audit(folder).adds_up
    async with spool_at(folder) as spool:
        lost = [one.position for one in await spool.find(Query(outcome=Outcome.LOST, limit=99))]
        assert lost == [n for n in range(first, COUNT + 1) if n % 10 != 1]
        assert await spool.append([envelope(1)]) == COUNT + 1
        assert spool.stats().epoch == 2
    account(folder)


async def test_all_segments_missing(tmp_path):
    """Without any file of the log all that was pending is lost, and positions go on."""
    folder = tmp_path / "spool"
    await filled(folder)
    for path in (folder / "log").iterdir():
        path.unlink()
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == COUNT - 4
        assert await spool.append([envelope(1)]) == COUNT + 1
        assert [one.position for one in await take(spool, 1)] == [COUNT + 1]
    account(folder)


async def test_a_segment_that_goes_under_a_running_relay(tmp_path):
    """A file removed behind the relay's back is found by the reader, and what it held is lost."""
    folder = tmp_path / "spool"
    spans = await filled(folder)
    async with spool_at(folder) as spool:
        sorted((folder / "log").iterdir())[1].unlink()
        first, last = spans[1]
        gone = [n for n in range(first, last + 1) if n % 10 != 1]
        read = [one.position for one in await take_all(spool)]
        assert read == [n for n in range(1, COUNT + 1) if n % 10 != 1 and n not in gone]
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == len(gone)
    account(folder)


async def test_a_log_that_cannot_be_read_is_not_called_lost(tmp_path, monkeypatch):
    """A disk that refuses to read fails the read, says so, and costs no entry once it works."""
    folder = tmp_path / "spool"
    await filled(folder)
    async with spool_at(folder) as spool:
        with monkeypatch.context() as patch:
            patch.setattr("relay.spool.scan.read_range", refuse)
            with pytest.raises(SpoolFailed, match="Input/output error"):
                await spool.read("a", max_entries=1, max_bytes=1)
        assert len(await take_all(spool)) == COUNT - 4
        assert spool.stats().outcomes[Outcome.LOST] == 0
    account(folder)


def refuse(*_: object) -> bytes:
    """Read as a broken disk does."""
    raise OSError(5, "Input/output error")
