"""docs/adobe.md lists exactly the endpoints that the client classes call."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from relay.adobe.auth import OAuth
from relay.adobe.catalog import Catalog
from relay.adobe.data_access import DataAccess
from relay.adobe.data_prep import DataPrep
from relay.adobe.flow_service import FlowService
from relay.adobe.http import AdobeHttp, Tenancy
from relay.adobe.observability import Observability
from relay.adobe.schema_registry import SchemaRegistry
from relay.clock import ManualClock
from relay.config import load_config
from relay.customerio.app_api import AppApi
from relay.errors import AdobeError

_PAGE = Path(__file__).parents[2] / "docs" / "adobe.md"
_ROW = re.compile(r"^\| `(\w+\.\w+)` \| `([A-Z]+ /[^`]+)` \| ([^|]+) \|", re.MULTILINE)
_CLIENTS = (FlowService, SchemaRegistry, Catalog, DataPrep, DataAccess, Observability)
_APP_API = [
    name for name, _ in inspect.getmembers(AppApi, inspect.isfunction) if not name.startswith("_")
]
_KINDS = {FlowService: "sourceConnections", SchemaRegistry: "schemas"}
# Something of everything that a method may look for in an answer.
_ANSWER = {
    "id": "ID", "etag": '"E"', "version": 0, "tenantId": "acme", "access_token": "t",
    "items": [{"id": "ID", "etag": '"E"'}], "results": [], "data": [], "validationResponse": [],
    "metricResponses": [],
}  # fmt: skip


class _Tokens:
    async def token(self) -> str:
        return "t"

    async def renew(self, stale: str) -> str:
        return stale


def _documented() -> dict[str, str]:
    return {name: endpoint for name, endpoint, _ in _ROW.findall(_PAGE.read_text())}


async def _called(kind: type, name: str) -> str:
    """What the method *name* of the client *kind* asks first, with ids and kinds blanked."""
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.replace("/ID", "/{id}")
        calls.append(f"{request.method} {path.replace(_KINDS.get(kind, '-'), '{kind}')}")
        return httpx.Response(200, json=_ANSWER)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        http = AdobeHttp(
            client,
            base_url="http://adobe",
            tokens=_Tokens(),
            tenancy=Tenancy("key", "org"),
            clock=ManualClock(),
        )
        method = getattr(kind(http), name)
        try:
            result = method(**_arguments(kind, method))
            if inspect.isasyncgen(result):
                [_ async for _ in result]
            else:
                await result
        except AdobeError:
            assert calls  # the answer fits most methods, not all; what was asked counts
    return calls[0]


def _arguments(kind: type, method: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": _KINDS.get(kind), "body": {}, "operations": [], "changes": {}, "event": {},
        "operation": "enable", "of": "inletId",
    }  # fmt: skip
    parameters = inspect.signature(method).parameters.values()
    needed = [
        one.name for one in parameters if one.default is one.empty and one.name != "properties"
    ]
    return {name: values.get(name, "ID") for name in needed}


def _methods() -> list[tuple[type, str]]:
    return [
        (kind, name)
        for kind in _CLIENTS
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    ]


@pytest.mark.parametrize(
    ("kind", "name"), _methods(), ids=lambda value: getattr(value, "__name__", value)
)
async def test_every_method_is_documented(kind: type, name: str):
    """Every method of a client has its line, with the endpoint that it really calls."""
    assert _documented().get(f"{kind.__name__}.{name}") == await _called(kind, name)


@pytest.mark.parametrize("name", _APP_API)
async def test_every_method_of_the_app_api_is_documented(name: str):
    """Every method of the App API has its line, with the endpoint that it ends with."""
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(f"{request.method} {request.url.path.replace('/ID', '/{id}')}")
        return httpx.Response(200, json=_ANSWER)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        api = AppApi(client, base_url="http://app", api_key="k", clock=ManualClock())
        method = getattr(api, name)
        await method(**_arguments(AppApi, method))
    assert _documented()[f"AppApi.{name}"] == calls[-1]


def test_every_line_is_a_method():
    """Every line of the table is a method that exists."""
    known = {f"{kind.__name__}.{name}" for kind, name in _methods()} | {"OAuth.token"}
    assert set(_documented()) == known | {f"AppApi.{name}" for name in _APP_API}


def test_every_line_has_its_source():
    """Every line names one of the sources that the page explains."""
    page = _PAGE.read_text()
    for name, _, source in _ROW.findall(page):
        shorts = re.findall(r"\b[A-Z]{2}\b", source)
        assert shorts, name
        assert all(f"**{short}**" in page for short in shorts), name


async def test_the_token_endpoint():
    """The line of the identity service is what is asked of it."""
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(f"{request.method} {request.url.path}")
        return httpx.Response(200, json=_ANSWER)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        await OAuth(load_config(None, {}, needs=()).adobe, client, ManualClock()).token()
    assert calls == [_documented()["OAuth.token"]]
