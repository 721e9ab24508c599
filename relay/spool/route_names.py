"""
The names of the routes that may have pending entries, without reading the backlog for them.

The writer notes the last position of every route; once a second the names go to the state, with
the position up to which they are complete. After a crash only what came later is walked through.
"""

from __future__ import annotations

from relay.spool.core import Core
from relay.spool.frame import Frame
from relay.spool.lookup import walk


class RouteNames:
    """Each route's last position, or one that is higher."""

    def __init__(self, core: Core, *, opened_at: int) -> None:
        self._core = core
        self._opened_at = opened_at
        # Owned by the loop. `_noted` is in the state; `_is_complete` after the walk.
        self._noted: dict[str, int] = {}
        self._walked: dict[str, int] = {}
        self._is_complete = False

    async def waiting(self) -> set[str]:
        """Name the routes with a position over the cursor, or with a replay that waits."""
        await self._complete()
        cursor = self._core.snapshot.cursor
        known = self._noted | self._walked | self._core.log.writer.routes
        replayed = await self._core.in_state(self._core.state.replays.routes)
        return {route for route, last in known.items() if last > cursor} | set(replayed)

    async def changes(self) -> tuple[dict[str, int], int]:
        """Give what the state does not know yet, and up to which position that is complete."""
        await self._complete()
        upto = self._core.log.last_position
        known = self._walked | self._core.log.writer.routes
        return {
            route: last for route, last in known.items() if self._noted.get(route) != last
        }, upto

    def note(self, changes: dict[str, int]) -> None:
        """Take *changes* as written."""
        self._noted |= changes

    async def _complete(self) -> None:
        if self._is_complete:
            return
        core = self._core
        noted, upto = await core.in_state(
            lambda: (core.state.facts.routes(), core.state.facts.number("routes_upto"))
        )
        first = max(upto, core.snapshot.cursor) + 1
        if first <= self._opened_at:
            self._walked |= await core.in_search(self._walk, first)
        self._noted = noted | self._noted
        self._is_complete = True

    def _walk(self, first: int) -> dict[str, int]:
        found: dict[str, int] = {}

        def note(item: Frame) -> bool:
            found[item.route] = item.position
            return False

        for _ in walk(self._core.segments, first, self._opened_at, note):
            pass
        return found
