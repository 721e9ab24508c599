"""
Entries of routes that the settings no longer name: nobody would ever read them.

They go to quarantine as ``unknown_route``, where a person sees them, and hold up neither the
cursor nor retention. With the route restored they can be replayed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import structlog

from relay.envelope import Entry
from relay.logs import describe
from relay.metrics import Metrics
from relay.outcome import Outcome, Reason
from relay.spool.port import Settlement, Spool

_ENTRIES = 200
_BYTES = 4 * 1024 * 1024

log = structlog.get_logger("relay.service")


class Strays:
    """Reads for the routes that had entries waiting at the start and have no forward."""

    def __init__(self, spool: Spool, metrics: Metrics) -> None:
        self._spool = spool
        self._metrics = metrics
        # Changed by `run` and `leave` only.
        self._known: set[str] = set()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, routes: Collection[str]) -> None:
        """Move to quarantine what waits for none of *routes*, until cancelled."""
        self._known |= set(routes)
        waiting = await self._spool.routes_waiting()
        async with asyncio.TaskGroup() as group:
            for route in waiting - self._known:
                self._tasks[route] = group.create_task(self._quarantine(route), name=route)

    async def leave(self, routes: Collection[str]) -> None:
        """
        Leave *routes* alone from now on, because each has a forward again.

        What was read and not settled is given out again.
        """
        self._known |= set(routes)
        tasks = {route: self._tasks.pop(route) for route in routes if route in self._tasks}
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        for route in tasks:
            self._spool.rewind(route)

    async def _quarantine(self, route: str) -> None:
        try:
            while entries := await self._spool.read(route, max_entries=_ENTRIES, max_bytes=_BYTES):
                settling = asyncio.create_task(self._settle(route, entries))
                try:
                    await asyncio.shield(settling)
                finally:
                    # Also when cancelled: whoever reads on must find it written.
                    await asyncio.wait({settling})
        except Exception as error:  # noqa: BLE001 - one stray route is no reason to leave the others
            log.error("task_failed", task=f"stray-{route}", **describe(error))

    async def _settle(self, route: str, entries: Sequence[Entry]) -> None:
        detail = f"the settings have no [routes.{route}] any more"
        await self._spool.settle(
            [
                Settlement(
                    entry,
                    Outcome.QUARANTINED,
                    Reason.UNKNOWN_ROUTE,
                    stage="route",
                    detail=detail,
                )
                for entry in entries
            ]
        )
        count = self._metrics.outcomes.labels(route, Outcome.QUARANTINED, Reason.UNKNOWN_ROUTE)
        count.inc(len(entries))
        log.warning("route_unknown", route=route, quarantined=len(entries))
