"""
Each route's own place in the log, so that a paused route holds up no other.

A reader goes through the log once, from the cursor on, in chunks. It checks every frame, hands
out those of its route that have no outcome, and names the gaps it meets. A reader that has come to
the log's end is given what is stored next from memory, as far as little waits for it; what else
was just appended it reads in the loop, because it is in the page cache; the rest in a thread.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from relay.envelope import Entry, Envelope
from relay.errors import SpoolFailed
from relay.spool import frame
from relay.spool.frame import Frame
from relay.spool.intervals import Intervals
from relay.spool.replays import Waiting
from relay.spool.scan import Chunk, Gap, scan
from relay.spool.segment import Segment

_INLINE_BYTES = 256 * 1024  # some 2 ms of the loop
_NO_END = 1 << 63
# So much is taken from memory before somebody asks for it.
_FOLLOWED_BYTES = 1024 * 1024
_FOLLOWED_ENTRIES = 2000

Held = tuple[bytes, Frame]


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
    segments: list[Segment], place: Place, wants: Callable[[Frame], bool]
) -> tuple[list[Held], list[Gap]]:
    """
    Read the next chunk at *place* and move it on; give the frames that *wants* wants.

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
    if not is_newest and chunk.frames:
        _, base, item = chunk.frames[0]
        segment.mark(item.position, base + item.start)
    found = [(buffer, item) for buffer, _, item in chunk.frames if wants(item)]
    low, high = place.start, _NO_END if is_newest else last
    if found and not low <= found[0][1].position <= found[-1][1].position <= high:
        found = [held for held in found if low <= held[1].position <= high]
    place.offset, place.expected = chunk.offset, chunk.expected
    if place.offset >= end and place.expected <= last:
        gaps.append(Gap(place.expected, last, place.offset))
        place.expected = last + 1
    if not is_newest:
        place.expected = min(place.expected, last + 1)
        if place.offset >= end:
            # What lies between them was reported as lost when the spool was opened.
            place.expected = kept[at + 1].first
    return found, gaps


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
        self._source = source

        # Nearly all entries lie over what had an outcome when this reader was made.
        skip_to = skip.last

        def wants(item: Frame) -> bool:
            position = item.position
            return item.route == route and (position > skip_to or position not in skip)

        self._wants = wants
        self._skip_to = skip_to
        # Owned by the loop. `_seq` is the turn of the last replay taken.
        self._ready: deque[Entry] = deque()
        self._replayed: deque[Entry] = deque()
        self._ready_bytes = 0
        self._is_sparse = False  # the chunk read last had nothing for this route
        self._seq = 0
        self._may_have_replays = True
        self._filling: asyncio.Future[None] | None = None
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look again: something was appended or replayed, or the spool is closing."""
        self._wake.set()

    def follow(self, first: int, stored: Sequence[Envelope], tail: Segment) -> None:
        """
        Take *stored*, acknowledged from position *first* on and the last in *tail*.

        Unless it comes next and little is ready: then it is read from the log later.
        """
        place = self._place
        if (
            place.segment is not tail
            or place.expected != first
            or first < max(place.start, self._skip_to + 1)
            or self._ready_bytes > _FOLLOWED_BYTES
            or len(self._ready) > _FOLLOWED_ENTRIES
            or self._filling is not None
        ):
            return
        route = self.route
        for position, envelope in enumerate(stored, first):
            if envelope.route == route:
                self._ready.append(Entry(position, envelope))
                self._ready_bytes += len(envelope.body)
        place.expected, place.offset = first + len(stored), tail.end
        self._is_sparse = False

    def more_replays(self) -> None:
        """Look for replays again: some were added."""
        self._may_have_replays = True
        self._wake.set()

    async def take(self, max_entries: int, max_bytes: int) -> list[Entry]:
        """Wait for entries; empty once the spool is closing."""
        while not self._source.is_closing():
            self._wake.clear()
            while self._is_short(max_entries, max_bytes):
                await self._fill()
            if entries := self._pop(max_entries, max_bytes):
                return entries
            await self._wake.wait()
        return []

    def _is_short(self, max_entries: int, max_bytes: int) -> bool:
        """Whether less is ready than is asked for, and there may be more."""
        if self._may_have_replays and len(self._replayed) < max_entries:
            return True
        ready = len(self._ready) + len(self._replayed)
        if ready and (ready >= max_entries or self._ready_bytes >= max_bytes or self._is_sparse):
            return False
        return self._has_more() and not self._source.is_closing()

    def _has_more(self) -> bool:
        return bool(self._segments) and self._place.position <= self._source.position_end()

    def _pop(self, max_entries: int, max_bytes: int) -> list[Entry]:
        if (
            not self._replayed
            and len(self._ready) <= max_entries
            and self._ready_bytes <= max_bytes
        ):
            taken, self._ready, self._ready_bytes = list(self._ready), deque(), 0
            return taken
        taken = []
        taken_bytes = 0
        for ready in (self._replayed, self._ready):
            while ready and len(taken) < max_entries:
                size_bytes = ready[0].envelope.size_bytes
                if taken and taken_bytes + size_bytes > max_bytes:
                    break
                taken_bytes += size_bytes
                taken.append(ready.popleft())
        self._ready_bytes -= taken_bytes
        return taken

    async def _fill(self) -> None:
        """Have more ready, if there is; a cancelled caller loses nothing of it."""
        if self._filling is None or self._filling.done():
            if not self._may_have_replays and self._is_fresh():
                self._take_in(self._read())
                return
            self._filling = asyncio.ensure_future(self._fill_elsewhere())
            self._filling.add_done_callback(self._filled)
        await asyncio.shield(self._filling)

    def _filled(self, done: asyncio.Future[None]) -> None:
        if self._filling is done:
            self._filling = None
        # Retrieved, so that a failure nobody waits for any more is not reported as forgotten.
        if not done.cancelled():
            done.exception()

    async def _fill_elsewhere(self) -> None:
        if self._may_have_replays:
            self._may_have_replays = False
            try:
                await self._fill_replays()
            except BaseException:
                self._may_have_replays = True
                raise
        elif self._has_more():
            loop = asyncio.get_running_loop()
            self._take_in(await loop.run_in_executor(self._source.executor, self._read))

    async def _fill_replays(self) -> None:
        page = await self._source.replays(self.route, self._seq)
        if not page:
            return
        bodies = await self._source.fetch([waiting.position for waiting in page])
        for waiting in page:
            body = bodies.get(waiting.position)
            if body is None:
                self._source.on_unreadable(waiting.position)
            else:
                self._replayed.append(Entry(waiting.position, body, waiting.attempt))
                self._ready_bytes += body.size_bytes
        self._seq = page[-1].seq
        self._may_have_replays = True

    def _is_fresh(self) -> bool:
        place = self._place
        return (
            place.segment is not None
            and place.segment is self._segments[-1]
            and place.segment.end - place.offset <= _INLINE_BYTES
        )

    def _read(self) -> tuple[list[Entry], list[Gap]]:
        try:
            found, gaps = advance(self._segments, self._place, self._wants)
        except OSError as error:
            raise SpoolFailed(f"the log cannot be read: {error.strerror}") from error
        return [Entry(item.position, frame.envelope(buffer, item)) for buffer, item in found], gaps

    def _take_in(self, result: tuple[list[Entry], list[Gap]]) -> None:
        entries, gaps = result
        self._is_sparse = not entries
        self._ready.extend(entries)
        self._ready_bytes += sum([entry.envelope.size_bytes for entry in entries])
        if gaps:
            self._source.on_gaps(gaps)


@dataclass(frozen=True, slots=True)
class ReaderSource:
    """
    What a reader needs of the spool around it.

    *position_end* says what is acknowledged; *replays* gives a route's next ones after a turn;
    *fetch* gets the envelopes of positions, without those that are gone; *on_gaps* and
    *on_unreadable* are told of positions, and of replays, that cannot be read.
    """

    executor: Executor
    position_end: Callable[[], int]
    is_closing: Callable[[], bool]
    replays: Callable[[str, int], Awaitable[list[Waiting]]]
    fetch: Callable[[list[int]], Awaitable[dict[int, Envelope]]]
    on_gaps: Callable[[list[Gap]], None]
    on_unreadable: Callable[[int], None]
