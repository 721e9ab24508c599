"""An inlet that is away, busy, wrong or half right: no event is lost, none is blamed unjustly."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import formatdate

import pytest
from forward_kit import (
    HEADERLESS,
    INVALID,
    WRONG_ORG,
    Reply,
    Rig,
    each,
    event,
    events,
    items,
    reply,
    rig_in,
    taken,
)

from relay.outcome import Outcome
from relay.spool.port import Query

pytestmark = pytest.mark.sockets


@pytest.fixture
async def rig(tmp_path):
    async with rig_in(tmp_path) as made:
        yield made


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


async def test_a_replayed_event_is_sent_although_it_was_delivered(rig: Rig):
    """Replay bypasses dedupe: the same id is sent again, and the account still adds up."""
    await rig.append(*events(3))
    rig.start()
    await rig.settled()
    await rig.spool.replay(Query(event_id="e1"))
    await rig.until(lambda: rig.inlet.taken["e1"] == 2)
    await rig.settled()
    assert rig.outcomes == {"delivered": 3}
