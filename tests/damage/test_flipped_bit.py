"""A flipped bit anywhere in the log: found by the checksum, reported with positions, survived."""

from __future__ import annotations

import shutil

import pytest
from spool_kit import (
    account,
    copy_of,
    envelope,
    envelopes,
    newest_segment,
    settlements,
    size_bytes,
    spool_at,
    take,
    take_all,
)

from relay.audit import audit_deep
from relay.envelope import Envelope
from relay.outcome import Outcome, Reason
from relay.spool.port import Query
from relay.spool.segment import HEADER_BYTES

FRAME = size_bytes(envelope(1))


def flip(path, offset: int) -> None:
    """Flip one bit of the byte at *offset*; which one depends on the offset."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << offset % 8]))


async def test_a_flipped_bit_in_any_byte_costs_one_entry_at_most(tmp_path):
    """What is read is right, and what is not is reported lost: header, first, middle, last."""
    async with spool_at(tmp_path / "whole") as spool:
        await spool.append(envelopes(3))
    middle = HEADER_BYTES + FRAME, HEADER_BYTES + 2 * FRAME
    # Every byte of the header and of the frame in the middle, some of the other frames'.
    for offset in range(HEADER_BYTES + 3 * FRAME):
        if offset >= HEADER_BYTES and not middle[0] <= offset < middle[1] and offset % 5:
            continue
        folder = copy_of(tmp_path / "whole", tmp_path / "flipped")
        flip(newest_segment(folder), offset)
        hurt = (offset - HEADER_BYTES) // FRAME + 1 if offset >= HEADER_BYTES else 0
        async with spool_at(folder) as spool:
            left = [n for n in (1, 2, 3) if n != hurt]
            read = [(one.position, one.envelope) for one in await take_all(spool)]
            assert read == [(n, envelope(n)) for n in left], offset
            stats = spool.stats()
            assert stats.outcomes[Outcome.LOST] == (hurt > 0), offset
            assert any(f"lost positions {hurt} to {hurt}" in one for one in stats.damage) == (
                hurt > 0
            )
            if hurt:
                (found,) = await spool.find(Query(outcome=Outcome.LOST))
                assert (found.position, found.reason) == (hurt, Reason.FRAME_DAMAGED)
        assert account(folder).accepted == 4
        shutil.rmtree(folder)


async def test_both_headers_damaged_costs_the_segment_and_says_so(tmp_path):
    """Without its salt no frame can be told from noise: all of the segment is reported lost."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(3))
    flip(newest_segment(folder), 12)
    flip(newest_segment(folder), 64 + 12)
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 3
        assert any("lost positions 1 to 3" in one for one in spool.stats().damage)
        assert await spool.append(envelopes(1)) == 4
    assert account(folder).lost == 3


async def filled(folder, *, size: int = 8000) -> None:
    """Thirty entries over several segments."""
    async with spool_at(folder) as spool:
        for number in range(1, 31):
            await spool.append([envelope(number, size=size)])


async def test_damage_in_an_old_segment_is_found_by_its_reader(tmp_path):
    """Old segments are not read at opening: the reader finds the damage, and reports it once."""
    folder = tmp_path / "spool"
    await filled(folder)
    flip(min((folder / "log").iterdir()), HEADER_BYTES + 3 * size_bytes(envelope(1, size=8000)))
    async with spool_at(folder) as spool:
        assert spool.stats().damage == ()
        read = await take_all(spool)
        assert [one.position for one in read] == [n for n in range(1, 31) if n != 4]
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 1
        assert [one.position for one in await take_all(spool)][:4] == [1, 2, 3, 5]
    assert account(folder).lost == 1


async def test_the_deep_audit_names_damage_that_nobody_met_yet(tmp_path):
    """Before a reader meets the damage, the deep audit names its position and fails."""
    folder = tmp_path / "spool"
    await filled(folder)
    flip(min((folder / "log").iterdir()), HEADER_BYTES + 20)
    found = audit_deep(folder)
    assert not found.adds_up
    assert found.problems == ("position 1 has no outcome and cannot be read",)


async def test_damage_in_a_settled_entry_costs_nothing_but_its_replay(tmp_path):
    """A delivered entry stays delivered and is found; that its bytes are gone is said."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(3))
        await spool.settle(settlements(await take(spool, 3)))
    flip(newest_segment(folder), HEADER_BYTES + FRAME + 50)
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.DELIVERED] == 3
        assert await spool.body(2) is None
        for query in (Query(position=2), Query(event_id="id-2")):
            (found,) = await spool.find(query)
            assert (found.outcome, found.body_kept) == (Outcome.DELIVERED, False)
            replayed = await spool.replay(query)
            assert (replayed.done, replayed.gone) == (0, 1)
    assert account(folder).delivered == 3


async def test_damage_in_an_entry_that_waits_for_its_replay_is_lost(tmp_path):
    """A replay whose bytes are gone when its turn comes is reported lost, once."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(3))
        await spool.settle(settlements(await take(spool, 3)))
        await spool.replay(Query())
    flip(newest_segment(folder), HEADER_BYTES + FRAME + 50)
    async with spool_at(folder) as spool:
        assert [one.position for one in await take_all(spool)] == [1, 3]
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 1
        assert spool.stats().waiting_replays == 2
        assert [one.position for one in await take(spool, 2)] == [1, 3]
    assert account(folder).lost == 1


@pytest.mark.parametrize("noise", [b"\xabRF\x01", b"\xabRF\x01" + b"\xff" * 60])
async def test_a_body_that_looks_like_a_frame_is_a_body(tmp_path, noise):
    """A sender who puts frames into a body fools nobody, not even beside damage."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(1)])
        stolen = newest_segment(folder).read_bytes()[HEADER_BYTES : HEADER_BYTES + FRAME]
        trap = Envelope("a", 1.0, (), noise + stolen + noise)
        await spool.append([trap, envelope(3)])
    flip(newest_segment(folder), HEADER_BYTES + FRAME + 5)
    async with spool_at(folder) as spool:
        read = [(one.position, one.envelope) for one in await take_all(spool)]
        assert read == [(1, envelope(1)), (3, envelope(3))]
        assert spool.stats().outcomes[Outcome.LOST] == 1
    account(folder)
