"""What `relay.spool.port` promises, of every backend."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from spool_kit import (
    DIGEST,
    HEADERS,
    envelope,
    envelopes,
    numbers,
    open_spool,
    settlement,
    settlements,
    take,
    take_all,
)

from relay.clock import ManualClock
from relay.envelope import Entry, Envelope
from relay.errors import SpoolClosed, SpoolFull
from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.port import Pause, Query, Seen, Spool

DAY_S = 86_400
Opener = Callable[..., Awaitable[Spool]]
SETTLED = [reason for reason in Reason if OUTCOME_OF[reason] is not Outcome.LOST]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["local"])
async def reopen(request, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Opener]:
    """Close the backend's spool, if it is open, and open it again."""
    openers = {"local": open_spool}
    opened: list[Spool] = []

    async def again(**settings: object) -> Spool:
        for spool in opened:
            await spool.close()
        opened.append(await openers[request.param](tmp_path / "spool", clock, **settings))
        return opened[-1]

    yield again
    for spool in opened:
        assert spool.stats().adds_up
        await spool.close()


@pytest.fixture
async def spool(reopen: Opener) -> Spool:
    return await reopen()


# Append


async def test_positions_grow_by_one(spool):
    """Positions start at 1, grow by one, and append returns the last."""
    assert await spool.append(envelopes(3)) == 3
    assert await spool.append(envelopes(1)) == 4


async def test_concurrent_appends_are_all_stored(spool):
    """Appends that wait together each get positions of their own, without holes."""
    lasts = await asyncio.gather(*(spool.append(envelopes(2)) for _ in range(50)))
    assert sorted(lasts) == list(range(2, 101, 2))
    assert numbers(await take(spool, 100)) == list(range(1, 101))


async def test_positions_go_on_after_reopening(spool, reopen):
    """A position is never used twice, even when all before it is settled."""
    await spool.append(envelopes(5))
    await spool.settle(settlements(await take(spool, 5)))
    spool = await reopen()
    assert await spool.append(envelopes(1)) == 6


async def test_what_was_appended_comes_back_as_it_was(spool, reopen):
    """Route, time, headers and body are read as they were appended, also after reopening."""
    headers, body = (("x-odd", "\udc80é"), ("x-odd", "")), b"\x00\xff" * 700
    given = [
        Envelope("a", 1234.5678, headers, body),
        Envelope("a", 1234.5678, headers, b""),
        Envelope("a", 1234.5678, (), body),
        envelope(4),
    ]
    await spool.append(given)
    assert [entry.envelope for entry in await take(spool, 4)] == given
    spool = await reopen()
    assert [entry.envelope for entry in await take(spool, 4)] == given


