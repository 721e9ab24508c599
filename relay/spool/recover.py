"""
What is found when a spool is opened: where the log really ends, and what is missing.

Only the newest segment is read; the names and headers of the others tell whether one is missing.
The newest segment's frames are checked one by one:

* Damage at or below a position that is proven acknowledged (by the high-water mark, by the state,
  or by a later frame's *durable*) is lost, is reported with its positions, and the next valid
  frame goes on after it.
* Damage above every proof is a write that never finished: it is cut off with what follows it.
* A log that ends before what is proven is reported as lost to that position. Positions go on
  after it, in a new segment of a new epoch; the old segment is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from relay.outcome import Reason
from relay.spool.reader import Place, advance
from relay.spool.scan import scan
from relay.spool.segment import HEADER_BYTES, SLACK_BYTES, Segment, written_end


@dataclass(frozen=True, slots=True)
class Lost:
    """Positions *first* to *last* are gone, and why."""

    first: int
    last: int
    reason: Reason
    detail: str


@dataclass(slots=True)
class Recovered:
    """
    The log as found.

    *position* is the last one ever acknowledged; *tail* is the segment to go on in, ``None`` for
    a new one. *notes* are sentences for people.
    """

    position: int
    epoch: int
    tail: Segment | None
    lost: list[Lost] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def recover(segments: list[Segment], *, proven: int, epoch: int, before: int) -> Recovered:
    """
    Find the end of the log and what is missing.

    *proven* is the highest position known from outside the log, *epoch* the highest epoch known
    so, *before* the position below which retention deleted everything.

    Raises:
        OSError: a segment cannot be read.
    """
    found = Recovered(before - 1, max([epoch, *(segment.epoch for segment in segments)]), None)
    if segments:
        _find_missing(segments, before, found)
        _read_newest(segments[-1], proven, found)
    if proven > found.position:
        reason, detail = Reason.LOG_TRUNCATED, "the log ends before what was acknowledged"
        if not segments:
            reason, detail = Reason.SEGMENT_MISSING, "no segment is left"
        elif not segments[-1].readable or _has_noise(segments[-1]):
            reason, detail = Reason.FRAME_DAMAGED, "the end of the log is damaged"
        found.lost.append(Lost(found.position + 1, proven, reason, detail))
        found.position = proven
        found.tail = None
        if segments:
            segments[-1].last = proven
    if found.lost and found.tail is None:
        found.epoch += 1
    return found


def _find_missing(segments: list[Segment], before: int, found: Recovered) -> None:
    first = segments[0].first
    if first > before:
        detail = "the segment before the first one is missing"
        found.lost.append(Lost(before, first - 1, Reason.SEGMENT_MISSING, detail))
    for index, (segment, after) in enumerate(pairwise(segments)):
        if after.previous > segment.first:
            end = _last_frame(segments[: index + 2], index)
            detail = f"the segment before {after.path.name} is missing"
            found.lost.append(Lost(end + 1, after.first - 1, Reason.SEGMENT_MISSING, detail))
            segment.last = end


def _last_frame(segments: list[Segment], index: int) -> int:
    """Read the whole segment at *index* to find its last position."""
    segment = segments[index]
    place, last = Place(segment.first), segment.first - 1
    while segment.readable and place.offset < segment.end and place.expected <= segment.last:
        found, _ = advance(segments, place, lambda _: True)
        last = max([last, *(item.position for _, item in found)])
    return last


def _read_newest(tail: Segment, proven: int, found: Recovered) -> None:
    """Check every frame of *tail*; set its end and last position."""
    found.position = max(found.position, tail.first - 1)
    if not tail.readable:
        found.notes.append(f"the header of {tail.path.name} is damaged")
        return
    # Bounded now: a relay that runs beside this one may write on, and has no end.
    size = min(tail.end, written_end(tail) + SLACK_BYTES)
    offset, expected = HEADER_BYTES, tail.first
    frames: list[tuple[int, int, int]] = []
    # All of it first: a proof may stand anywhere after the damage.
    while offset < size:
        chunk = scan(tail, offset, expected, end=size)
        for _, base, item in chunk.frames:
            frames.append((item.position, base + item.start, base + item.end))
            proven = max(proven, item.durable)
        offset, expected = chunk.offset, chunk.expected
    tail.end, found.tail = HEADER_BYTES, tail
    for position, start, end in frames:
        if position > found.position + 1:
            lost_to = min(position - 1, proven)
            if lost_to > found.position:
                detail = f"damage in {tail.path.name}"
                found.lost.append(Lost(found.position + 1, lost_to, Reason.FRAME_DAMAGED, detail))
                found.position = lost_to
            if lost_to < position - 1:
                break
        tail.mark(position, start)
        tail.end, found.position = end, position
    tail.last = found.position
    if found.position >= proven and _has_noise(tail):
        found.notes.append(
            f"a write that never finished was cut off {tail.path.name} at byte {tail.end}"
        )


def _has_noise(tail: Segment) -> bool:
    """Say whether anything but zeros follows the last valid frame of *tail*."""
    return written_end(tail) > tail.end
