"""Each way in which an inlet can misbehave, against the running relay: nothing is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import loopback
import pytest
from stack import INLET, Sender, Stack

pytestmark = [pytest.mark.crash, pytest.mark.sockets]

EVENTS = 60
OAUTH = """auth = "oauth"
[adobe]
ims_url = "http://127.0.0.1:{port}"
client_id = "relay"
client_secret = "file:{secret}"
"""


async def send(stack: Stack, prefix: str, events: int = EVENTS) -> set[str]:
    """Send *events* and stop; the ids that were acknowledged."""
    sender = Sender(stack.port, prefix=prefix)
    running = asyncio.create_task(sender.run(connections=4, per_s=400))
    while len(sender.acked) < events:
        assert not running.done(), running
        await asyncio.sleep(0.02)
    sender.stopped.set()
    await running
    return sender.acked


def start(stack: Stack, *faults: dict[str, Any]) -> None:
    """Start both processes, the emulator with *faults*."""
    stack.start_emulator()
    stack.faults(*faults)
    stack.start_relay()


def deliver(stack: Stack, acked: set[str]) -> dict[str, int]:
    """Wait for the end; all *acked* arrived and nothing else happened. How often each came."""
    stack.wait_settled()
    code, deep = stack.command("audit", "--deep")
    assert code == 0, deep
    received = stack.received()
    assert acked <= received.keys()
    assert deep["delivered"] == deep["accepted"] == len(received), deep
    return received


def left(stack: Stack) -> int:
    """How many requests the emulator's only fault waits for; none once it has met all."""
    url = f"http://127.0.0.1:{stack.adobe}/__emulator__/faults"
    return sum(fault["requests_left"] for fault in loopback.get(url).json()["faults"])


# What the inlet does, and whether it keeps what it has not confirmed.
KINDS: list[tuple[dict[str, Any], bool]] = [
    ({"kind": "reset_before", "requests": 5}, False),
    ({"kind": "reset_after", "requests": 3}, True),
    ({"kind": "reset_after", "requests": 3, "stored": False}, False),
    ({"kind": "wrong_count", "delta": -1, "requests": 3}, True),
    ({"kind": "wrong_count", "delta": 1, "requests": 3}, True),
    ({"kind": "not_json", "requests": 3}, False),
    ({"kind": "not_json", "status": 502, "requests": 3}, False),
    ({"kind": "latency", "seconds_each": 0.3, "requests": 10}, False),
    ({"kind": "partial", "fraction": 0.5, "status": 500, "requests": 4}, False),
]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """Both processes for all kinds: each starts when what came before is delivered."""
    made = Stack(tmp_path_factory.mktemp("kinds"))
    try:
        start(made)
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize(
    "number", range(len(KINDS)), ids=["-".join(map(str, kind.values())) for kind, _ in KINDS]
)
async def test_a_misbehaving_inlet_costs_nothing(running, number):
    """Every event arrives; twice only where the inlet kept what it had not confirmed."""
    (fault, may_repeat), prefix = KINDS[number], f"01KIND{number:02d}"
    await asyncio.to_thread(running.faults, fault)
    acked = await send(running, prefix)
    received = await asyncio.to_thread(deliver, running, acked)
    assert await asyncio.to_thread(left, running) < fault["requests"]
    times = {count for event_id, count in received.items() if event_id.startswith(prefix)}
    assert may_repeat or times == {1}


async def test_an_inlet_that_wants_a_header_gets_single_events_for_good(stack):
    """Mode auto falls back to one event a request, and remembers that through a kill -9."""
    await asyncio.to_thread(start, stack, {"kind": "missing_header"})
    first = await send(stack, "01HEADER")
    await asyncio.to_thread(deliver, stack, first)
    assert stack.metric("relay_route_single_mode") == 1
    await asyncio.to_thread(stack.kill_relay)
    await asyncio.to_thread(stack.faults)
    await asyncio.to_thread(stack.start_relay)
    second = await send(stack, "01AGAIN0", 10)
    await asyncio.to_thread(deliver, stack, first | second)
    assert stack.metric("relay_route_single_mode") == 1


async def test_an_unknown_inlet_pauses_until_its_address_is_mended(stack):
    """An inlet that does not exist costs no event: paused and pending, then delivered."""
    stack.inlet = "nowhere"
    await asyncio.to_thread(start, stack)
    acked = await send(stack, "01UNKNOW")
    await asyncio.to_thread(
        stack.wait_for, lambda: stack.readyz()["routes"]["test"]["paused"], "the pause"
    )
    code, account = await asyncio.to_thread(stack.command, "audit", "--deep")
    assert code == 0
    assert account["pending"] == account["accepted"] >= len(acked)
    await asyncio.to_thread(stack.kill_relay)
    stack.config.write_text(stack.config.read_text().replace("nowhere", INLET))
    await asyncio.to_thread(stack.start_relay)
    received = await asyncio.to_thread(deliver, stack, acked)
    assert set(received.values()) == {1}


@pytest.mark.prove
@pytest.mark.timeout(200)
async def test_a_withdrawn_token_is_renewed(stack):
    """Tokens withdrawn at Adobe pause an authenticated inlet at most until they are renewed."""
    secret = stack.folder / "secret"
    secret.write_text("s3cret")
    stack.extra = OAUTH.format(port=stack.adobe, secret=secret)
    await asyncio.to_thread(stack.start_emulator)
    adobe = f"http://127.0.0.1:{stack.adobe}/__emulator__"
    async with loopback.AsyncClient(base_url=adobe) as emulator:
        await renew(stack, emulator)


async def renew(stack: Stack, emulator: httpx.AsyncClient) -> None:
    """Deliver with a token, withdraw it, deliver with another."""
    made = await emulator.put(f"/inlets/{INLET}", json={"is_authenticated": True})
    made.raise_for_status()
    await asyncio.to_thread(stack.start_relay)
    first = await send(stack, "01TOKEN0")
    await asyncio.to_thread(deliver, stack, first)
    (await emulator.delete("/tokens")).raise_for_status()
    second = await send(stack, "01RENEW0")
    await asyncio.to_thread(stack.wait_settled, 100)
    received = await asyncio.to_thread(deliver, stack, first | second)
    assert set(received.values()) == {1}
    assert not stack.readyz()["routes"]["test"]["paused"]
