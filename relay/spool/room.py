"""How much of ``spool.max_bytes`` is used, and making room by deleting settled segments."""

from __future__ import annotations

import asyncio
import os

from relay.errors import SpoolFull
from relay.spool.core import Core
from relay.spool.reserve import Need, Reserve
from relay.spool.retention import retain, sweep_large
from relay.spool.segment import Segment

# What an event may need at most to count as an ordinary one: if that finds no room, nothing does.
_ORDINARY_BYTES = 64 * 1024


class Room:
    """
    The spool's quota.

    Log, large bodies and the quarantine's copies count; dedupe has its own cap, and outcomes go
    with their segments. *full_because* says why an ordinary event was refused, until there is
    room again.
    """

    def __init__(self, core: Core, reserve: Reserve) -> None:
        self._core = core
        self._reserve = reserve
        self._max_bytes = core.config.max_bytes
        # Owned by the loop.
        self.log_bytes = 0
        self.large_bytes = 0
        self.full_because = ""
        self._needed_bytes = 0
        self._closed_bytes = 0
        self._newest: Segment | None = None
        self._making: asyncio.Task[bool] | None = None

    @property
    def used_bytes(self) -> int:
        """What counts into ``spool.max_bytes``."""
        copies = self._core.snapshot.quarantine_copies_bytes
        return self.log_bytes + self.large_bytes + copies

    def lacks(self, need_bytes: int) -> bool:
        """Say whether *need_bytes* more would pass ``spool.max_bytes``."""
        core = self._core
        copies_bytes = core.snapshot.quarantine_copies_bytes
        used_bytes = self.log_bytes + self.large_bytes + copies_bytes + core.log.waiting_bytes
        return used_bytes + need_bytes > self._max_bytes

    def over_quota(self, need_bytes: int) -> SpoolFull:
        """Make the refusal of *need_bytes* more, and remember it."""
        error = SpoolFull(
            f"the spool holds {self.used_bytes} of {self._max_bytes} bytes",
            hint="mend the inlet, drop from quarantine, or raise spool.max_bytes",
        )
        ordinary_bytes = min(need_bytes, _ORDINARY_BYTES)
        if self.lacks(ordinary_bytes):
            self.refused(ordinary_bytes, error)
        return error

    def refused(self, need_bytes: int, error: SpoolFull) -> None:
        """Remember that *need_bytes* found no room."""
        self.full_because, self._needed_bytes = error.message, need_bytes

    async def look_again(self) -> None:
        """See whether what was refused would find room now."""
        if not self.full_because:
            return
        await self.make()
        disk = os.statvfs(self._core.folder)
        if not self.lacks(self._needed_bytes) and disk.f_bavail * disk.f_frsize > (
            self._needed_bytes
        ):
            self.full_because = ""

    def count_log(self) -> None:
        """Count the log's bytes again, after a commit."""
        segments = self._core.segments
        newest = segments[-1] if segments else None
        if newest is not self._newest:
            self._newest = newest
            self._closed_bytes = sum(segment.end for segment in segments[:-1])
        self.log_bytes = self._closed_bytes + (newest.end if newest else 0)

    async def make(self) -> bool:
        """
        Delete settled segments, however young, and large bodies that nothing needs any more;
        concurrent callers share one attempt.

        When only the newest is left and all in it is settled, a new one is begun, so that it may
        go too: what it holds may be large bodies. Says whether any went.
        """
        if self._making is None:
            self._making = asyncio.create_task(self._make())
            self._making.add_done_callback(self._made)
        return await asyncio.shield(self._making)

    async def _make(self) -> bool:
        went = await self.retain(older_than_s=float("inf"))
        log = self._core.log
        if not went and not log.is_closed and self._is_settled():
            await log.in_writer(log.writer.roll)
            went = await self.retain(older_than_s=float("inf"))
        before_bytes = self.large_bytes
        if before_bytes:
            await self.sweep()
        return went or self.large_bytes < before_bytes

    def _is_settled(self) -> bool:
        """Say whether all that the log holds has its outcome, and it holds something."""
        core = self._core
        last = core.log.last_position
        return bool(core.segments) and core.segments[-1].first <= last <= core.snapshot.cursor

    def _made(self, done: asyncio.Task[bool]) -> None:
        self._making = None
        # Retrieved, so that a failure nobody waits for any more is not reported as forgotten.
        if not done.cancelled():
            done.exception()

    async def retain(self, *, older_than_s: float) -> bool:
        """Delete settled segments closed before *older_than_s*; say whether any went."""
        core = self._core
        if len(core.segments) < 2 or core.snapshot.cursor < core.segments[1].first - 1:  # noqa: PLR2004 - the newest never goes
            return False
        count = await core.in_state_for(
            Need.DELETING,
            retain,
            core.folder,
            core.segments,
            core.state,
            older_than_s=older_than_s,
        )
        if count:
            # Before an append takes what is free now.
            await self.fill_reserve()
        self._newest = None
        self.count_log()
        return count > 0

    async def fill_reserve(self) -> None:
        """Make the reserve again if it was released and there is room for it."""
        await self._core.in_reader(self._reserve.fill)

    async def sweep(self) -> None:
        """Remove large bodies that no entry needs; count those that stay."""
        core = self._core
        self.large_bytes = await core.in_state(sweep_large, core.folder, core.state)

    async def finish(self) -> None:
        """Wait for an attempt under way."""
        if self._making is not None:
            await asyncio.wait([self._making])
