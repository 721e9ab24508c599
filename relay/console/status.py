"""What the admin listener is told about the relay; the service gives it, nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Phase(StrEnum):
    """
    Whether deliveries can be stored, in one word.

    *failing* is a spool that cannot store: full, failed or closed.
    """

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """Whether one route sends, and why not; *since_s* is wall-clock seconds UTC."""

    paused: bool = False
    since_s: float | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Readiness:
    """
    The relay at one moment.

    *spool* holds numbers by name, *why* says in one sentence why deliveries cannot be stored.
    """

    phase: Phase
    routes: Mapping[str, RouteStatus] = field(default_factory=dict)
    spool: Mapping[str, float] = field(default_factory=dict)
    why: str = ""


class Status(Protocol):
    """Whoever knows how the relay is; asked on every request, so it must be cheap."""

    def ready(self) -> Readiness:
        """Say how the relay is now."""
        ...
