"""
Customer.io's sending side, emulated: each enabled webhook gets its events, one after the other.

A `Sender` is one webhook's line. It calls with what is first in line until that is acknowledged
or seven days are over, and nothing behind it moves meanwhile: 4 s a call, an hour before the first
retry after the statuses of `HOUR_STATUSES`, then an exponential backoff. `SenderSettings.speed`
shortens the waits. This is what the relay must please: `hours` counts how often it did not.

::

    POST /__emulator__/webhooks/{id}/send   {"events": 200, "duplicates": 0.05, "invalid": 0.01}
    GET  /__emulator__/webhooks/{id}        what a person sees there, and how the line is doing
    GET  /__emulator__/webhooks             the same of all

A webhook that is disabled gets nothing, and what waits stays; deleted, it is forgotten with its
line. Only loopback endpoints are called, unless ``allow_remote`` says otherwise.

Source:
    As in `relay.customerio.redelivery`.

Assumed:
    One call at a time for each webhook; what waits when a webhook is disabled is sent when it is
    enabled again; events that would have happened meanwhile are not. See ``docs/assumptions.md``.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.clock import Clock, SystemClock
from relay.customerio.composer import Composer
from relay.customerio.courier import Courier, Held
from relay.customerio.redelivery import TIMEOUT_S, Redelivery
from relay.customerio.report import Tally
from relay.customerio.request import Target
from relay.customerio.traffic import Mix, Post, mixed
from relay.emulator.webhooks import Webhook, Workspace

MAX_QUEUED = 20_000
_SLICE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSettings:
    """*speed* 3600 makes Customer.io's hour a second; *timeout_s* is not divided by it."""

    speed: float = 3_600.0
    timeout_s: float = TIMEOUT_S
    allow_remote: bool = False


class SenderRefused(Exception):
    """Events that cannot be put in line now; its text says why."""


class _Moved(Exception):
    """The webhook has another endpoint now: what is first in line starts anew there."""


