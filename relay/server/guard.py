"""
One connection: uvicorn's httptools protocol, with what a listener in the open needs.

Where a connection stands, and what ends it when nothing comes::

    IDLE     between requests         silent from the start: header_timeout; after one: keep_alive;
                                      sooner when somebody waits for a place (`listener`)
    HEAD     a request line begun     header_timeout from its first byte: 408
    BODY     headers are complete     nothing here: ingress has body_timeout and append_timeout
    ENDING   the last answer is out   what still comes is read and dropped, so that the sender is
                                      not reset before it has read the answer; then closed

In any of them, a sender that takes no answers while more wait for it is let go after `UNREAD_S`.

Overridden, and why:

* uvicorn takes headers of any size and waits for them for ever; here they have a cap and a time.
* uvicorn puts trailers of a chunked body among the headers; here they are dropped.
* uvicorn closes at once after a last answer; bytes that were not read then make the kernel reset
  the connection, and the sender may lose the answer. Here the connection is half closed first.
* uvicorn answers rubbish at once, also in the middle of another answer; here in its turn.
* uvicorn takes an end of input for the end of the connection; here a request that is whole is
  still answered.
* Deadlines are one number a connection that the listener looks at, not two timers a request.

Requests are answered in their order, one at a time. At most `MAX_QUEUED` may wait for that: one
read may hold 13,000, which would hold the loop for 70 ms, and 11 MB until the answers are taken.
"""

from __future__ import annotations

import asyncio
import fcntl
import math
import struct
import termios
from collections import deque
from enum import Enum

import httptools
from uvicorn import Config as UvicornConfig
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from relay.server.exchange import Exchange
from relay.server.host import Host
from relay.server.refusals import REFUSALS
from relay.server.scopes import Scopes

# After its last answer a sender has this long to close, and may send so much meanwhile.
LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024
# A sender that has taken nothing of what waits for it for so long is gone, or means no good.
UNREAD_S = 30.0
# Whoever sends more at once repeats the rest elsewhere, as RFC 9112, section 9.3.2, asks of it.
MAX_QUEUED = 128


