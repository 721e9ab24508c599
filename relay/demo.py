"""
The whole story on one machine: a local Adobe, the relay and signed traffic, as real processes.

Everything listens on free loopback ports, lives in a temporary folder and is taken down at the
end, however it ends.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from relay.audit import Audit, audit_deep
from relay.control import ControlClient
from relay.customerio.report import Report
from relay.customerio.simulator import Load, OnProgress, simulate
from relay.errors import ControlError, DemoFailed

_START_S = 30.0
_SETTLE_S = 120.0
_POLL_S = 0.05
_KEY = "DEMO_SIGNING_KEY"
_INLET_BYTES = 32
_DUPLICATES, _INVALID = 0.02, 0.01

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Account:
    """What the relay, the sender and the local Adobe each say at the end."""

    books: Audit
    sent: Report
    received: Mapping[str, Any]
    elapsed_s: float

    @property
    def adds_up(self) -> bool:
        """Whether the three agree: nothing missing, nothing twice, every event accounted for."""
        return (
            self.books.adds_up
            and self.books.pending == 0
            and bool(self.received["distinct"] == self.books.delivered)
            and self.received["duplicates"] == 0
        )

    def as_json(self) -> dict[str, Any]:
        """Give the account as one object; the eight counts are integers at the top level."""
        books = self.books.as_json()
        return {
            **{name: books[name] for name in ("accepted", *_ENDS, "pending")},
            "quarantined_by_reason": books["quarantined_by_reason"],
            "ack_p50_ms": round(self.sent.ack_p50_ms, 2),
            "ack_p99_ms": round(self.sent.ack_p99_ms, 2),
            "events_per_s": round(books["accepted"] / self.elapsed_s, 1),
            "received_by_adobe": self.received["distinct"],
            "received_twice": self.received["duplicates"],
            "adds_up": self.adds_up,
        }


_ENDS = ("delivered", "duplicate", "quarantined", "filtered", "discarded", "lost")


async def demo(events: int, *, tell: Tell, on_progress: OnProgress | None = None) -> Account:
    """
    Run it with at least *events* accepted; *tell* gets a line at each step.

    Raises:
        DemoFailed: a process did not start or events stayed pending; with the end of its log.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-demo-")))
        key = secrets.token_hex(16)
        adobe = await stack.enter_async_context(_emulator(folder))
        tell(f"a local Adobe listens on {adobe}")
        config = _write_config(folder, adobe)
        status = await stack.enter_async_context(_relay(folder, config, key))
        url = f"http://{status['listen']}/webhooks/customerio"
        tell(f"the relay listens on {url}")
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        load = Load(events=events, duplicates=_DUPLICATES, invalid=_INVALID)
        sent = await simulate(url, key, load, on_progress=on_progress)
        tell(f"{sent.acked} events were acknowledged; waiting until each has its end")
        await _until_settled(folder)
        elapsed_s = loop.time() - started_s
        async with httpx.AsyncClient(base_url=adobe) as client:
            received = (await client.get("/__emulator__/received")).json()
        books = await asyncio.to_thread(audit_deep, folder / "spool")
        return Account(books, sent, received, elapsed_s)


def _write_config(folder: Path, adobe: str) -> Path:
    path = folder / "relay.toml"
    path.write_text(
        f"""
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
lame_duck = "0s"
[spool]
path = "{folder / "spool"}"
[routes.demo]
signing_keys = ["env:{_KEY}"]
[routes.demo.inlet]
url = "{adobe}/collection/{secrets.token_hex(_INLET_BYTES)}"
flow_id = "d8a6f005-7eaf-4153-983e-e8574508b877"
batch_max_age = "50ms"
"""
    )
    return path


@asynccontextmanager
async def _emulator(folder: Path) -> AsyncIterator[str]:
    """Give the address of a local Adobe that lives as long as the context."""
    async with _process(folder / "adobe.log", "emulate", "--listen", "127.0.0.1:0") as child:
        assert child.stdout is not None
        try:
            async with asyncio.timeout(_START_S):
                line = (await child.stdout.readline()).decode()
        except TimeoutError:
            line = ""
        address = next((word for word in line.split() if word.startswith("http://")), "")
        if not address:
            raise _failed("the local Adobe did not start", folder / "adobe.log")
        yield address.rstrip("/")


@asynccontextmanager
async def _relay(folder: Path, config: Path, key: str) -> AsyncIterator[dict[str, Any]]:
    """Give the status of a relay that is ready and lives as long as the context."""
    log = folder / "relay.log"
    async with _process(log, "serve", "--config", str(config), env={_KEY: key}) as child:
        client = ControlClient(folder / "spool")
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + _START_S
        status: dict[str, Any] = {}
        while status.get("state") != "ready":
            if child.returncode is not None or loop.time() > deadline_s:
                raise _failed("the relay did not start", log)
            await asyncio.sleep(_POLL_S)
            with suppress(ControlError):
                status = await client.call("status")
        yield status


async def _until_settled(folder: Path) -> None:
    client = ControlClient(folder / "spool")
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _SETTLE_S
    while (await client.call("status"))["spool"]["pending"]:
        if loop.time() > deadline_s:
            raise _failed("events are still pending", folder / "relay.log")
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _process(
    log: Path, *words: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a relay command whose stderr goes to *log*; end it with the context."""
    with log.open("wb") as stream:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "relay",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=stream,
            env={**os.environ, **(env or {})},
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(child.wait(), _START_S)
            except TimeoutError:
                child.kill()
                await child.wait()


def _failed(what: str, log: Path) -> DemoFailed:
    last = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
    return DemoFailed(what, hint="its last lines were:\n  " + "\n  ".join(last))
