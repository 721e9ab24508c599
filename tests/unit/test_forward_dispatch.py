"""What may be sent now and what each answer changes, under a clock that stands still."""

from __future__ import annotations

import pytest
from dispatch_kit import HEADERLESS, INVALID, TAKEN, Bench, record, sent

from relay.forward.answer import Failure

NOBODY = [Failure.TIMEOUT, Failure.RESET, Failure.CONNECT, Failure.DNS, Failure.TLS]


def test_a_batch_closes_at_its_records_and_at_its_age():
    """Three of three go at once; two wait until the first of them is old enough."""
    bench = Bench(batch_max_records=3, batch_max_age=0.25)
    bench.add(1, 2, 3, 4, 5)
    assert sent(bench.take()) == [1, 2, 3]
    assert bench.take() is None
    assert bench.dispatch.wakes_in_s() == pytest.approx(0.25)
    bench.clock.advance(0.25)
    assert sent(bench.take()) == [4, 5]


def test_closing_does_not_wait_for_a_batch_to_fill():
    """With a stop near, the open batch goes at once."""
    bench = Bench(batch_max_age=60)
    bench.add(1)
    assert bench.take() is None
    bench.dispatch.close()
    assert sent(bench.take()) == [1]


def test_a_hold_that_ends_between_two_looks_is_not_slept_through():
    """What was looked at a moment too early is sent at once, though nobody wakes the sender."""
    bench = Bench(batch_max_records=1, retry_max_delay=1)
    bench.add(1, 2)
    bench.status(bench.next(), 503, retry_after_s=30.0)
    bench.clock.advance(29.9)
    assert bench.take() is None
    bench.clock.advance(0.2)
    assert bench.dispatch.wakes_in_s() == 0.0


