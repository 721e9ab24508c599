"""Deliveries by hour, to be held against what Adobe says it took in."""

from __future__ import annotations

from collections import Counter

from relay.outcome import Outcome
from relay.spool.database import Database
from relay.spool.folded import Totals

_HOUR_S = 3600
_KEPT_S = 8 * 86_400


class Hours:
    """The table ``hours``; writes belong into the caller's transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, changes: Totals, now_s: float) -> None:
        """Count the delivered ones of *changes* into the hour of *now_s*."""
        start_s = int(now_s // _HOUR_S) * _HOUR_S
        counts: Counter[str] = Counter()
        for (route, outcome, _), count in changes.items():
            if outcome is Outcome.DELIVERED:
                counts[route] += count
        self._database.insert(
            "INSERT INTO hours",
            [(route, start_s, count) for route, count in counts.items()],
            "ON CONFLICT DO UPDATE SET delivered = delivered + excluded.delivered",
        )

    def of(self, route: str) -> dict[int, int]:
        """Give *route*'s counts by the start of the hour."""
        return dict(
            self._database.rows(
                "SELECT start_s, delivered FROM hours WHERE route = ? ORDER BY start_s", (route,)
            )
        )

    def forget(self, now_s: float) -> None:
        """Delete hours over eight days old."""
        self._database.execute("DELETE FROM hours WHERE start_s < ?", (now_s - _KEPT_S,))
