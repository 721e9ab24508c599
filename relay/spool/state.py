"""
What became of the entries: outcomes, dedupe, quarantine, replays, totals, in one SQLite file.

::

    a position is   folded           below `before`: deleted, counted in `folded`
                    in a range       delivered at its first attempt, or lost
                    an outcome       anything else, one row
                    a replay         had an outcome, waits again
                    plain pending    none of these: only the log knows it

Exactly one of them, always. Every method is one transaction and belongs to the state's thread.
The cursor is the position up to which nothing is plain pending. It is found at opening from the
rows over a hint, which may lag, since all at or below an older cursor is past it too.

What is in memory is changed inside the transaction; when that fails it is ahead of the disk, and
is read again before anybody believes it (`State.refresh`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import merge

from relay.outcome import OUTCOME_OF, Outcome, Reason
from relay.spool.accounts import Accounts
from relay.spool.database import Database
from relay.spool.dedupe import Dedupe, Mark, key_of
from relay.spool.facts import Facts
from relay.spool.folded import Totals
from relay.spool.hours import Hours
from relay.spool.intervals import Intervals
from relay.spool.outcomes import Outcomes
from relay.spool.port import Found, Seen, Settlement
from relay.spool.quarantine import Quarantine
from relay.spool.ranges import Ranges, runs_of
from relay.spool.replays import Replays
from relay.spool.trail import Trail

_EVERYTHING = 1 << 62


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    The accounts at one moment.

    *passed* counts the positions that are not plain pending, *waiting* the replays among them.
    """

    cursor: int
    passed: int
    waiting: int
    totals: Totals
    dedupe_entries: int
    dedupe_bytes: int
    quarantine_entries: int
    quarantine_copies_bytes: int
    quarantine_spilled_bytes: int

    def pending(self, last: int) -> int:
        """Count the pending entries up to position *last*, without asking the totals."""
        return last - self.passed + self.waiting


@dataclass(frozen=True, slots=True)
class StateSizes:
    """What is looked up once a second: the sizes of the files, and whether dedupe was cut."""

    db_bytes: int
    wal_bytes: int
    dedupe_evicted_early: bool