async def test_a_cancelled_append_holds_up_nobody(spool):
    """A caller that gives up costs the others of its group nothing."""
    tasks = [asyncio.create_task(spool.append(envelopes(1))) for _ in range(20)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(done[3], asyncio.CancelledError)
    lasts = [last for last in done if isinstance(last, int)]
    assert len(set(lasts)) == 19
    assert spool.stats().accepted >= 19


async def test_nothing_is_taken_once_it_drains(spool):
    """After `stop_appending` an append is refused, and what is stored can still be read."""
    await spool.append(envelopes(1))
    spool.stop_appending()
    with pytest.raises(SpoolClosed):
        await spool.append(envelopes(1))
    assert not spool.stats().accepting
    assert spool.stats().refusing_because
    assert numbers(await take(spool, 1)) == [1]


async def test_a_closed_spool_refuses(spool):
    """After `close` an append is refused; closing twice is closing once."""
    await spool.close()
    await spool.close()
    with pytest.raises(SpoolClosed):
        await spool.append(envelopes(1))


async def test_a_full_spool_refuses_whole_appends(reopen):
    """An append that would pass max_bytes stores none of its envelopes, and says what to do."""
    spool = await reopen(max_bytes=512 * 1024)
    stored = 0

    async def fill() -> None:
        nonlocal stored
        while True:
            await spool.append(envelopes(2, size=8 * 1024))
            stored += 1

    with pytest.raises(SpoolFull) as caught:
        await fill()
    assert "max_bytes" in caught.value.hint
    assert spool.stats().accepted == 2 * stored
    assert spool.stats().used_bytes <= 512 * 1024


async def test_settling_makes_room(reopen):
    """What is settled goes before an append is refused, however young it is."""
    spool = await reopen(max_bytes=512 * 1024)
    for _ in range(40):
        await spool.append(envelopes(4, size=8 * 1024))
        await spool.settle(settlements(await take(spool, 4)))
    stats = spool.stats()
    assert stats.accepted == stats.outcomes[Outcome.DELIVERED] == 160
    assert stats.first_position > 1


# Read


async def test_read_waits_for_an_append(spool):
    """A read without anything to give returns as soon as something is appended."""
    reading = asyncio.create_task(spool.read("a", max_entries=10, max_bytes=1000))
    await asyncio.sleep(0)
    await spool.append(envelopes(1))
    assert numbers(await reading) == [1]


async def test_read_ends_when_the_spool_closes(spool):
    """A read that waits returns nothing once the spool closes."""
    reading = asyncio.create_task(spool.read("a", max_entries=10, max_bytes=1000))
    await asyncio.sleep(0)
    await spool.close()
    assert await reading == []


async def test_read_keeps_to_its_limits(spool):
    """A read stops at max_entries and before max_bytes, but gives one entry at least."""
    await spool.append([envelope(n, size=400) for n in range(5)])
    assert numbers(await spool.read("a", max_entries=2, max_bytes=10_000)) == [1, 2]
    assert numbers(await spool.read("a", max_entries=9, max_bytes=900)) == [3, 4]
    assert numbers(await spool.read("a", max_entries=9, max_bytes=10)) == [5]


async def test_every_entry_is_given_once(spool, reopen):
    """What was read is not read again, until the spool is opened again."""
    await spool.append(envelopes(10))
    assert numbers(await take(spool, 4)) == [1, 2, 3, 4]
    assert numbers(await take_all(spool)) == [5, 6, 7, 8, 9, 10]
    spool = await reopen()
    assert numbers(await take(spool, 11)) == list(range(1, 12))


async def test_what_is_settled_is_not_read_after_reopening(spool, reopen):
    """Only entries without an outcome come again, whatever order they were settled in."""
    await spool.append(envelopes(10))
    entries = await take(spool, 10)
    await spool.settle(settlements([entries[8], entries[2], entries[0]]))
    spool = await reopen()
    assert numbers(await take(spool, 7)) == [2, 4, 5, 6, 7, 8, 10]


async def test_a_route_holds_up_no_other(spool):
    """Each route reads its own entries, past those of routes that nobody reads."""
    await spool.append([envelope(n, route="ab"[n % 2]) for n in range(2000)])
    assert numbers(await take(spool, 1000, route="b")) == list(range(2, 2001, 2))
    assert numbers(await take(spool, 3)) == [1, 3, 5]


async def test_a_cancelled_read_loses_nothing(spool):
    """Entries that a cancelled read would have got are given to the next one."""
    await spool.append([envelope(n, size=5000) for n in range(200)])
    for turn in range(20):
        reading = asyncio.create_task(spool.read("a", max_entries=1, max_bytes=10_000))
        for _ in range(turn):
            await asyncio.sleep(0)
        if reading.done():
            break
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
    first = numbers(await reading) if reading.done() and not reading.cancelled() else []
    assert first + numbers(await take_all(spool)) == list(range(1, 201))


async def test_rewind_gives_out_what_was_not_settled(spool):
    """After a rewind a route reads again what it had read and not settled."""
    await spool.append(envelopes(5))
    entries = await take(spool, 4)
    await spool.settle(settlements([entries[1]]))
    spool.rewind("a")
    assert numbers(await take_all(spool)) == [1, 3, 4, 5]


# Settle


@pytest.mark.parametrize("reason", SETTLED)
async def test_every_outcome_is_counted_once(spool, reason):
    """An entry is in the total of its outcome and reason, and pending no more."""
    await spool.append(envelopes(2))
    entries = await take(spool, 2)
    await spool.settle([settlement(entries[0], reason)])
    stats = spool.stats()
    assert stats.outcomes_by_reason == {("a", OUTCOME_OF[reason], reason): 1}
    assert (stats.accepted, stats.pending) == (2, 1)
    assert stats.adds_up


async def test_settling_twice_is_settling_once(spool, reopen):
    """The same position and attempt settles once, in one call, in two, and after reopening."""
    await spool.append(envelopes(3))
    entries = await take(spool, 3)
    twice = settlements([*entries, *entries])
    await spool.settle(twice)
    await asyncio.gather(spool.settle(twice), spool.settle(twice))
    spool = await reopen()
    await spool.settle(settlements(entries, Reason.NOT_JSON))
    assert spool.stats().outcomes[Outcome.DELIVERED] == 3
    assert spool.stats().outcomes[Outcome.QUARANTINED] == 0
    assert spool.stats().adds_up


async def test_settling_in_any_order(spool, reopen):
    """Whatever the order, the cursor stops at the first entry without an outcome."""
    await spool.append(envelopes(100))
    entries = await take(spool, 100)
    await asyncio.gather(
        *(spool.settle(settlements(entries[n : n + 7])) for n in range(98, 6, -7))
    )
    assert spool.stats().cursor == 0
    await spool.settle(settlements(entries[:6]))
    assert spool.stats().cursor == 6
    assert spool.stats().pending == 1
    spool = await reopen()
    assert spool.stats().cursor == 6
    assert numbers(await take(spool, 1)) == [7]
    await spool.settle(settlements(entries[6:7]))
    assert spool.stats().cursor == 100


async def test_settled_text_may_be_anything(spool):
    """Characters that cannot be stored, and endless details, do not stop a settlement."""
    await spool.append(envelopes(1))
    (entry,) = await take(spool, 1)
    odd = replace(
        settlement(entry, Reason.SCHEMA_VIOLATION, event_id="\ud800" * 100_000),
        path="data.\udfff",
        detail="x" * 1_000_000,
    )
    await spool.settle([odd])
    (found,) = await spool.find(Query(event_id=odd.event_id))
    assert found.path == "data.?"
    assert len(found.detail) < 1000


async def test_a_cancelled_settle_is_still_whole(spool):
    """A caller that gives up does not undo, or halve, what it had handed over."""
    await spool.append(envelopes(50))
    entries = await take(spool, 50)
    settling = asyncio.create_task(spool.settle(settlements(entries)))
    await asyncio.sleep(0)
    settling.cancel()
    await spool.settle(settlements(entries[:1]))
    assert spool.stats().outcomes[Outcome.DELIVERED] == 50


# Dedupe


async def test_ids_are_seen_once_settled(spool, reopen):
    """An id is in the window from its settlement on, with its first position and content."""
    await spool.append(envelopes(3))
    entries = await take(spool, 3)
    assert await spool.seen(["id-1"]) == {}
    await spool.settle(settlements(entries[:2]))
    await spool.settle([settlement(entries[2], event_id="id-1")])
    expected = {"id-1": Seen(1, DIGEST), "id-2": Seen(2, DIGEST)}
    assert await spool.seen(["id-1", "id-2", "id-3", "id-1"]) == expected
    spool = await reopen()
    assert await spool.seen(["id-1", "id-2", "id-3"]) == expected


async def test_an_undelivered_id_gives_way_to_its_delivery(spool):
    """An id settled otherwise says so, until the same id is delivered."""
    await spool.append(envelopes(3))
    entries = await take(spool, 3)
    await spool.settle([settlement(entries[0], Reason.SCHEMA_VIOLATION, event_id="x")])
    assert await spool.seen(["x"]) == {"x": Seen(1, DIGEST, delivered=False)}
    await spool.settle([settlement(entries[1], event_id="x")])
    assert await spool.seen(["x"]) == {"x": Seen(2, DIGEST)}
    await spool.settle([settlement(entries[2], Reason.SCHEMA_VIOLATION, event_id="x")])
    assert await spool.seen(["x"]) == {"x": Seen(2, DIGEST)}


async def test_duplicates_and_conflicts_leave_the_window_alone(spool):
    """What was judged by an id does not enter under it; nor does an entry without one."""
    await spool.append(envelopes(3))
    entries = await take(spool, 3)
    await spool.settle([settlement(entries[0], Reason.SAME_EVENT_ID, event_id="x")])
    await spool.settle([settlement(entries[1], Reason.ID_CONFLICT, event_id="x")])
    await spool.settle([replace(settlement(entries[2]), event_id="", digest=b"")])
    assert await spool.seen(["x", ""]) == {}


@pytest.mark.parametrize("event_id", ["x" * 65, "x" * 100_000, "\ud800", "é☃", "\x00", "'"])
async def test_ids_may_be_anything(spool, event_id):
    """Long ids, and ids of any characters, are seen; near ones are not."""
    await spool.append(envelopes(1))
    (entry,) = await take(spool, 1)
    await spool.settle([settlement(entry, event_id=event_id)])
    near = event_id + "y"
    assert await spool.seen([event_id, near]) == {event_id: Seen(1, DIGEST)}


async def test_many_ids_at_once(spool):
    """Thousands of ids, in and out of order, are entered and looked up in one call."""
    await spool.append(envelopes(3000))
    entries = await take(spool, 3000)
    entries.sort(key=lambda entry: entry.position * 7919 % 3001)
    await spool.settle(settlements(entries))
    seen = await spool.seen([f"id-{n}" for n in range(4000)])
    assert seen == {f"id-{n}": Seen(n, DIGEST) for n in range(1, 3001)}


async def test_the_window_ends(reopen, clock):
    """An id is forgotten when the whole of its day is older than the window, not before."""
    spool = await reopen(dedupe_window="2d")
    clock.advance(DAY_S - clock.wall_s() % DAY_S)
    await spool.append(envelopes(1))
    await spool.settle(settlements(await take(spool, 1)))
    clock.advance(3 * DAY_S - 1)
    spool = await reopen(dedupe_window="2d")
    assert await spool.seen(["id-1"]) == {"id-1": Seen(1, DIGEST)}
    clock.advance(1)
    spool = await reopen(dedupe_window="2d")
    assert await spool.seen(["id-1"]) == {}
    assert not spool.stats().dedupe_evicted_early


# Find and body


async def filled(spool: Spool, clock: ManualClock) -> list[Entry]:
    """
    Ten entries, ten seconds apart, of routes a (odd) and b (even).

    1 and 2 delivered, 3 not JSON, 4 a schema violation, 5 duplicate, 6 filtered, 7 to 10 pending.
    """
    start_s = clock.wall_s()
    for n in range(10):
        await spool.append([envelope(n + 1, route="ab"[n % 2], at_s=start_s + 10 * n)])
    entries = [*await take(spool, 5), *await take(spool, 5, route="b")]
    entries.sort(key=lambda entry: entry.position)
    reasons = [
        Reason.ACCEPTED_BY_INLET,
        Reason.ACCEPTED_BY_INLET,
        Reason.NOT_JSON,
        Reason.SCHEMA_VIOLATION,
        Reason.SAME_EVENT_ID,
        Reason.METRIC_FILTERED,
    ]
    await spool.settle([settlement(*pair) for pair in zip(entries, reasons, strict=False)])
    return entries


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Query(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        (Query(limit=3), [1, 2, 3]),
        (Query(limit=3, after=3), [4, 5, 6]),
        (Query(limit=3, after=9), [10]),
        (Query(after=10), []),
        (Query(limit=0), []),
        (Query(route="b"), [2, 4, 6, 8, 10]),
        (Query(route="b", limit=2, after=4), [6, 8]),
        (Query(route="absent"), []),
        (Query(outcome=Outcome.DELIVERED), [1, 2]),
        (Query(outcome=Outcome.DELIVERED, route="b"), [2]),
        (Query(outcome=Outcome.QUARANTINED), [3, 4]),
        (Query(outcome=Outcome.LOST), []),
        (Query(reason=Reason.SCHEMA_VIOLATION), [4]),
        (Query(reason=Reason.ACCEPTED_BY_INLET), [1, 2]),
        (Query(reason=Reason.NOT_JSON, outcome=Outcome.DELIVERED), []),
        (Query(pending=True), [7, 8, 9, 10]),
        (Query(pending=True, route="a"), [7, 9]),
        (Query(pending=True, outcome=Outcome.DELIVERED), []),
        (Query(position=3), [3]),
        (Query(position=8), [8]),
        (Query(position=11), []),
        (Query(position=3, outcome=Outcome.DELIVERED), []),
        (Query(since_s=1_700_000_080.0), [9, 10]),
        (Query(until_s=1_700_000_020.0), [1, 2]),
        (Query(since_s=1_700_000_010.0, until_s=1_700_000_040.0), [2, 3, 4]),
        (Query(since_s=1_700_000_010.0, outcome=Outcome.DELIVERED), [2]),
        (Query(event_id="id-1"), [1]),
        (Query(event_id="id-4"), [4]),
        (Query(event_id="id-5"), [5]),
        (Query(event_id="id-7"), []),
        (Query(event_id="id-2", route="a"), []),
        (Query(event_id="id-2", outcome=Outcome.QUARANTINED), []),
        (Query(event_id="id-2", pending=True), []),
    ],
)
async def test_find_narrows_by_every_field(spool, clock, query, expected):
    """Each field of a query narrows what is found, in position order, alone and together."""
    await filled(spool, clock)
    assert [found.position for found in await spool.find(query)] == expected


