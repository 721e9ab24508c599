"""
What the tests of forwarding share: an inlet of canned bytes over loopback, a spool, and events.

`CannedInlet` understands just enough HTTP to read a request whole; what it answers is up to the
test, byte for byte, including nothing and a reset.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.adobe.auth import OAuth
from relay.clock import Clock, SystemClock
from relay.config import Config, RouteConfig
from relay.envelope import Envelope
from relay.forward.inlet import make_inlet
from relay.forward.loop import Forward
from relay.forward.transform import Transform
from relay.metrics import Metrics
from relay.outcome import Outcome
from relay.spool.local import LocalSpool
from relay.spool.port import Query

ROUTE = "marketing"
PATH = "/collection/" + "9b0cb233972f3b00" * 4
WRONG_ORG = "inletId: [9b0c] imsOrgId: [x@AdobeOrg] Message has an absent or wrong ims org"
INVALID = {"status": 400, "message": "Message is invalid"}
HEADERLESS = "The 'header' field is mandatory. Provide a valid 'header' value and try again."


@dataclass(frozen=True)
class Received:
    """One request as the inlet read it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def is_batch(self) -> bool:
        return "/collection/batch/" in self.target

    @property
    def messages(self) -> list[dict[str, Any]]:
        document = json.loads(self.body)
        return document["messages"] if self.is_batch else [document]

    @property
    def ids(self) -> list[str]:
        return [_id_of(message) for message in self.messages]


def _id_of(message: dict[str, Any]) -> str:
    if "body" in message:
        return message["body"]["xdmEntity"]["_extconndev"]["event_id0"]
    return message["event_id"]


@dataclass(frozen=True)
class Reply:
    """What the inlet does with a request: *raw* bytes, then closes or resets; or hangs."""

    raw: bytes = b""
    then: str = "keep"  # or "close", "reset", "hang"


