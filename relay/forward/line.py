"""
The records that wait to be sent: the open batch, pieces in order, those put off, the suspects.

Pure. Order is that of reading, except for what was put off; what comes back goes to the front.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count

from relay.forward.batch import Batch, Piece
from relay.forward.transform import Record


class Line:
    """Everything of one route that is held and not in flight."""

    def __init__(self, batch: Batch) -> None:
        # Who waits, and how many records that is; changed by the methods only.
        self._batch = batch
        self._ready: deque[Piece] = deque()
        self._later: list[tuple[float, int, Piece]] = []
        self._suspects: deque[Piece] = deque()
        self._records = 0
        self._order = count()

    def __len__(self) -> int:
        return self._records

    @property
    def suspects(self) -> int:
        """How many records are suspect and wait."""
        return sum(len(piece) for piece in self._suspects)

    @property
    def has_ready(self) -> bool:
        """Whether a piece may be sent now."""
        return bool(self._ready)

    @property
    def is_single(self) -> bool:
        """Whether a batch is closed by its first record."""
        return self._batch.max_records == 1

    def make_single(self, *, single: bool, max_records: int) -> None:
        """Close batches at one record, or at *max_records* again."""
        self._batch.max_records = 1 if single else max_records

    def add(self, *records: Record, now_s: float) -> bool:
        """Take new *records*; say whether that made a piece ready."""
        self._records += len(records)
        closed = self._batch.add(records, now_s=now_s)
        self._ready += closed
        return bool(closed)

    def front(self, *pieces: Piece) -> None:
        """Put *pieces*, in order, before everything that is ready."""
        for piece in reversed(pieces):
            self._records += len(piece)
            self._ready.appendleft(piece)

    def back(self, piece: Piece) -> None:
        """Put *piece* behind everything that is ready, so that it holds up nobody."""
        self._records += len(piece)
        self._ready.append(piece)

    def later(self, piece: Piece, *, due_s: float) -> None:
        """Put *piece* off until *due_s*."""
        self._records += len(piece)
        piece.due_s = due_s
        heapq.heappush(self._later, (due_s, next(self._order), piece))

    def suspect(self, piece: Piece, *, due_s: float) -> None:
        """Set *piece* aside until something else is taken, or *due_s*."""
        self._records += len(piece)
        piece.due_s = due_s
        self._suspects.append(piece)

    def release(self, is_proven: Callable[[Piece], bool]) -> None:
        """Put the suspects that can be decided now at the front."""
        if self._suspects:
            self._ready.extendleft(
                reversed([piece for piece in self._suspects if is_proven(piece)])
            )
            self._suspects = deque(piece for piece in self._suspects if not is_proven(piece))

    def ripen(self, *, now_s: float, close: bool = False) -> None:
        """Make ready what is due: put-off pieces, suspects, the open batch (now with *close*)."""
        self._ripen_later(now_s)
        while self._suspects and self._suspects[0].due_s <= now_s:
            self._ready.append(self._suspects.popleft())
        self._ready += self._batch.close() if close else self._batch.close_if_due(now_s=now_s)

    def _ripen_later(self, now_s: float) -> None:
        while self._later and self._later[0][0] <= now_s:
            self._ready.appendleft(heapq.heappop(self._later)[2])

    def ripens_at_s(self) -> float | None:
        """The monotonic second of the next `ripen` that changes something."""
        times_s = [self._later[0][0]] if self._later else []
        if self._suspects:
            times_s.append(self._suspects[0].due_s)
        if (closes_at_s := self._batch.closes_at_s) is not None:
            times_s.append(closes_at_s)
        return min(times_s, default=None)

    def next(self) -> Piece | None:
        """Take the first ready piece."""
        if not self._ready:
            return None
        piece = self._ready.popleft()
        self._records -= len(piece)
        return piece

    def probe(self, *, now_s: float, most_suspects: int) -> Piece | None:
        """
        Take one record to try the inlet with: another each time, and one that is not suspect.

        With *most_suspects* set aside, or without anything else, the suspects take turns.
        """
        self._ripen_later(now_s)
        self._ready += self._batch.close()
        if self._ready and (not self._suspects or self.suspects < most_suspects):
            piece = self._ready.popleft()
        elif self._suspects:
            piece = self._suspects.popleft()
        elif self._later:
            piece = heapq.heappop(self._later)[2]
        else:
            return None
        first = piece.part(piece.records[:1])
        rest = piece.part(piece.records[1:])
        if len(rest) and piece.refused:
            self._suspects.appendleft(rest)
        elif len(rest):
            self._ready.appendleft(rest)
        self._records -= 1
        return first

    def expire(self, *, received_before_s: float) -> list[Record]:
        """Take out what was received before that wall second, unless a person replayed it."""
        expired: list[Record] = []
        for piece in self._pieces():
            old = [record for record in piece.records if _is_old(record, received_before_s)]
            if old:
                gone = {id(record) for record in old}
                piece.records[:] = [each for each in piece.records if id(each) not in gone]
                expired += old
        expired += self._batch.take_out(lambda record: _is_old(record, received_before_s))
        if expired:
            self._records -= len(expired)
            self._drop_empty()
        return expired

    def clear(self) -> list[Record]:
        """Take everything out."""
        self.ripen(now_s=float("-inf"), close=True)
        records = [record for piece in self._pieces() for record in piece.records]
        self._ready.clear()
        self._later.clear()
        self._suspects.clear()
        self._records = 0
        return records

    def _pieces(self) -> Iterator[Piece]:
        yield from self._ready
        yield from (piece for _, _, piece in self._later)
        yield from self._suspects

    def _drop_empty(self) -> None:
        self._ready = deque(piece for piece in self._ready if piece.records)
        self._suspects = deque(piece for piece in self._suspects if piece.records)
        self._later = [waiting for waiting in self._later if waiting[2].records]
        heapq.heapify(self._later)

    def __repr__(self) -> str:
        return f"<Line {self._records} records, {self.suspects} suspect>"


def _is_old(record: Record, received_before_s: float) -> bool:
    entry = record.entry
    return entry.attempt == 1 and entry.envelope.received_at_s < received_before_s
