"""Sets of positions as sorted, disjoint ranges: a million neighbours are one pair."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Intervals:
    """A set of ints, kept as inclusive (first, last) ranges that neither touch nor overlap."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges: list[tuple[int, int]] = []
        for first, last in sorted(ranges):
            self.add(first, last)

    def __contains__(self, position: int) -> bool:
        at = bisect_right(self._ranges, (position, 1 << 63)) - 1
        return at >= 0 and self._ranges[at][1] >= position

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._ranges)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def __repr__(self) -> str:
        return f"<Intervals {self._ranges}>"

    @property
    def count(self) -> int:
        """How many positions are in the set."""
        return sum(last - first + 1 for first, last in self._ranges)

    @property
    def last(self) -> int:
        """The highest position, 0 when empty."""
        return self._ranges[-1][1] if self._ranges else 0

    def add(self, first: int, last: int) -> None:
        """Add *first* to *last*, both included."""
        if last < first:
            return
        low = bisect_right(self._ranges, (first, -1))
        if low and self._ranges[low - 1][1] >= first - 1:
            low -= 1
        high = low
        while high < len(self._ranges) and self._ranges[high][0] <= last + 1:
            first = min(first, self._ranges[high][0])
            last = max(last, self._ranges[high][1])
            high += 1
        self._ranges[low:high] = [(first, last)]

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """List the parts of *first* to *last* that are not in the set."""
        parts = []
        for low, high in self._ranges:
            if high < first:
                continue
            if low > last:
                break
            if low > first:
                parts.append((first, low - 1))
            first = high + 1
        if first <= last:
            parts.append((first, last))
        return parts
