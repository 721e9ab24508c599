"""
Data Prep: mapping sets, their validation and preview, the functions Adobe knows.

Source:
    developer.adobe.com, Data Prep API; AdobeDocs/experience-platform.en, help/data-prep/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from relay.adobe.http import AdobeHttp

Item = dict[str, Any]
_ROOT = "/data/foundation/conversion"
_PAGE = 100


class DataPrep:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def create(self, body: Item) -> tuple[str, int]:
        """Create a mapping set; return its id and version."""
        answer = await self._http.call(
            "POST", f"{_ROOT}/mappingSets", doing="create the mapping set", json=body
        )
        return str(answer.at("id")), int(answer.at("version"))

    async def get(self, id_: str, *, version: int | None = None) -> Item:
        """Read a mapping set, the latest or a given *version*."""
        answer = await self._http.call(
            "GET",
            f"{_ROOT}/mappingSets/{id_}",
            doing="read the mapping set",
            params={} if version is None else {"version": version},
        )
        return answer.object(having="id")

    async def all(self) -> AsyncIterator[Item]:
        """Iterate over every mapping set."""
        start = 0
        while True:
            answer = await self._http.call(
                "GET",
                f"{_ROOT}/mappingSets",
                doing="list the mapping sets",
                params={"limit": _PAGE, "start": start},
            )
            page = answer.items("data", having="id")
            for item in page:
                yield item
            if len(page) < _PAGE:
                return
            start += _PAGE

    async def replace(self, id_: str, body: Item) -> int:
        """
        Replace a mapping set in full; return its new version.

        A flow keeps the version it was given until it is patched.

        Assumed:
            The id stays and the version grows by one; the documents only show the parameter.
        """
        answer = await self._http.call(
            "PUT", f"{_ROOT}/mappingSets/{id_}", doing="change the mapping set", json=body
        )
        return int(answer.at("version"))

    async def delete(self, id_: str) -> None:
        """
        Delete a mapping set.

        Assumed:
            Not in the published API; Adobe's own Python client calls it.
        """
        await self._http.call(
            "DELETE", f"{_ROOT}/mappingSets/{id_}", doing="delete the mapping set"
        )

    async def validate(self, body: Item) -> list[Item]:
        """Ask Adobe to check a mapping set; one answer a row."""
        answer = await self._http.call(
            "POST",
            f"{_ROOT}/mappingSets/validate",
            doing="validate the mapping set",
            json=body,
            may_repeat=True,
        )
        return answer.items("validationResponse")

    async def preview(self, body: Item, event: Item) -> Item:
        """Ask Adobe to map one *event* with the mapping set in *body*."""
        answer = await self._http.call(
            "POST",
            f"{_ROOT}/mappingSets/preview",
            doing="preview the mapping",
            json={"data": event, "mappingSet": body},
            may_repeat=True,
        )
        return answer.object()

    async def functions(self) -> list[Item]:
        """List the functions of the mapping language as Adobe knows them."""
        return await self._language("functions")

    async def operators(self) -> list[Item]:
        """List the operators of the mapping language as Adobe knows them."""
        return await self._language("operators")

    async def is_expression(self, expression: str) -> bool:
        """Ask Adobe whether *expression* is one of the mapping language."""
        answer = await self._http.call(
            "POST",
            f"{_ROOT}/languages/el/validate",
            doing="validate the expression",
            json={"expression": expression},
            may_repeat=True,
        )
        return answer.body is True

    async def _language(self, what: str) -> list[Item]:
        answer = await self._http.call(
            "GET", f"{_ROOT}/languages/el/{what}", doing=f"list the {what}"
        )
        return answer.items()
