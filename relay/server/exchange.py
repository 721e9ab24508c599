"""
One request and its answer: the ASGI side of a connection, in the place of uvicorn's cycle.

What is otherwise than there, and why:

* ``start``: an exception of ours answers 503 with ``Retry-After``, where uvicorn answers 500,
  which Customer.io repeats after an hour; and it is logged without any value of a frame.
* ``send``: status, headers and body leave in one write, and the status line and headers of an
  answer that is always the same are made once. No ``server`` and no ``date`` header is added.
* An application that finds `WHOLE` in the scope's ``extensions`` may send an answer as one message
  of that type, with ``status``, ``headers`` and ``body``: an answer that never changes costs half.
* ``receive``: reading goes on only when this body needs it; uvicorn's reads on and lets a sender
  pile up pipelined requests behind one that waits. A body that came in one piece is handed on as
  that piece, and nothing is made to wait with unless something waits.
"""

from __future__ import annotations

import asyncio
import http
import re
from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

import structlog
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

from relay.logs import describe

log = structlog.get_logger("relay.server")

Headers = Iterable[tuple[bytes, bytes]]

WHOLE = "relay.response.whole"

_IS_UNSAFE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
_WITHOUT_BODY = (204, 304)
_UNAVAILABLE_BODY = b'{"status":"internal error"}'
_UNAVAILABLE_HEADERS = (
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_UNAVAILABLE_BODY)).encode()),
    (b"retry-after", b"5"),
    (b"connection", b"close"),
)


class Framing(Enum):
    """How an answer's end is told: by its length, by chunks, by the connection's end."""

    SIZED = "sized"
    CHUNKED = "chunked"
    CLOSED = "closed"


_EXPECTED = {False: "http.response.start", True: "http.response.body"}

# Asked for in every answer; a member is found slowly through its class.
_SIZED, _CHUNKED = Framing.SIZED, Framing.CHUNKED


class Head:
    """
    The first bytes of an answer, and what they say about the rest.

    *kept* is the whole of them when its connection stays and its body is not chunked.
    """

    __slots__ = ("_raw", "closes", "is_sized", "kept", "length_bytes")

    def __init__(self, status: int, headers: Headers) -> None:
        try:
            phrase = http.HTTPStatus(status).phrase
        except ValueError:
            phrase = ""
        lines = [f"HTTP/1.1 {status} {phrase}".encode()]
        self.closes = False
        self.is_sized = status in _WITHOUT_BODY
        self.length_bytes = 0
        for name, value in headers:
            if _IS_UNSAFE(name) or _IS_UNSAFE(value):
                raise ValueError("a header of an answer holds a control character")
            if name == b"content-length":
                self.is_sized, self.length_bytes = True, int(value)
            elif name == b"connection" and b"close" in value.lower():
                self.closes = True
            lines.append(name + b": " + value)
        self._raw = b"\r\n".join(lines) + b"\r\n"
        self.kept = self._raw + b"\r\n"

    def ended(self, *, keep_alive: bool, is_chunked: bool) -> bytes:
        """Give the head with the lines that depend on the connection, and its empty line."""
        if keep_alive and not is_chunked:
            return self.kept
        close = b"" if keep_alive or self.closes else b"connection: close\r\n"
        chunked = b"transfer-encoding: chunked\r\n" if is_chunked else b""
        return self._raw + close + chunked + b"\r\n"


