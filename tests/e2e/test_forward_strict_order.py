"""Strict order: one request at a time, whatever the inlet answers and whoever reloads."""

from __future__ import annotations

import pytest
from forward_kit import INVALID, Reply, Rig, events, reply, rig_in, taken

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


async def test_strict_order_is_kept_through_failures(rig: Rig):
    """In strict order one request is in flight, and it is retried before the next."""
    calls = 0

    def script(request):
        nonlocal calls
        calls += 1
        if calls % 3 == 1:
            return reply((503, 500, 429)[calls // 3 % 3])
        if calls % 3 == 2:
            return Reply(b"", then="reset")
        return taken(request)

    rig.inlet.script = script
    await rig.append(*events(100))
    rig.start(ordering="strict", batch_max_records=10)
    await rig.settled()
    assert list(rig.inlet.taken) == [f"e{number}" for number in range(100)]
    assert rig.inlet.most_in_flight == 1


async def test_strict_order_with_a_refused_event_goes_on(rig: Rig):
    """A refused event is resolved where it stands: one other passes, then it is quarantined."""
    rig.inlet.script = lambda request: (
        reply(400, INVALID) if "e3" in request.ids else taken(request)
    )
    await rig.append(*events(10))
    rig.start(ordering="strict", mode="single")
    await rig.settled()
    assert await rig.quarantined() == {"e3": "refused_by_inlet"}
    assert list(rig.inlet.taken) == [f"e{number}" for number in range(10) if number != 3]


async def test_a_reload_in_strict_order_keeps_it(rig: Rig):
    """Reloads while a strict route works: the order stays, and one request is in flight."""
    rig.inlet.delay_s = 0.002
    await rig.append(*events(600))
    forward = rig.start(ordering="strict", batch_max_records=5)
    for size in range(6, 12):
        await rig.until(lambda size=size: len(rig.inlet.requests) > (size - 5) * 5)
        forward.reload(*rig.parts(ordering="strict", batch_max_records=size))
    await rig.settled()
    assert list(rig.inlet.taken) == [f"e{number}" for number in range(600)]
    assert set(rig.inlet.taken.values()) == {1}
    assert rig.inlet.most_in_flight == 1


async def test_a_reload_in_strict_order_keeps_it_when_what_was_under_way_fails(rig: Rig):
    """What the old settings could not send goes before everything that was read meanwhile."""
    failing = 0

    def script(request):
        nonlocal failing
        failing -= 1
        return reply(503) if failing >= 0 else taken(request)

    rig.inlet.script = script
    rig.inlet.delay_s = 0.01
    await rig.append(*events(300))
    forward = rig.start(ordering="strict", batch_max_records=5)
    for size in range(6, 11):
        failing, before = 1, len(rig.inlet.requests)
        await rig.until(lambda before=before: len(rig.inlet.requests) > before)
        forward.reload(*rig.parts(ordering="strict", batch_max_records=size))
    await rig.settled()
    assert list(rig.inlet.taken) == [f"e{number}" for number in range(300)]
    assert set(rig.inlet.taken.values()) == {1}
