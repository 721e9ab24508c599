"""No loss and exactly one outcome, while Adobe fails in every way it is known to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from stack import Sender, Stack

pytestmark = [pytest.mark.crash, pytest.mark.sockets]

PREFIX = "01STORY0"
# What is told to the emulator, and for which part of the scale. The outage has two faces.
STEPS: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("down", {"kind": "reset_before"}, 0.5),
    ("unavailable", {"kind": "status", "status": 503}, 0.5),
    ("storm", {"kind": "status", "status": 429, "retry_after": 1}, 0.5),
    ("partial", {"kind": "partial", "fraction": 0.2, "status": 503}, 0.5),
    ("wrong_org", {"kind": "wrong_org"}, 0.5),
    ("back", {}, 0.25),
)


@dataclass
class Story:
    """One run through all steps; what may arrive twice is counted at every kill."""

    stack: Stack
    sender: Sender
    may_repeat: int = 0
    kills: int = 0

    def kill(self) -> None:
        """
        Kill the relay; while it is dead every acknowledged event must be on the disk.

        What Adobe took and the spool has not settled is what promise 4 lets be sent again.
        """
        self.stack.kill_relay()
        acked = set(self.sender.acked)
        lost = acked - self.stack.ids_on_disk(PREFIX)
        assert not lost, f"{len(lost)} acknowledged events are not in the log"
        account = self.audit()
        assert account["accepted"] >= len(acked)
        unsettled = len(self.stack.received()) - int(account["delivered"])
        assert unsettled >= 0, "settled as delivered without having arrived"
        self.may_repeat += unsettled
        self.kills += 1
        self.stack.start_relay()

    def audit(self) -> dict[str, Any]:
        """Recount from disk, beside a running relay or without one; nothing is quarantined."""
        code, deep = self.stack.command("audit", "--deep")
        assert code == 0, deep
        assert deep["quarantined"] == deep["lost"] == 0, deep
        return dict(deep)

    def must_pause(self) -> None:
        """The route pauses, and both `/readyz` and the metric say so, while it stays ready."""
        stack = self.stack
        stack.wait_for(lambda: stack.readyz()["routes"]["test"]["paused"], "the pause")
        body = stack.readyz()
        assert body["status"] == "ready"
        assert "org" in body["routes"]["test"]["reason"], body
        assert stack.metric("relay_route_paused") == 1

    async def run(self, *, scale_s: float, kills: int) -> None:
        """Go through the steps under load, with *kills* spread over them."""
        sending = asyncio.create_task(self.sender.run(connections=8, per_s=300))
        await asyncio.sleep(1)
        per_step, extra = divmod(kills, len(STEPS))
        for number, (name, fault, share) in enumerate(STEPS):
            assert not sending.done(), sending
            await asyncio.to_thread(self.stack.faults, *([fault] if fault else []))
            rounds = per_step + (number < extra)
            for _ in range(rounds):
                await asyncio.sleep(scale_s * share / (rounds + 1))
                await asyncio.to_thread(self.kill)
            await asyncio.sleep(scale_s * share / (rounds + 1))
            if name == "wrong_org":
                await asyncio.to_thread(self.must_pause)
            await asyncio.to_thread(self.audit)
        self.sender.stopped.set()
        await sending

    def finish(self) -> None:
        """Everything arrives, nothing is quarantined, nothing repeated but what may be."""
        account = self.stack.wait_settled(120)
        self.audit()
        received = self.stack.received()
        missing = self.sender.acked - received.keys()
        assert not missing, f"{len(missing)} acknowledged events never arrived"
        assert account["accepted"] >= len(self.sender.acked)
        assert account["delivered"] == len(received)
        twice = sum(count - 1 for count in received.values())
        print(
            f"acked={len(self.sender.acked)} attempts={self.sender.attempts} "
            f"refused={self.sender.refused} accepted={account['accepted']} "
            f"delivered={account['delivered']} duplicate={account['duplicate']} "
            f"kills={self.kills} received_twice={twice} may_repeat={self.may_repeat}"
        )
        assert twice <= self.may_repeat


async def tell(stack: Stack, *, scale_s: float, kills: int) -> None:
    """Run the whole story on *stack*."""
    await asyncio.to_thread(stack.start_emulator)
    await asyncio.to_thread(stack.start_relay)
    story = Story(stack, Sender(stack.port, prefix=PREFIX))
    await story.run(scale_s=scale_s, kills=kills)
    await asyncio.to_thread(story.finish)


async def test_no_loss_through_outage_storm_and_wrong_org(stack):
    """Outage, 429 storm, partial 207s and a wrong org lose nothing and send nothing twice."""
    await tell(stack, scale_s=3, kills=0)


async def test_exactly_one_outcome_through_kills(stack):
    """The same with kill -9 in every step: nothing is lost, only what was in flight repeats."""
    await tell(stack, scale_s=3, kills=len(STEPS))


async def test_only_what_was_unanswered_at_a_kill_is_sent_twice(stack):
    """Killed while Adobe's answers are on their way, it repeats those batches and no others."""
    await asyncio.to_thread(stack.start_emulator)
    await asyncio.to_thread(stack.faults, {"kind": "latency", "seconds_each": 0.5})
    await asyncio.to_thread(stack.start_relay)
    story = Story(stack, Sender(stack.port, prefix=PREFIX))
    sending = asyncio.create_task(story.sender.run(connections=8, per_s=300))
    for _ in range(3):
        await asyncio.sleep(2)
        await asyncio.to_thread(story.kill)
    story.sender.stopped.set()
    await sending
    assert story.may_repeat > 0
    await asyncio.to_thread(story.finish)


@pytest.mark.prove
@pytest.mark.timeout(600)
async def test_no_loss_full(stack):
    """Sixty seconds of outage under load, then the rest of the story."""
    await tell(stack, scale_s=60, kills=0)


@pytest.mark.prove
@pytest.mark.timeout(900)
async def test_twenty_kills_full(stack):
    """Sixty seconds of outage and the rest, with twenty times kill -9 in the middle."""
    await tell(stack, scale_s=60, kills=20)
