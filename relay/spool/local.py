"""
The embedded spool: the log for entries, the state for what became of them.

::

    append   quota -> Log (group commit) -> position             the loop and one writer thread
    read     the route's Reader -> entries without an outcome    the loop or a reader thread
    settle   Settling (group commit) -> State.settle             the state's thread
    upkeep   high-water mark, probe, retention, reserve          once a second

The layout of the folder stands in `relay.spool.opening`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from relay.clock import Clock
from relay.config import SpoolConfig
from relay.envelope import Entry, Envelope
from relay.errors import SpoolClosed, SpoolError, SpoolFull
from relay.metrics import Metrics
from relay.outcome import Outcome, Reason
from relay.spool.folded import Totals
from relay.spool.intervals import Intervals
from relay.spool.lock import Lock
from relay.spool.log import Log
from relay.spool.lookup import envelope_at, find_pending
from relay.spool.opening import Opened, open_folder, prepare_folder, report_lost
from relay.spool.port import Found, Pause, Query, Replayed, Seen, Settlement, SpoolStats
from relay.spool.reader import Place, Reader, ReaderSource
from relay.spool.recover import Lost
from relay.spool.reserve import Reserve
from relay.spool.retention import deletable, delete, remove_orphans, sweep_large
from relay.spool.scan import Gap
from relay.spool.segment import Segment
from relay.spool.settling import Settling, StateThread
from relay.spool.state import StateSizes

_HEAD_BYTES = 128
_UPKEEP_S = 1.0
_RETENTION_S = 30.0


class LocalSpool:
    """The port's embedded backend; `open` makes it, `close` ends it."""

    def __init__(
        self,
        opened: Opened,
        config: SpoolConfig,
        thread: StateThread,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._config = config
        self._clock = clock
        self._metrics = metrics
        self._folder = opened.folder
        self._lock = opened.lock
        self._segments = opened.segments
        self._state = opened.state
        self._before = opened.before
        self._folded: Totals = opened.folded
        self._damage = opened.damage
        self._settled = opened.settled
        self._thread = thread
        self._executor = ThreadPoolExecutor(2, "spool-read")
        self._reserve = Reserve(self._folder / "reserve", config.reserve_bytes)
        # Owned by the loop, from here on.
        self._log = Log(opened.writer, metrics, self._committed)
        self._settling = Settling(thread, self._write_settlements)
        self._readers: dict[str, Reader] = {}
        self._source = ReaderSource(
            executor=self._executor,
            position_end=lambda: self._log.last_position,
            is_closing=lambda: self._is_closing,
            fetch=self.body,
            on_gaps=self._report_gaps,
        )
        self._is_closing = False
        self._is_accepting = True
        self._closed_bytes = 0
        self._newest: Segment | None = None
        self._log_bytes = 0
        self._large_bytes = 0
        self._waiting_replays: list[int] = []
        self._oldest: tuple[int, float] = (0, 0.0)
        self._making_room: asyncio.Task[bool] | None = None
        self._losing: set[asyncio.Task[None]] = set()
        # Written by the state's thread as whole new objects, read by the loop.
        self._cursor = 0
        self._totals: Totals = {}
        self._sizes: StateSizes = opened.state.sizes()
        self._take_snapshot()

    @classmethod
    async def open(cls, config: SpoolConfig, *, metrics: Metrics, clock: Clock) -> LocalSpool:
        """
        Open the spool at ``config.path``, make it if there is none; report what is damaged.

        Raises:
            SpoolLocked: another process holds it.
            SpoolVersion: a newer relay wrote it.
            SpoolError: the folder cannot be used.
        """
        folder = Path(config.path)
        reserve = Reserve(folder / "reserve", config.reserve_bytes)
        thread = StateThread(reserve.release)
        lock: Lock | None = None
        try:
            lock = await thread.run(prepare_folder, folder)
            opened = await thread.run(open_folder, lock, config, clock)
            await thread.run(remove_orphans, folder, last=opened.writer.position)
        except BaseException:
            if lock is not None:
                lock.release()
            thread.shutdown()
            raise
        spool = cls(opened, config, thread, metrics, clock)
        spool._committed()
        await spool._upkeep(retain=True)
        spool._keeper = asyncio.create_task(spool._keep())
        return spool

    def __repr__(self) -> str:
        return f"<LocalSpool last={self._log.last_position} cursor={self._cursor}>"

    async def append(self, envelopes: Sequence[Envelope]) -> int:
        """Store *envelopes*; see `Spool.append`."""
        if not self._is_accepting:
            raise SpoolClosed("the spool is draining" if not self._is_closing else "it is closed")
        need = sum([envelope.size_bytes + _HEAD_BYTES for envelope in envelopes])
        log = self._log
        if self._used_bytes() + log.waiting_bytes + need > self._config.max_bytes:
            await self._make_room()
            if self._used_bytes() + log.waiting_bytes + need > self._config.max_bytes:
                raise SpoolFull(
                    f"the spool holds {self._used_bytes()} of {self._config.max_bytes} bytes",
                    hint="mend the inlet, drop from quarantine, or raise spool.max_bytes",
                )
        try:
            return await log.append(envelopes)
        except SpoolFull:
            if not await self._make_room():
                raise
            return await log.append(envelopes)

    async def read(self, route: str, *, max_entries: int, max_bytes: int) -> list[Entry]:
        """Take *route*'s next entries; see `Spool.read`."""
        reader = self._readers.get(route)
        if reader is None:
            waiting = await self._thread.run(self._state.waiting_replays, route)
            reader = self._readers.get(route) or self._add_reader(route, waiting)
        return await reader.take(max_entries, max_bytes)

    async def seen(self, event_ids: Sequence[str]) -> dict[str, Seen]:
        """Look *event_ids* up; see `Spool.seen`."""
        return await self._thread.run(self._state.seen, event_ids)

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write outcomes; see `Spool.settle`."""
        if settlements:
            await self._settling.settle(settlements)

    async def body(self, position: int) -> Envelope | None:
        """Fetch one envelope; see `Spool.body`."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            found = await loop.run_in_executor(
                self._executor, envelope_at, self._segments, position
            )
            if found is not None:
                return found
        return await self._thread.run(self._state.quarantined_envelope, position)

    async def find(self, query: Query) -> list[Found]:
        """Find entries; see `Spool.find`."""
        settled: list[Found] = []
        if not query.pending:
            settled = await self._thread.run(self._state.find, query)
        if query.outcome is not None or query.reason is not None or query.event_id:
            return settled
        ranges = await self._thread.run(self._state.settled_above_cursor)
        pending = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._find_pending, query, Intervals(ranges)
        )
        return sorted([*settled, *pending], key=_position_of)[: query.limit]

    async def replay(self, query: Query, *, dry_run: bool = False) -> Replayed:
        """Make settled entries pending again; see `Spool.replay`."""
        found = await self.find(query)
        positions = [one.position for one in found if one.outcome is not None and one.body_kept]
        gone = sum(1 for one in found if one.outcome is not None and not one.body_kept)
        already = sum(1 for one in found if one.outcome is None and one.attempt > 1)
        if dry_run:
            return Replayed(len(positions), already, gone, tuple(positions))
        result = await self._thread.run(self._state.replay, positions, self._clock.wall_s())
        await self._thread.run(self._take_snapshot)
        for route, reader in self._readers.items():
            reader.add_replays(await self._thread.run(self._state.waiting_replays, route))
        return Replayed(
            result.done, result.already + already, result.gone + gone, result.positions
        )

    async def drop(self, query: Query, *, who: str, dry_run: bool = False) -> Replayed:
        """Discard quarantined entries; see `Spool.drop`."""
        found = await self.find(query)
        positions = [one.position for one in found if one.outcome is Outcome.QUARANTINED]
        already = sum(1 for one in found if one.outcome is Outcome.DISCARDED)
        if dry_run:
            return Replayed(len(positions), already, 0, tuple(positions))
        result = await self._thread.run(self._state.drop, positions, who, self._clock.wall_s())
        await self._thread.run(self._take_snapshot)
        return Replayed(result.done, result.already + already, result.gone, result.positions)

    async def set_pause(self, route: str, pause: Pause | None) -> None:
        """Keep or lift a pause; see `Spool.set_pause`."""
        await self._thread.run(self._state.set_pause, route, pause)

    async def pauses(self) -> list[Pause]:
        """List the pauses; see `Spool.pauses`."""
        return await self._thread.run(self._state.pauses)

    async def remember(self, key: str, value: str) -> None:
        """Keep a small fact; see `Spool.remember`."""
        await self._thread.run(self._state.remember, key, value)

    async def recall(self, key: str) -> str | None:
        """Read a small fact; see `Spool.recall`."""
        return await self._thread.run(self._state.recall, key)

    def stats(self) -> SpoolStats:
        """Describe the spool now; see `Spool.stats`."""
        last, cursor, totals, sizes = (
            self._log.last_position,
            self._cursor,
            self._totals,
            self._sizes,
        )
        outcomes = dict.fromkeys(Outcome, 0)
        for (_, outcome, _), count in totals.items():
            outcomes[outcome] += count
        failed = self._log.writer.failed
        disk = os.statvfs(self._folder)
        oldest, received_at_s = self._oldest
        return SpoolStats(
            accepted=last,
            pending=last - sum(outcomes.values()),
            outcomes=outcomes,
            outcomes_by_reason=totals,
            first_position=self._before,
            last_position=last,
            cursor=cursor,
            epoch=self._log.writer.epoch,
            segments=len(self._segments),
            log_bytes=self._log_bytes,
            state_bytes=sizes.db_bytes,
            state_wal_bytes=sizes.wal_bytes,
            dedupe_bytes=sizes.dedupe_bytes,
            dedupe_entries=sizes.dedupe_entries,
            dedupe_evicted_early=bool(sizes.dedupe_evicted_early),
            quarantine_entries=sizes.quarantine_entries,
            quarantine_bytes=sizes.quarantine_bytes,
            used_bytes=self._used_bytes(),
            max_bytes=self._config.max_bytes,
            free_disk_bytes=disk.f_bavail * disk.f_frsize,
            oldest_pending_s=(
                max(0.0, self._clock.wall_s() - received_at_s) if oldest > cursor else 0.0
            ),
            accepting=self._is_accepting and not failed,
            refusing_because=failed or ("" if self._is_accepting else "the spool is draining"),
            damage=tuple(self._damage),
        )

    def stop_appending(self) -> None:
        """Refuse further appends; see `Spool.stop_appending`."""
        self._is_accepting = False

    async def close(self) -> None:
        """Finish, sync, let go; see `Spool.close`."""
        if self._is_closing:
            return
        self._is_closing = True
        self._is_accepting = False
        for reader in self._readers.values():
            reader.wake()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        await self._log.close()
        await self._settling.finish()
        await asyncio.gather(*self._losing)
        with suppress(SpoolError):
            await self._thread.run(self._state.close)
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._thread.shutdown()
        self._lock.release()

    def _committed(self) -> None:
        """After a commit: count the log's bytes, wake the readers."""
        newest = self._segments[-1] if self._segments else None
        if newest is not self._newest:
            self._newest = newest
            self._closed_bytes = sum(segment.end for segment in self._segments[:-1])
        self._log_bytes = self._closed_bytes + (newest.end if newest else 0)
        for reader in self._readers.values():
            reader.wake()

    def _used_bytes(self) -> int:
        return self._log_bytes + self._large_bytes + self._sizes.quarantine_bytes

    def _add_reader(self, route: str, waiting: list[tuple[int, int]]) -> Reader:
        skip = self._settled
        for position, _ in waiting:
            # It comes as a replay, not in its place.
            skip.add(position, position)
        reader = Reader(route, self._segments, Place(self._cursor + 1), skip, self._source)
        reader.add_replays(waiting)
        self._readers[route] = reader
        return reader

    def _find_pending(self, query: Query, settled: Intervals) -> list[Found]:
        return find_pending(
            self._segments,
            query,
            first=self._cursor + 1,
            last=self._log.last_position,
            settled=settled,
        )

    def _write_settlements(self, settlements: list[Settlement]) -> None:
        self._state.settle(settlements, now_s=self._clock.wall_s())
        self._take_snapshot()

    def _take_snapshot(self) -> None:
        """In the state's thread: what `stats` shows, as new objects."""
        self._totals = self._state.totals()
        self._cursor = self._state.cursor

    def _report_gaps(self, gaps: list[Gap], route: str) -> None:
        """Settle what a reader could not read as lost, once."""
        lost = [
            Lost(gap.first, gap.last, Reason.FRAME_DAMAGED, "damage in the log") for gap in gaps
        ]
        task = asyncio.create_task(self._lose(lost))
        self._losing.add(task)
        task.add_done_callback(self._losing.discard)

    async def _lose(self, lost: list[Lost]) -> None:
        with suppress(SpoolError):
            self._damage += await self._thread.run(report_lost, self._state, lost, self._settled)
            await self._thread.run(self._take_snapshot)

    async def _make_room(self) -> bool:
        """Delete settled segments, however young; concurrent callers share one attempt."""
        if self._making_room is None:
            self._making_room = asyncio.create_task(self._retain(older_than_s=float("inf")))
        task = self._making_room
        try:
            return await asyncio.shield(task)
        finally:
            if task.done():
                self._making_room = None

    async def _retain(self, *, older_than_s: float) -> bool:
        """Delete segments that may go; say whether any went."""
        count = deletable(
            self._segments,
            cursor=self._cursor,
            waiting=self._waiting_replays,
            older_than_s=older_than_s,
        )
        if not count:
            return False
        self._before, _ = await self._thread.run(
            delete,
            self._folder,
            self._segments,
            count,
            state=self._state,
            folded=self._folded,
        )
        self._newest = None
        self._committed()
        return True

    async def _keep(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(_UPKEEP_S)
            ticks += 1
            with suppress(SpoolError, OSError):
                await self._upkeep(retain=ticks % int(_RETENTION_S / _UPKEEP_S) == 0)

    async def _upkeep(self, *, retain: bool) -> None:
        """Do what the second brings."""
        writer = self._log.writer
        if writer.failed:
            await self._log.in_writer(writer.probe)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, writer.sync_highwater)
        self._sizes = await self._thread.run(self._state.sizes)
        if self._oldest[0] <= self._cursor < self._log.last_position:
            await self._find_oldest()
        if retain:
            await self._retain(older_than_s=self._clock.wall_s() - self._config.retention)
            self._large_bytes = await self._thread.run(
                sweep_large,
                self._folder,
                first=self._before,
                last=self._log.last_position,
                state=self._state,
            )
            await loop.run_in_executor(self._executor, self._reserve.fill)

    async def _find_oldest(self) -> None:
        position = self._cursor + 1
        found = await self.body(position)
        if found is not None:
            self._oldest = (position, found.received_at_s)


def _position_of(found: Found) -> int:
    return found.position
