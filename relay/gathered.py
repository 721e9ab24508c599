"""
Counts and observations kept as plain numbers until somebody looks.

`Counter.inc` takes a lock and `Histogram.observe` two, which for every event costs more than its
signature. Here they are an addition and an append; they reach their instrument when the registry
is collected, or when many have gathered.

Everything here belongs to one event loop, and a scrape is answered in the same one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.registry import Collector

# So many observations are held at most.
_HELD = 512


class GatheredCount:
    """How often something happened; *number* is added to directly."""

    __slots__ = ("_counter", "number")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.number = 0

    def flush(self) -> None:
        """Bring what has gathered to the counter."""
        number, self.number = self.number, 0
        self._counter.inc(number)


class GatheredValues:
    """Observations of one histogram."""

    __slots__ = ("_histogram", "_values")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._values: list[float] = []

    def observe(self, *values: float) -> None:
        """Observe *values*."""
        self._values += values
        if len(self._values) >= _HELD:
            self.flush()

    def flush(self) -> None:
        """Bring what has gathered to the histogram."""
        values, self._values = self._values, []
        observe_all(self._histogram, values)


class Gatherer(Collector):
    """
    Hands out one `GatheredCount` or `GatheredValues` an instrument, its labels chosen.

    It has nothing to show itself. It registers itself before the instruments, so that they are
    complete by the time they are collected.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        # As many as there are children of instruments.
        self._counts: dict[Counter, GatheredCount] = {}
        self._values: dict[Histogram, GatheredValues] = {}
        registry.register(self)

    def count(self, counter: Counter) -> GatheredCount:
        """Gather for *counter*; the same object for the same counter."""
        return self._counts.setdefault(counter, GatheredCount(counter))

    def values(self, histogram: Histogram) -> GatheredValues:
        """Gather for *histogram*; the same object for the same histogram."""
        return self._values.setdefault(histogram, GatheredValues(histogram))

    def describe(self) -> Iterable[Metric]:
        """Show nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Show nothing, but bring all that has gathered to where it is shown."""
        for count in self._counts.values():
            count.flush()
        for values in self._values.values():
            values.flush()
        return ()


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """
    Observe each of *values*; *histogram* is one child, its labels chosen.

    Reaches into prometheus-client, which has no such call: one bucket counts once for all values
    that fall into it. ``tests/unit/test_gathered.py`` holds it against `Histogram.observe`.
    """
    if not values:
        return
    bounds = histogram._upper_bounds  # noqa: SLF001 - see above
    counts = Counts([bisect_left(bounds, value) for value in values])
    for place, number in counts.items():
        histogram._buckets[place].inc(number)  # noqa: SLF001 - see above
    histogram._sum.inc(sum(values))  # noqa: SLF001 - see above
