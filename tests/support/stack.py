"""
A whole relay and a local Adobe as real processes, a signed sender, and the accounts of both.

Everything listens on loopback and ends with the test.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import loopback
from in_process import Said, said
from typer.testing import CliRunner

from relay.cli.app import build
from relay.control import ControlClient
from relay.customerio.signature import sign

KEY = "test-signing-key"
FLOW = "d8a6f005-7eaf-4153-983e-e8574508b877"
INLET = "9b0cb233972f3b0092992284c7353f5eead496218e8441a79b25e9421ea127f5"
RELAY = (sys.executable, "-m", "relay")


# Each worker of a run has ports of its own, below those that the system gives to who connects: one
# of these may be the near end of another test's connection by the time that a relay binds it.
_FIRST_PORT = 10_000
_PORTS = 2_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 11
_chosen = count(secrets.randbelow(_PORTS))


def free_port() -> int:
    """A port that nobody has now, and that was not given away lately."""
    while True:
        port = _FIRST_PORT + _WORKER * _PORTS + next(_chosen) % _PORTS
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class Stack:
    """One relay, one emulator, one folder."""

    folder: Path
    lame_duck: str = "0s"
    drain_timeout: str = "5s"
    extra: str = ""
    # Small, because an audit and a start read the zeros that a segment ends with.
    segment_bytes: str = "2MiB"
    inlet: str = INLET
    relay: subprocess.Popen[bytes] | None = None
    emulator: subprocess.Popen[bytes] | None = None
    port: int = field(default_factory=free_port)
    admin: int = field(default_factory=free_port)
    adobe: int = field(default_factory=free_port)

    @property
    def config(self) -> Path:
        """The configuration file, written once."""
        path = self.folder / "relay.toml"
        if not path.exists():
            path.write_text(
                f"""
