"""
Catalog: data sets and batches, as maps keyed by id.

Source:
    developer.adobe.com, Catalog Service API; AdobeDocs/experience-platform.en, help/catalog/api/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from relay.adobe.http import AdobeHttp

Item = dict[str, Any]
_ROOT = "/data/foundation/catalog"
_PAGE = 100


class Catalog:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def create_dataset(self, body: Item) -> str:
        """Create a data set; return its id of 24 hex digits."""
        answer = await self._http.call(
            "POST",
            f"{_ROOT}/dataSets",
            doing="create the dataset",
            params={"requestDataSource": "true"},
            json=body,
        )
        # The answer is a list of one reference: ["@/dataSets/<id>"].
        return str(answer.at(0)).rsplit("/", 1)[-1]

    async def dataset(self, id_: str) -> Item:
        """Read one data set."""
        answer = await self._http.call("GET", f"{_ROOT}/dataSets/{id_}", doing="read the dataset")
        return {"id": id_, **answer.object(id_)}

    async def datasets(self, *, name: str = "") -> AsyncIterator[Item]:
        """Iterate over the data sets, of *name* if given; each with its id."""
        async for item in self._pages("dataSets", {"name": name} if name else {}):
            yield item

    async def batches(
        self, dataset_id: str, *, status: str = "", since_s: float = 0.0
    ) -> AsyncIterator[Item]:
        """
        Iterate over the batches of a data set, newest first.

        Only those of *status* if given, made after *since_s* (wall-clock seconds UTC) if given.
        """
        query = {"dataSet": dataset_id, "orderBy": "desc:created"}
        if status:
            query["status"] = status
        if since_s:
            query["createdAfter"] = str(int(since_s * 1000))
        async for item in self._pages("batches", query):
            yield item

    async def batch(self, id_: str) -> Item:
        """Read one batch."""
        answer = await self._http.call("GET", f"{_ROOT}/batches/{id_}", doing="read the batch")
        return {"id": id_, **answer.object(id_)}

    async def patch_dataset(self, id_: str, changes: Item) -> None:
        """Merge *changes* into a data set."""
        await self._http.call(
            "PATCH", f"{_ROOT}/dataSets/{id_}", doing="change the dataset", json=changes
        )

    async def delete_dataset(self, id_: str) -> None:
        """Delete a data set with what it holds."""
        await self._http.call("DELETE", f"{_ROOT}/dataSets/{id_}", doing="delete the dataset")

    async def _pages(self, kind: str, query: dict[str, str]) -> AsyncIterator[Item]:
        start = 0
        while True:
            answer = await self._http.call(
                "GET",
                f"{_ROOT}/{kind}",
                doing=f"list the {kind.lower()}",
                params={**query, "limit": _PAGE, "start": start},
            )
            page = answer.object()
            for id_ in page:
                yield {"id": id_, **answer.object(id_)}
            if len(page) < _PAGE:
                return
            start += _PAGE
