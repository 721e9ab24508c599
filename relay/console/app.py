"""
The admin listener's application: health, readiness, metrics.

::

    /healthz   200 while the process lives
    /readyz    200 while deliveries can be stored, 503 otherwise; why, for those who may know
    /metrics   Prometheus text, or OpenMetrics for whoever asks for it

They need no token and tell no secrets. Why a route is paused is detail: it needs the admin token
unless the listener can only be reached from this machine.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from relay.config import ServerConfig
from relay.config.rules import is_loopback, split_listen
from relay.console.status import Phase, Readiness, RouteStatus, Status
from relay.metrics import Metrics

_UNREADY_AGAIN_S = "1"


def create_admin_app(
    status: Status,
    metrics: Metrics,
    server: ServerConfig,
    *,
    more_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """Make the admin application; *more_routes* are served beside its own."""
    pages = _Pages(status, metrics, Guardian.of(server))
    app = Starlette(
        routes=[
            Route("/healthz", pages.healthz),
            Route("/readyz", pages.readyz),
            Route("/metrics", pages.metrics),
            *more_routes,
        ],
        exception_handlers={Exception: _failed},
    )
    app.router.redirect_slashes = False
    return app


class Guardian:
    """Who may see detail: everybody on a loopback listener, elsewhere who has the token."""

    def __init__(self, token: SecretStr, *, is_private: bool) -> None:
        self._token = token.get_secret_value().encode()
        self._is_private = is_private

    @classmethod
    def of(cls, server: ServerConfig) -> Guardian:
        """Make one for the admin listener as *server* sets it."""
        host, _ = split_listen(server.admin_listen)
        return cls(server.admin_token, is_private=is_loopback(host))

    def admits(self, request: Request) -> bool:
        """Say whether *request* may see detail; without a token nobody may from elsewhere."""
        if self._is_private:
            return True
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self._token:
            return False
        return hmac.compare_digest(given.strip().encode("latin-1"), self._token)

    def __repr__(self) -> str:
        return f"<Guardian is_private={self._is_private} has_token={bool(self._token)}>"


class _Pages:
    def __init__(self, status: Status, metrics: Metrics, guardian: Guardian) -> None:
        self._status = status
        self._metrics = metrics
        self._guardian = guardian

    async def healthz(self, _request: Request) -> Response:
        """Say that the process lives."""
        return _json({"status": "ok"})

    async def readyz(self, request: Request) -> Response:
        """Say whether deliveries can be stored, and how every route is."""
        readiness = self._status.ready()
        body = readiness_json(readiness, is_detailed=self._guardian.admits(request))
        if readiness.phase is Phase.READY:
            return _json(body)
        return _json(body, 503, {"retry-after": _UNREADY_AGAIN_S})

    async def metrics(self, request: Request) -> Response:
        """
        Give every metric.

        Collected in the loop, whose live numbers it reads, in slices: with 60 routes it takes
        50 ms; written out as text in a thread, which takes longer still.
        """
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        families: list[Metric] = []
        for family in self._metrics.registry.collect():
            families.append(family)
            await asyncio.sleep(0)
        text = await asyncio.to_thread(encode, _Families(families))
        return Response(text, headers={"content-type": content_type})


class _Families(Collector):
    """Families that were collected already, in the shape that the encoders read."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def readiness_json(readiness: Readiness, *, is_detailed: bool) -> dict[str, Any]:
    """
    Give the body of ``/readyz``.

    ``{"status": "ready", "routes": {"test": {"paused": false}}, "spool": {"pending": 0}}``; in
    detail also ``why``, and of a paused route ``since``, ``reason`` and ``hint``.
    """
    body: dict[str, Any] = {
        "status": readiness.phase.value,
        "routes": {
            name: _route_json(route, is_detailed=is_detailed)
            for name, route in readiness.routes.items()
        },
    }
    if is_detailed:
        body["spool"] = dict(readiness.spool)
        if readiness.why:
            body["why"] = readiness.why
    return body


def _route_json(route: RouteStatus, *, is_detailed: bool) -> dict[str, Any]:
    body: dict[str, Any] = {"paused": route.paused}
    if not route.paused or not is_detailed:
        return body
    since = datetime.fromtimestamp(route.since_s, UTC) if route.since_s is not None else None
    body["since"] = since.isoformat(timespec="seconds").replace("+00:00", "Z") if since else None
    return {**body, "reason": route.reason, "hint": route.hint}


async def _failed(_request: Request, _error: Exception) -> Response:
    """Answer what went wrong on our side; the listener logs it."""
    return _json({"status": "internal error"}, 503, {"retry-after": _UNREADY_AGAIN_S})


def _json(body: dict[str, Any], status: int = 200, more: dict[str, str] | None = None) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store", **(more or {})}
    return Response(orjson.dumps(body) + b"\n", status, headers)
