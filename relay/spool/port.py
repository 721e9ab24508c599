"""
The spool's port: the smallest interface between those who take events in and those who send on.

Ingress only appends; forward reads and settles; commands find, replay and drop. A second
implementation (several processes, Kafka) takes the same port, so nothing here names a file.

What the port promises, and ``tests/contract/test_spool*.py`` show of every backend:

* ``append`` returns only when the envelopes would survive power loss; positions grow by one in the
  order of appending and are never used twice.
* ``read`` hands out every entry that has no outcome, in position order, each once until the spool
  is opened again; a replayed entry comes again with its attempt increased.
* ``settle`` is idempotent for the same position and attempt; it may come in any order.
* ``accepted == sum(outcomes) + pending`` in every ``stats()``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from relay.envelope import Entry, Envelope
from relay.outcome import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Seen:
    """
    The first position that carried an event id, and the digest of its parsed content.

    *delivered* says whether the inlet took it; otherwise it was settled in another way, and the
    position of a later delivery of the same id takes this one's place.
    """

    position: int
    digest: bytes
    delivered: bool = True


# Not frozen: one is made for every event, and a frozen one costs three times as much to make.
# Nobody changes them.
@dataclass(slots=True)
class Settlement:
    """
    The outcome of one entry.

    *event_id* is empty and *digest* ``b""`` when the body had none; otherwise the id enters the
    dedupe window together with the outcome, unless that is `Outcome.DUPLICATE` or the reason
    `Reason.ID_CONFLICT`: then it belongs to another entry. *stage*, *path* and *detail* say where
    and why; they never hold the event's content beyond a field path and a type.
    """

    entry: Entry
    outcome: Outcome
    reason: Reason
    event_id: str = ""
    digest: bytes = b""
    stage: str = ""
    path: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """
    Which entries a person asks for; every field narrows.

    Times are wall-clock seconds UTC of reception; *after* is the last position of the page before.
    """

    route: str = ""
    outcome: Outcome | None = None
    pending: bool = False
    reason: Reason | None = None
    event_id: str = ""
    position: int | None = None
    since_s: float | None = None
    until_s: float | None = None
    after: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Found:
    """
    One entry with what is known of its end; *outcome* ``None`` means pending.

    *body_kept* says whether the bytes can still be had (`Spool.body`).
    """

    position: int
    route: str
    received_at_s: float
    size_bytes: int
    attempt: int
    outcome: Outcome | None
    reason: Reason | None
    event_id: str = ""
    stage: str = ""
    path: str = ""
    detail: str = ""
    settled_at_s: float | None = None
    body_kept: bool = True


@dataclass(frozen=True, slots=True)
class Replayed:
    """
    What a replay or a drop did: *done* entries, *already* in the wanted state, *gone* ones.

    Those that somebody else changed between the look and the deed are *already* too.
    *positions* are those done; *last* is the last position looked at, from which the next page
    goes on (`Query.after`), 0 when nothing was found.
    """

    done: int = 0
    already: int = 0
    gone: int = 0
    positions: tuple[int, ...] = ()
    last: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """
    One line of the audit trail: *who* did *what* (``"replay"``, ``"drop"``) to how many entries.

    *positions* is text, ranges with a dash: ``"17,20-31"``.
    """

    at_s: float
    who: str
    what: str
    entries: int
    positions: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a route sends nothing; kept across restarts."""

    route: str
    since_s: float
    reason: str
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class SpoolStats:
    """The spool at one moment; sizes in bytes, ages in seconds."""

    accepted: int
    pending: int
    outcomes: Mapping[Outcome, int]
    outcomes_by_reason: Mapping[tuple[str, Outcome, Reason], int]
    first_position: int
    last_position: int
    cursor: int
    epoch: int
    segments: int
    log_bytes: int
    state_bytes: int
    state_wal_bytes: int
    dedupe_bytes: int
    dedupe_entries: int
    dedupe_evicted_early: bool
    quarantine_entries: int
    quarantine_bytes: int
    used_bytes: int
    max_bytes: int
    free_disk_bytes: int
    oldest_pending_s: float
    waiting_replays: int = 0
    accepting: bool = True
    refusing_because: str = ""
    damage: tuple[str, ...] = field(default=())

    @property
    def adds_up(self) -> bool:
        """Whether every accepted event is accounted for."""
        return self.accepted == sum(self.outcomes.values()) + self.pending


