"""What retention deletes, what it never does, and what is still known afterwards."""

from __future__ import annotations

import pytest
from spool_kit import (
    account,
    envelope,
    numbers,
    settlement,
    settlements,
    spool_at,
    take,
    take_all,
)

from relay.clock import ManualClock
from relay.envelope import Envelope
from relay.errors import SpoolFull
from relay.outcome import Outcome, Reason
from relay.spool.port import Query, Seen

DAY_S = 86_400


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def spool(tmp_path, clock):
    """Forty entries over several segments, none settled."""
    async with spool_at(tmp_path / "spool", clock) as spool:
        for number in range(1, 41):
            await spool.append([envelope(number, size=8000)])
        yield spool
    account(tmp_path / "spool")


async def grow_old(spool, clock) -> None:
    """Let time pass, and retention run."""
    clock.advance(4 * DAY_S)
    await spool._keeper.tick(retain=True)


async def test_settled_segments_go_when_they_are_old(spool, clock):
    """Young segments stay; old ones go, whole, and their totals stay."""
    await spool.settle(settlements(await take(spool, 40)))
    segments = spool.stats().segments
    await spool._keeper.tick(retain=True)
    assert spool.stats().segments == segments
    await grow_old(spool, clock)
    stats = spool.stats()
    assert stats.segments == 1
    assert stats.outcomes[Outcome.DELIVERED] == 40
    assert stats.log_bytes < 64 * 1024


async def test_a_pending_entry_keeps_its_segment_and_those_after(spool, clock):
    """Nothing from the first pending entry on is deleted, however old it is."""
    entries = await take(spool, 40)
    await spool.settle(settlements(entry for entry in entries if entry.position != 12))
    await grow_old(spool, clock)
    assert spool.stats().first_position <= 12
    assert (await spool.body(12)).body == envelope(12, size=8000).body
    await spool.settle(settlements([entries[11]]))
    await grow_old(spool, clock)
    assert spool.stats().first_position > 12


async def test_a_waiting_replay_keeps_its_segment(spool, clock):
    """An entry that waits for its replay is not deleted under it."""
    await spool.settle(settlements(await take(spool, 40)))
    await spool.replay(Query(position=3))
    await grow_old(spool, clock)
    assert spool.stats().first_position <= 3
    (entry,) = await take(spool, 1)
    assert entry.envelope == envelope(3, size=8000)
    await spool.settle([settlement(entry)])
    await grow_old(spool, clock)
    assert spool.stats().first_position > 3


async def test_the_quarantine_outlives_the_log(spool, clock, tmp_path):
    """A quarantined entry is found, shown, replayed and delivered after its segment is gone."""
    entries = await take(spool, 40)
    await spool.settle([settlement(entries[4], Reason.SCHEMA_VIOLATION, event_id="bad")])
    await spool.settle(settlements(entry for entry in entries if entry.position != 5))
    await grow_old(spool, clock)
    assert spool.stats().first_position > 5
    account(tmp_path / "spool")
    (found,) = await spool.find(Query(event_id="bad"))
    assert (found.position, found.outcome, found.body_kept) == (5, Outcome.QUARANTINED, True)
    assert await spool.body(5) == envelope(5, size=8000)
    assert (await spool.replay(Query(event_id="bad"))).done == 1
    account(tmp_path / "spool")
    (again,) = await take(spool, 1)
    assert (again.position, again.attempt, again.envelope) == (5, 2, entries[4].envelope)
    await spool.settle([settlement(again, event_id="bad")])
    assert spool.stats().quarantine_entries == 0
    assert spool.stats().outcomes[Outcome.DELIVERED] == 40
    account(tmp_path / "spool")
    (found,) = await spool.find(Query(event_id="bad", outcome=Outcome.DELIVERED))
    assert (found.position, found.body_kept) == (5, False)
    assert (await spool.replay(Query(event_id="bad"))).gone == 1


async def test_a_replay_quarantined_again_keeps_its_bytes(spool, clock):
    """Quarantined, replayed, quarantined again: the copy is there, after its segment is gone."""
    entries = await take(spool, 40)
    await spool.settle([settlement(entries[4], Reason.SCHEMA_VIOLATION)])
    await spool.settle(settlements(entry for entry in entries if entry.position != 5))
    await grow_old(spool, clock)
    await spool.replay(Query(position=5))
    (again,) = await take(spool, 1)
    await spool.settle([settlement(again, Reason.REFUSED_BY_INLET)])
    assert spool.stats().quarantine_entries == 1
    assert await spool.body(5) == envelope(5, size=8000)
    await spool.drop(Query(position=5), who="ann")
    assert await spool.body(5) is None


async def test_a_deleted_delivery_is_still_known_by_its_id(spool, clock):
    """The dedupe window outlives the log: an id tells that it was delivered, and no more."""
    await spool.settle(settlements(await take(spool, 40)))
    await grow_old(spool, clock)
    assert await spool.seen(["id-2"]) == {"id-2": Seen(2, b"0123456789abcdef")}
    (found,) = await spool.find(Query(event_id="id-2"))
    assert (found.position, found.outcome, found.body_kept) == (2, Outcome.DELIVERED, False)
    assert await spool.find(Query(position=2)) == []
    assert await spool.body(2) is None


