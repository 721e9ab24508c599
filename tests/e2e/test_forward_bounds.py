"""How much a route holds and has under way, whatever waits for it."""

from __future__ import annotations

import asyncio
import gzip
import json
import time

import pytest
from forward_kit import Rig, event, events, reply, rig_in, taken

from relay.envelope import Entry
from relay.forward.transform import Decoded, Rejected, Transform

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


async def test_requests_in_flight_stay_below_the_limit(rig: Rig):
    """max_in_flight bounds the requests at once, and the limit grows to it under load."""
    rig.inlet.delay_s = 0.002
    await rig.append(*events(500))
    forward = rig.start(mode="single", max_in_flight=4)
    await rig.settled()
    assert 1 < rig.inlet.most_in_flight <= 4
    assert forward.stats().limit <= 4


async def test_large_backlogs_are_read_only_as_far_as_they_can_be_held(rig: Rig):
    """While the inlet is away, what is read is bounded, however much waits on disk."""
    rig.inlet.script = lambda request: reply(503)
    await rig.append(*events(2000))
    forward = rig.start(batch_max_records=50, max_in_flight=1, retry_max_delay="1s")
    await rig.until(lambda: len(rig.inlet.requests) >= 2)
    await asyncio.sleep(0.1)
    assert forward.stats().held < 50 * 5 + 500 + 1
    assert json.loads(rig.inlet.requests[0].body)


@pytest.mark.parametrize("padding", [0, 20_000], ids=["slow", "long"])
async def test_between_two_events_that_take_long_others_may_run(rig: Rig, monkeypatch, padding):
    """
    Because of a large mapping set, or of their size, also behind many that take no time.

    16 events of 50 kB between two looks at the clock held the loop for half a second.
    """
    turn = 0
    turns: list[int] = []
    decode = Transform.decode

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    def decoded(transform: Transform, entry: Entry) -> Decoded | Rejected:
        if b"slow" in entry.envelope.body:
            turns.append(turn)
            time.sleep(0.002)
        return decode(transform, entry)

    monkeypatch.setattr(Transform, "decode", decoded)
    slow = [event(f"slow{at}", padding="x" * padding) for at in range(40)]
    await rig.append(*events(100 if padding else 0), *slow)
    counting = asyncio.create_task(count())
    rig.start()
    await rig.settled()
    counting.cancel()
    assert len(set(turns)) == len(turns) == 40


@pytest.mark.parametrize("ordering", ["none", "strict"])
async def test_compressed_events_are_held_by_what_they_unpack_to(rig: Rig, monkeypatch, ordering):
    """While the inlet is away, 200 events of 20 kB that came as 200 bytes do not fill memory."""
    monkeypatch.setattr("relay.forward.held._BYTES", 1_000_000)
    monkeypatch.setattr("relay.forward.intake._MOST_UNPACKED_BYTES", 100_000)
    rig.inlet.script = lambda request: reply(503)
    bodies = [gzip.compress(event(f"e{at}", padding="x" * 20_000)) for at in range(200)]
    await rig.append(*bodies, headers=[("content-encoding", "gzip")])
    forward = rig.start(ordering=ordering, batch_max_records=20)
    for _ in range(2):
        before = len(rig.inlet.requests)
        await rig.until(lambda before=before: len(rig.inlet.requests) > before + 5)
        assert len(set(rig.inlet.order)) <= 60
        forward.reload(*rig.parts(ordering=ordering, batch_max_records=20))
    rig.inlet.script = taken
    await rig.settled()
    assert rig.outcomes == {"delivered": 200}
    assert set(rig.inlet.taken.values()) == {1}
    if ordering == "strict":
        assert list(rig.inlet.taken) == [f"e{at}" for at in range(200)]
