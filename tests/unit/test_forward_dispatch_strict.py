"""In strict order: who is sent next, and what lets another pass."""

from __future__ import annotations

import pytest
from dispatch_kit import INVALID, TAKEN, Bench, sent

from relay.forward.answer import Failure


def test_strict_sends_one_at_a_time_and_again_first():
    """In strict order nothing overtakes what failed, whatever the failure."""
    bench = Bench(ordering="strict", batch_max_records=2)
    bench.add(1, 2, 3, 4)
    request = bench.next()
    assert bench.take() is None
    bench.items(request, TAKEN, {"status": 503})
    request = bench.next()
    assert sent(request) == [2]
    bench.fails(request, Failure.RESET)
    request = bench.next()
    assert sent(request) == [2]
    bench.status(request, 500)
    request = bench.next()
    assert sent(request) == [2]
    bench.took(request)
    assert sent(bench.next()) == [3, 4]


def test_strict_lets_one_event_pass_a_refused_one():
    """Refused three times for itself, it lets one other pass, and is tried again right after."""
    bench = Bench(ordering="strict", mode="single")
    bench.add(1, 2, 3)
    for _ in range(4):
        request = bench.next()
        assert sent(request) == [1]
        bench.status(request, 400, document=INVALID)
    request = bench.next()
    assert sent(request) == [2]
    bench.took(request)
    request = bench.next()
    assert sent(request) == [1]
    bench.status(request, 400, document=INVALID)
    assert bench.refused == [1]
    assert sent(bench.next()) == [3]


def test_strict_pauses_when_the_witness_is_refused_too():
    """Two refused events in a row: the inlet is doubted, and no third one passes."""
    bench = Bench(ordering="strict", mode="single")
    bench.add(1, 2, 3)
    while bench.dispatch.pause is None:
        request = bench.next()
        assert sent(request) in ([1], [2])
        bench.status(request, 400, document=INVALID)
    probes = []
    for _ in range(4):
        request = bench.next()
        probes += sent(request)
        bench.status(request, 400, document=INVALID)
    assert set(probes) == {1, 2}
    assert bench.refused == []


@pytest.mark.parametrize("status", [401, 404, 307])
def test_strict_waits_out_a_wrong_set_up_with_the_same_event(status: int):
    """What no event can be to blame for never lets another one pass."""
    bench = Bench(ordering="strict", mode="single")
    bench.add(1, 2)
    for _ in range(10):
        request = bench.next()
        assert sent(request) == [1]
        bench.status(request, status)
    bench.took(bench.next())
    assert sent(bench.next()) == [2]
