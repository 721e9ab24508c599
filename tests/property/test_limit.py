"""The adaptive limit stays in its bounds, gives way, and comes back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.forward.limit import Limit

ends = st.lists(
    st.tuples(
        st.floats(0.0, 60.0), st.sampled_from(["took", "refused", "throttled"]), st.booleans()
    ),
    max_size=200,
)


@given(maximum=st.integers(1, 64), story=ends)
@settings(max_examples=200, deadline=None)
def test_the_limit_is_never_below_two_or_above_its_maximum(maximum, story):
    """Whatever happens, one that hangs leaves room for another; the maximum is never passed."""
    limit = Limit(maximum)
    now_s, flying = 0.0, 0
    for seconds, how, starts in story:
        if starts and limit.has_room:
            limit.started()
            flying += 1
        if flying:
            now_s += seconds
            flying -= 1
            limit.finished(
                now_s=now_s, seconds=seconds, throttled=how == "throttled", took=how == "took"
            )
        assert min(2, maximum) <= limit.limit <= maximum
        assert limit.in_flight == flying
        assert limit.has_room == (flying < limit.limit)


def rounds(limit: Limit, count: int, seconds: float, *, throttled: bool = False) -> None:
    """*count* rounds in which as many requests as may be are in flight."""
    for _ in range(count):
        number = limit.limit - limit.in_flight
        for _ in range(number):
            limit.started()
        rounds.now_s += seconds
        for _ in range(number):
            limit.finished(
                now_s=rounds.now_s, seconds=seconds, throttled=throttled, took=not throttled
            )


rounds.now_s = 0.0


@given(maximum=st.integers(2, 32), seconds=st.floats(0.001, 5.0))
@settings(max_examples=50, deadline=None)
def test_a_steady_inlet_is_used_to_the_maximum(maximum, seconds):
    """One more for each round that went well, until the maximum."""
    limit = Limit(maximum)
    rounds(limit, 3 * maximum, seconds)
    assert limit.limit == maximum


@given(maximum=st.integers(4, 32))
@settings(max_examples=20, deadline=None)
def test_refusals_halve_it_once_a_round_and_it_comes_back(maximum):
    """A whole round of 429 halves the limit once; ten leave two."""
    limit = Limit(maximum)
    rounds(limit, 3 * maximum, 0.1)
    rounds(limit, 1, 0.1, throttled=True)
    assert limit.limit == maximum // 2
    rounds(limit, 10, 0.1, throttled=True)
    assert limit.limit == 2
    rounds(limit, 4 * maximum, 0.1)
    assert limit.limit == maximum


def test_a_rise_of_latency_reduces_it():
    """An inlet that takes five times as long gets fewer requests at once."""
    limit = Limit(16)
    rounds(limit, 60, 0.1)
    assert limit.limit == 16
    rounds(limit, 1, 0.5)
    assert limit.limit < 16


def test_a_limit_that_is_not_reached_does_not_grow():
    """One request at a time says nothing about two."""
    limit = Limit(16)
    for at in range(100):
        limit.started()
        limit.finished(now_s=float(at), seconds=0.1, throttled=False, took=True)
    assert limit.limit == 2
