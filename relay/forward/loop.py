"""
One route's way from the spool to its inlet: the part that waits, sends and writes.

::

    read     spool -> Intake -> Lane's line                    one task; stops while much is held
    send     Dispatch.take -> one task a request               one task, woken by what changes
    deliver  Inlet -> Verdict -> Dispatch.answered -> settle   one task a request

What to do is decided in `relay.forward.dispatch`; here are the sockets, the disk and the clock.
Content never ends the loop: it is settled. What does end it is a bug or a state that cannot be
written, and then everything unsettled is read again from the spool.

Finishing: reading stops, what is held is sent until the deadline, what is left stays pending. A
request that is cut off by the deadline may have been taken, so its events may be sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from operator import attrgetter

import structlog

from relay.clock import Clock
from relay.config import RouteConfig
from relay.envelope import Entry
from relay.forward import settling
from relay.forward.claims import Claims
from relay.forward.dispatch import Request
from relay.forward.held import Held
from relay.forward.inlet import Inlet
from relay.forward.intake import Intake
from relay.forward.lane import Lane, entries_of
from relay.forward.transform import Record, Transform
from relay.forward.verdict import judge
from relay.forward.watch import Watch
from relay.metrics import Metrics
from relay.spool.port import Pause, Settlement, Spool

_READ_ENTRIES = 500
_READ_BYTES = 4 * 1024 * 1024
_EXPIRY_EVERY_S = 1.0

log = structlog.get_logger("relay.forward")


class State(StrEnum):
    """A forward's life; it goes down this list only."""

    NEW = "new"
    RUNNING = "running"
    FINISHING = "finishing"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class ForwardStats:
    """
    One route's forwarding at one moment.

    *held* counts entries read and not settled, *suspects* those refused and not blamed.
    *holding_until_s* is the wall second before which nothing is sent (``Retry-After``, failures,
    ``not_before``), 0 when nothing holds it back.
    """

    state: str
    in_flight: int
    limit: int
    suspects: int
    held: int
    pause: Pause | None
    mode: str
    holding_until_s: float


