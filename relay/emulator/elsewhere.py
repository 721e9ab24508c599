"""
Faults of everything that is no inlet: control plane, tokens, Customer.io's App API.

An ASGI layer before the router. Over a socket a reset is a reset; see `relay.emulator.cut` for
what is seen without one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from relay.emulator.answer import Message, Receive, Scope, Send
from relay.emulator.cut import cut, hang
from relay.emulator.faults import Faults, Hit
from relay.emulator.settings import EmulatorSettings
from relay.emulator.storm import gateway_storm, page

OWN = "/__emulator__"  # the switches themselves always work

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Elsewhere:
    """Lets requests through to *app*, or has them meet a fault."""

    def __init__(self, app: App, faults: Faults, settings: EmulatorSettings) -> None:
        self._app = app
        self._faults = faults
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith(OWN):
            await self._app(scope, receive, send)
            return
        hit = self._faults.meet_elsewhere(scope["method"], scope["path"])
        if hit.latency_s:
            await self._settings.sleep(hit.latency_s)
        storm = gateway_storm(hit, self._settings.clock)
        if storm is not None:
            await storm.send(send)
        elif hit.kind == "reset_before":
            await cut(scope, receive)
        elif hit.kind:
            await self._instead(hit, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _instead(self, hit: Hit, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the request out if the fault *stores*, but do not answer as it would."""

        async def keep_back(_message: Message) -> None:
            """Send nothing."""

        if hit.value("stored"):
            await self._app(scope, receive, keep_back)
        if hit.kind == "not_json":
            await page(hit).send(send)
        elif hit.kind == "hang":
            await hang(scope, receive)
        else:
            await cut(scope, receive)