@pytest.mark.parametrize("failure", NOBODY)
def test_without_an_answer_everything_waits_and_longer_each_time(failure: Failure):
    """Full jitter with its ceilings 0.1, 0.2, 0.4 … up to retry_max_delay, then again from 0.1."""
    bench = Bench(retry_max_delay=1)
    bench.add(1)
    for ceiling_s in (0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
        bench.fails(bench.next(), failure)
        assert bench.take() is None
        assert bench.dispatch.wakes_in_s() == pytest.approx(ceiling_s)
    bench.took(bench.next())
    bench.add(2)
    bench.fails(bench.next(), failure)
    assert bench.dispatch.wakes_in_s() == pytest.approx(0.1)
    assert bench.delivered == [1]


@pytest.mark.parametrize("status", [207, 400, 404, 429, 500, 503])
def test_retry_after_holds_everything_whatever_the_status(status: int):
    """Nothing is sent before it, neither what was answered nor what waited."""
    bench = Bench(batch_max_records=1)
    bench.add(1, 2)
    document = {"responses": [TAKEN]} if status == 207 else None
    bench.status(bench.next(), status, document=document, retry_after_s=30.0)
    bench.clock.advance(29.9)
    assert bench.take() is None
    bench.clock.advance(0.1)
    assert bench.take() is not None


def test_not_before_holds_everything():
    """A time of the settings is waited for, by the wall clock."""
    bench = Bench(not_before="2023-11-14T22:13:30Z")
    bench.add(1)
    assert bench.take() is None
    assert bench.dispatch.wakes_in_s() == pytest.approx(10.0)
    bench.clock.advance(10)
    assert sent(bench.take()) == [1]


def test_items_that_are_not_there_yet_are_put_off_alone():
    """Of one answer: the taken settle, the 503, 500 and unanswered ones come again, apart."""
    bench = Bench()
    bench.add(1, 2, 3, 4, 5)
    bench.items(bench.next(), TAKEN, {"status": 503}, {"statusCode": 500}, {}, TAKEN)
    assert bench.delivered == [1, 5]
    again = []
    while len(bench.delivered) < 5:
        request = bench.next()
        again.append(sent(request))
        bench.took(request)
    assert sorted(again) == [[2], [3], [4]]


def test_500_counts_as_a_refusal_after_five_attempts():
    """
    An event that draws 500 is tried five times, then isolated.

    It is blamed when others pass and it fails five times more.
    """
    bench = Bench(batch_max_records=1)
    bench.add(1)
    for _ in range(5):
        bench.status(bench.next(), 500)
    assert bench.dispatch.line.suspects == 1
    bench.add(2)
    bench.took(bench.next())
    for _ in range(5):
        assert bench.refused == []
        request = bench.next()
        assert sent(request) == [1]
        bench.status(request, 500)
    assert bench.refused == [1]


@pytest.mark.parametrize("ordering", ["none", "strict"])
def test_an_inlet_that_stumbles_once_more_after_an_outage_costs_no_event(ordering: str):
    """What failed throughout the outage is not blamed for one more 500 when others pass again."""
    bench = Bench(batch_max_records=1, ordering=ordering)
    bench.add(*range(10))
    for _ in range(60):
        bench.status(bench.next(), 500)
    has_stumbled = set()
    while len(bench.delivered) < 10:
        request = bench.next()
        (number,) = sent(request)
        if bench.delivered and number not in has_stumbled:
            has_stumbled.add(number)
            bench.status(request, 500)
        else:
            bench.took(request)
    assert bench.refused == []
    assert len(has_stumbled) == 9


def test_a_refused_event_is_blamed_after_another_was_taken_and_it_was_refused_again():
    """One success after the first refusal, and a second refusal: not sooner."""
    bench = Bench(batch_max_records=1)
    bench.add(1)
    bench.items(bench.next(), INVALID)
    bench.items(bench.next(), INVALID)
    bench.items(bench.next(), INVALID)
    assert bench.refused == []
    bench.add(2)
    bench.took(bench.next())
    bench.items(bench.next(), INVALID)
    assert bench.refused == [1]


def test_a_success_that_was_sent_before_the_refusal_proves_nothing():
    """The answer came later, but the inlet may have read that request before."""
    bench = Bench(batch_max_records=1)
    bench.add(1, 2)
    first, second = bench.next(), bench.next()
    bench.items(second, INVALID)
    bench.took(first)
    bench.items(bench.next(), INVALID)
    assert bench.refused == []


def test_what_was_taken_beside_a_second_try_comes_after_the_first_refusal():
    """Of two requests under way either may be answered first: the last event of all is decided."""
    bench = Bench()
    bench.add(1)
    bench.items(bench.next(), INVALID)
    again = bench.next()
    bench.add(2)
    other = bench.next()
    assert (sent(again), sent(other)) == ([1], [2])
    bench.items(again, INVALID)
    assert bench.refused == []
    bench.took(other)
    bench.items(bench.next(), INVALID)
    assert (bench.delivered, bench.refused) == ([2], [1])


def test_a_later_item_of_the_same_answer_is_a_witness():
    """The refused item gets its second try at once and is blamed; the last item is not."""
    bench = Bench()
    bench.add(1, 2, 3)
    bench.items(bench.next(), INVALID, TAKEN, INVALID)
    request = bench.next()
    assert sent(request) == [1]
    bench.items(request, INVALID)
    assert bench.refused == [1]
    bench.items(bench.next(), INVALID)
    assert bench.refused == [1]
    assert bench.dispatch.line.suspects == 1


def test_refused_items_after_the_last_taken_one_count_in_a_row():
    """Twenty at the end of an answer have no witness: the route pauses and nobody is blamed."""
    bench = Bench()
    bench.add(*range(40))
    bench.items(bench.next(), *[TAKEN] * 20, *[INVALID] * 20)
    assert bench.dispatch.pause is not None
    assert bench.dispatch.pause.reason == "suspects"
    assert bench.refused == []


def test_500_for_everything_blames_nobody_although_some_was_taken_at_first():
    """What was taken before the fifth failure proves nothing about an inlet that broke down."""
    bench = Bench(batch_max_records=1)
    bench.add(*range(30))
    for number in range(30):
        bench.status(bench.next(), 500) if number else bench.took(bench.next())
    for _ in range(400):
        bench.status(bench.next(), 500)
    assert bench.refused == []
    assert bench.delivered == [0]


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_batch_is_halved_until_the_culprit_is_alone(status: int):
    """Eight events of which one is refused: it alone is blamed, wherever it stands."""
    for culprit in range(8):
        bench = Bench()
        bench.add(*range(8))
        while len(bench.delivered) + len(bench.refused) < 8:
            request = bench.next()
            if culprit in sent(request):
                bench.status(request, status)
            else:
                bench.took(request)
        assert bench.refused == [culprit]
        assert sorted(bench.delivered) == [number for number in range(8) if number != culprit]


def test_auto_falls_back_to_single_events():
    """Batches refused for the header are cut into single events; the mode is to be remembered."""
    bench = Bench(batch_max_records=3)
    bench.add(1, 2, 3, 4)
    request = bench.next()
    assert request.as_batch
    assert bench.dispatch.mode.name == "probing"
    bench.items(request, *[HEADERLESS] * 3)
    singles = [bench.next()]
    assert not singles[0].as_batch
    assert not bench.dispatch.is_mode_new
    bench.took(singles[0])
    assert bench.dispatch.is_mode_new
    assert bench.dispatch.mode.name == "single"
    while bench.dispatch.held:
        request = bench.next()
        assert len(sent(request)) == 1
        bench.took(request)
    assert sorted(bench.delivered) == [1, 2, 3, 4]
    assert bench.dispatch.pause is None


def test_one_request_that_hangs_holds_up_nobody():
    """After refusals have cut the limit there is still room beside a request without an answer."""
    bench = Bench(batch_max_records=1, max_in_flight=8)
    bench.add(1, 2, 3)
    for _ in range(6):
        bench.status(bench.next(), 429)
    hanging, other = bench.next(), bench.next()
    bench.took(other)
    bench.took(bench.next())
    assert len(bench.delivered) == 2
    assert sent(hanging) not in ([number] for number in bench.delivered)


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_batches_that_worked_are_given_up_after_three_refusals(refusals: int):
    """A moment without a header turns nobody to single events; three in a row do, and are kept."""
    bench = Bench(batch_max_records=3)
    bench.add(*range(3))
    bench.took(bench.next())
    bench.add(*range(3, 15))
    for _ in range(refusals):
        request = bench.next()
        assert request.as_batch
        bench.items(request, *[HEADERLESS] * len(sent(request)))
        single = bench.next()
        assert not single.as_batch
        bench.took(single)
    is_believed = refusals == 3
    assert bench.dispatch.is_mode_new is is_believed
    assert bench.next().as_batch is not is_believed
    assert bench.dispatch.pause is None


def test_batches_that_work_are_not_given_up_for_one_event():
    """When others of the batch are taken, a missing header is that event's own fault."""
    bench = Bench()
    bench.add(1, 2, 3)
    bench.items(bench.next(), TAKEN, HEADERLESS, TAKEN)
    assert bench.dispatch.mode.name == "batch"
    assert bench.dispatch.pause is None


def test_what_chokes_the_inlet_holds_up_nobody_and_is_isolated():
    """A batch that never gets an answer goes last; when others pass it is cut in halves."""
    bench = Bench(batch_max_records=4)
    bench.add(*range(4))
    fails = 0
    number = 100
    while fails < 5:
        bench.add(*range(number, number + 4))
        number += 4
        request = bench.next()
        if 0 in sent(request):
            fails += 1
            bench.fails(request, Failure.RESET)
        else:
            bench.took(request)
    while bench.dispatch.held and 0 not in sent(request := bench.next()):
        bench.took(request)
    assert sent(request) == [0, 1]
    assert bench.delivered
    assert bench.refused == []


def test_what_is_too_old_is_taken_out_wherever_it_waits():
    """Ready, put off, suspect or in the open batch: old records go, replayed ones stay."""
    bench = Bench(batch_max_records=1)
    bench.add(1, 2)
    bench.items(bench.next(), INVALID)
    bench.items(bench.next(), {"status": 503})
    bench.add(3)
    bench.dispatch.add(record(4, received_at_s=2e9))
    bench.dispatch.add(record(5, attempt=2))
    expired = bench.dispatch.line.expire(received_before_s=1.8e9)
    assert sorted(each.entry.position for each in expired) == [1, 2, 3]
    assert 0 not in bench.delivered


def test_an_abandoned_request_is_held_again():
    """A request that was cut off leaves its records at the front."""
    bench = Bench(batch_max_records=2)
    bench.add(1, 2, 3, 4)
    request = bench.next()
    bench.dispatch.abandoned(request)
    assert bench.dispatch.limit.in_flight == 0
    assert sent(bench.next()) == [1, 2]
