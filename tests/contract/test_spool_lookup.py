"""What can be looked up in a spool of every backend: ids once settled, entries, their bodies."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest
from spool_kit import (
    DIGEST,
    envelopes,
    filled,
    settlement,
    settlements,
    take,
)

from relay.envelope import Envelope
from relay.outcome import Outcome, Reason
from relay.spool.port import Query, Seen

DAY_S = 86_400


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
