"""What a connection asks of the listener that took it."""

from __future__ import annotations

from typing import Protocol

from relay.config import ServerConfig


class Host(Protocol):
    """The listener, as far as its connections know it."""

    limits: ServerConfig

    def refused(self, status: int) -> None:
        """Count a request that never reached the application."""
        ...

    def lost(self) -> None:
        """Learn that a connection is gone."""
        ...
