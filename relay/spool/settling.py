"""
The thread that owns the state, and settles that share a transaction.

SQLite's connection lives in one thread; every call goes through `StateThread.run`. Settles that
come while a transaction is being written wait together and share the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from relay.errors import SpoolError, SpoolFailed
from relay.outcome import Outcome
from relay.spool.port import Settlement
from relay.spool.reserve import Need, Reserve

P = ParamSpec("P")
T = TypeVar("T")

_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# The second is said at opening, when the file beside the database finds no room.
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}

_Waiter = tuple[Sequence[Settlement], "asyncio.Future[None]"]


class StateThread:
    """
    Runs calls on the state one after another.

    When the disk is full *reserve* is released part by part, and the call tried once more after
    each. *on_damage* is told that the file turned out to be damaged.
    """

    def __init__(self, reserve: Reserve, on_damage: Callable[[], None]) -> None:
        self._executor = ThreadPoolExecutor(1, "spool-state")
        self._reserve = reserve
        self._on_damage = on_damage

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run *work* in the thread.

        Raises:
            SpoolFailed: the state could not be read or written.
        """
        return await self.run_for(Need.COPIES, work, *args, **kwargs)

    async def run_for(
        self, need: Need, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* like `run`, with as much of the reserve behind it as *need* may have."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._executor, lambda: self._call(need, partial(work, *args, **kwargs))
        )

    def _call(self, need: Need, work: Callable[[], T]) -> T:
        try:
            while True:
                try:
                    return work()
                except (sqlite3.OperationalError, OSError) as error:
                    if not (is_full(error) and self._reserve.release(need)):
                        raise
        except (sqlite3.Error, OSError) as error:
            hint = "check the disk of spool.path"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
                self._on_damage()
                hint += "; restart the relay: it sets state.db aside and makes it anew"
            raise SpoolFailed(f"the spool's disk or state refuses: {error}", hint=hint) from error

    def shutdown(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)


def is_full(error: BaseException | None) -> bool:
    """Say whether *error* is a disk without room, or a quota."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in _FULL or getattr(error, "errno", None) in {28, 122}


class Settling:
    """Group commit for settles: *write* takes all that wait, in the state's thread."""

    def __init__(self, thread: StateThread, write: Callable[[list[Settlement]], None]) -> None:
        self._thread = thread
        self._write = write
        # Owned by the loop.
        self._waiting: list[_Waiter] = []
        self._running: asyncio.Task[None] | None = None

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Return once all of *settlements* are written."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((settlements, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await future

    async def finish(self) -> None:
        """Wait until nothing waits."""
        while self._running is not None:
            await asyncio.shield(self._running)

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                problem = await self._try(group, Need.COPIES)
                if problem is not None and is_full(problem.__cause__):
                    # That copies find no room must keep nothing else from being settled.
                    small = [waiter for waiter in group if not _has_copies(waiter)]
                    _answer(small, await self._try(small, Need.SETTLING))
                _answer(group, problem)
        finally:
            self._running = None

    async def _try(self, group: list[_Waiter], need: Need) -> SpoolError | None:
        """Write all of *group* at once; give what is in the way."""
        merged = [one for settlements, _ in group for one in settlements]
        try:
            await self._thread.run_for(need, self._write, merged)
        except SpoolError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a bug must not leave callers waiting
            return SpoolFailed(f"the outcomes cannot be written: {error!r}")
        return None


def _has_copies(waiter: _Waiter) -> bool:
    return any(one.outcome is Outcome.QUARANTINED for one in waiter[0])


def _answer(group: list[_Waiter], problem: SpoolError | None) -> None:
    """Tell those of *group* who have no answer yet."""
    for _, future in group:
        if future.done():
            continue
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(problem)
