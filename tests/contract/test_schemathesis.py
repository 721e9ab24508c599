"""Whatever is sent to the local Adobe's control plane, it answers as a service does: never 500."""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import Any
from urllib.parse import quote

import httpx
import hypothesis.strategies as st
import pytest
from control_kit import XED, control, dataset_of, fixture_of
from hypothesis import HealthCheck, Phase, given, settings

from relay.emulator import EmulatorSettings
from relay.emulator.control import control_routes
from relay.emulator.describe import Operation, description, operations
from relay.emulator.inlets import Inlets
from relay.emulator.store import Store

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what its own dependencies say of each other
    import schemathesis
    from schemathesis import GenerationMode

# Four an operation in `make test`.
_EXAMPLES = settings().max_examples // 25
_SETTINGS = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class World:
    """A local Adobe in which something of every kind exists, and the ids of it."""

    def __init__(self, app: Any, headers: dict[str, str], ids: dict[str, str]) -> None:
        self.app = app
        self.headers = headers
        self.ids = ids
        self._loop = asyncio.new_event_loop()
        transport = httpx.ASGITransport(app)
        self._client = httpx.AsyncClient(transport=transport, base_url="http://adobe:8090")

    def request(self, method: str, path: str, **how: Any) -> httpx.Response:
        """Send one request; what the application raises is raised here."""
        return self._loop.run_until_complete(self._client.request(method, path, **how))

    def close(self) -> None:
        """Close the client and its loop."""
        self._loop.run_until_complete(self._client.aclose())
        self._loop.close()


async def _made() -> World:
    async with control() as adobe:
        flow = await adobe.made_flow()
        event = fixture_of("customerio_sample_event.json")
        await adobe.send(flow, event, {**event, "metric": {"no": "text"}})
        target = await adobe.item("targetConnections", flow["targetConnectionIds"][0])
        dataset_id = dataset_of(target)
        mapping_id = flow["transformations"][0]["params"]["mappingId"]
        prep = "/data/foundation/conversion/mappingSets"
        rows = await adobe.ok("GET", f"{prep}/{mapping_id}/mappings")
        batches = await adobe.ok("GET", "/data/foundation/catalog/batches?status=failed")
        dataset = await adobe.ok("GET", f"/data/foundation/catalog/dataSets/{dataset_id}")
        schema_id = dataset[dataset_id]["schemaRef"]["id"]
        ids = {
            "sourceConnections": flow["sourceConnectionIds"][0],
            "targetConnections": flow["targetConnectionIds"][0],
            "flows": flow["id"],
            "runs": (await adobe.ok("GET", "/data/foundation/flowservice/runs"))["items"][0]["id"],
            "connectionSpecs": "96479064-7b8a-4d69-b9ed-21c5683837ea",
            "flowSpecs": "e77fde5a-22a8-11ed-861d-0242ac120002",
            "schemas": schema_id,
            "dataSets": dataset_id,
            "datasets": dataset_id,
            "batches": next(iter(batches)),
            "mappingSets": mapping_id,
            "mappings": rows[0]["id"],
            "sandboxes": "prod",
        }
        headers = {
            name: adobe.client.headers[name]
            for name in ("authorization", "x-api-key", "x-gw-ims-org-id", "x-sandbox-name")
        }
        return World(adobe.app, headers, ids)


@pytest.fixture(scope="module")
def world():
    made = asyncio.run(_made())
    yield made
    made.close()


@pytest.fixture(scope="module")
def described() -> Any:
    return schemathesis.openapi.from_dict(description("http://adobe:8090"))


def _strategy(described: Any, operation: Operation) -> st.SearchStrategy[Any]:
    found = described[operation.path][operation.method]
    allowed = found.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if not operation.body and not operation.query and not operation.headers:
        return allowed
    return allowed | found.as_strategy(generation_mode=GenerationMode.NEGATIVE)


def _path(world: World, case: Any, *, uses_known: bool) -> str:
    """Fill the path in, with ids that exist or with what was generated."""
    filled: list[str] = []
    for part in case.path.split("/"):
        if not part.startswith("{"):
            filled.append(part)
            continue
        value = str((case.path_parameters or {}).get(part.strip("{}"), "x")) or "x"
        if uses_known:
            value = world.ids.get(filled[-1], value)
        filled.append(quote(value, safe=""))
    return "/".join(filled)


# What is deleted is missing afterwards: deletions come last.
_ORDERED = sorted(operations(), key=lambda operation: operation.method == "DELETE")


@pytest.mark.parametrize("operation", _ORDERED, ids=lambda o: f"{o.method} {o.path}")
def test_no_request_makes_the_control_plane_fail(world, described, operation):
    """Requests that the description allows, and others, get an answer below 500 in JSON."""

    @_SETTINGS
    @given(
        case=_strategy(described, operation),
        uses_known=st.booleans(),
        raw=st.sampled_from(
            [None, None, None, None, b"", b"{", b"[]", b"null", b"\xff", b"[" * 2000]
        ),
    )
    def run(case: Any, uses_known: bool, raw: bytes | None) -> None:
        headers = {**world.headers, "accept": XED, "content-type": "application/json"}
        headers |= {
            name: value.encode("latin-1", "replace").decode("latin-1")
            for name, value in (case.headers or {}).items()
            if value.isprintable() and value == value.strip()
        }
        how: dict[str, Any] = {"headers": headers, "params": dict(case.query or {})}
        if operation.body:
            how |= {"content": raw} if raw is not None else _body(case)
        path = _path(world, case, uses_known=uses_known)
        answer = world.request(operation.method, path, **how)
        assert answer.status_code < 500, answer.text
        if answer.content:
            answer.json()

    run()


def _body(case: Any) -> dict[str, Any]:
    body = case.body
    return {"content": body if isinstance(body, bytes) else json.dumps(body, default=str)}


def test_the_description_names_every_path():
    """The description leaves out no path that the control plane serves, and names no other."""
    how = EmulatorSettings()
    served = {
        route.path.replace(":path}", "}")
        for route in control_routes(Store(how, Inlets(how)), how)
        if route.path.startswith("/data/") and not route.path.endswith("/")
    } - {"/data/{path}"}
    named = {operation.path for operation in operations() if operation.path.startswith("/data/")}
    assert named == served
