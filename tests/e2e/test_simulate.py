"""Simulated traffic over loopback, against servers that answer well, badly or not at all."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress

import pytest
from in_process import said

from relay.customerio.connection import Connection
from relay.customerio.redelivery import Answer, Failure
from relay.customerio.request import Target, signed_request
from relay.customerio.signature import verify
from relay.customerio.simulator import Load, simulate

pytestmark = pytest.mark.sockets

KEY = "test-signing-key"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
HOUR_IS_20_MS = 180_000.0


def status(code, *headers):
    """An answer with *code*."""
    lines = [f"HTTP/1.1 {code} Status", "Content-Length: 0", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Scripted:
    """
    A server on loopback; *script* says what the number of a call, from 0, is answered with.

    Bytes are sent; ``"hang"`` never answers, ``"eof"`` closes, ``"reset"`` resets, and
    ``"idle"`` answers well and closes afterwards without having said so.
    """

    def __init__(self, script):
        self.script = script
        self.calls = []
        self.called = asyncio.Event()
        self.closed = asyncio.Event()
        self.connections = 0
        self.under_way = 0
        self.most_under_way = 0

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self.closed.set()

    async def _one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await reader.readexactly(int(headers["content-length"]))
        stamp, signature = headers["x-cio-timestamp"], headers["x-cio-signature"]
        assert verify([KEY], stamp, body, signature) == 0
        number = len(self.calls)
        self.calls.append(body)
        self.called.set()
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        action = self.script(number)
        try:
            if action == "hang":
                await reader.read()
                return False
            # Whoever else wants to call does so now.
            await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        if action == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if action == "eof":
            return False
        writer.write(OK if action == "idle" else action)
        await writer.drain()
        return action != "idle"


@asynccontextmanager
async def serving(script):
    """A scripted server, and its address."""
    scripted = Scripted(script)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield scripted, f"http://127.0.0.1:{port}/webhooks/customerio"
        server.close()


def first(*actions):
    """A script: these, then good answers."""
    return lambda number: actions[number] if number < len(actions) else OK


async def test_all_acknowledged():
    """Every post is acknowledged once, correctly signed, over kept connections."""
    load = Load(events=400, duplicates=0.05, invalid=0.1, connections=4)
    async with serving(first()) as (server, url):
        report = await simulate(url, KEY, load)
    assert report.is_complete
    assert (report.acked, report.calls, report.retries) == (400, 400, 0)
    assert report.repeats == 20
    assert sum(report.invalid.values()) == 40
    assert report.statuses == {"200": 400}
    assert 0 < report.ack_p50_ms <= report.ack_p90_ms <= report.ack_p99_ms <= report.ack_max_ms
    assert server.connections == 4
    assert len(set(report.acked_ids)) == len(report.acked_ids) == 340
    times_seen = Counter(server.calls)
    assert sum(times_seen.values()) == 400
    sent = {json.loads(body)["event_id"] for body in times_seen if _is_readable(body)}
    assert sent >= set(report.acked_ids)


def _is_readable(body):
    try:
        return isinstance(json.loads(body).get("event_id"), str)
    except (ValueError, AttributeError):
        return False


async def test_head_of_line():
    """In serial mode one call is under way, and a failing event holds back all later ones."""
    bad = {5: status(503), 6: status(500), 7: status(404), 8: status(302, "Location: /x")}
    load = Load(events=20, serial=True, speed=HOUR_IS_20_MS)
    async with serving(lambda number: bad.get(number, OK)) as (server, url):
        report = await simulate(url, KEY, load)
    assert report.is_complete
    assert server.most_under_way == 1
    assert server.connections == 1
    assert report.retries == 4
    assert report.statuses == {"200": 20, "302": 1, "404": 1, "500": 1, "503": 1}
    assert server.calls[5:10] == [server.calls[5]] * 5
    in_order = list(dict.fromkeys(server.calls))
    assert [json.loads(body)["event_id"] for body in in_order] == list(report.acked_ids)


async def test_concurrent():
    """With several connections as many calls are under way, and one failing event blocks one."""
    load = Load(events=100, connections=8, speed=HOUR_IS_20_MS)
    async with serving(first(status(500))) as (server, url):
        report = await simulate(url, KEY, load)
    assert report.is_complete
    assert server.most_under_way == 8
    assert server.calls.index(server.calls[0], 1) > 8


async def test_timeout():
    """A call without an answer in time is called again, over another connection."""
    load = Load(events=3, serial=True, timeout_s=0.5, speed=HOUR_IS_20_MS)
    async with serving(first("hang")) as (server, url):
        report = await simulate(url, KEY, load)
    assert report.is_complete
    assert report.statuses == {"200": 3, "timeout": 1}
    assert server.connections == 2


@pytest.mark.parametrize("action", ["eof", "reset"])
async def test_broken(action):
    """A connection that breaks during a call is told apart, and the event is called again."""
    load = Load(events=3, serial=True, speed=HOUR_IS_20_MS)
    async with serving(first(OK, action)) as (server, url):
        report = await simulate(url, KEY, load)
    assert report.is_complete
    assert report.statuses == {"200": 3, action: 1}
    assert server.calls[1] == server.calls[2]


async def test_idle_close():
    """A connection that was closed while idle costs no call."""
    async with serving(first("idle")) as (server, url):
        connection = Connection(Target.parse(url), timeout_s=4)
        assert await connection.call(_request(url)) == Answer(200)
        await server.closed.wait()
        # The end is in this side's socket by now; the loop has to look there.
        for _ in range(3):
            await asyncio.sleep(0)
        assert await connection.call(_request(url)) == Answer(200)
        connection.close()
    assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (status(204), 1),
        (status(200, "Connection: close"), 2),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1),
    ],
    ids=["no content", "close", "chunked", "continue"],
)
async def test_good_answers(answer, connections):
    """Every way to say 2xx is understood, and the connection kept when it may be."""
    async with serving(first(answer)) as (server, url):
        report = await simulate(url, KEY, Load(events=2, serial=True))
    assert report.is_complete
    assert report.retries == 0
    assert server.connections == connections


async def test_malformed():
    """An answer that is no HTTP is a failure, not an end."""
    async with serving(first(b"SSH-2.0-OpenSSH_9.2\r\n")) as (_, url):
        report = await simulate(url, KEY, Load(events=1, speed=HOUR_IS_20_MS))
    assert report.statuses == {"200": 1, "malformed": 1}


async def test_gives_up():
    """The run ends when nothing is acknowledged, and says what was not sent."""
    load = Load(events=50, connections=4, speed=HOUR_IS_20_MS, give_up_s=0.2)
    async with serving(lambda _number: status(500)) as (_, url):
        report = await simulate(url, KEY, load)
    assert (report.acked, report.unsent) == (0, 50)
    assert "0.2 s" in report.ended


async def test_drops():
    """After Customer.io's seven days an event is dropped, and the next one has its turn."""
    load = Load(events=5, serial=True, speed=604_800 / 0.02)
    async with serving(lambda _number: status(503)) as (server, url):
        report = await simulate(url, KEY, load)
    assert (report.acked, report.dropped, report.unsent) == (0, 5, 0)
    assert report.ended == ""
    assert len(set(server.calls)) == 5


