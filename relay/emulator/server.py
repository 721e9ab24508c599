"""
The local Adobe over a socket: uvicorn, with connections that a fault can reset.

``relay emulate`` runs it until a signal; tests and the demo run it beside something else in one
event loop::

    async with serving(create_app()) as url:      # "http://127.0.0.1:PORT"
        ...
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from relay.emulator.app import Emulator
from relay.emulator.cut import CuttableProtocol

# Running answers get so long to end; those that hang never would.
_GRACE_S = 1
# Longer than a relay keeps an idle connection, so that it is never the emulator that closes first.
_KEEP_ALIVE_S = 125


class _Server(uvicorn.Server):
    """Uvicorn that says when it listens and leaves signals to whoever runs it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield


@contextlib.asynccontextmanager
async def serving(app: Emulator, sock: socket.socket | None = None) -> AsyncIterator[str]:
    """
    Serve *app* on *sock*, or on a free port of the loopback address; give its base URL.

    When the block ends the socket is closed; answers that still run get a second.
    """
    sock = sock or _loopback()
    server = _Server(
        uvicorn.Config(
            app,
            http=CuttableProtocol,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
    )
    host, port = sock.getsockname()[:2]
    running = asyncio.create_task(server.serve([sock]))
    try:
        await _first(running, server.listening)
        yield f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await running
        sock.close()


async def _first(running: asyncio.Task[None], listening: asyncio.Event) -> None:
    """Wait until the server listens; raise what kept it from that."""
    ready = asyncio.create_task(listening.wait())
    await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if running.done():
        await running


def _loopback() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=2048)
    sock.setblocking(False)
    return sock
