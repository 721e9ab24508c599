"""The life of the process: start, reload, drain, stop, and what it says when it cannot."""

from __future__ import annotations

import json
import resource
import signal
import socket
import subprocess
import time

import httpx
import loopback
import pytest
from stack import KEY, RELAY, Stack

from relay.customerio.signature import sign

pytestmark = pytest.mark.sockets


@pytest.fixture
def stack(tmp_path):
    """A relay whose inlet is away, ended with the test."""
    made = Stack(tmp_path, drain_timeout="500ms")
    yield made
    made.stop()


def deliver(client: httpx.Client, stack: Stack, number: int, key: str = KEY) -> httpx.Response:
    """Post one signed event."""
    body = b'{"event_id":"life-%d","object_type":"email","metric":"sent"}' % number
    stamp = str(int(time.time()))
    headers = {"x-cio-timestamp": stamp, "x-cio-signature": sign(key, stamp, body)}
    url = f"http://127.0.0.1:{stack.port}/webhooks/customerio"
    return client.post(url, content=body, headers=headers)


def until(condition, what: str) -> None:
    """Wait until *condition* holds."""
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.05)


def logged(stack: Stack, event: str) -> list[dict[str, object]]:
    """Every line of the relay's log with that event name."""
    lines = (stack.folder / "relay.log").read_text().splitlines()
    parsed = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in parsed if line["event"] == event]


def test_every_connection_finds_a_descriptor(stack):
    """A start, and a reload that lets in more, raise the limit of open files."""
    stack.start_relay("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh")

    def soft_limit() -> int:
        return resource.prlimit(stack.relay.pid, resource.RLIMIT_NOFILE)[0]

    assert soft_limit() > 2 * 1000
    text = stack.config.read_text()
    stack.config.write_text(text.replace("[server]", "[server]\nmax_connections = 1500"))
    stack.relay.send_signal(signal.SIGHUP)
    until(lambda: logged(stack, "reloaded"), "no reload")
    assert soft_limit() > 2 * 1500


def test_a_new_key_works_after_sighup_on_the_same_connection(stack):
    """SIGHUP reads keys again; no connection is dropped, and the old key is gone."""
    stack.start_relay()
    with loopback.Client() as client:
        assert deliver(client, stack, 1).status_code == 200
        before = str(client._transport._pool.connections)
        text = stack.config.read_text()
        stack.config.write_text(text.replace("env:TEST_SIGNING_KEY", f"file:{stack.folder}/new"))
        (stack.folder / "new").write_text("the-new-key\n")
        stack.relay.send_signal(signal.SIGHUP)
        until(lambda: logged(stack, "reloaded"), "no reload")
        assert deliver(client, stack, 2, "the-new-key").status_code == 200
        assert deliver(client, stack, 3).status_code == 401
        assert len(client._transport._pool.connections) == 1, before


def test_a_bad_configuration_is_refused_and_the_old_one_stays(stack):
    """SIGHUP with an unknown key or an unusable mapping changes nothing and says why."""
    stack.start_relay()
    good = stack.config.read_text()
    bad_mapping = stack.folder / "mapping.json"
    bad_mapping.write_text('{"mappings": [{"sourceAttribute": "a..b", "destination": "x"}]}')
    for number, text in enumerate(
        (
            good.replace("drain_timeout", "drain_timout"),
            good.replace("[routes.test]", f'[routes.test]\nmapping = "{bad_mapping}"'),
            good.replace(f"127.0.0.1:{stack.port}", "127.0.0.1:1"),
        ),
        1,
    ):
        stack.config.write_text(text)
        stack.relay.send_signal(signal.SIGHUP)
        until(lambda n=number: len(logged(stack, "reload_refused")) == n, "not refused")
    problems = [str(line["problem"]) for line in logged(stack, "reload_refused")]
    assert "drain_timout: unknown key, did you mean drain_timeout?" in problems[0]
    assert "row 1" in problems[1]
    assert "needs a restart: server.listen changed" in problems[2]
    with loopback.Client() as client:
        assert deliver(client, stack, 1).status_code == 200


def test_drain_ends_the_process_and_keeps_what_is_pending(stack):
    """`relay drain` stops the relay with exit code 0; what was not sent is there afterwards."""
    stack.start_relay()
    with loopback.Client() as client:
        assert deliver(client, stack, 1).status_code == 200
    code, answer = stack.command("drain")
    assert (code, answer["state"]) == (0, "draining")
    assert stack.relay.wait(30) == 0
    code, account = stack.command("audit", "--deep")
    assert code == 0
    assert account["pending"] == 1


def test_sigterm_ends_within_thirty_seconds_with_a_dead_inlet(stack):
    """An inlet that is away does not keep the process; the event is delivered after a restart."""
    stack.start_relay()
    with loopback.Client() as client:
        assert deliver(client, stack, 1).status_code == 200
    stack.relay.send_signal(signal.SIGTERM)
    assert stack.relay.wait(30) == 0
    stack.start_emulator()
    stack.start_relay()
    assert stack.wait_settled()["delivered"] == 1


def test_lame_duck_takes_and_closes(tmp_path):
    """After SIGTERM a delivery is still taken, its connection ends, and readiness fails first."""
    stack = Stack(tmp_path, lame_duck="3s", drain_timeout="500ms")
    try:
        stack.start_relay()
        stack.relay.send_signal(signal.SIGTERM)
        ready = f"http://127.0.0.1:{stack.admin}/readyz"
        until(lambda: loopback.get(ready).status_code == 503, "still ready")
        with loopback.Client() as client:
            answer = deliver(client, stack, 1)
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert stack.relay.wait(30) == 0
    finally:
        stack.stop()


def run(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a relay command to its end."""
    return subprocess.run(
        [*RELAY, *words, "--config", str(stack.config)],
        capture_output=True,
        text=True,
        env=stack.env,
        timeout=60,
        check=False,
    )


def test_a_second_relay_on_the_same_spool_is_refused(stack, tmp_path):
    """Two processes on one spool: the second says who holds it, and what to do."""
    stack.start_relay()
    other = Stack(tmp_path / "other")
    other.folder.mkdir()
    other.config.write_text(
        other.config.read_text().replace(str(other.folder / "spool"), str(stack.folder / "spool"))
    )
    done = run(other, "serve")
    assert done.returncode == 1
    assert f"is in use by process {stack.relay.pid}" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_said(stack):
    """A port that somebody else has is an error with the address in it, not a traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stack.port))
        taken.listen()
        done = run(stack, "serve")
    assert done.returncode == 1
    assert f"127.0.0.1:{stack.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_newer_spool_is_refused_with_a_sentence(stack):
    """A spool of a newer relay is not touched."""
    (stack.folder / "spool").mkdir()
    (stack.folder / "spool" / "version").write_text("99\n")
    done = run(stack, "serve")
    assert done.returncode == 1
    assert "has format 99, this relay knows 1" in done.stderr


def test_no_key_no_relay(stack):
    """Without a signing key the relay refuses to start: it would have to trust everybody."""
    stack.config.write_text(stack.config.read_text().replace('["env:TEST_SIGNING_KEY"]', "[]"))
    done = run(stack, "serve")
    assert done.returncode == 1
    assert "signing_keys" in done.stderr
    assert "at least one key" in done.stderr
