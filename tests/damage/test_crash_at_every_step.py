"""A crash before every single write, sync, rename and unlink: nothing acknowledged is lost."""

from __future__ import annotations

import shutil

import pytest
from recording_disk import Picture, RecordingDisk
from spool_kit import account, envelope, settlements, spool_at, take, take_all

from relay.clock import ManualClock
from relay.envelope import Envelope
from relay.outcome import Outcome, Reason
from relay.spool.port import Query

DAY_S = 86_400
SIZE = 15_000
LARGE = b"large" * 1000


class Ledger:
    """
    Drives a spool, and keeps what it was told.

    That is the bodies of acknowledged entries, and the positions whose settlement was begun.
    """

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.acknowledged: dict[int, bytes] = {}
        self.settling: set[int] = set()
        self._number = 0

    def known(self) -> tuple[dict[int, bytes], frozenset[int]]:
        """A copy of it, as of now."""
        return dict(self.acknowledged), frozenset(self.settling)

    async def append(self, spool, count: int) -> None:
        """Append *count* entries together."""
        first, self._number = self._number + 1, self._number + count
        given = [envelope(number, size=SIZE) for number in range(first, self._number + 1)]
        last = await spool.append(given)
        for position, one in enumerate(given, last - count + 1):
            self.acknowledged[position] = one.body

    async def append_large(self, spool, folder) -> None:
        """Append an entry whose body was spilled."""
        (folder / "large" / "incoming.abc").write_bytes(LARGE)
        large = Envelope("a", 1.0, (), b"", "incoming.abc", len(LARGE))
        self.acknowledged[await spool.append([large])] = LARGE

    async def settle(self, spool, entries, reason=Reason.ACCEPTED_BY_INLET) -> None:
        """Settle *entries* together."""
        self.settling |= {entry.position for entry in entries}
        await spool.settle(settlements(entries, reason))

    async def retain(self, spool) -> None:
        """Let everything settled grow old, and retention take it."""
        self.clock.advance(4 * DAY_S)
        await self.append(spool, 4)
        first = spool.stats().first_position
        await spool._keeper.tick(retain=True)
        assert spool.stats().first_position > first


async def story(disk: RecordingDisk, ledger: Ledger, folder) -> None:
    """Everything a spool does, one step after the other."""
    async with spool_at(folder, ledger.clock) as spool:
        disk.root_synced()
        await spool._keeper.stop()
        await ledger.append(spool, 1)
        await ledger.append(spool, 3)
        entries = await take(spool, 4)
        await ledger.settle(spool, entries[1:2], Reason.NOT_JSON)
        await ledger.settle(spool, [entries[0], *entries[2:]])
        await ledger.append_large(spool, folder)
        await ledger.append(spool, 4)
        await ledger.settle(spool, await take(spool, 5))
        await ledger.append(spool, 2)
        await spool._keeper.tick(retain=False)
        await ledger.retain(spool)
        ledger.settling.discard(2)
        await spool.replay(Query(position=2), who="ann")
        again = await take(spool, 3)
        assert again[0].attempt == 2
        await ledger.settle(spool, again)
        await ledger.append_large(spool, folder)
        await ledger.retain(spool)
        disk.take("before closing")


async def reopened(picture: Picture, folder, clock: ManualClock) -> None:
    """Open what *picture* shows and hold it against what was known."""
    acknowledged, settling = picture.known
    async with spool_at(folder, clock) as spool:
        stats = spool.stats()
        assert stats.adds_up, picture.step
        assert stats.outcomes[Outcome.LOST] == 0, (picture.step, stats.damage)
        pending = {one.position: one.envelope for one in await take_all(spool)}
        for position, body in acknowledged.items():
            found = pending.get(position)
            if found is None:
                assert position in settling, (picture.step, position)
            else:
                kept = await spool.spilled(found) if found.spill else found.body
                assert kept == body, (picture.step, position)
        assert await spool.append([envelope(1)]) > max(acknowledged, default=0), picture.step
        assert not (folder / "large" / "incoming.abc").exists()
    account(folder)


@pytest.mark.parametrize("crash", ["killed", "cut"])
async def test_nothing_acknowledged_is_lost_at_any_step(tmp_path, monkeypatch, crash):
    """Killed, or cut from power, before any step: what was acknowledged is there and adds up."""
    (tmp_path / "live").mkdir()
    ledger = Ledger(ManualClock())
    with monkeypatch.context() as patch:
        disk = RecordingDisk(patch, tmp_path / "live", ledger.known)
        await story(disk, ledger, tmp_path / "live" / "spool")
    assert disk.calls >= {"pwrite", "fdatasync", "fsync", "unlink", "replace", "rename"}
    pictures: list[Picture] = getattr(disk, crash)
    assert len(pictures) > 30
    for picture in pictures:
        folder = picture.develop(tmp_path / "crashed")
        await reopened(picture, folder, ledger.clock)
        shutil.rmtree(tmp_path / "crashed")
