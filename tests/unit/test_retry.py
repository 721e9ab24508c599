"""When to try again: ceilings, jitter, and what Retry-After says."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.retry import RETRY_AFTER_CAP_S, Schedule, retry_after_s

NOW_S = 1_700_000_000.0


def test_the_ceiling_doubles_to_its_maximum_and_stays():
    """0.1, 0.2, 0.4 … 5: there is no last attempt."""
    schedule = Schedule(base_s=0.1, max_s=5.0)
    ceilings = [schedule.ceiling_s(attempt) for attempt in range(1, 9)]
    assert ceilings == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
    assert schedule.ceiling_s(10**9) == 5.0
    assert schedule.ceiling_s(0) == schedule.ceiling_s(1)


@given(attempt=st.integers(1, 10**6), unit=st.floats(0, 1, exclude_max=True))
def test_the_delay_is_anywhere_below_the_ceiling(attempt, unit):
    """Full jitter: from zero to the ceiling, in proportion to the random number."""
    schedule = Schedule()
    assert 0 <= schedule.delay_s(attempt, unit) <= schedule.ceiling_s(attempt)
    assert schedule.delay_s(attempt, 0.0) == 0.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("38", 38.0),
        (" 7 ", 7.0),
        ("99999", RETRY_AFTER_CAP_S),
        ("9" * 5000, RETRY_AFTER_CAP_S),
        (formatdate(NOW_S + 30, usegmt=True), 30.0),
        (formatdate(NOW_S - 30, usegmt=True), 0.0),
        (formatdate(NOW_S + 10**6, usegmt=True), RETRY_AFTER_CAP_S),
        ("Tuesday, 14-Nov-23 22:13:50 GMT", 30.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float):
    """Both forms of RFC 9110 §10.2.3, never more than the cap, never less than nothing."""
    assert retry_after_s(value, now_s=NOW_S) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "١٢", "Thu, 99 Nov 2023", "\x00"])
def test_what_cannot_be_read_is_no_retry_after(value: str):
    """Then the relay's own delays apply."""
    assert retry_after_s(value, now_s=NOW_S) is None


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_exception(value):
    """Whatever a server sends, the answer is nothing or a number of seconds within the cap."""
    wait_s = retry_after_s(value, now_s=NOW_S)
    assert wait_s is None or 0 <= wait_s <= RETRY_AFTER_CAP_S
