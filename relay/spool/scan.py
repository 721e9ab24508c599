"""
Frames read in order from a segment, in pieces, with every gap named.

A frame that does not decode is damage: the rest of the segment is searched for the next valid
frame, and the positions between are a gap. A gap is a value; who finds it decides what it means.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from relay.spool import frame
from relay.spool.frame import Frame
from relay.spool.segment import Segment, read_range

CHUNK_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions *first* to *last* that cannot be read; *offset* is where the damage starts."""

    first: int
    last: int
    offset: int


@dataclass(slots=True)
class Chunk:
    """
    What one read gave: valid *frames*, each with the buffer it is in, and *gaps*, in order.

    *offset* and *expected* are where the next read starts.
    """

    offset: int
    expected: int
    frames: list[tuple[bytes, int, Frame]] = field(default_factory=list, repr=False)
    gaps: list[Gap] = field(default_factory=list)

    def take(self, buffer: bytes, base: int, run: list[Frame]) -> None:
        """Take a *run* of frames in *buffer*, without gaps in itself, and move on behind it."""
        first = run[0].position
        if first > self.expected:
            self.gaps.append(Gap(self.expected, first - 1, self.offset))
        if first >= self.expected:
            self.frames += [(buffer, base, item) for item in run]
            self.expected = run[-1].position + 1
        self.offset = base + run[-1].end


def scan(
    segment: Segment, offset: int, expected: int, *, end: int, chunk_bytes: int = CHUNK_BYTES
) -> Chunk:
    """
    Read about *chunk_bytes* of *segment* from *offset*, where position *expected* should be.

    *end* is the offset to stop at. Each frame comes as (buffer, offset of that buffer, frame).

    Raises:
        OSError: the file cannot be read.
    """
    chunk = Chunk(offset, expected)
    if offset >= end:
        # As in a file that was cut within its header.
        return chunk
    buffer = read_range(segment.path, offset, min(chunk_bytes, end - offset))
    base, at = offset, 0
    while base + at < end and at < chunk_bytes:
        run = frame.decode_run(buffer, at, chunk_bytes, segment.salt, chunk.expected)
        if not run:
            # Damage, a gap, a position that was there already, or a piece that is cut off.
            found = frame.decode(buffer, at, salt=segment.salt)
            if found is None:
                if _is_cut_off(buffer, at, base=base, end=end):
                    if at:
                        break
                    length = max(frame.length_at(buffer, 0), frame.HEAD_BYTES)
                    buffer = read_range(segment.path, base, length)
                    found = frame.decode(buffer, 0, salt=segment.salt)
                if found is None:
                    _search(chunk, segment, base + at, end=end)
                    break
            run = [found]
        chunk.take(buffer, base, run)
        at = run[-1].end
    return chunk


def _search(chunk: Chunk, segment: Segment, offset: int, *, end: int) -> None:
    """
    Take the first valid frame behind the damage at *offset*, or move on to *end*.

    No more than that one: what follows it may be written at this moment, and a reader that took
    it, searched again and so on would follow the writer for ever.
    """
    rest = read_range(segment.path, offset, end - offset)
    found = frame.find_next(rest, 0, salt=segment.salt, above=chunk.expected - 1)
    # A copy: what was searched may be the whole segment, and need not stay in memory.
    buffer = b"" if found is None else rest[found.start : found.end]
    alone = frame.decode(buffer, 0, salt=segment.salt)
    if found is None or alone is None:
        chunk.offset = end
    else:
        chunk.take(buffer, offset + found.start, [alone])


def _is_cut_off(buffer: bytes, at: int, *, base: int, end: int) -> bool:
    """Say whether the frame at *at* may be whole in the file and only cut off by the read."""
    if base + len(buffer) >= end:
        return False
    left = len(buffer) - at
    if left < frame.HEAD_BYTES:
        return True
    length = frame.length_at(buffer, at)
    return left < length <= end - base - at
