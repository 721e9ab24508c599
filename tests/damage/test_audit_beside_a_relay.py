"""The audits read beside a running relay: no lock, no false alarm, no harm to it."""

from __future__ import annotations

import asyncio
import threading

from spool_kit import account, envelope, open_spool, settlement, settlements, spool_at, take

from relay.audit import audit, audit_deep
from relay.clock import ManualClock
from relay.envelope import Entry
from relay.outcome import Reason
from relay.spool.local import LocalSpool
from relay.spool.port import Query

DAY_S = 86_400
TURNS = 61
REASONS = [
    Reason.ACCEPTED_BY_INLET,
    Reason.ACCEPTED_BY_INLET,
    Reason.ACCEPTED_BY_INLET,
    Reason.NOT_JSON,
    Reason.METRIC_FILTERED,
]


async def work(spool: LocalSpool, clock: ManualClock) -> None:
    """Append, settle out of order, replay, drop and retain, as fast as it goes."""
    held: list[Entry] = []
    for turn in range(TURNS):
        await asyncio.gather(
            *(spool.append([envelope(n, size=2000, route="ab"[n % 2])]) for n in range(10))
        )
        held += await take(spool, 5)
        held += await take(spool, 5, route="b")
        now, held = held[turn % 3 :: 2], [e for e in held if e not in held[turn % 3 :: 2]]
        await spool.settle([settlement(e, REASONS[e.position * 7 % len(REASONS)]) for e in now])
        if turn % 5 == 0:
            await spool.replay(Query(reason=Reason.NOT_JSON, limit=3))
            await spool.drop(Query(reason=Reason.NOT_JSON, limit=2), who="test")
        if turn % 20 == 0:
            waiting = await spool.find(Query(pending=True, limit=10_000))
            for route in "ab":
                count = sum(1 for found in waiting if found.route == route)
                have = sum(1 for entry in held if entry.envelope.route == route)
                held += await take(spool, count - have, route=route)
            await spool.settle(settlements(held))
            held = []
            clock.advance(4 * DAY_S)
            await spool._keeper.tick(retain=True)


async def test_no_false_alarm_under_load(tmp_path):
    """While a relay appends, settles, replays and deletes, both audits add up every time."""
    folder, clock, started = tmp_path / "spool", ManualClock(), threading.Event()
    firsts: list[int] = []

    async def run() -> None:
        spool = await open_spool(folder, clock)
        started.set()
        await work(spool, clock)
        firsts.append(spool.stats().first_position)
        await spool.close()

    relay = threading.Thread(target=lambda: asyncio.run(run()))
    relay.start()
    assert await asyncio.to_thread(started.wait, 30)
    accepted = []
    try:
        while relay.is_alive():
            for look in (audit, audit_deep):
                found = await asyncio.to_thread(look, folder)
                assert found.problems == ()
                assert found.adds_up
                accepted.append(found.accepted)
    finally:
        await asyncio.to_thread(relay.join)
    assert len(set(accepted)) > 10
    assert accepted == sorted(accepted)
    assert firsts[0] > 1
    account(folder)


async def test_the_audit_changes_nothing(tmp_path):
    """Auditing writes no byte of the log or the state, and takes no lock."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(n) for n in range(9)])
        await spool.settle(settlements(await take(spool, 5)))
        watched = [path for path in folder.rglob("*") if path.suffix != ".db-shm"]
        before = {path: path.read_bytes() for path in watched if path.is_file()}
        account(folder)
        assert {path: path.read_bytes() for path in before} == before
        await spool.append([envelope(10)])
        await spool.settle(settlements(await take(spool, 4)))
    assert account(folder).pending == 1


async def test_running_totals_that_differ_from_the_rows_are_named(tmp_path):
    """The deep audit names a total that its rows do not bear out; so does the quick one's sum."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(n) for n in range(9)])
        await spool.settle(settlements(await take(spool, 5)))
        sql = "UPDATE totals SET count = count - 2"
        await spool._core.in_state(spool._state._database.execute, sql)
        deep = audit_deep(folder)
        assert not deep.adds_up
        assert "delivered (accepted_by_inlet) of route a is 3, its rows are 5" in deep.problems[0]
        assert not audit(folder).adds_up


async def test_a_position_with_two_outcomes_is_named(tmp_path):
    """An outcome beside another one of the same position is a problem with that position."""
    folder = tmp_path / "spool"
    async with spool_at(folder) as spool:
        await spool.append([envelope(n) for n in range(9)])
        await spool.settle(settlements(await take(spool, 5)))
        sql = "INSERT INTO ranges VALUES (4, 4, 'a', 'lost', 'frame_damaged', '', 0)"

        def insert() -> None:
            # In between two rows, where the schema allows it.
            state = spool._state
            state._database.execute("UPDATE ranges SET first = 1, last = 5")
            state._database.execute(sql)

        await spool._core.in_state(insert)
        found = audit_deep(folder)
        assert "position 4 has more than one outcome" in found.problems
