"""
Observability Insights: what Adobe itself counted at the inlet and the data set.

Source:
    AdobeDocs/experience-platform.en, help/observability/api/metrics.md.
"""

from __future__ import annotations

from typing import Literal

from relay.adobe.http import AdobeHttp

_PATH = "/data/infrastructure/observability/insights/metrics"
RECEIVED = "timeseries.data.collection.inlet.total.messages.received"
INGESTED = "timeseries.ingestion.dataset.recordsuccess.count"

Source = Literal["dataSetId", "inletId"]


class Observability:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def series(
        self, metric: str, *, of: Source, id_: str, start: str, end: str
    ) -> dict[str, float]:
        """
        Read one metric of a data set or an inlet, by the hour.

        *start* and *end* are RFC 3339; the result maps the start of an hour, so too, to a count.
        """
        answer = await self._http.call(
            "POST",
            _PATH,
            doing="read the metrics",
            json={
                "start": start,
                "end": end,
                "granularity": "hour",
                "metrics": [
                    {
                        "name": metric,
                        "filters": [{"name": of, "value": id_, "groupBy": True}],
                        "aggregator": "sum",
                        "downsample": "sum",
                    }
                ],
            },
            may_repeat=True,
        )
        points: dict[str, float] = {}
        for response in answer.items("metricResponses"):
            for group in response.get("datapoints") or []:
                points.update(group.get("dps") or {})
        return points
