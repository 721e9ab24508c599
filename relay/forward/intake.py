"""
From entries to records: decode, dedupe, filter, map, check; what goes no further is settled.

The event loop is never held for long: work is done in slices of a few milliseconds, and a large or
compressed body in a thread. An exception of ours about one entry quarantines that entry alone.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog

from relay.clock import Clock
from relay.customerio.events import is_known
from relay.envelope import Entry
from relay.forward import settling
from relay.forward.claims import Claims
from relay.forward.decode import Decoded, Rejected
from relay.forward.transform import Record, Transform
from relay.gathered import observe_all
from relay.logs import describe
from relay.metrics import Metrics
from relay.outcome import Outcome
from relay.spool.port import Seen, Settlement, Spool

_SLICE_S = 0.002
_SLICE_ENTRIES = 16  # so often the clock is read
_LARGE_BYTES = 64 * 1024

log = structlog.get_logger("relay.forward")

Settle = Callable[[Sequence[Settlement]], Awaitable[None]]


class Intake:
    """
    One route's entries on their way to the line.

    *settle* writes outcomes; *add* takes a finished record. Who leads for an id is in *claims*,
    which outlive a reload.
    """

    def __init__(
        self,
        route: str,
        claims: Claims,
        *,
        spool: Spool,
        settle: Settle,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._route = route
        self._claims = claims
        self._spool = spool
        self._settle = settle
        self._clock = clock
        self._lags = metrics.event_lag_seconds.labels(route)
        self._unknown = metrics.unknown_events.labels(route)
        self._warnings = metrics.mapping_warnings
        self._slice_ends_s = 0.0

    async def take(
        self, entries: Sequence[Entry], transform: Transform, add: Callable[[Record], None]
    ) -> None:
        """
        Bring *entries*, in order, to the line or to their outcome.

        Raises:
            SpoolFailed: an outcome could not be written.
        """
        ended: list[Settlement] = []
        leading = await self._decode(entries, transform, ended)
        seen = await self._spool.seen(
            [each.event_id for each in leading if each.entry.attempt == 1]
        )
        for at, decoded in enumerate(leading):
            before = seen.get(decoded.event_id) if seen else None
            if before is not None and _repeats(decoded, before):
                ended.append(settling.repeated(decoded, before))
            else:
                result = (
                    await asyncio.to_thread(self._checked, decoded, transform)
                    if len(decoded.body) > _LARGE_BYTES
                    else self._checked(decoded, transform)
                )
                if isinstance(result, Record):
                    self._warn(result)
                    add(result)
                else:
                    ended.append(result)
            if at % _SLICE_ENTRIES == 0:
                await self._breathe()
        await self.settle(ended, transform, add, seen)

    async def settle(
        self,
        ended: Sequence[Settlement],
        transform: Transform,
        add: Callable[[Record], None],
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
        add: Callable[[Record], None],
        seen: dict[str, Seen],
    ) -> list[Settlement]:
        release = self._claims.release
        next_ended: list[Settlement] = []
        for each in ended:
            followers = release(each.event_id, each.entry.position)
            if not followers:
                continue
            before = _taken_as(each, seen)
            for follower in followers:
                if before is not None:
                    next_ended.append(settling.repeated(follower, before))
                elif self._claims.claim(follower):
                    result = await asyncio.to_thread(self._checked, follower, transform)
                    if isinstance(result, Record):
                        self._warn(result)
                        add(result)
                    else:
                        next_ended.append(result)
        return next_ended

    async def _decode(
        self, entries: Sequence[Entry], transform: Transform, ended: list[Settlement]
    ) -> list[Decoded]:
        """Decode *entries*; give those that lead for their id."""
        read: list[Decoded] = []
        for at, entry in enumerate(entries):
            try:
                if _is_large(entry):
                    decoded = await asyncio.to_thread(transform.decode, entry)
                else:
                    decoded = transform.decode(entry)
            except Exception as error:  # noqa: BLE001 - a bug costs one entry, not the route
                ended.append(self._failed(entry, error))
                continue
            if isinstance(decoded, Rejected):
                ended.append(settling.rejected(decoded))
                continue
            read.append(decoded)
            if at % _SLICE_ENTRIES == 0:
                await self._breathe()
        self._note(read)
        claim = self._claims.claim
        return [decoded for decoded in read if claim(decoded)]

    def _checked(self, decoded: Decoded, transform: Transform) -> Record | Settlement:
        try:
            result = transform.check(decoded)
        except Exception as error:  # noqa: BLE001 - a bug costs one entry, not the route
            return self._failed(decoded, error)
        return settling.rejected(result) if isinstance(result, Rejected) else result

    def _warn(self, record: Record) -> None:
        for kind in record.warnings:
            self._warnings.labels(self._route, kind).inc()

    def _note(self, entries: Sequence[Decoded]) -> None:
        """Count what these events say of themselves."""
        observe_all(
            self._lags,
            [
                decoded.entry.envelope.received_at_s - decoded.timestamp_s
                for decoded in entries
                if decoded.timestamp_s is not None
            ],
        )
        for kind, number in Counter(
            [(decoded.object_type, decoded.metric) for decoded in entries]
        ).items():
            if not is_known(*kind):
                self._unknown.inc(number)

    def _failed(self, of: Entry | Decoded, error: Exception) -> Settlement:
        entry = of.entry if isinstance(of, Decoded) else of
        log.error(
            "transform_failed", route=self._route, position=entry.position, **describe(error)
        )
        return settling.failed(of, error)

    async def _breathe(self) -> None:
        """Let others run when the slice is over."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._slice_ends_s:
            await asyncio.sleep(0)
            self._slice_ends_s = self._clock.monotonic_s() + _SLICE_S


def _repeats(decoded: Decoded, before: Seen) -> bool:
    """Whether another entry with this id was delivered; a replayed one is sent whatever was."""
    entry = decoded.entry
    return before.delivered and entry.attempt == 1 and before.position != entry.position


def _taken_as(settled: Settlement, seen: dict[str, Seen]) -> Seen | None:
    """What was delivered with the id of *settled*, by itself or before it."""
    if settled.outcome is Outcome.DELIVERED:
        return Seen(settled.entry.position, settled.digest)
    before = seen.get(settled.event_id)
    return before if before is not None and before.delivered else None


def _is_large(entry: Entry) -> bool:
    envelope = entry.envelope
    if len(envelope.body) > _LARGE_BYTES:
        return True
    for name, _ in envelope.headers:  # noqa: SIM110 - a generator costs more than the rest
        if name == "content-encoding":
            return True
    return False
