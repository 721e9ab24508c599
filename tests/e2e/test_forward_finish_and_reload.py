"""A route that is told to end, or to go on with other settings, while it is at work."""

from __future__ import annotations

import asyncio
import time

import pytest
from forward_kit import Reply, Rig, events, reply, rig_in, taken

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


async def test_finish_ends_at_its_deadline_and_leaves_the_rest_pending(rig: Rig):
    """A stop while the inlet hangs ends in time; what was not answered is pending."""
    rig.inlet.script = lambda request: Reply(b"", then="hang")
    await rig.append(*events(700))
    rig.start(timeout="30s")
    await rig.until(lambda: bool(rig.inlet.requests))
    began_s = time.monotonic()
    await rig.finish(within_s=0.3)
    assert time.monotonic() - began_s < 5
    assert rig.spool.stats().pending == 700
    assert rig.spool.stats().adds_up


async def test_finish_sends_what_is_held(rig: Rig):
    """A stop does not wait for a batch to fill: what was read is sent at once, then it ends."""
    await rig.append(*events(5))
    forward = rig.start(batch_max_age="60s")
    await rig.until(lambda: forward.stats().held == 5)
    assert not rig.inlet.requests
    await rig.finish()
    assert rig.outcomes == {"delivered": 5}


def hold_look_ups(rig: Rig) -> asyncio.Event:
    """Ids are looked up only once the event that this gives is set."""
    seen, free = rig.spool.seen, asyncio.Event()

    async def later(event_ids):
        await free.wait()
        return await seen(event_ids)

    rig.spool.seen = later
    return free


async def test_finish_sends_what_was_on_its_way_to_the_line(rig: Rig):
    """A stop that comes while entries are looked up in the dedupe window sends them too."""
    free = hold_look_ups(rig)
    await rig.append(*events(5))
    forward = rig.start(batch_max_age="60s")
    await rig.until(lambda: forward.stats().held == 5)
    finishing = asyncio.create_task(rig.finish())
    await rig.until(lambda: forward.stats().state != "running")
    free.set()
    await finishing
    assert rig.outcomes == {"delivered": 5}


async def test_finish_ends_at_its_deadline_although_a_look_up_hangs(rig: Rig):
    """What could not be brought to the line by then stays pending."""
    hold_look_ups(rig)
    await rig.append(*events(5))
    forward = rig.start()
    await rig.until(lambda: forward.stats().held == 5)
    began_s = time.monotonic()
    await rig.finish(within_s=0.3)
    assert time.monotonic() - began_s < 5
    assert rig.spool.stats().pending == 5


async def test_finish_ends_at_its_deadline_although_what_starts_over_hangs(rig: Rig):
    """The same, for entries that a reload made start over."""
    await rig.append(*events(5))
    forward = rig.start(batch_max_age="60s")
    await rig.until(lambda: "<Line 5 records" in repr(forward))
    hold_look_ups(rig)
    forward.reload(*rig.parts())
    began_s = time.monotonic()
    await rig.finish(within_s=0.3)
    assert time.monotonic() - began_s < 5
    assert rig.spool.stats().pending == 5


async def test_finish_sends_what_a_reload_made_start_over(rig: Rig):
    """A stop that comes right after a reload sends with the new settings what was held."""
    await rig.append(*events(5))
    forward = rig.start(batch_max_age="60s")
    await rig.until(lambda: "<Line 5 records" in repr(forward))
    forward.reload(*rig.parts(url=f"{rig.inlet.url}new"))
    await rig.finish()
    assert rig.outcomes == {"delivered": 5}
    assert all("new" in request.target for request in rig.inlet.requests)


async def test_finish_does_not_wait_for_a_paused_route(rig: Rig):
    """What a paused route holds cannot be sent, so a stop does not wait for the deadline."""
    rig.inlet.script = lambda request: reply(404)
    await rig.append(*events(5))
    forward = rig.start()
    await rig.until(lambda: forward.stats().pause is not None)
    began_s = time.monotonic()
    await rig.finish(within_s=30)
    assert time.monotonic() - began_s < 10
    assert rig.spool.stats().pending == 5


async def test_a_reload_helps_those_that_wait(rig: Rig):
    """A mended address takes what the old one refused; nothing is lost or sent twice."""
    rig.inlet.script = lambda request: taken(request) if "right" in request.target else reply(404)
    await rig.append(*events(700))
    forward = rig.start()
    await rig.until(lambda: forward.stats().pause is not None)
    forward.reload(*rig.parts(url=f"{rig.inlet.url}right"))
    await rig.settled()
    assert rig.outcomes == {"delivered": 700}
    assert set(rig.inlet.taken.values()) == {1}
    await rig.until(lambda: forward.stats().pause is None)


async def test_a_reload_sends_nothing_before_it_knows_of_the_pause(rig: Rig):
    """Two reloads of a paused route, the second in the middle of the first: one event is tried."""
    rig.inlet.script = lambda request: reply(404)
    await rig.append(*events(5))
    forward = rig.start(probe_interval="30s")
    await rig.until(lambda: forward.stats().pause is not None and not forward.stats().in_flight)
    free = hold_look_ups(rig)
    forward.reload(*rig.parts(batch_max_records=5))
    await asyncio.sleep(0.05)
    forward.reload(*rig.parts(batch_max_records=5))
    rig.inlet.script = taken
    before = len(rig.inlet.requests)
    free.set()
    await rig.settled()
    assert len(rig.inlet.requests[before].ids) == 1
    assert rig.outcomes == {"delivered": 5}


async def test_reloads_under_load_lose_and_repeat_nothing(rig: Rig):
    """Ten reloads while 5,000 events flow, each with another batch size: each arrives once."""
    await rig.append(*events(5000))
    forward = rig.start(batch_max_records=20)
    for size in range(10):
        await rig.until(lambda size=size: len(rig.inlet.requests) > size * 3)
        forward.reload(*rig.parts(batch_max_records=20 + size))
    await rig.settled()
    assert rig.outcomes == {"delivered": 5000}
    assert set(rig.inlet.taken.values()) == {1}
    assert len(rig.inlet.taken) == 5000


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_reload_does_not_make_forget_what_the_inlet_asked(rig: Rig, is_answered: bool):
    """Retry-After holds the inlet's new settings too, asked before the reload or just after."""
    moments: list[float] = []

    def script(request):
        moments.append(time.monotonic())
        return taken(request) if len(moments) > 1 else reply(503, None, ("retry-after", "1"))

    rig.inlet.script = script
    rig.inlet.delay_s = 0.1
    await rig.append(*events(5))
    forward = rig.start()
    await rig.until(lambda: bool(moments) and bool(forward.stats().in_flight) != is_answered)
    forward.reload(*rig.parts())
    await rig.settled()
    assert moments[1] - moments[0] >= 0.95
    assert rig.outcomes == {"delivered": 5}


async def test_a_reload_applies_other_filters_to_what_is_held(rig: Rig):
    """Events that wait are looked at again with the new settings."""
    rig.inlet.script = lambda request: reply(503)
    await rig.append(*events(5))
    forward = rig.start()
    await rig.until(lambda: bool(rig.inlet.requests))
    forward.reload(*rig.parts(filter={"object_type_deny": ["customer"]}))
    await rig.settled()
    assert rig.outcomes == {"filtered": 5}
