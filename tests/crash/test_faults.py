"""No loss and exactly one outcome, while Adobe fails in every way it is known to."""

from __future__ import annotations

import asyncio

import pytest
from stack import Sender, Stack

pytestmark = [pytest.mark.crash, pytest.mark.sockets]


async def in_thread(function, *arguments):
    return await asyncio.to_thread(function, *arguments)


async def run_story(stack: Stack, *, scale_s: float, kills: int) -> Sender:
    """Down, 429 with Retry-After, partial 207s, wrong org for all, back; *kills* in between."""
    sender = Sender(stack.port, prefix="01STORY0")
    sending = asyncio.create_task(sender.run(connections=8, per_s=300))
    await asyncio.sleep(1)
    story = [
        ({"kind": "status", "status": 503, "seconds": scale_s},),
        ({"kind": "status", "status": 429, "seconds": scale_s / 2, "retry_after": 1},),
        ({"kind": "partial", "fraction": 0.2, "status": 503, "seconds": scale_s / 2},),
        ({"kind": "wrong_org", "seconds": scale_s / 2},),
        (),
    ]
    per_step, extra = divmod(kills, len(story))
    for step, faults in enumerate(story):
        await in_thread(stack.faults, *faults)
        for _ in range(per_step + (step < extra)):
            await asyncio.sleep(scale_s / 8)
            await in_thread(stack.kill_relay)
            await in_thread(stack.start_relay)
        await asyncio.sleep(scale_s / 2)
    sender.stopped.set()
    await sending
    await in_thread(stack.faults)
    return sender


def account_for(stack: Stack, sender: Sender) -> dict[str, object]:
    """Every acknowledged event is at Adobe or in quarantine, and the books balance from disk."""
    account = stack.wait_settled(120)
    received = stack.received()
    assert account["quarantined"] == 0, account
    missing = sender.acked - received.keys()
    assert not missing, f"{len(missing)} acknowledged events never arrived"
    code, deep = stack.command("audit", "--deep")
    assert code == 0, deep
    assert account["accepted"] >= len(sender.acked)
    twice = sum(count - 1 for count in received.values())
    print(
        f"acked={len(sender.acked)} attempts={sender.attempts} refused={sender.refused} "
        f"accepted={account['accepted']} delivered={account['delivered']} "
        f"duplicate={account['duplicate']} received_twice={twice}"
    )
    return {**account, "twice": twice}


async def test_no_loss_through_outage_storm_and_wrong_org(stack):
    """Outage, 429 storm, partial 207s and a wrong org lose nothing and send nothing twice."""
    stack.start_emulator()
    stack.start_relay()
    sender = await run_story(stack, scale_s=4, kills=0)
    account = await in_thread(account_for, stack, sender)
    assert account["twice"] == 0


async def test_exactly_one_outcome_through_kills(stack):
    """The same with kill -9 in the middle: nothing acknowledged is lost, the books balance."""
    stack.start_emulator()
    stack.start_relay()
    sender = await run_story(stack, scale_s=4, kills=5)
    await in_thread(account_for, stack, sender)


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_no_loss_full(stack):
    """Sixty seconds of outage under load, then the rest of the story."""
    stack.start_emulator()
    stack.start_relay()
    sender = await run_story(stack, scale_s=60, kills=0)
    account = await in_thread(account_for, stack, sender)
    assert account["twice"] == 0


@pytest.mark.prove
@pytest.mark.timeout(900)
async def test_twenty_kills_full(stack):
    """Twenty times kill -9 in the middle of the story."""
    stack.start_emulator()
    stack.start_relay()
    sender = await run_story(stack, scale_s=16, kills=20)
    await in_thread(account_for, stack, sender)
