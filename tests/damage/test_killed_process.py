"""A process killed in full work: it appends, settles and deletes, and loses nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from spool_kit import account, numbers, spool_at, take_all

from relay.outcome import Outcome

KILLS = 4
LINES = 60

WORKER = """
import asyncio, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from spool_kit import envelopes, open_spool, settlements
from relay.outcome import Reason

async def append(spool):
    while True:
        await asyncio.gather(*(spool.append(envelopes(1, size=3000)) for _ in range(8)))
        print(await spool.append(envelopes(1, size=3000)), flush=True)

async def settle(spool):
    while True:
        entries = await spool.read("a", max_entries=50, max_bytes=1 << 20)
        await spool.settle(settlements(entries[1:]))
        await spool.settle(settlements(entries[:1], Reason.NOT_JSON))
        await spool._room.make()

async def main():
    spool = await open_spool(Path({folder!r}))
    await asyncio.gather(append(spool), settle(spool), settle(spool))

asyncio.run(main())
"""


def run_and_kill(folder: Path) -> int:
    """Let the worker acknowledge a while, kill it; the last position it was told."""
    code = WORKER.format(tests=str(Path(__file__).parents[1]), folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(LINES):
            last = int(child.stdout.readline())
        child.kill()
        return max([last, *(int(line) for line in child.stdout if line.endswith(b"\n"))])


async def check(folder: Path, last: int) -> None:
    """All up to *last* is there or has its outcome; both audits add up, before and after."""
    found = account(folder)
    assert found.accepted >= last
    assert found.lost == 0
    async with spool_at(folder) as spool:
        stats = spool.stats()
        assert stats.accepted >= last
        assert stats.outcomes[Outcome.LOST] == 0
        assert stats.adds_up
        read = numbers(await take_all(spool))
        assert read == sorted(set(read))
        assert len(read) == stats.pending
    account(folder)


@pytest.mark.crash
async def test_no_loss_through_kills(tmp_path):
    """Killed again and again in full work, the spool keeps what it acknowledged."""
    folder, last = tmp_path / "spool", 0
    for _ in range(KILLS):
        before, last = last, run_and_kill(folder)
        assert last > before
        await check(folder, last)
