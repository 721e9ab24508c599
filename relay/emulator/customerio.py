"""
A local Customer.io: one workspace, its App API, its sender, and the pages of both, joined.

::

    /v1/…                       app_api.py
    /__emulator__/webhooks/…    sender_pages.py

With a file the webhooks and their keys outlive the process; what waited in line does not. The
file is written whole beside itself, synced and renamed, at every change.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from starlette.routing import BaseRoute

from relay.clock import Clock, SystemClock
from relay.emulator.app_api import REQUESTS_PER_S, app_api_routes
from relay.emulator.sender import Senders, SenderSettings
from relay.emulator.sender_pages import sender_routes
from relay.emulator.webhooks import Workspace
from relay.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerIoSettings:
    """
    *api_key*: the only App API key that is taken; empty: any. *requests_per_s* 0: no limit.

    *strict*: a ``PUT`` must name every required member. *kept_in*: the file, if any.
    """

    strict: bool = True
    api_key: str = field(default="", repr=False)
    requests_per_s: int = REQUESTS_PER_S
    sender: SenderSettings = field(default_factory=SenderSettings)
    kept_in: Path | None = None
    clock: Clock = field(default_factory=SystemClock)


class CustomerIo:
    """
    Everything of it; *routes* go into an application, `close` belongs to that one's end.

    Raises:
        ConfigError: the file is there and cannot be used.
    """

    def __init__(self, settings: CustomerIoSettings | None = None) -> None:
        settings = settings or CustomerIoSettings()
        self.workspace = Workspace()
        if settings.kept_in is not None:
            _keep(self.workspace, settings.kept_in)
        self.senders = Senders(self.workspace, settings.sender, settings.clock)
        self.routes: list[BaseRoute] = [
            *app_api_routes(
                self.workspace,
                clock=settings.clock,
                api_key=settings.api_key,
                strict=settings.strict,
                requests_per_s=settings.requests_per_s,
            ),
            *sender_routes(self.senders),
        ]

    async def close(self) -> None:
        """Stop sending."""
        await self.senders.close()


def _keep(workspace: Workspace, path: Path) -> None:
    """Be what *path* says, and write it from now on."""
    if path.exists():
        try:
            workspace.restore(orjson.loads(path.read_bytes()))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise ConfigError(
                f"{path} does not hold a local Customer.io",
                hint="give another file, or move this one away to start with no webhooks",
            ) from None
    workspace.listeners.append(lambda _id: _write(path, orjson.dumps(workspace.kept())))


def _write(path: Path, content: bytes) -> None:
    """Replace *path*, so that a crash leaves the old content or the new."""
    draft = path.with_name(f".{path.name}.new")
    with open(draft, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _private(path: str, flags: int) -> int:
    """The file holds signing keys."""
    return os.open(path, flags, 0o600)
