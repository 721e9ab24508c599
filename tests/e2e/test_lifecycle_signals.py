"""Signals that come early, settings that come back, and commands that find no relay."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import loopback
import pytest
from spool_kit import envelope, spool_at, take
from stack import KEY, RELAY, Stack

from relay.control import ControlClient
from relay.customerio.signature import sign
from relay.envelope import Envelope
from relay.errors import ControlError
from relay.metrics import Metrics
from relay.outcome import Outcome
from relay.service.strays import Strays
from relay.spool.lock import Lock

pytestmark = pytest.mark.sockets

TAKEN = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def stack(tmp_path):
    """A relay whose inlet is away, ended with the test."""
    made = Stack(tmp_path, drain_timeout="0s")
    yield made
    made.stop()


def until(condition, what: str) -> None:
    """Wait until *condition* holds."""
    deadline_s = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


def started(stack: Stack, *, passing: socket.socket | None = None) -> subprocess.Popen[bytes]:
    """Start the relay, with a socket for it to inherit, and do not wait for anything."""
    words, fds, env = [*RELAY, "serve", "--config", str(stack.config)], (), stack.env
    if passing is not None:
        fds = (passing.fileno(),)
        words = ["bash", "-c", f'exec "$@" 3<&{fds[0]}', "bash", *words]
        env = {**env, "LISTEN_FDS": "1"}
    with (stack.folder / "relay.log").open("ab") as log:
        stack.relay = subprocess.Popen(words, stdout=log, stderr=log, env=env, pass_fds=fds)
    return stack.relay


def started_on_a_silent_disk(stack: Stack) -> tuple[subprocess.Popen[bytes], Path]:
    """Start the relay on a spool whose version, a pipe, is read once somebody writes it."""
    version = stack.folder / "spool" / "version"
    version.parent.mkdir(mode=0o700)
    os.mkfifo(version)
    relay = started(stack)
    until(lambda: is_listening(stack.admin), "never bound")
    return relay, version


def holds_signals(pid: int) -> bool:
    """Whether the process has put off what ends it, long before it can take it."""
    status = Path(f"/proc/{pid}/status").read_text()
    blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    return all(blocked >> (number - 1) & 1 for number in TAKEN)


def logged(stack: Stack) -> list[str]:
    """The event names of the relay's log."""
    lines = (stack.folder / "relay.log").read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def request(port: int, number: int) -> httpx.Response:
    """Post one signed event."""
    body = b'{"event_id":"early-%d","object_type":"email","metric":"sent"}' % number
    stamp = str(int(time.time()))
    return loopback.post(
        f"http://127.0.0.1:{port}/webhooks/customerio",
        content=body,
        headers={"x-cio-timestamp": stamp, "x-cio-signature": sign(KEY, stamp, body)},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_importing_waits_until_it_can_be_taken(stack, number):
    """A stop in the first moments ends the relay well; as process 1 it would go unheard."""
    relay = started(stack)
    until(lambda: holds_signals(relay.pid), "signals were never put off")
    relay.send_signal(number)
    assert relay.wait(30) == 0, stack.logs()
    assert logged(stack) == ["relay_stopped"]


def test_a_hangup_while_importing_kills_nobody(stack):
    """SIGHUP in the first moments is a reload once all is open."""
    relay = started(stack)
    until(lambda: holds_signals(relay.pid), "signals were never put off")
    relay.send_signal(signal.SIGHUP)
    until(lambda: "reloaded" in logged(stack), "never reloaded")
    assert relay.poll() is None
    assert logged(stack) == ["relay_ready", "reloaded"]


def test_a_stop_while_the_spool_opens_is_answered_503_and_close(stack):
    """Who comes to a relay that is stopped before it was ready is told to go elsewhere."""
    relay, version = started_on_a_silent_disk(stack)
    assert stack.readyz()["status"] == "starting"
    url = f"http://127.0.0.1:{stack.port}/healthz"
    answer = loopback.get(url)
    assert (answer.status_code, answer.headers.get("connection")) == (503, None)
    relay.send_signal(signal.SIGTERM)
    until(lambda: loopback.get(url).headers.get("connection") == "close", "not told to go")
    assert stack.readyz()["status"] == "draining"
    assert request(stack.port, 1).status_code == 503
    with version.open("w") as pipe:
        pipe.write("1\n")
    assert relay.wait(30) == 0, stack.logs()
    assert logged(stack) == ["relay_stopping", "relay_drained", "relay_stopped"]


def test_a_stop_while_another_process_has_the_spool_is_seen_by_nobody(stack):
    """The next process leaves the queue that they share to the other one, and ends well."""
    (stack.folder / "spool").mkdir(mode=0o700)
    held = Lock(stack.folder / "spool")
    with (
        socket.create_server(("127.0.0.1", 0)) as queue,
        socket.create_connection(queue.getsockname()) as sender,
    ):
        sender.sendall(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n")
        relay = started(stack, passing=queue)
        until(lambda: holds_signals(relay.pid), "signals were never put off")
        until(lambda: not holds_signals(relay.pid), "signals were never taken")
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(30) == 0, stack.logs()
        sender.setblocking(False)
        with pytest.raises(BlockingIOError):
            sender.recv(1)
    held.release()
    assert logged(stack) == ["relay_stopped"]


@pytest.mark.parametrize("redirect", ["2> /dev/full", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_log_that_cannot_be_written_stops_nothing(stack, redirect):
    """A full disk behind the log, or no log at all: deliveries, a reload and the end go well."""
    words = " ".join([*RELAY, "serve", "--config", str(stack.config)])
    stack.relay = subprocess.Popen(["/bin/sh", "-c", f"exec {words} {redirect}"], env=stack.env)
    until(lambda: is_listening(stack.admin), "never bound")
    until(lambda: stack.readyz()["status"] == "ready", "never ready")
    assert request(stack.port, 1).status_code == 200
    stack.relay.send_signal(signal.SIGHUP)
    # Until the first reload the metric has no sample.
    metrics = f"http://127.0.0.1:{stack.admin}/metrics"
    until(lambda: "\nrelay_reloads_total{" in loopback.get(metrics).text, "never reloaded")
    assert stack.metric("relay_reloads_total") == 1
    stack.relay.send_signal(signal.SIGTERM)
    assert stack.relay.wait(30) == 0
    assert stack.command("audit", "--deep")[1]["accepted"] == 1


@pytest.mark.prove
@pytest.mark.timeout(90)
def test_a_disk_that_never_answers_is_left_inside_thirty_seconds(stack):
    """Opening that hangs does not keep the process: it says so and exits with 1."""
    relay, _ = started_on_a_silent_disk(stack)
    assert stack.readyz()["status"] == "starting"
    relay.send_signal(signal.SIGTERM)
    assert relay.wait(30) == 1
    assert logged(stack) == ["relay_forced_out"]


def is_listening(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def test_a_stop_sends_what_the_spool_has(tmp_path):
    """Forward reads on while it drains: with an inlet that takes events nothing is left."""
    small = "batch_max_records = 10\nmax_in_flight = 1"
    stack = Stack(tmp_path, drain_timeout="20s", extra=small)
    bodies = [
        b'{"event_id":"backlog-%d","object_type":"email","metric":"sent"}' % number
        for number in range(1000)
    ]
    async with spool_at(tmp_path / "spool") as spool:
        await spool.append([Envelope("test", time.time(), (), body) for body in bodies])
    try:
        stack.start_relay()
        # Ten times as much as a route holds, and nobody to send it to until the drain has begun.
        stack.relay.send_signal(signal.SIGTERM)
        until(lambda: "relay_stopping" in logged(stack), "never stopping")
        stack.start_emulator()
        assert stack.relay.wait(30) == 0
        code, account = stack.command("audit", "--deep")
        assert (code, account["delivered"], account["pending"]) == (0, 1000, 0)
    finally:
        stack.stop()


def test_a_route_that_comes_back_by_a_reload_has_its_events(stack):
    """What was posted to a route is forwarded again once a reload names it, none quarantined."""
    good = stack.config.read_text()
    stack.start_relay()
    assert request(stack.port, 1).status_code == 200
    stack.stop()
    stack.config.write_text(good.replace("routes.test", "routes.other"))
    stack.start_emulator()
    stack.start_relay()
    until(lambda: "route_unknown" in logged(stack), "the stray was not quarantined")
    stack.config.write_text(good)
    stack.relay.send_signal(signal.SIGHUP)
    until(lambda: "reloaded" in logged(stack), "no reload")
    # One at a time: each had its chance to be taken by the wrong reader.
    for number in range(2, 22):
        assert request(stack.port, number).status_code == 200
    account = stack.wait_settled()
    assert (account["quarantined"], account["delivered"]) == (1, 20)


def test_a_log_level_is_taken_by_a_reload(stack):
    """What the log shows follows the settings without a restart."""
    text = stack.config.read_text()
    stack.config.write_text(text.replace('format = "json"', 'format = "json"\nlevel = "error"'))
    stack.start_relay()
    assert logged(stack) == []
    stack.config.write_text(text)
    stack.relay.send_signal(signal.SIGHUP)
    until(lambda: logged(stack) == ["reloaded"], "the level did not change")


async def test_strays_are_left_with_what_was_read_given_back(tmp_path):
    """An entry that the stray reader holds is settled or given out again, never both."""
    async with spool_at(tmp_path / "spool") as spool:
        await spool.append([envelope(number, route="gone") for number in range(500)])
        strays = Strays(spool, Metrics())
        task = asyncio.create_task(strays.run({"other"}))
        for _ in range(100_000):
            if spool.stats().outcomes[Outcome.QUARANTINED]:
                break
            await asyncio.sleep(0)
        await strays.leave({"gone"})
        await task
        quarantined = spool.stats().outcomes[Outcome.QUARANTINED]
        rest = await take(spool, 500 - quarantined, route="gone")
        assert [one.position for one in rest] == list(range(quarantined + 1, 501))


async def test_strays_that_are_named_before_they_are_found_are_left(tmp_path):
    """A reload that names a route while the strays are looked for keeps it out of quarantine."""
    async with spool_at(tmp_path / "spool") as spool:
        await spool.append([envelope(1, route="back")])
        strays = Strays(spool, Metrics())
        task = asyncio.create_task(strays.run(set()))
        await strays.leave({"back"})
        await task
        assert spool.stats().pending == 1


async def test_who_does_not_answer_is_said(tmp_path):
    """No spool, a spool without a relay, a relay without its control socket: a sentence each."""
    client = ControlClient(tmp_path / "spool")
    with pytest.raises(ControlError, match="there is no spool at"):
        await client.call("drain")
    async with spool_at(tmp_path / "spool"):
        pass
    with pytest.raises(ControlError, match="no relay is running on the spool"):
        await client.call("drain")
    lock = Lock(tmp_path / "spool")
    with pytest.raises(ControlError, match="process that holds the spool"):
        await client.call("drain")
    lock.release()
