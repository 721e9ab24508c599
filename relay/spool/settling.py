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
from typing import ParamSpec, TypeVar

from relay.errors import SpoolError, SpoolFailed
from relay.spool.port import Settlement
from relay.spool.reserve import Reserve

P = ParamSpec("P")
T = TypeVar("T")

_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
# The second is said at opening, when the file beside the database finds no room.
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}

_Waiter = tuple[Sequence[Settlement], "asyncio.Future[None]"]


class StateThread:
    """
    Runs calls on the state one after another.

    When the disk is full *reserve* is released, and the call tried once more. *on_damage* is told
    that the file turned out to be damaged.
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
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: self.call(work, *args, **kwargs))

    async def make_room(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run *work*, which leaves more room than it takes, with the last of the reserve, too.

        Raises:
            SpoolFailed: the state could not be read or written.
        """
        try:
            return await self.run(work, *args, **kwargs)
        except SpoolFailed as error:
            if not (_is_full(error.__cause__) and self._reserve.release_last()):
                raise
        return await self.run(work, *args, **kwargs)

    def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work* here, in the thread, with the reserve behind it."""
        try:
            try:
                return work(*args, **kwargs)
            except (sqlite3.OperationalError, OSError) as error:
                if not (_is_full(error) and self._reserve.release()):
                    raise
                return work(*args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            hint = "check the disk of spool.path"
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN:
                self._on_damage()
                hint += "; restart the relay: it sets state.db aside and makes it anew"
            raise SpoolFailed(f"the spool's disk or state refuses: {error}", hint=hint) from error

    def shutdown(self) -> None:
        """End the thread."""
        self._executor.shutdown(wait=False)


def _is_full(error: BaseException | None) -> bool:
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
                merged = [one for settlements, _ in group for one in settlements]
                problem: SpoolError | None = None
                try:
                    await self._thread.run(self._write, merged)
                except SpoolError as error:
                    problem = error
                except Exception as error:  # noqa: BLE001 - a bug must not leave callers waiting
                    problem = SpoolFailed(f"the outcomes cannot be written: {error!r}")
                for _, future in group:
                    if future.done():
                        continue
                    if problem is None:
                        future.set_result(None)
                    else:
                        future.set_exception(problem)
        finally:
            self._running = None