[server]
listen = "127.0.0.1:{self.port}"
admin_listen = "127.0.0.1:{self.admin}"
lame_duck = "{self.lame_duck}"
drain_timeout = "{self.drain_timeout}"
[spool]
path = "{self.folder / "spool"}"
segment_bytes = "{self.segment_bytes}"
[log]
format = "json"
[routes.test]
signing_keys = ["env:TEST_SIGNING_KEY"]
[routes.test.inlet]
url = "http://127.0.0.1:{self.adobe}/collection/{self.inlet}"
flow_id = "{FLOW}"
retry_max_delay = "500ms"
probe_interval = "200ms"
batch_max_age = "50ms"
{self.extra}
"""
            )
        return path

    @property
    def env(self) -> dict[str, str]:
        """What the relay's processes need of the environment."""
        return {**os.environ, "TEST_SIGNING_KEY": KEY}

    def start_emulator(self) -> None:
        """Start the local Adobe and wait until it listens."""
        with (self.folder / "emulator.log").open("ab") as log:
            self.emulator = subprocess.Popen(
                [*RELAY, "emulate", "--listen", f"127.0.0.1:{self.adobe}"], stdout=log, stderr=log
            )
        self._wait(f"http://127.0.0.1:{self.adobe}/__emulator__/received", self.emulator)

    def start_relay(self, *prefix: str) -> None:
        """Start the relay, under *prefix* if given, and wait until it is ready."""
        with (self.folder / "relay.log").open("ab") as log:
            self.relay = subprocess.Popen(
                [*prefix, *RELAY, "serve", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env=self.env,
            )
        self._wait(f"http://127.0.0.1:{self.admin}/readyz", self.relay)

    def _wait(self, url: str, child: subprocess.Popen[bytes]) -> None:
        deadline_s = time.monotonic() + 30
        while time.monotonic() < deadline_s:
            if child.poll() is not None:
                raise AssertionError(f"process ended with {child.returncode}\n{self.logs()}")
            try:
                if loopback.get(url, timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{url} did not answer\n{self.logs()}")

    def logs(self) -> str:
        """The last lines of both logs."""
        return "\n".join(
            path.read_text(errors="replace")[-3000:] for path in sorted(self.folder.glob("*.log"))
        )

    def kill_relay(self) -> None:
        """End the relay as power loss would, as far as a process can."""
        assert self.relay is not None
        self.relay.send_signal(signal.SIGKILL)
        self.relay.wait()

    def stop(self) -> None:
        """End both processes, politely first."""
        for child in (self.relay, self.emulator):
            if child is None or child.poll() is not None:
                continue
            child.terminate()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def faults(self, *faults: dict[str, Any]) -> None:
        """Tell the emulator to misbehave; none: to behave."""
        url = f"http://127.0.0.1:{self.adobe}/__emulator__/faults"
        loopback.delete(url, timeout=10).raise_for_status()
        for fault in faults:
            loopback.post(url, json=fault, timeout=10).raise_for_status()

    def received(self) -> dict[str, int]:
        """How often the emulator took each event id."""
        answer = loopback.get(
            f"http://127.0.0.1:{self.adobe}/__emulator__/received",
            params={"ids": "true"},
            timeout=30,
        )
        return dict(answer.json()["ids"])

    def readyz(self) -> dict[str, Any]:
        """The body of the running relay's `/readyz`."""
        answer = loopback.get(f"http://127.0.0.1:{self.admin}/readyz", timeout=10)
        return dict(answer.json())

    def metric(self, name: str) -> float:
        """The sum of one metric's samples at the running relay."""
        text = loopback.get(f"http://127.0.0.1:{self.admin}/metrics", timeout=10).text
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
        assert found, f"no metric {name}"
        return sum(map(float, found))

    def wait_for(self, holds: Callable[[], bool], what: str, limit_s: float = 30) -> None:
        """Wait until *holds*; *what* says in the failure what never came."""
        deadline_s = time.monotonic() + limit_s
        while not holds():
            assert time.monotonic() < deadline_s, f"{what} never came\n{self.logs()}"
            time.sleep(0.1)

    def ids_on_disk(self, prefix: str) -> set[str]:
        """Every event id with *prefix* in the bytes of the log, read without the relay's code."""
        pattern = re.compile(rb'"event_id": "(' + prefix.encode() + rb'\d{10})"')
        return {
            found.decode()
            for path in (self.folder / "spool" / "log").glob("*.log")
            for found in pattern.findall(path.read_bytes())
        }

    def command(self, *words: str) -> tuple[int, Any]:
        """Run a relay command with --json in this process; its exit code and parsed output."""
        given = [*words, "--config", str(self.config), "--json"]
        done = CliRunner().invoke(build(words[:1]), given, env=self.env)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, json.loads(done.stdout)

    def said(self, *words: str) -> Said:
        """Run a relay command in this process: how it ends, and what a person would read."""
        return said([*words, "--config", str(self.config)], self.env)

    def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask the running relay over its control socket, without a process of its own."""
        client = ControlClient(self.folder / "spool")
        return asyncio.run(client.call(verb, **arguments))

    def wait_settled(self, limit_s: float = 60) -> dict[str, Any]:
        """Wait until nothing is pending; the account of `relay audit`."""
        deadline_s = time.monotonic() + limit_s
        while True:
            code, account = self.command("audit")
            assert code == 0, account
            if account["pending"] == 0:
                return dict(account)
            assert time.monotonic() < deadline_s, f"still pending: {account}\n{self.logs()}"
            time.sleep(0.2)


class Sender:
    """Customer.io as far as it matters here: signed, keep-alive, repeats what was not answered."""

    def __init__(self, port: int, *, prefix: str) -> None:
        self.port = port
        self.prefix = prefix
        self.acked: set[str] = set()
        self.refused = 0
        self.attempts = 0
        self._number = 0
        self.stopped = asyncio.Event()

    def _body(self) -> tuple[str, bytes]:
        self._number += 1
        event_id = f"{self.prefix}{self._number:010d}"
        event = {
            "event_id": event_id,
            "object_type": "email",
            "metric": "delivered",
            "timestamp": int(time.time()),
            "data": {"identifiers": {"id": "42", "email": "test@example.com", "cio_id": "d9c1"}},
        }
        return event_id, json.dumps(event).encode()

    async def run(self, *, connections: int, per_s: float) -> None:
        """Send until `stopped`; each connection repeats an event until it is answered 2xx."""
        pause_s = connections / per_s
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(self._one(pause_s))

    async def _one(self, pause_s: float) -> None:
        line = _Line(self.port)
        try:
            while not self.stopped.is_set():
                event_id, body = self._body()
                await self._until_acked(line, event_id, body)
                await asyncio.sleep(pause_s)
        finally:
            line.close()

    async def _until_acked(self, line: _Line, event_id: str, body: bytes) -> None:
        while True:
            self.attempts += 1
            try:
                async with asyncio.timeout(4):
                    status = await line.post(body)
            except (OSError, EOFError):
                line.close()
                self.refused += 1
            else:
                if status == 200:
                    self.acked.add(event_id)
                    return
                self.refused += 1
            if self.stopped.is_set():
                return
            await asyncio.sleep(0.1)


class _Line:
    """One keep-alive connection of the sender, opened again when it has ended."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, body: bytes) -> int:
        """Post *body* signed; the status. OSError or EOFError: it is not known to have come."""
        if self._reader is None or self._writer is None or self._reader.at_eof():
            self.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        reader, stamp = self._reader, str(int(time.time()))
        self._writer.write(
            b"POST /webhooks/customerio HTTP/1.1\r\nhost: t\r\ncontent-length: %d\r\n"
            b"x-cio-timestamp: %s\r\nx-cio-signature: %s\r\n\r\n%s"
            % (len(body), stamp.encode(), sign(KEY, stamp, body).encode(), body)
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
        if b"connection: close" in head:
            self.close()
        return int(head.split()[1])

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
