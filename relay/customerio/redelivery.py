"""
When Customer.io calls again: its timeout, its hour, its backoff and its seven days.

Pure: the caller says what happened and how long ago the first call was.

Source:
    docs.customer.io/integrations/api/webhooks, "Timeouts and failures", read 2026-09: 4 s a call;
    seven days of exponential backoff; one hour before the first retry after the statuses and
    errors of `HOUR_STATUSES` and `HOUR_FAILURES`; later calls wait behind the failing one.
    Assumed: the backoff starts at 10 s, doubles, and stays at 6 hours. The schedule is not
    published; see ``docs/assumptions.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

TIMEOUT_S = 4.0
WINDOW_S = 7 * 86_400.0
HOUR_S = 3_600.0
BASE_S = 10.0
MAX_S = 6 * 3_600.0
_MAX_DOUBLINGS = 16


class Failure(StrEnum):
    """Why a call had no answer."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    EOF = "eof"
    DNS = "dns"
    TLS = "tls"
    UNREACHABLE = "unreachable"
    MALFORMED = "malformed"


HOUR_STATUSES: frozenset[int] = frozenset({400, 401, 402, 403, 404, 405, 410, 429, 500, 502, 521})
HOUR_FAILURES: frozenset[Failure] = frozenset(
    {Failure.EOF, Failure.DNS, Failure.REFUSED, Failure.RESET, Failure.TLS}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call: a *status*, or 0 and the *failure*."""

    status: int
    failure: Failure | None = None

    @property
    def is_ack(self) -> bool:
        """Any 2xx; the body does not matter, and redirects are not followed (assumed)."""
        return 200 <= self.status < 300  # noqa: PLR2004 - as HTTP numbers them

    @property
    def costs_an_hour(self) -> bool:
        """Whether the first retry comes only after an hour."""
        return self.status in HOUR_STATUSES or self.failure in HOUR_FAILURES

    @property
    def label(self) -> str:
        """``"200"``, ``"timeout"``, …: what is counted."""
        return str(self.failure or self.status)


@dataclass(frozen=True, slots=True)
class Redelivery:
    """
    How Customer.io calls: *timeout_s* for each, then again after delays.

    *speed* divides the delays and the window, not the timeout: the webhook is no faster for it.
    """

    speed: float = 1.0
    timeout_s: float = TIMEOUT_S

    def delay_s(self, answer: Answer, attempt: int) -> float:
        """Say how long to wait after the *attempt*-th call in a row, counted from 1, failed."""
        if attempt == 1 and answer.costs_an_hour:
            return HOUR_S / self.speed
        doublings = min(max(attempt, 1) - 1, _MAX_DOUBLINGS)
        return min(BASE_S * 2.0**doublings, MAX_S) / self.speed

    @property
    def window_s(self) -> float:
        """After so long an event is dropped."""
        return WINDOW_S / self.speed
