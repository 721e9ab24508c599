"""A full disk: appends are refused, settling goes on, nothing is lost, room brings it back."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess

import pytest
from spool_kit import (
    account,
    change,
    envelope,
    open_spool,
    settlements,
    spool_at,
    take,
    take_all,
)

from relay.errors import SpoolError, SpoolFailed, SpoolFull, SpoolLocked
from relay.outcome import Outcome, Reason
from relay.spool.reserve import Need, Reserve

MIB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path):
    """A file system of four MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"needs to mount a small tmpfs, which this machine refuses: {error}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True, capture_output=True, timeout=10)


async def append_until_full(spool) -> int:
    """Append until it is refused; how many were acknowledged."""
    stored = 0
    while True:
        try:
            await spool.append([envelope(stored + 1, size=30_000)])
        except SpoolFull:
            return stored
        stored += 1


async def test_a_full_disk_refuses_and_recovers(small_disk, tmp_path):
    """On a real full disk nothing acknowledged is lost, and settling everything makes room."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        stored = await append_until_full(spool)
        assert stored > 20
        assert spool.stats().accepted == stored
        with pytest.raises(SpoolFull):
            await spool.append([envelope(0, size=30_000)])
        entries = await take(spool, stored)
        assert [one.envelope for one in entries] == [
            envelope(n, size=30_000) for n in range(1, stored + 1)
        ]
        # The reserve lets it settle; then what is settled can go, and appends work again.
        (small_disk / "filler").write_bytes(b"x" * free_bytes(small_disk))
        await spool.settle(settlements(entries))
        assert spool.stats().pending == 0
        for number in range(1, stored + 1):
            await spool.append([envelope(number, size=30_000)])
            await spool.settle(settlements(await take(spool, 1)))
    assert account(folder).accepted == 2 * stored


async def test_quarantining_works_on_a_full_disk(small_disk):
    """The reserve is released so that a bad event can be quarantined when nothing is free."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        stored = await append_until_full(spool)
        (small_disk / "filler").write_bytes(b"x" * free_bytes(small_disk))
        entries = await take(spool, stored)
        assert (folder / "reserve").exists()
        await spool.settle(settlements(entries[:8], Reason.NOT_JSON))
        assert not (folder / "reserve").exists()
        assert spool.stats().outcomes[Outcome.QUARANTINED] == 8
        (small_disk / "filler").unlink()
        await spool.settle(settlements(entries[8:]))
        await spool._room.make()
        await spool._keeper.tick(retain=True)
        assert (folder / "reserve").exists()
    assert account(folder).quarantined == 8


async def fill_with_a_large_one(spool, small_disk) -> tuple[list, list]:
    """
    Fill the disk, let a large invalid event take the reserve in vain, settle all others.

    The events before it, which may be deleted, and the large one.
    """
    for number in range(40):
        await spool.append([envelope(number, size=30_000)])
    await spool.append([envelope(size=MIB)])
    stored = 41 + await append_until_full(spool)
    (small_disk / "filler").write_bytes(b"x" * free_bytes(small_disk))
    entries = await take(spool, stored)
    large = entries[40:41]
    with pytest.raises(SpoolFailed):
        await spool.settle(settlements(large, Reason.NOT_JSON))
    await spool.settle(settlements(entries[:40] + entries[41:]))
    assert free_bytes(small_disk) == 0
    return entries[:40], large


async def test_a_copy_that_takes_all_the_room_in_vain_keeps_nothing_from_going(small_disk):
    """What is settled is deleted with the last of the reserve: that makes room for the copy."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        before, large = await fill_with_a_large_one(spool, small_disk)
        assert await spool._room.make()
        assert spool.stats().first_position > len(before) / 2
        # Before an append could take the room.
        assert (folder / "reserve").exists()
        assert (folder / "reserve.deleting").exists()
        (small_disk / "filler").unlink()
        await spool.settle(settlements(large, Reason.NOT_JSON))
        assert spool.stats().pending == 0
    assert account(folder).quarantined == 1


async def test_a_copy_without_room_does_not_keep_others_from_being_settled(small_disk):
    """Settles that share a transaction with it are written apart from it."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        await spool.append([envelope(size=MIB)])
        stored = 1 + await append_until_full(spool)
        (small_disk / "filler").write_bytes(b"x" * free_bytes(small_disk))
        large, *small = await take(spool, stored)
        refused, written = await asyncio.gather(
            spool.settle(settlements([large], Reason.NOT_JSON)),
            spool.settle(settlements(small)),
            return_exceptions=True,
        )
        assert isinstance(refused, SpoolFailed)
        assert written is None
        assert spool.stats().pending == 1
        assert (folder / "reserve.deleting").exists()
    assert account(folder).pending == 1


