"""
Flow Service: connections, source and target connections, flows, actions, runs, specs.

Etags keep their inner quotes, as Flow Service gives and wants them. A patch without a matching
etag is refused with 412; who calls re-reads and plans again.

Source:
    developer.adobe.com, Flow Service API; AdobeDocs/experience-platform.en,
    help/sources/tutorials/api/{create,update-dataflows,delete-dataflows,monitor}.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from relay.adobe.http import AdobeHttp

CUSTOMERIO_SPEC = "96479064-7b8a-4d69-b9ed-21c5683837ea"
CUSTOMERIO_PROVIDER = "521eee4d-8cbe-4906-bb48-fb6bd4450033"
DATA_LAKE_SPEC = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
STREAMING_FLOW_SPEC = "e77fde5a-22a8-11ed-861d-0242ac120002"

Kind = Literal[
    "connections", "sourceConnections", "targetConnections", "flows", "runs", "connectionSpecs",
    "flowSpecs",
]  # fmt: skip
Item = dict[str, Any]

_ROOT = "/data/foundation/flowservice"
_NAMES = {
    "connections": "base connection",
    "sourceConnections": "source connection",
    "targetConnections": "target connection",
    "flows": "flow",
    "runs": "flow run",
    "connectionSpecs": "connection spec",
    "flowSpecs": "flow spec",
}


@dataclass(frozen=True, slots=True)
class Versioned:
    """A resource's id and its etag, with the quotes inside."""

    id: str
    etag: str


class FlowService:
    """Typed calls, one method an endpoint; every method may raise `AdobeError`."""

    def __init__(self, http: AdobeHttp) -> None:
        self._http = http

    async def create(self, kind: Kind, body: Item, *, draft: bool = False) -> Versioned:
        """Create one resource; a *draft* flow is not published until `act` says so."""
        answer = await self._http.call(
            "POST",
            f"{_ROOT}/{kind}",
            doing=f"create the {_NAMES[kind]}",
            params={"mode": "draft"} if draft else None,
            json=body,
        )
        return Versioned(str(answer.at("id")), str(answer.at("etag")))

    async def get(self, kind: Kind, id_: str) -> Item:
        """Read one resource; Flow Service wraps even one in ``items``."""
        answer = await self._http.call(
            "GET", f"{_ROOT}/{kind}/{id_}", doing=f"read the {_NAMES[kind]}"
        )
        return answer.object("items", 0, having="id")

    async def find(self, kind: Kind, *properties: str, limit: int = 100) -> AsyncIterator[Item]:
        """
        Iterate over resources that match every one of *properties*, following ``_links.next``.

        A property reads ``path==value``; several values of one are joined by a comma.
        """
        path: str | None = f"{_ROOT}/{kind}"
        query: dict[str, Any] = {"limit": limit}
        if properties:
            query["property"] = list(properties)
        while path is not None:
            answer = await self._http.call(
                "GET", path, doing=f"list the {_NAMES[kind]}s", params=query
            )
            for item in answer.items("items", having="id"):
                yield item
            token = next_token(answer.object().get("_links"))
            if token is None:
                path = None
            else:
                query = {**query, "continuationToken": token}

    async def patch(
        self, kind: Kind, id_: str, operations: Sequence[Item], *, etag: str
    ) -> Versioned:
        """Apply JSON Patch *operations* to the version that *etag* names."""
        answer = await self._http.call(
            "PATCH",
            f"{_ROOT}/{kind}/{id_}",
            doing=f"change the {_NAMES[kind]}",
            json=list(operations),
            if_match=etag,
        )
        # The reference shows the list form for some kinds, the tutorials id and etag for all.
        place = ("items", 0) if "items" in answer.object() else ()
        return Versioned(str(answer.at(*place, "id")), str(answer.at(*place, "etag")))

    async def delete(self, kind: Kind, id_: str) -> None:
        """Delete one resource; what a flow uses is refused until the flow is gone."""
        await self._http.call(
            "DELETE", f"{_ROOT}/{kind}/{id_}", doing=f"delete the {_NAMES[kind]}"
        )

    async def act(
        self, flow_id: str, operation: Literal["enable", "disable", "publish"]
    ) -> Versioned:
        """Enable, disable or publish a flow."""
        answer = await self._http.call(
            "POST",
            f"{_ROOT}/flows/{flow_id}/action",
            doing=f"{operation} the flow",
            params={"op": operation},
            may_repeat=operation != "publish",
        )
        return Versioned(str(answer.at("id")), str(answer.at("etag")))

    def runs(self, flow_id: str, *, since_s: float = 0.0) -> AsyncIterator[Item]:
        """Iterate over the runs of one flow, begun after *since_s* (wall-clock seconds UTC)."""
        properties = [f"flowId=={flow_id}"]
        if since_s:
            properties.append(f"metrics.durationSummary.startedAtUTC>{int(since_s * 1000)}")
        return self.find("runs", *properties)


def next_token(links: Item | None) -> str | None:
    """
    Read the continuation token out of ``_links.next.href``, however it is padded or escaped.

    A token may itself contain ``=``; cutting the address at the first one would truncate it.
    """
    href = ((links or {}).get("next") or {}).get("href")
    if not href:
        return None
    found = parse_qs(urlsplit(href).query).get("continuationToken")
    return found[0] if found else None
