"""
The emulator's own switches, which Adobe does not have: faults and inlets.

::

    GET    /__emulator__/faults         {"faults": [...], "kinds": {...}}
    POST   /__emulator__/faults         adds one; 400 names what is not known
    DELETE /__emulator__/faults[/ID]    removes all, or one
    GET    /__emulator__/inlets         {"inlets": [...]}
    PUT    /__emulator__/inlets/ID      makes or changes one; an empty object takes the defaults
    DELETE /__emulator__/inlets/ID
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relay.emulator.faults import KINDS, FaultError, Faults
from relay.emulator.inlets import Inlet, Inlets

# What a person may set on an inlet, and which values it takes; a type or the words themselves.
_INLET_KEYS: Mapping[str, type | tuple[str, ...]] = {
    "flow_id": str,
    "ims_org_id": str,
    "schema_id": str,
    "is_authenticated": bool,
    "hmac_secret": str,
    "refuses": str,
    "raw_batch": ("accept", "refuse"),
    "single_shape": ("async", "raw_http_api_doc", "raw_2023_lab"),
    "batch_shape": ("docs", "kafka_connect", "live_2024"),
}


def fault_routes(faults: Faults) -> list[BaseRoute]:
    """Serve the list of faults."""

    async def get(_request: Request) -> Response:
        kinds = {kind: sorted(own) for kind, own in KINDS.items()}
        return _json(200, {"faults": faults.as_json(), "kinds": kinds})

    async def post(request: Request) -> Response:
        try:
            fault = faults.add(orjson.loads(await request.body()))
        except orjson.JSONDecodeError:
            return _json(400, {"error": "the body is not JSON"})
        except FaultError as error:
            return _json(400, {"error": str(error)})
        return _json(201, {"id": fault.fault_id, "kind": fault.kind, **fault.values})

    async def clear(_request: Request) -> Response:
        faults.clear()
        return Response(status_code=204)

    async def remove(request: Request) -> Response:
        was_there = faults.remove(request.path_params["fault_id"])
        return Response(status_code=204 if was_there else 404)

    return [
        Route("/__emulator__/faults", get, methods=["GET"]),
        Route("/__emulator__/faults", post, methods=["POST"]),
        Route("/__emulator__/faults", clear, methods=["DELETE"]),
        Route("/__emulator__/faults/{fault_id:int}", remove, methods=["DELETE"]),
    ]


def inlet_routes(inlets: Inlets) -> list[BaseRoute]:
    """Serve the inlets that were made."""

    async def get(_request: Request) -> Response:
        return _json(200, {"inlets": [_described(inlet) for inlet in inlets.made()]})

    async def put(request: Request) -> Response:
        inlet_id = request.path_params["inlet_id"]
        try:
            document = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError:
            return _json(400, {"error": "the body is not JSON"})
        problem = _problem(document)
        if problem:
            return _json(400, {"error": problem})
        inlet = dataclasses.replace(inlets.find(inlet_id) or inlets.new(inlet_id), **document)
        inlets.put(inlet)
        return _json(200, _described(inlet))

    async def remove(request: Request) -> Response:
        inlets.remove(request.path_params["inlet_id"])
        return Response(status_code=204)

    return [
        Route("/__emulator__/inlets", get, methods=["GET"]),
        Route("/__emulator__/inlets/{inlet_id}", put, methods=["PUT"]),
        Route("/__emulator__/inlets/{inlet_id}", remove, methods=["DELETE"]),
    ]


def _problem(document: object) -> str:
    """Say what is wrong with the description of an inlet."""
    if not isinstance(document, dict):
        return "an inlet is described by a JSON object"
    unknown = sorted(document.keys() - _INLET_KEYS.keys())
    if unknown:
        known = ", ".join(sorted(_INLET_KEYS))
        return f"unknown {', '.join(unknown)}: known are {known}"
    for name, value in document.items():
        wanted = _INLET_KEYS[name]
        if isinstance(wanted, tuple):
            if value not in wanted:
                return f"{name} is one of {', '.join(wanted)}"
        elif not isinstance(value, wanted):
            return f"{name} is {'text' if wanted is str else 'true or false'}"
    return ""


def _described(inlet: Inlet) -> dict[str, Any]:
    """Show an inlet without its secret."""
    shown = {name: getattr(inlet, name) for name in _INLET_KEYS if name != "hmac_secret"}
    return {"inlet_id": inlet.inlet_id, **shown, "has_hmac_secret": bool(inlet.hmac_secret)}


def _json(status: int, document: object) -> Response:
    return Response(orjson.dumps(document), status_code=status, media_type="application/json")
