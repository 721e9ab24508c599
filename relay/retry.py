"""
When to try again: full-jitter exponential delays without an end, and what ``Retry-After`` asks.

Pure: the caller draws the random number and reads the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

RETRY_AFTER_CAP_S = 600.0
_MAX_DOUBLINGS = 32


@dataclass(frozen=True, slots=True)
class Schedule:
    """
    Delays between attempts, in seconds: the *n*-th is drawn evenly from zero to its ceiling.

    The ceiling doubles from *base_s* and stays at *max_s*; there is always a next attempt.

    Source:
        Full jitter: AWS Architecture Blog, "Exponential Backoff And Jitter", 2015.
    """

    base_s: float = 0.1
    max_s: float = 5.0

    def ceiling_s(self, attempt: int) -> float:
        """The longest delay after the *attempt*-th failure in a row, counted from 1."""
        doublings = min(max(attempt, 1) - 1, _MAX_DOUBLINGS)
        return min(self.base_s * 2.0**doublings, self.max_s)

    def delay_s(self, attempt: int, unit: float) -> float:
        """The delay after the *attempt*-th failure in a row; *unit* is random in [0, 1)."""
        return self.ceiling_s(attempt) * unit


def retry_after_s(value: str, *, now_s: float) -> float | None:
    """
    Read a ``Retry-After`` header: whole seconds or an HTTP date, as seconds from *now_s* (wall).

    ``None`` when there is none or it cannot be read. A date in the past is 0. Never more than
    `RETRY_AFTER_CAP_S`: a mistaken or hostile answer must not silence a route for a day, and an
    honest one only costs a request every ten minutes.

    Source:
        RFC 9110, section 10.2.3.
    """
    text = value.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), RETRY_AFTER_CAP_S)
    try:
        when = parsedate_to_datetime(text)
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        delay_s = when.timestamp() - now_s
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(delay_s, 0.0), RETRY_AFTER_CAP_S)
