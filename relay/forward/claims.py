"""
Event ids on their way in this process, so that the same id twice is sent once (pure).

The spool knows what was settled; this knows what is not yet. The first entry with an id leads and
the later ones follow: they wait for its end. When the inlet took it they are duplicates, or
conflicts if their content differs. When it ended otherwise the first follower leads in its place:
it may be the corrected event, and nothing was delivered that it could repeat.

A replayed entry does not follow, because a person asked for it to be sent again.
"""

from __future__ import annotations

from dataclasses import dataclass

from relay.envelope import Entry
from relay.forward.decode import Decoded


@dataclass(slots=True)
class Follower:
    """An entry that waits for who leads; parsed again if its turn comes, as parsed it is large."""

    entry: Entry
    event_id: str
    digest: bytes


class Claims:
    """Who leads for which event id, by position, and who follows."""

    def __init__(self) -> None:
        # The leader's position by id, and its followers if any; changed by the methods only.
        self._leaders: dict[str, int] = {}
        self._followers: dict[str, list[Follower]] = {}

    def __len__(self) -> int:
        return len(self._leaders)

    def claim(self, event: Decoded | Follower) -> bool:
        """Say whether *event* may go on; otherwise it follows who leads."""
        event_id, entry = event.event_id, event.entry
        leader = self._leaders.setdefault(event_id, entry.position)
        if leader == entry.position or entry.attempt > 1:
            return True
        follower = Follower(entry, event_id, event.digest)
        self._followers.setdefault(event_id, []).append(follower)
        return False

    def release(self, event_id: str, position: int) -> list[Follower]:
        """The entry at *position* has its end, or starts over: give those who followed it."""
        if self._leaders.get(event_id) != position:
            return []
        del self._leaders[event_id]
        if not self._followers:
            return []
        return self._followers.pop(event_id, [])
