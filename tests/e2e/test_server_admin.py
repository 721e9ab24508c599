"""The admin listener over loopback: health, readiness, metrics, and who may see detail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import asynccontextmanager

import loopback
import pytest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from pydantic import SecretStr

from relay.config import ServerConfig
from relay.console.app import create_admin_app
from relay.console.status import Phase, Readiness, RouteStatus
from relay.metrics import Metrics
from relay.server import Listener, bind

pytestmark = pytest.mark.sockets

PAUSED = RouteStatus(paused=True, since_s=1_700_000_000.0, reason="auth: 403", hint="renew it")
TOKEN = "the-admin-token"


class Told:
    """A status that says what the test wants."""

    def __init__(self, phase: Phase = Phase.READY, why: str = "") -> None:
        self.answer = Readiness(phase, {"a": PAUSED, "b": RouteStatus()}, {"pending": 7}, why)

    def ready(self) -> Readiness:
        return self.answer


@asynccontextmanager
async def admin_at(status, *, metrics: Metrics | None = None, **server):
    """An HTTP client of an admin listener, which is bound to loopback whatever *server* says."""
    limits = ServerConfig.model_validate(server)
    app = create_admin_app(status, metrics or Metrics(), limits)
    listener = Listener("admin", app, bind("127.0.0.1:0"), limits)
    listener.start()
    try:
        async with loopback.AsyncClient(
            base_url=f"http://{listener.address}", timeout=10
        ) as client:
            yield client
    finally:
        await listener.close(2)


@pytest.mark.parametrize("phase", Phase)
async def test_health_is_200_in_every_phase(phase):
    """The process lives: that is all /healthz says."""
    async with admin_at(Told(phase)) as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        answer = await client.head("/healthz")
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("phase", Phase)
async def test_readiness_is_200_only_when_deliveries_can_be_stored(phase):
    """503 with Retry-After while starting, draining or failing; a paused route changes nothing."""
    async with admin_at(Told(phase)) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == (200 if phase is Phase.READY else 503)
        assert ("retry-after" in answer.headers) is (phase is not Phase.READY)
        assert answer.json()["status"] == phase.value


async def test_on_loopback_detail_needs_no_token():
    """Why a route is paused, since when, what to do, and the spool's numbers."""
    async with admin_at(Told(Phase.FAILING, "the disk is full")) as client:
        assert (await client.get("/readyz")).json() == {
            "status": "failing",
            "why": "the disk is full",
            "routes": {
                "a": {
                    "paused": True,
                    "since": "2023-11-14T22:13:20Z",
                    "reason": "auth: 403",
                    "hint": "renew it",
                },
                "b": {"paused": False},
            },
            "spool": {"pending": 7},
        }


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \xfc"]
)
async def test_elsewhere_detail_needs_the_token(given):
    """Without the token, or with a wrong one, only status words are told, and still told."""
    server = {"admin_listen": "0.0.0.0:9090", "admin_token": SecretStr(TOKEN)}
    async with admin_at(Told(why="the disk is full"), **server) as client:
        answer = await client.get("/readyz", headers={"authorization": given.encode("latin-1")})
        assert answer.status_code == 200
        assert answer.json() == {
            "status": "ready",
            "routes": {"a": {"paused": True}, "b": {"paused": False}},
        }


async def test_elsewhere_the_token_shows_detail():
    """The right token shows what loopback shows."""
    server = {"admin_listen": "0.0.0.0:9090", "admin_token": SecretStr(TOKEN)}
    async with admin_at(Told(), **server) as client:
        answer = await client.get("/readyz", headers={"authorization": f"Bearer {TOKEN}"})
        assert answer.json()["routes"]["a"]["hint"] == "renew it"


async def test_without_a_token_set_nobody_elsewhere_sees_detail():
    """An empty token is no token: it admits nobody."""
    async with admin_at(Told(), admin_listen="0.0.0.0:9090") as client:
        answer = await client.get("/readyz", headers={"authorization": "Bearer x"})
        assert "spool" not in answer.json()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain"),
        ("text/plain", "text/plain"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
    ],
)
async def test_metrics_come_in_the_format_asked_for(accept, kind):
    """Prometheus text, or OpenMetrics for whoever asks; no token is needed."""
    metrics = Metrics()
    metrics.deliveries.labels("a", "200").inc(3)
    server = {"admin_listen": "0.0.0.0:9090", "admin_token": SecretStr(TOKEN)}
    async with admin_at(Told(), metrics=metrics, **server) as client:
        answer = await client.get("/metrics", headers={"accept": accept})
        assert answer.headers["content-type"].startswith(kind)
        assert 'relay_deliveries_total{route="a",status="200"} 3.0' in answer.text
        assert answer.text.endswith("# EOF\n") is kind.startswith("application")


async def test_others_run_while_metrics_are_collected():
    """With 60 routes that takes 50 ms, for which a delivery would wait."""
    turn = 0
    turns: list[int] = []

    class Families(Collector):
        def collect(self) -> Iterator[Metric]:
            for number in range(50):
                turns.append(turn)
                yield GaugeMetricFamily(f"test_{number}", "A gauge.", value=1.0)

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    metrics = Metrics()
    metrics.registry.register(Families())
    async with admin_at(Told(), metrics=metrics) as client:
        turns.clear()
        counting = asyncio.create_task(count())
        answer = await client.get("/metrics")
        counting.cancel()
    assert "test_49 1.0" in answer.text
    assert len(set(turns)) == len(turns) == 50


async def test_what_fails_is_503_without_a_word_about_it():
    """An exception behind a page answers 503 and shows nothing of itself."""

    class Broken:
        def ready(self) -> Readiness:
            raise RuntimeError("a secret")

    async with admin_at(Broken()) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json() == {"status": "internal error"}


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/metrics/", 404), ("/metrics", 405)])
async def test_other_paths_and_methods_are_refused(path, status):
    """Nothing redirects."""
    async with admin_at(Told()) as client:
        assert (await client.post(path)).status_code == status