async def test_pending_entries_are_found_by_their_id(spool):
    """What nobody decoded yet, packed or not, and what waits for a replay is found by event id."""
    body = b'{"event_id": "one", "data": {"event_id": "two"}}'
    packed = (("content-encoding", "gzip"),)
    await spool.append([Envelope("a", 1.7e9, (), body)])
    await spool.append([Envelope("a", 1.7e9, packed, gzip.compress(body))])
    await spool.append([Envelope("b", 1.7e9, (), body), Envelope("a", 1.7e9, (), b"one")])
    await spool.append(
        [Envelope("a", 1.7e9, packed, b"one"), Envelope("a", 1.7e9, (), b'["one"]')]
    )

    async def found(query: Query) -> list[tuple[int, str, int]]:
        return [(one.position, one.event_id, one.attempt) for one in await spool.find(query)]

    assert await found(Query(event_id="one")) == [(1, "one", 1), (2, "one", 1), (3, "one", 1)]
    assert await found(Query(event_id="one", pending=True, limit=1)) == [(1, "one", 1)]
    assert await found(Query(event_id="one", route="b")) == [(3, "one", 1)]
    assert await found(Query(event_id="one", outcome=Outcome.DELIVERED)) == []
    assert await found(Query(event_id="two")) == []
    await spool.settle([settlement(one, event_id="one") for one in await take(spool, 2)])
    await spool.replay(Query(outcome=Outcome.DELIVERED, position=1), who="ann")
    assert (1, "one", 2) in await found(Query(event_id="one"))
    again = await spool.replay(Query(event_id="one", position=1), who="ann")
    assert (again.done, again.already) == (0, 1)


