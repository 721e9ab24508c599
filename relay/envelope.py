"""What the relay keeps of a delivery: an `Envelope`, and its place in the spool: an `Entry`."""

from __future__ import annotations

from dataclasses import dataclass, field


# Neither is frozen: both are made for every event, and a frozen one costs three times as much to
# make. Nobody changes them.
@dataclass(slots=True)
class Envelope:
    """
    One correctly signed delivery, as it came.

    *body* is the raw bytes as sent (still compressed if they were); *headers* are the few that
    matter later, lower-case names, e.g. ``(("content-encoding", "gzip"),)``; *received_at_s* is
    wall-clock seconds UTC. When *spill* is not empty the body is not here but in the file of that
    name in the spool's ``large`` folder, because it was over the in-memory cap.
    """

    route: str
    received_at_s: float
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    spill: str = ""
    spill_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """The size of the body, wherever it is kept."""
        return self.spill_bytes or len(self.body)

    def __repr__(self) -> str:
        return f"<Envelope route={self.route} size_bytes={self.size_bytes}>"


@dataclass(slots=True)
class Entry:
    """
    One envelope in the spool, handed out for its *attempt*-th cycle.

    *position* is its id for life. *attempt* is 1 until a person replays it.
    """

    position: int
    envelope: Envelope
    attempt: int = 1

    def __repr__(self) -> str:
        return f"<Entry {self.position} attempt={self.attempt} {self.envelope!r}>"
