"""
What works behind the listeners: the spool, one forward a route, the control socket, the tasks.

Importing all of it takes longer than everything before, so `relay.service.service` does that in a
thread, while the public listener answers 503 already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from relay.adobe.http import new_client
from relay.clock import Clock
from relay.config import Config
from relay.control import ControlServer, Desk, Verb
from relay.ingress.endpoint import Ingress
from relay.metrics import Metrics
from relay.service.beside import Beside, Surroundings
from relay.service.gauges import Gauges
from relay.service.routes import Routes
from relay.spool.local import LocalSpool

log = structlog.get_logger("relay.service")


@dataclass(frozen=True, slots=True)
class Front:
    """
    What is there before the works: ingress, and what both share.

    *verbs* are answered on the control socket.
    """

    ingress: Ingress
    metrics: Metrics
    clock: Clock
    verbs: Mapping[str, Verb]


@dataclass(frozen=True, slots=True)
class Works:
    """The opened parts that the service goes on talking to."""

    spool: LocalSpool
    routes: Routes
    beside: Beside


async def open_works(stack: AsyncExitStack, front: Front, config: Config) -> Works:
    """
    Open the spool, compile the mapping sets and forward as *config* says.

    *stack* closes everything in reverse order. Ingress is the caller's to open.

    Raises:
        RelayError: a mapping set or a schema cannot be used, or the spool cannot be opened.
    """
    # Reading the trusted certificates takes longer than the loop should be held.
    client = await stack.enter_async_context(await asyncio.to_thread(new_client))
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
    beside = Beside(Surroundings(spool, desk, client, front.ingress, front.metrics, front.clock))
    stack.callback(beside.close)
    beside.start(config)
    return Works(spool, routes, beside)
