"""
Schema Registry: the tenant's name, field groups, schemas, descriptors.

Every read needs an ``Accept`` header that says which form; a lookup must carry the version.

Source:
    developer.adobe.com, Schema Registry API; AdobeDocs/experience-platform.en, help/xdm/api/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal
from urllib.parse import parse_qs, quote, urlsplit

from relay.adobe.http import AdobeHttp

Item = dict[str, Any]
Kind = Literal["schemas", "fieldgroups", "descriptors"]

EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
XED = "application/vnd.adobe.xed+json"
XED_FULL = "application/vnd.adobe.xed-full+json"
XED_ID = "application/vnd.adobe.xed-id+json"
XDM_DESCRIPTOR = "application/vnd.adobe.xdm+json"

_ROOT = "/data/foundation/schemaregistry"
_NAMES = {"schemas": "schema", "fieldgroups": "field group", "descriptors": "descriptor"}
_ID = {"schemas": "$id", "fieldgroups": "$id", "descriptors": "@id"}


class SchemaRegistry:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def tenant(self) -> str:
        """Read the tenant id; fields of the tenant live under ``_`` + it."""
        answer = await self._http.call("GET", f"{_ROOT}/stats", doing="read the tenant's name")
        return str(answer.at("tenantId"))

    async def create(self, kind: Kind, body: Item) -> Item:
        """Create a schema, field group or descriptor in the tenant container."""
        answer = await self._http.call(
            "POST", f"{_ROOT}/tenant/{kind}", doing=f"create the {_NAMES[kind]}", json=body
        )
        return answer.object(having=_ID[kind])

    async def get(self, kind: Kind, id_: str, *, accept: str = XED_FULL) -> Item:
        """Read the latest minor of version 1 of a resource by its ``$id``."""
        versioned = accept if kind == "descriptors" else f"{accept}; version=1"
        answer = await self._http.call(
            "GET",
            f"{_ROOT}/tenant/{kind}/{quote(id_, safe='')}",
            doing=f"read the {_NAMES[kind]}",
            accept=versioned,
        )
        return answer.object(having=_ID[kind])

    async def find(
        self, kind: Literal["schemas", "fieldgroups"], *, title: str = ""
    ) -> AsyncIterator[Item]:
        """Iterate over id, title and version of the tenant's resources, in order of title."""
        query: dict[str, str | int] = {"limit": 100, "orderby": "title"}
        if title:
            query["property"] = f"title=={title}"
        while True:
            answer = await self._http.call(
                "GET",
                f"{_ROOT}/tenant/{kind}",
                doing=f"list the {_NAMES[kind]}s",
                params=query,
                accept=XED_ID,
            )
            for item in answer.items("results", having="$id"):
                yield item
            href = ((answer.object().get("_links") or {}).get("next") or {}).get("href")
            start = parse_qs(urlsplit(href).query).get("start") if href else None
            if not start:
                return
            query = {**query, "start": start[0]}

    async def descriptors(self, schema_id: str) -> list[Item]:
        """List the descriptors of one schema."""
        answer = await self._http.call(
            "GET",
            f"{_ROOT}/tenant/descriptors",
            doing="list the descriptors",
            params={"property": f"xdm:sourceSchema=={schema_id}"},
            accept=XDM_DESCRIPTOR,
        )
        body = answer.object()
        if "results" in body:
            return answer.items("results")
        # Without a page the registry groups them by their type.
        return [item for group in body.values() if isinstance(group, list) for item in group]

    async def patch(self, kind: Kind, id_: str, operations: list[Item]) -> Item:
        """Apply JSON Patch *operations*."""
        answer = await self._http.call(
            "PATCH",
            f"{_ROOT}/tenant/{kind}/{quote(id_, safe='')}",
            doing=f"change the {_NAMES[kind]}",
            json=operations,
        )
        return answer.object()

    async def delete(self, kind: Kind, id_: str) -> None:
        """Delete a resource."""
        await self._http.call(
            "DELETE",
            f"{_ROOT}/tenant/{kind}/{quote(id_, safe='')}",
            doing=f"delete the {_NAMES[kind]}",
        )
