"""
A body as it arrives: counted, hashed, held in memory, spilled when it is large.

Nothing here knows what is in it.
"""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.config import ServerConfig
from relay.customerio.signature import Codes
from relay.envelope import Envelope
from relay.ingress.answers import BUSY, TOO_LARGE, Answer
from relay.ingress.spill import Spill

Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(slots=True)
class InFlight:
    """The bytes of all bodies that are being received or appended, and their cap."""

    max_bytes: int
    bytes: int = 0
    deliveries: int = 0


class Body:
    """
    One body being received.

    *is_complete* says that the sender has sent all of it, *is_gone* that the sender went away,
    *is_storing* that a part of it is on its way to the disk.
    """

    __slots__ = (
        "_held",
        "_in_flight",
        "_receive",
        "data",
        "is_complete",
        "is_gone",
        "is_kept",
        "is_storing",
        "size_bytes",
        "spill",
    )

    def __init__(self, receive: Receive, in_flight: InFlight) -> None:
        self._receive = receive
        self._in_flight = in_flight
        self._held: io.BytesIO | None = None
        self.size_bytes = 0
        self.data = b""
        self.spill: Spill | None = None
        self.is_complete = False
        self.is_gone = False
        self.is_kept = False
        self.is_storing = False

    async def read(self, codes: Codes, limits: ServerConfig, large: Path) -> Answer | None:
        """
        Take all of it, hashed by *codes* as it comes; give an answer when it may not go on.

        Memory and disk grow by what has arrived, never by what a header announced.

        Raises:
            OSError: a large body could not be written.
        """
        in_flight = self._in_flight
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                self.is_gone = True
                return None
            chunk: bytes = message.get("body", b"")
            self.is_complete = not message.get("more_body", False)
            for code in codes:
                code.update(chunk)
            chunk_bytes = len(chunk)
            size_bytes = self.size_bytes = self.size_bytes + chunk_bytes
            in_flight.bytes += chunk_bytes
            if size_bytes > limits.max_body_bytes:
                return TOO_LARGE
            if in_flight.bytes > in_flight.max_bytes:
                return BUSY
            if self.is_complete and size_bytes == chunk_bytes <= limits.max_body_memory:
                self.data = chunk
                return None
            await self._keep(chunk, limits, large)
            if self.is_complete:
                if self._held is not None:
                    # Shares the buffer that grew; a join would copy megabytes in one go.
                    self.data = self._held.getvalue()
                    self._held = None
                return None

    def envelope(self, route: str, received_at_s: float, headers: bytes) -> Envelope:
        """
        Make what is kept of this delivery; a spilled file belongs to it from now on.

        It may be needed also when no commit comes in time: the append may still be under way.
        """
        if self.spill is None:
            return Envelope(route, received_at_s, headers, self.data)
        self.is_kept = True
        return Envelope(route, received_at_s, headers, b"", self.spill.name, self.size_bytes)

    def release(self) -> None:
        """Give the bytes back to the cap."""
        self._in_flight.bytes -= self.size_bytes

    async def discard(self) -> None:
        """Remove a spilled file that nobody keeps."""
        if self.spill is not None and not self.is_kept:
            await self.spill.discard()

    async def _keep(self, chunk: bytes, limits: ServerConfig, large: Path) -> None:
        if self.spill is None and self.size_bytes <= limits.max_body_memory:
            if self._held is None:
                self._held = io.BytesIO()
            self._held.write(chunk)
            return
        self.is_storing = True
        if self.spill is None:
            self.spill = Spill(large)
            if self._held is not None:
                await self.spill.write(self._held.getvalue())
                self._held = None
        await self.spill.write(chunk)
        self.is_storing = False
