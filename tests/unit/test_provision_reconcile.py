"""Our counts beside Adobe's: what is missing, where, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relay.provision.reconcile import reconcile
from relay.provision.runs import Run, to_run

_RUNS = Path(__file__).parents[1] / "data" / "adobe-fixtures" / "runs_get.json"
_H = 1_700_000_000 // 3600 * 3600
_LATER_S = _H + 10 * 3600


def _run(hour: int, received: int, **members: Any) -> Run:
    start_s = _H + hour * 3600
    values = {
        "id": f"run {hour}",
        "started_s": float(start_s),
        "ended_s": start_s + 3600.0,
        "received": received,
        "ingested": received,
        "failed": 0,
        "skipped": 0,
        "warnings": 0,
        "status": "success",
        "errors": (),
    }
    return Run(**{**values, **members})


def _hours(
    runs: list[Run],
    delivered: dict[int, int],
    at_inlet: dict[int, int] | None = None,
    *,
    now_s: float = _LATER_S,
    since_s: float = _H,
    made_s: float = 0.0,
) -> Any:
    by_hour = {_H + hour * 3600: count for hour, count in delivered.items()}
    seen = None if at_inlet is None else {_H + h * 3600: count for h, count in at_inlet.items()}
    return reconcile(runs, by_hour, seen, since_s=since_s, made_s=made_s, now_s=now_s)


def test_equal_counts():
    """Equal counts are no finding."""
    (hour,) = _hours([_run(0, 5)], {0: 5}, {0: 5})
    assert (hour.missing, hour.unaccounted, hour.where) == (0, 0, "")


@pytest.mark.parametrize(
    ("at_inlet", "where"),
    [
        (None, "after the inlet took them"),
        ({0: 3}, "before the inlet counted them"),
        ({0: 5}, "between the inlet and the flow"),
    ],
)
def test_missing(at_inlet: dict[int, int] | None, where: str):
    """What the run lacks is missing between the two counters where the count drops."""
    (hour,) = _hours([_run(0, 3)], {0: 5}, at_inlet)
    assert (hour.missing, hour.where) == (2, where)


def test_a_run_that_is_not_there():
    """An hour without a run lacks everything that was delivered in it."""
    (hour,) = _hours([], {0: 5})
    assert (hour.missing, hour.received) == (5, 0)


def test_unaccounted():
    """What a run received must be ingested, skipped or failed."""
    (hour,) = _hours([_run(0, 9, ingested=4, failed=2, skipped=1)], {0: 9})
    assert (hour.unaccounted, hour.where) == (2, "between the flow and the dataset")


@pytest.mark.parametrize("now_s", [_H + 100, _H + 3600, _H + 2 * 3600 - 1])
def test_an_hour_that_may_still_grow(now_s: float):
    """Until an hour after its end nothing of an hour is called missing."""
    (hour,) = _hours([_run(0, 3)], {0: 5}, now_s=now_s)
    assert (hour.is_over, hour.missing) == (False, 0)


def test_a_run_that_goes_on():
    """A run without an end keeps its hour open, however late it is."""
    (hour,) = _hours([_run(0, 3, ended_s=0.0)], {0: 5})
    assert (hour.is_over, hour.missing) == (False, 0)


def test_events_at_the_border_of_an_hour():
    """An event counted in one hour here and in the next there is not missing."""
    hours = _hours([_run(0, 4), _run(1, 6), _run(2, 4)], {0: 5, 1: 5, 2: 4})
    assert [hour.missing for hour in hours] == [0, 0, 0]
    hours = _hours([_run(0, 6), _run(1, 4)], {0: 5, 1: 5})
    assert [hour.missing for hour in hours] == [0, 0]


def test_a_surplus_is_used_once():
    """One event too many makes up for one missing beside it, not for two."""
    hours = _hours([_run(0, 4), _run(1, 6), _run(2, 4)], {0: 5, 1: 5, 2: 5})
    assert [hour.missing for hour in hours] == [0, 0, 1]


def test_a_surplus_far_away():
    """Too many in another part of the day make up for nothing."""
    hours = _hours([_run(0, 9), _run(1, 5), _run(2, 4)], {0: 5, 1: 5, 2: 5})
    assert [hour.missing for hour in hours] == [0, 0, 1]


def test_before_the_flow_was_made():
    """Hours before the flow's first are another flow's."""
    hours = _hours([_run(3, 5)], {0: 7, 3: 5}, since_s=_H + 3 * 3600 + 1800)
    assert [hour.start_s for hour in hours] == [_H + 3 * 3600]


@pytest.mark.parametrize(
    ("at_inlet", "delivered", "where"),
    [
        (None, 3, ""),
        ({0: 3}, 3, ""),
        ({0: 4}, 4, "between the inlet and the flow"),
        ({0: 9}, 7, "between the inlet and the flow"),
    ],
)
def test_the_hour_in_which_the_flow_was_made(
    at_inlet: dict[int, int] | None, delivered: int, where: str
):
    """Of that hour's deliveries those count that the flow's own inlet counted."""
    (hour,) = _hours([_run(0, 3)], {0: 7}, at_inlet, made_s=_H + 1800)
    assert (hour.delivered, hour.missing, hour.where) == (delivered, delivered - 3, where)


def test_several_runs_an_hour():
    """Runs of one hour are added up."""
    (hour,) = _hours([_run(0, 3), _run(0, 2, id="another")], {0: 5})
    assert (hour.received, hour.missing) == (5, 0)


def test_a_documented_run():
    """A run as Flow Service's documents show it is read."""
    run = to_run(json.loads(_RUNS.read_text())["items"][0])
    assert (run.status, run.ended_s > run.started_s) == ("success", True)
    assert (run.received, run.ingested, run.failed) == (100, 99, 1)


def test_a_run_with_nothing_in_it():
    """A run that has just begun, without a count, is read as zeroes."""
    run = to_run({"id": "x", "createdAt": 1705932200000, "state": "inProgress"})
    assert (run.received, run.ended_s, run.status, run.duration_s) == (0, 0.0, "inProgress", 0.0)
