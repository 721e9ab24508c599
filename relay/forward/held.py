"""
What a route has read and not settled, and whether there is room for more.

An event that came compressed takes the room of what will be sent for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from relay.config import InletConfig
from relay.envelope import Entry

# What is held beside the requests in flight: enough to fill the next batches, no more.
_BATCHES = 4
_BYTES = 64 * 1024 * 1024


class Held:
    """Counts entries and their bytes in memory; *inlet* says how many are enough."""

    def __init__(self, inlet: InletConfig) -> None:
        # Changed by the methods, and *inlet* by a reload.
        self.inlet = inlet
        self.entries = 0
        self._bytes = 0
        # By position, how much more an entry takes than its body.
        self._more_bytes: dict[int, int] = {}
        self._gone = asyncio.Event()

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        batches = _BATCHES + self.inlet.max_in_flight
        return self.entries < batches * self.inlet.batch_max_records and self.is_light

    @property
    def is_light(self) -> bool:
        """Whether more bytes may be held, whatever the number of entries."""
        return self._bytes < _BYTES

    async def room(self) -> None:
        """Wait until there is room."""
        while not self.has_room:
            self._gone.clear()
            await self._gone.wait()

    async def lightness(self) -> None:
        """Wait until more may be unpacked of what was read."""
        while not self.is_light:
            self._gone.clear()
            await self._gone.wait()

    def took(self, entries: list[Entry]) -> None:
        """*entries* were read."""
        self.entries += len(entries)
        self._bytes += _size_bytes(entries)

    def unpacked(self, entry: Entry, payload: bytes) -> None:
        """*payload* will be sent for *entry*."""
        more_bytes = max(0, len(payload) - len(entry.envelope.body))
        self._bytes += more_bytes - self._more_bytes.get(entry.position, 0)
        self._more_bytes[entry.position] = more_bytes

    def settled(self, entries: list[Entry]) -> None:
        """*entries* have their outcome."""
        self.entries -= len(entries)
        self._bytes -= _size_bytes(entries)
        if self._more_bytes:
            self._bytes -= sum(self._more_bytes.pop(each.position, 0) for each in entries)
        self._gone.set()


def _size_bytes(entries: Iterable[Entry]) -> int:
    # What is in memory: a spilled body is not.
    return sum([len(entry.envelope.body) for entry in entries])
