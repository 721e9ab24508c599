"""Whole numbers from one to another, which are not written out before they must be (pure)."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from relay.mapping.limits import MAX_ITEMS, LimitPassed
from relay.mapping.numbers import INT_MAX, INT_MIN, Long


class Range:
    """Whole numbers from *first* to *last*, both included, downwards when *last* is smaller."""

    __slots__ = ("first", "last")

    def __init__(self, first: int, last: int) -> None:
        self.first = first
        self.last = last

    @property
    def low(self) -> int:
        """The smallest number."""
        return min(self.first, self.last)

    @property
    def high(self) -> int:
        """The largest number."""
        return max(self.first, self.last)

    @property
    def is_long(self) -> bool:
        """Whether its numbers are Long, because one end does not fit an Integer."""
        return self.low < INT_MIN or self.high > INT_MAX

    def __len__(self) -> int:
        return min(self.high - self.low + 1, sys.maxsize)

    def __iter__(self) -> Iterator[int]:
        step = 1 if self.first <= self.last else -1
        numbers = range(self.first, self.last + step, step)
        return map(_long, numbers) if self.is_long else iter(numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and (self.first, self.last) == (other.first, other.last)

    def __hash__(self) -> int:
        return hash((self.first, self.last))

    def to_list(self) -> list[int]:
        """
        Write the numbers out.

        Raises:
            LimitPassed: there are too many.
        """
        if self.high - self.low >= MAX_ITEMS:
            raise LimitPassed(f"a range has more than {MAX_ITEMS} elements")
        return list(self)


def _long(value: int) -> int:
    return Long(value) if INT_MIN <= value <= INT_MAX else value
