"""A client for the local Adobe's control plane, and a set-up made through it step by step."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from relay.clock import ManualClock
from relay.emulator import EmulatorSettings, create_app
from relay.emulator.server import serving

FLOW = "/data/foundation/flowservice"
REGISTRY = "/data/foundation/schemaregistry"
CATALOG = "/data/foundation/catalog"
PREP = "/data/foundation/conversion"
EXPORT = "/data/foundation/export"
METRICS = "/data/infrastructure/observability/insights/metrics"

ORG = "7BF122A65C5B3FE40A494026@AdobeOrg"
CUSTOMERIO = "96479064-7b8a-4d69-b9ed-21c5683837ea"
HTTP_API = "bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
STREAMING_FLOW = "e77fde5a-22a8-11ed-861d-0242ac120002"
PROFILE = "https://ns.adobe.com/xdm/context/profile"
EXPERIENCE_EVENT = "https://ns.adobe.com/xdm/context/experienceevent"
XED = "application/vnd.adobe.xed+json"
XED_FULL = "application/vnd.adobe.xed-full+json"
XED_ID = "application/vnd.adobe.xed-id+json"
CONTENT_TYPE = f"{XED_FULL};version=1"
FIELDS = ("cio_id", "email", "event_id0", "metricx", "object_type1", "timestampx")

_DATA = Path(__file__).parents[1] / "data"


def fixture_of(name: str) -> Any:
    """A fixture, parsed."""
    return json.loads((_DATA / "adobe-fixtures" / name).read_text())


def keys_of(document: Any) -> Any:
    """The keys of *document* at every depth, with the types of what they hold."""
    if isinstance(document, dict):
        return {key: keys_of(value) for key, value in document.items()}
    if isinstance(document, list):
        return [keys_of(document[0])] if document else []
    return type(document).__name__


class Control:
    """One caller: its token, organisation and sandbox in every request."""

    def __init__(self, client: httpx.AsyncClient, app: Any, clock: ManualClock) -> None:
        self.client = client
        self.app = app
        self.clock = clock

    async def log_in(self, client_id: str = "key", org: str = ORG, sandbox: str = "prod") -> None:
        """Get a token and call with it from now on."""
        form = {
            "client_id": client_id,
            "client_secret": "secret",
            "grant_type": "client_credentials",
        }
        answer = await self.client.post("/ims/token/v3", data=form)
        self.client.headers.update(
            {
                "authorization": f"Bearer {answer.json()['access_token']}",
                "x-api-key": client_id,
                "x-gw-ims-org-id": org,
                "x-sandbox-name": sandbox,
            }
        )

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request."""
        return await self.client.request(method, path, **how)

    async def ok(self, method: str, path: str, document: Any = None, **how: Any) -> Any:
        """Send one request that must succeed; its parsed answer."""
        if document is not None:
            how["json"] = document
        answer = await self.call(method, path, **how)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def refused(self, status: int, code: str, method: str, path: str, **how: Any) -> Any:
        """Send one request that must be refused; its parsed answer."""
        answer = await self.call(method, path, **how)
        body = answer.json()
        assert (answer.status_code, _code(body)) == (status, code), answer.text
        return body

    async def schema(
        self, title: str = "events", fields: Any = None, parent: str = PROFILE
    ) -> str:
        """Make a field group and a schema with it; the schema's ``$id``."""
        fields = fields or {name: {"type": "string"} for name in FIELDS}
        tenant = (await self.ok("GET", f"{REGISTRY}/stats"))["tenantId"]
        group = await self.ok(
            "POST",
            f"{REGISTRY}/tenant/fieldgroups",
            {
                "type": "object",
                "title": f"{title} fields",
                "meta:intendedToExtend": [parent],
                "definitions": {
                    "customFields": {
                        "properties": {f"_{tenant}": {"type": "object", "properties": fields}}
                    }
                },
                "allOf": [{"$ref": "#/definitions/customFields"}],
            },
        )
        references = [{"$ref": parent}, {"$ref": group["$id"]}]
        body = {"type": "object", "title": title, "allOf": references}
        return str((await self.ok("POST", f"{REGISTRY}/tenant/schemas", body))["$id"])

    async def dataset(self, schema_id: str, name: str = "events") -> str:
        """Make a data set; its id."""
        body = {"name": name, "schemaRef": {"id": schema_id, "contentType": CONTENT_TYPE}}
        answer = await self.ok("POST", f"{CATALOG}/dataSets?requestDataSource=true", body)
        return str(answer[0]).rsplit("/", 1)[1]

    async def mapping(self, schema_id: str) -> str:
        """Make the tutorial's mapping set; its id."""
        body = fixture_of("customerio_mapping_request.json")
        body["outputSchema"]["schemaRef"]["id"] = schema_id
        return str((await self.ok("POST", f"{PREP}/mappingSets", body))["id"])

    async def source(self, name: str = "events") -> str:
        """Make a source connection; its id."""
        return str((await self.ok("POST", f"{FLOW}/sourceConnections", source(name)))["id"])

    async def target(self, schema_id: str, dataset_id: str, name: str = "events") -> str:
        """Make a target connection; its id."""
        body = target(schema_id, dataset_id, name)
        return str((await self.ok("POST", f"{FLOW}/targetConnections", body))["id"])

    async def flow_body(self, name: str = "events") -> dict[str, Any]:
        """Make everything that a flow needs; the body of its creation."""
        schema_id = await self.schema(name)
        dataset_id = await self.dataset(schema_id, name)
        return flow(
            source_id=await self.source(name),
            target_id=await self.target(schema_id, dataset_id, name),
            mapping_id=await self.mapping(schema_id),
            name=name,
        )

    async def made_flow(self, name: str = "events") -> dict[str, Any]:
        """Make a flow with all it needs and wait until it is enabled."""
        body = await self.flow_body(name)
        made = await self.ok("POST", f"{FLOW}/flows", body)
        self.clock.advance(10)
        return await self.item("flows", made["id"])

    async def item(self, kind: str, id_: str) -> dict[str, Any]:
        """Read one of Flow Service's resources."""
        answer = await self.ok("GET", f"{FLOW}/{kind}/{id_}")
        return dict(answer["items"][0])

    async def send(self, flow_item: dict[str, Any], *events: Any) -> None:
        """Post *events* to the inlet of a flow, one a request."""
        url = f"{flow_item['options']['inletUrl']}?x-adobe-flow-id={flow_item['id']}"
        for event in events:
            assert (await self.client.post(url, json=event)).status_code == 200

    async def patch(self, kind: str, item: dict[str, Any], *operations: Any, **how: Any) -> Any:
        """Patch a resource with its etag."""
        headers = {"if-match": item["etag"]}
        path = f"{FLOW}/{kind}/{item['id']}"
        return await self.call("PATCH", path, json=list(operations), headers=headers, **how)


