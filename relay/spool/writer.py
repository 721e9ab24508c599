"""
The one place that writes the log: frames into the newest segment, then one fdatasync for all.

Everything here runs in the writer's thread, one call at a time (`relay.spool.log`), so nothing
is locked. What a failure means:

* The disk is full: what was partly written is cut off again, nothing of it is acknowledged, and
  the next write tries again.
* Any other write error, or a failed fsync: the file is never written or synced again, because
  after a failed fsync the kernel may call pages clean that never reached the disk. The writer
  is *failed* until `probe` has made a new segment in a new epoch.

A position belongs to an entry once the entry is acknowledged; positions of a write that failed
are given to the next one, so that they stay dense.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, chain
from operator import attrgetter
from pathlib import Path

from relay.clock import Clock
from relay.envelope import Envelope
from relay.errors import SpoolError, SpoolFailed, SpoolFull
from relay.spool import frame, segment
from relay.spool.highwater import HighWater
from relay.spool.segment import HEADER_BYTES, Segment, sync_folder

_FULL = {errno.ENOSPC, errno.EDQUOT}

_ROOM = "give the disk of spool.path room, or mend the inlet; the relay goes on by itself"

Written = int | SpoolError

_is_spilled = attrgetter("spill")


class Writer:
    """
    The newest segment, open for appending.

    *segments* is shared with the readers: the writer appends to it and moves its last element's
    *end*; retention removes from its front.
    """

    def __init__(
        self,
        folder: Path,
        segments: list[Segment],
        *,
        position: int,
        epoch: int,
        segment_bytes: int,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._large = folder.parent / "large"
        self._segment_bytes = segment_bytes
        self._clock = clock
        self._highwater = HighWater(folder.parent / "highwater")
        if position:
            # Again, because the file may be new.
            with suppress(OSError):
                self._highwater.note(position, epoch)
        # The writer's own state. `position` is the last acknowledged one; frames over it are in
        # `_parts`, encoded but not written.
        self.segments = segments
        self.position = position
        self.epoch = epoch
        self.failed = ""
        self.fsync_s: list[float] = []
        # The last position of each route; of a failed write too, so it may be too high.
        self.routes: dict[str, int] = {}
        self._fd = -1
        self._capacity = 0
        self._next = position + 1
        self._parts: list[bytes] = []
        self._held_bytes = 0

    def resume(self, tail: Segment) -> None:
        """
        Go on in *tail*, the newest segment on disk: cut what follows its end, allocate again.

        Raises:
            OSError: the file cannot be written.
        """
        self._fd = os.open(tail.path, os.O_RDWR | os.O_CLOEXEC)
        os.ftruncate(self._fd, tail.end)
        self._capacity = tail.end
        with suppress(OSError):
            os.posix_fallocate(self._fd, 0, max(self._segment_bytes, tail.end))
            self._capacity = self._segment_bytes
        os.fsync(self._fd)

    def begin(self) -> None:
        """Make the first segment now, so that a disk that refuses shows at once; else later."""
        with suppress(SpoolError):
            self._roll(0)

    def write(self, calls: Sequence[Sequence[Envelope]]) -> list[Written]:
        """
        Append every call's envelopes; say for each its last position, or why it is not stored.

        A call is stored whole or not at all. All calls share one write and one fsync, unless a
        segment ends between them.
        """
        self._forget()
        self.fsync_s.clear()
        problem: SpoolError | None = SpoolFailed(self.failed) if self.failed else None
        lasts: Sequence[Written]
        if problem is None and self._hold_all(calls):
            lasts = list(accumulate(map(len, calls), initial=self.position))[1:]
        else:
            lasts, problem = self._hold_each(calls, problem)
        if problem is None:
            try:
                self._commit()
            except SpoolError as error:
                problem = error
        self._forget()
        done = self.position
        return [
            last if problem is None or isinstance(last, SpoolError) or last <= done else problem
            for last in lasts
        ]

    def probe(self) -> bool:
        """Try to go on after a failure, in a new segment of a new epoch; say whether it works."""
        if self.failed:
            self.epoch += 1
            try:
                self._roll(0)
            except SpoolError:
                self.epoch -= 1
                return False
            self.failed = ""
        return True

    def roll(self) -> None:
        """Begin a new segment if there is room for one, so that retention may have the last."""
        if not self.failed:
            with suppress(SpoolError):
                self._roll(0)

    def sync_highwater(self) -> None:
        """
        Make the high-water mark survive power loss.

        Raises:
            OSError: the disk refuses.
        """
        self._highwater.sync()

    def close(self) -> None:
        """Close the files; the newest segment keeps its preallocated rest."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        with suppress(OSError):
            self._highwater.close()

    def _hold_all(self, calls: Sequence[Sequence[Envelope]]) -> bool:
        """Hold all *calls* at once if they fit into this segment; say whether they do."""
        envelopes = list(chain.from_iterable(calls))
        if self._fd < 0 or any(map(_is_spilled, envelopes)):
            return False
        parts, size_bytes = self._encoded(envelopes)
        if self._end() + size_bytes > self._capacity:
            return False
        self._hold(envelopes, parts, size_bytes)
        return True

    def _hold_each(
        self, calls: Sequence[Sequence[Envelope]], problem: SpoolError | None
    ) -> tuple[list[Written], SpoolError | None]:
        """
        Hold *calls* one by one; commit and begin segments on the way if they need it.

        Nothing more is held once there is a *problem*.
        """
        lasts: list[Written] = []
        for envelopes in calls:
            if problem is None:
                try:
                    self._hold_one(envelopes)
                    lasts.append(self._next - 1)
                    continue
                except OSError as error:
                    lasts.append(SpoolFailed(f"a spilled body cannot be kept: {error.strerror}"))
                    continue
                except SpoolError as error:
                    problem = error
            lasts.append(problem)
        return lasts, problem

    def _hold_one(self, envelopes: Sequence[Envelope]) -> None:
        parts, need = self._encoded(envelopes)
        is_spilled = False
        for envelope in envelopes:
            if envelope.spill:
                is_spilled = True
                # Its new name is longer by its position.
                need += 32
        if self._fd < 0 or self._end() + self._held_bytes + need > self._capacity:
            self._commit()
            self._roll(need)
            parts, need = self._encoded(envelopes)
        if is_spilled:
            parts, need = self._encoded(self._keep_spills(envelopes))
        self._hold(envelopes, parts, need)

    def _hold(self, envelopes: Sequence[Envelope], parts: list[bytes], size_bytes: int) -> None:
        """Keep *parts*, the frames of *envelopes*, for the next commit."""
        self._parts += parts
        self._held_bytes += size_bytes
        self.routes.update(
            {envelope.route: at for at, envelope in enumerate(envelopes, self._next)}
        )
        self._next += len(envelopes)

    def _encoded(self, envelopes: Sequence[Envelope]) -> tuple[list[bytes], int]:
        """Give the frames of *envelopes* as they would come next, and their size in bytes."""
        salt = self.segments[-1].salt if self.segments else 0
        parts = frame.encode_run(envelopes, self._next, self.position, self.epoch, salt)
        return parts, sum(map(len, parts))

    def _keep_spills(self, envelopes: Sequence[Envelope]) -> list[Envelope]:
        """Make the spilled bodies of *envelopes* durable under their new names."""
        kept = [
            self._keep_spill(envelope, at) if envelope.spill else envelope
            for at, envelope in enumerate(envelopes, self._next)
        ]
        sync_folder(self._large)
        return kept

    def _keep_spill(self, envelope: Envelope, position: int) -> Envelope:
        """Make the spilled body durable under a name that says whose it is."""
        spill = f"{position:020d}.{envelope.spill.rpartition('.')[2]}"
        stored = Envelope(
            envelope.route,
            envelope.received_at_s,
            envelope.packed_headers,
            envelope.body,
            spill,
            envelope.spill_bytes,
        )
        fd = os.open(self._large / envelope.spill, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        (self._large / envelope.spill).rename(self._large / stored.spill)
        return stored

    def _commit(self) -> None:
        """Write and sync what is held; only now is it acknowledged."""
        if not self._parts:
            return
        data = b"".join(self._parts)
        tail = self.segments[-1]
        try:
            at = 0
            while at < len(data):
                at += os.pwrite(self._fd, memoryview(data)[at:], tail.end + at)
        except OSError as error:
            raise self._give_up(error, is_full=error.errno in _FULL) from error
        started_s = time.perf_counter()
        try:
            os.fdatasync(self._fd)
        except OSError as error:
            raise self._give_up(error, is_full=False) from error
        self.fsync_s.append(time.perf_counter() - started_s)
        tail.mark(self.position + 1, tail.end)
        # In this order: what readers expect (`last`) is there (`end`), and what they can read is
        # counted as accepted (`position`).
        self.position = last = self._next - 1
        tail.end += len(data)
        tail.last = last
        self._forget()
        with suppress(OSError):
            self._highwater.note(self.position, self.epoch)

    def _roll(self, need_bytes: int) -> None:
        """Begin a new segment with room for *need_bytes*; cut the old one to its used size."""
        before = self.segments[-1] if self.segments else None
        first = self.position + 1
        made = Segment(
            path=self._folder / segment.name(first, self.epoch),
            first=first,
            epoch=self.epoch,
            salt=secrets.randbits(32),
            previous=before.first if before else 0,
            created_at_s=self._clock.wall_s(),
            end=HEADER_BYTES,
            last=first - 1,
        )
        if before is not None and before.path == made.path:
            self.epoch += 1
            made.epoch, made.path = self.epoch, self._folder / segment.name(first, self.epoch)
        capacity = max(self._segment_bytes, HEADER_BYTES + need_bytes)
        try:
            fd = segment.create(made, capacity_bytes=capacity)
        except OSError as error:
            if error.errno in _FULL:
                raise SpoolFull("the disk has no room for a new segment", hint=_ROOM) from error
            raise self._give_up(error, is_full=False) from error
        if before is not None and self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, before.end)
            os.close(self._fd)
        self._fd, self._capacity = fd, capacity
        self.segments.append(made)

    def _give_up(self, error: OSError, *, is_full: bool) -> SpoolError:
        """Cut off what was partly written; unless the disk was only full, close this file."""
        self._forget()
        try:
            if self._fd >= 0:
                os.ftruncate(self._fd, self._end())
        except OSError:
            is_full = False
        if is_full:
            return SpoolFull("the disk is full", hint=_ROOM)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self.failed = f"the log cannot be written: {error.strerror or error}"
        return SpoolFailed(self.failed, hint="check the disk; the relay tries again by itself")

    def _forget(self) -> None:
        self._parts.clear()
        self._held_bytes = 0
        self._next = self.position + 1

    def _end(self) -> int:
        return self.segments[-1].end if self.segments else HEADER_BYTES
