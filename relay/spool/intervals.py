"""Sets of positions as sorted, disjoint ranges: a million neighbours are one pair of 16 bytes."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Intervals:
    """A set of ints, kept as inclusive (first, last) ranges that neither touch nor overlap."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts = array("Q")
        self._lasts = array("Q")
        self._count = 0
        for first, last in ranges:
            self.add(first, last)

    def __contains__(self, position: int) -> bool:
        at = bisect_right(self._firsts, position) - 1
        return at >= 0 and self._lasts[at] >= position

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def __bool__(self) -> bool:
        return bool(self._firsts)

    def __repr__(self) -> str:
        return f"<Intervals {list(self)}>"

    @property
    def count(self) -> int:
        """How many positions are in the set."""
        return self._count

    @property
    def last(self) -> int:
        """The highest position, 0 when empty."""
        return self._lasts[-1] if self._lasts else 0

    def copy(self) -> Intervals:
        """Make a set of its own with the same positions."""
        made = Intervals()
        made._firsts, made._lasts, made._count = self._firsts[:], self._lasts[:], self._count
        return made

    def add(self, first: int, last: int) -> None:
        """Add *first* to *last*, both included."""
        if last < first:
            return
        firsts, lasts = self._firsts, self._lasts
        # Those that overlap or touch: from the first that ends at first - 1 or later, to the
        # last that starts at last + 1 or earlier.
        low, high = bisect_left(lasts, first - 1), bisect_right(firsts, last + 1)
        if low < high:
            first, last = min(first, firsts[low]), max(last, lasts[high - 1])
            self._count -= sum(lasts[low:high]) - sum(firsts[low:high]) + high - low
        firsts[low:high] = array("Q", (first,))
        lasts[low:high] = array("Q", (last,))
        self._count += last - first + 1

    def take_prefix(self, cursor: int) -> int:
        """Drop what is at or below *cursor* or follows it without a hole; give the new cursor."""
        gone = 0
        while gone < len(self._firsts) and self._firsts[gone] <= cursor + 1:
            self._count -= self._lasts[gone] - self._firsts[gone] + 1
            cursor = max(cursor, self._lasts[gone])
            gone += 1
        del self._firsts[:gone], self._lasts[:gone]
        return cursor

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """List the parts of *first* to *last* that are not in the set."""
        parts = []
        at = bisect_left(self._lasts, first)
        while at < len(self._firsts) and self._firsts[at] <= last:
            if self._firsts[at] > first:
                parts.append((first, self._firsts[at] - 1))
            first = self._lasts[at] + 1
            at += 1
        if first <= last:
            parts.append((first, last))
        return parts