class State:
    """The open ``state.db``; `relay.spool.restore` makes it."""

    def __init__(
        self, database: Database, *, dedupe_window_s: float, dedupe_max_bytes: int
    ) -> None:
        self._database = database
        self._dedupe = Dedupe(database, window_s=dedupe_window_s, max_bytes=dedupe_max_bytes)
        self.accounts = Accounts(database)
        self.facts = Facts(database)
        self.outcomes = Outcomes(database)
        self.quarantine = Quarantine(database)
        self.ranges = Ranges(database)
        self.replays = Replays(database)
        self.trail = Trail(database)
        self.hours = Hours(database)
        # In memory: positions over the cursor that are not plain pending.
        self.cursor = 0
        self._above = Intervals()
        self._noted_cursor = -1
        self._is_stale = False

    def load(self) -> None:
        """Read into memory what is kept there."""
        self.accounts.load()
        self._dedupe.load()
        self.quarantine.load()
        self.replays.load()
        self.ranges.forget()
        hint = self.facts.number("cursor")
        past = merge(
            ((row.first, row.last) for row in self.ranges.between(hint + 1, _EVERYTHING)),
            ((position, position) for position in self.outcomes.above(hint)),
            ((position, position) for position in self.replays.above(hint)),
        )
        self._above = Intervals(past)
        self.cursor = self._above.take_prefix(hint)
        self._noted_cursor = hint
        self._is_stale = False

    @property
    def is_stale(self) -> bool:
        """Whether a transaction failed, and memory may hold what the disk does not."""
        return self._is_stale

    def refresh(self) -> None:
        """
        Read memory again if a transaction failed; comes before every look at it.

        Raises:
            sqlite3.Error: it cannot be read yet.
        """
        if self._is_stale:
            self.load()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write all or nothing of the block, in the file and in memory."""
        self.refresh()
        try:
            with self._database.transaction():
                yield
        except BaseException:
            self._is_stale = True
            raise

    def snapshot(self) -> Snapshot:
        """Give the accounts as they are."""
        return Snapshot(
            self.cursor,
            self.cursor + self._above.count,
            self.replays.count,
            dict(self.accounts.totals),
            self._dedupe.entries,
            self._dedupe.size_bytes,
            self.quarantine.entries,
            self.quarantine.copies_bytes,
            self.quarantine.spilled_bytes,
        )

    def past(self) -> tuple[int, Intervals]:
        """Give the cursor, and a copy of what over it is not plain pending."""
        return self.cursor, self._above.copy()

    def settle(self, settlements: Sequence[Settlement], now_s: float) -> None:
        """
        Write the outcomes of those of *settlements* that are pending in just that attempt.

        Raises:
            sqlite3.Error: nothing is written.
        """
        self.refresh()
        fresh = self._pending_of(settlements)
        if not fresh:
            return
        plain: list[tuple[int, str]] = []
        rows: list[Settlement] = []
        delivered = Outcome.DELIVERED
        for one in fresh:
            entry = one.entry
            if one.outcome is delivered and entry.attempt == 1:
                plain.append((entry.position, entry.envelope.route))
            else:
                rows.append(one)
        plain.sort()
        runs = runs_of(plain)
        again = [one.entry.position for one in rows if one.entry.attempt != 1]
        # Apart, because the hash of an outcome and a reason costs more than all of the above.
        changes = Counter([(one.entry.envelope.route, one.outcome, one.reason) for one in rows])
        for first, last, route in runs:
            changes[route, Outcome.DELIVERED, Reason.ACCEPTED_BY_INLET] += last - first + 1
        with self.writing():
            self._dedupe.add(_marks(fresh), now_s)
            for position in again:
                self.quarantine.remove(position)
            self.replays.remove(again)
            self.quarantine.keep([one.entry for one in rows if one.outcome is Outcome.QUARANTINED])
            self.ranges.add_delivered(runs, now_s)
            self.outcomes.add(rows, now_s)
            self.accounts.change(changes)
            self.hours.add(changes, now_s)
            for first, last, _ in runs:
                self._above.add(first, last)
            for one in rows:
                if one.entry.attempt == 1:
                    self._above.add(one.entry.position, one.entry.position)
            self.cursor = self._above.take_prefix(self.cursor)

    def _pending_of(self, settlements: Sequence[Settlement]) -> list[Settlement]:
        """Leave out what is settled already, or was, at that attempt."""
        replayed = [one.entry.position for one in settlements if one.entry.attempt != 1]
        attempts = self.replays.attempts(replayed) if replayed else {}
        cursor, above = self.cursor, self._above
        fresh: dict[int, Settlement] = {}
        for one in settlements:
            position, attempt = one.entry.position, one.entry.attempt
            if attempt == 1:
                is_pending = position > cursor and position not in above
            else:
                is_pending = attempts.get(position) == attempt
            if is_pending:
                fresh.setdefault(position, one)
        return list(fresh.values())

    def seen(self, event_ids: Sequence[str]) -> dict[str, Seen]:
        """Look *event_ids* up in the dedupe window."""
        self.refresh()
        return self._dedupe.seen(event_ids)

    def delivered_positions(self, event_id: str) -> list[int]:
        """List where *event_id* was delivered, as far as the dedupe window knows."""
        return self._dedupe.delivered(event_id)

    def is_folded(self, position: int) -> bool:
        """Say whether retention deleted all that is known of *position*."""
        return position < self.accounts.before

    def plain_pending(self, first: int, last: int) -> list[tuple[int, int]]:
        """List the parts of *first* to *last* that are plain pending."""
        return self._above.missing(max(first, self.cursor + 1), last)

    def lose(
        self, first: int, last: int, reason: Reason, detail: str, now_s: float
    ) -> list[tuple[int, int]]:
        """Give those of *first* to *last* that are plain pending the outcome lost; list them."""
        self.refresh()
        parts = self._above.missing(max(first, self.cursor + 1), last)
        if parts:
            with self.writing():
                for low, high in parts:
                    self.ranges.add_lost(low, high, reason, detail, now_s)
                    self.accounts.change({("", OUTCOME_OF[reason], reason): high - low + 1})
                    self._above.add(low, high)
                self.cursor = self._above.take_prefix(self.cursor)
        return parts

    def lose_replay(self, position: int, reason: Reason, detail: str, now_s: float) -> bool:
        """Give a waiting replay whose bytes are gone the outcome lost; say whether it waited."""
        if position not in self.replays.attempts([position]):
            return False
        with self.writing():
            self.replays.remove([position])
            self.quarantine.remove(position)
            self.ranges.add_lost(position, position, reason, detail, now_s)
            self.accounts.change({("", OUTCOME_OF[reason], reason): 1})
        return True

    def replay(self, found: Sequence[Found], who: str, now_s: float) -> list[int]:
        """Make those of *found* that still have the outcome found wait again; list them."""
        done: list[int] = []
        with self.writing():
            for one in found:
                row = self.outcomes.get(one.position)
                if row is not None:
                    # Dropped meanwhile, perhaps: then its bytes may be gone too.
                    if row.outcome is not one.outcome:
                        continue
                    self.outcomes.remove(one.position)
                    key = (row.route, row.outcome or Outcome.LOST, row.reason or Reason.EXPIRED)
                else:
                    cut = self.ranges.cut(one.position)
                    if cut is None:
                        continue
                    row, key = one, (cut.route, cut.outcome, cut.reason)
                self.accounts.change({key: -1})
                self.replays.add(row)
                done.append(one.position)
            if done:
                self.trail.add("replay", who, done, now_s)
        return done

    def drop(self, positions: Sequence[int], who: str, now_s: float) -> list[int]:
        """Discard those of *positions* that are quarantined; list them."""
        done: list[int] = []
        with self.writing():
            for position in positions:
                row = self.outcomes.get(position)
                if row is None or row.outcome is not Outcome.QUARANTINED or row.reason is None:
                    continue
                reason = Reason.DROPPED_BY_PERSON
                self.outcomes.drop(position, now_s)
                self.quarantine.remove(position)
                self.accounts.change(
                    {
                        (row.route, Outcome.QUARANTINED, row.reason): -1,
                        (row.route, OUTCOME_OF[reason], reason): 1,
                    }
                )
                done.append(position)
            if done:
                self.trail.add("drop", who, done, now_s)
        return done

    def fold_before(self, before: int) -> tuple[int, Totals]:
        """
        Delete the rows below *before*, but not the quarantined; give all that was ever folded.

        The caller makes sure that nothing below *before* is plain pending.
        """
        with self.writing():
            folded = Counter(self.ranges.fold(before))
            folded.update(self.outcomes.fold(before))
            self.accounts.fold(before, dict(folded))
            self._note_cursor()
        return self.accounts.before, dict(self.accounts.folded)

    def _note_cursor(self) -> None:
        self.facts.set_number("cursor", self.cursor)
        self._noted_cursor = self.cursor

    def tidy(self, routes: Mapping[str, int], upto: int, now_s: float) -> None:
        """
        Do what need not be done with every settle: the hint, counts, *routes*, old ids.

        *routes* gives the last positions of those that changed; with them all are known *upto*
        that position.
        """
        if routes or self.cursor != self._noted_cursor:
            with self.writing():
                self._note_cursor()
                self._dedupe.note_counts()
                self.hours.forget(now_s)
                if routes:
                    self.facts.note_routes(routes)
                self.facts.set_number("routes_upto", upto)
        while self._dedupe.too_many(now_s):
            with self.writing():
                self._dedupe.expire(now_s)

    def check_values(self) -> None:
        """
        Look at what no sum shows.

        Raises:
            ValueError: a row's reason or outcome is none.
        """
        for outcome, reason in (*self.ranges.kinds(), *self.outcomes.kinds()):
            if OUTCOME_OF[Reason(reason)] != outcome:
                raise ValueError("an outcome that its reason does not have")

    def count_outcomes(self) -> int:
        """Count the positions that have an outcome by their rows."""
        folded = sum(self.accounts.folded.values())
        return folded + self.ranges.count() + self.outcomes.count()

    def sizes(self, now_s: float) -> StateSizes:
        """Say how large the files are."""
        return StateSizes(*self._database.sizes(), self._dedupe.is_cut_short(now_s))

    def sync(self) -> None:
        """
        Make everything so far survive power loss.

        Raises:
            OSError: the disk refuses.
        """
        self._database.sync()

    def close(self) -> None:
        """Write the hint, checkpoint and close."""
        try:
            self.tidy({}, self.facts.number("routes_upto"), 0.0)
        finally:
            self._database.close()


def _marks(settlements: Sequence[Settlement]) -> list[Mark]:
    """Give what enters the dedupe window."""
    # A member is found slowly through its class, and this runs for every event.
    delivered, duplicate, conflict = Outcome.DELIVERED, Outcome.DUPLICATE, Reason.ID_CONFLICT
    return [
        (key_of(one.event_id), one.entry.position, one.digest, int(one.outcome is delivered))
        for one in settlements
        if one.event_id and one.outcome is not duplicate and one.reason is not conflict
    ]
