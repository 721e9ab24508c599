"""
The local Adobe as one ASGI application, with a local Customer.io beside it: every part joined.

::

    /collection/…               collection.py     the data plane, dispatched before the router
    /ims/token/v3               ims.py
    /data/…                     control.py        the control plane
    /v1/…                       customerio.py     Customer.io's App API and sender
    /__emulator__/…             received.py, switches.py, index.py; control.py, customerio.py

What an inlet accepts goes to the control plane's lake through the inlet itself (`inlets.Taker`);
nothing else connects the two planes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.applications import Starlette

from relay.emulator.answer import Receive, Scope, Send
from relay.emulator.collection import PREFIX, Collection
from relay.emulator.control import control_routes
from relay.emulator.customerio import CustomerIo, CustomerIoSettings
from relay.emulator.elsewhere import Elsewhere
from relay.emulator.faults import Faults
from relay.emulator.gate import Gate
from relay.emulator.ims import ims_routes
from relay.emulator.index import index_routes
from relay.emulator.inlets import Inlets
from relay.emulator.received import Received, received_routes
from relay.emulator.reception import Reception
from relay.emulator.settings import EmulatorSettings
from relay.emulator.store import Store
from relay.emulator.switches import fault_routes, inlet_routes
from relay.emulator.tokens import Tokens, TokenState


class Emulator:
    """
    A whole local Adobe; an ASGI application.

    *inlets*, *received*, *faults*, *tokens*, *store* and *customerio* are what its parts share,
    open to tests in the same process. Whoever runs it without a lifespan calls `close`.

    Raises:
        ConfigError: the state file is there and cannot be used.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.inlets = Inlets(settings)
        self.received = Received(settings.kept_bytes)
        self.faults = Faults(settings.clock, seed=settings.seed)
        self.tokens = Tokens(settings.clock, lifetime_s=settings.token_lifetime_s)
        self.store = Store(settings, self.inlets, self._knows)
        self.customerio = CustomerIo(_customerio(settings))
        reception = Reception(
            settings,
            inlets=self.inlets,
            gate=Gate(settings, self.tokens),
            received=self.received,
            faults=self.faults,
        )
        self._collection = Collection(
            reception, faults=self.faults, received=self.received, settings=settings
        )
        others = Starlette(
            routes=[
                *ims_routes(settings, self.tokens),
                *received_routes(self.received),
                *fault_routes(self.faults),
                *inlet_routes(self.inlets),
                *control_routes(self.store, settings),
                *self.customerio.routes,
                *index_routes(),
            ],
            lifespan=self._lifespan,
        )
        self._others = Elsewhere(others, self.faults, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._collection(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def close(self) -> None:
        """Stop sending and write the state file."""
        await self.customerio.close()
        self.store.save()

    def _knows(self, token: str) -> bool:
        return self.tokens.state(token) is TokenState.VALID

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        await self.close()


def create_app(settings: EmulatorSettings | None = None) -> Emulator:
    """Make a local Adobe; without *settings* it is strict and gives every client a token."""
    return Emulator(settings or EmulatorSettings())


def _customerio(settings: EmulatorSettings) -> CustomerIoSettings:
    return CustomerIoSettings(
        strict=settings.strict,
        api_key=settings.app_api_key,
        sender=settings.sender,
        kept_in=_beside(settings.state_file),
        clock=settings.clock,
    )


def _beside(state_file: Path | None) -> Path | None:
    """Name the file of Customer.io's webhooks: ``adobe.json`` -> ``adobe.customerio.json``."""
    if state_file is None:
        return None
    return state_file.with_name(f"{state_file.stem}.customerio{state_file.suffix}")
