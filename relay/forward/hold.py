"""How long nothing at all may be sent to one inlet, and why (pure)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from relay.clock import Clock
from relay.retry import Schedule


class Hold:
    """
    The moment before which nothing is sent, in monotonic seconds.

    It is the latest of what the inlet asked (``Retry-After``), of the delay after failures in a
    row, and of ``inlet.not_before``: Adobe wants five minutes after a flow is made or changed.
    """

    def __init__(
        self, not_before: str, schedule: Schedule, *, clock: Clock, unit: Callable[[], float]
    ) -> None:
        self._schedule = schedule
        self._clock = clock
        self._unit = unit
        # Failures since a success, the moment, and what of it the inlet asked for; changed by the
        # methods only.
        self._failures = 0
        self.until_s = 0.0
        self.asked_until_s = 0.0
        if not_before:
            wait_s = datetime.fromisoformat(not_before).timestamp() - clock.wall_s()
            self.until(clock.monotonic_s() + wait_s)

    @property
    def left_s(self) -> float:
        """How long it still lasts."""
        return max(0.0, self.until_s - self._clock.monotonic_s())

    def until(self, moment_s: float) -> None:
        """Send nothing before *moment_s*, or longer if something else says so."""
        self.until_s = max(self.until_s, moment_s)

    def asked(self, wait_s: float) -> None:
        """The inlet asked to wait."""
        self.obey(self._clock.monotonic_s() + wait_s)

    def obey(self, moment_s: float) -> None:
        """The inlet asked to wait until *moment_s*."""
        self.asked_until_s = max(self.asked_until_s, moment_s)
        self.until(moment_s)

    def failed(self) -> None:
        """A request found the inlet busy or absent."""
        self._failures += 1
        self.until(
            self._clock.monotonic_s() + self._schedule.delay_s(self._failures, self._unit())
        )

    def took(self) -> None:
        """Something was taken: the next failure is a first one."""
        self._failures = 0
