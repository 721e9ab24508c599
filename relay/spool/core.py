"""What the parts of the embedded spool share: the open files, the threads, the latest accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog

from relay.clock import Clock
from relay.config import SpoolConfig
from relay.spool.log import Log
from relay.spool.reserve import Need
from relay.spool.segment import Segment
from relay.spool.settling import StateThread
from relay.spool.state import Snapshot, State, StateSizes

P = ParamSpec("P")
T = TypeVar("T")

_DAMAGE_KEPT = 100
_READ_THREADS = 2

log = structlog.get_logger("relay.spool")


class Core:
    """
    Shared by `LocalSpool`, its readers, its finder and its keeper; all of them live in the loop.

    *state* belongs to *thread*; *snapshot* and *sizes* are written there as whole new objects
    and read in the loop.
    """

    def __init__(
        self, config: SpoolConfig, clock: Clock, thread: StateThread, state: State, log_: Log
    ) -> None:
        self.config = config
        self.clock = clock
        self.folder = Path(config.path)
        self.thread = thread
        self.state = state
        self.log = log_
        self.segments: list[Segment] = log_.writer.segments
        self.executor = ThreadPoolExecutor(_READ_THREADS, "spool-read")
        self._searcher = ThreadPoolExecutor(1, "spool-search")
        self.damage: list[str] = []
        self.trouble = ""
        self.stalled = ""
        self.snapshot: Snapshot
        self.sizes: StateSizes

    def take_snapshot(self) -> None:
        """In the state's thread: keep what `stats` shows; what only memory holds is not shown."""
        if not self.state.is_stale:
            self.snapshot = self.state.snapshot()

    def take_sizes(self) -> None:
        """In the state's thread: keep how large things are."""
        self.sizes = self.state.sizes(self.clock.wall_s())

    async def in_state(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Run *work* in the state's thread, and keep the accounts as it leaves them.

        Raises:
            SpoolFailed: the state could not be read or written.
        """
        return await self.in_state_for(Need.COPIES, work, *args, **kwargs)

    async def in_state_for(
        self, need: Need, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *work* like `in_state`, with as much of the reserve behind it as *need* may have."""
        return await self.thread.run_for(need, self._accounted, partial(work, *args, **kwargs))

    def _accounted(self, work: Callable[[], T]) -> T:
        self.state.refresh()
        try:
            return work()
        finally:
            self.take_snapshot()

    async def in_reader(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work* in a reader's thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.executor, lambda: work(*args, **kwargs))

    async def in_search(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run *work*, which may walk through the whole log, where it holds up no reader."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._searcher, lambda: work(*args, **kwargs))

    def shutdown(self) -> None:
        """End the threads; what is under way in them ends first."""
        for threads in (self.executor, self._searcher):
            threads.shutdown(wait=False, cancel_futures=True)
        self.thread.shutdown()

    def tell_damage(self, sentences: Iterable[str]) -> None:
        """Keep *sentences* for `stats`, and log them."""
        for sentence in sentences:
            log.error("spool_damage", what=sentence)
            if len(self.damage) < _DAMAGE_KEPT:
                self.damage.append(sentence)

    def tell_trouble(self, sentence: str) -> None:
        """Say what does not work at present; empty when all does again."""
        if sentence and sentence != self.trouble:
            log.error("spool_trouble", what=sentence)
        self.trouble = sentence

    def tell_stall(self, sentence: str) -> None:
        """Say that no write ends, and when they do again; empty while they do."""
        if sentence and not self.stalled:
            log.error("spool_stalled", what=sentence)
        elif self.stalled and not sentence:
            log.warning("spool_moves_again")
        self.stalled = sentence