class Forward:
    """One route's way from the spool to its inlet."""

    def __init__(  # noqa: PLR0913 - one collaborator each, by name
        self,
        name: str,
        route: RouteConfig,
        transform: Transform,
        *,
        spool: Spool,
        inlet: Inlet,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._name = name
        self._spool = spool
        self._clock = clock
        self._retries = metrics.retries.labels(name)
        self._settler = settling.Settler(name, spool=spool, metrics=metrics, clock=clock)
        self._claims = Claims()
        self._held = Held(route.inlet)
        self._intake = Intake(
            name,
            self._claims,
            self._held,
            spool=spool,
            settle=self._settle,
            metrics=metrics,
            clock=clock,
        )
        self._watch = Watch(name, clock)
        # The lane in use and those that still have requests in flight; entries that start over.
        # Changed by this object's tasks and by `reload`.
        self._state = State.NEW
        self._lane = Lane(name, route, transform, inlet, clock)
        self._retired: list[Lane] = []
        self._again: list[Entry] = []
        self._kept_pause: Pause | None = None
        self._ends_s = 0.0
        # How many calls bring entries to the line or to their outcome; `_send` waits for them.
        self._bringing = 0
        # Who waits for whom.
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._taking = asyncio.Lock()
        self._pausing = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._is_waiting_to_read = False
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """
        Forward until `finish`.

        Raises:
            SpoolFailed: the state cannot be written; what is unsettled stays pending.
        """
        if self._state is not State.NEW:
            return
        self._state = State.RUNNING
        try:
            pauses = await self._spool.pauses()
            self._kept_pause = next((each for each in pauses if each.route == self._name), None)
            async with asyncio.TaskGroup() as group:
                self._reader = group.create_task(self._read(), name=f"read-{self._name}")
                self._sender = group.create_task(self._send(group), name=f"send-{self._name}")
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        finally:
            self._state = State.ENDED
            self._ended.set()
            for lane in (self._lane, *self._retired):
                await lane.inlet.close()

    async def finish(self, *, within_s: float) -> None:
        """Send what is held for at most so long, then end `run`; the rest stays pending."""
        was, self._state = self._state, State.FINISHING
        if was in {State.NEW, State.ENDED}:
            self._state = State.ENDED
            return
        self._ends_s = self._clock.monotonic_s() + within_s
        self._lane.dispatch.close()
        # What is read already is brought to the line and sent, so only the wait for more is cut.
        if self._reader is not None and self._is_waiting_to_read:
            self._reader.cancel()
        self._wake.set()
        try:
            await asyncio.wait_for(self._ended.wait(), within_s)
        except TimeoutError:
            for task in (self._reader, self._sender, *self._sending):
                if task is not None:
                    task.cancel()
            await self._ended.wait()

    def reload(self, route: RouteConfig, transform: Transform, inlet: Inlet) -> None:
        """
        Use other settings from now on.

        Entries that are held and not in flight start over with them, so that a mended mapping or
        address helps those that wait; a pause stays until the new inlet takes something, and its
        first probe goes at once.
        """
        old = self._lane
        self._again += old.give_back(self._claims)
        self._retired.append(old)
        self._lane = Lane(self._name, route, transform, inlet, self._clock, before=old)
        self._held.inlet = route.inlet
        self._kept_pause = old.dispatch.pause if old.is_open else self._kept_pause
        if self._state is State.FINISHING:
            self._lane.dispatch.close()
        self._wake.set()

    def stats(self) -> ForwardStats:
        """Describe the route's forwarding now."""
        dispatch = self._lane.dispatch
        left_s = dispatch.hold.left_s
        return ForwardStats(
            state=self._state.value,
            in_flight=dispatch.limit.in_flight,
            limit=dispatch.limit.limit,
            suspects=dispatch.line.suspects,
            held=self._held.entries,
            pause=dispatch.pause if self._lane.is_open else self._kept_pause,
            mode=dispatch.mode.name,
            holding_until_s=self._clock.wall_s() + left_s if left_s else 0.0,
        )

    async def _read(self) -> None:
        """Take entries from the spool while there is room for them."""
        gather_s = 0.0
        while self._state is State.RUNNING:
            self._is_waiting_to_read = True
            await asyncio.sleep(gather_s)
            await self._held.room()
            entries = await self._spool.read(
                self._name, max_entries=_READ_ENTRIES, max_bytes=_READ_BYTES
            )
            self._is_waiting_to_read = False
            if not entries:
                return
            self._held.took(entries)
            taken = await self._take(entries)
            while taken < len(entries) and self._state is State.RUNNING:
                self._is_waiting_to_read = True
                await self._held.lightness()
                self._is_waiting_to_read = False
                taken += await self._take(entries[taken:])
            gather_s = self._lane.gather_s if len(entries) < _READ_ENTRIES else 0.0

    async def _take(self, entries: Sequence[Entry]) -> int:
        """Bring *entries* to the line, after those that start over; say how many."""
        with self._bringing_on():
            async with self._taking:
                while self._again:
                    again, self._again = sorted(self._again, key=attrgetter("position")), []
                    taken = await self._take_in(again)
                    self._again += again[taken:]
                return await self._take_in(entries) if entries else 0

    @contextmanager
    def _bringing_on(self) -> Iterator[None]:
        """Keep `_send` from ending meanwhile."""
        self._bringing += 1
        try:
            yield
        finally:
            self._bringing -= 1
            self._wake.set()

    async def _take_in(self, entries: Sequence[Entry]) -> int:
        lane = self._lane
        return await self._intake.take(entries, lane.transform, partial(self._add, lane))

    def _add(self, lane: Lane, records: Sequence[Record]) -> None:
        """Take *records* into *lane*; they start over if a reload, or order, has it so."""
        if lane is not self._lane or (lane.is_strict and self._again):
            self._again += entries_of(records, self._claims)
        elif lane.add(records):
            self._wake.set()

    async def _send(self, group: asyncio.TaskGroup) -> None:
        """Start what may be sent, whenever something has changed; end when nothing will."""
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            if not self._lane.is_open:
                await self._lane.open(self._spool, self._kept_pause)
            if self._again:
                await self._take(())
            await self._expire()
            await self._retire()
            wait_s = self._start(group)
            if self._state is State.FINISHING and self._has_nothing_to_do(wait_s):
                return
            timer = None if wait_s is None else loop.call_later(wait_s, self._wake.set)
            await self._wake.wait()
            if timer is not None:
                timer.cancel()

    def _start(self, group: asyncio.TaskGroup) -> float | None:
        """Start every request that may be sent; give the seconds to wait for the next."""
        lane = self._lane
        if self._retired and (lane.is_strict or any(each.is_strict for each in self._retired)):
            return None
        if not lane.is_open or (self._again and lane.is_strict):
            # A reload came between; and what starts over goes before what is in line.
            return None
        while (request := lane.dispatch.take()) is not None:
            if request.is_retry:
                self._retries.inc()
            lane.flying.add(request)
            task = group.create_task(self._deliver(lane, request))
            self._sending.add(task)
            task.add_done_callback(partial(self._landed, lane, request))
        wait_s = lane.dispatch.wakes_in_s()
        if lane.settings.max_age and self._held.entries:
            return _EXPIRY_EVERY_S if wait_s is None else min(wait_s, _EXPIRY_EVERY_S)
        return wait_s

    def _has_nothing_to_do(self, wait_s: float | None) -> bool:
        """Whether, before the deadline, nothing more can be sent or answered."""
        lane, dispatch = self._lane, self._lane.dispatch
        busy = (lane.flying, self._retired, self._sending, self._bringing, self._again)
        if any(busy) or not lane.is_open:
            return False
        if not dispatch.held or dispatch.pause is not None or wait_s is None:
            return True
        return self._clock.monotonic_s() + wait_s >= self._ends_s

    async def _deliver(self, lane: Lane, request: Request) -> None:
        """Send one request and see it through to its outcomes."""
        records = request.piece.records
        answer = await lane.inlet.send(
            [record.payload for record in records], as_batch=request.as_batch
        )
        verdict = judge(answer, records=len(records), is_batch=request.as_batch)
        decided = lane.dispatch.answered(request, answer, verdict)
        lane.flying.discard(request)
        self._watch.saw(answer, verdict)
        if lane is not self._lane:
            self._start_over(lane)
        self._wake.set()
        # From here on the deadline must not cut in: what was taken is written down.
        task = asyncio.current_task()
        assert task is not None
        self._sending.discard(task)
        ended = settling.delivered(decided.delivered)
        ended += [settling.refused(record, why) for record, why in decided.refused]
        await self._settle_all(ended)
        await self._keep(lane)
        self._wake.set()

    def _start_over(self, retired: Lane) -> None:
        """What a *retired* lane could not send starts over, in strict order before all others."""
        self._again += retired.give_back(self._claims)
        self._lane.heed(retired)
        if self._again and self._lane.is_strict:
            self._again += self._lane.give_back(self._claims)

    def _landed(self, lane: Lane, request: Request, task: asyncio.Task[None]) -> None:
        """The task of *request* is over; if it was cut off, its records are held again."""
        self._sending.discard(task)
        if request in lane.flying:
            lane.flying.discard(request)
            lane.dispatch.abandoned(request)
            self._wake.set()

    async def _settle_all(self, ended: Sequence[Settlement]) -> None:
        """Settle *ended*; who followed them goes on with the settings of now."""
        lane = self._lane
        with self._bringing_on():
            await self._intake.settle(ended, lane.transform, partial(self._add, lane))

    async def _settle(self, ended: Sequence[Settlement]) -> None:
        await self._settler.settle(ended)
        self._held.settled([each.entry for each in ended])

    async def _keep(self, lane: Lane) -> None:
        """Write down a pause that began or ended, and a mode that was found."""
        if lane is not self._lane:
            return
        dispatch = lane.dispatch
        if dispatch.is_mode_new:
            dispatch.is_mode_new = False
            await settling.persist(partial(lane.remember, self._spool))
            log.info("inlet_takes_single_events", route=self._name)
        if dispatch.pause is self._kept_pause:
            return
        async with self._pausing:
            while (pause := dispatch.pause) is not self._kept_pause:
                await settling.persist(partial(self._spool.set_pause, self._name, pause))
                self._watch.paused(self._kept_pause, pause)
                self._kept_pause = pause

    async def _expire(self) -> None:
        """Give up what has waited for too long, if there is such a limit."""
        max_age_s = self._lane.settings.max_age
        if max_age_s and self._held.entries:
            before_s = self._clock.wall_s() - max_age_s
            if records := self._lane.dispatch.line.expire(received_before_s=before_s):
                await self._settle_all([settling.expired(record) for record in records])

    async def _retire(self) -> None:
        """Close the inlets of lanes that have nothing in flight any more."""
        for lane in [each for each in self._retired if not each.flying]:
            if lane.inlet is not self._lane.inlet:
                await lane.inlet.close()
            self._retired.remove(lane)

    def __repr__(self) -> str:
        return f"<Forward {self._name} {self._state} {self._held.entries} held {self._lane!r}>"
