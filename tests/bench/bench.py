"""
``make bench``: what the relay costs, as ratios to a bare application, in interleaved rounds.

CPU time is the server process's own, from /proc, so neither the load generator nor the stub inlet
counts. In a round all three servers run and are sent bursts in turn; a ratio is of two bursts that
followed each other. Every figure is a median over all bursts or rounds, with its spread.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from load import request

from relay.clock import SystemClock
from relay.config import SpoolConfig
from relay.envelope import Envelope
from relay.metrics import Metrics
from relay.spool.local import LocalSpool

HERE = Path(__file__).parent
Figures = dict[str, list[float]]
# So many bursts a round and server, one after the other.
_TURNS = 5


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_s(pid: int) -> float:
    """The time that all threads of one process have had a processor, in seconds."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


def rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def process(
    *command: str, port: int, env: dict[str, str] | None = None, ready: str = ""
) -> Iterator[int]:
    """Run *command* until it listens on *port* and, if given, *ready* answers 200."""
    child = subprocess.Popen(command, env={**os.environ, **(env or {})})
    try:
        wait_for(port, child)
        if ready:
            wait_ready(f"http://127.0.0.1:{port}{ready}")
        yield child.pid
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(35)
        except subprocess.TimeoutExpired:
            child.kill()


def wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            raise SystemExit(f"the server ended with {child.returncode} before it listened")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def wait_ready(url: str) -> None:
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.01)
    raise SystemExit(f"{url} does not answer 200")


