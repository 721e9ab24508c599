"""Small things kept across restarts: facts, pauses, and which routes the log may hold."""

from __future__ import annotations

from collections.abc import Mapping

from relay.spool.database import Database
from relay.spool.port import Pause

_OWN = "spool:"
_THEIRS = "fact:"


class Facts:
    """The tables ``facts``, ``pauses`` and ``routes``; one statement a call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def number(self, key: str, default: int = 0) -> int:
        """Read a number of the spool's own."""
        value = self._database.value("SELECT value FROM facts WHERE key = ?", (_OWN + key,))
        return default if value is None else int(value)

    def set_number(self, key: str, value: int) -> None:
        """Keep a number of the spool's own."""
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (_OWN + key, value))

    def remember(self, key: str, value: str) -> None:
        """Keep *value* for whoever uses the spool."""
        self._database.execute(
            "INSERT OR REPLACE INTO facts VALUES (?, ?)", (_THEIRS + key, value)
        )

    def recall(self, key: str) -> str | None:
        """Read what `remember` kept."""
        value = self._database.value("SELECT value FROM facts WHERE key = ?", (_THEIRS + key,))
        return None if value is None else str(value)

    def set_pause(self, route: str, pause: Pause | None) -> None:
        """Keep or lift *route*'s pause."""
        if pause is None:
            self._database.execute("DELETE FROM pauses WHERE route = ?", (route,))
            return
        self._database.execute(
            "INSERT OR REPLACE INTO pauses VALUES (?, ?, ?, ?, ?)",
            (route, pause.since_s, pause.reason, pause.detail, pause.hint),
        )

    def pauses(self) -> list[Pause]:
        """List the pauses in force."""
        rows = self._database.rows(
            "SELECT route, since_s, reason, detail, hint FROM pauses ORDER BY route"
        )
        return [Pause(*row) for row in rows]

    def routes(self) -> dict[str, int]:
        """Give the last position that each route is known to have."""
        return dict(self._database.rows("SELECT route, last FROM routes"))

    def note_routes(self, routes: Mapping[str, int]) -> None:
        """Keep the last positions of *routes*."""
        self._database.insert("INSERT OR REPLACE INTO routes", list(routes.items()))
