"""
The gateway in front of every control API: who calls, for which organisation and sandbox.

A handler is a plain function from a `Call` to a response; `routes` puts the gateway before it,
reads the body, turns `Refused` into its answer, and has the state saved after every change.

Source:
    ``gateway_errors.json``; adobe.md §3 (headers), §3.5.

Assumed:
    The one request that the tutorial prints without a token is answered as printed. The order of
    the checks (token, api key, organisation, sandbox); a sandbox left out is ``prod`` everywhere
    but in Flow Service, which refuses; see docs/assumptions.md, "the emulated control plane".
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from relay.emulator.problems import (
    Refused,
    Service,
    bad_request,
    flow_problem,
    gateway_problem,
    method_not_allowed,
    plain_problem,
)
from relay.emulator.store import FIRST_SANDBOX, Item, Sandbox, Store

MAX_BODY_BYTES = 4 * 1024 * 1024  # Assumed; no document names a limit for control calls
MAX_DEPTH = 100

_MEDIA_TYPES = frozenset({"application/json", "application/json-patch+json"})
_ORG_ID = re.compile(r"[^@\s]+@AdobeOrg")
_SANDBOX_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,255}")


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted request: whose it is, where it works, and what it carries."""

    request: Request
    store: Store
    service: Service
    client_id: str
    sandbox: Sandbox
    body: bytes

    @property
    def base_url(self) -> str:
        """Where the caller found this Adobe, e.g. ``http://127.0.0.1:8090``."""
        return str(self.request.base_url).rstrip("/")

    @property
    def user(self) -> str:
        """The technical account that a change is noted under."""
        return f"{self.client_id}@techacct.adobe.com"

    def id(self, name: str = "id") -> str:
        """One part of the path."""
        return str(self.request.path_params[name]).rstrip("/")

    def query(self, name: str, default: str = "") -> str:
        """One query parameter."""
        return self.request.query_params.get(name, default)

    def json(self) -> Any:
        """
        Parse the body.

        Raises:
            Refused: it is not JSON, or nested deeper than anything that is meant.
        """
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise bad_request(self.service, "The request body is not valid JSON") from None
        if not _is_shallow(document):
            raise bad_request(self.service, f"The request body has more than {MAX_DEPTH} levels")
        return document

    def object(self) -> Item:
        """
        Parse the body as an object.

        Raises:
            Refused: it is something else.
        """
        document = self.json()
        if not isinstance(document, dict):
            raise bad_request(self.service, "The request body must be a JSON object")
        return document


Handler = Callable[[Call], Response]
Handlers = Mapping[str, Handler]
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(store: Store, service: Service, path: str, handlers: Handlers) -> list[Route]:
    """Serve *path*, with and without a slash at its end, by *handlers*, one a method."""
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    endpoint = _endpoint(store, service, handlers)
    paths = (path,) if path.endswith(":path}") else (path, f"{path}/")
    return [Route(spelling, endpoint, methods=methods) for spelling in paths]


def _endpoint(store: Store, service: Service, handlers: Handlers) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            body = await _read(request, service)
            client_id, sandbox = _admit(request, store, service)
            if body and store.settings.strict:
                _require_json(request)
            handler = handlers.get("GET" if request.method == "HEAD" else request.method)
            if handler is None:
                raise method_not_allowed(service, request.method)
            response = handler(Call(request, store, service, client_id, sandbox, body))
        except Refused as refused:
            return refused.answer()
        if request.method not in {"GET", "HEAD"}:
            sandbox.revision += 1
            store.save()
        return response

    return endpoint


async def _read(request: Request, service: Service) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise plain_problem(413, "PayloadTooLargeError", "The request body is too large")
            chunks.append(chunk)
    except ClientDisconnect:
        raise bad_request(service, "The request body ended early") from None
    return b"".join(chunks)


def _admit(request: Request, store: Store, service: Service) -> tuple[str, Sandbox]:
    """
    Check the headers of the tutorial.

    Raises:
        Refused: one is missing or not acceptable.
    """
    headers, settings = request.headers, store.settings
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if not token and settings.strict and not _is_printed_without_token(request, store):
        raise gateway_problem(403, "403010", "Oauth token is missing.")
    if token and (scheme.lower() != "bearer" or not store.knows_token(token.strip())):
        raise gateway_problem(401, "401013", "Oauth token is not valid")
    client_id = headers.get("x-api-key", "")
    if not client_id and settings.strict:
        raise gateway_problem(403, "403000", "Api Key is required")
    if settings.client_id and client_id != settings.client_id:
        raise gateway_problem(403, "403003", "Api Key is invalid")
    org_id = headers.get("x-gw-ims-org-id", "")
    if not org_id:
        raise gateway_problem(400, "400003", "Missing header")
    if settings.strict and _ORG_ID.fullmatch(org_id) is None:
        raise gateway_problem(403, "403025", "Profile is not valid")
    return client_id, _sandbox(request, store, service, org_id)


def _is_printed_without_token(request: Request, store: Store) -> bool:
    """
    Say whether the tutorial itself sends *request* without a token, and prints its answer.

    Source: adobe.md §2, the defects: ``POST /flows``. With a configured client nobody is let in
    without a token; without one everybody gets a token who asks.
    """
    is_flow = request.method == "POST" and request.url.path.rstrip("/").endswith("/flows")
    return is_flow and not store.settings.client_id


def _sandbox(request: Request, store: Store, service: Service, org_id: str) -> Sandbox:
    name = request.headers.get("x-sandbox-name", "")
    if not name and service is Service.FLOW and store.settings.strict:
        raise flow_problem("2105-400", "The header x-sandbox-name is missing in the request")
    name = name or FIRST_SANDBOX
    if name == "*":
        raise flow_problem("2111-403", "The header x-sandbox-name must name one sandbox")
    found = store.sandbox(org_id, name) if _SANDBOX_NAME.fullmatch(name) else None
    if found is None:
        raise flow_problem("2100-404", f"The sandbox {name} was not found in the organisation")
    return found


def _require_json(request: Request) -> None:
    """
    Refuse a body that does not say that it is JSON.

    Source: ``gateway_errors.json``, ``BadRequestError``; every service asks for the header with a
    payload (adobe.md §3).
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise plain_problem(400, "BadRequestError", "A valid content-type must be specified")


def _is_shallow(document: Any) -> bool:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return True
    return False
