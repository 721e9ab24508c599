"""A local Adobe on a loopback socket, in a thread of the test's own process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from starlette.applications import Starlette

from relay.emulator import EmulatorSettings, create_app
from relay.emulator.server import serving
from relay.server import bind


@contextmanager
def local_adobe(
    settings: EmulatorSettings, listen: str = "127.0.0.1:0"
) -> Iterator[tuple[Starlette, str]]:
    """Serve it while the context lasts: the application and its address."""
    app = create_app(settings)
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        stop = asyncio.Event()
        async with serving(app, bind(listen)) as url:
            started.set_result((url, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    url, loop, stop = started.result(20)
    try:
        yield app, url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
