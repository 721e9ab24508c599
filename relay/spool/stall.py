"""
A disk that does not answer: something waits to be written, and no write ends.

A write that fails says so; one that hangs says nothing, while its senders get 503 after the time
that an append may take. So somebody who does not wait for the disk looks once a second.
"""

from __future__ import annotations

# As long as `server.append_timeout` lets a sender wait by default.
_PATIENCE_S = 3.0


class Stall:
    """What was seen at the last look, and since when it has not changed."""

    def __init__(self) -> None:
        self._position = -1
        self._since_s = 0.0

    def look(self, position: int, *, is_waiting: bool, now_s: float) -> str:
        """
        Say that no write ends; empty while they do, or while nobody waits for one.

        *position* is the last one acknowledged, *now_s* a monotonic time.
        """
        if not is_waiting or position != self._position:
            self._position, self._since_s = position if is_waiting else -1, now_s
            return ""
        if now_s - self._since_s < _PATIENCE_S:
            return ""
        return f"no write has ended for {_PATIENCE_S:g} s or more; does the disk answer?"
