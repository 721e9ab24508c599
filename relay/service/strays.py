"""
Entries of routes that the settings no longer name: nobody would ever read them.

They go to quarantine as ``unknown_route``, where a person sees them, and hold up neither the
cursor nor retention. With the route restored they can be replayed.
"""

from __future__ import annotations

import structlog

from relay.metrics import Metrics
from relay.outcome import Outcome, Reason
from relay.spool.port import Settlement, Spool

_ENTRIES = 200
_BYTES = 4 * 1024 * 1024

log = structlog.get_logger("relay.service")


async def quarantine_strays(spool: Spool, route: str, metrics: Metrics) -> None:
    """Move *route*'s pending entries to quarantine, until cancelled."""
    detail = f"the settings have no [routes.{route}] any more"
    count = metrics.outcomes.labels(route, Outcome.QUARANTINED, Reason.UNKNOWN_ROUTE)
    while entries := await spool.read(route, max_entries=_ENTRIES, max_bytes=_BYTES):
        await spool.settle(
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
        count.inc(len(entries))
        log.warning("route_unknown", route=route, quarantined=len(entries))
