"""What `relay.spool.port` promises, of every backend: append, read, settle, what else is kept."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from spool_kit import (
    HEADERS,
    SETTLED,
    envelope,
    envelopes,
    numbers,
    settlement,
    settlements,
    take,
    take_all,
)

from relay.envelope import Envelope
from relay.errors import SpoolClosed, SpoolFull
from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.port import Pause, Query

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
