"""
Customer.io as a load: signed events over keep-alive connections, called again until acknowledged.

Each connection is a lane: it takes the next post, calls until a 2xx, then takes another. A post
that fails holds back its lane as Customer.io holds back a webhook. One lane (``serial``) is the
documented behaviour; several are the bursts that people report.

A run ends by itself: when every post is acknowledged or was dropped after Customer.io's window,
or when nothing was acknowledged for `Load.give_up_s` while calls failed.

Assumed: the number of calls that Customer.io has under way is not published; see
``docs/assumptions.md``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from relay.clock import Clock, SystemClock
from relay.customerio.composer import Composer
from relay.customerio.courier import Courier, Held
from relay.customerio.redelivery import TIMEOUT_S, Redelivery
from relay.customerio.report import Progress, Report, Tally
from relay.customerio.request import Target
from relay.customerio.traffic import Mix, Post, mixed

_TICK_S = 0.2
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """
    What to send and how: *events* bodies in all, of which the shares *duplicates* and *invalid*.

    *rate* is events a second, 0: as fast as they are acknowledged; a relay that was away gets
    what it missed at once. *speed* divides Customer.io's waiting times, not its timeout.

    Raises:
        ValueError: a number does not fit, e.g. the shares are more than one together.
    """

    events: int = 1_000
    rate: float = 0.0
    duplicates: float = 0.0
    invalid: float = 0.0
    content_share: float = 0.02
    connections: int = 16
    serial: bool = False
    seed: int = 1
    timeout_s: float = TIMEOUT_S
    speed: float = 3_600.0
    give_up_s: float = 60.0

    def __post_init__(self) -> None:
        if self.connections < 1 or self.rate < 0:
            raise ValueError("expected at least one connection and a rate of 0 or more")
        if min(self.timeout_s, self.speed, self.give_up_s) <= 0:
            raise ValueError("expected a timeout, a speed and a limit over 0")
        # Its own numbers are wrong now, not when the sending begins.
        _ = self.mix

    @property
    def mix(self) -> Mix:
        """What the posts are made of."""
        return Mix(posts=self.events, duplicates=self.duplicates, invalid=self.invalid)

    @property
    def lanes(self) -> int:
        """How many connections there will be."""
        return 1 if self.serial else min(self.connections, self.events)


async def simulate(
    url: str,
    key: str,
    load: Load,
    *,
    clock: Clock | None = None,
    on_progress: OnProgress | None = None,
) -> Report:
    """
    Send *load* to *url*, signed with *key*; say what came of it.

    *on_progress* is told a few times a second how far it is. It does not ask whose address
    *url* is: whoever lets people type one looks at `Target.is_loopback` first.

    Raises:
        ValueError: *url* or a number in *load* does not fit.
    """
    sender = _Sender(Target.parse(url), key, load, clock or SystemClock())
    ticker = asyncio.create_task(_tick(sender, on_progress)) if on_progress else None
    try:
        return await sender.run()
    finally:
        if ticker is not None:
            ticker.cancel()
            with suppress(asyncio.CancelledError):
                await ticker


async def _tick(sender: _Sender, on_progress: OnProgress) -> None:
    while True:
        await asyncio.sleep(_TICK_S)
        on_progress(sender.progress())


class _Stalled(Exception):
    """Nothing was acknowledged for too long."""


class _Sender:
    """
    One run. Its state: what is left of the posts, the tally, and when something last went well.

    The lanes take from the same iterator; they run in one event loop, so that no lock is needed.
    """

    def __init__(self, target: Target, key: str, load: Load, clock: Clock) -> None:
        self._target = target
        self._key = key
        self._load = load
        self._clock = clock
        composer = Composer(seed=load.seed, clock=clock, content_share=load.content_share)
        self._posts: Iterator[tuple[int, Post]] = enumerate(mixed(load.mix, composer))
        self._tally = Tally(load.events)
        self._started_s = clock.monotonic_s()
        self._last_good_s = self._started_s

    async def run(self) -> Report:
        """Send everything, or stop when nothing is acknowledged any more."""
        self._started_s = self._last_good_s = self._clock.monotonic_s()
        ended = ""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._load.lanes):
                    group.create_task(self._lane())
        except* _Stalled:
            ended = f"nothing was acknowledged for {self._load.give_up_s:g} s"
        return self._tally.report(elapsed_s=self._elapsed_s(), ended=ended)

    def progress(self) -> Progress:
        """Say how far it is."""
        return self._tally.progress(elapsed_s=self._elapsed_s())

    def _elapsed_s(self) -> float:
        return self._clock.monotonic_s() - self._started_s

    async def _lane(self) -> None:
        load = self._load
        courier = Courier(
            self._target,
            self._key,
            Redelivery(load.speed, load.timeout_s),
            clock=self._clock,
            tally=self._tally,
            hold_back=self._hold_back,
        )
        try:
            for number, post in self._posts:
                await self._wait_for_turn(number)
                if await courier.deliver(post):
                    self._last_good_s = self._clock.monotonic_s()
        finally:
            courier.close()

    async def _wait_for_turn(self, number: int) -> None:
        if not self._load.rate:
            return
        wait_s = self._started_s + number / self._load.rate - self._clock.monotonic_s()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _hold_back(self, held: Held) -> None:
        """
        Wait before the next call of a post that had no 2xx yet.

        Raises:
            _Stalled: nothing was acknowledged for so long that the run should end.
        """
        now_s = self._clock.monotonic_s()
        due_s = now_s + held.delay_s
        while True:
            gives_up_s = max(held.first_s, self._last_good_s) + self._load.give_up_s
            if now_s >= gives_up_s:
                raise _Stalled
            if now_s >= due_s:
                return
            await asyncio.sleep(min(due_s, gives_up_s) - now_s)
            now_s = self._clock.monotonic_s()
