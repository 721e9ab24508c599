"""
The control plane of the local Adobe, joined: every path as Adobe spells it.

::

    /data/foundation/flowservice/…        flow_service.py, runs.py
    /data/foundation/schemaregistry/…     registry.py, descriptors.py
    /data/foundation/catalog/…            catalog.py
    /data/foundation/conversion/…         data_prep.py
    /data/foundation/export/…             data_access.py
    /data/foundation/sandbox-management/… sandboxes.py
    /data/infrastructure/observability/…  observability.py
    /__emulator__/datasets/{id}/records   what a data set holds, for tests and people
    /__emulator__/openapi.json            describe.py

The application makes a `Store`, mounts `control_routes`, and saves the store when it ends; inlets
come and go through the store's `Inlets`, whose taker and validator are this side's::

    store = Store(settings, inlets, lambda token: tokens.state(token) is TokenState.VALID)
    routes = [*control_routes(store, settings), …]
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relay.emulator.catalog import CatalogApi
from relay.emulator.data_access import DataAccessApi
from relay.emulator.data_prep import data_prep_routes
from relay.emulator.describe import description
from relay.emulator.descriptors import descriptor_routes
from relay.emulator.flow_life import FlowLife
from relay.emulator.flow_service import FlowServiceApi
from relay.emulator.json_answer import json_answer
from relay.emulator.lake import Lake
from relay.emulator.observability import ObservabilityApi
from relay.emulator.registry import registry_routes
from relay.emulator.runs import Runs
from relay.emulator.sandboxes import sandbox_routes
from relay.emulator.settings import EmulatorSettings
from relay.emulator.store import Store


def control_routes(store: Store, _settings: EmulatorSettings) -> list[BaseRoute]:
    """Serve the control plane of *store*; inlets of a state read from a file open at once."""
    lake = Lake(store)
    life = FlowLife(store, lake)
    life.restore()
    store.settle = lake.work
    runs = Runs(store, lake)
    return [
        *FlowServiceApi(store, life).routes(),
        *runs.routes(),
        *descriptor_routes(store),
        *registry_routes(store),
        *CatalogApi(store, runs).routes(),
        *data_prep_routes(store),
        *DataAccessApi(store, runs).routes(),
        *ObservabilityApi(store, lake).routes(),
        *sandbox_routes(store),
        *_own_routes(store, lake),
        Route("/data/{path:path}", _unknown, methods=list(_METHODS)),
    ]


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def _unknown(_request: Request) -> Response:
    """
    Answer for a path that no service has.

    Assumed: the body, in the gateway's form.
    """
    return json_answer({"error_code": "404003", "message": "Resource not found"}, 404)


def _own_routes(store: Store, lake: Lake) -> list[BaseRoute]:
    async def records(request: Request) -> Response:
        lake.work()
        id_ = request.path_params["id"]
        for sandbox in store.everywhere():
            if id_ in sandbox.of("dataSets"):
                kept = sandbox.of("records").get(id_, {"items": []})["items"]
                windows = [w for w in lake.windows.all(sandbox) if w["datasetId"] == id_]
                counts = {
                    name: sum(window[name] for window in windows)
                    for name in ("received", "ingested", "failed", "skipped", "warnings")
                }
                return json_answer({"records": kept, **counts})
        return json_answer({"error": f"there is no dataset {id_}"}, 404)

    async def described(request: Request) -> Response:
        return json_answer(description(str(request.base_url).rstrip("/")))

    return [
        Route("/__emulator__/datasets/{id}/records", records, methods=["GET"]),
        Route("/__emulator__/openapi.json", described, methods=["GET"]),
    ]
