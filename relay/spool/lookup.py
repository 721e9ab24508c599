"""Single entries and pending ones, found in the log by position; run in a reader thread."""

from __future__ import annotations

from collections.abc import Iterator

from relay.envelope import Entry, Envelope
from relay.spool.intervals import Intervals
from relay.spool.port import Found, Query
from relay.spool.reader import Place, advance, segment_of
from relay.spool.segment import Segment


def walk(segments: list[Segment], first: int, last: int, *, skip: Intervals) -> Iterator[Entry]:
    """Go through the readable entries *first* to *last* outside *skip*, in order."""
    place = Place(first)
    while segments and place.position <= last:
        before = (place.expected, place.offset, place.segment)
        entries, _ = advance(segments, place, skip=skip, route=None)
        for entry in entries:
            if entry.position > last:
                return
            yield entry
        if (place.expected, place.offset, place.segment) == before:
            return


def envelope_at(segments: list[Segment], position: int) -> Envelope | None:
    """Fetch the envelope at *position*; ``None`` when the log does not hold it or it is damaged."""
    if segment_of(segments, position) < 0:
        return None
    for entry in walk(segments, position, position, skip=Intervals()):
        return entry.envelope
    return None


def found_of(entry: Entry) -> Found:
    """Describe a pending *entry*."""
    envelope = entry.envelope
    return Found(
        position=entry.position,
        route=envelope.route,
        received_at_s=envelope.received_at_s,
        size_bytes=envelope.size_bytes,
        attempt=entry.attempt,
        outcome=None,
        reason=None,
    )


def matches(query: Query, envelope: Envelope) -> bool:
    """Say whether *envelope* fits the route and the times of *query*."""
    return (
        (not query.route or envelope.route == query.route)
        and (query.since_s is None or envelope.received_at_s >= query.since_s)
        and (query.until_s is None or envelope.received_at_s < query.until_s)
    )


def find_pending(
    segments: list[Segment], query: Query, *, first: int, last: int, settled: Intervals
) -> list[Found]:
    """List the entries *first* to *last* outside *settled* that match *query*."""
    if query.position is not None:
        first, last = max(first, query.position), min(last, query.position)
    first = max(first, query.after + 1)
    found: list[Found] = []
    for entry in walk(segments, first, last, skip=settled):
        if len(found) >= query.limit:
            break
        if matches(query, entry.envelope):
            found.append(found_of(entry))
    return found
