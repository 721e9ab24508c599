"""
Cutting a connection: how a fault resets instead of answering.

ASGI cannot reset, so `relay emulate` runs uvicorn with `CuttableProtocol`, which puts a function
into ``scope["extensions"]``. It closes the socket with a linger of zero: the peer gets a TCP reset
and loses what it had not read.

Over ``httpx.ASGITransport`` there is no socket: there the call raises ``httpx.ReadError``, or
``httpx.ReadTimeout`` where the emulator would hang, as a client does over a socket, so that what
is tested in one process sees the same. Any other server answers 500, as to every exception.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from relay.emulator.answer import Receive, Scope

_EXTENSION = "relay.emulator.cut"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class CuttableProtocol(HttpToolsProtocol):
    """Uvicorn's HTTP/1.1 with a way for the application to reset the connection."""

    def on_message_begin(self) -> None:
        """Give the next request's scope the extension."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: {"cut": self.cut}}

    def cut(self) -> None:
        """Reset the connection."""
        transport = self.transport
        peer = transport.get_extra_info("socket")
        if peer is not None and not transport.is_closing():
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()


async def cut(scope: Scope, receive: Receive) -> None:
    """
    Reset the connection of *scope*; return when the server knows that it is gone.

    Raises:
        httpx.ReadError: the server offers no way to do it.
    """
    extension = (scope.get("extensions") or {}).get(_EXTENSION)
    if extension is None:
        import httpx  # noqa: PLC0415 - where this is raised the client is httpx, and has it

        raise httpx.ReadError("the emulator cut the connection")
    extension["cut"]()
    await _gone(receive)


async def hang(scope: Scope, receive: Receive) -> None:
    """
    Never answer; return when the client has had enough, or cut it off when the server ends.

    Raises:
        httpx.ReadTimeout: at once, where a connection cannot be cut either.
    """
    if _EXTENSION not in (scope.get("extensions") or {}):
        import httpx  # noqa: PLC0415 - where this is raised the client is httpx, and has it

        raise httpx.ReadTimeout("the emulator does not answer")
    try:
        await _gone(receive)
    except asyncio.CancelledError:
        # The server ends. Without an answer it would send a 500, which is not what a hang is.
        await cut(scope, receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
