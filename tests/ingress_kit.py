"""What the tests of ingress and server share: a public listener on a real spool, raw senders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spool_kit import settings

from relay.clock import SystemClock
from relay.config import Config
from relay.customerio.signature import sign
from relay.ingress.endpoint import Ingress
from relay.metrics import Metrics
from relay.server import Listener, bind
from relay.spool.local import LocalSpool

KEY = "test-signing-key"
STAMP = "1700000000"
PATH = "/webhooks/customerio"
MIB = 1024 * 1024
PATIENCE_S = 20


def config(folder: Path, *, spool: dict[str, Any] | None = None, **server: Any) -> Config:
    """One route *a*; small spool files in *folder*; *server* changes ``[server]``."""
    return Config.model_validate(
        {
            "server": {"listen": "127.0.0.1:0", **server},
            "spool": settings(folder, **(spool or {})),
            "routes": {"a": {"path": PATH, "signing_keys": ["an-older-key", KEY]}},
        }
    )


def signed(body: bytes) -> list[tuple[str, str]]:
    """The headers that prove *body*."""
    return [("x-cio-timestamp", STAMP), ("x-cio-signature", sign(KEY, STAMP, body))]


def head(
    size: int | None, headers: list[tuple[str, str]], *, target: str = PATH, method: str = "POST"
) -> bytes:
    """A request's head; *size* is its content-length, if it has one."""
    every = [("host", "test"), *headers]
    if size is not None:
        every.append(("content-length", str(size)))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in every)]
    return "\r\n".join([*lines, "", ""]).encode()


def request(body: bytes, *more: tuple[str, str], target: str = PATH) -> bytes:
    """A whole signed request."""
    return head(len(body), [*signed(body), *more], target=target) + body


@dataclass(frozen=True)
class Got:
    """One answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """One raw connection of a sender; everything it waits for has a limit."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Write all of *data*."""
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            await self.writer.drain()

    async def answer(self, *, has_body: bool = True) -> Got:
        """Read one answer."""
        async with asyncio.timeout(PATIENCE_S):
            raw = await self.reader.readuntil(b"\r\n\r\n")
            first, *lines = raw.decode().strip().split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            length = int(headers.get("content-length", "0")) if has_body else 0
            return Got(int(first.split()[1]), headers, await self.reader.readexactly(length))

    async def ask(self, data: bytes) -> Got:
        """Send *data* and read one answer."""
        await self.send(data)
        return await self.answer()

    async def end(self) -> bytes:
        """Read to the end of what the listener sends; a reset raises."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()

    def reset(self) -> None:
        """Go away without a word."""
        self.writer.transport.abort()


class Public:
    """A running public listener with its parts."""

    def __init__(
        self,
        ingress: Ingress,
        listener: Listener,
        spool: LocalSpool,
        metrics: Metrics,
        refused: list[int],
    ) -> None:
        self.ingress = ingress
        self.listener = listener
        self.spool = spool
        self.metrics = metrics
        self.refused = refused
        self._peers: list[Peer] = []

    async def connect(self) -> Peer:
        """Open a connection; it is closed with the listener."""
        host, _, port = self.listener.address.rpartition(":")
        async with asyncio.timeout(PATIENCE_S):
            peer = Peer(*await asyncio.open_connection(host, int(port), limit=MIB))
        self._peers.append(peer)
        return peer

    async def ask(self, data: bytes) -> Got:
        """Send *data* over a connection of its own and read one answer."""
        return await (await self.connect()).ask(data)

    def counted(self, status: str, route: str = "a") -> float:
        """How many deliveries ended with *status*."""
        labels = {"route": route, "status": status}
        return self.metrics.registry.get_sample_value("relay_deliveries_total", labels) or 0.0

    @property
    def accepted(self) -> int:
        """How many deliveries the spool holds."""
        return self.spool.stats().accepted

    def hang_up(self) -> None:
        """Close what the test opened."""
        for peer in self._peers:
            peer.writer.close()


async def until(condition: Any) -> None:
    """Wait until *condition* holds, for a bounded time."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - conditions are plain functions of live numbers
            await asyncio.sleep(0.01)


@asynccontextmanager
async def public_at(
    folder: Path, *, spool: dict[str, Any] | None = None, app: Any = None, **server: Any
) -> AsyncIterator[Public]:
    """A listener on a free port over a real spool in *folder*; *app* stands in for ingress."""
    settled = config(folder, spool=spool, **server)
    metrics, clock = Metrics(), SystemClock()
    store = await LocalSpool.open(settled.spool, metrics=metrics, clock=clock)
    ingress = Ingress(settled, store, metrics, clock)
    refused: list[int] = []
    listener = Listener(
        "public",
        app or ingress,
        bind("127.0.0.1:0"),
        settled.server,
        count_refused=refused.append,
    )
    public = Public(ingress, listener, store, metrics, refused)
    listener.start()
    try:
        yield public
    finally:
        public.hang_up()
        await listener.close(2)
        await store.close()
