"""
Group commit: every append that waits shares the next write and the next fsync.

The event loop collects; one thread writes. At most one write is in progress. When it ends, one
call back into the loop answers all of its waiters and hands over whatever gathered meanwhile::

    loop    append append append ........ append append
    thread         [write fdatasync]             [write fdatasync]
    loop                            answer x 1                    answer x 4

So the cost of a thread hand-over and of an fsync is shared by a group, an idle spool answers
after one fsync without lingering, and a cancelled waiter holds up nobody: its entry is stored
all the same, as an entry nobody was told about.

A busy one lingers: when many have gathered during a write, those that it answers are about to
send again, and one write for both halves costs half as much as two. So the next write waits until
as many are there as both halves had, for two milliseconds at most.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from relay.envelope import Envelope
from relay.errors import SpoolClosed, SpoolFailed
from relay.metrics import Metrics
from relay.spool.writer import Writer, Written

_GROUP_BYTES = 8 * 1024 * 1024
_LINGER_S = 0.002
# Fewer than these are written at once: two writes for them cost little, and waiting shows.
_MANY = 8

# What is to be written, its bytes, who waits for it, and since when.
_Waiter = tuple[Sequence[Envelope], int, "asyncio.Future[int]", float]


OnCommit = Callable[[Sequence[Sequence[Envelope]]], None]


class Log:
    """
    The loop's side of the log.

    *on_commit* is called in the loop after every commit, before the waiters are answered, with
    what was stored, call by call; with nothing if not all of it was.
    """

    def __init__(self, writer: Writer, metrics: Metrics, on_commit: OnCommit) -> None:
        self.writer = writer
        gathered = metrics.gathered
        self._appends_s = gathered.values(metrics.append_seconds)
        self._fsyncs_s = gathered.values(metrics.fsync_seconds)
        self._groups = gathered.values(metrics.append_group)
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        # Owned by the loop. `last_position` is what has been acknowledged.
        self.last_position = writer.position
        self.waiting_bytes = 0
        self._waiting: list[_Waiter] = []
        self._is_busy = False
        self._is_closed = False
        # While it lingers: until when, and for how many.
        self._linger: asyncio.TimerHandle | None = None
        self._wanted = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="spool-writer", daemon=True)
        self._thread.start()

    def append(self, envelopes: Sequence[Envelope], size_bytes: int) -> asyncio.Future[int]:
        """
        Queue *envelopes* for the next write; the future gives the last one's position.

        *size_bytes* is about what they take, as `waiting_bytes` counts it.

        Raises:
            SpoolClosed: the log is closed.
        """
        if self._is_closed:
            raise SpoolClosed("the spool is closed")
        future = self._loop.create_future()
        self._waiting.append((envelopes, size_bytes, future, time.perf_counter()))
        self.waiting_bytes += size_bytes
        if not self._is_busy:
            self._is_busy = True
            self._idle.clear()
            # Not at once: what else this turn of the loop appends shares the write.
            self._loop.call_soon(self._hand_over)
        elif self._linger is not None and (
            len(self._waiting) >= self._wanted or self.waiting_bytes > _GROUP_BYTES
        ):
            self._hand_over()
        return future

    @property
    def is_closed(self) -> bool:
        """Whether the writer's thread takes no more work."""
        return self._is_closed

    async def in_writer(self, work: Callable[[], Any]) -> Any:
        """Run *work* in the writer's thread, between two writes."""
        future = self._loop.create_future()

        def run() -> None:
            try:
                result, problem = work(), None
            except Exception as error:  # noqa: BLE001  # carried to the caller
                result, problem = None, error
            self._in_loop(_resolve, future, result, problem)

        self._jobs.put(run)
        return await future

    async def close(self) -> None:
        """Finish what is queued, end the thread, close the files."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._linger is not None:
            self._hand_over()
        await self._idle.wait()
        await self.in_writer(self.writer.close)
        self._jobs.put(None)

    def _hand_over(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None
        group, self._waiting = self._waiting, []
        if self.waiting_bytes > _GROUP_BYTES:
            group, self._waiting = _split(group)
        self._jobs.put(lambda: self._write(group))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _write(self, group: list[_Waiter]) -> None:
        try:
            results = self.writer.write([envelopes for envelopes, _, _, _ in group])
        except Exception as error:  # noqa: BLE001  # a bug must not leave callers waiting
            self.writer.failed = f"{type(error).__name__} in the log: a bug, please report it"
            results = [SpoolFailed(self.writer.failed)] * len(group)
        self._in_loop(self._answer, group, results)

    def _in_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        # The loop may be gone when the process is taken down without close().
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *arguments)

    def _answer(self, group: list[_Waiter], results: list[Written]) -> None:
        self.last_position = self.writer.position
        is_whole = results[-1] == self.last_position and all(map(_is_position, results))
        self._on_commit([envelopes for envelopes, _, _, _ in group] if is_whole else [])
        now_s = time.perf_counter()
        waited_s: list[float] = []
        for (_, size_bytes, future, started_s), result in zip(group, results, strict=True):
            self.waiting_bytes -= size_bytes
            if future.done():
                continue
            if isinstance(result, int):
                future.set_result(result)
                waited_s.append(now_s - started_s)
            else:
                future.set_exception(result)
        self._appends_s.observe(*waited_s)
        self._fsyncs_s.observe(*self.writer.fsync_s)
        self._groups.observe(len(group))
        gathered = len(self._waiting)
        if gathered >= _MANY and not self._is_closed:
            self._wanted = gathered + len(group)
            self._linger = self._loop.call_later(_LINGER_S, self._hand_over)
        elif gathered:
            self._hand_over()
        else:
            self._is_busy = False
            self._idle.set()


def _is_position(result: Written) -> bool:
    return isinstance(result, int)


def _split(waiting: list[_Waiter]) -> tuple[list[_Waiter], list[_Waiter]]:
    """Give those that fill one write, and the rest."""
    size_bytes = 0
    for number, waiter in enumerate(waiting, 1):
        size_bytes += waiter[1]
        if size_bytes >= _GROUP_BYTES:
            return waiting[:number], waiting[number:]
    return waiting, []


def _resolve(future: asyncio.Future[Any], result: Any, problem: Exception | None) -> None:
    if future.done():
        return
    if problem is None:
        future.set_result(result)
    else:
        future.set_exception(problem)
