"""Group commit: what shares a write and a sync, what does not fit, and what a new file is for."""

from __future__ import annotations

import asyncio
import os
import threading

from spool_kit import account, envelope, envelopes, numbers, spool_at, take, take_all

from relay.spool import log
from relay.spool.segment import list_segments


def counting(monkeypatch, call: str) -> list[int]:
    """Count the calls of one of os's functions, of the log's files only."""
    calls: list[int] = []
    real = getattr(os, call)

    def counted(fd: int, *rest: object) -> object:
        calls.append(fd)
        return real(fd, *rest)

    monkeypatch.setattr(os, call, counted)
    return calls


async def test_appends_that_wait_together_share_a_sync(tmp_path, monkeypatch):
    """Appends of one turn of the loop cost one fdatasync, and so do those of the next group."""
    async with spool_at(tmp_path / "spool") as spool:
        syncs = counting(monkeypatch, "fdatasync")
        await asyncio.gather(*(spool.append(envelopes(1)) for _ in range(50)))
        assert len(syncs) == 1
        await spool.append(envelopes(1))
        assert len(syncs) == 2


class Gate:
    """Holds every fdatasync until it is opened, and counts them."""

    def __init__(self, monkeypatch) -> None:
        self.syncs = 0
        self.begun = threading.Event()
        self.open = threading.Event()
        real = os.fdatasync

        def held(fd: int) -> None:
            self.syncs += 1
            self.begun.set()
            assert self.open.wait(30)
            real(fd)

        monkeypatch.setattr(os, "fdatasync", held)


async def gathered(spool, monkeypatch, number: int) -> tuple[Gate, list[asyncio.Task]]:
    """Append once, and *number* times more while that is written; the first is answered."""
    gate = Gate(monkeypatch)
    first = asyncio.create_task(spool.append(envelopes(1)))
    assert await asyncio.to_thread(gate.begun.wait, 30)
    more = [asyncio.create_task(spool.append(envelopes(1))) for _ in range(number)]
    await asyncio.sleep(0)
    gate.open.set()
    assert await first == 1
    return gate, more


async def test_a_busy_log_waits_for_those_it_answered(tmp_path, monkeypatch):
    """When many gathered, one more that comes after the answers shares their sync."""
    monkeypatch.setattr(log, "_LINGER_S", 60)
    async with spool_at(tmp_path / "spool") as spool:
        gate, more = await gathered(spool, monkeypatch, 10)
        assert not any(task.done() for task in more)
        assert await spool.append(envelopes(1)) == 12
        assert [await task for task in more] == list(range(2, 12))
        assert gate.syncs == 2


async def test_a_busy_log_does_not_wait_for_ever(tmp_path, monkeypatch):
    """Nobody else comes: those who gathered are stored all the same."""
    async with spool_at(tmp_path / "spool") as spool:
        gate, more = await gathered(spool, monkeypatch, 10)
        assert [await task for task in more] == list(range(2, 12))
        assert gate.syncs == 2


async def test_a_few_are_not_kept_waiting(tmp_path, monkeypatch):
    """When few gathered they are written at once."""
    monkeypatch.setattr(log, "_LINGER_S", 60)
    async with spool_at(tmp_path / "spool") as spool:
        _, more = await gathered(spool, monkeypatch, 3)
        assert [await task for task in more] == [2, 3, 4]


async def test_a_close_ends_the_waiting(tmp_path, monkeypatch):
    """A log that is closed while it waits for more writes what it has at once."""
    monkeypatch.setattr(log, "_LINGER_S", 60)
    async with spool_at(tmp_path / "spool") as spool:
        _, more = await gathered(spool, monkeypatch, 10)
        await spool.close()
        assert [await task for task in more] == list(range(2, 12))


async def test_an_append_larger_than_a_segment_gets_one_of_its_size(tmp_path):
    """Neither one huge body nor one huge append is bound by the size of a segment."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1, size=300_000)])
        await spool.append([envelope(n, size=9_000) for n in range(40)])
        await spool.append([envelope(2)])
        assert numbers(await take_all(spool)) == list(range(1, 43))
    account(folder)


async def test_segments_are_cut_to_what_they_hold(tmp_path):
    """When the next file is begun the one before loses its preallocated rest."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        for number in range(1, 21):
            await spool.append([envelope(number, size=8000)])
        *closed, newest = list_segments(folder / "log")
        assert len(closed) > 1
        assert newest.end == 64 * 1024
        for segment in closed:
            assert segment.end < 64 * 1024
            assert segment.path.read_bytes()[-8:] != bytes(8)
        assert spool.stats().log_bytes < sum(s.end for s in closed) + newest.end


async def test_a_group_that_crosses_segments_is_whole(tmp_path):
    """Appends that share a group are stored in order though a file ends between them."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        lasts = await asyncio.gather(
            *(spool.append([envelope(n, size=10_000)]) for n in range(1, 31))
        )
        assert lasts == list(range(1, 31))
        read = await take(spool, 30)
        assert [one.envelope for one in read] == [envelope(n, size=10_000) for n in range(1, 31)]
    account(folder)


async def test_an_append_of_nothing_is_nothing(tmp_path):
    """An empty append takes no position."""
    async with spool_at(tmp_path / "spool") as spool:
        assert await spool.append([]) == 0
        await spool.append(envelopes(2))
        assert await spool.append([]) == 2


async def test_close_finishes_what_was_handed_over(tmp_path):
    """An append under way when the spool closes is stored and answered."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        appending = asyncio.create_task(spool.append(envelopes(3)))
        await asyncio.sleep(0)
        await spool.close()
        assert await appending == 3
    assert account(folder).accepted == 3
