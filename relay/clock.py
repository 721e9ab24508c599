"""The two clocks, behind one port, so that tests own the time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for what people read and keep; monotonic time for what is measured."""

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The clocks of this machine."""

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until `advance` is called; for tests."""

    def __init__(self, *, wall_s: float = 1_700_000_000.0) -> None:
        self._wall_s = wall_s
        self._monotonic_s = 0.0

    def wall_s(self) -> float:
        """Seconds since 1970-01-01 UTC."""
        return self._wall_s

    def monotonic_s(self) -> float:
        """Seconds since this clock was made."""
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Move both clocks on by *seconds*."""
        self._wall_s += seconds
        self._monotonic_s += seconds