def reply(status: int, document: Any = None, *headers: tuple[str, str]) -> Reply:
    """A well-formed answer with a JSON body."""
    body = b"" if document is None else json.dumps(document).encode()
    lines = [f"HTTP/1.1 {status} Canned", "content-type: application/json"]
    lines += [f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers)]
    return Reply("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def taken(request: Received) -> Reply:
    """Take everything, as the inlet does."""
    if request.is_batch:
        return items(*({"xactionId": f"1:2:3:{at}"} for at in range(len(request.messages))))
    return reply(200, {"inletId": "9b0c", "xactionId": "1:2:3", "receivedTimeMs": 4})


def items(*responses: Any) -> Reply:
    """A 207 with these items."""
    return reply(
        207, {"inletId": "9b0c", "batchId": "1:2:3", "receivedTimeMs": 4, "responses": responses}
    )


def each(request: Received, refusal: Callable[[str], Any]) -> Reply:
    """A 207 whose items are what *refusal* gives for an event id, or taken where it is None."""
    answers = [refusal(event_id) for event_id in request.ids]
    return items(*(answer or {"xactionId": f"1:2:3:{at}"} for at, answer in enumerate(answers)))


Script = Callable[[Received], Reply]


class CannedInlet:
    """An inlet whose answers are written by the test; *script* may be exchanged at any time."""

    def __init__(self, script: Script = taken) -> None:
        self.script = script
        self.requests: list[Received] = []
        self.taken: Counter[str] = Counter()
        self.delay_s = 0.0
        self.in_flight = 0
        self.most_in_flight = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    @property
    def order(self) -> list[str]:
        """The ids of all requests, in the order of arrival."""
        return [event_id for request in self.requests for event_id in request.ids]

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        handler = asyncio.current_task()
        assert handler is not None
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        request = Received(method, target, headers, body)
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            answer = self.script(request)
            self._count(request, answer)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            writer.write(answer.raw)
            await writer.drain()
            if answer.then == "hang":
                await reader.read()
            if answer.then == "reset":
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            self.in_flight -= 1
        return answer.then == "keep"

    def _count(self, request: Received, answer: Reply) -> None:
        """Count what the answer says was taken."""
        head, _, body = answer.raw.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 20"):
            return
        with suppress(ValueError):
            document = json.loads(body)
            if not request.is_batch:
                self.taken.update(request.ids)
                return
            for event_id, item in zip(request.ids, document["responses"], strict=False):
                if "xactionId" in item and not {"status", "statusCode"} & set(item):
                    self.taken[event_id] += 1


def event(event_id: str, **fields: Any) -> bytes:
    """A small event that the shipped mapping and schema take."""
    return json.dumps(
        {
            "event_id": event_id,
            "object_type": "customer",
            "metric": "subscribed",
            "timestamp": 1613063089,
            "data": {
                "customer_id": "42",
                "email_address": "test@example.com",
                "identifiers": {"id": "42", "email": "test@example.com", "cio_id": "d9c1"},
            },
            **fields,
        }
    ).encode()


def events(count: int, prefix: str = "e") -> list[bytes]:
    """So many of them, numbered from 0."""
    return [event(f"{prefix}{number}") for number in range(count)]


class Rig:
    """A real spool, one route's forward, and the inlet it sends to."""

    def __init__(self, inlet: CannedInlet, spool: LocalSpool, folder: Path) -> None:
        self.inlet = inlet
        self.spool = spool
        self.folder = folder
        self.metrics = Metrics()
        self.clock: Clock = SystemClock()
        self.forward: Forward | None = None
        self.tokens: OAuth | None = None
        self._task: asyncio.Task[None] | None = None

    def route(self, **settings: Any) -> RouteConfig:
        """The route's settings: quick, unless the test says otherwise."""
        filters = settings.pop("filter", {})
        mapping = settings.pop("mapping", "")
        schema = settings.pop("schema", "")
        inlet = {
            "url": self.inlet.url,
            "flow_id": "flow-1",
            "batch_max_age": "10ms",
            "retry_max_delay": "20ms",
            "probe_interval": "20ms",
            "timeout": "2s",
            **settings,
        }
        return RouteConfig(
            signing_keys=("k",), inlet=inlet, filter=filters, mapping=mapping, schema=schema
        )

    def parts(self, **settings: Any) -> tuple[RouteConfig, Transform, Any]:
        route = self.route(**settings)
        return (
            route,
            Transform(ROUTE, route, self.folder / "large"),
            make_inlet(ROUTE, route, tokens=self.tokens, metrics=self.metrics, clock=self.clock),
        )

    def start(self, **settings: Any) -> Forward:
        route, transform, inlet = self.parts(**settings)
        self.forward = Forward(
            ROUTE,
            route,
            transform,
            spool=self.spool,
            inlet=inlet,
            metrics=self.metrics,
            clock=self.clock,
        )
        self._task = asyncio.create_task(self.forward.run())
        return self.forward

    async def finish(self, *, within_s: float = 5.0) -> None:
        assert self.forward is not None
        assert self._task is not None
        await self.forward.finish(within_s=within_s)
        await self._task
        self._task = None

    async def append(self, *bodies: bytes, headers: Sequence[tuple[str, str]] = ()) -> int:
        """Append events received now; give the last position."""
        now_s = self.clock.wall_s()
        return await self.spool.append(
            [Envelope(ROUTE, now_s, tuple(headers), body) for body in bodies]
        )

    async def until(self, holds: Callable[[], bool], *, within_s: float = 15.0) -> None:
        """Wait until *holds*; a forward that ended with an exception raises it here."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + within_s
        while not holds():
            if self._task is not None and self._task.done():
                self._task.result()
            assert loop.time() < ends_s, f"{self.forward!r} {self.outcomes} {self.spool.stats()}"
            await asyncio.sleep(0.005)

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await self.until(lambda: self.spool.stats().pending == 0)
        assert self.spool.stats().adds_up

    @property
    def outcomes(self) -> dict[str, int]:
        """How many events ended how, without the zeros."""
        return {
            outcome.value: number
            for outcome, number in self.spool.stats().outcomes.items()
            if number
        }

    async def quarantined(self) -> dict[str, str]:
        """The reason of each quarantined event, by its id."""
        found = await self.spool.find(Query(outcome=Outcome.QUARANTINED, limit=1000))
        return {each.event_id: str(each.reason) for each in found}


@asynccontextmanager
async def rig_in(folder: Path, script: Script = taken) -> AsyncIterator[Rig]:
    """A rig whose forward the test starts; everything is closed at the end."""
    inlet = CannedInlet(script)
    await inlet.start()
    config = Config(routes={}).spool.model_copy(update={"path": str(folder / "spool")})
    spool = await LocalSpool.open(config, metrics=Metrics(), clock=SystemClock())
    rig = Rig(inlet, spool, folder)
    try:
        yield rig
    finally:
        if rig._task is not None:
            await rig.finish(within_s=0.0)
        await spool.close()
        await inlet.stop()
