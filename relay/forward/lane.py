"""
One configuration of a route: its transform, its inlet and the decisions about that inlet.

A reload makes another lane. What the old one holds starts over in the new one; what it has in
flight ends in the old one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from relay.clock import Clock
from relay.config import RouteConfig
from relay.envelope import Entry
from relay.forward.claims import Claims
from relay.forward.dispatch import Dispatch, Request
from relay.forward.inlet import Inlet
from relay.forward.mode import REMEMBERED, Mode
from relay.forward.transform import Record, Transform
from relay.spool.port import Pause, Spool

# So much of a batch's age, and at most so long.
_GATHER_OF_AGE = 0.2
_GATHER_AT_MOST_S = 0.03


class Lane:
    """Made by a reload or at the start; `open` must have ended before anything is sent."""

    def __init__(
        self,
        name: str,
        route: RouteConfig,
        transform: Transform,
        inlet: Inlet,
        clock: Clock,
        *,
        before: Lane | None = None,
    ) -> None:
        self._name = name
        self._clock = clock
        self.settings = route.inlet
        self.transform = transform
        self.inlet = inlet
        # Requests in flight, by `Forward`; whether what is remembered of the inlet has been read.
        self.flying: set[Request] = set()
        self.is_open = False
        self.dispatch = self._dispatch(is_single=False)
        if before is not None:
            self.heed(before)

    @property
    def is_strict(self) -> bool:
        """Whether one request at a time keeps the order."""
        return self.settings.ordering == "strict"

    @property
    def gather_s(self) -> float:
        """
        How long more may come before the spool is read again, once it had less than a whole read.

        A read, a look-up and a hand-over to another thread cost for one event what they cost for
        hundreds. An event that comes after a silence is read at once.
        """
        if not self.dispatch.mode.as_batch:
            return 0.0
        return min(self.settings.batch_max_age * _GATHER_OF_AGE, _GATHER_AT_MOST_S)

    @property
    def memory_key(self) -> str:
        """Under which the spool remembers that this inlet and flow refuse raw batches."""
        return f"inlet-mode:{self.inlet.identity}"

    async def open(self, spool: Spool, pause: Pause | None) -> None:
        """Read what is remembered of the inlet; begin paused if *pause* is in force."""
        if await spool.recall(self.memory_key) == REMEMBERED:
            added, asked_s = self.dispatch.line.clear(), self.dispatch.hold.asked_until_s
            self.dispatch = self._dispatch(is_single=True)
            self.dispatch.hold.obey(asked_s)
            self.add(added)
        if pause is not None:
            self.dispatch.resume(pause)
        self.is_open = True

    def add(self, records: Sequence[Record]) -> bool:
        """Take new *records* into the line; say whether that made something ready."""
        return self.dispatch.add(*records)

    async def remember(self, spool: Spool) -> None:
        """Keep that this inlet and flow refuse raw batches."""
        await spool.remember(self.memory_key, REMEMBERED)

    def heed(self, other: Lane) -> None:
        """Wait as long as *other* was asked to, if that is the same inlet."""
        if other.inlet.identity == self.inlet.identity:
            self.dispatch.hold.obey(other.dispatch.hold.asked_until_s)

    def give_back(self, claims: Claims) -> list[Entry]:
        """Take out everything that is not in flight, to start over, with those who follow it."""
        return entries_of(self.dispatch.line.clear(), claims)

    def _dispatch(self, *, is_single: bool) -> Dispatch:
        mode = Mode(
            self.settings.mode, takes_batches=self.inlet.takes_batches, remembered=is_single
        )
        # Jitter is no secret.
        return Dispatch(
            self._name,
            self.settings,
            mode,
            clock=self._clock,
            unit=random.random,
        )

    def __repr__(self) -> str:
        return f"<Lane {self.dispatch!r} {len(self.flying)} in flight>"


def entries_of(records: Iterable[Record], claims: Claims) -> list[Entry]:
    """The entries of *records*, each with those who followed it: all start over."""
    entries: list[Entry] = []
    for record in records:
        followers = claims.release(record.event_id, record.entry.position)
        entries += [record.entry, *(follower.entry for follower in followers)]
    return entries
