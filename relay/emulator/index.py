"""``GET /__emulator__/``: what there is to see and to switch, for people."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

PAGES: Mapping[str, str] = {
    "GET /__emulator__/received": "counts of what the inlets took; ?ids=true, ?event_id=X",
    "DELETE /__emulator__/received": "forget it",
    "GET /__emulator__/faults": "active faults, and the kinds there are",
    "POST /__emulator__/faults": 'add one, e.g. {"kind": "status", "status": 503, "seconds": 4}',
    "DELETE /__emulator__/faults": "end all; with /ID one",
    "GET /__emulator__/inlets": "inlets that were made",
    "PUT /__emulator__/inlets/{id}": "make or change one",
    "DELETE /__emulator__/tokens": "make every access token unknown",
    "GET /__emulator__/datasets/{id}/records": "what a data set holds, mapped",
    "GET /__emulator__/webhooks/{id}": "a webhook's signing key and how its sending goes",
    "POST /__emulator__/webhooks/{id}/send": 'send events, e.g. {"events": 100}',
    "GET /__emulator__/openapi.json": "the control plane's description",
}


def index_routes() -> list[BaseRoute]:
    """Serve the list of pages."""

    async def index(_request: Request) -> Response:
        body = orjson.dumps(PAGES, option=orjson.OPT_INDENT_2)
        return Response(body, media_type="application/json")

    async def root(_request: Request) -> Response:
        return RedirectResponse("/__emulator__/")

    return [
        Route("/__emulator__/", index, methods=["GET"]),
        Route("/", root, methods=["GET"]),
    ]
