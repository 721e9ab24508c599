"""A spool that another process holds, or that a newer relay wrote: refused, and left as it is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from spool_kit import account, envelopes, newest_segment, numbers, open_spool, spool_at, take

from relay.errors import SpoolLocked, SpoolVersion

HOLDER = """
import asyncio, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from spool_kit import envelopes, open_spool

async def main():
    spool = await open_spool(Path({folder!r}))
    await spool.append(envelopes(3))
    print("holding", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the spool, with three entries in it."""
    tests = str(Path(__file__).parents[1])
    code = HOLDER.format(tests=tests, folder=str(tmp_path / "spool"))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"holding\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


async def test_a_second_process_is_refused(tmp_path, holder):
    """The one that comes second is told which process holds the spool, and changes nothing."""
    folder = tmp_path / "spool"
    with pytest.raises(SpoolLocked, match=f"in use by process {holder.pid}") as caught:
        await open_spool(folder)
    assert "stop that process" in caught.value.hint
    assert account(folder).pending == 3


async def test_a_killed_process_leaves_no_lock(tmp_path, holder):
    """When the holder is killed the spool opens at once, with all it acknowledged."""
    holder.kill()
    holder.wait()
    async with spool_at(tmp_path / "spool") as spool:
        assert numbers(await take(spool, 3)) == [1, 2, 3]
        assert spool.stats().damage == ()


async def test_a_second_spool_in_one_process_is_refused(tmp_path):
    """Opening a spool twice in one process is refused too; closing frees it."""
    async with spool_at(tmp_path / "spool"):
        with pytest.raises(SpoolLocked, match=str(os.getpid())):
            await open_spool(tmp_path / "spool")
    async with spool_at(tmp_path / "spool"):
        pass


async def test_a_failed_opening_frees_the_lock(tmp_path):
    """What was refused at opening can be tried again."""
    folder = tmp_path / "spool"
    async with spool_at(folder):
        pass
    (folder / "version").write_text("2\n")
    for _ in range(2):
        with pytest.raises(SpoolVersion):
            await open_spool(folder)
    (folder / "version").write_text("1\n")
    async with spool_at(folder):
        pass


@pytest.mark.parametrize("text", ["2\n", "10", "one\n", "", "\xff"])
async def test_a_newer_format_is_refused(tmp_path, text):
    """A version that this relay does not know is refused with a sentence; no file changes."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(1))
    (folder / "version").write_text(text, encoding="latin-1")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(SpoolVersion, match="this relay knows 1") as caught:
        await open_spool(folder)
    assert "newer relay" in caught.value.hint
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


async def test_a_newer_segment_is_refused(tmp_path):
    """A segment of a newer format stops the opening: appending to it would damage it."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(1))
    path = newest_segment(folder)
    raw = bytearray(path.read_bytes())
    for at in (0, 64):
        struct.pack_into("<I", raw, at + 8, 2)
        struct.pack_into("<I", raw, at + 44, zlib.crc32(raw[at : at + 44]))
    path.write_bytes(raw)
    with pytest.raises(SpoolVersion, match="has format 2"):
        await open_spool(folder)
    assert path.read_bytes() == raw


async def test_the_spool_can_be_moved(tmp_path):
    """No path is stored in the spool: under another name it is the same."""
    async with spool_at(tmp_path / "spool") as spool:
        await spool.append(envelopes(3))
    (tmp_path / "spool").rename(tmp_path / "moved")
    async with spool_at(tmp_path / "moved") as spool:
        assert numbers(await take(spool, 3)) == [1, 2, 3]
    account(tmp_path / "moved")


async def test_only_the_owner_may_read(tmp_path):
    """Folders are 0700 and files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        async with spool_at(tmp_path / "spool") as spool:
            await spool.append(envelopes(3))
            modes = {
                path: path.stat().st_mode & 0o777
                for path in (tmp_path / "spool", *(tmp_path / "spool").rglob("*"))
            }
    finally:
        os.umask(before)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}
    assert {path.name for path in modes} >= {"state.db", "state.db-wal", "reserve", "highwater"}
