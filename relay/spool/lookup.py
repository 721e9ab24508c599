"""Entries found in the log by position; runs in a reader thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from relay.envelope import Envelope
from relay.spool import frame
from relay.spool.frame import Frame
from relay.spool.reader import Held, Place, advance, segment_of
from relay.spool.segment import Segment, read_range

_NEAR_BYTES = 256 * 1024


def walk(
    segments: list[Segment], first: int, last: int, wants: Callable[[Frame], bool]
) -> Iterator[Held]:
    """
    Go through the readable entries *first* to *last* that *wants* wants, in order.

    Raises:
        OSError: a segment cannot be read.
    """
    place = Place(first)
    while segments and place.position <= last:
        before = (place.expected, place.offset, place.segment)
        found, _ = advance(segments, place, wants)
        for held in found:
            if held[1].position > last:
                return
            yield held
        if (place.expected, place.offset, place.segment) == before:
            return


def envelopes_at(segments: list[Segment], positions: Iterable[int]) -> dict[int, Envelope]:
    """Fetch those of *positions* that the log holds undamaged."""
    found: dict[int, Envelope] = {}
    for position in positions:
        with suppress(OSError):
            held = _hop_to(segments, position) or _search(segments, position)
            if held is not None:
                found[position] = frame.envelope(*held)
    return found


def _hop_to(segments: list[Segment], position: int) -> Held | None:
    """Go from frame to frame by their lengths, and check only the one that is wanted."""
    at = segment_of(segments, position)
    segment = segments[at] if at >= 0 else None
    if segment is None or position > segment.last or not segment.readable:
        return None
    _, base = segment.offset_near(position)
    buffer, start = b"", 0
    while base + start < segment.end:
        length = frame.length_at(buffer, start)
        if not length or start + length > len(buffer):
            base, start = base + start, 0
            buffer = read_range(segment.path, base, min(_NEAR_BYTES, segment.end - base))
            length = frame.length_at(buffer, 0)
            if length > len(buffer):
                buffer = read_range(segment.path, base, min(length, segment.end - base))
            if not 0 < length <= len(buffer):
                return None
        here = frame.position_at(buffer, start)
        if here >= position:
            found = frame.decode(buffer, start, salt=segment.salt)
            return (buffer, found) if found is not None and here == position else None
        start += length
    return None


def _search(segments: list[Segment], position: int) -> Held | None:
    """Look for *position* beyond damage."""
    if segment_of(segments, position) < 0:
        return None
    for held in walk(segments, position, position, lambda item: item.position == position):
        return held
    return None
