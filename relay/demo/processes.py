"""The processes of the story: relay commands whose end is the end of their context."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from relay.control import ControlClient
from relay.errors import ControlError, DemoFailed

START_S = 30.0
POLL_S = 0.05


def free_port() -> int:
    """Find a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def emulator(folder: Path, *words: str) -> AsyncIterator[str]:
    """
    Give the address of a local Adobe that lives as long as the context.

    Raises:
        DemoFailed: it did not start.
    """
    log = folder / "adobe.log"
    async with _process(log, "emulate", "--listen", "127.0.0.1:0", *words) as child:
        assert child.stdout is not None
        try:
            async with asyncio.timeout(START_S):
                line = (await child.stdout.readline()).decode()
        except TimeoutError:
            line = ""
        address = next((word for word in line.split() if word.startswith("http://")), "")
        if not address:
            raise failed("the local Adobe did not start", log)
        yield address.rstrip("/")


@asynccontextmanager
async def relay(
    folder: Path, config: Path, env: Mapping[str, str]
) -> AsyncIterator[ControlClient]:
    """
    Give the control socket of a relay that is ready and lives as long as the context.

    Raises:
        DemoFailed: it did not start.
    """
    log = folder / "relay.log"
    async with _process(log, "serve", "--config", str(config), env=env) as child:
        client = ControlClient(folder / "spool")
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + START_S
        status: dict[str, Any] = {}
        while status.get("state") != "ready":
            if child.returncode is not None or loop.time() > deadline_s:
                raise failed("the relay did not start", log)
            await asyncio.sleep(POLL_S)
            with suppress(ControlError):
                status = await client.call("status")
        yield client


@asynccontextmanager
async def _process(
    log: Path, *words: str, env: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """
    Run a relay command whose stderr goes to *log*; end it with the context.

    Settings of the environment stay behind: the image has some, and the story has its own.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
    with log.open("wb") as stream:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "relay",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=stream,
            env={**kept, **(env or {})},
        )
    try:
        yield child
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(child.wait(), START_S)
            except TimeoutError:
                child.kill()
                await child.wait()


def failed(what: str, log: Path) -> DemoFailed:
    """Make the error that says *what*, with the end of *log*."""
    last = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
    return DemoFailed(what, hint="its last lines were:\n  " + "\n  ".join(last))
