"""A client for the local Adobe's data plane over ASGI, and the comparison with a fixture."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import httpx

from relay.clock import ManualClock
from relay.emulator import EmulatorSettings, create_app

INLET = "9b0cb233972f3b0092992284c7353f5eead496218e8441a79b25e9421ea127f5"
FLOW = "d8a6f005-7eaf-4153-983e-e8574508b877"
SINGLE = f"/collection/{INLET}"
BATCH = f"/collection/batch/{INLET}"
WITH_FLOW = {"x-adobe-flow-id": FLOW}
ORG = "7BF122A65C5B3FE40A494026@AdobeOrg"
SCHEMA = {
    "id": "https://ns.adobe.com/acme/schemas/945546112b746524",
    "contentType": "application/vnd.adobe.xed-full+json;version=1",
}

_FIXTURES = Path(__file__).parents[1] / "data" / "adobe-fixtures"


def fixture_of(name: str) -> Any:
    """A fixture, parsed."""
    return json.loads((_FIXTURES / name).read_text())


def shape(document: object) -> object:
    """Keys and types of *document*, values left out."""
    if isinstance(document, dict):
        return {key: shape(value) for key, value in document.items()}
    if isinstance(document, list):
        return [shape(value) for value in document]
    return type(document).__name__


def event(event_id: str = "01E4C4CT6YDC7Y5M7FE1GWWPQJ", **more: object) -> dict[str, object]:
    """A raw event."""
    return {"event_id": event_id, "object_type": "email", "metric": "opened", **more}


def envelope(
    event_id: str = "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
    *,
    body: dict[str, object] | None = None,
    **header: object,
) -> dict[str, Any]:
    """An XDM envelope; a header field given as ``None`` is left out."""
    head = {"schemaRef": SCHEMA, "imsOrgId": ORG, "datasetId": "5c8c", "flowId": FLOW, **header}
    return {
        "header": {key: value for key, value in head.items() if value is not None},
        "body": body or {"xdmMeta": {"schemaRef": SCHEMA}, "xdmEntity": {"_id": event_id}},
    }


class Adobe:
    """An emulator and a client that calls it in this process."""

    def __init__(self, client: httpx.AsyncClient, clock: ManualClock, app: Any) -> None:
        self.client = client
        self.clock = clock
        self.app = app

    async def single(self, message: object, **how: Any) -> httpx.Response:
        """Post one message with a flow id, unless *how* has its own headers or content."""
        return await self._post(SINGLE, message, how)

    async def batch(self, messages: object, **how: Any) -> httpx.Response:
        """Post a batch the same way."""
        return await self._post(BATCH, {"messages": messages}, how)

    async def fault(self, kind: str, **values: object) -> None:
        """Add a fault."""
        answer = await self.client.post("/__emulator__/faults", json={"kind": kind, **values})
        assert answer.status_code == 201, answer.text

    async def inlet(self, **values: object) -> None:
        """Describe the inlet."""
        answer = await self.client.put(f"/__emulator__/inlets/{INLET}", json=values)
        assert answer.status_code == 200, answer.text

    async def received(self, **params: str) -> dict[str, Any]:
        """What the inlets took."""
        return dict((await self.client.get("/__emulator__/received", params=params)).json())

    async def _post(self, path: str, document: object, how: dict[str, Any]) -> httpx.Response:
        return await self.client.post(path, **{"json": document, "headers": WITH_FLOW, **how})


@contextlib.asynccontextmanager
async def adobe(**settings: Any):
    """A local Adobe with a clock that stands still."""
    clock = ManualClock()
    app = create_app(EmulatorSettings(clock=clock, **settings))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://adobe") as client:
        yield Adobe(client, clock, app)
