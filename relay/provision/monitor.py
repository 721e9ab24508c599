"""
What became of what we delivered: flow runs, our counts beside them, and the refused records.

Everything is read: nothing at Adobe and nothing in the spool is changed.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from relay.adobe.observability import RECEIVED
from relay.errors import AdobeError, ControlError
from relay.provision.failures import FailedBatch, FailedRecord, blame, to_batch, to_record
from relay.provision.look import Current
from relay.provision.reconcile import Hour, reconcile
from relay.provision.runs import HOUR_S, Run, read_runs
from relay.provision.session import Session
from relay.provision.settle import inlet_of
from relay.provision.switch import flow_of

Item = dict[str, Any]


class Desk(Protocol):
    """Who answers for our side: `relay.control` has one with a relay and one without."""

    async def call(self, verb: str, **arguments: Any) -> Item:
        """
        Carry out *verb*: ``delivered_by_hour``, ``events`` or ``show``.

        Raises:
            ControlError: it cannot be done.
        """
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """
    One look; *failed* holds the records of *batches*, not more than were asked for.

    *is_reconciled* is false without a spool to compare with: then *hours* know only Adobe's side.
    """

    runs: tuple[Run, ...]
    hours: tuple[Hour, ...]
    batches: tuple[FailedBatch, ...]
    failed: tuple[FailedRecord, ...]
    is_reconciled: bool

    @property
    def has_failures(self) -> bool:
        """Whether a record was refused, is missing, or is accounted for by nobody."""
        return (
            bool(self.batches)
            or any(run.failed for run in self.runs)
            or any(hour.where for hour in self.hours)
        )


class Monitor:
    """Looks at one route's flow; *desk* answers for our side, ``None`` without a spool."""

    def __init__(self, session: Session, current: Current, desk: Desk | None) -> None:
        flow = flow_of(current)
        self._session = session
        self._desk = desk
        self._flow_id = str(flow["id"])
        self._made_s = float(flow.get("createdAt") or 0) / 1000
        self._inlet_id = inlet_of(flow).rstrip("/").rsplit("/", 1)[-1]
        self._dataset_id = current.id_of("dataset")
        self._rows: list[Item] = (current.mapping or {}).get("mappings") or []

    async def look(self, *, since_s: float, limit: int = 100) -> Report:
        """
        Read everything since *since_s* (wall-clock seconds UTC), at most *limit* refused records.

        Raises:
            AdobeError: a call was refused.
            ControlError: the relay that holds the spool does not answer.
        """
        now_s = self._session.pace.clock.wall_s()
        # Runs begin with their hour: the hour of *since_s* is read whole, or it would not compare.
        since_s = max(since_s, self._made_s) // HOUR_S * HOUR_S
        runs = await read_runs(self._session.adobe.flows, self._flow_id, since_s=since_s - 1)
        delivered = await self._delivered(since_s)
        at_inlet = None if delivered is None else await self._at_inlet(since_s, now_s)
        hours = reconcile(
            runs, delivered or {}, at_inlet, since_s=since_s, made_s=self._made_s, now_s=now_s
        )
        if delivered is None:
            hours = [replace(hour, missing=0) for hour in hours]
        batches: list[FailedBatch] = []
        failed: list[FailedRecord] = []
        async for batch in self._batches(since_s):
            try:
                failed += await self._records(batch, limit - len(failed))
                batches.append(batch)
            except AdobeError as error:
                if error.is_temporary:
                    raise
                # Files are kept for a month only, and to read them is a permission of its own.
                batches.append(replace(batch, unread=error.message))
        return Report(
            tuple(runs), tuple(hours), tuple(batches), tuple(failed), delivered is not None
        )

    async def files(self, batch: FailedBatch) -> AsyncIterator[tuple[str, list[Item]]]:
        """
        Iterate over a failed batch's files: name and lines.

        Raises:
            AdobeError: a call was refused.
        """
        for name in await self._session.access.failed_files(batch.id):
            yield name, await self._session.access.failed_records(batch.id, name)

    async def _delivered(self, since_s: float) -> dict[int, int] | None:
        if self._desk is None:
            return None
        route = self._session.desired.route
        hours = (await self._desk.call("delivered_by_hour", route=route))["hours"]
        return {int(start): int(count) for start, count in hours.items() if int(start) >= since_s}

    async def _at_inlet(self, since_s: float, now_s: float) -> Mapping[int, int] | None:
        """What Observability counted; ``None`` when this credential may not read it."""
        try:
            points = await self._session.observability.series(
                RECEIVED,
                of="inletId",
                id_=self._inlet_id,
                start=_rfc_3339(since_s),
                end=_rfc_3339(now_s),
            )
        except AdobeError:
            return None
        return {
            int(datetime.fromisoformat(moment).timestamp()): int(count)
            for moment, count in points.items()
        }

    async def _batches(self, since_s: float) -> AsyncIterator[FailedBatch]:
        catalog = self._session.adobe.catalog
        async for item in catalog.batches(self._dataset_id, status="failed", since_s=since_s - 1):
            yield to_batch(item)

    async def _records(self, batch: FailedBatch, limit: int) -> list[FailedRecord]:
        """Read at most *limit* records of *batch*, and no more files than that takes."""
        records: list[FailedRecord] = []
        if limit <= 0:
            return records
        for name in await self._session.access.failed_files(batch.id):
            lines = await self._session.access.failed_records(batch.id, name)
            records += [
                await self._joined(to_record(batch.id, line, self._rows))
                for line in lines[: limit - len(records)]
            ]
            if len(records) == limit:
                break
        return records

    async def _joined(self, record: FailedRecord) -> FailedRecord:
        """Add our own copy of the event and the rows that Adobe does not name."""
        if self._desk is not None and record.event_id:
            record = await _ours(self._desk, self._session.desired.route, record)
        return replace(record, faults=blame(record, record.event, self._rows))


async def _ours(desk: Desk, route: str, record: FailedRecord) -> FailedRecord:
    found = await desk.call("events", route=route, event_id=record.event_id, limit=1)
    if not found["events"]:
        return record
    position = int(found["events"][0]["position"])
    try:
        shown = await desk.call("show", position=position, limit=1)
    except ControlError:  # retention was faster
        return replace(record, position=position)
    event = _parsed(shown.get("body"))
    return replace(record, position=position, event=event or record.event)


def _parsed(encoded: str | None) -> Item:
    try:
        value = orjson.loads(b64decode(encoded or ""))
    except (ValueError, orjson.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _rfc_3339(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