def test_each_need_has_its_own_part_of_the_reserve(tmp_path):
    """Copies leave a part to what is small, and that leaves one to deleting."""
    reserve = Reserve(tmp_path / "reserve", 512 * 1024)
    reserve.fill()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 512 * 1024
    for need in Need:
        assert reserve.release(need)
        assert not reserve.release(need)
    reserve.fill()
    assert [reserve.release(Need.DELETING) for _ in range(4)] == [True, True, True, False]


async def test_a_deleting_that_found_no_room_is_ended_by_the_next_opening(small_disk, monkeypatch):
    """The state knows of it, ``folded`` does not yet: opening has the last of the reserve, too."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        await fill_with_a_large_one(spool, small_disk)
        with monkeypatch.context() as patch:
            patch.setattr(Reserve, "release", lambda *_: False)
            with pytest.raises(SpoolFailed):
                await spool._room.make()
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        assert spool.stats().first_position > 1
        assert spool.stats().damage == ()
        assert spool.stats().pending == 1
    assert account(folder).pending == 1


async def test_a_full_disk_is_reopened(small_disk):
    """A spool that filled its disk opens again, with all that was acknowledged."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=0) as spool:
        stored = await append_until_full(spool)
        (small_disk / "filler").write_bytes(b"x" * free_bytes(small_disk))
    async with spool_at(folder, reserve_bytes=0) as spool:
        assert len(await take(spool, stored)) == stored
        with pytest.raises(SpoolFull):
            await spool.append([envelope(0, size=30_000)])
    assert account(folder).pending == stored


@pytest.mark.parametrize("is_damaged", [False, True])
@pytest.mark.parametrize("left_kib", [0, 32, 64])
async def test_the_reserve_is_enough_to_open(small_disk, left_kib, is_damaged):
    """Others filled the disk while no relay ran: it starts, also where the state is made anew."""
    folder = small_disk / "spool"
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        for number in range(10):
            await spool.append([envelope(number)])
        await spool.settle(settlements(await take(spool, 10), Reason.NOT_JSON))
    if is_damaged:
        change(folder / "state.db", "UPDATE totals SET count = count + 1")
    (small_disk / "filler").write_bytes(b"x" * (free_bytes(small_disk) - left_kib * 1024))
    async with spool_at(folder, reserve_bytes=512 * 1024) as spool:
        assert spool.stats().pending == (10 if is_damaged else 0)
    account(folder)


async def test_a_disk_too_small_to_begin_says_so(small_disk):
    """A disk without room for an empty spool is refused at opening, or at the first append."""
    (small_disk / "filler").write_bytes(b"x" * (free_bytes(small_disk) - 8192))
    with pytest.raises(SpoolError):
        async with spool_at(small_disk / "spool") as spool:
            await spool.append([envelope(1)])


def free_bytes(folder) -> int:
    """What a file can still take."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


async def test_a_lock_that_cannot_name_its_holder_is_one_all_the_same(tmp_path, monkeypatch):
    """A disk without a block for the process's number keeps no relay from starting."""
    write = os.pwrite

    def pwrite(fd, data, offset):
        if data == b"%d\n" % os.getpid():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", pwrite)
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
        with pytest.raises(SpoolLocked):
            await open_spool(folder)
    assert account(folder).accepted == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["posix_fallocate", "pwrite"])
async def test_a_refused_write_is_cut_off_and_tried_again(tmp_path, monkeypatch, call, code):
    """No space, or no quota: the append is refused, the next one works, and no hole is left."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1, size=30_000)])
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refusing(getattr(os, call), code))
            with pytest.raises(SpoolFull):
                await spool.append([envelope(2, size=50_000)])
        assert await spool.append([envelope(3, size=50_000)]) == 2
        assert [one.envelope.body[:7] for one in await take_all(spool)] == [
            b'{"n":1}',
            b'{"n":3}',
        ]
    assert account(folder).accepted == 3


def refusing(function, code):
    """Do half of a large write, then refuse; small ones work."""

    def call(fd, data, *rest):
        if call is not None and isinstance(data, int):
            raise OSError(code, os.strerror(code))
        if len(data) < 1000:
            return function(fd, data, *rest)
        function(fd, data[: len(data) // 2], *rest)
        raise OSError(code, os.strerror(code))

    return call
