"""
Our counts beside Adobe's, hour by hour, and where records went missing. Pure.

An event passes four counters: *delivered* (ours, when the inlet took it), *at the inlet* (Adobe's
Observability), *received* by the flow (its run), and *ingested* or *failed*. Where one counter is
behind the one before it, records are missing in between. Only an hour that is over is judged, and
an event counted on the other side of the hour by one of the counters is not missing: a lack is
first made up from what the hours beside it have too much.

Source:
    adobe.md §1.6: what is streamed is in the lake within 60 minutes; so long an hour stays open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from relay.provision.runs import HOUR_S, Run

LATE_S = 3600


@dataclass(frozen=True, slots=True)
class Hour:
    """
    One hour; *start_s* is wall-clock seconds UTC, *at_inlet* ``None`` when it is not known.

    *missing* is what we delivered and no run received, *unaccounted* what a run received and
    neither ingested, skipped nor failed; both are 0 while the hour may still grow.
    """

    start_s: int
    delivered: int
    at_inlet: int | None
    received: int
    ingested: int
    failed: int
    is_over: bool
    missing: int = 0
    unaccounted: int = 0

    @property
    def where(self) -> str:
        """Between which two counters records went missing; empty when none did."""
        if self.missing and self.at_inlet is not None:
            if self.at_inlet < self.delivered:
                return "before the inlet counted them"
            return "between the inlet and the flow"
        if self.missing:
            return "after the inlet took them"
        return "between the flow and the dataset" if self.unaccounted else ""


def reconcile(
    runs: Sequence[Run],
    delivered: Mapping[int, int],
    at_inlet: Mapping[int, int] | None,
    *,
    since_s: float,
    made_s: float = 0.0,
    now_s: float,
) -> list[Hour]:
    """
    Put the counts side by side; the mappings' keys are the starts of hours, as of `Hour`.

    Hours that began before the hour of *since_s* are left out. In the hour of *made_s*, when the
    flow was made, another flow may have had events: no more were delivered to this one than its
    own inlet counted, or, where that is not known, than it received.
    """
    delivered = _to_this_flow(runs, delivered, at_inlet, int(made_s) // HOUR_S * HOUR_S)
    first_s = int(since_s) // HOUR_S * HOUR_S
    starts = {run.hour_s for run in runs} | set(delivered) | set(at_inlet or ())
    begun = sorted(start_s for start_s in starts if start_s >= first_s)
    lacks = {start_s: _received(runs, start_s) - delivered.get(start_s, 0) for start_s in begun}
    missing = _made_up(lacks)
    return [
        _hour(
            [run for run in runs if run.hour_s == start_s],
            start_s,
            delivered=delivered.get(start_s, 0),
            at_inlet=None if at_inlet is None else at_inlet.get(start_s, 0),
            missing=missing[start_s],
            now_s=now_s,
        )
        for start_s in begun
    ]


def _hour(
    runs: Sequence[Run],
    start_s: int,
    *,
    delivered: int,
    at_inlet: int | None,
    missing: int,
    now_s: float,
) -> Hour:
    is_over = now_s >= start_s + HOUR_S + LATE_S and all(run.ended_s for run in runs)
    received = sum(run.received for run in runs)
    ended = sum(run.ingested + run.failed + run.skipped for run in runs)
    return Hour(
        start_s=start_s,
        delivered=delivered,
        at_inlet=at_inlet,
        received=received,
        ingested=sum(run.ingested for run in runs),
        failed=sum(run.failed for run in runs),
        is_over=is_over,
        missing=missing if is_over else 0,
        unaccounted=max(received - ended, 0) if is_over else 0,
    )


def _to_this_flow(
    runs: Sequence[Run],
    delivered: Mapping[int, int],
    at_inlet: Mapping[int, int] | None,
    made_s: int,
) -> Mapping[int, int]:
    if made_s not in delivered:
        return delivered
    most = _received(runs, made_s) if at_inlet is None else at_inlet.get(made_s, 0)
    return {**delivered, made_s: min(delivered[made_s], most)}


def _received(runs: Sequence[Run], start_s: int) -> int:
    return sum(run.received for run in runs if run.hour_s == start_s)


def _made_up(balance: Mapping[int, int]) -> dict[int, int]:
    """What each hour lacks after the surplus of the hours beside it, every one used once."""
    left = dict(balance)
    for start_s in sorted(left):
        for beside_s in (start_s - HOUR_S, start_s + HOUR_S):
            surplus = min(max(left.get(beside_s, 0), 0), max(-left[start_s], 0))
            if surplus:
                left[beside_s] -= surplus
                left[start_s] += surplus
    return {start_s: max(-lack, 0) for start_s, lack in left.items()}
