"""How late the event loop runs: a timer that compares when it woke with when it should have."""

from __future__ import annotations

import asyncio

from relay.metrics import Metrics

_EVERY_S = 0.5


async def watch_loop_lag(metrics: Metrics) -> None:
    """Keep ``relay_event_loop_lag_seconds`` up to date until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + _EVERY_S
        await asyncio.sleep(_EVERY_S)
        metrics.event_loop_lag_seconds.set(max(0.0, loop.time() - due_s))
