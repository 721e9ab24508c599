"""A disk that does not answer: nothing is acknowledged, it is told, and all goes on afterwards."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest
from spool_kit import account, envelope, open_spool, take_all

from relay.clock import ManualClock
from relay.errors import SpoolFailed
from relay.spool import local
from relay.spool.stall import Stall


@pytest.fixture
def stuck(monkeypatch):
    """Makes every sync of the log wait while the event is not set."""
    answers = threading.Event()
    answers.set()
    real = os.fdatasync

    def fdatasync(fd):
        if "/log/" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            assert answers.wait(60)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    yield answers
    answers.set()


async def test_a_disk_that_hangs_is_told_and_recovers(tmp_path, stuck):
    """While no write ends the spool says that it cannot store; then all goes on."""
    clock = ManualClock()
    spool = await open_spool(tmp_path / "spool", clock)
    keeper = spool._keeper
    await spool.append([envelope(1)])
    keeper.look()
    stuck.clear()
    append = asyncio.create_task(spool.append([envelope(2)]))
    await asyncio.sleep(0)
    keeper.look()
    clock.advance(2.9)
    keeper.look()
    assert spool.stats().accepting
    clock.advance(0.1)
    keeper.look()
    stats = spool.stats()
    assert not stats.accepting
    assert stats.refusing_because == "no write has ended for 3 s or more; does the disk answer?"
    assert not append.done()
    stuck.set()
    await append
    keeper.look()
    assert spool.stats().accepting
    assert len(await take_all(spool)) == 2
    await spool.close()
    account(tmp_path / "spool")


async def test_what_waits_for_a_disk_that_hangs_is_bounded(tmp_path, stuck, monkeypatch):
    """Those who gave up and send again are refused at once; when writes end, all goes on."""
    monkeypatch.setattr(local, "_WAITING_MAX_BYTES", 10_000)
    spool = await open_spool(tmp_path / "spool", ManualClock())
    stuck.clear()
    appends = [asyncio.create_task(spool.append([envelope(n)])) for n in range(1, 200)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused = [append for append in appends if append.done()]
    assert 0 < len(refused) < len(appends)
    for append in refused:
        with pytest.raises(SpoolFailed, match="bytes wait for a write; does the disk answer"):
            append.result()
    stuck.set()
    assert await asyncio.gather(*(append for append in appends if append not in refused))
    await spool.append([envelope(200)])
    await spool.close()
    account(tmp_path / "spool")


def test_a_slow_disk_is_none_that_hangs():
    """Each write takes long, and somebody always waits: as long as writes end, all is well."""
    stall = Stall()
    for second in range(100):
        assert stall.look(second // 2, is_waiting=True, now_s=float(second)) == ""


def test_an_idle_spool_does_not_hang():
    """Nobody waits: the time between two events is not the disk's."""
    stall = Stall()
    assert stall.look(7, is_waiting=True, now_s=0.0) == ""
    assert stall.look(7, is_waiting=False, now_s=50.0) == ""
    assert stall.look(7, is_waiting=True, now_s=100.0) == ""
    assert stall.look(7, is_waiting=True, now_s=102.0) == ""
    assert stall.look(7, is_waiting=True, now_s=103.0) != ""
