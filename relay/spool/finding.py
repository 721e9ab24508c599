"""
Entries found by a query, wherever they are known from.

::

    outcomes of their own, quarantined ones too    a row says everything
    replays that wait                              a row says everything
    lost ranges                                    only position and reason are known
    delivered ranges, plain pending                route, time and size stand in the log
    what waits, by event id                        only the bodies in the log tell

Each source gives its first ``limit`` matches in position order; together, in order and cut to
``limit``, they are the page.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool import frame
from relay.spool.core import Core
from relay.spool.frame import Frame
from relay.spool.lookup import walk
from relay.spool.naming import names
from relay.spool.port import Found, Query
from relay.spool.ranges import Range

_RANGES_A_STEP = 5000
# Reception is stamped before the write, and wall clocks move.
_SLACK_S = 3600.0


class _Window(NamedTuple):
    """A part of the log to walk: its *delivered* ranges and its *pending* ones, in order."""

    last: int
    delivered: list[Range]
    pending: list[tuple[int, int]]


class Finder:
    """Answers `Spool.find`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def find(self, query: Query) -> list[Found]:
        """Find entries; see `Spool.find`."""
        first, last = query.after + 1, self._core.log.last_position
        if query.position is not None:
            first, last = max(first, query.position), min(last, query.position)
        if query.limit <= 0 or first > last:
            return []
        if query.event_id:
            found = await self._delivered_by_event(query, first, last)
            found += await self._pending_by_event(query, first, last)
        else:
            found = await self._from_log(query, first, last)
        # The rows last: what settled meanwhile is in both, and the row is the newer word. The
        # other way round it would be in neither.
        rows = await self._core.in_state(self._rows, query, first, last)
        by_position = {one.position: one for one in (*found, *rows)}
        return sorted(by_position.values(), key=lambda one: one.position)[: query.limit]

    def _rows(self, query: Query, first: int, last: int) -> list[Found]:
        """In the state's thread: what rows tell."""
        state = self._core.state
        found: list[Found] = []
        if not query.pending:
            before = state.accounts.before
            found += [
                one
                if one.position >= before or one.outcome is Outcome.QUARANTINED
                else replace(one, body_kept=False)
                for one in state.outcomes.find(query, first=first, last=last)
            ]
            found += self._lost(query, first, last)
        if _may_be_pending(query):
            found += state.replays.find(query, first=first, last=last)
        return found

    def _lost(self, query: Query, first: int, last: int) -> list[Found]:
        if query.event_id or _narrow(query) or not _may_be(query, Outcome.LOST):
            return []
        state = self._core.state
        if not state.accounts.kept(Outcome.LOST):
            # The usual case: no need to look for them among the delivered ones.
            return []
        found: list[Found] = []
        for row in state.ranges.between(first, last, Outcome.LOST):
            if query.reason is not None and row.reason is not query.reason:
                continue
            for position in range(max(first, row.first), min(last, row.last) + 1):
                if len(found) == query.limit:
                    return found
                found.append(_from_range(position, row))
        return found

    async def _delivered_by_event(self, query: Query, first: int, last: int) -> list[Found]:
        if query.pending or not _may_be(query, Outcome.DELIVERED):
            return []
        rows = await self._core.in_state(self._delivered_ranges_of, query.event_id)
        found: list[Found] = []
        for position, row in rows:
            if not first <= position <= last:
                continue
            if row is None:
                # Retention deleted it: the dedupe window still knows that it was delivered.
                one = Found(position, "", 0.0, 0, 1, Outcome.DELIVERED, Reason.ACCEPTED_BY_INLET)
                found.append(replace(one, event_id=query.event_id, body_kept=False))
                continue
            window = _Window(position, [row], [])
            kept = await self._core.in_search(self._walk, query, position, window, 1)
            if not kept and not _narrow(query):
                kept = [_from_range(position, row)]
            found += [replace(one, event_id=query.event_id) for one in kept]
        return [one for one in found if not query.route or one.route == query.route]

    async def _pending_by_event(self, query: Query, first: int, last: int) -> list[Found]:
        """Search the bodies of what waits: no row knows their ids."""
        if not _may_be_pending(query):
            return []
        spans = await self._core.in_state(self._waiting, first, last)
        if not spans:
            return []
        window = _Window(last, [], spans)
        found = await self._core.in_search(self._walk, query, first, window, query.limit)
        attempts = await self._core.in_state(
            self._core.state.replays.attempts, [one.position for one in found]
        )
        return [
            replace(one, event_id=query.event_id, attempt=attempts.get(one.position, 1))
            for one in found
        ]

    def _waiting(self, first: int, last: int) -> list[tuple[int, int]]:
        """In the state's thread: what of *first* to *last* has no outcome, in order."""
        state = self._core.state
        again = [(one, one) for one in state.replays.between(first, last)]
        return sorted([*state.plain_pending(first, last), *again])

    def _delivered_ranges_of(self, event_id: str) -> list[tuple[int, Range | None]]:
        """In the state's thread: the delivered positions of *event_id*, each with its row."""
        state = self._core.state
        found: list[tuple[int, Range | None]] = []
        for position in state.delivered_positions(event_id):
            row = state.ranges.covering(position)
            if row is not None and row.outcome is Outcome.DELIVERED:
                found.append((position, row))
            elif row is None and state.is_folded(position):
                found.append((position, None))
        return found

    async def _from_log(self, query: Query, first: int, last: int) -> list[Found]:
        if not (_may_be_pending(query) or _may_be(query, Outcome.DELIVERED)):
            return []
        found: list[Found] = []
        first, last = self._between_times(query, first, last)
        while first <= last and len(found) < query.limit:
            window = await self._core.in_state(self._window, query, first, last)
            if window.delivered or window.pending:
                limit = query.limit - len(found)
                found += await self._core.in_search(self._walk, query, first, window, limit)
            first = window.last + 1
            if query.position is not None and window.delivered and not (found or _narrow(query)):
                # The log does not hold it any more, or not undamaged.
                found.append(_from_range(query.position, window.delivered[0]))
        return found

    def _between_times(self, query: Query, first: int, last: int) -> tuple[int, int]:
        """Leave out whole segments that are too old or too young."""
        segments = self._core.segments[:]
        first = max(first, segments[0].first if segments else first)
        for segment, after in pairwise(segments):
            if query.since_s is not None and after.created_at_s + _SLACK_S < query.since_s:
                first = max(first, after.first)
            if query.until_s is not None and segment.created_at_s - _SLACK_S > query.until_s:
                last = min(last, segment.first - 1)
        return first, last

    def _window(self, query: Query, first: int, last: int) -> _Window:
        """In the state's thread: what of *first* to *last* is delivered, what plain pending."""
        state = self._core.state
        delivered: list[Range] = []
        pending: list[tuple[int, int]] = []
        if not query.pending and _may_be(query, Outcome.DELIVERED):
            delivered = state.ranges.between(first, last, Outcome.DELIVERED, limit=_RANGES_A_STEP)
            if len(delivered) == _RANGES_A_STEP:
                last = min(last, delivered[-1].last)
        if _may_be_pending(query):
            pending = state.plain_pending(first, last)
        return _Window(last, delivered, pending)

    def _walk(self, query: Query, first: int, window: _Window, limit: int) -> list[Found]:
        """In a reader's thread: describe the log's entries that *window* and *query* want."""
        spans = sorted([*((row.first, row.last) for row in window.delivered), *window.pending])
        starts = [span[0] for span in spans]

        def wants(item: Frame) -> bool:
            at = bisect_right(starts, item.position) - 1
            return (
                at >= 0
                and item.position <= spans[at][1]
                and (not query.route or item.route == query.route)
                and (query.since_s is None or item.received_at_s >= query.since_s)
                and (query.until_s is None or item.received_at_s < query.until_s)
            )

        rows = [row.first for row in window.delivered]
        low, high = max(first, starts[0]), min(window.last, max(span[1] for span in spans))
        found: list[Found] = []
        for buffer, item in walk(self._core.segments, low, high, wants):
            at = bisect_right(rows, item.position) - 1
            row = window.delivered[at] if at >= 0 else None
            if row is not None and item.position > row.last:
                row = None
            if (
                query.event_id
                and not row
                and not names(frame.envelope(buffer, item), query.event_id)
            ):
                continue
            found.append(_found(item, frame.body_bytes(buffer, item), row))
            if len(found) == limit:
                break
        return found


def _may_be(query: Query, outcome: Outcome) -> bool:
    """Say whether entries that ended as *outcome* can match."""
    return query.outcome in {None, outcome} and (
        query.reason is None or OUTCOME_OF[query.reason] is outcome
    )


def _narrow(query: Query) -> bool:
    """Say whether *query* asks for what only a frame or a row can tell."""
    return bool(query.route) or query.since_s is not None or query.until_s is not None


def _may_be_pending(query: Query) -> bool:
    return query.outcome is None and query.reason is None


def _from_range(position: int, row: Range) -> Found:
    """Describe an entry of which only its range is known."""
    return Found(
        position,
        row.route,
        0.0,
        0,
        1,
        row.outcome,
        row.reason,
        detail=row.detail,
        settled_at_s=row.settled_at_s,
        body_kept=False,
    )


def _found(item: Frame, size_bytes: int, row: Range | None) -> Found:
    return Found(
        position=item.position,
        route=item.route,
        received_at_s=item.received_at_s,
        size_bytes=size_bytes,
        attempt=1,
        outcome=row.outcome if row else None,
        reason=row.reason if row else None,
        settled_at_s=row.settled_at_s if row else None,
    )