class At(Enum):
    """Where in the talk a connection stands; see the module's table."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    ENDING = "ending"


# Asked for several times a request; a member is found slowly through its class.
_IDLE, _HEAD, _BODY, _ENDING = At


class Guard(HttpToolsProtocol):
    """One connection of a listener."""

    def __init__(
        self,
        host: Host,
        config: UvicornConfig,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, {}, loop)
        self._host = host
        # Changed by the callbacks of this connection only, all in the loop.
        self._at = _IDLE
        # The request that is answered, those that wait behind it, and the last that began.
        self._running: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._incoming: Exchange
        self._scopes: Scopes
        self._requests = 0
        self._unparsed_bytes = 0
        self._lingered_bytes = 0
        self._refusal = 400
        self._last_words = b""
        self._is_last = False
        self._is_half_closed = False
        self.deadline_s = math.inf
        self.unread_until_s = math.inf

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self._running is not None

    @property
    def idle_since_s(self) -> float:
        """Since when it waits for a request, in the loop's time; infinite when it does not."""
        if self._at is not _IDLE or self._running is not None:
            return math.inf
        limits = self._host.limits
        return self.deadline_s - (limits.keep_alive if self._requests else limits.header_timeout)

    def __repr__(self) -> str:
        return f"<Guard {self._at.value} requests={self._requests} busy={self.is_busy}>"

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first byte, but not for ever."""
        super().connection_made(transport)
        self._scopes = Scopes(self.asgi_version, self.server, self.client)
        self.deadline_s = self.loop.time() + self._host.limits.header_timeout

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits for this sender that it is gone."""
        for exchange in (self._running, *self._queue):
            if exchange is not None:
                exchange.disconnected = True
                exchange.wake()
        super().connection_lost(exc)
        self._queue.clear()
        self._running = None
        self._at = _ENDING
        self._host.lost()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection while the last whole request is not answered yet."""
        self._is_half_closed = True
        if self._running is None or self._running.more_body:
            return False
        self._drop_incomplete()
        self._at = _ENDING
        return True

    def shutdown(self) -> None:
        """End after the answer under way, or after the first one; at once when nothing is due."""
        self._is_last = True
        if self._running is not None:
            self._incoming.keep_alive = False
        elif self._at is _IDLE and self._requests:
            self._close_idle()

    def give_up(self) -> None:
        """Answer 503 to a request that is not whole when there is no time left to wait for it."""
        running = self._running
        is_head = running is None and self._at is _HEAD
        if is_head or (running and running.more_body and running.is_answerable):
            self._refuse(503)

    def expire(self, now_s: float) -> None:
        """Do what is due at *deadline_s*, or at *unread_until_s*."""
        self.deadline_s = now_s + LINGER_S
        if self.transport.is_closing() or self.unread_until_s <= now_s:
            # Its last bytes cannot be got rid of.
            self.transport.abort()
        elif self._at is _HEAD and self._running is None:
            self._refuse(408)
        elif self._at is _IDLE:
            self._close_idle()
        elif self._running is None:
            self.transport.close()

    def pause_writing(self) -> None:
        """Hold answers back, but not for ever: the sender does not take those that are there."""
        super().pause_writing()
        self.unread_until_s = self.loop.time() + UNREAD_S

    def resume_writing(self) -> None:
        """Go on answering."""
        super().resume_writing()
        self.unread_until_s = math.inf

    # What comes in.

    def data_received(self, data: bytes) -> None:
        """Parse, within the caps."""
        if self._at is _ENDING:
            self._lingered_bytes += len(data)
            if self._lingered_bytes > LINGER_BYTES and self._running is None:
                self.transport.close()
            return
        # How much came since the parser last had something to show for it: the size of a head, a
        # trailer or a chunk's extension that does not end.
        self._unparsed_bytes += len(data)
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                self._ignore_upgrades(memoryview(data)[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self._refusal:
                self._refuse(self._refusal)
            else:
                self._at = _ENDING
        else:
            if self._unparsed_bytes > self._host.limits.max_header_bytes:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin a request; its first byte is here."""
        self._at = _HEAD
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        if self._running is None:
            self.deadline_s = self.loop.time() + self._host.limits.header_timeout

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, but no trailer."""
        if self._at is _HEAD:
            name = name.lower()
            self.headers.append((name, value))
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        """
        Answer the request now, or when those before it are answered.

        Raises:
            ValueError: the head is too large or has no target, or too many wait; parsing ends.
        """
        self._check_head_size()
        self._unparsed_bytes = 0
        if self.parser.should_upgrade():
            # The parser ends here without the body; see `_ignore_upgrades`.
            return
        parser = self.parser
        version, method = parser.get_http_version(), parser.get_method()
        exchange = Exchange(
            self._scopes.make(version, method, self.url, self.headers),
            self.transport,
            self.flow,
            self.loop,
            self.on_response_complete,
        )
        exchange.waiting_for_100_continue = self.expect_100_continue and version != "1.0"
        if version == "1.0" or self._is_last or not parser.should_keep_alive():
            exchange.keep_alive = False
        self._incoming = exchange
        self._at = _BODY
        self._requests += 1
        if self._running is None:
            self._start(exchange)
        elif len(self._queue) < MAX_QUEUED:
            self.flow.pause_reading()
            self._queue.append(exchange)
        else:
            # The answer before this one is the last, and says so; nothing is wrong with this one.
            self._queue[-1].keep_alive = False
            self._refusal = 0
            raise ValueError("too many requests wait")

    def on_body(self, body: bytes) -> None:
        """Hand the next bytes of the body on; read no more until they are taken."""
        self._unparsed_bytes = 0
        self._incoming.add(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._unparsed_bytes = 0
        if self._at is not _HEAD:
            self._at = _IDLE
            self._incoming.end()

    # What goes out.

    def on_response_complete(self) -> None:
        """Go on with the next request, wait for one, or end."""
        done, self._running = self._running, None
        self.server_state.total_requests += 1
        if done is None or self.transport.is_closing():
            return
        if not done.keep_alive:
            # An answer before the end of the body leaves the sender time to finish it.
            limits = self._host.limits
            self._end(limits.body_timeout if done.more_body else LINGER_S)
        elif self._queue:
            queued = self._queue.popleft()
            if not self._queue and self._at is not _ENDING:
                self.flow.resume_reading()
            self._start(queued)
        elif self._at is _ENDING:
            self._end(LINGER_S)
        else:
            self.flow.resume_reading()
            limits = self._host.limits
            wait_s = limits.keep_alive if self._at is _IDLE else limits.header_timeout
            self.deadline_s = self.loop.time() + wait_s

    def _start(self, exchange: Exchange) -> None:
        self._running = exchange
        self.deadline_s = math.inf
        exchange.start(self.app, self.tasks)

    def _ignore_upgrades(self, rest: memoryview) -> None:
        """
        Parse the request again as if it had not asked for another protocol, then *rest*.

        A server may ignore the wish (RFC 9110, section 7.8), and that of others in *rest*; the
        parser cannot, it skips the body.

        Raises:
            HttpParserError: *rest* is not HTTP, or not taken.
        """
        wish = (b"upgrade", b"connection")
        while True:
            method, version = self.parser.get_method(), self.parser.get_http_version().encode()
            if method == b"CONNECT":
                self._refuse(400)
                return
            headers = [b"%s: %s\r\n" % pair for pair in self.headers if pair[0] not in wish]
            if not self.parser.should_keep_alive():
                headers.append(b"connection: close\r\n")
            head = b"%s %s HTTP/%s\r\n%s\r\n" % (method, self.url, version, b"".join(headers))
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.parser.feed_data(head)
            try:
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            else:
                return

    def _check_head_size(self) -> None:
        """Count exactly only when the cheap bound is passed: other requests may be in it."""
        cap_bytes = self._host.limits.max_header_bytes
        if self._unparsed_bytes <= cap_bytes:
            return
        line_bytes = len(self.url) + len("GET  HTTP/1.1\r\n")
        head_bytes = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if line_bytes + head_bytes > cap_bytes:
            self._refusal = 431
            raise ValueError("the headers are too large")

    def _refuse(self, status: int) -> None:
        """Say what was wrong once the requests before it are answered, and end."""
        self._host.refused(status)
        self._last_words = REFUSALS[status]
        self._drop_incomplete()
        self._at = _ENDING
        running = self._running
        if running is not None and running.more_body:
            # Its body will never be whole: to the application its sender is gone.
            if not running.is_answerable:
                self._last_words = b""
            running.disconnected = True
            running.wake()
            self._running = running = None
        if running is None:
            self._end(LINGER_S)

    def _drop_incomplete(self) -> None:
        """Forget the request that waits behind others and will never be whole."""
        if self._at is _BODY and self._queue:
            self._queue.pop()

    def _end(self, linger_s: float) -> None:
        """Say no more; read until the sender has finished too."""
        self._at = _ENDING
        self._queue.clear()
        self.deadline_s = self.loop.time() + linger_s
        if self.transport.is_closing():
            return
        if self._last_words:
            self.transport.write(self._last_words)
        if self._is_half_closed:
            self.transport.close()
            return
        self.flow.resume_reading()
        self.transport.write_eof()

    def _close_idle(self) -> None:
        """Close, unless a request is already here that the loop has not read yet."""
        fd = self.transport.get_extra_info("socket").fileno()
        unread = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, struct.pack("i", 0)))[0]
        if unread:
            self.deadline_s = self.loop.time() + self._host.limits.header_timeout
        else:
            self.transport.close()
