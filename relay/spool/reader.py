"""
Each route's own place in the log, so that a paused route holds up no other.

A reader goes through the log once, from the cursor on, in chunks. It checks every frame, hands
out those of its route that have no outcome, and names the gaps it meets. What was just appended
is read in the loop, because it is in the page cache; the rest in a thread.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from relay.envelope import Entry, Envelope
from relay.errors import SpoolFailed
from relay.spool import frame
from relay.spool.intervals import Intervals
from relay.spool.scan import Chunk, Gap, scan
from relay.spool.segment import Segment

_INLINE_BYTES = 64 * 1024


def segment_of(segments: list[Segment], position: int) -> int:
    """Give the index of the segment that holds *position*, or would; -1 when it is gone."""
    return bisect_right(segments, position, key=_first) - 1


def _first(segment: Segment) -> int:
    return segment.first


@dataclass(slots=True)
class Place:
    """
    Where a walk through the log stands: at *offset* of *segment*, where *expected* should be.

    Entries before *start* are passed over.
    """

    start: int
    segment: Segment | None = None
    offset: int = 0
    expected: int = 0

    @property
    def position(self) -> int:
        """The next position that may be handed out."""
        return max(self.start, self.expected)


def advance(
    segments: list[Segment], place: Place, *, skip: Intervals, route: str | None
) -> tuple[list[Entry], list[Gap]]:
    """
    Read the next chunk at *place* and move it on; give *route*'s entries outside *skip*.

    Raises:
        OSError: the segment cannot be read.
    """
    # Retention shortens the list in another thread, so this works on a copy of it. What was
    # deleted had an outcome, or was reported as lost when the spool was opened.
    kept = segments[:]
    at = max(segment_of(kept, place.position), 0)
    segment = kept[at]
    # After a failed write a closed segment may hold frames that the next one replaces. `last`
    # is read before `end`: see Writer._commit.
    is_newest = at == len(kept) - 1
    last, end = segment.last, segment.end
    if segment is not place.segment:
        place.segment = segment
        place.expected, place.offset = segment.offset_near(place.position)
    chunk = _scan(segments, place, segment, end)
    if chunk is None:
        return [], []
    gaps = [Gap(gap.first, min(gap.last, last), gap.offset) for gap in chunk.gaps]
    entries: list[Entry] = []
    for buffer, base, found in chunk.frames:
        position = found.position
        if not is_newest:
            segment.mark(position, base + found.start)
        if position < place.start or (position > last and not is_newest):
            continue
        if (route is None or found.route == route) and position not in skip:
            entries.append(Entry(position, frame.envelope(buffer, found)))
    place.offset, place.expected = chunk.offset, chunk.expected
    if place.offset >= end and place.expected <= last:
        gaps.append(Gap(place.expected, last, place.offset))
        place.expected = last + 1
    if not is_newest:
        place.expected = min(place.expected, last + 1)
    return entries, gaps


def _scan(segments: list[Segment], place: Place, segment: Segment, end: int) -> Chunk | None:
    """Scan the next chunk; ``None`` when retention deleted *segment* in the meantime."""
    if not segment.readable:
        return Chunk(end, place.expected)
    try:
        return scan(segment, place.offset, place.expected, end=end)
    except FileNotFoundError:
        if segment not in segments:
            place.segment = None
            return None
        # Somebody else removed the file: all that it held is a gap.
        return Chunk(end, place.expected)


class Reader:
    """
    Hands out one route's entries: replayed ones first, then the log's, each once.

    What it gave out once it does not give out again.
    """

    def __init__(
        self,
        route: str,
        segments: list[Segment],
        place: Place,
        skip: Intervals,
        source: ReaderSource,
    ) -> None:
        self.route = route
        self._segments = segments
        self._place = place
        self._skip = skip
        self._source = source
        # Owned by the loop.
        self._ready: deque[Entry] = deque()
        self._replays: deque[tuple[int, int]] = deque()
        self._given: set[tuple[int, int]] = set()
        self._filling: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again: something was appended or replayed, or the spool is closing."""
        self._wake.set()

    def add_replays(self, replays: list[tuple[int, int]]) -> None:
        """Queue (position, attempt) pairs that wait; those already given out are left out."""
        for replay in replays:
            if replay not in self._given:
                self._given.add(replay)
                self._replays.append(replay)
        self._wake.set()

    async def take(self, max_entries: int, max_bytes: int) -> list[Entry]:
        """Wait for entries; empty once the spool is closing."""
        while not self._source.is_closing():
            self._wake.clear()
            if self._ready or self._replays or self._has_more():
                await self._fill()
                if entries := self._pop(max_entries, max_bytes):
                    return entries
            else:
                await self._wake.wait()
        return []

    def _has_more(self) -> bool:
        return bool(self._segments) and self._place.position <= self._source.position_end()

    def _pop(self, max_entries: int, max_bytes: int) -> list[Entry]:
        ready, size_bytes = self._ready, 0
        taken: list[Entry] = []
        while ready and len(taken) < max_entries:
            size_bytes += ready[0].envelope.size_bytes
            if taken and size_bytes > max_bytes:
                break
            taken.append(ready.popleft())
        return taken

    async def _fill(self) -> None:
        """Have something ready, if there is; a cancelled caller loses nothing of it."""
        if self._replays or not self._ready:
            if self._filling is None:
                if not self._replays and self._is_fresh():
                    self._take_in(self._read())
                    return
                self._filling = asyncio.ensure_future(self._fill_elsewhere())
                self._filling.add_done_callback(self._filled)
            await asyncio.shield(self._filling)

    def _filled(self, done: asyncio.Future[None]) -> None:
        self._filling = None
        # Retrieved, so that a failure nobody waits for any more is not reported as forgotten.
        if not done.cancelled():
            done.exception()

    async def _fill_elsewhere(self) -> None:
        loop = asyncio.get_running_loop()
        if self._replays:
            position, attempt = self._replays[0]
            found = await self._source.fetch(position)
            self._replays.popleft()
            if found is None:
                self._source.on_gaps([Gap(position, position, 0)], self.route)
            else:
                self._ready.appendleft(Entry(position, found, attempt))
            return
        self._take_in(await loop.run_in_executor(self._source.executor, self._read))

    def _is_fresh(self) -> bool:
        place = self._place
        return (
            place.segment is not None
            and place.segment is self._segments[-1]
            and place.segment.end - place.offset <= _INLINE_BYTES
        )

    def _read(self) -> tuple[list[Entry], list[Gap]]:
        try:
            return advance(self._segments, self._place, skip=self._skip, route=self.route)
        except OSError as error:
            raise SpoolFailed(f"the log cannot be read: {error.strerror}") from error

    def _take_in(self, result: tuple[list[Entry], list[Gap]]) -> None:
        entries, gaps = result
        self._ready.extend(entries)
        if gaps:
            self._source.on_gaps(gaps, "")


@dataclass(frozen=True, slots=True)
class ReaderSource:
    """
    What a reader needs of the spool around it.

    *position_end* says what is acknowledged, *fetch* gets the envelope of one position, and
    *on_gaps* is told of positions that cannot be read.
    """

    executor: Executor
    position_end: Callable[[], int]
    is_closing: Callable[[], bool]
    fetch: Callable[[int], Awaitable[Envelope | None]]
    on_gaps: Callable[[list[Gap], str], None]
