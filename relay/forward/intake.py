"""
From entries to records: decode, dedupe, filter, map, check; what goes no further is settled.

The event loop is never held for long: work is done in slices of a millisecond, and a large or
compressed body in a thread. An exception of ours about one entry quarantines that entry alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from relay.clock import Clock
from relay.customerio.events import is_known
from relay.envelope import Entry
from relay.forward import settling
from relay.forward.claims import Claims, Follower
from relay.forward.decode import Decoded, Rejected
from relay.forward.held import Held
from relay.forward.transform import Record, Transform
from relay.gathered import observe_all
from relay.logs import describe
from relay.metrics import Metrics
from relay.outcome import Outcome
from relay.spool.port import Seen, Settlement, Spool

_SLICE_S = 0.001
# So often the clock is read at most, and before every entry that is long.
_SLICE_ENTRIES = 16
_LONG_BYTES = 4 * 1024
_LARGE_BYTES = 64 * 1024
_MOST_UNPACKED_BYTES = 4 * 1024 * 1024

log = structlog.get_logger("relay.forward")

Settle = Callable[[Sequence[Settlement]], Awaitable[None]]
Add = Callable[[Sequence[Record]], None]


class Intake:
    """
    One route's entries on their way to the line.

    *settle* writes outcomes; *add* takes finished records. Who leads for an id is in *claims*,
    which outlive a reload; *held* is told of what takes more room than its body.
    """

    def __init__(  # noqa: PLR0913 - one collaborator each, by name
        self,
        route: str,
        claims: Claims,
        held: Held,
        *,
        spool: Spool,
        settle: Settle,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._route = route
        self._claims = claims
        self._held = held
        self._spool = spool
        self._settle = settle
        self._clock = clock
        self._lags = metrics.event_lag_seconds.labels(route)
        self._unknown = metrics.unknown_events.labels(route)
        self._warnings = metrics.mapping_warnings
        self._slice_ends_s = 0.0
        # How many entries are taken between two looks at the clock, and when the last one was.
        self._stride = 1
        self._looked_s = 0.0

    async def take(self, entries: Sequence[Entry], transform: Transform, add: Add) -> int:
        """
        Bring *entries*, in order, to the line or to their outcome; say how many.

        Not all, when they unpack to so much that there may be no room for the others.

        Raises:
            SpoolFailed: an outcome could not be written.
        """
        ended: list[Settlement] = []
        leading, taken = await self._transform(entries, transform, ended)
        seen = await self._spool.seen(
            [each.event_id for each in leading if each.entry.attempt == 1]
        )
        records: list[Record] = []
        for each in leading:
            before = seen.get(each.event_id) if seen else None
            if before is not None and _repeats(each, before):
                ended.append(settling.repeated(each, before))
            elif isinstance(each, Record):
                records.append(each)
            else:
                ended.append(each)
        self._add(records, add)
        await self.settle(ended, transform, add, seen)
        return taken

    async def settle(
        self,
        ended: Sequence[Settlement],
        transform: Transform,
        add: Add,
        seen: dict[str, Seen] | None = None,
    ) -> None:
        """
        Write what *ended*, then let those who followed go on: to an outcome, or to the line.

        Raises:
            SpoolFailed: an outcome could not be written.
        """
        while ended:
            await self._settle(ended)
            ended = await self._followers(ended, transform, add, seen or {})

    async def _followers(
        self,
        ended: Sequence[Settlement],
        transform: Transform,
        add: Add,
        seen: dict[str, Seen],
    ) -> list[Settlement]:
        release = self._claims.release
        next_ended: list[Settlement] = []
        records: list[Record] = []
        for each in ended:
            followers = release(each.event_id, each.entry.position)
            if not followers:
                continue
            before = _taken_as(each, seen)
            for follower in followers:
                if before is not None:
                    next_ended.append(settling.repeated(follower, before))
                elif self._claims.claim(follower):
                    result = await asyncio.to_thread(self._parsed_again, follower, transform)
                    if isinstance(result, Record):
                        self._held.unpacked(result.entry, result.payload)
                        records.append(result)
                    else:
                        next_ended.append(result)
        self._add(records, add)
        return next_ended

    async def _transform(
        self, entries: Sequence[Entry], transform: Transform, ended: list[Settlement]
    ) -> tuple[list[Record | Settlement], int]:
        """
        Decode, map and check *entries*; give what became of those that lead, and the number read.

        One after the other to the end, and before it is known who was delivered already: a parsed
        event is many objects, and those of a whole read do not fit into the processor's cache.
        """
        leading: list[Record | Settlement] = []
        kinds: list[tuple[str, str]] = []
        lags_s: list[float] = []
        claim, decoded_of, checked = self._claims.claim, self._decoded, self._checked
        taken, look_at, unpacked_bytes = 0, 0, 0
        for entry in entries:
            envelope = entry.envelope
            body_bytes = len(envelope.body)
            if taken >= look_at or body_bytes > _LONG_BYTES:
                await self._breathe(is_first=not taken)
                look_at = taken + self._stride
            taken += 1
            is_heavy = body_bytes > _LARGE_BYTES or envelope.encodings
            decoded = (
                await asyncio.to_thread(decoded_of, entry, transform)
                if is_heavy
                else decoded_of(entry, transform)
            )
            if isinstance(decoded, Settlement):
                ended.append(decoded)
                continue
            kinds.append((decoded.object_type, decoded.metric))
            if decoded.timestamp_s is not None:
                lags_s.append(envelope.received_at_s - decoded.timestamp_s)
            if not claim(decoded):
                continue
            if not is_heavy:
                leading.append(checked(decoded, transform))
                continue
            result = (
                await asyncio.to_thread(checked, decoded, transform)
                if len(decoded.body) > _LARGE_BYTES
                else checked(decoded, transform)
            )
            leading.append(result)
            if isinstance(result, Record):
                self._held.unpacked(entry, result.payload)
                unpacked_bytes += len(result.payload)
                if unpacked_bytes >= _MOST_UNPACKED_BYTES:
                    break
        self._note(kinds, lags_s)
        return leading, taken

    def _decoded(self, entry: Entry, transform: Transform) -> Decoded | Settlement:
        try:
            result = transform.decode(entry)
        except Exception as error:  # noqa: BLE001 - a bug costs one entry, not the route
            return self._failed(entry, error)
        return settling.rejected(result) if isinstance(result, Rejected) else result

    def _checked(self, decoded: Decoded, transform: Transform) -> Record | Settlement:
        try:
            result = transform.check(decoded)
        except Exception as error:  # noqa: BLE001 - a bug costs one entry, not the route
            return self._failed(decoded, error)
        return settling.rejected(result) if isinstance(result, Rejected) else result

    def _parsed_again(self, follower: Follower, transform: Transform) -> Record | Settlement:
        decoded = self._decoded(follower.entry, transform)
        if isinstance(decoded, Settlement):
            # It leads by now, and without its id nobody who follows it would ever go on.
            return replace(decoded, event_id=follower.event_id, digest=follower.digest)
        return self._checked(decoded, transform)

    def _add(self, records: Sequence[Record], add: Add) -> None:
        for record in records:
            for kind in record.warnings:
                self._warnings.labels(self._route, kind).inc()
        add(records)

    def _note(self, kinds: Sequence[tuple[str, str]], lags_s: Sequence[float]) -> None:
        """Count what the events say of themselves."""
        observe_all(self._lags, lags_s)
        for kind, number in Counter(kinds).items():
            if not is_known(*kind):
                self._unknown.inc(number)

    def _failed(self, of: Entry | Decoded, error: Exception) -> Settlement:
        entry = of.entry if isinstance(of, Decoded) else of
        log.error(
            "transform_failed", route=self._route, position=entry.position, **describe(error)
        )
        return settling.failed(of, error)

    async def _breathe(self, *, is_first: bool) -> None:
        """
        Let others run when the slice is over, and look again the sooner the longer entries take.

        A large mapping set costs a millisecond an event, however small.
        """
        now_s = self._clock.monotonic_s()
        if not is_first:
            spent_s = now_s - self._looked_s
            if spent_s > _SLICE_S:
                self._stride = 1
            elif spent_s < _SLICE_S / 4:
                self._stride = min(2 * self._stride, _SLICE_ENTRIES)
        if now_s >= self._slice_ends_s:
            await asyncio.sleep(0)
            now_s = self._clock.monotonic_s()
            self._slice_ends_s = now_s + _SLICE_S
        self._looked_s = now_s


def _repeats(leading: Record | Settlement, before: Seen) -> bool:
    """Whether another entry with this id was delivered; a replayed one is sent whatever was."""
    entry = leading.entry
    return before.delivered and entry.attempt == 1 and before.position != entry.position


def _taken_as(settled: Settlement, seen: dict[str, Seen]) -> Seen | None:
    """What was delivered with the id of *settled*, by itself or before it."""
    if settled.outcome is Outcome.DELIVERED:
        return Seen(settled.entry.position, settled.digest)
    before = seen.get(settled.event_id)
    return before if before is not None and before.delivered else None
