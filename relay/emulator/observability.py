"""
Observability Insights: what was received and ingested, as series over time.

Source:
    AdobeDocs/experience-platform.en, help/observability/api/metrics.md; adobe.md §8.

Assumed:
    The bodies of refusals beyond their code; a window's counts stand at its start, however fine
    the granularity; metrics that the emulator does not count are zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.gateway import Call, routes
from relay.emulator.ids import new_uuid
from relay.emulator.json_answer import json_answer
from relay.emulator.lake import Lake
from relay.emulator.problems import Refused, Service
from relay.emulator.store import Item, Store

PATH = "/data/infrastructure/observability/insights/metrics"

_INLET = "timeseries.data.collection.inlet"
_VALIDATION = "timeseries.data.collection.validation"
_DATASET = "timeseries.ingestion.dataset"
_METRICS: Mapping[str, Callable[[Item], float]] = {
    f"{_INLET}.total.messages.received": lambda w: w["received"],
    f"{_INLET}.total.messages.size.received": lambda w: w["inputBytes"],
    f"{_INLET}.success": lambda w: w["received"],
    f"{_INLET}.failure": lambda _w: 0,
    f"{_VALIDATION}.total.messages.rate": lambda w: w["received"],
    f"{_VALIDATION}.valid.messages.rate": lambda w: w["ingested"],
    f"{_VALIDATION}.invalid.messages.rate": lambda w: w["failed"],
    f"{_DATASET}.recordsuccess.count": lambda w: w["ingested"],
    f"{_DATASET}.batchsuccess.count": lambda w: 1 if w["ingested"] else 0,
    f"{_DATASET}.batchfailed.count": lambda w: 1 if w["failed"] else 0,
    f"{_DATASET}.size": lambda w: w["outputBytes"],
    f"{_DATASET}.dailysize": lambda w: w["outputBytes"],
}
_FORMATS = {
    "second": "%Y-%m-%dT%H:%M:%SZ",
    "minute": "%Y-%m-%dT%H:%M:00Z",
    "hour": "%Y-%m-%dT%H:00:00Z",
    "day": "%Y-%m-%dT00:00:00Z",
    "month": "%Y-%m-01T00:00:00Z",
}
_FILTERS = {"dataSetId": "datasetId", "inletId": "inletId", "flowId": "flowId"}


class ObservabilityApi:
    """The handler of metric reports."""

    def __init__(self, store: Store, lake: Lake) -> None:
        self._store = store
        self._lake = lake

    def routes(self) -> list[BaseRoute]:
        """The one path."""
        return [*routes(self._store, Service.OBSERVABILITY, PATH, {"POST": self._report})]

    def _report(self, call: Call) -> Response:
        body = call.object()
        start, end = _moment(body, "start"), _moment(body, "end")
        granularity = str(body.get("granularity", "day")).lower()
        metrics = body.get("metrics")
        if granularity not in _FORMATS:
            raise _refused("granularity must be one of " + ", ".join(_FORMATS))
        if not isinstance(metrics, list) or not metrics:
            raise _refused("metrics must be a list with at least one entry")
        self._lake.work()
        windows = [
            window
            for window in self._lake.windows.all(call.sandbox)
            if start <= window["startMs"] / 1000 < end
        ]
        responses = [_response(metric, windows, granularity) for metric in metrics]
        return json_answer({"metricResponses": responses})


def _response(metric: Any, windows: list[Item], granularity: str) -> Item:
    if not isinstance(metric, dict) or not isinstance(metric.get("name"), str):
        raise _refused("a metric has a name")
    filters = metric.get("filters", [])
    if not isinstance(filters, list) or not all(isinstance(each, dict) for each in filters):
        raise _refused("filters must be a list of objects")
    value_of = _METRICS.get(metric["name"], _uncounted)
    groups: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
    for window in windows:
        if all(_takes(window, each) for each in filters):
            key = tuple(
                (str(each["name"]), str(window[_FILTERS[str(each["name"])]]))
                for each in filters
                if each.get("groupBy") is True
            )
            at = datetime.fromtimestamp(window["startMs"] / 1000, UTC)
            points = groups.setdefault(key, {})
            time = at.strftime(_FORMATS[granularity])
            points[time] = points.get(time, 0.0) + value_of(window)
    datapoints = [{"groupBy": dict(key), "dps": dict(points)} for key, points in groups.items()]
    return {
        "metric": metric["name"],
        "filters": filters,
        "datapoints": datapoints or [{"groupBy": {}, "dps": {}}],
        "granularity": granularity.upper(),
    }


def _uncounted(_window: Item) -> float:
    return 0


def _takes(window: Item, wanted: Item) -> bool:
    name = str(wanted.get("name"))
    if name not in _FILTERS:
        raise _refused(f"the filter {name} is unknown: " + ", ".join(_FILTERS))
    return window[_FILTERS[name]] in str(wanted.get("value", "")).split("|")


def _moment(body: Item, name: str) -> float:
    try:
        moment = datetime.fromisoformat(str(body.get(name, "")))
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        raise _refused(f"{name} must be a time like 2020-07-14T00:00:00.000Z") from None


def _refused(detail: str) -> Refused:
    return Refused(
        400,
        {
            "type": "http://ns.adobe.com/aep/errors/INSGHT-1000-400",
            "title": "Bad Request",
            "status": 400,
            "report": {
                "tenantInfo": {},
                "additionalContext": {},
                "error-chain": [
                    {
                        "serviceId": "INSGHT",
                        "errorCode": "INSGHT-1000-400",
                        "unixTimeStampMs": int(datetime.now(UTC).timestamp() * 1000),
                    }
                ],
                "request-id": new_uuid(),
            },
            "detail": detail,
        },
    )
