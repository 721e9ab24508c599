"""
The embedded spool: the log for entries, the state for what became of them.

::

    append   room -> Log (group commit) -> position              the loop and one writer thread
    read     the route's Reader -> entries without an outcome    the loop or a reader thread
    settle   Settling (group commit) -> State.settle             the state's thread
    find     Finder: the state's rows and the log's frames       both
    upkeep   Keeper: high-water mark, probe, retention           once a second

The layout of the folder stands in `relay.spool.opening`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from relay.clock import Clock
from relay.config import SpoolConfig
from relay.envelope import Entry, Envelope
from relay.errors import SpoolClosed, SpoolError, SpoolFailed, SpoolFull
from relay.metrics import Metrics
from relay.outcome import Outcome, Reason
from relay.spool.core import Core
from relay.spool.finding import Finder
from relay.spool.keeper import Keeper
from relay.spool.lock import Lock
from relay.spool.log import Log
from relay.spool.lookup import envelopes_at
from relay.spool.opening import Opened, open_folder, prepare_folder, report_lost
from relay.spool.port import Deed, Found, Pause, Query, Replayed, Seen, Settlement, SpoolStats
from relay.spool.reader import Place, Reader, ReaderSource
from relay.spool.recover import Lost
from relay.spool.replays import Waiting
from relay.spool.reserve import Need, Reserve
from relay.spool.restore import distrust
from relay.spool.retention import remove_orphans
from relay.spool.room import Room
from relay.spool.route_names import RouteNames
from relay.spool.scan import Gap
from relay.spool.settling import Settling, StateThread

_HEAD_BYTES = 128
# What may wait for a disk that hangs; as much as `server.max_bytes_in_flight` by default. Whoever
# sent it has been told that it is not stored, and may send it again and again.
_WAITING_MAX_BYTES = 256 * 1024 * 1024
_REPLAYS_A_PAGE = 256


class LocalSpool:
    """The port's embedded backend; `open` makes it, `close` ends it."""

    def __init__(self, opened: Opened, core: Core, reserve: Reserve) -> None:
        self._lock = opened.lock
        self._core = core
        self._log = core.log
        self._state = core.state
        self._room = Room(core, reserve)
        self._finder = Finder(core)
        self._names = RouteNames(core, opened_at=opened.writer.position)
        self._keeper = Keeper(core, self._room, self._names)
        self._settling = Settling(core.thread, self._write_settlements)
        self._source = ReaderSource(
            executor=core.executor,
            position_end=lambda: self._log.last_position,
            is_closing=lambda: self._is_closing,
            replays=self._next_replays,
            fetch=self._fetch,
            on_gaps=self._report_gaps,
            on_unreadable=self._report_unreadable,
        )
        # Owned by the loop.
        self._readers: dict[str, Reader] = {}
        self._losing: set[asyncio.Task[None]] = set()
        self._is_accepting = True
        self._is_closing = False

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
        thread = StateThread(reserve, lambda: distrust(folder))
        lock: Lock | None = None
        try:
            lock = await thread.run(prepare_folder, folder)
            # It ends what a deleting had begun, and without it nothing can be deleted.
            opened = await thread.run_for(Need.DELETING, open_folder, lock, config, clock)
        except BaseException:
            if lock is not None:
                lock.release()
            thread.shutdown()
            raise
        log = Log(opened.writer, metrics, lambda stored: spool._committed(stored))  # noqa: PLW0108 - not yet made
        core = Core(config, clock, thread, opened.state, log)
        spool = cls(opened, core, reserve)
        try:
            await thread.run(remove_orphans, folder, last=opened.writer.position)
            await thread.run(core.take_snapshot)
            await thread.run(core.take_sizes)
            core.damage += opened.damage
            spool._committed([])
            await spool._keeper.tick(retain=True)
        except BaseException:
            await spool.close()
            raise
        spool._keeper.start()
        return spool

    def __repr__(self) -> str:
        return f"<LocalSpool last={self._log.last_position} cursor={self._core.snapshot.cursor}>"

    async def append(self, envelopes: Sequence[Envelope]) -> int:
        """Store *envelopes*; see `Spool.append`."""
        if not self._is_accepting:
            raise SpoolClosed("the spool is closed" if self._is_closing else "it is draining")
        room, log = self._room, self._log
        if log.waiting_bytes > _WAITING_MAX_BYTES:
            raise SpoolFailed(f"{log.waiting_bytes} bytes wait for a write; does the disk answer?")
        need = large_bytes = 0
        for envelope in envelopes:
            need += envelope.size_bytes + _HEAD_BYTES
            large_bytes += envelope.spill_bytes
        if room.lacks(need):
            await room.make()
            if room.lacks(need):
                raise room.over_quota(need)
        try:
            last = await log.append(envelopes, need)
        except SpoolFull as error:
            room.refused(need, error)
            if not await room.make():
                raise
            last = await log.append(envelopes, need)
        room.full_because = ""
        room.large_bytes += large_bytes
        return last

    async def read(self, route: str, *, max_entries: int, max_bytes: int) -> list[Entry]:
        """Take *route*'s next entries; see `Spool.read`."""
        reader = self._readers.get(route)
        if reader is None:
            cursor, past = await self._core.in_state(self._state.past)
            reader = self._readers.get(route)
            if reader is None:
                place = Place(cursor + 1)
                reader = Reader(route, self._core.segments, place, past, self._source)
                self._readers[route] = reader
        return await reader.take(max_entries, max_bytes)

    async def seen(self, event_ids: Sequence[str]) -> dict[str, Seen]:
        """Look *event_ids* up; see `Spool.seen`."""
        return await self._core.thread.run(self._state.seen, event_ids)

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Write outcomes; see `Spool.settle`."""
        if settlements:
            await self._settling.settle(settlements)

    async def body(self, position: int) -> Envelope | None:
        """Fetch one envelope; see `Spool.body`."""
        return (await self._fetch([position])).get(position)

    async def spilled(self, envelope: Envelope) -> bytes | None:
        """Fetch a body that was spilled; see `Spool.spilled`."""
        path = self._core.folder / "large" / envelope.spill
        with suppress(FileNotFoundError):
            return await self._core.in_reader(path.read_bytes)
        return None

    async def find(self, query: Query) -> list[Found]:
        """Find entries; see `Spool.find`."""
        return await self._finder.find(query)

    async def replay(self, query: Query, *, who: str = "", dry_run: bool = False) -> Replayed:
        """Make settled entries pending again; see `Spool.replay`."""
        found = await self.find(query)
        ended = [one for one in found if one.outcome is not None]
        able = [one for one in ended if one.body_kept]
        done = [one.position for one in able]
        if able and not dry_run:
            # To its end, so that the readers hear of what is written.
            done = await asyncio.shield(asyncio.ensure_future(self._replay(able, who)))
        return Replayed(
            done=len(done),
            already=len(found) - len(ended) + len(able) - len(done),
            gone=len(ended) - len(able),
            positions=tuple(done),
            last=found[-1].position if found else 0,
        )

    async def _replay(self, able: list[Found], who: str) -> list[int]:
        now_s = self._core.clock.wall_s()
        done = await self._core.in_state(self._state.replay, able, who, now_s)
        for reader in self._readers.values():
            reader.more_replays()
        return done

    async def drop(self, query: Query, *, who: str, dry_run: bool = False) -> Replayed:
        """Discard quarantined entries; see `Spool.drop`."""
        found = await self.find(query)
        able = done = [one.position for one in found if one.outcome is Outcome.QUARANTINED]
        if able and not dry_run:
            now_s = self._core.clock.wall_s()
            # It copies nothing, and leaves room in the state.
            done = await self._core.in_state_for(Need.SETTLING, self._state.drop, able, who, now_s)
        discarded = sum(1 for one in found if one.outcome is Outcome.DISCARDED)
        return Replayed(
            done=len(done),
            already=discarded + len(able) - len(done),
            positions=tuple(done),
            last=found[-1].position if found else 0,
        )

    async def trail(self, *, limit: int = 100) -> list[Deed]:
        """List what people did; see `Spool.trail`."""
        return await self._core.in_state(self._state.trail.newest, limit)

    async def routes_waiting(self) -> set[str]:
        """Name routes with pending entries; see `Spool.routes_waiting`."""
        return await self._names.waiting()

    async def delivered_by_hour(self, route: str) -> dict[int, int]:
        """Count deliveries by hour; see `Spool.delivered_by_hour`."""
        return await self._core.in_state(self._state.hours.of, route)

    def rewind(self, route: str) -> None:
        """Give out again what was not settled; see `Spool.rewind`."""
        self._readers.pop(route, None)

    async def set_pause(self, route: str, pause: Pause | None) -> None:
        """Keep or lift a pause; see `Spool.set_pause`."""
        await self._core.in_state(self._state.facts.set_pause, route, pause)

    async def pauses(self) -> list[Pause]:
        """List the pauses; see `Spool.pauses`."""
        return await self._core.in_state(self._state.facts.pauses)

    async def remember(self, key: str, value: str) -> None:
        """Keep a small fact; see `Spool.remember`."""
        await self._core.in_state(self._state.facts.remember, key, value)

    async def recall(self, key: str) -> str | None:
        """Read a small fact; see `Spool.recall`."""
        return await self._core.in_state(self._state.facts.recall, key)

    def stats(self) -> SpoolStats:
        """Describe the spool now; see `Spool.stats`."""
        core, writer = self._core, self._log.writer
        snapshot, sizes, last = core.snapshot, core.sizes, self._log.last_position
        outcomes = dict.fromkeys(Outcome, 0)
        for (_, outcome, _), count in snapshot.totals.items():
            outcomes[outcome] += count
        disk = os.statvfs(core.folder)
        segments = core.segments[:]
        return SpoolStats(
            accepted=last,
            pending=snapshot.pending(last),
            outcomes=outcomes,
            outcomes_by_reason=snapshot.totals,
            first_position=segments[0].first if segments else last + 1,
            last_position=last,
            cursor=snapshot.cursor,
            epoch=writer.epoch,
            segments=len(segments),
            log_bytes=self._room.log_bytes,
            state_bytes=sizes.db_bytes,
            state_wal_bytes=sizes.wal_bytes,
            dedupe_bytes=snapshot.dedupe_bytes,
            dedupe_entries=snapshot.dedupe_entries,
            dedupe_evicted_early=sizes.dedupe_evicted_early,
            quarantine_entries=snapshot.quarantine_entries,
            quarantine_bytes=(
                snapshot.quarantine_copies_bytes + snapshot.quarantine_spilled_bytes
            ),
            used_bytes=self._room.used_bytes,
            max_bytes=core.config.max_bytes,
            free_disk_bytes=disk.f_bavail * disk.f_frsize,
            oldest_pending_s=self._keeper.oldest_pending_s(),
            waiting_replays=snapshot.waiting,
            accepting=self._is_accepting
            and not (writer.failed or self._room.full_because or core.stalled),
            refusing_because=writer.failed
            or self._room.full_because
            or core.stalled
            or ("" if self._is_accepting else "the spool is draining"),
            damage=(*core.damage, *([core.trouble] if core.trouble else [])),
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
        await self._keeper.stop()
        try:
            await self._log.close()
            await self._settling.finish()
            await self._room.finish()
            await asyncio.gather(*self._losing)
            with suppress(SpoolError):
                await self._core.thread.run(self._state.close)
        finally:
            self._core.shutdown()
            self._lock.release()

    def _committed(self, calls: Sequence[Sequence[Envelope]]) -> None:
        """After a commit of *calls*: count the log's bytes, let the readers go on."""
        self._room.count_log()
        readers = self._readers.values()
        if readers and calls:
            stored = [envelope for envelopes in calls for envelope in envelopes]
            # A spilled body has another name since.
            if not any([envelope.spill for envelope in stored]):  # noqa: C419 - half the cost
                first = self._log.last_position - len(stored) + 1
                tail = self._core.segments[-1]
                for reader in readers:
                    reader.follow(first, stored, tail)
        for reader in readers:
            reader.wake()

    def _write_settlements(self, settlements: list[Settlement]) -> None:
        self._state.settle(settlements, self._core.clock.wall_s())
        self._core.take_snapshot()

    async def _next_replays(self, route: str, seq: int) -> list[Waiting]:
        return await self._core.in_state(self._state.replays.after, route, seq, _REPLAYS_A_PAGE)

    async def _fetch(self, positions: list[int]) -> dict[int, Envelope]:
        """Fetch envelopes from the log, or the quarantine."""
        found = await self._core.in_reader(envelopes_at, self._core.segments, positions)
        missing = [position for position in positions if position not in found]
        if missing:
            found |= await self._core.in_state(self._state.quarantine.envelopes, missing)
        return found

    def _report_gaps(self, gaps: list[Gap]) -> None:
        """Settle what a reader could not read as lost, once."""
        lost = [
            Lost(gap.first, gap.last, Reason.FRAME_DAMAGED, "damage in the log") for gap in gaps
        ]
        self._lose(lambda now_s: report_lost(self._state, lost, now_s))

    def _report_unreadable(self, position: int) -> None:
        """Settle a replay whose bytes are gone as lost."""

        def lose(now_s: float) -> list[str]:
            detail = "its bytes cannot be read any more"
            lost = self._state.lose_replay(position, Reason.FRAME_DAMAGED, detail, now_s)
            return [f"lost position {position}: {detail}"] if lost else []

        self._lose(lose)

    def _lose(self, lose: Callable[[float], list[str]]) -> None:
        async def run() -> None:
            try:
                self._core.tell_damage(await self._core.in_state(lose, self._core.clock.wall_s()))
            except SpoolError as error:
                self._core.tell_trouble(str(error))

        task = asyncio.create_task(run())
        self._losing.add(task)
        task.add_done_callback(self._losing.discard)
