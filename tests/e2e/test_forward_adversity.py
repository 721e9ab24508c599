"""An inlet that is away, busy, wrong or half right: no event is lost, none is blamed unjustly."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from forward_kit import HEADERLESS, WRONG_ORG, Reply, Rig, each, event, items, reply, rig_in, taken

from relay.outcome import Outcome
from relay.spool.port import Query

pytestmark = pytest.mark.sockets

INVALID = {"status": 400, "message": "Message is invalid"}


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


def events(count: int, prefix: str = "e") -> list[bytes]:
    return [event(f"{prefix}{number}") for number in range(count)]


async def test_an_outage_delays_and_costs_nothing(rig: Rig):
    """Nobody listens for a while: everything is delivered once when somebody does."""
    await rig.inlet.stop()
    await rig.append(*events(1200))
    rig.start()
    refused = rig.metrics.inlet_requests.labels("marketing", "connect")
    await rig.until(lambda: refused._value.get() > 3)
    assert rig.outcomes == {}
    await rig.inlet.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 1200}
    assert set(rig.inlet.taken.values()) == {1}


@pytest.mark.parametrize("status", [429, 503, 502, 500, 408])
async def test_a_storm_of_temporary_refusals_passes(rig: Rig, status: int):
    """Temporary refusals are retried until the inlet takes the events."""
    left = 6

    def script(request):
        nonlocal left
        left -= 1
        return reply(status) if left > 0 else taken(request)

    rig.inlet.script = script
    await rig.append(*events(700))
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 700}
    assert set(rig.inlet.taken.values()) == {1}


@pytest.mark.parametrize("status", [429, 503, 500, 400])
@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_holds_the_whole_destination(rig: Rig, status: int, as_date: bool):
    """After Retry-After, in seconds or as a date, no request of any batch comes before it."""
    moments: list[float] = []

    def script(request):
        moments.append(time.time())
        if len(moments) > 1:
            return taken(request)
        # A date has whole seconds, so one that is two away lasts for more than one.
        wait = formatdate(time.time() + 2, usegmt=True) if as_date else "1"
        return reply(status, {"message": "Message is invalid"}, ("retry-after", wait))

    rig.inlet.script = script
    await rig.append(*events(40))
    rig.start(batch_max_records=10, ordering="strict")
    await rig.settled()
    assert moments[1] - moments[0] >= 0.95
    assert rig.outcomes == {"delivered": 40}


async def test_items_that_failed_for_a_while_are_sent_again_alone(rig: Rig):
    """Of a 207 the taken items are not sent again; items with 503 or 500 are."""
    failed: set[str] = set()

    def refusal(event_id: str):
        number = int(event_id[1:])
        if number % 5 or event_id in failed:
            return None
        failed.add(event_id)
        return {"statusCode": 503 if number % 2 else 500, "message": "later"}

    rig.inlet.script = lambda request: each(request, refusal)
    await rig.append(*events(600))
    rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 600}
    assert set(rig.inlet.taken.values()) == {1}


async def test_a_refused_item_is_quarantined_alone(rig: Rig):
    """One event that the inlet always refuses ends in quarantine; the others are delivered."""
    rig.inlet.script = lambda request: each(
        request, lambda event_id: INVALID if event_id == "e7" else None
    )
    await rig.append(*events(30))
    rig.start()
    await rig.settled()
    assert await rig.quarantined() == {"e7": "refused_by_inlet"}
    assert rig.outcomes == {"delivered": 29, "quarantined": 1}
    assert set(rig.inlet.taken.values()) == {1}
    (found,) = await rig.spool.find(Query(outcome=Outcome.QUARANTINED))
    assert (found.stage, found.detail) == ("inlet", "400; Adobe says: Message is invalid")


@pytest.mark.parametrize("status", [400, 413, 500, 422])
async def test_a_batch_that_is_refused_whole_is_cut_up(rig: Rig, status: int):
    """When one event spoils its batch it is isolated by halves and quarantined alone."""

    def script(request):
        return reply(status) if "e7" in request.ids else taken(request)

    rig.inlet.script = script
    await rig.append(*events(64))
    rig.start()
    await rig.settled()
    assert await rig.quarantined() == {"e7": "refused_by_inlet"}
    assert rig.outcomes == {"delivered": 63, "quarantined": 1}
    assert set(rig.inlet.taken.values()) == {1}


async def test_the_last_event_is_not_blamed_while_no_other_is_taken(rig: Rig):
    """A refused event without a later success stays suspect and pending, until there is one."""
    rig.inlet.script = lambda request: each(
        request, lambda event_id: INVALID if event_id == "bad" else None
    )
    await rig.append(event("bad"))
    forward = rig.start()
    await rig.until(lambda: len(rig.inlet.requests) >= 4)
    assert rig.outcomes == {}
    assert forward.stats().pause is None
    await rig.append(event("good"))
    await rig.settled()
    assert await rig.quarantined() == {"bad": "refused_by_inlet"}


@pytest.mark.parametrize("mode", ["batch", "single"])
@pytest.mark.parametrize(
    ("refusal", "why"),
    [
        ({"status": 400, "message": WRONG_ORG}, "set_up"),
        ({"status": 400, "message": "Message is invalid"}, "suspects"),
        ({"status": 401, "message": "Ims service token is empty"}, "credentials"),
        ({"status": 404}, "unknown_inlet"),
    ],
)
async def test_an_inlet_that_refuses_everything_pauses_the_route(rig: Rig, mode, refusal, why):
    """Every event is refused: the route pauses, quarantines nothing, and recovers by itself."""

    def refuse(request):
        if request.is_batch:
            return each(request, lambda _: refusal)
        return reply(refusal["status"], refusal)

    rig.inlet.script = refuse
    await rig.append(*events(100))
    forward = rig.start(mode=mode)
    await rig.until(lambda: forward.stats().pause is not None)
    paused = len(rig.inlet.requests)
    await rig.until(lambda: len(rig.inlet.requests) >= paused + 5)
    assert rig.outcomes == {}
    pause = forward.stats().pause
    assert pause is not None
    assert pause.reason == why
    assert pause.hint
    await rig.until(lambda: rig.spool.stats().pending == 100)
    assert [each.reason for each in await rig.spool.pauses()] == [why]
    rig.inlet.script = taken
    await rig.settled()
    assert rig.outcomes == {"delivered": 100}
    assert set(rig.inlet.taken.values()) == {1}
    await rig.until(lambda: forward.stats().pause is None)
    await rig.finish()
    assert await rig.spool.pauses() == []


async def test_a_probe_is_one_event_and_another_each_time(rig: Rig):
    """While paused, each probe has a single event, and refused probes do not repeat at once."""
    rig.inlet.script = lambda request: each(request, lambda _: INVALID)
    await rig.append(*events(200))
    forward = rig.start(batch_max_records=50)
    await rig.until(lambda: forward.stats().pause is not None)
    await rig.until(lambda: forward.stats().in_flight == 0)
    before = len(rig.inlet.requests)
    await rig.until(lambda: len(rig.inlet.requests) >= before + 6)
    probes = [request.ids for request in rig.inlet.requests[before + 1 : before + 6]]
    assert {len(ids) for ids in probes} == {1}
    assert len({ids[0] for ids in probes}) == 5


async def test_every_part_of_a_split_batch_refused_pauses(rig: Rig):
    """Four events, refused together and each alone: nobody is to blame, the route pauses."""
    rig.inlet.script = lambda request: reply(400, {"message": "Message is invalid"})
    await rig.append(*events(4))
    forward = rig.start()
    await rig.until(lambda: forward.stats().pause is not None)
    pause = forward.stats().pause
    assert pause is not None
    assert pause.reason == "split_batch"
    rig.inlet.script = taken
    await rig.settled()
    assert rig.outcomes == {"delivered": 4}


async def test_a_pause_outlives_a_restart(rig: Rig):
    """A route that was paused begins paused, and its first probe ends that."""
    rig.inlet.script = lambda request: reply(404)
    await rig.append(*events(10))
    forward = rig.start()
    await rig.until(lambda: forward.stats().pause is not None)
    await rig.finish(within_s=1)
    assert rig.outcomes == {}
    rig.spool.rewind("marketing")
    rig.inlet.script = taken
    again = rig.start()
    await rig.settled()
    assert len(rig.inlet.requests[-2].ids) == 1
    assert again.stats().pause is None


async def test_auto_falls_back_to_single_events_and_remembers(rig: Rig):
    """Batches refused for the envelope header: one event a request, also after a restart."""

    def script(request):
        if request.is_batch:
            return each(request, lambda _: {"status": 400, "message": HEADERLESS})
        return taken(request)

    rig.inlet.script = script
    await rig.append(*events(30))
    forward = rig.start()
    await rig.settled()
    assert rig.outcomes == {"delivered": 30}
    assert forward.stats().mode == "single"
    await rig.finish()
    rig.inlet.requests.clear()
    await rig.append(*events(5, "f"))
    rig.start()
    await rig.settled()
    assert not [request for request in rig.inlet.requests if request.is_batch]
    assert set(rig.inlet.taken.values()) == {1}


async def test_auto_pauses_when_single_events_are_refused_too(rig: Rig):
    """Refused for the header both ways: a pause, both ways tried, and nothing remembered."""
    refusal = {"status": 400, "message": HEADERLESS}
    rig.inlet.script = lambda request: (
        each(request, lambda _: refusal) if request.is_batch else reply(400, refusal)
    )
    await rig.append(*events(30))
    forward = rig.start()
    await rig.until(lambda: forward.stats().pause is not None)
    pause = forward.stats().pause
    assert pause is not None
    assert pause.reason == "envelope_header"
    assert forward.stats().mode == "probing"
    rig.inlet.script = taken
    await rig.settled()
    assert rig.outcomes == {"delivered": 30}


@pytest.mark.parametrize(
    "odd",
    [
        Reply(b"", then="reset"),
        Reply(b"HTTP/1.1 207 OK\r\ncontent-length: 900\r\n\r\n{", then="reset"),
        Reply(b"HTTP/1.1 207 OK\r\ncontent-length: 9\r\n\r\n{", then="close"),
        Reply(b"", then="close"),
        Reply(b"", then="hang"),
        Reply(b"SSH-2.0-OpenSSH\r\n\r\n", then="close"),
        Reply(b"HTTP/1.1 207 OK\r\ncontent-length: 6\r\n\r\n<html>"),
        Reply(b"HTTP/1.1 207 OK\r\ncontent-length: 9999999\r\n\r\n{", then="close"),
        reply(207, {"responses": "no list"}),
        reply(200, {"status": "ok"}),
        reply(204),
    ],
    ids=lambda odd: f"{odd.raw[:60]!r}-{odd.then}",
)
async def test_an_odd_answer_is_tried_again_and_never_counts_as_taken(rig: Rig, odd: Reply):
    """Resets, hangs, rubbish and half answers: sent again until an answer says taken."""
    left = 2

    def script(request):
        nonlocal left
        left -= 1
        return odd if left >= 0 else taken(request)

    rig.inlet.script = script
    await rig.append(*events(3))
    rig.start(timeout="200ms")
    await rig.settled()
    assert rig.outcomes == {"delivered": 3}
    assert len(rig.inlet.requests) == 3


async def test_items_without_an_answer_are_sent_again(rig: Rig):
    """Fewer items than events: those whose ids say so are settled, the others sent again."""
    first = True

    def script(request):
        nonlocal first
        if first:
            first = False
            return items(*({"xactionId": f"1:2:3:{at}"} for at in (0, 1, 3, 4)))
        return taken(request)

    rig.inlet.script = script
    await rig.append(*events(5))
    rig.start()
    await rig.settled()
    assert rig.inlet.requests[1].ids == ["e2"]
    assert rig.outcomes == {"delivered": 5}


async def test_redirects_are_not_followed(rig: Rig):
    """A redirect pauses the route, and nobody calls the other address."""
    elsewhere = ("location", f"http://127.0.0.1:{rig.inlet.port}/elsewhere")
    rig.inlet.script = lambda request: reply(307, None, elsewhere)
    await rig.append(*events(3))
    forward = rig.start()
    await rig.until(lambda: forward.stats().pause is not None)
    await rig.until(lambda: len(rig.inlet.requests) >= 3)
    assert not [each for each in rig.inlet.requests if "elsewhere" in each.target]
    assert rig.outcomes == {}


async def test_too_old_events_end_as_expired(rig: Rig):
    """With a max_age, what waited longer ends in quarantine; a replayed event is sent anyway."""
    rig.inlet.script = lambda request: reply(503)
    await rig.append(*events(3))
    rig.start(max_age="100ms")
    await rig.settled()
    assert rig.outcomes == {"quarantined": 3}
    assert set((await rig.quarantined()).values()) == {"expired"}
    rig.inlet.script = taken
    await rig.spool.replay(Query(event_id="e1"))
    await rig.until(lambda: rig.outcomes == {"quarantined": 2, "delivered": 1})


async def test_nothing_is_sent_before_not_before(rig: Rig):
    """A flow that was just made gets its first event at the time that provisioning wrote."""
    starts_s = time.time() + 1.0
    await rig.append(*events(3))
    when = datetime.fromtimestamp(starts_s, tz=UTC)
    forward = rig.start(not_before=when.isoformat())
    await rig.until(lambda: forward.stats().held == 3)
    assert forward.stats().holding_until_s == pytest.approx(starts_s, abs=0.05)
    await rig.settled()
    assert time.time() >= starts_s
    assert rig.outcomes == {"delivered": 3}


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


async def test_a_replayed_event_is_sent_although_it_was_delivered(rig: Rig):
    """Replay bypasses dedupe: the same id is sent again, and the account still adds up."""
    await rig.append(*events(3))
    rig.start()
    await rig.settled()
    await rig.spool.replay(Query(event_id="e1"))
    await rig.until(lambda: rig.inlet.taken["e1"] == 2)
    await rig.settled()
    assert rig.outcomes == {"delivered": 3}


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