@lru_cache(maxsize=256)
def _constant_head(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> Head:
    return Head(status, headers)


def _head_of(message: Any) -> Head:
    headers = message.get("headers", ())
    # An answer that hands its headers over as a tuple is one of a few that never change.
    if type(headers) is tuple:
        return _constant_head(message["status"], headers)
    return Head(message["status"], [(name.lower(), value) for name, value in headers])


class Exchange:
    """
    One request and its answer.

    *body* holds what has come of the request's body and was not received yet; *more_body* says
    that more will. The connection changes `disconnected` and `keep_alive`, and calls `wake` after
    it.
    """

    __slots__ = (
        "_framing",
        "_has_news",
        "_head",
        "_left_bytes",
        "_loop",
        "_task",
        "_tasks",
        "_waiter",
        "body",
        "disconnected",
        "flow",
        "keep_alive",
        "more_body",
        "on_response",
        "response_complete",
        "response_started",
        "scope",
        "transport",
        "waiting_for_100_continue",
    )

    def __init__(
        self,
        scope: dict[str, Any],
        transport: asyncio.Transport,
        flow: FlowControl,
        loop: asyncio.AbstractEventLoop,
        on_response: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self._loop = loop
        self.on_response = on_response
        self.waiting_for_100_continue = False
        self.keep_alive = True
        # The request, as far as it has come.
        self.disconnected = False
        self.body: bytes | bytearray = b""
        self.more_body = True
        self._has_news = False
        self._waiter: asyncio.Future[None] | None = None
        # The answer: the head that waits for the first bytes of the body, so that both leave in
        # one write; how the end of the body is told, and what is left until there.
        self.response_started = False
        self.response_complete = False
        self._head: Head | None = None
        self._framing = _SIZED
        self._left_bytes = 0

    @property
    def is_answerable(self) -> bool:
        """Whether nothing of the answer has left yet and the sender is there."""
        return not self.disconnected and (not self.response_started or self._head is not None)

    def start(self, app: Any, tasks: set[asyncio.Task[None]]) -> None:
        """Let *app* answer; the loop itself keeps no task alive, *tasks* do until it has ended."""
        self._tasks = tasks
        self._task = self._loop.create_task(self._run(app))
        tasks.add(self._task)

    async def _run(self, app: Any) -> None:
        """Run *app*; whatever it fails in, its sender gets an answer that is repeated soon."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - promise 3: our bugs answer 503
            log.error("request_failed", **describe(error))
        else:
            if not self.response_complete and not self.disconnected:
                log.error("request_unanswered")
        finally:
            if not self.response_complete:
                await self._abandon()
            # Breaks the circles between connection, exchange and task, as uvicorn does.
            self.on_response = _nothing
            self._tasks.discard(self._task)
            del self._task

    async def _abandon(self) -> None:
        """Answer 503 if nothing has left; otherwise all that is left is to hang up."""
        if self.is_answerable:
            self.response_started = False
            self._head = None
            await self.send(
                {
                    "type": "http.response.start",
                    "status": 503,
                    "headers": _UNAVAILABLE_HEADERS,
                }
            )
            await self.send({"type": "http.response.body", "body": _UNAVAILABLE_BODY})
        elif not self.disconnected:
            self.transport.close()

    async def send(self, message: Any) -> None:
        """
        Take one ASGI message.

        Raises:
            RuntimeError: messages come in the wrong order, or the body has another length than
                its header says.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == WHOLE and not self.response_started:
            self._send_whole(_head_of(message), message["body"])
            return
        if self.response_complete or kind != _EXPECTED[self.response_started]:
            raise RuntimeError(f"{kind} does not come next in this answer")
        if self.response_started:
            self._send_body(message.get("body", b""), more=message.get("more_body", False))
        else:
            self._begin(_head_of(message))

    def _send_whole(self, head: Head, body: bytes) -> None:
        if (
            not self.keep_alive
            or self.more_body
            or head.closes
            or not head.is_sized
            or head.length_bytes != len(body)
            or self.scope["method"] == "HEAD"
        ):
            self._begin(head)
            self._send_body(body, more=False)
            return
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(head.kept + body)
        self._complete()

    def _begin(self, head: Head) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        self._head = head
        if head.closes or self.more_body:
            # An answer before the end of the body is the last: `Guard` reads what is still sent.
            self.keep_alive = False
        self._left_bytes = head.length_bytes
        if not head.is_sized:
            is_old = self.scope["http_version"] == "1.0"
            self._framing = Framing.CLOSED if is_old else _CHUNKED

    def _send_body(self, body: bytes, *, more: bool) -> None:
        is_headless = self.scope["method"] == "HEAD"
        if is_headless:
            body = b""
        elif self._framing is _CHUNKED:
            body = _chunk(body, more=more)
        elif self._framing is _SIZED:
            self._left_bytes -= len(body)
            if self._left_bytes < 0 or (self._left_bytes and not more):
                raise RuntimeError("the answer's body has another length than its header says")
        head = self._head
        if head is not None:
            is_chunked = self._framing is _CHUNKED and not is_headless
            body = head.ended(keep_alive=self.keep_alive, is_chunked=is_chunked) + body
            self._head = None
        if body:
            self.transport.write(body)
        if not more:
            self._complete()

    def _complete(self) -> None:
        self.response_complete = True
        if self._waiter is not None:
            self.wake()
        self.on_response()

    def add(self, body: bytes) -> None:
        """Take the next bytes of the request's body; read no more until they are received."""
        held = self.body
        if not held:
            self.body = body
        elif isinstance(held, bytearray):
            held += body
        else:
            self.body = bytearray(held)
            self.body += body
        if len(self.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        self._has_news = True
        if self._waiter is not None:
            self.wake()

    def end(self) -> None:
        """Learn that the request is whole."""
        self.more_body = False
        self._has_news = True
        if self._waiter is not None:
            self.wake()

    def wake(self) -> None:
        """Let whoever receives see what has changed."""
        self._has_news = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def receive(self) -> Any:
        """Give the next piece of the body, or say that the sender is gone."""
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.waiting_for_100_continue = False
        if not self.disconnected and not self.response_complete:
            if self.more_body:
                self.flow.resume_reading()
            if not self._has_news:
                self._waiter = self._loop.create_future()
                await self._waiter
            self._has_news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": bytes(body), "more_body": self.more_body}


def _chunk(body: bytes, *, more: bool) -> bytes:
    framed = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return framed if more else framed + b"0\r\n\r\n"


def _nothing() -> None:
    """Nobody waits for this answer any more."""