class Sender:
    """
    One webhook's line.

    Its state is the line, the task that works on it while there is something to do, and what
    holds it up; `put`, `wake` and the task change it, all in one event loop.
    """

    def __init__(self, webhook: Webhook, settings: SenderSettings, clock: Clock) -> None:
        self.webhook = webhook
        self._settings = settings
        self._clock = clock
        self._line: deque[Post] = deque()
        self._coming = 0
        self._tally = Tally(0)
        self._task: asyncio.Task[None] | None = None
        self._held: Held | None = None
        self._held_since_s = 0.0
        self._hours = 0
        self._problem = ""
        self._enabled = asyncio.Event()
        self._is_closed = False
        self.wake()

    async def put(self, mix: Mix, seed: int) -> int:
        """
        Put the events of *mix* in line; say how many wait there now.

        Raises:
            SenderRefused: the webhook is disabled, its endpoint is not on this machine, or the
                line would pass `MAX_QUEUED`.
        """
        self._check(mix)
        content_share = 1.0 if self.webhook.with_content else 0.0
        composer = Composer(
            seed=seed,
            clock=self._clock,
            content_share=content_share,
            names=frozenset(self.webhook.events),
        )
        made = mixed(mix, composer)
        self._coming += mix.posts
        while batch := list(itertools.islice(made, _SLICE)):
            self._coming -= len(batch)
            self._line.extend(batch)
            self._tally.posts += len(batch)
            self.wake()
            # Others have their turn between two slices.
            await asyncio.sleep(0)
        return len(self._line)

    def wake(self) -> None:
        """Look again at whether the webhook is enabled, and whether something waits."""
        if self.webhook.disabled:
            self._enabled.clear()
            return
        self._enabled.set()
        is_idle = self._task is None or self._task.done()
        if self._line and is_idle and not self._is_closed:
            self._task = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop for good, wherever it is."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def state(self, *, has_ids: bool = False) -> dict[str, Any]:
        """Say how the line is doing; *has_ids* adds the ids of what was acknowledged."""
        report = self._tally.report(elapsed_s=0.0)
        held = self._held
        state: dict[str, Any] = {
            "queued": len(self._line),
            "delivered": report.acked,
            "dropped": report.dropped,
            "calls": report.calls,
            "retries": report.retries,
            "hours": self._hours,
            "statuses": report.statuses,
            "blocked_since": _rfc3339(self._held_since_s) if held else None,
            "blocked_event_id": held.post.event_id if held else None,
            "last_error": held.answer.label if held else self._problem or None,
            "ack_p50_ms": report.ack_p50_ms,
            "ack_p99_ms": report.ack_p99_ms,
        }
        return state | {"delivered_ids": report.acked_ids} if has_ids else state

    def _check(self, mix: Mix) -> None:
        if self.webhook.disabled:
            raise SenderRefused("the webhook is disabled; enable it first")
        if not self._may_call(Target.parse(self.webhook.endpoint)):
            raise SenderRefused("the webhook's endpoint is not on this machine")
        waiting = len(self._line) + self._coming
        if waiting + mix.posts > MAX_QUEUED:
            raise SenderRefused(f"{waiting} wait, expected at most {MAX_QUEUED} in line")

    def _may_call(self, target: Target) -> bool:
        return target.is_loopback or self._settings.allow_remote

    async def _work(self) -> None:
        while self._line and not self.webhook.disabled:
            target = Target.parse(self.webhook.endpoint)
            if not self._may_call(target):
                self._problem = "the endpoint is not on this machine"
                return
            self._problem = ""
            courier = self._courier(target)
            try:
                await self._deliver(courier)
            except _Moved:
                pass
            finally:
                self._held = None
                courier.close()

    async def _deliver(self, courier: Courier) -> None:
        """Deliver what waits, in order, while the webhook is enabled and where it was."""
        while self._line and not self.webhook.disabled and self._is_at(courier.target):
            await courier.deliver(self._line[0])
            self._line.popleft()
            self._held = None

    def _is_at(self, target: Target) -> bool:
        return Target.parse(self.webhook.endpoint) == target

    def _courier(self, target: Target) -> Courier:
        return Courier(
            target,
            self.webhook.signing_key,
            Redelivery(self._settings.speed, self._settings.timeout_s),
            clock=self._clock,
            tally=self._tally,
            hold_back=lambda held: self._hold_back(held, target),
        )

    async def _hold_back(self, held: Held, target: Target) -> None:
        """
        Wait, with the whole line behind; not called again while the webhook is disabled.

        Raises:
            _Moved: *target* is not the webhook's any more.
        """
        if self._held is None:
            self._held_since_s = self._clock.wall_s()
            self._hours += held.answer.costs_an_hour
        self._held = held
        await asyncio.sleep(held.delay_s)
        await self._enabled.wait()
        if not self._is_at(target):
            raise _Moved


class Senders:
    """The lines of all webhooks of a workspace, made when they are first needed."""

    def __init__(
        self,
        workspace: Workspace,
        settings: SenderSettings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._workspace = workspace
        self._settings = settings or SenderSettings()
        self._clock = clock or SystemClock()
        self._senders: dict[int, Sender] = {}
        self._closing: set[asyncio.Task[None]] = set()
        workspace.listeners.append(self._changed)

    def __iter__(self) -> Iterator[Sender]:
        """Iterate over the line of every webhook there is."""
        return iter([self._of(webhook) for webhook in self._workspace.webhooks.values()])

    def find(self, id_: str) -> Sender | None:
        """Find the line of the webhook whose id *id_* spells."""
        webhook = self._workspace.find(id_)
        return self._of(webhook) if webhook is not None else None

    async def close(self) -> None:
        """Stop every line."""
        for sender in self._senders.values():
            await sender.close()
        await asyncio.gather(*self._closing)

    def _of(self, webhook: Webhook) -> Sender:
        if webhook.id not in self._senders:
            self._senders[webhook.id] = Sender(webhook, self._settings, self._clock)
        return self._senders[webhook.id]

    def _changed(self, id_: int) -> None:
        sender = self._senders.get(id_)
        if sender is None:
            return
        if id_ in self._workspace.webhooks:
            sender.wake()
            return
        del self._senders[id_]
        task = asyncio.create_task(sender.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _rfc3339(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
