"""
The ids and times that an inlet's answers carry.

::

    single   1555445493896:8600:8        epoch milliseconds, two numbers
    batch    1565638336649:1750:244      the same
    item     1565650704337:2124:92:3     the batch's with the place of the message
             9341f8eb-494a-4c89-9879-4d06a58d2dc7-0     in the shape that Adobe's connector tests

Source:
    adobe.md §1.4; fixtures ``single_200_variants.json`` and ``batch_207_*.json``.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from relay.clock import Clock
from relay.emulator.settings import BatchShape

_NODE = 1750
_NAMESPACE = uuid.UUID("9341f8eb-494a-4c89-9879-4d06a58d2dc7")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What marks the answer to one request; *received_ms* is epoch milliseconds."""

    received_ms: int
    number: int

    @property
    def single(self) -> str:
        """The transaction id of a single message."""
        return f"{self.received_ms}:{_NODE}:{self.number}"

    @property
    def batch(self) -> str:
        """The id of the batch."""
        return self.single

    def items(self, count: int, shape: BatchShape = "docs") -> list[str]:
        """List the transaction ids of the first *count* places."""
        if shape == "kafka_connect":
            prefix = f"{uuid.uuid5(_NAMESPACE, self.single)}-"
        else:
            prefix = f"{self.single}:"
        return [f"{prefix}{place}" for place in range(count)]


class Stamps:
    """Makes stamps, no two alike."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._number = 0

    def next(self) -> Stamp:
        """Mark one more answer."""
        self._number += 1
        return Stamp(int(self._clock.wall_s() * 1000), self._number)
