"""A log that ends before what was acknowledged: lost with positions, not reused."""

from __future__ import annotations

import os

import pytest
from spool_kit import (
    account,
    envelopes,
    newest_segment,
    settlements,
    size_bytes,
    spool_at,
    take,
    take_all,
)

from relay.audit import audit, audit_deep
from relay.outcome import Outcome, Reason
from relay.spool.port import Query
from relay.spool.segment import HEADER_BYTES

FRAME = size_bytes(envelopes(1)[0])


@pytest.mark.parametrize("kept_bytes", [0, 1, FRAME - 1, FRAME, 2 * FRAME + 30, 4 * FRAME + 90])
async def test_a_log_cut_behind_the_high_water_mark(tmp_path, kept_bytes):
    """Wherever the log is cut, the positions up to the mark that are gone are reported lost."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(5))
    os.truncate(newest_segment(folder), HEADER_BYTES + kept_bytes)
    whole = kept_bytes // FRAME
    for found in (audit(folder), audit_deep(folder)):
        assert not found.adds_up
        assert f"positions {whole + 1} to 5 are lost" in found.problems[0]
    async with spool_at(folder) as spool:
        stats = spool.stats()
        assert stats.outcomes[Outcome.LOST] == 5 - whole
        assert f"lost positions {whole + 1} to 5" in " ".join(stats.damage)
        assert await spool.append(envelopes(1)) == 6
        assert stats.epoch == 2
        assert [one.position for one in await take_all(spool)] == [*range(1, whole + 1), 6]
    assert account(folder).lost == 5 - whole
    async with spool_at(folder) as spool:
        assert spool.stats().damage == ()
        assert spool.stats().last_position == 7


async def test_settled_positions_are_not_lost_with_the_log(tmp_path):
    """What had an outcome keeps it, though the log that held it is cut."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(5))
        await spool.settle(settlements((await take(spool, 5))[3:]))
    os.truncate(newest_segment(folder), HEADER_BYTES)
    async with spool_at(folder) as spool:
        lost = await spool.find(Query(outcome=Outcome.LOST))
        assert [one.position for one in lost] == [1, 2, 3]
        assert {one.reason for one in lost} == {Reason.LOG_TRUNCATED}
        assert spool.stats().outcomes[Outcome.DELIVERED] == 2
    account(folder)


@pytest.mark.parametrize("mark", [None, b"", b"\x00" * 600, b"\xff" * 600])
async def test_the_state_knows_what_the_mark_forgot(tmp_path, mark):
    """Without a usable mark, a settled position still proves that the log was longer."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(5))
        await spool.settle(settlements((await take(spool, 5))[4:]))
    if mark is None:
        (folder / "highwater").unlink()
    else:
        (folder / "highwater").write_bytes(mark)
    os.truncate(newest_segment(folder), HEADER_BYTES + 2 * FRAME)
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 2
        assert await spool.append(envelopes(1)) == 6
    account(folder)


async def test_a_missing_mark_is_told(tmp_path):
    """A whole log without its mark opens as it was, with a word, and has a mark again."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(5))
    (folder / "highwater").unlink()
    async with spool_at(folder) as spool:
        (told,) = spool.stats().damage
        assert told.startswith("highwater is missing or damaged")
    async with spool_at(folder) as spool:
        assert spool.stats().damage == ()
        assert len(await take_all(spool)) == 5
    os.truncate(newest_segment(folder), HEADER_BYTES)
    assert not audit(folder).adds_up


async def test_a_torn_mark_leaves_the_one_before(tmp_path):
    """Of the mark's two places a torn write hurts one: the other still tells."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append(envelopes(2))
        await spool.append(envelopes(1))
    raw = bytearray((folder / "highwater").read_bytes())
    raw[512] ^= 1
    (folder / "highwater").write_bytes(raw)
    os.truncate(newest_segment(folder), HEADER_BYTES)
    async with spool_at(folder) as spool:
        assert spool.stats().outcomes[Outcome.LOST] == 2
    account(folder)
