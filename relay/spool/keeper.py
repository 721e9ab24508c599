"""
What happens once a second beside the traffic.

The high-water mark is synced, a failed log is probed, the state tidies up, a full spool makes
room; every half minute retention deletes what is old enough, and the reserve is filled again. All
of that may wait for the disk, so whether the disk answers is looked at by a task of its own.
"""

from __future__ import annotations

import asyncio

from relay.errors import SpoolError
from relay.spool.core import Core
from relay.spool.lookup import envelopes_at
from relay.spool.room import Room
from relay.spool.route_names import RouteNames
from relay.spool.stall import Stall

_TICK_S = 1.0
_RETENTION_TICKS = 30


class Keeper:
    """The spool's housekeeping; `start` and `stop` belong to its life, `tick` to its tests."""

    def __init__(self, core: Core, room: Room, names: RouteNames) -> None:
        self._core = core
        self._room = room
        self._names = names
        self._tasks: list[asyncio.Task[None]] = []
        self._stall = Stall()
        self._oldest = (0, 0.0)

    def start(self) -> None:
        """Tick from now on."""
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._watch())]

    async def stop(self) -> None:
        """End after the tick under way."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_TICK_S)
            ticks += 1
            await self.tick(retain=ticks % _RETENTION_TICKS == 0)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.look()

    def look(self) -> None:
        """See whether the disk answers; what it answers with a refusal is told elsewhere."""
        core, log = self._core, self._core.log
        refuses = bool(log.writer.failed or self._room.full_because)
        core.tell_stall(
            self._stall.look(
                log.last_position,
                is_waiting=log.waiting_bytes > 0 and not refuses,
                now_s=core.clock.monotonic_s(),
            )
        )

    async def tick(self, *, retain: bool) -> None:
        """Do what the second brings; what does not work is told, and tried again the next time."""
        trouble = ""
        works = [
            self._probe,
            self._sync,
            self._tidy,
            self._find_oldest,
            self._room.look_again,
        ]
        if retain:
            works.append(self._retain)
        for work in works:
            try:
                await work()
            except (SpoolError, OSError) as error:
                trouble = trouble or str(error)
            except Exception as error:  # noqa: BLE001 - what one meets must not end the others
                name = work.__name__.strip("_")
                trouble = trouble or f"the spool's {name} fails: {type(error).__name__}"
        self._core.tell_trouble(trouble)

    def oldest_pending_s(self) -> float:
        """Say how long the first plain pending entry has waited; 0 when there is none."""
        position, received_at_s = self._oldest
        if position != self._core.snapshot.cursor + 1:
            return 0.0
        return max(0.0, self._core.clock.wall_s() - received_at_s)

    async def _probe(self) -> None:
        log = self._core.log
        if log.writer.failed:
            await log.in_writer(log.writer.probe)

    async def _sync(self) -> None:
        await self._core.in_reader(self._core.log.writer.sync_highwater)

    async def _tidy(self) -> None:
        core = self._core
        changes, upto = await self._names.changes()
        await core.in_state(core.state.tidy, changes, upto, core.clock.wall_s())
        self._names.note(changes)
        await core.in_state(core.take_sizes)

    async def _find_oldest(self) -> None:
        core = self._core
        position = core.snapshot.cursor + 1
        if self._oldest[0] != position <= core.log.last_position:
            found = await core.in_reader(envelopes_at, core.segments, [position])
            if position in found:
                self._oldest = (position, found[position].received_at_s)

    async def _retain(self) -> None:
        core = self._core
        await self._room.retain(older_than_s=core.clock.wall_s() - core.config.retention)
        await self._room.sweep()
        await self._room.fill_reserve()
