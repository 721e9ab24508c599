"""
Log lines that anybody may cause at will, told once a minute each, with how often it happened.

Whoever knows the address can post rubbish, and a full disk refuses every delivery alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from relay.clock import Clock

EVERY_S = 60.0

log = structlog.get_logger("relay.ingress")


@dataclass(slots=True)
class _Told:
    at_s: float
    since: int = 0


class Complaints:
    """
    What was told lately, by event, route and cause; as many as those, never by what was sent.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str, str], _Told] = {}

    def tell(self, event: str, route: str, why: str, **more: Any) -> None:
        """Log *event* with *more*, or count it when that was told within the last minute."""
        now_s = self._clock.monotonic_s()
        told = self._told.get((event, route, why))
        if told is not None and now_s - told.at_s < EVERY_S:
            told.since += 1
            return
        untold = told.since if told is not None else 0
        self._told[event, route, why] = _Told(now_s)
        log.warning(event, route=route, why=why, **more, **({"untold": untold} if untold else {}))
