"""
Data Access: the files of a failed batch, and the diagnostics of one.

Source:
    AdobeDocs/experience-platform.en, help/ingestion/quality/error-diagnostics.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from relay.adobe.http import AdobeHttp, Answer

Item = dict[str, Any]
_ROOT = "/data/foundation/export/batches"


class DataAccess:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def failed_files(self, batch_id: str) -> list[str]:
        """List the names of a failed batch's files; the empty success marker is left out."""
        answer = await self._http.call(
            "GET", f"{_ROOT}/{batch_id}/failed", doing="list the failed batch's files"
        )
        return [name for name in _names(answer) if name != "_SUCCESS"]

    async def failed_records(self, batch_id: str, name: str) -> list[Item]:
        """Download one file of a failed batch: one record a line, each with its errors."""
        answer = await self._http.call(
            "GET",
            f"{_ROOT}/{batch_id}/failed",
            doing="download the failed records",
            params={"path": name},
        )
        return _records(answer)

    async def diagnostics(self, batch_id: str) -> list[str]:
        """List the files of a batch's error diagnostics; the data set must ask for them."""
        answer = await self._http.call(
            "GET",
            f"{_ROOT}/{batch_id}/meta",
            doing="list the batch's diagnostics",
            params={"path": "row_errors"},
        )
        return _names(answer)

    async def diagnostic(self, batch_id: str, name: str) -> list[Item]:
        """Download one file of diagnostics: one refused row a line."""
        answer = await self._http.call(
            "GET",
            f"{_ROOT}/{batch_id}/meta",
            doing="download the batch's diagnostics",
            params={"path": name},
        )
        return _records(answer)


def _names(answer: Answer) -> list[str]:
    return [str(entry.get("name", "")) for entry in answer.items("data")]


def _records(answer: Answer) -> list[Item]:
    if isinstance(answer.body, dict):  # a file of one line is one JSON document
        return [answer.body]
    return list(_lines(str(answer.body or "")))


def _lines(text: str) -> Iterator[Item]:
    for line in text.splitlines():
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(value, dict):
            yield value