async def test_find_tells_what_is_known(spool, clock):
    """A found entry has its route, time, size, outcome, reason and id."""
    await filled(spool, clock)
    (delivered,) = await spool.find(Query(event_id="id-2"))
    assert (delivered.route, delivered.received_at_s) == ("b", 1_700_000_010.0)
    assert (delivered.outcome, delivered.event_id) == (Outcome.DELIVERED, "id-2")
    assert delivered.size_bytes == len(b'{"n":2}')
    assert delivered.settled_at_s == clock.wall_s()
    assert delivered.body_kept
    (quarantined,) = await spool.find(Query(position=4))
    assert quarantined.reason is Reason.SCHEMA_VIOLATION
    assert (quarantined.stage, quarantined.event_id, quarantined.attempt) == ("test", "id-4", 1)
    (pending,) = await spool.find(Query(position=10))
    assert (pending.outcome, pending.reason, pending.attempt) == (None, None, 1)


async def test_pages_are_the_whole(spool, clock):
    """Pages of any size, put together, are what one large page shows."""
    await filled(spool, clock)
    await spool.replay(Query(position=2))
    whole = await spool.find(Query(limit=1000))
    for limit in (1, 2, 3, 7):
        pages, after = [], 0
        while page := await spool.find(Query(limit=limit, after=after)):
            pages += page
            after = page[-1].position
        assert pages == whole