async def test_refused():
    """A port that nobody listens on is a failure that costs an hour."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        report = await simulate(url, KEY, Load(events=1, give_up_s=0.1))
    assert set(report.statuses) == {"refused"}
    assert not report.is_complete


async def test_cancelled_call():
    """A connection whose call was cancelled is not used again."""
    async with serving(first("hang")) as (server, url):
        connection = Connection(Target.parse(url), timeout_s=4)
        body = _request(url)
        call = asyncio.create_task(connection.call(body))
        await server.called.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await connection.call(body) == Answer(200)
        assert server.connections == 2
        connection.close()


async def test_unknown_host():
    """A name that does not resolve is told apart."""
    connection = Connection(Target.parse("http://nobody.invalid/x"), timeout_s=4)
    answer = await connection.call(_request("http://nobody.invalid/x"))
    assert answer.failure in {Failure.DNS, Failure.TIMEOUT}


def _request(url):
    return signed_request(Target.parse(url), KEY, b"{}", now_s=1_700_000_000)


async def test_progress():
    """Whoever asks is told how far it is."""
    told = []
    load = Load(events=30, rate=60, serial=True)
    async with serving(first()) as (_, url):
        await simulate(url, KEY, load, on_progress=told.append)
    assert told
    assert all(step.posts == 30 and 0 <= step.acked <= 30 for step in told)
    assert [step.acked for step in told] == sorted(step.acked for step in told)


async def test_large_body():
    """A body of many megabytes arrives whole, and the connection is kept."""
    body = b'"' + b"x" * 12_000_000 + b'"'
    async with serving(first()) as (server, url):
        target = Target.parse(url)
        connection = Connection(target, timeout_s=30)
        for _ in range(2):
            request = signed_request(target, KEY, body, now_s=1)
            assert await connection.call(request) == Answer(200)
        connection.close()
    assert server.calls == [body, body]
    assert server.connections == 1


# The command


async def process(*words):
    """Run ``relay simulate`` in a process of its own; its exit code, stdout and stderr."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", "simulate", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TEST_KEY": KEY},
    )
    async with asyncio.timeout(60):
        out, err = await child.communicate()
    return child.returncode, out.decode(), err.decode()


