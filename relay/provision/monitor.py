"""
What Adobe made of what we delivered: flow runs, failed batches, and where counts disagree.

A streaming flow has a run for every hour. A run's counts are compared with the relay's own
delivered counts of the same hours; records of failed batches are joined back to our events by
their event id, so that a person sees their event and the row of the mapping set that failed.

Assumed:
    The documents show no run of a streaming flow. Its window is taken from
    ``metrics.durationSummary`` and its counts from ``metrics.recordSummary``, as in a batch run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from relay.adobe.catalog import Catalog
from relay.adobe.data_access import DataAccess
from relay.adobe.flow_service import FlowService

Item = dict[str, Any]
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Run:
    """One flow run; times are wall-clock seconds UTC, *ended_s* 0 while it goes on."""

    id: str
    started_s: float
    ended_s: float
    received: int
    ingested: int
    failed: int
    warnings: int
    status: str
    errors: tuple[str, ...]

    @property
    def duration_s(self) -> float:
        """How long it took; 0 while it goes on."""
        return max(self.ended_s - self.started_s, 0.0) if self.ended_s else 0.0

    @property
    def hour_s(self) -> int:
        """The start of the hour it belongs to."""
        return int(self.started_s) // HOUR_S * HOUR_S


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour beside Adobe's count of it; *missing* is what we delivered and no run received."""

    start_s: int
    delivered: int
    received: int
    failed: int

    @property
    def missing(self) -> int:
        """Delivered by us and not received by Adobe, as far as the hour is over."""
        return max(self.delivered - self.received, 0)


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """One record that Adobe refused after taking it; *position* 0 when it is not one of ours."""

    batch_id: str
    event_id: str
    path: str
    message: str
    position: int = 0
    row: str = ""


async def read_runs(flows: FlowService, flow_id: str) -> list[Run]:
    """
    Read the runs of a flow, oldest first.

    Raises:
        AdobeError: a call was refused.
    """
    runs = [to_run(item) async for item in flows.runs(flow_id)]
    return sorted(runs, key=lambda run: run.started_s)


def to_run(item: Item) -> Run:
    """Reduce Flow Service's run to what a person asks about."""
    metrics: Item = item.get("metrics") or {}
    duration: Item = metrics.get("durationSummary") or {}
    records: Item = metrics.get("recordSummary") or {}
    status: Item = metrics.get("statusSummary") or {}
    return Run(
        id=str(item.get("id", "")),
        started_s=float(duration.get("startedAtUTC") or item.get("createdAt") or 0) / 1000,
        ended_s=float(duration.get("completedAtUTC") or 0) / 1000,
        received=int(records.get("inputRecordCount") or 0),
        ingested=int(records.get("outputRecordCount") or 0),
        failed=int(records.get("failedRecordCount") or 0),
        warnings=int(records.get("warningRecordCount") or 0),
        status=str(status.get("status") or item.get("state") or "unknown"),
        errors=tuple(
            f"{error.get('code', '')} {error.get('message', '')}".strip()
            for error in status.get("errors") or []
        ),
    )


def reconcile(runs: Sequence[Run], delivered: Mapping[int, int]) -> list[Hour]:
    """
    Put Adobe's counts beside ours, hour by hour.

    *delivered* maps the start of an hour (wall-clock seconds) to how many events we delivered.
    """
    hours = sorted({run.hour_s for run in runs} | set(delivered))
    return [
        Hour(
            start_s=start,
            delivered=delivered.get(start, 0),
            received=sum(run.received for run in runs if run.hour_s == start),
            failed=sum(run.failed for run in runs if run.hour_s == start),
        )
        for start in hours
    ]


async def failed_records(
    catalog: Catalog, access: DataAccess, dataset_id: str, *, limit: int = 100
) -> list[FailedRecord]:
    """
    Download the records of the data set's failed batches, at most *limit*.

    Raises:
        AdobeError: a call was refused.
    """
    found: list[FailedRecord] = []
    async for batch in catalog.batches(dataset_id, status="failed"):
        for name in await access.failed_files(batch["id"]):
            for record in await access.failed_records(batch["id"], name):
                found.extend(_explain(batch["id"], record))
                if len(found) >= limit:
                    return found[:limit]
    return found


def _explain(batch_id: str, record: Item) -> list[FailedRecord]:
    """One line for every error of a refused record."""
    body = _unfold(record.get("body", record))
    event_id = find_event_id(body)
    errors = _errors_of(record)
    return [
        FailedRecord(
            batch_id=batch_id,
            event_id=event_id,
            path=str(error.get("pointerToViolation") or error.get("path") or ""),
            message=str(error.get("message", "")),
            row=str(error.get("destination") or error.get("mappingRow") or ""),
        )
        for error in errors or [{"message": "refused without a reason"}]
    ]


def _errors_of(record: Item) -> list[Item]:
    listed = _unfold(record.get("_validationErrors") or [])
    grouped = _unfold(record.get("_errors") or {})
    errors = [error for error in listed if isinstance(error, dict)]
    if isinstance(grouped, dict):
        for group in grouped.values():
            errors.extend(error for error in _unfold(group) if isinstance(error, dict))
    return errors


def _unfold(value: Any) -> Any:
    """Failed records carry parts of themselves as JSON inside text."""
    if isinstance(value, str):
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value


def find_event_id(value: Any) -> str:
    """Find our event id in a raw or mapped record, under ``event_id…`` or ``_id``."""
    if not isinstance(value, dict):
        return ""
    for key, item in value.items():
        if isinstance(item, str) and (key == "_id" or key.startswith("event_id")):
            return item
    for item in value.values():
        found = find_event_id(item)
        if found:
            return found
    return ""
