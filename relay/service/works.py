"""
What works behind the listeners: the spool, one forward a route, the control socket, the tasks.

Importing all of it takes longer than everything before, so `relay.service.service` does that in a
thread, while the public listener answers 503 already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from relay.clock import Clock
from relay.config import Config
from relay.control import ControlServer, Desk, Verb
from relay.customerio.allow_list import keep_addresses, wants_allow_list
from relay.ingress.endpoint import Ingress
from relay.logs import describe
from relay.metrics import Metrics
from relay.provision.exporter import export_runs, wants_export
from relay.service.gauges import Gauges
from relay.service.pulse import watch_loop_lag
from relay.service.routes import Routes
from relay.service.strays import quarantine_strays
from relay.spool.local import LocalSpool

log = structlog.get_logger("relay.service")


@dataclass(frozen=True, slots=True)
class Front:
    """
    What is there before the works: ingress, and what both share.

    *settings* gives the configuration of the moment; *verbs* are answered on the control socket.
    """

    settings: Callable[[], Config]
    ingress: Ingress
    metrics: Metrics
    clock: Clock
    verbs: Mapping[str, Verb]


@dataclass(frozen=True, slots=True)
class Works:
    """The opened parts that the service goes on talking to."""

    spool: LocalSpool
    routes: Routes


async def open_works(stack: AsyncExitStack, front: Front) -> Works:
    """
    Open the spool, compile the mapping sets, forward, and let ingress take deliveries.

    *stack* closes everything in reverse order.

    Raises:
        RelayError: a mapping set or a schema cannot be used, or the spool cannot be opened.
    """
    config = front.settings()
    # Reading the trusted certificates takes longer than the loop should be held.
    client = await stack.enter_async_context(await asyncio.to_thread(httpx.AsyncClient))
    spool = await LocalSpool.open(config.spool, metrics=front.metrics, clock=front.clock)
    stack.push_async_callback(spool.close)
    for sentence in spool.stats().damage:
        log.error("spool_damage", what=sentence)
    routes = Routes(spool, client, front.metrics, front.clock)
    parts = await asyncio.to_thread(routes.build, config)
    front.metrics.registry.register(Gauges(spool.stats, routes.stats, front.ingress.stats))
    desk = Desk(spool, more=front.verbs)
    control = ControlServer(Path(config.spool.path), desk)
    await control.open()
    stack.push_async_callback(control.close)
    routes.take(parts)
    front.ingress.open(spool)
    for name, work in _beside(front, spool, desk, client):
        stack.callback(asyncio.create_task(_told(name, work), name=name).cancel)
    return Works(spool, routes)


def _beside(
    front: Front, spool: LocalSpool, desk: Desk, client: httpx.AsyncClient
) -> Iterator[tuple[str, Awaitable[None]]]:
    """What goes on beside deliveries until the end, by name."""
    config = front.settings()
    yield "pulse", watch_loop_lag(front.metrics)
    yield "strays", _quarantine_strays(spool, config, front.metrics)
    if wants_export(config):
        for name in config.routes:
            yield f"monitor-{name}", export_runs(config, name, front.metrics, desk=desk)
    if wants_allow_list(config):
        watch = keep_addresses(
            lambda: front.settings().customerio,
            front.ingress.senders.replace,
            client=client,
            metrics=front.metrics,
            clock=front.clock,
        )
        yield "sender-addresses", watch


async def _told(name: str, work: Awaitable[None]) -> None:
    """Carry out *work*; a failure ends it, not the relay, and is told."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - it runs beside deliveries, never in their way
        log.error("task_failed", task=name, **describe(error))


async def _quarantine_strays(spool: LocalSpool, config: Config, metrics: Metrics) -> None:
    strays = await spool.routes_waiting() - config.routes.keys()
    await asyncio.gather(*(quarantine_strays(spool, stray, metrics) for stray in strays))
