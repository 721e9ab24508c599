"""
The local Adobe as one ASGI application: every part joined.

::

    /collection/…          collection.py     the data plane, dispatched before the router
    /ims/token/v3          ims.py
    /__emulator__/…        received.py, switches.py
"""

from __future__ import annotations

from starlette.applications import Starlette

from relay.emulator.answer import Receive, Scope, Send
from relay.emulator.collection import PREFIX, Collection
from relay.emulator.faults import Faults
from relay.emulator.gate import Gate
from relay.emulator.ims import ims_routes
from relay.emulator.inlets import Inlets
from relay.emulator.received import Received, received_routes
from relay.emulator.reception import Reception
from relay.emulator.settings import EmulatorSettings
from relay.emulator.switches import fault_routes, inlet_routes
from relay.emulator.tokens import Tokens


class Emulator:
    """
    A whole local Adobe; an ASGI application.

    *inlets*, *received*, *faults* and *tokens* are what its parts share, open to tests in the same
    process.
    """

    def __init__(self, settings: EmulatorSettings) -> None:
        self.settings = settings
        self.inlets = Inlets(settings)
        self.received = Received(settings.kept_bytes)
        self.faults = Faults(settings.clock, seed=settings.seed)
        self.tokens = Tokens(settings.clock, lifetime_s=settings.token_lifetime_s)
        reception = Reception(
            settings,
            inlets=self.inlets,
            gate=Gate(settings, self.tokens),
            received=self.received,
            faults=self.faults,
        )
        self._collection = Collection(
            reception,
            faults=self.faults,
            received=self.received,
            settings=settings,
        )
        self._others = Starlette(
            routes=[
                *ims_routes(settings, self.tokens),
                *received_routes(self.received),
                *fault_routes(self.faults),
                *inlet_routes(self.inlets),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._collection(scope, receive, send)
        else:
            await self._others(scope, receive, send)


def create_app(settings: EmulatorSettings | None = None) -> Emulator:
    """Make a local Adobe; without *settings* it is strict and gives every client a token."""
    return Emulator(settings or EmulatorSettings())