def load(port: int, **options: object) -> dict[str, float]:
    arguments = [f"--{name}={value}" for name, value in options.items()]
    answer = subprocess.run(
        [sys.executable, str(HERE / "load.py"), "--port", str(port), *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
    )
    return dict(json.loads(answer.stdout))


def relay_config(folder: Path, port: int, admin: int, inlet: int, mode: str = "batch") -> Path:
    path = folder / f"relay-{mode}.toml"
    path.write_text(
        f"""
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:{admin}"
lame_duck = "0s"
[spool]
path = "{folder / "spool"}"
[log]
level = "warning"
[routes.bench]
signing_keys = ["env:BENCH_KEY"]
[routes.bench.inlet]
url = "http://127.0.0.1:{inlet}/collection/abc"
flow_id = "flow"
mode = "{mode}"
"""
    )
    return path


def pending(admin: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("relay_spool_pending"):
                return float(line.split()[-1])
    raise SystemExit("/metrics has no relay_spool_pending")


def wait_drained(pid: int, admin: int, limit_s: float = 120) -> float:
    """
    Wait until nothing is pending; give the relay's CPU time until then.

    Each look is a scrape, whose cost the relay's CPU time has, but for the last one.
    """
    deadline_s = time.monotonic() + limit_s
    spent_s = cpu_s(pid)
    while pending(admin) > 0:
        if time.monotonic() > deadline_s:
            raise SystemExit(f"{pending(admin):.0f} events still pending after {limit_s} s")
        time.sleep(0.1)
        spent_s = cpu_s(pid)
    return spent_s


@dataclass(frozen=True)
class Server:
    """One of the servers that are compared; *admin* is its admin port, 0 when it has none."""

    kind: str
    pid: int
    port: int
    admin: int = 0

    def burst(self, events: int, figures: Figures) -> float:
        """Send *events* over 64 connections; give the rate."""
        before_s = cpu_s(self.pid)
        full = load(self.port, events=events, connections=64)
        if self.admin:
            # The last batch closes by its age; looking for it sooner would only cost.
            time.sleep(0.4)
            after_s = wait_drained(self.pid, self.admin)
        else:
            after_s = cpu_s(self.pid)
        figures[f"{self.kind} cpu_us"].append((after_s - before_s) / events * 1e6)
        figures[f"{self.kind} events_per_s"].append(full["per_s"])
        figures[f"{self.kind} p50_ms_64"].append(full["p50_ms"])
        figures[f"{self.kind} p99_ms_64"].append(full["p99_ms"])
        return full["per_s"]

    def apart(self, events: int, full_rate: float, figures: Figures) -> None:
        """Send *events* over one connection, then ten times as many at half of *full_rate*."""
        one = load(self.port, events=events, connections=1)
        figures[f"{self.kind} p50_ms_1"].append(one["p50_ms"])
        figures[f"{self.kind} p99_ms_1"].append(one["p99_ms"])
        half = load(self.port, events=events * 10, rate=full_rate / 2)
        figures[f"{self.kind} p99_ms_half_rate"].append(half["p99_ms"])
        figures[f"{self.kind} rss_mib"].append(rss_mib(self.pid))


def one_round(args: argparse.Namespace, figures: Figures) -> None:
    """Bare, append and everything: bursts in turn, so that all meet the same noise."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-bench-")))
        servers = list(started(stack, folder))
        for server in servers:
            load(server.port, events=2000, connections=8)
        rates: dict[str, list[float]] = defaultdict(list)
        for _ in range(_TURNS):
            for server in servers:
                rates[server.kind].append(server.burst(args.events // _TURNS, figures))
        for server in servers:
            server.apart(args.events // 20, statistics.median(rates[server.kind]), figures)


def started(stack: ExitStack, folder: Path) -> Iterator[Server]:
    """Start the three servers, and a stub inlet, for as long as *stack* is open."""
    run = (sys.executable, str(HERE / "servers.py"))
    port = free_port()
    pid = stack.enter_context(process(*run, "bare", str(port), port=port))
    yield Server("bare", pid, port)
    port = free_port()
    pid = stack.enter_context(process(*run, "append", str(port), str(folder / "a"), port=port))
    yield Server("append", pid, port)
    stub, port, admin = free_port(), free_port(), free_port()
    config = relay_config(folder, port, admin, stub)
    stack.enter_context(process(*run, "stub", str(stub), port=stub))
    pid = stack.enter_context(relay(config, admin))
    yield Server("everything", pid, port, admin)


@contextmanager
def relay(config: Path, admin: int) -> Iterator[int]:
    command = (sys.executable, "-m", "relay", "serve", "--config", str(config))
    env = {"BENCH_KEY": "bench-key"}
    with process(*command, port=admin, env=env, ready="/readyz") as pid:
        yield pid


async def fill(folder: Path, events: int) -> None:
    """Append *events* to a spool that nobody reads yet."""
    spool = await LocalSpool.open(
        SpoolConfig(path=str(folder)), metrics=Metrics(), clock=SystemClock()
    )
    step = 2000
    for start in range(0, events, step):
        await spool.append(
            [
                Envelope(
                    "bench",
                    time.time(),
                    (("content-type", "application/json"),),
                    request(host="h").partition(b"\r\n\r\n")[2],
                )
                for _ in range(min(step, events - start))
            ]
        )
    await spool.close()


def drain(args: argparse.Namespace, figures: Figures, *, mode: str, events: int) -> None:
    """Start a relay on a backlog of *events* and time it until nothing is pending."""
    with tempfile.TemporaryDirectory(prefix="relay-bench-") as name:
        folder = Path(name)
        asyncio.run(fill(folder / "spool", events))
        stub, port, admin = free_port(), free_port(), free_port()
        config = relay_config(folder, port, admin, stub, mode)
        servers = str(HERE / "servers.py")
        with (
            process(sys.executable, servers, "stub", str(stub), port=stub),
            relay(config, admin) as pid,
        ):
            first, started_s, cpu_before_s = pending(admin), time.monotonic(), cpu_s(pid)
            after_s = wait_drained(pid, admin)
            elapsed_s = time.monotonic() - started_s
            figures[f"drain {mode} events_per_s"].append(first / elapsed_s)
            figures[f"drain {mode} cpu_us"].append((after_s - cpu_before_s) / first * 1e6)


def report(figures: Figures) -> None:
    print(f"{'figure':34} {'median':>10} {'min':>10} {'max':>10}  rounds")
    for name, values in figures.items():
        middle = statistics.median(values)
        print(f"{name:34} {middle:10.2f} {min(values):10.2f} {max(values):10.2f}  {len(values)}")
    base = figures["bare cpu_us"]
    for kind, aim in (("append", 1.7), ("everything", 2.1)):
        ratios = [cost / bare for cost, bare in zip(figures[f"{kind} cpu_us"], base, strict=True)]
        middle = statistics.median(ratios)
        print(
            f"CPU ratio {kind} / bare: {middle:.2f} ({min(ratios):.2f}-{max(ratios):.2f}), "
            f"aim {aim}: {'met' if middle <= aim else 'NOT met'}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--backlog", type=int, default=200_000)
    parser.add_argument("--single", type=int, default=5_000)
    args = parser.parse_args()
    figures: Figures = defaultdict(list)
    for number in range(args.rounds):
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
        one_round(args, figures)
        drain(args, figures, mode="batch", events=args.backlog)
        drain(args, figures, mode="single", events=args.single)
    report(figures)


if __name__ == "__main__":
    main()