async def test_body_of_any_entry(spool, clock):
    """The envelope can be had whether pending, delivered or quarantined; not of an unknown one."""
    entries = await filled(spool, clock)
    for position in (1, 3, 6, 9):
        assert await spool.body(position) == entries[position - 1].envelope
    assert await spool.body(0) is None
    assert await spool.body(11) is None


# Replay and drop


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


# What else is kept


async def test_pauses_and_facts_survive(spool, reopen):
    """A pause and a fact are there after a restart, until lifted or replaced."""
    pause = Pause("a", 12.5, "wrong_org", "the inlet names another org", "mend it")
    await spool.set_pause("a", replace(pause, reason="first"))
    await spool.set_pause("a", pause)
    await spool.remember("mode", "batch")
    await spool.remember("mode", "single")
    spool = await reopen()
    assert await spool.pauses() == [pause]
    assert await spool.recall("mode") == "single"
    assert await spool.recall("cursor") is None
    await spool.set_pause("a", None)
    assert await spool.pauses() == []


async def test_routes_that_wait_are_named(spool, reopen):
    """Every route with a pending entry is named, across restarts; one that is done is not."""
    await spool.append([envelope(1, route="gone"), envelope(2), envelope(3, route="b")])
    assert await spool.routes_waiting() == {"gone", "a", "b"}
    await spool.settle(settlements(await take(spool, 1, route="gone")))
    await spool.settle(settlements(await take(spool, 1)))
    spool = await reopen()
    assert await spool.routes_waiting() == {"b"}
    await spool.replay(Query(route="gone"))
    assert await spool.routes_waiting() == {"gone", "b"}


