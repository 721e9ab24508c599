"""What pauses a route, what is tried meanwhile, and what ends it."""

from __future__ import annotations

import pytest
from dispatch_kit import HEADERLESS, INVALID, TAKEN, WRONG_ORG, Bench, sent

from relay.spool.port import Pause


@pytest.mark.parametrize("every", [2, 10, 20])
def test_many_refused_items_among_taken_ones_pause_nothing(every: int):
    """Each has a witness in the same answer: all are decided by the second request."""
    bench = Bench(probe_interval=1000)
    bench.add(*range(500))
    bad = {number for number in range(500) if number % every == 0}
    for _ in range(2):
        request = bench.next(within_s=0)
        bench.items(request, *[INVALID if number in bad else TAKEN for number in sent(request)])
        assert bench.dispatch.pause is None
    assert set(bench.refused) == bad
    assert len(bench.delivered) == 500 - len(bad)


def test_many_items_that_always_fail_pause_nothing():
    """A tenth of the items draws 500 each time: others go on, and they are blamed together."""
    bench = Bench(probe_interval=1000)
    added = 0
    while len(bench.refused) < 30:
        assert added < 1000
        bench.add(*range(added, added + 100 if added < 300 else added + 1))
        added += 100 if added < 300 else 1
        for _ in range(2):
            request = bench.next()
            items = [{"status": 500} if each % 10 == 1 else TAKEN for each in sent(request)]
            bench.items(request, *items)
            assert bench.dispatch.pause is None
    assert all(number % 10 == 1 for number in bench.refused)


def test_of_many_suspects_every_second_probe_is_another_event():
    """Two hundred events refused in a row hold up nothing behind them once they are mended."""
    bench = Bench(batch_max_records=200)
    bench.add(*range(200))
    bench.items(bench.next(), *[INVALID] * 100, *[{"status": 422}] * 100)
    assert bench.dispatch.pause is not None
    bench.add(*range(200, 210))
    probes = []
    for _ in range(6):
        request = bench.next()
        probes += sent(request)
        bench.items(request, INVALID)
    assert [number >= 200 for number in probes] == [False, True] * 3
    assert len(set(probes)) == 6
    assert bench.refused == []


def test_twenty_suspects_without_a_success_pause():
    """The twentieth refused event in a row pauses the route; none is blamed."""
    bench = Bench(batch_max_records=1)
    bench.add(*range(25))
    for _ in range(19):
        bench.items(bench.next(), INVALID)
    assert bench.dispatch.pause is None
    bench.items(bench.next(), INVALID)
    assert bench.dispatch.pause is not None
    assert bench.dispatch.pause.reason == "suspects"
    assert bench.refused == []


def test_a_success_in_between_begins_the_count_anew():
    """Nineteen suspects, a success, nineteen more: no pause."""
    bench = Bench(batch_max_records=1, probe_interval=1000)
    for start in (0, 100):
        bench.add(*range(start, start + 20))
        for number in range(start, start + 20):
            request = bench.next()
            while sent(request) != [number]:
                bench.items(request, INVALID)
                request = bench.next()
            if number == start + 19:
                bench.took(request)
            else:
                bench.items(request, INVALID)
    assert bench.dispatch.pause is None


def test_every_part_of_a_split_batch_refused_pauses():
    """Four events refused together and each alone: the route pauses, none is blamed."""
    bench = Bench()
    bench.add(1, 2, 3, 4)
    while bench.dispatch.pause is None:
        bench.status(bench.next(), 400)
    assert bench.dispatch.pause.reason == "split_batch"
    assert bench.refused == []


@pytest.mark.parametrize(
    ("status", "document", "why"),
    [
        (400, WRONG_ORG, "set_up"),
        (400, {"message": "the flow is disabled"}, "set_up"),
        (401, None, "credentials"),
        (403, None, "credentials"),
        (404, None, "unknown_inlet"),
        (410, None, "unknown_inlet"),
        (301, None, "set_up"),
    ],
)
def test_what_names_the_set_up_pauses_at_once(status, document, why):
    """One such answer is enough; the events wait, and nothing is split."""
    bench = Bench(mode="batch")
    bench.add(1, 2, 3)
    bench.status(bench.next(), status, document=document)
    assert bench.dispatch.pause is not None
    assert bench.dispatch.pause.reason == why
    assert bench.dispatch.held == 3
    assert bench.take() is None


def test_five_unreadable_answers_in_a_row_pause():
    """Something that answers 200 without an inlet's words is not an inlet."""
    bench = Bench(mode="batch")
    bench.add(1)
    for _ in range(4):
        bench.status(bench.next(), 200, document="<html>")
    assert bench.dispatch.pause is None
    bench.status(bench.next(), 200, document=None)
    assert bench.dispatch.pause is not None
    assert bench.dispatch.pause.reason == "unreadable_answers"


