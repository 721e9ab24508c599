"""
One `Forward` a route: made at the start, given new parts on SIGHUP, begun again if one fails.

A forward that ends with an exception met a bug or a disk that refuses. Its route is read again
from the cursor, after a pause that grows; ingress goes on taking deliveries meanwhile.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import structlog

from relay.adobe.auth import OAuth
from relay.clock import Clock
from relay.config import Config, RouteConfig
from relay.forward.inlet import Inlet, make_inlet
from relay.forward.loop import Forward, ForwardStats
from relay.forward.transform import Transform
from relay.logs import describe
from relay.metrics import Metrics
from relay.retry import Schedule
from relay.spool.local import LocalSpool

_RESTARTS = Schedule(base_s=0.5, max_s=60.0)
# Longer than any request may take by default.
_RETIRE_S = 60.0
# A drain looks so often; whoever holds nothing for a quarter of a second has nothing to read.
_LOOK_S = 0.05
_QUIET_LOOKS = 5

log = structlog.get_logger("relay.service")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a route's forward is made of, built and checked before anything is replaced."""

    route: RouteConfig
    transform: Transform
    inlet: Inlet


class Routes:
    """
    Every route's forward, each in a task of its own.

    A route that a reload leaves out takes nothing new (ingress answers 404) and sends what it
    has until the process ends.
    """

    def __init__(
        self, spool: LocalSpool, client: httpx.AsyncClient, metrics: Metrics, clock: Clock
    ) -> None:
        self._spool = spool
        self._client = client
        self._metrics = metrics
        self._clock = clock
        # Changed by `start` and `reload` only.
        self._parts: dict[str, Parts] = {}
        self._forwards: dict[str, Forward] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._retiring: dict[asyncio.Task[None], Inlet] = {}
        self._is_finishing = False

    def build(self, config: Config) -> dict[str, Parts]:
        """
        Make every route's parts.

        Raises:
            ConfigError: a mapping set or a schema cannot be used; nothing has changed.
        """
        tokens = OAuth(config.adobe, self._client, self._clock)
        large = Path(config.spool.path) / "large"
        return {
            name: Parts(
                route,
                Transform(name, route, large),
                make_inlet(
                    name,
                    route,
                    tokens=tokens if route.inlet.auth == "oauth" else None,
                    metrics=self._metrics,
                    clock=self._clock,
                ),
            )
            for name, route in config.routes.items()
        }

    def take(self, parts: Mapping[str, Parts]) -> None:
        """Use *parts* from now on; a route that is new begins."""
        for name, part in parts.items():
            before = self._parts.get(name)
            self._parts[name] = part
            if before is not None:
                self._retire(before.inlet)
                self._forwards[name].reload(part.route, part.transform, part.inlet)
            else:
                self._forwards[name] = self._make(name)
                self._tasks[name] = asyncio.create_task(self._keep(name), name=f"forward-{name}")

    def stats(self) -> dict[str, ForwardStats]:
        """Describe every route's forward."""
        return {name: forward.stats() for name, forward in self._forwards.items()}

    async def drain(self, *, within_s: float) -> None:
        """
        Let every route send what the spool has, until it has it all or cannot; may be cancelled.

        Nothing is appended any more. A route cannot while it is paused, or told to wait for
        longer than there is time; what it has not sent by then is `finish`'s.
        """
        until_s = self._clock.monotonic_s() + within_s
        looks = 0
        while looks < _QUIET_LOOKS and self._spool.stats().pending:
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0:
                return
            is_sending = any(self._is_sending(one, left_s) for one in self.stats().values())
            looks = 0 if is_sending else looks + 1
            await asyncio.sleep(_LOOK_S)

    def _is_sending(self, one: ForwardStats, left_s: float) -> bool:
        if not one.held or one.pause is not None:
            return False
        return one.holding_until_s <= self._clock.wall_s() + left_s

    async def finish(self, *, within_s: float) -> None:
        """Send what is held, until the deadline; may be cancelled."""
        self._is_finishing = True
        await asyncio.gather(
            *(forward.finish(within_s=within_s) for forward in self._forwards.values())
        )

    async def close(self) -> None:
        """End, connections included; what is not sent stays pending."""
        self._is_finishing = True
        _, late = (
            await asyncio.wait(self._tasks.values(), timeout=1.0) if self._tasks else ((), ())
        )
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        inlets = [*self._retiring.values(), *(part.inlet for part in self._parts.values())]
        for task in list(self._retiring):
            task.cancel()
        for inlet in inlets:
            await inlet.close()

    def _retire(self, inlet: Inlet) -> None:
        """Close a replaced inlet once the requests that still use it have had their time."""

        async def later() -> None:
            await asyncio.sleep(_RETIRE_S)
            await inlet.close()

        task = asyncio.create_task(later())
        self._retiring[task] = inlet
        task.add_done_callback(lambda done: self._retiring.pop(done, None))

    def _make(self, name: str) -> Forward:
        part = self._parts[name]
        return Forward(
            name,
            part.route,
            part.transform,
            spool=self._spool,
            inlet=part.inlet,
            metrics=self._metrics,
            clock=self._clock,
        )

    async def _keep(self, name: str) -> None:
        failures = 0
        while not self._is_finishing:
            started_s = self._clock.monotonic_s()
            try:
                await self._forwards[name].run()
            except Exception as error:  # noqa: BLE001 - told, and begun again; see the module
                if self._clock.monotonic_s() - started_s > _RESTARTS.max_s:
                    failures = 0
                failures += 1
                log.error("forward_failed", route=name, failures=failures, **describe(error))
            else:
                return
            await asyncio.sleep(_RESTARTS.delay_s(failures, 0.5 + random.random() / 2))  # noqa: S311 - jitter
            self._spool.rewind(name)
            self._forwards[name] = self._make(name)