async def test_deliveries_are_counted_by_hour(spool, reopen, clock):
    """Deliveries are counted in the hour they happened, by route."""
    clock.advance(3600 - clock.wall_s() % 3600)
    start_s = int(clock.wall_s())
    await spool.append([envelope(1), envelope(2), envelope(3), envelope(4, route="b")])
    entries = await take(spool, 3)
    await spool.settle(settlements([*entries[:1], *await take(spool, 1, route="b")]))
    clock.advance(3600)
    await spool.settle([settlement(entries[1]), settlement(entries[2], Reason.NOT_JSON)])
    spool = await reopen()
    assert await spool.delivered_by_hour("a") == {start_s: 1, start_s + 3600: 1}
    assert await spool.delivered_by_hour("b") == {start_s: 1}


async def test_the_oldest_pending_entry_ages(spool, reopen, clock):
    """How long the oldest entry waits grows with the clock, and is 0 without one."""
    await spool.append([envelope(1, at_s=clock.wall_s()), envelope(2, at_s=clock.wall_s() + 5)])
    clock.advance(30)
    spool = await reopen()
    assert spool.stats().oldest_pending_s == 30
    await spool.settle(settlements(await take(spool, 2)))
    spool = await reopen()
    assert spool.stats().oldest_pending_s == 0


async def test_envelopes_do_not_show_their_content(spool):
    """Neither an entry nor the spool shows a body or a header when printed."""
    await spool.append(envelopes(1))
    (entry,) = await take(spool, 1)
    text = f"{entry!r} {spool!r} {spool.stats()!r}"
    assert '{"n"' not in text
    assert HEADERS[0][1] not in text
