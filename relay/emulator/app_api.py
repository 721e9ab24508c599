"""
Customer.io's App API, emulated: reporting webhooks, workspaces, the addresses it sends from.

==========================================  =========================================
call                                        answer
==========================================  =========================================
``GET /v1/reporting_webhooks``              ``{"reporting_webhooks": […]}``, ``null`` without any
``POST /v1/reporting_webhooks``             200, the webhook; never its signing key
``GET /v1/reporting_webhooks/{id}``         200, the webhook; 404
``PUT /v1/reporting_webhooks/{id}``         200, the webhook; 404
``DELETE /v1/reporting_webhooks/{id}``      200, empty; 404
``GET /v1/workspaces``                      ``{"workspaces": […]}``
``GET /v1/info/ip_addresses``               ``{"ip_addresses": […]}``
==========================================  =========================================

Errors are ``{"errors": [{"detail": …, "status": …}]}``: 400 malformed, 401 without a good key, 404
for an unknown id, 405, 413, 429 with ``Retry-After`` over ten calls a second.

Source:
    App API reference (OpenAPI 3.1), read 2026-09: "Reporting webhooks", "Workspaces", "Info";
    authentication; "Your request is over the 10-per-second limit".

Assumed:
    The texts of errors and that ``status`` is a string in them; 405 and 413; the members of a
    workspace; ``null`` for an empty list (a public client guards against it); that a ``PUT`` which
    leaves out a required member is refused, and one that leaves out a flag resets it: the harder
    reading for a client. *strict* off merges instead, as another public client relies on. See
    ``docs/assumptions.md``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from relay.clock import Clock
from relay.emulator.webhooks import Malformed, Webhook, Workspace

REQUESTS_PER_S = 10
MAX_BODY_BYTES = 1024 * 1024

# The documented addresses of the US region, and the one that an emulator really sends from.
ADDRESSES: tuple[str, ...] = (
    *("35.188.196.183", "104.198.177.219", "104.154.232.87", "130.211.229.195"),
    *("104.198.221.24", "104.197.27.15", "35.194.9.154", "104.154.144.51"),
    *("104.197.210.12", "35.225.6.73", "35.192.215.166", "34.170.204.100"),
    "127.0.0.1",
)

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class _Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


Handler = Callable[[Request], Awaitable[Response]]


def app_api_routes(
    workspace: Workspace,
    *,
    clock: Clock,
    api_key: str = "",
    strict: bool = True,
    requests_per_s: int = REQUESTS_PER_S,
) -> list[BaseRoute]:
    """
    Serve *workspace*.

    Without *api_key* any key will do, but there must be one. *requests_per_s* 0: no limit.
    """
    api = _AppApi(workspace, api_key, _Allowance(clock, requests_per_s), strict=strict)
    hooks, one = "/v1/reporting_webhooks", "/v1/reporting_webhooks/{id}"
    return [
        api.route(hooks, {"GET": api.list_webhooks, "POST": api.create}),
        api.route(one, {"GET": api.read, "PUT": api.update, "DELETE": api.delete}),
        api.route("/v1/workspaces", {"GET": api.list_workspaces}),
        api.route("/v1/info/ip_addresses", {"GET": api.list_addresses}),
    ]


class _Allowance:
    """So many calls in each second of the clock; only `take` changes the count."""

    def __init__(self, clock: Clock, requests_per_s: int) -> None:
        self._clock = clock
        self._requests_per_s = requests_per_s
        self._second = -1
        self._taken = 0

    def take(self) -> bool:
        """Take one, if there is one left in this second."""
        second = int(self._clock.monotonic_s())
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return not self._requests_per_s or self._taken <= self._requests_per_s


class _AppApi:
    """One handler an operation; `route` puts the key, the limit and the methods before them."""

    def __init__(
        self, workspace: Workspace, api_key: str, allowance: _Allowance, *, strict: bool
    ) -> None:
        self._workspace = workspace
        self._api_key = api_key
        self._allowance = allowance
        self._strict = strict

    def route(self, path: str, handlers: dict[str, Handler]) -> Route:
        """Serve *path* by *handlers*, one a method."""

        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request)
                return await _handler(handlers, request)(request)
            except Malformed as malformed:
                return _error(_Refused(400, str(malformed)))
            except _Refused as refused:
                return _error(refused)

        return Route(path, endpoint, methods=_METHODS)

    async def list_webhooks(self, _request: Request) -> Response:
        """Every webhook."""
        found = [webhook.shown() for webhook in self._workspace.webhooks.values()]
        return JSONResponse({"reporting_webhooks": found or None})

    async def create(self, request: Request) -> Response:
        """A new webhook."""
        return JSONResponse(self._workspace.create(await _json(request)).shown())

    async def read(self, request: Request) -> Response:
        """One webhook."""
        return JSONResponse(self._found(request).shown())

    async def update(self, request: Request) -> Response:
        """Replace one webhook, or merge into it when not strict."""
        body = await _json(request)
        webhook = self._found(request)
        self._workspace.update(webhook, body, merges=not self._strict)
        return JSONResponse(webhook.shown())

    async def delete(self, request: Request) -> Response:
        """Remove one webhook."""
        self._workspace.delete(self._found(request))
        return Response()

    async def list_workspaces(self, _request: Request) -> Response:
        """The one workspace; a cheap call to try a key with."""
        counts = dict.fromkeys(
            ("messages_sent", "billable_messages_sent", "people", "object_types", "objects"), 0
        )
        return JSONResponse({"workspaces": [{"id": 1, "name": "Local workspace"} | counts]})

    async def list_addresses(self, _request: Request) -> Response:
        """Where deliveries come from."""
        return JSONResponse({"ip_addresses": ADDRESSES})

    def _admit(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key or (self._api_key and key != self._api_key):
            raise _Refused(401, "unauthorized")
        if not self._allowance.take():
            raise _Refused(429, "too many requests", {"retry-after": "1"})

    def _found(self, request: Request) -> Webhook:
        webhook = self._workspace.find(request.path_params["id"])
        if webhook is None:
            raise _Refused(404, "webhook not found")
        return webhook


def _handler(handlers: dict[str, Handler], request: Request) -> Handler:
    handler = handlers.get("GET" if request.method == "HEAD" else request.method)
    if handler is None:
        raise _Refused(405, "method not allowed", {"allow": ", ".join(handlers)})
    return handler


async def _json(request: Request) -> object:
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async for chunk in request.stream():
            size_bytes += len(chunk)
            if size_bytes > MAX_BODY_BYTES:
                raise _Refused(413, "request too large")
            chunks.append(chunk)
    except ClientDisconnect:
        raise Malformed("the body ended early") from None
    try:
        return orjson.loads(b"".join(chunks))
    except orjson.JSONDecodeError:
        raise Malformed("malformed JSON") from None


def _error(refused: _Refused) -> Response:
    body = {"errors": [{"detail": refused.detail, "status": str(refused.status)}]}
    return JSONResponse(body, refused.status, refused.headers)
