"""The local Adobe over real sockets: resets that reset, silence, concurrency, its end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys

import httpx
import loopback
import pytest
from typer.testing import CliRunner

from relay.cli.app import build
from relay.emulator import create_app
from relay.emulator.server import serving

INLET = "a" * 64
FLOW = {"x-adobe-flow-id": "d8a6f005-7eaf-4153-983e-e8574508b877"}

pytestmark = pytest.mark.sockets


@contextlib.asynccontextmanager
async def local_adobe():
    """A served emulator and a client that knows its address."""
    app = create_app()
    async with (
        serving(app) as url,
        loopback.AsyncClient(base_url=url, headers=FLOW, timeout=10) as client,
    ):
        client.app = app
        yield client


async def fault(client, **values):
    """Add a fault."""
    (await client.post("/__emulator__/faults", json=values)).raise_for_status()


async def send(client, *event_ids, **how):
    """Post a batch of events."""
    messages = [{"event_id": event_id} for event_id in event_ids]
    return await client.post(f"/collection/batch/{INLET}", json={"messages": messages}, **how)


async def received(client):
    """How often each event id was taken."""
    answer = await client.get("/__emulator__/received", params={"ids": "true"})
    return answer.json()["ids"]


def head(content_length):
    """The head of a request, for a client that is written by hand."""
    return (
        f"POST /collection/{INLET}?x-adobe-flow-id=f HTTP/1.1\r\nhost: x\r\n"
        f"content-type: application/json\r\ncontent-length: {content_length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ({"kind": "reset_before"}, {}),
        ({"kind": "reset_after"}, {"a": 1}),
        ({"kind": "reset_after", "stored": False}, {}),
    ],
)
async def test_reset(values, stored):
    """The client sees a reset, not an answer; the same request then succeeds."""
    async with local_adobe() as client:
        await fault(client, **values, requests=1)
        with pytest.raises(httpx.ReadError):
            await send(client, "a")
        assert await received(client) == stored
        assert (await send(client, "a")).status_code == 207
        assert (await received(client))["a"] == len(stored) + 1


async def test_reset_is_a_tcp_reset():
    """The peer's socket reports a reset: the connection does not end in an orderly way."""
    async with local_adobe() as client:
        await fault(client, kind="reset_after", requests=1)
        url = client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        body = b'{"event_id":"a"}'
        writer.write(head(len(body)) + body)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_reset_before_the_body_came():
    """A reset before reading does not wait for a body that is still being sent."""
    async with local_adobe() as client:
        await fault(client, kind="reset_before", requests=1)
        url = client.base_url
        reader, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head(900_000))
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_hang():
    """A request that hangs is never answered; other connections are."""
    async with local_adobe() as client:
        await fault(client, kind="hang", requests=1)
        with pytest.raises(httpx.ReadTimeout):
            await send(client, "a", timeout=0.2)
        assert (await send(client, "b")).status_code == 207
        assert await received(client) == {"b": 1}


async def test_a_hanging_request_does_not_hold_the_end():
    """The server ends while a request still hangs, and that connection is reset."""
    async with asyncio.timeout(10):
        async with local_adobe() as client:
            await fault(client, kind="hang", requests=1)
            url = client.base_url
            reader, writer = await asyncio.open_connection(url.host, url.port)
            writer.write(head(2) + b"{}")
            await writer.drain()
            await received(client)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"kind": "status", "status": 503, "retry_after": 1}, 503),
        ({"kind": "status", "status": 204}, 204),
        ({"kind": "latency", "seconds_each": 0.01}, 207),
        ({"kind": "partial", "fraction": 0.5, "status": 503}, 207),
        ({"kind": "wrong_count", "delta": -1}, 207),
        ({"kind": "wrong_org"}, 207),
        ({"kind": "missing_header"}, 207),
        ({"kind": "not_json"}, 200),
        ({"kind": "unauthorized"}, 401),
    ],
)
async def test_faults_that_answer(values, status):
    """Every other kind answers over a socket, and keeps the connection."""
    async with local_adobe() as client:
        await fault(client, **values, requests=1)
        assert (await send(client, "a", "b")).status_code == status
        assert (await send(client, "c")).status_code == 207


async def test_too_large_is_answered():
    """A body far over the limit is answered 413, not with a reset, and the connection lives."""
    async with local_adobe() as client:
        answer = await client.post(
            f"/collection/{INLET}",
            content=b"x" * 5_000_000,
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 413
        assert (await send(client, "a")).status_code == 207


async def test_client_that_leaves():
    """A client that leaves in the middle of its body is not counted as received."""
    async with local_adobe() as client:
        url = client.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(head(99) + b"{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await send(client, "a")).status_code == 207
        assert await received(client) == {"a": 1}


async def test_concurrent_batches():
    """Many batches at once are all counted, none twice, no number given out twice."""
    async with local_adobe() as client:
        ids = [[f"{batch}-{number}" for number in range(100)] for batch in range(50)]
        answers = await asyncio.gather(*(send(client, *some) for some in ids))
        counts = await received(client)
    assert {answer.status_code for answer in answers} == {207}
    assert len({answer.json()["batchId"] for answer in answers}) == 50
    assert counts == {event_id: 1 for some in ids for event_id in some}


@contextlib.asynccontextmanager
async def command(*arguments):
    """``relay emulate`` as a process, and the address that it prints."""
    words = ["emulate", "--listen", "127.0.0.1:0", *arguments]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        f"from relay.cli.app import main; main({words})",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            url = (await child.stdout.readline()).decode().split()[3]
            async with loopback.AsyncClient(base_url=url, headers=FLOW) as client:
                yield child, client
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_command_ends_on_a_signal(number):
    """``relay emulate`` says where it listens and ends with 0 when it is told to."""
    async with command() as (child, client):
        assert (await send(client, "a")).status_code == 207
        child.send_signal(number)
        assert await child.wait() == 0


async def test_command_refuses_other_clients(tmp_path):
    """With a client id and a secret, which may stand in a file, others get no token."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    form = {"client_id": "c", "client_secret": "s3cret", "grant_type": "client_credentials"}
    async with command("--client-id", "c", "--client-secret", f"file:{secret}") as (_, client):
        good = await client.post("/ims/token/v3", data=form)
        bad = await client.post("/ims/token/v3", data=form | {"client_secret": "other"})
    assert [good.status_code, bad.status_code] == [200, 400]
    assert bad.json()["error"] == "invalid_client"


async def test_command_takes_one_app_api_key(monkeypatch):
    """With a key, which the environment may hold, Customer.io's App API refuses others."""
    monkeypatch.setenv("THE_KEY", "k3y")
    async with command("--app-api-key", "env:THE_KEY") as (_, client):
        answers = [
            await client.get("/v1/workspaces", headers={"authorization": f"Bearer {key}"})
            for key in ("k3y", "other")
        ]
    assert [answer.status_code for answer in answers] == [200, 401]


def test_command_refuses_a_delay_that_nobody_can_read():
    """A delay needs its unit; what is expected is said."""
    done = CliRunner().invoke(build(["emulate"]), ["emulate", "--schema-delay", "soon"])
    assert done.exit_code == 2
    assert "expected a duration" in done.output