async def test_readers_go_on_while_segments_are_deleted(spool, clock):
    """A route that reads slowly is not disturbed by what another's settling lets go."""
    first = await take(spool, 10)
    await spool.settle(settlements(first))
    await grow_old(spool, clock)
    assert numbers(await take_all(spool)) == list(range(11, 41))


async def test_large_bodies_go_with_their_entries(tmp_path, clock):
    """A spilled body lives as long as its entry is kept or quarantined; strays go at opening."""
    folder = tmp_path / "spool"
    async with spool_at(folder, clock) as spool:
        for name in ("incoming.one", "incoming.two", "incoming.stray"):
            (folder / "large" / name).write_bytes(b"large" * 100)
        for name in ("incoming.one", "incoming.two"):
            await spool.append([Envelope("a", 1.0, (), b"", name, 500)])
        for number in range(1, 31):
            await spool.append([envelope(number, size=8000)])
        entries = await take(spool, 32)
        one, two = entries[0].envelope, entries[1].envelope
        assert await spool.spilled(one) == b"large" * 100
        assert one.size_bytes == 500
        await spool.settle([settlement(entries[0], Reason.TOO_LARGE)])
        await spool.settle(settlements(entries[1:]))
        await grow_old(spool, clock)
        assert spool.stats().first_position > 2
        assert await spool.spilled(one) == b"large" * 100
        assert await spool.spilled(two) is None
        assert spool.stats().quarantine_bytes >= 500
        assert (folder / "large" / "incoming.stray").exists()
    async with spool_at(folder, clock) as spool:
        assert [path.name for path in (folder / "large").iterdir()] == [one.spill]
        assert await spool.spilled(await spool.body(1)) == b"large" * 100
        await spool.drop(Query(position=1), who="ann")
        await spool._keeper.tick(retain=True)
        assert list((folder / "large").iterdir()) == []


async def test_a_large_body_on_its_way_is_not_swept(tmp_path, clock):
    """A body that has its position already, but is not acknowledged yet, stays."""
    folder = tmp_path / "spool"
    async with spool_at(folder, clock) as spool:
        await spool.append([envelope(1)])
        under_way = folder / "large" / f"{2:020d}.one"
        under_way.write_bytes(b"large" * 100)
        await spool._keeper.tick(retain=True)
        assert under_way.exists()
    async with spool_at(folder, clock):
        assert not under_way.exists()


async def test_settled_large_bodies_make_room(tmp_path, clock):
    """A spool full of settled large bodies takes events again, also with one segment only."""
    folder = tmp_path / "spool"
    async with spool_at(folder, clock, max_bytes=1024 * 1024) as spool:
        (folder / "large" / "incoming.one").write_bytes(b"x" * 1_000_000)
        await spool.append([Envelope("a", 1.0, (), b"", "incoming.one", 1_000_000)])
        with pytest.raises(SpoolFull):
            await spool.append([envelope(2, size=60_000)])
        await spool.settle([settlement((await take(spool, 1))[0], Reason.TOO_LARGE)])
        with pytest.raises(SpoolFull):
            await spool.append([envelope(2, size=60_000)])
        await spool.drop(Query(), who="ann")
        assert await spool.append([envelope(2, size=60_000)]) == 2
        assert list((folder / "large").iterdir()) == []
        assert spool.stats().outcomes[Outcome.DISCARDED] == 1
    account(folder)


async def test_a_full_spool_says_so_until_there_is_room(tmp_path, clock):
    """While an ordinary event finds no room the spool does not accept, and says why."""
    async with spool_at(tmp_path / "spool", clock, max_bytes=1024 * 1024) as spool:
        with pytest.raises(SpoolFull):
            await spool.append([envelope(1, size=2_000_000)])
        assert spool.stats().accepting
        for number in range(1, 17):
            await spool.append([envelope(number, size=64_000)])
        with pytest.raises(SpoolFull) as caught:
            await spool.append([envelope(17, size=64_000)])
        assert caught.value.hint
        await spool._keeper.tick(retain=False)
        assert not spool.stats().accepting
        assert "of 1048576 bytes" in spool.stats().refusing_because
        await spool.settle(settlements(await take_all(spool)))
        await spool._keeper.tick(retain=False)
        assert spool.stats().accepting
        assert spool.stats().refusing_because == ""


async def test_large_bodies_count_into_the_quota(tmp_path, clock):
    """Bodies in large/ are part of what is used."""
    folder = tmp_path / "spool"
    async with spool_at(folder, clock) as spool:
        before = spool.stats().used_bytes
        (folder / "large" / "incoming.one").write_bytes(b"x" * 100_000)
        await spool.append([Envelope("a", 1.0, (), b"", "incoming.one", 100_000)])
        assert spool.stats().used_bytes >= before + 100_000


async def test_quarantine_counts_into_the_quota(tmp_path, clock):
    """The quarantine's copies are part of what is used, and fill the spool like anything else."""
    async with spool_at(tmp_path / "spool", clock) as spool:
        await spool.append([envelope(1, size=50_000)])
        before = spool.stats().used_bytes
        await spool.settle(settlements(await take(spool, 1), Reason.NOT_JSON))
        assert spool.stats().used_bytes >= before + 50_000
        await spool.drop(Query(), who="ann")
        assert spool.stats().used_bytes == before
