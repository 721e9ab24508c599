"""
The dedupe window: which event ids were seen, where first, with what content.

One table a day, so that what is too old goes by dropping a table. A day that outgrows an eighth
of ``spool.dedupe_max_bytes`` goes on in a further part, so that the byte cap costs an eighth of
the window at a time. An id is kept as its UTF-8 bytes; a longer one than 64 bytes as its hash.

Customer.io's ids are ULIDs, which sort by time: each table's lowest and highest id tell that a
fresh id cannot be in it, so that looking up ids costs about one table however many days are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from relay.spool.database import Database
from relay.spool.port import Seen

_DAY_S = 86_400
_KEY_BYTES = 64
_PARTS_OF_CAP = 8
# Beside id and digest: the record's head and the share of pages that stays empty, as measured
# over a million ids in time order.
_ROW_BYTES = 24
_IDS_A_STATEMENT = 500

Mark = tuple[bytes, int, bytes, int]


def key_of(event_id: str) -> bytes:
    """Give the bytes that stand for *event_id*; ids that differ have keys that differ."""
    raw = event_id.encode() if event_id.isascii() else event_id.encode("utf-8", "surrogatepass")
    if len(raw) <= _KEY_BYTES:
        return raw
    # No UTF-8 text starts with this byte.
    return b"\xff" + blake2b(raw, digest_size=32).digest()


@dataclass(slots=True)
class _Day:
    """One table; *low* and *high* are its outermost keys, empty when it has none."""

    name: str
    day: int
    part: int
    entries: int
    size_bytes: int
    low: bytes = b""
    high: bytes = b""
    is_counted: bool = True

    def take(self, low: bytes, high: bytes) -> None:
        self.low = min(self.low, low) if self.high else low
        self.high = max(self.high, high)


class Dedupe:
    """The ids of the window; writes belong into the caller's transaction."""

    def __init__(self, database: Database, *, window_s: float, max_bytes: int) -> None:
        self._database = database
        self._window_s = window_s
        self._max_bytes = max_bytes
        self._days: list[_Day] = []
        self._evicted_until_s = 0.0

    def load(self) -> None:
        """Read which tables there are."""
        rows = self._database.rows(
            "SELECT name, day, part, entries, bytes FROM days ORDER BY 2, 3"
        )
        self._days = [_Day(*row) for row in rows]
        for day in self._days:
            low, high = self._database.rows(f"SELECT min(key), max(key) FROM {day.name}")[0]  # noqa: S608 - our own name
            day.low, day.high = low or b"", high or b""
        evicted = self._database.value("SELECT value FROM facts WHERE key = 'spool:evicted'")
        self._evicted_until_s = evicted or 0.0

    @property
    def entries(self) -> int:
        """How many ids are kept; a replayed one may count twice."""
        return sum(day.entries for day in self._days)

    @property
    def size_bytes(self) -> int:
        """About how much room they take."""
        return sum(day.size_bytes for day in self._days)

    def is_cut_short(self, now_s: float) -> bool:
        """Say whether the byte cap has made the window shorter than it should be."""
        return self._evicted_until_s > now_s - self._window_s

    def seen(self, event_ids: Iterable[str]) -> dict[str, Seen]:
        """Look *event_ids* up; what was delivered goes before what only was settled."""
        asked = {key_of(event_id): event_id for event_id in event_ids}
        found: dict[str, Seen] = {}
        for day in self._days:
            keys = [key for key in asked if day.low <= key <= day.high]
            for key, position, digest, delivered in self._rows(day, keys):
                event_id = asked[key]
                before = found.get(event_id)
                if before is None or (delivered and not before.delivered):
                    found[event_id] = Seen(position, digest, delivered=bool(delivered))
        return found

    def delivered(self, event_id: str) -> list[int]:
        """List the positions at which *event_id* was delivered, as far as the window knows."""
        key = key_of(event_id)
        rows = [row for day in self._days for row in self._rows(day, [key])]
        return sorted({position for _, position, _, delivered in rows if delivered})

    def _rows(self, day: _Day, keys: list[bytes]) -> list[Mark]:
        found: list[Mark] = []
        for start in range(0, len(keys), _IDS_A_STATEMENT):
            part = keys[start : start + _IDS_A_STATEMENT]
            marks = ",".join("?" * len(part))
            sql = f"SELECT key, position, digest, delivered FROM {day.name} WHERE key IN ({marks})"  # noqa: S608 - marks only
            found += self._database.rows(sql, part)
        return found

    def add(self, marks: Sequence[Mark], now_s: float) -> None:
        """
        Enter (key, position, digest, is delivered); the first position stays.

        A delivery takes the place of an entry that was not delivered.
        """
        if not marks:
            return
        day = self._today(now_s)
        marks = sorted(marks)
        changed = self._database.insert(
            f"INSERT INTO {day.name}",
            marks,
            "ON CONFLICT (key) DO UPDATE SET position = excluded.position, "
            "digest = excluded.digest, delivered = 1 "
            f"WHERE excluded.delivered = 1 AND {day.name}.delivered = 0",
        )
        # Before the commit: too wide a border after a failed one costs a look-up, never an answer.
        day.take(marks[0][0], marks[-1][0])
        day.entries += changed
        day.size_bytes += sum([len(key) + len(digest) for key, _, digest, _ in marks])
        day.size_bytes += len(marks) * _ROW_BYTES
        day.is_counted = False

    def _today(self, now_s: float) -> _Day:
        number = int(now_s // _DAY_S)
        newest = self._days[-1] if self._days else None
        if newest is not None:
            # A clock that was set back does not open a table before the newest.
            number = max(number, newest.day)
            if newest.day == number and newest.size_bytes < self._max_bytes // _PARTS_OF_CAP:
                return newest
        part = newest.part + 1 if newest is not None and newest.day == number else 0
        made = _Day(f"day_{number}_{part}", number, part, 0, 0)
        self._database.execute(
            f"CREATE TABLE {made.name} (key BLOB PRIMARY KEY, position INTEGER NOT NULL, "
            "digest BLOB NOT NULL, delivered INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._database.execute(
            "INSERT INTO days VALUES (?, ?, ?, 0, 0)", (made.name, made.day, made.part)
        )
        self._days.append(made)
        return made

    def note_counts(self) -> None:
        """Write how full the tables are; after a crash the counts lag, the ids do not."""
        for day in self._days:
            if not day.is_counted:
                self._database.execute(
                    "UPDATE days SET entries = ?, bytes = ? WHERE name = ?",
                    (day.entries, day.size_bytes, day.name),
                )
                day.is_counted = True

    def too_many(self, now_s: float) -> bool:
        """Say whether `expire` has something to do."""
        return bool(self._days) and (self._is_past(self._days[0], now_s) or self._is_over_cap())

    def _is_past(self, day: _Day, now_s: float) -> bool:
        return (day.day + 1) * _DAY_S <= now_s - self._window_s

    def _is_over_cap(self) -> bool:
        return len(self._days) > 1 and self.size_bytes > self._max_bytes

    def expire(self, now_s: float) -> None:
        """Drop the oldest table, because of its age or of the byte cap."""
        oldest = self._days[0]
        self._database.execute(f"DROP TABLE {oldest.name}")
        self._database.execute("DELETE FROM days WHERE name = ?", (oldest.name,))
        if not self._is_past(oldest, now_s):
            self._evicted_until_s = (oldest.day + 1) * _DAY_S
            self._database.execute(
                "INSERT OR REPLACE INTO facts VALUES ('spool:evicted', ?)",
                (self._evicted_until_s,),
            )
        del self._days[0]
