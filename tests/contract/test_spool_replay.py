"""Replay and drop in a spool of every backend: what comes again, what goes, and the trail."""

from __future__ import annotations

import asyncio

import pytest
from spool_kit import (
    DIGEST,
    SETTLED,
    envelopes,
    filled,
    numbers,
    settlement,
    settlements,
    take,
    take_all,
)

from relay.envelope import Entry
from relay.outcome import Outcome, Reason
from relay.spool.port import Query, Seen


@pytest.mark.parametrize("reason", SETTLED)
async def test_replay_makes_pending_again(spool, reopen, reason):
    """A replayed entry comes again at its position with the next attempt, also after reopening."""
    await spool.append(envelopes(3))
    entries = await take(spool, 3)
    await spool.settle([settlement(entries[1], reason)])
    replayed = await spool.replay(Query(position=2))
    assert (replayed.done, replayed.already, replayed.positions) == (1, 0, (2,))
    stats = spool.stats()
    assert sum(stats.outcomes.values()) == 0
    assert (stats.pending, stats.waiting_replays, stats.adds_up) == (3, 1, True)
    (again,) = await take(spool, 1)
    assert again == Entry(2, entries[1].envelope, attempt=2)
    spool = await reopen()
    assert (await take(spool, 1)) == [again]
    await spool.settle([settlement(again)])
    assert spool.stats().outcomes[Outcome.DELIVERED] == 1
    assert spool.stats().pending == 2
    assert numbers(await take_all(spool)) == [1, 3]


async def test_replays_come_first(spool):
    """What was replayed is read before what was never read."""
    await spool.append(envelopes(10))
    entries = await take(spool, 3)
    await spool.settle(settlements(entries, Reason.NOT_JSON))
    await spool.replay(Query(reason=Reason.NOT_JSON))
    assert numbers(await take(spool, 4)) == [1, 2, 3, 4]


async def test_a_waiting_read_gets_a_replay(spool):
    """A read that waits wakes up for a replay."""
    await spool.append(envelopes(1))
    (entry,) = await take(spool, 1)
    await spool.settle([settlement(entry, Reason.NOT_JSON)])
    reading = asyncio.create_task(take(spool, 1))
    await asyncio.sleep(0)
    await spool.replay(Query())
    assert [one.attempt for one in await reading] == [2]


async def test_replay_is_idempotent(spool):
    """Replaying what waits already changes nothing and says so; so does a dry run, before."""
    await spool.append(envelopes(2))
    await spool.settle(settlements(await take(spool, 2), Reason.NOT_JSON))
    dry = await spool.replay(Query(), dry_run=True)
    assert (dry.done, dry.positions, dry.last) == (2, (1, 2), 2)
    assert spool.stats().outcomes[Outcome.QUARANTINED] == 2
    assert (await spool.replay(Query())).done == 2
    again = await spool.replay(Query())
    assert (again.done, again.already, again.positions) == (0, 2, ())
    assert [one.attempt for one in await take(spool, 2)] == [2, 2]
    assert numbers(await take_all(spool)) == []


async def test_replays_at_the_same_time_count_once(spool):
    """Two people who replay the same entries make one attempt of it."""
    await spool.append(envelopes(20))
    await spool.settle(settlements(await take(spool, 20)))
    done = await asyncio.gather(spool.replay(Query()), spool.replay(Query()))
    assert sum(one.done for one in done) == 20
    # Both saw all of it: who goes by pages must not take this one for the last.
    assert [one.done + one.already for one in done] == [20, 20]
    assert [one.attempt for one in await take(spool, 20)] == [2] * 20
    assert spool.stats().pending == 20


async def test_a_stale_attempt_settles_nothing(spool):
    """A settlement of the attempt before the replay is ignored; that of the new one counts."""
    await spool.append(envelopes(1))
    (entry,) = await take(spool, 1)
    await spool.settle([settlement(entry, Reason.NOT_JSON)])
    await spool.replay(Query())
    (again,) = await take(spool, 1)
    await spool.settle([settlement(entry)])
    assert spool.stats().pending == 1
    await spool.settle([settlement(again, Reason.EMPTY_BODY)])
    await spool.settle([settlement(again)])
    assert spool.stats().outcomes[Outcome.QUARANTINED] == 1
    await spool.replay(Query())
    assert [one.attempt for one in await take(spool, 1)] == [3]


async def test_drop_discards_what_is_quarantined(spool, clock):
    """A drop discards quarantined entries only, once, and its bytes go; a dry run does nothing."""
    await filled(spool, clock)
    dry = await spool.drop(Query(), who="ann", dry_run=True)
    assert (dry.done, dry.positions) == (2, (3, 4))
    assert spool.stats().quarantine_entries == 2
    dropped = await spool.drop(Query(reason=Reason.NOT_JSON), who="ann")
    assert dropped.positions == (3,)
    stats = spool.stats()
    assert stats.outcomes[Outcome.DISCARDED] == stats.outcomes[Outcome.QUARANTINED] == 1
    assert stats.quarantine_entries == 1
    assert stats.adds_up
    again = await spool.drop(Query(), who="ann")
    assert (again.done, again.already, again.positions) == (1, 1, (4,))
    assert spool.stats().quarantine_bytes == 0


async def test_a_drop_counts_what_a_replay_was_faster_with(spool):
    """Entries that another command changed first are already changed, not overlooked."""
    await spool.append(envelopes(20))
    await spool.settle(settlements(await take(spool, 20), Reason.NOT_JSON))
    wanted = Query(outcome=Outcome.QUARANTINED)
    done = await asyncio.gather(spool.replay(wanted), spool.drop(wanted, who="ann"))
    assert sum(one.done for one in done) == 20
    assert [one.done + one.already for one in done] == [20, 20]


async def test_the_trail_names_who_did_what(spool, reopen, clock):
    """Replays and drops are kept with who, when and which, newest first, across restarts."""
    await filled(spool, clock)
    await spool.replay(Query(outcome=Outcome.DELIVERED), who="bob")
    clock.advance(60)
    await spool.drop(Query(position=4), who="ann")
    await spool.drop(Query(position=4), who="ann")
    spool = await reopen()
    deeds = [(deed.who, deed.what, deed.entries, deed.positions) for deed in await spool.trail()]
    assert deeds == [("ann", "drop", 1, "4"), ("bob", "replay", 2, "1-2")]
    assert [deed.at_s for deed in await spool.trail(limit=1)] == [clock.wall_s()]


async def test_a_delivered_id_stays_seen_through_a_replay(spool):
    """A replay bypasses dedupe for itself; a repeat from outside is still known."""
    await spool.append(envelopes(1))
    await spool.settle(settlements(await take(spool, 1)))
    await spool.replay(Query(event_id="id-1"))
    assert await spool.seen(["id-1"]) == {"id-1": Seen(1, DIGEST)}
    (found,) = await spool.find(Query(event_id="id-1"))
    assert (found.position, found.outcome, found.attempt) == (1, None, 2)
