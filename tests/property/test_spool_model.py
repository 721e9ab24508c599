"""The embedded spool against a plain dictionary, through random work, restarts and crashes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from spool_kit import account, copy_of, envelope, open_spool, settlement, take

from relay.clock import ManualClock
from relay.envelope import Entry, Envelope
from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.local import LocalSpool
from relay.spool.port import Query

DAY_S = 86_400
ROUTES = ("a", "b")
REASONS = [reason for reason in Reason if OUTCOME_OF[reason] is not Outcome.LOST]


@dataclass
class Modelled:
    """What the dictionary knows of one position; no reason: pending."""

    envelope: Envelope
    attempt: int = 1
    reason: Reason | None = None
    is_held: bool = False


class SpoolModel(RuleBasedStateMachine):
    """Random work on a spool and on the model, which must agree after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.root = Path(tempfile.mkdtemp(prefix="spool-model-"))
        self.folder = self.root / "0"
        self.clock = ManualClock()
        self.model: dict[int, Modelled] = {}
        self.entries: dict[int, Entry] = {}
        self.opened = 0
        self.spool: LocalSpool

    def run(self, work):
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.spool = self.run(open_spool(self.folder, self.clock))

    def teardown(self) -> None:
        if self.opened or self.model or hasattr(self, "spool"):
            self.run(self.spool.close())
            account(self.folder)
        self.loop.close()
        shutil.rmtree(self.root)

    def pending(self, *, held: bool, route: str | None = None) -> list[int]:
        return [
            position
            for position, one in self.model.items()
            if one.reason is None and one.is_held == held and route in {None, one.envelope.route}
        ]

    @rule(
        sizes=st.lists(st.integers(0, 20_000), min_size=1, max_size=5),
        route=st.sampled_from(ROUTES),
    )
    def append(self, sizes: list[int], route: str) -> None:
        given = [envelope(n, route=route, size=size) for n, size in enumerate(sizes)]
        last = self.run(self.spool.append(given))
        assert last == len(self.model) + len(given)
        for position, one in enumerate(given, len(self.model) + 1):
            self.model[position] = Modelled(one)

    @rule(route=st.sampled_from(ROUTES), share=st.floats(0.1, 1))
    def read(self, route: str, share: float) -> None:
        waiting = self.pending(held=False, route=route)
        count = int(len(waiting) * share)
        entries = self.run(take(self.spool, count, route=route)) if count else []
        for entry in entries:
            one = self.model[entry.position]
            assert entry.position in waiting
            assert (entry.envelope, entry.attempt) == (one.envelope, one.attempt)
            one.is_held = True
            self.entries[entry.position] = entry
            waiting.remove(entry.position)
        fresh = [entry.position for entry in entries if entry.attempt == 1]
        assert fresh == sorted(fresh)

    @precondition(lambda self: self.pending(held=True))
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        held = self.pending(held=True)
        chosen = data.draw(st.lists(st.sampled_from(held), min_size=1, unique=True))
        reason = data.draw(st.sampled_from(REASONS))
        self.run(self.spool.settle([settlement(self.entries[one], reason) for one in chosen]))
        for position in chosen:
            self.model[position].reason = reason
            self.model[position].is_held = False

    @precondition(lambda self: self.entries)
    @rule(data=st.data())
    def settle_again(self, data: st.DataObject) -> None:
        """A settlement of an attempt that has ended, or is not the present one, does nothing."""
        stale = [
            position
            for position, entry in self.entries.items()
            if self.model[position].reason is not None
            or self.model[position].attempt != entry.attempt
        ]
        if stale:
            position = data.draw(st.sampled_from(stale))
            self.run(self.spool.settle([settlement(self.entries[position], Reason.NOT_JSON)]))

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(list(self.model)))
        one = self.model[position]
        done = self.run(self.spool.replay(Query(position=position), who="model")).done
        first = self.spool.stats().first_position
        able = one.reason is not None and (
            position >= first or OUTCOME_OF[one.reason] is Outcome.QUARANTINED
        )
        assert done == able
        if done:
            one.reason, one.attempt, one.is_held = None, one.attempt + 1, False

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        position = data.draw(st.sampled_from(list(self.model)))
        one = self.model[position]
        done = self.run(self.spool.drop(Query(position=position), who="model")).done
        assert done == (one.reason is not None and OUTCOME_OF[one.reason] is Outcome.QUARANTINED)
        if done:
            one.reason = Reason.DROPPED_BY_PERSON

    @rule()
    def retain(self) -> None:
        self.clock.advance(4 * DAY_S)
        self.run(self.spool._keeper.tick(retain=True))

    @rule()
    def reopen(self) -> None:
        self.run(self.spool.close())
        self.open_again()

    @rule()
    def crash(self) -> None:
        """Go on with a copy that was taken without closing."""
        self.opened += 1
        copy = copy_of(self.folder, self.root / str(self.opened))
        self.run(self.spool.close())
        shutil.rmtree(self.folder)
        self.folder = copy
        self.open_again()

    def open_again(self) -> None:
        self.opened += 1
        self.spool = self.run(open_spool(self.folder, self.clock))
        for one in self.model.values():
            one.is_held = False

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "spool"):
            return
        stats = self.spool.stats()
        assert stats.adds_up
        assert stats.damage == ()
        assert stats.accepted == len(self.model)
        counts = dict.fromkeys(Outcome, 0)
        for one in self.model.values():
            if one.reason is not None:
                counts[OUTCOME_OF[one.reason]] += 1
        assert stats.outcomes == counts
        assert stats.pending == sum(one.reason is None for one in self.model.values())
        assert stats.quarantine_entries >= counts[Outcome.QUARANTINED]

    @invariant()
    def is_found(self) -> None:
        if not hasattr(self, "spool"):
            return
        first = self.spool.stats().first_position
        found = {one.position: one for one in self.run(self.spool.find(Query(limit=10_000)))}
        for position, one in self.model.items():
            if position >= first or one.reason is None:
                reason = found[position].reason
                assert (reason, found[position].attempt) == (one.reason, one.attempt)
                assert found[position].route == one.envelope.route


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(
    max_examples=settings().max_examples // 8,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
