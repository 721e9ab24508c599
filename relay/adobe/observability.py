"""
Observability Insights: what Adobe itself counted at the inlet and the data set.

Source:
    AdobeDocs/experience-platform.en, help/observability/api/metrics.md.
"""

from __future__ import annotations

from typing import Any

from relay.adobe.http import AdobeHttp

_PATH = "/data/infrastructure/observability/insights/metrics"
INGESTED = "timeseries.ingestion.dataset.recordsuccess.count"


class Observability:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def series(
        self, metric: str, *, dataset_id: str, start: str, end: str, granularity: str = "hour"
    ) -> dict[str, float]:
        """Read one metric of a data set from *start* to *end* (RFC 3339): time to value."""
        answer = await self._http.call(
            "POST",
            _PATH,
            doing="read the metrics",
            json={
                "start": start,
                "end": end,
                "granularity": granularity,
                "metrics": [
                    {
                        "name": metric,
                        "filters": [{"name": "dataSetId", "value": dataset_id, "groupBy": True}],
                        "aggregator": "sum",
                        "downsample": "sum",
                    }
                ],
            },
        )
        points: dict[str, float] = {}
        responses: list[dict[str, Any]] = answer.body["metricResponses"]
        for response in responses:
            for group in response["datapoints"]:
                points.update(group["dps"])
        return points