def test_five_events_without_an_item_in_a_row_pause():
    """Halves, then events alone: an inlet that never says what it took is not asked for ever."""
    bench = Bench(mode="batch", batch_max_records=4)
    bench.add(1, 2, 3, 4)
    sizes = []
    while bench.dispatch.pause is None:
        request = bench.next()
        sizes.append(len(sent(request)))
        bench.items(request)
    assert sizes == [4, 2, 2, 1, 1, 1, 1, 1]
    assert bench.dispatch.pause.reason == "unreadable_answers"
    assert bench.delivered == bench.refused == []
    bench.took(bench.next())
    assert bench.dispatch.pause is None


def test_one_event_without_an_item_among_others_pauses_nothing():
    """It is sent again, later and later, while the others are taken."""
    bench = Bench(mode="batch", batch_max_records=1)
    for number in range(30):
        bench.add(number)
        while len(bench.delivered) < number:
            request = bench.next()
            bench.items(request) if sent(request) == [0] else bench.took(request)
    assert bench.dispatch.pause is None
    assert 0 not in bench.delivered


def test_while_paused_one_event_is_tried_at_each_interval():
    """One record, one at a time, every probe_interval, another each time; success ends it."""
    bench = Bench(mode="batch", probe_interval=2)
    bench.add(1, 2, 3)
    bench.items(bench.next(), *[WRONG_ORG] * 3)
    probes = []
    for _ in range(3):
        assert bench.take() is None
        assert bench.dispatch.wakes_in_s() == pytest.approx(2.0)
        bench.clock.advance(2)
        probe = bench.take()
        assert bench.take() is None
        assert bench.dispatch.wakes_in_s() is None
        probes += sent(probe)
        bench.items(probe, WRONG_ORG)
    assert sorted(probes) == [1, 2, 3]
    bench.took(bench.next())
    assert bench.dispatch.pause is None
    while bench.dispatch.held:
        bench.took(bench.next())
    assert sorted(bench.delivered) == [1, 2, 3]


def test_a_success_from_before_the_pause_does_not_end_it():
    """An answer that was on its way when the pause began proves nothing."""
    bench = Bench(mode="batch", batch_max_records=1)
    bench.add(1, 2)
    first, second = bench.next(), bench.next()
    bench.items(second, WRONG_ORG)
    bench.took(first)
    assert bench.dispatch.pause is not None


def test_an_event_that_always_draws_a_set_up_message_does_not_stop_the_others():
    """Its text names the schema, but others pass: after three proofs it is blamed, alone."""
    bench = Bench(mode="batch", batch_max_records=4)
    bench.add(*range(40))
    steps = 0
    while len(bench.delivered) + len(bench.refused) < 40:
        steps += 1
        assert steps < 200
        request = bench.next()
        if 5 in sent(request):
            bench.status(request, 400, document={"message": "unknown xdm format"})
        else:
            bench.took(request)
    assert bench.refused == [5]


def test_auto_pauses_only_when_single_events_are_refused_too():
    """Then the probes try both ways in turn, and the one that is taken is kept."""
    bench = Bench()
    bench.add(1, 2, 3)
    ways = []
    for _ in range(5):
        request = bench.next()
        ways.append(request.as_batch)
        if request.as_batch:
            bench.items(request, *[HEADERLESS] * len(sent(request)))
        else:
            bench.status(request, 400, document=HEADERLESS)
    assert ways == [True, False, True, False, True]
    assert bench.dispatch.pause is not None
    assert bench.dispatch.pause.reason == "envelope_header"
    assert bench.refused == []


@pytest.mark.parametrize(("ordering", "bad"), [("none", 30), ("strict", 4)])
def test_a_long_row_of_bad_events_does_not_stop_the_good_ones(ordering: str, bad: int):
    """Bad for its own reason each: the route pauses, finds a good one, and blames them all."""
    bench = Bench(ordering=ordering, mode="single")
    bench.add(*range(bad + 20))
    while len(bench.delivered) + len(bench.refused) < bad + 20:
        request = bench.next()
        if sent(request)[0] < bad:
            bench.status(request, 400, document=INVALID)
        else:
            bench.took(request)
        assert bench.clock.monotonic_s() < 1000
    assert sorted(bench.refused) == list(range(bad))


def test_what_was_put_off_is_tried_while_paused_too():
    """A suspect does not keep the probes to itself: a put-off event ends the pause."""
    bench = Bench(mode="batch", probe_interval=2)
    bench.add(1, 2)
    bench.items(bench.next(), INVALID, {"status": 503})
    bench.dispatch.resume(Pause("r", 0.0, "set_up", "", ""))
    for _ in range(5):
        request = bench.next()
        if sent(request) == [2]:
            bench.took(request)
            break
        bench.items(request, INVALID)
    assert bench.dispatch.pause is None
    assert bench.delivered == [2]
