"""
Flow runs, reduced to what a person asks about.

A streaming flow has a run for every hour.

Assumed:
    The documents show no run of a streaming flow. Its window is taken from
    ``metrics.durationSummary`` and its counts from ``metrics.recordSummary``, as in a batch run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    skipped: int
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


async def read_runs(flows: FlowService, flow_id: str, *, since_s: float = 0.0) -> list[Run]:
    """
    Read the runs of a flow that began after *since_s* (wall-clock seconds UTC), oldest first.

    Raises:
        AdobeError: a call was refused.
    """
    runs = [to_run(item) async for item in flows.runs(flow_id, since_s=since_s)]
    return sorted(runs, key=lambda run: run.started_s)


def to_run(item: Item) -> Run:
    """Reduce Flow Service's run."""
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
        skipped=int(records.get("skippedRecordCount") or 0),
        warnings=int(records.get("warningRecordCount") or 0),
        status=str(status.get("status") or item.get("state") or "unknown"),
        errors=tuple(
            f"{error.get('code', '')} {error.get('message', '')}".strip()
            for error in status.get("errors") or []
        ),
    )