class Spool(Protocol):
    """
    A durable first-in, first-out line of envelopes with one reader.

    Every backend passes ``tests/contract/test_spool*.py``.
    """

    async def append(self, envelopes: Sequence[Envelope]) -> int:
        """
        Store *envelopes* in order; return the last position once all would survive power loss.

        Concurrent appends share one write and one fsync; a cancelled caller holds up nobody.

        Raises:
            SpoolFull: storing them would pass ``spool.max_bytes`` or the disk; none was stored.
            SpoolClosed: the spool is draining or closed.
            SpoolFailed: the disk refused, or does not answer while much waits for it already;
                nothing of it may be acknowledged.
        """
        ...

    async def read(self, route: str, *, max_entries: int, max_bytes: int) -> list[Entry]:
        """
        Wait for, then take, *route*'s next entries without an outcome; replayed ones come first.

        Each route has its own place in the log, so that a paused route holds up no other.

        Returns at least one entry, at most *max_entries*, and stops before *max_bytes* of bodies
        unless the first alone is larger. Returns an empty list once the spool is closing.
        """
        ...

    async def seen(self, event_ids: Sequence[str]) -> dict[str, Seen]:
        """Say which of *event_ids* are in the dedupe window, and where they were first."""
        ...

    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """
        Write outcomes: seen ids first, then outcomes and quarantined bytes, then the cursor.

        One transaction for all of *settlements*; concurrent calls may share it.

        Raises:
            SpoolFailed: the state could not be written; nothing of it is settled.
        """
        ...

    async def find(self, query: Query) -> list[Found]:
        """
        Find entries by *query*, in position order, at most ``query.limit``.

        The next page starts ``after`` the last position of this one; fewer than ``limit`` are
        the last page. By ``event_id`` settled entries are found as long as the dedupe window or
        their outcome's row knows them, pending ones by searching the bodies. ``since_s`` and
        ``until_s`` leave lost entries out: when they came is lost too.
        """
        ...

    async def body(self, position: int) -> Envelope | None:
        """Fetch the envelope at *position* from the log or the quarantine, if still kept."""
        ...

    async def spilled(self, envelope: Envelope) -> bytes | None:
        """Fetch the body that *envelope* names by its ``spill``, if still kept; up to 64 MiB."""
        ...

    async def replay(self, query: Query, *, who: str = "", dry_run: bool = False) -> Replayed:
        """
        Make the settled entries that match *query* pending again: attempt + 1, same position.

        Any outcome but lost can be replayed while the bytes are kept; *who* enters the audit
        trail. Takes one from their outcome's total until they settle again, and bypasses dedupe.
        Idempotent: an entry that already waits is counted in ``already``.
        """
        ...

    async def drop(self, query: Query, *, who: str, dry_run: bool = False) -> Replayed:
        """Discard quarantined entries that match *query*; kept in the audit trail with *who*."""
        ...

    async def trail(self, *, limit: int = 100) -> list[Deed]:
        """List what people did, newest first."""
        ...

    async def routes_waiting(self) -> set[str]:
        """
        Name the routes that may have pending entries; never leaves one out that has.

        For those that the configuration no longer names: somebody must read and settle them.
        """
        ...

    async def delivered_by_hour(self, route: str) -> dict[int, int]:
        """
        Count *route*'s deliveries of the last eight days by hour.

        ``{1700002800: 12}``: the hour's start in seconds UTC. A replayed event that is delivered
        again counts again.
        """
        ...

    def rewind(self, route: str) -> None:
        """Let `read` give out again what it gave of *route* and nobody settled."""
        ...

    async def set_pause(self, route: str, pause: Pause | None) -> None:
        """Keep or lift a route's pause across restarts."""
        ...

    async def pauses(self) -> list[Pause]:
        """List the pauses in force."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keep one small fact across restarts, e.g. that an inlet refuses raw batches."""
        ...

    async def recall(self, key: str) -> str | None:
        """Read a fact kept by `remember`."""
        ...

    def stats(self) -> SpoolStats:
        """Describe the spool now; cheap enough for every scrape."""
        ...

    def stop_appending(self) -> None:
        """Refuse further appends with SpoolClosed; what is appended already completes."""
        ...

    async def close(self) -> None:
        """Finish what is being written, sync the high-water mark, release the lock. Idempotent."""
        ...
