"""
One keep-alive HTTP/1.1 connection to a webhook, as Customer.io's Go client keeps it.

One call at a time. A connection that the other side closed while it was idle is made anew without
a word; one that is closed while a call is under way costs that call (``eof`` or ``reset``).
A call that had no answer in time takes its connection with it.

Not httpx: *measured* on one core, an event costs about 100 µs of CPU here, made, signed and
counted, and the call alone 1,250 µs there; and this runs beside the relay that it measures.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import cast

import httptools

from relay.customerio.redelivery import Answer, Failure
from relay.customerio.request import Target

_FIRST_FINAL = 200


class Connection:
    """
    Calls *target*; each call, connecting included, has *timeout_s* seconds.

    Its state is the open protocol, if any; only `call` and `close` change it.
    """

    def __init__(self, target: Target, *, timeout_s: float) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._open: _Exchange | None = None

    async def call(self, request: bytes) -> Answer:
        """Send *request* and wait for the answer's end; never raises for what the net does."""
        try:
            async with asyncio.timeout(self._timeout_s):
                exchange = self._open
                if exchange is None or not exchange.is_open:
                    self._open = exchange = await self._connect()
                return await exchange.ask(request)
        except TimeoutError:
            self.close()
            return Answer(0, Failure.TIMEOUT)
        except OSError as error:
            self.close()
            return Answer(0, _failure(error))
        except asyncio.CancelledError:
            # Half a request may be on its way: nobody may use this connection again.
            self.close()
            raise

    def close(self) -> None:
        """Close it; the next call would open it again."""
        if self._open is not None:
            self._open.close()
            self._open = None

    async def _connect(self) -> _Exchange:
        target = self._target
        context = ssl.create_default_context() if target.scheme == "https" else None
        loop = asyncio.get_running_loop()
        _, exchange = await loop.create_connection(
            lambda: _Exchange(loop), target.host, target.port, ssl=context
        )
        return exchange


def _failure(error: OSError) -> Failure:
    match error:
        case ConnectionRefusedError():
            return Failure.REFUSED
        case ConnectionResetError() | BrokenPipeError():
            return Failure.RESET
        case socket.gaierror():
            return Failure.DNS
        case ssl.SSLError():
            return Failure.TLS
        case _:
            return Failure.UNREACHABLE


class _Exchange(asyncio.Protocol):
    """The transport's side: one request out, one response in, again and again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self.is_open = False

    async def ask(self, request: bytes) -> Answer:
        """
        Send *request*; give the answer.

        Raises:
            ConnectionResetError: and other `OSError`, as the transport tells them.
        """
        assert self._transport is not None
        self._answer = self._loop.create_future()
        self._status = 0
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Drop the connection with whatever is under way."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes, though they do what those say.
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(Answer(self._status, None if self._status else Failure.MALFORMED))
            self.close()

    def on_headers_complete(self) -> None:
        """The status is known; whatever comes after cannot change it."""
        status = self._parser.get_status_code()
        self._status = status if status >= _FIRST_FINAL else 0

    def on_message_complete(self) -> None:
        """The whole answer is here, so the connection may carry the next call."""
        if not self._status:
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._end(Answer(self._status))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._status:
            self._end(Answer(self._status))
        elif isinstance(exc, OSError):
            self._end(Answer(0, _failure(exc)))
        else:
            self._end(Answer(0, Failure.EOF))

    def _end(self, answer: Answer) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