def dataset_of(item: dict[str, Any]) -> str:
    """The data set that a target connection names."""
    return str(item["params"]["dataSetId"])


def source(name: str = "events") -> dict[str, Any]:
    """The body of a source connection."""
    return {
        "name": name,
        "connectionSpec": {"id": CUSTOMERIO, "version": "1.0"},
        "data": {"format": "json"},
    }


def target(schema_id: str, dataset_id: str, name: str = "events") -> dict[str, Any]:
    """The body of a target connection."""
    return {
        "name": name,
        "connectionSpec": {"id": DATA_LAKE, "version": "1.0"},
        "data": {"format": "json", "schema": {"id": schema_id, "version": CONTENT_TYPE}},
        "params": {"dataSetId": dataset_id},
    }


def flow(
    *, source_id: str, target_id: str, mapping_id: str, version: Any = 0, name: str = "events"
) -> dict[str, Any]:
    """The body of a flow."""
    return {
        "name": name,
        "description": name,
        "flowSpec": {"id": STREAMING_FLOW, "version": "1.0"},
        "sourceConnectionIds": [source_id],
        "targetConnectionIds": [target_id],
        "transformations": [
            {"name": "Mapping", "params": {"mappingId": mapping_id, "mappingVersion": version}}
        ],
    }


def schema_path(kind: str, id_: str) -> str:
    """The path of a resource of the registry."""
    return f"{REGISTRY}/tenant/{kind}/{quote(id_, safe='')}"


def _code(body: Any) -> str:
    if "error_code" in body:
        return str(body["error_code"])
    return str(body.get("type", "")).rsplit("/", 1)[-1]


@contextlib.asynccontextmanager
async def control(*, logs_in: bool = True, clock: ManualClock | None = None, **settings: Any):
    """A local Adobe with a clock that stands still, and a caller of its control plane."""
    clock = clock or ManualClock()
    app = create_app(EmulatorSettings(clock=clock, **settings))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://adobe:8090") as client:
        caller = Control(client, app, clock)
        if logs_in:
            await caller.log_in()
        yield caller


@contextlib.contextmanager
def served(settings: EmulatorSettings) -> Iterator[str]:
    """Serve a local Adobe on a loopback socket from a thread of its own; its base URL."""
    started: threading.Event = threading.Event()
    found: list[Any] = []

    async def run() -> None:
        stop = asyncio.Event()
        async with serving(create_app(settings)) as url:
            found.extend((url, asyncio.get_running_loop(), stop))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(20), "the local Adobe did not start"
    url, loop, stop = found
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
