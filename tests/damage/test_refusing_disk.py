"""A disk that is read-only, or whose sync fails: nothing unsynced is acknowledged, all is told."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from spool_kit import account, copy_of, envelope, envelopes, numbers, spool_at, take, take_all

from relay.errors import SpoolError, SpoolFailed
from relay.outcome import Outcome


class Failing:
    """
    Stands in for one of os's calls on files whose path holds *part*, and fails while *is_on*.

    Other files are none of its business: what SQLite does never comes through `os`.
    """

    def __init__(self, monkeypatch, call: str, part: str, code: int = errno.EIO) -> None:
        self.is_on = True
        self.failures = 0
        self._real = getattr(os, call)
        self._part = part
        self._code = code
        monkeypatch.setattr(os, call, self)

    def __call__(self, fd, *arguments):
        if self.is_on and self._part in str(Path(f"/proc/self/fd/{fd}").readlink()):
            self.failures += 1
            raise OSError(self._code, os.strerror(self._code))
        return self._real(fd, *arguments)


async def test_a_failed_sync_acknowledges_nothing(tmp_path, monkeypatch):
    """After a failed fdatasync the append fails, and so do the next, until a new file works."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
        failing = Failing(monkeypatch, "fdatasync", "/log/")
        with pytest.raises(SpoolFailed, match="Input/output error"):
            await spool.append([envelope(2)])
        failing.is_on = False
        # The file whose sync failed is never written or synced again.
        with pytest.raises(SpoolFailed):
            await spool.append([envelope(3)])
        stats = spool.stats()
        assert (stats.accepted, stats.accepting) == (1, False)
        assert "Input/output error" in stats.refusing_because
        await spool._keeper.tick(retain=False)
        assert spool.stats().accepting
        assert await spool.append([envelope(4)]) == 2
        assert (spool.stats().segments, spool.stats().epoch) == (2, 2)
        assert [one.envelope for one in await take_all(spool)] == [envelope(1), envelope(4)]
    assert account(folder).accepted == 3


async def test_all_that_shared_a_failed_sync_fails(tmp_path, monkeypatch):
    """Every append of the group whose sync failed is told so."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        failing = Failing(monkeypatch, "fdatasync", "/log/")
        appends = (spool.append(envelopes(2)) for _ in range(20))
        answers = await asyncio.gather(*appends, return_exceptions=True)
        assert {type(answer) for answer in answers} == {SpoolFailed}
        failing.is_on = False
        await spool._keeper.tick(retain=False)
        assert await spool.append(envelopes(1)) == 1
    assert account(folder).accepted == 1


async def test_a_disk_that_stays_broken_stays_told(tmp_path, monkeypatch):
    """While a probe fails too, the spool goes on refusing, and tries again every second."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
        syncing = Failing(monkeypatch, "fdatasync", "/log/")
        making = Failing(monkeypatch, "posix_fallocate", "/log/")
        with pytest.raises(SpoolFailed):
            await spool.append([envelope(2)])
        for turn in (1, 2, 3):
            await spool._keeper.tick(retain=False)
            assert making.failures == turn
            assert not spool.stats().accepting
        syncing.is_on = making.is_on = False
        await spool._keeper.tick(retain=False)
        assert await spool.append([envelope(3)]) == 2
    account(folder)


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
async def test_a_failed_write_is_not_acknowledged(tmp_path, monkeypatch, code):
    """A write that fails, for whatever reason, fails its append; the spool recovers by itself."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        failing = Failing(monkeypatch, "pwrite", "/log/", code)
        with pytest.raises(SpoolFailed, match=os.strerror(code)):
            await spool.append([envelope(1)])
        failing.is_on = False
        await spool._keeper.tick(retain=False)
        assert await spool.append([envelope(2)]) == 1
        assert [one.envelope for one in await take(spool, 1)] == [envelope(2)]
    assert account(folder).accepted == 1


async def test_what_a_dead_disk_kept_is_an_entry_nobody_was_told_about(tmp_path, monkeypatch):
    """When even cutting off fails, the entry is there after a restart, once, and is accounted."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
        Failing(monkeypatch, "fdatasync", "/log/")
        Failing(monkeypatch, "ftruncate", "/log/")
        with pytest.raises(SpoolFailed):
            await spool.append([envelope(2)])
        copy_of(folder, tmp_path / "killed")
    monkeypatch.undo()
    async with spool_at(tmp_path / "killed") as spool:
        assert numbers(await take_all(spool)) == [1, 2]
        assert spool.stats().outcomes[Outcome.LOST] == 0
    account(tmp_path / "killed")


async def test_a_failed_sync_of_the_folder_fails_the_new_segment(tmp_path, monkeypatch):
    """A segment whose name may not survive is not written to; the append fails."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1, size=40_000)])
        failing = Failing(monkeypatch, "fsync", "/spool/log")
        with pytest.raises(SpoolFailed):
            await spool.append([envelope(2, size=40_000)])
        assert failing.failures > 0
        failing.is_on = False
        await spool._keeper.tick(retain=False)
        assert await spool.append([envelope(3, size=40_000)]) == 2
    assert account(folder).accepted == 2


async def test_a_mark_that_cannot_be_synced_is_told(tmp_path, monkeypatch):
    """The high-water mark's sync failing is trouble that is told, until it works again."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        failing = Failing(monkeypatch, "fdatasync", "highwater")
        await spool.append([envelope(1)])
        await spool._keeper.tick(retain=False)
        assert "Input/output error" in " ".join(spool.stats().damage)
        failing.is_on = False
        await spool._keeper.tick(retain=False)
        assert spool.stats().damage == ()


@contextmanager
def read_only(folder):
    """Make *folder* a read-only file system inside the block."""
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs to mount read-only, which this machine refuses: {error}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True, timeout=10)


async def test_a_read_only_disk_is_refused_at_opening(tmp_path):
    """A spool on a read-only file system is refused with a sentence that names it."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
    with read_only(folder):
        with pytest.raises(SpoolError, match=str(folder)) as caught:
            async with spool_at(folder):
                pass
        assert "spool.path" in caught.value.hint
    async with spool_at(folder) as spool:
        assert numbers(await take(spool, 1)) == [1]


async def test_a_path_that_is_no_folder_is_refused(tmp_path):
    """A spool.path under a file is refused with a sentence, not with a traceback's words."""
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "spool"):
        with pytest.raises(SpoolError, match="cannot be used"):
            async with spool_at(path):
                pass
