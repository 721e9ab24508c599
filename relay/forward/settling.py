"""
The one place where an entry's outcome is written: the spool first, then the count, then the log.

Each outcome other than delivered is one line; a delivered batch is one line, at debug. Lines name
positions, ids and reasons, never content.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from relay.clock import Clock
from relay.envelope import Entry
from relay.errors import SpoolFailed
from relay.forward.claims import Follower
from relay.forward.decode import Decoded, Rejected
from relay.forward.transform import Record
from relay.gathered import observe_all
from relay.metrics import Metrics
from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.retry import Schedule
from relay.spool.port import Seen, Settlement, Spool

_ATTEMPTS = 8
_RETRIES = Schedule(base_s=0.1, max_s=2.0)

log = structlog.get_logger("relay.forward")


def delivered(records: Iterable[Record]) -> list[Settlement]:
    """The inlet took *records*."""
    outcome, reason = Outcome.DELIVERED, Reason.ACCEPTED_BY_INLET
    return [
        Settlement(record.entry, outcome, reason, record.event_id, record.digest)
        for record in records
    ]


def refused(record: Record, why: str) -> Settlement:
    """The inlet refused *record* and nobody else is to blame; *why* holds nothing of it."""
    return _ended(record, Reason.REFUSED_BY_INLET, stage="inlet", detail=why)


def expired(record: Record) -> Settlement:
    """*record* waited for longer than ``inlet.max_age``."""
    return _ended(record, Reason.EXPIRED, stage="inlet", detail="waited longer than inlet.max_age")


def rejected(result: Rejected) -> Settlement:
    """Transform found that *result* goes no further."""
    return Settlement(
        result.entry,
        OUTCOME_OF[result.reason],
        result.reason,
        result.event_id,
        result.digest,
        result.stage,
        result.path,
        result.detail,
    )


def repeated(of: Record | Follower | Settlement, before: Seen) -> Settlement:
    """The id *of* an event was delivered *before*: a duplicate if the content is the same."""
    if before.digest == of.digest:
        return _ended(
            of,
            Reason.SAME_EVENT_ID,
            stage="dedupe",
            detail=f"delivered as position {before.position}",
        )
    return _ended(
        of,
        Reason.ID_CONFLICT,
        stage="dedupe",
        path="event_id",
        detail=f"position {before.position} was delivered with this id and other content",
    )


def failed(of: Entry | Decoded, error: Exception) -> Settlement:
    """Our own code failed on *of*; the error's text may hold content, so only its type."""
    reason = Reason.INTERNAL_ERROR
    detail = f"{type(error).__name__} while it was transformed: a bug, please report it"
    if isinstance(of, Decoded):
        return _ended(of, reason, stage="transform", detail=detail)
    return Settlement(of, OUTCOME_OF[reason], reason, stage="transform", detail=detail)


def _ended(
    of: Record | Decoded | Follower | Settlement,
    reason: Reason,
    *,
    stage: str,
    path: str = "",
    detail: str = "",
) -> Settlement:
    return Settlement(
        of.entry, OUTCOME_OF[reason], reason, of.event_id, of.digest, stage, path, detail
    )


class Settler:
    """Writes one route's outcomes."""

    def __init__(self, route: str, *, spool: Spool, metrics: Metrics, clock: Clock) -> None:
        self._route = route
        self._spool = spool
        self._metrics = metrics
        self._clock = clock
        self._ages = metrics.end_to_end_seconds.labels(route)

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """
        Write *settlements*, then count and log them.

        Raises:
            SpoolFailed: the state could not be written, several times over some seconds.
        """
        if not settlements:
            return
        await persist(lambda: self._spool.settle(settlements))
        now_s, taken_by_inlet = self._clock.wall_s(), Outcome.DELIVERED
        # Apart, because nearly all are delivered, and hashing two enums for each costs more than
        # everything else here.
        ages_s = [
            now_s - each.entry.envelope.received_at_s
            for each in settlements
            if each.outcome is taken_by_inlet
        ]
        taken = len(ages_s)
        if taken < len(settlements):
            others = [each for each in settlements if each.outcome is not taken_by_inlet]
            for reason, number in Counter([each.reason for each in others]).items():
                self._count(reason, number)
            for each in others:
                self._tell(each, now_s)
        if taken:
            self._count(Reason.ACCEPTED_BY_INLET, taken)
            observe_all(self._ages, ages_s)
            log.debug(
                "events_delivered",
                route=self._route,
                events=taken,
                first=settlements[0].entry.position,
                last=settlements[-1].entry.position,
            )

    def _count(self, reason: Reason, number: int) -> None:
        outcome = OUTCOME_OF[reason]
        self._metrics.outcomes.labels(self._route, outcome.value, reason.value).inc(number)

    def _tell(self, settled: Settlement, now_s: float) -> None:
        entry = settled.entry
        log.info(
            "event_settled",
            position=entry.position,
            event_id=settled.event_id,
            route=self._route,
            outcome=settled.outcome.value,
            reason=settled.reason.value,
            age_s=round(now_s - entry.envelope.received_at_s, 3),
            attempts=entry.attempt,
        )


async def persist(write: Callable[[], Awaitable[None]]) -> None:
    """
    Do a *write* to the spool's state that may be repeated, until it succeeds.

    Raises:
        SpoolFailed: it failed several times over some seconds.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            await write()
        except SpoolFailed as error:
            log.error("spool_write_failed", attempt=attempt, why=error.message, hint=error.hint)
            await asyncio.sleep(_RETRIES.ceiling_s(attempt))
        else:
            return
    await write()
