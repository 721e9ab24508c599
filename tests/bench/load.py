"""
A bounded load generator: pre-signed requests over keep-alive connections, ack times kept.

It is a process of its own so that its CPU time is not the server's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from functools import partial

import uvloop
from ulid import ULID

from relay.customerio.signature import sign

KEY = "bench-key"
PATH = "/webhooks/customerio"


def request(*, host: str) -> bytes:
    """One signed delivery of a typical size; its id is a ULID, as Customer.io's are."""
    now_s = int(time.time())
    body = (
        '{"event_id":"%s","object_type":"email","metric":"opened","timestamp":%d,'  # noqa: UP031
        '"data":{"action_id":42,"campaign_id":9,"customer_id":"0200000001",'
        '"delivery_id":"RPILAgUBcRhIBqSfeiIwdIYJKxTY","identifiers":{"id":"42",'
        '"email":"test@example.com","cio_id":"d9c106000001"},"journey_id":"01J2ABCDEF",'
        '"parent_action_id":7,"recipient":"test@example.com","subject":"Thanks for signing up",'
        '"trigger_event_id":"01E4C4CT6YDC7Y5M7FE1GWWPQJ","proxied":false}}'
    ) % (ULID(), now_s)
    raw = body.encode()
    stamp = str(now_s)
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"User-Agent: bench\r\nX-CIO-Timestamp: {stamp}\r\n"
        f"X-CIO-Signature: {sign(KEY, stamp, raw)}\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


class Sender(asyncio.Protocol):
    """One keep-alive connection that sends the next request when the last was answered."""

    def __init__(
        self,
        todo: list[bytes],
        acks_s: list[float],
        statuses: Counter[int],
        *,
        first_s: float,
        pause_s: float,
    ) -> None:
        self.todo = todo
        self.pause_s = pause_s
        self.due_s = first_s - pause_s
        self.acks_s = acks_s
        self.statuses = statuses
        self.buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._next()

    def _next(self) -> None:
        if not self.todo:
            self.transport.close()
            return
        if self.pause_s:
            self.due_s = max(self.due_s + self.pause_s, time.perf_counter() - 1.0)
            wait_s = self.due_s - time.perf_counter()
            if wait_s > 0:
                asyncio.get_running_loop().call_later(wait_s, self._send)
                return
        self._send()

    def _send(self) -> None:
        if not self.todo:
            self.transport.close()
            return
        self.sent_s = time.perf_counter()
        self.transport.write(self.todo.pop())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        at = lower.find(b"content-length:")
        if at >= 0:
            length = int(lower[at + 15 :].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
        elif not rest.endswith(b"0\r\n\r\n"):
            return
        self.buffer = b""
        self.acks_s.append(time.perf_counter() - self.sent_s)
        self.statuses[int(head[9:12])] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(args: argparse.Namespace) -> dict[str, object]:
    host = f"{args.host}:{args.port}"
    # Taken from the end: the oldest is sent first.
    todo = [request(host=host) for _ in range(args.events)][::-1]
    acks_s: list[float] = []
    statuses: Counter[int] = Counter()
    loop = asyncio.get_running_loop()
    pause_s = args.connections / args.rate if args.rate else 0.0
    started_s = time.perf_counter()
    senders = []
    for number in range(args.connections):
        # At a rate the senders take turns: together they would be a burst, again and again.
        first_s = started_s + pause_s * number / args.connections
        make = partial(Sender, todo, acks_s, statuses, first_s=first_s, pause_s=pause_s)
        _, sender = await loop.create_connection(make, args.host, args.port)
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    elapsed_s = time.perf_counter() - started_s
    acks_s.sort()
    return {
        "events": len(acks_s),
        "elapsed_s": elapsed_s,
        "per_s": len(acks_s) / elapsed_s,
        "p50_ms": acks_s[len(acks_s) // 2] * 1000,
        "p99_ms": acks_s[int(len(acks_s) * 0.99)] * 1000,
        "statuses": dict(statuses),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.0, help="events/s; 0: as fast as answered")
    args = parser.parse_args()
    json.dump(uvloop.run(run(args)), sys.stdout)


if __name__ == "__main__":
    main()