async def command(*words):
    """Run ``relay simulate`` in a thread; its exit code, stdout and stderr."""
    done = await asyncio.to_thread(said, ["simulate", *words], {"TEST_KEY": KEY})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_command():
    """``--json`` prints one object whose numbers add up."""
    words = ("--key", "env:TEST_KEY", "--events", "200", "--duplicates", "0.1", "--json")
    async with serving(first(status(503))) as (server, url):
        code, out, err = await process("--url", url, *words, "--invalid", "0.06")
    assert code == 0, err
    report = json.loads(out)
    assert report["posts"] == report["acked"] == 200
    assert (report["repeats"], report["retries"], report["calls"]) == (20, 1, 201)
    assert sum(report["invalid"].values()) == 12
    assert report["statuses"] == {"200": 200, "503": 1}
    assert "acked_ids" not in report
    assert len(server.calls) == 201


async def test_command_for_people():
    """Without ``--json`` the account is for people, and the key stands nowhere."""
    async with serving(first()) as (_, url):
        code, out, err = await process("--url", url, "--key", "env:TEST_KEY", "--events", "50")
    assert code == 0, err
    assert "acked" in out
    assert "p99" in out
    assert KEY not in out + err


async def test_command_unacknowledged():
    """An event that was never acknowledged makes the exit code 1."""
    words = ("--key", "env:TEST_KEY", "--events", "2", "--give-up", "0.1", "--json")
    async with serving(lambda _number: status(500)) as (_, url):
        code, out, _ = await command("--url", url, *words)
    assert code == 1
    assert json.loads(out)["unsent"] == 2


async def test_command_without_an_acknowledgement_has_no_times():
    """Where nothing was acknowledged no time is printed, not one of 0 ms."""
    words = ("--key", "env:TEST_KEY", "--events", "1", "--give-up", "0.1")
    async with serving(lambda _number: status(500)) as (_, url):
        code, out, _ = await command("--url", url, *words)
    assert code == 1
    assert "nothing was acknowledged" in out
    assert "0.00" not in out


async def test_command_remote():
    """Another machine is refused before anything is sent, unless it is asked for."""
    async with serving(first()) as (server, url):
        elsewhere = url.replace("127.0.0.1", "0.0.0.0")
        words = ("--url", elsewhere, "--key", "env:TEST_KEY", "--events", "3")
        code, _, err = await command(*words)
        assert code == 2
        assert "--allow-remote" in err
        assert server.calls == []
        code, _, err = await command(*words, "--allow-remote")
        assert code == 0, err
        assert len(server.calls) == 3


@pytest.mark.parametrize("given", ["s3cret-in-the-open", "env:NOT_SET_ANYWHERE", "file:/missing"])
async def test_command_key(given):
    """A key on the command line, or one that is missing, is refused and not repeated."""
    code, out, err = await command("--url", "http://127.0.0.1:1/x", "--key", given)
    assert code == 1
    assert "s3cret" not in out + err
    assert "error:" in err


async def test_command_shares():
    """Shares that are more than everything together are a usage error, told before anything."""
    words = ("--key", "env:TEST_KEY", "--duplicates", "0.6", "--invalid", "0.6")
    code, _, err = await command("--url", "http://127.0.0.1:1/x", *words)
    assert code == 2
    assert "at most 1 together" in " ".join(err.split())
