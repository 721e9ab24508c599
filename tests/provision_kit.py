"""A set-up against a local Adobe in the same process, on a clock that tests move."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx

from relay.adobe.auth import OAuth
from relay.adobe.data_access import DataAccess
from relay.adobe.http import AdobeHttp, Tenancy
from relay.adobe.observability import Observability
from relay.clock import ManualClock
from relay.config.load import load_config
from relay.emulator import EmulatorSettings, create_app
from relay.provision.desired import Desired
from relay.provision.destroy import destroy
from relay.provision.look import Adobe
from relay.provision.remember import Memory
from relay.provision.session import Session, desired_of
from relay.provision.settle import Pace

ORG = "1234@AdobeOrg"
SECRET = "a-client-secret-nobody-may-see"
KINDS = ("fieldgroups", "schemas", "dataSets", "mappingSets", "sourceConnections",
         "targetConnections", "flows")  # fmt: skip

Handle = Callable[[httpx.Request], Awaitable[httpx.Response]]
Hook = Callable[[int, httpx.Request, Handle], Awaitable[httpx.Response]]


class Killed(BaseException):
    """What a kill looks like from inside: nothing handles it."""


class Wire(httpx.AsyncBaseTransport):
    """
    The way to the local Adobe; *hook* gets every call of a control API with its number.

    Tokens are not counted.
    """

    def __init__(self, app: Any, hook: Hook | None = None) -> None:
        self._inner = httpx.ASGITransport(app)
        self.hook = hook
        self.calls: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request on, unless the hook does something else."""
        if not request.url.path.startswith("/data/"):
            return await self._inner.handle_async_request(request)
        self.calls.append(f"{request.method} {request.url.path}")
        if self.hook is None:
            return await self._inner.handle_async_request(request)
        return await self.hook(len(self.calls), request, self._inner.handle_async_request)


class World:
    """A local Adobe, one route's wishes, and how a run of the command would see them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.app = create_app(EmulatorSettings(clock=self.clock, **settings))
        self.progress: list[str] = []
        self.settling_s = 300.0
        self.desired = desired("marketing")

    def copy(self, folder: Path) -> World:
        """Another local Adobe in which the same was made, with the same ids remembered."""
        other = World(folder)
        other.clock.advance(self.clock.monotonic_s())
        other.app.store._orgs = deepcopy(self.app.store._orgs)
        other.app.inlets._made = dict(self.app.inlets._made)
        other.desired = self.desired
        shutil.copytree(self.folder, folder)
        return other

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def session(
        self,
        *,
        hook: Hook | None = None,
        client_id: str = "client",
        sandbox: str = "prod",
        memory: str = "state",
    ) -> AsyncIterator[tuple[Session, Wire]]:
        """One run: its own clients and token; *memory* names the folder of the ids."""
        wire = Wire(self.app, hook)
        async with httpx.AsyncClient(transport=wire, base_url="https://adobe:8090") as client:
            config = load_config(
                None,
                {
                    "RELAY_ADOBE__CLIENT_ID": "env:ID",
                    "RELAY_ADOBE__CLIENT_SECRET": "env:SECRET",
                    "RELAY_ADOBE__IMS_URL": "https://adobe:8090",
                    "ID": client_id,
                    "SECRET": SECRET,
                },
                needs=("adobe",),
            )
            http = AdobeHttp(
                client,
                base_url="https://adobe:8090",
                tokens=OAuth(config.adobe, client, self.clock),
                tenancy=Tenancy(client_id, ORG, sandbox),
                clock=self.clock,
                sleep=self.sleep,
            )
            pace = Pace(
                self.clock,
                self.settling_s,
                timeout_s=60.0,
                sleep=self.sleep,
                progress=self.progress.append,
            )
            session = Session(
                adobe=Adobe.of(http),
                access=DataAccess(http),
                observability=Observability(http),
                desired=self.desired,
                memory=Memory(self.folder / memory, "marketing"),
                pace=pace,
            )
            yield session, wire

    async def apply(self, **how: Any) -> Any:
        """One run of apply."""
        async with self.session(**how) as (session, _):
            return await session.apply(self.progress.append)

    async def take_down(self, session: Session) -> list[str]:
        """Destroy what *session* finds; name the kinds that went."""
        return await destroy(
            session.adobe, session.desired, await session.look(), progress=self.progress.append
        )

    def made(self) -> dict[str, int]:
        """How many there are of each kind."""
        sandbox = self.app.store.sandbox(ORG, "prod")
        return {kind: len(sandbox.of(kind)) for kind in KINDS}

    def forget(self) -> None:
        """Remove every remembered id."""
        for path in self.folder.rglob("*.json"):
            path.unlink()


ONE_OF_EACH = dict.fromkeys(KINDS, 1)
ROWS = [
    {"sourceType": "ATTRIBUTE", "source": "event_id", "destination": "_acme.event_id0"},
    {"sourceType": "EXPRESSION", "source": "lower(metric)", "destination": "_acme.metricx"},
]


def desired(route: str, *, rows: list[dict[str, Any]] | None = None, **members: Any) -> Desired:
    """The wishes of a route with the shipped mapping set, or with *rows*."""
    config = load_config(
        None, {f"RELAY_ROUTES__{route.upper()}__SIGNING_KEYS": "env:KEY"}, needs=()
    )
    made = desired_of(route, next(iter(config.routes.values())))
    values = {name: getattr(made, name) for name in Desired.__dataclass_fields__}
    values["route"] = route
    if rows is not None:
        values["mapping"] = {"mappings": rows}
    return Desired(**{**values, **members})
