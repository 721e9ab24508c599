"""
The quarantine's own copies of the bytes, so that they outlive the segment they came in.

A copy is kept while its entry is quarantined, and while it waits for a replay. Retention never
takes it; only a delivery, or a person, does. A spilled body is not copied: its file in ``large/``
stays. Each copy carries its checksum, because SQLite's pages have none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

from relay.envelope import Entry, Envelope
from relay.spool.database import Database

COLUMNS = "position, kept_bytes, spill_bytes, spill, crc, route, received_at_s, headers, body"


class Quarantine:
    """The table ``quarantine``; writes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.entries = 0
        self.copies_bytes = 0
        self.spilled_bytes = 0

    def load(self) -> None:
        """Read how much there is."""
        row = self._database.rows(
            "SELECT count(*), total(kept_bytes), total(spill_bytes) FROM quarantine"
        )[0]
        self.entries, self.copies_bytes, self.spilled_bytes = (int(value) for value in row)

    def keep(self, entries: Iterable[Entry]) -> None:
        """Copy the envelopes of *entries*."""
        rows = []
        for entry in entries:
            envelope = entry.envelope
            headers = json.dumps(envelope.headers).encode()
            kept_bytes = len(envelope.body) + len(headers)
            crc = _checksum(entry.position, headers, envelope.body)
            rows.append(
                (
                    entry.position,
                    kept_bytes,
                    envelope.spill_bytes,
                    envelope.spill,
                    crc,
                    envelope.route,
                    envelope.received_at_s,
                    headers,
                    envelope.body,
                )
            )
            self.entries += 1
            self.copies_bytes += kept_bytes
            self.spilled_bytes += envelope.spill_bytes
        self._database.insert(f"INSERT INTO quarantine ({COLUMNS})", rows)

    def put_back(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write rows that were read from another state; `load` counts them."""
        self._database.insert(f"INSERT INTO quarantine ({COLUMNS})", rows)

    def has(self, position: int) -> bool:
        """Say whether there is a copy of *position*."""
        return bool(
            self._database.value("SELECT count(*) FROM quarantine WHERE position = ?", (position,))
        )

    def envelope(self, position: int) -> Envelope | None:
        """Read the copy of *position*; ``None`` when there is none, or when it is damaged."""
        rows = self._database.rows(
            "SELECT spill, spill_bytes, crc, route, received_at_s, headers, body "
            "FROM quarantine WHERE position = ?",
            (position,),
        )
        if not rows:
            return None
        spill, spill_bytes, crc, route, received_at_s, raw, body = rows[0]
        if not is_whole(position, raw, body, crc):
            return None
        headers = tuple((name, value) for name, value in json.loads(raw))
        return Envelope(route, received_at_s, headers, body, spill, spill_bytes)

    def envelopes(self, positions: Iterable[int]) -> dict[int, Envelope]:
        """Read the copies of those of *positions* that have one."""
        copies = ((position, self.envelope(position)) for position in positions)
        return {position: copy for position, copy in copies if copy is not None}

    def remove(self, position: int) -> None:
        """Delete the copy of *position*, if there is one."""
        rows = self._database.rows(
            "DELETE FROM quarantine WHERE position = ? RETURNING kept_bytes, spill_bytes",
            (position,),
        )
        for kept_bytes, spill_bytes in rows:
            self.entries -= 1
            self.copies_bytes -= kept_bytes
            self.spilled_bytes -= spill_bytes


def is_whole(position: int, headers: bytes, body: bytes, crc: int) -> bool:
    """Say whether a copy is as it was written."""
    return _checksum(position, headers, body) == crc


def _checksum(position: int, headers: bytes, body: bytes) -> int:
    return crc32(body, crc32(headers, position & 0xFFFFFFFF))
