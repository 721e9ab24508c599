"""
One process after another on one inherited socket.

A supervisor may start the next process before it stops the one that runs, or after it. Both take
connections from the same queue, but only one can have the spool: while another process holds it
the next one leaves the queue alone, because whoever it answered would get a 503 for a delivery
that the other still takes. It begins to answer when the spool is free, and the port for admins is
its own: of two that wait one has that port, and the other has answered nobody when it gives up.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

from relay.errors import ConfigError
from relay.server import bind
from relay.spool.lock import is_locked

# The process before us ends within 30 s; once the spool is free its port for admins follows.
_SPOOL_S = 35.0
_PORT_S = 5.0
# File locks and ports cannot be waited for in a way that can be given up.
_LOOK_S = 0.05


async def succeed(folder: Path, listen: str, stop: asyncio.Event) -> socket.socket | None:
    """
    Wait for the process that holds the spool in *folder*, then listen on *listen*, as it did.

    Gives nothing when *stop* is set before: the queue is not ours then. The spool is waited for
    for 35 s, whoever opens it says who still holds it.

    Raises:
        ConfigError: the port is still taken 5 s later, or cannot be had at all.
    """
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _SPOOL_S
    while is_locked(folder) and loop.time() < until_s and not stop.is_set():
        await _a_moment(stop)
    until_s = loop.time() + _PORT_S
    while not stop.is_set():
        try:
            return bind(listen)
        except ConfigError:
            if loop.time() >= until_s:
                raise
        await _a_moment(stop)
    return None


async def _a_moment(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_S):
            await stop.wait()
