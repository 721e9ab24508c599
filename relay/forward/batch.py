"""
Records on their way out: the `Piece` that one request carries, and the `Batch` that fills it.

Pure. The bytes of a record are spliced into the request as they are; nothing is encoded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from relay.forward.transform import Record

_OPEN = b'{"messages":['
_CLOSE = b"]}"
WRAPPER_BYTES = len(_OPEN) + len(_CLOSE)
_FAILURES_BEFORE_REFUSAL = 5  # of a 500


def splice(payloads: Sequence[bytes]) -> bytes:
    """Join *payloads* to ``{"messages":[…,…]}`` without looking into them."""
    return b"".join((_OPEN, b",".join(payloads), _CLOSE))


@dataclass(slots=True)
class Split:
    """
    A refused batch that was cut up: how many of its records are undecided, how it went so far.

    *refused* counts records that were refused on their own.
    """

    undecided: int
    took: bool = False
    refused: int = 0


@dataclass(slots=True, eq=False)
class Piece:
    """
    The records of one request, and what happened to them so far.

    *attempts* counts temporary failures and sets the delay; *failures* counts the ones that
    become a refusal in the end (500), *failures_alone* those while others passed. In the ticks
    of `relay.forward.suspects`, 0 for never: *sent* is the moment of the latest sending,
    *put_off* that of the first temporary failure, *refused* that of the latest refusal of its
    records for themselves, *marked* that of the latest of all together for the set-up.
    *proofs* and *witnessed* are the evidence against it. *due_s* is the monotonic second before
    which it is not sent.
    """

    records: list[Record]
    attempts: int = 0
    failures: int = 0
    failures_alone: int = 0
    sent: int = 0
    put_off: int = 0
    refused: int = 0
    marked: int = 0
    proofs: int = 0
    witnessed: bool = False
    due_s: float = 0.0
    split: Split | None = None

    def __len__(self) -> int:
        return len(self.records)

    def part(self, records: list[Record]) -> Piece:
        """Some of the records, with the same history."""
        return replace(self, records=records, due_s=0.0)

    def failed(self, *, others_pass: bool) -> bool:
        """
        Count a 500; say whether it is a refusal by now.

        The fifth is, and when others passed since, the fifth from then on: an inlet that comes
        back from an outage may stumble once more over any event.
        """
        self.failures += 1
        self.failures_alone += others_pass
        count = self.failures_alone if others_pass else self.failures
        return count >= _FAILURES_BEFORE_REFUSAL

    def halves(self, *, refused: bool) -> tuple[Piece, Piece]:
        """Cut in two, in order; the parts of one that was *refused* belong to one `Split`."""
        if self.split is None and refused:
            self.split = Split(len(self.records))
        middle = len(self.records) // 2
        return self.part(self.records[:middle]), self.part(self.records[middle:])

    def singles(self) -> list[Piece]:
        """Cut into one piece a record, in order."""
        return [self.part([record]) for record in self.records]

    @property
    def is_left_over(self) -> bool:
        """Whether all others of the batch that it was refused with have been taken since."""
        split = self.split
        return (
            split is not None
            and split.took
            and not split.refused
            and split.undecided == len(self.records)
        )

    def decided(self, *, took: bool) -> bool:
        """
        The records have been taken, or refused on their own; counts once for each piece.

        Says whether that was the last part of a split batch and none was taken.
        """
        split, self.split = self.split, None
        if split is None:
            return False
        split.undecided -= len(self.records)
        split.took = split.took or took
        split.refused += 0 if took else len(self.records)
        return split.undecided <= 0 and not split.took


@dataclass(slots=True)
class Batch:
    """
    The open batch. It closes at *max_records*, before *max_bytes*, or *max_age_s* after it began.

    Bytes count the wrapper and the commas. One record larger than *max_bytes* travels alone: only
    the inlet can say whether it is too large.
    """

    max_records: int
    max_bytes: int
    max_age_s: float
    # The open batch, its size, and when it began; changed only by the methods below.
    _records: list[Record] = field(default_factory=list)
    _size_bytes: int = WRAPPER_BYTES
    _began_s: float = 0.0

    def __len__(self) -> int:
        return len(self._records)

    @property
    def closes_at_s(self) -> float | None:
        """The monotonic second at which age closes it; ``None`` while it is empty."""
        return self._began_s + self.max_age_s if self._records else None

    def add(self, records: Iterable[Record], *, now_s: float) -> list[Piece]:
        """Take *records*; return the batches that this closed."""
        closed: list[Piece] = []
        held, size_bytes = self._records, self._size_bytes
        max_records, max_bytes = self.max_records, self.max_bytes
        for record in records:
            extra_bytes = len(record.payload) + 1
            if held and size_bytes + extra_bytes > max_bytes:
                closed += self.close()
                held, size_bytes = self._records, self._size_bytes
            if not held:
                self._began_s = now_s
                extra_bytes -= 1
            held.append(record)
            size_bytes += extra_bytes
            if len(held) >= max_records or size_bytes >= max_bytes:
                closed += self.close()
                held, size_bytes = self._records, self._size_bytes
        self._size_bytes = size_bytes
        return closed

    def close_if_due(self, *, now_s: float) -> list[Piece]:
        """Close and return the batch if it is old enough."""
        closes_at_s = self.closes_at_s
        return self.close() if closes_at_s is not None and now_s >= closes_at_s else []

    def take_out(self, is_unwanted: Callable[[Record], bool]) -> list[Record]:
        """Take the records out of the open batch that nobody wants sent."""
        unwanted = [record for record in self._records if is_unwanted(record)]
        for record in unwanted:
            self._records.remove(record)
            self._size_bytes -= len(record.payload) + 1
        if not self._records:
            self._size_bytes = WRAPPER_BYTES
        return unwanted

    def close(self) -> list[Piece]:
        """Close and return the batch as it is; nothing when it is empty."""
        if not self._records:
            return []
        piece = Piece(self._records)
        self._records = []
        self._size_bytes = WRAPPER_BYTES
        return [piece]
