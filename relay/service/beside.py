"""
What goes on beside deliveries: the event loop's pulse, strays, and the tasks that ask others.

A reload ends what the settings no longer want, and begins anew what was made with other settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import structlog

from relay.clock import Clock
from relay.config import Config
from relay.control import Desk
from relay.customerio.allow_list import keep_addresses, wants_allow_list
from relay.ingress.endpoint import Ingress
from relay.logs import describe
from relay.metrics import Metrics
from relay.provision.exporter import export_runs, wants_export
from relay.service.pulse import watch_loop_lag
from relay.service.strays import Strays
from relay.spool.port import Spool

log = structlog.get_logger("relay.service")

_Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the tasks look at, write to, and ask with."""

    spool: Spool
    desk: Desk
    client: httpx.AsyncClient
    ingress: Ingress
    metrics: Metrics
    clock: Clock


class Beside:
    """The tasks; `start` and `close` belong to the works' life, `take` to a reload."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._strays = Strays(around.spool, around.metrics)
        # Changed by `start`, `take` and `close` only: by name, with the settings it was made with.
        self._asking: dict[str, tuple[object, asyncio.Task[None]]] = {}
        self._lasting: list[asyncio.Task[None]] = []

    def start(self, config: Config) -> None:
        """Begin all that *config* wants."""
        self._lasting = [
            _begun("pulse", lambda: watch_loop_lag(self._around.metrics)),
            _begun("strays", lambda: self._strays.run(config.routes.keys())),
        ]
        self._ask(config)

    async def take(self, config: Config) -> None:
        """Go on as *config* says; what stray routes it names again is theirs from here on."""
        self._ask(config)
        await self._strays.leave(config.routes.keys())

    def close(self) -> None:
        """End all of it."""
        for task in (*self._lasting, *(task for _, task in self._asking.values())):
            task.cancel()

    def _ask(self, config: Config) -> None:
        wanted = self._wanted(config)
        for name, (made_with, task) in list(self._asking.items()):
            if name not in wanted or wanted[name][0] != made_with:
                task.cancel()
                del self._asking[name]
        for name, (made_with, work) in wanted.items():
            if name not in self._asking:
                self._asking[name] = (made_with, _begun(name, work))

    def _wanted(self, config: Config) -> dict[str, tuple[object, _Work]]:
        """Name what *config* wants: the settings that matter to it, and how it is done."""
        around = self._around
        wanted: dict[str, tuple[object, _Work]] = {}
        if wants_export(config):
            for name, route in config.routes.items():
                wanted[f"monitor-{name}"] = (
                    (config.adobe, route),
                    partial(export_runs, config, name, around.metrics, desk=around.desk),
                )
        if wants_allow_list(config):
            wanted["sender-addresses"] = (
                config.customerio,
                partial(
                    keep_addresses,
                    lambda: config.customerio,
                    around.ingress.senders.replace,
                    client=around.client,
                    metrics=around.metrics,
                    clock=around.clock,
                ),
            )
        return wanted


def _begun(name: str, work: _Work) -> asyncio.Task[None]:
    return asyncio.create_task(_told(name, work), name=name)


async def _told(name: str, work: _Work) -> None:
    """Carry out *work*; a failure ends it, not the relay, and is told."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - it runs beside deliveries, never in their way
        log.error("task_failed", task=name, **describe(error))
