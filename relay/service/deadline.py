"""
The end of a process that cannot end: a disk or a thread that never answers.

What was acknowledged is on disk before its acknowledgement, so that leaving in the middle loses
nothing; the supervisor, who would kill the process a little later, is spared the wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log = structlog.get_logger("relay.service")

# Whoever reads our log may be what hangs.
_TELL_S = 0.5


class Deadline:
    """Calls *leave* with exit code 1 in *seconds* from `start`, out of a thread of its own."""

    def __init__(self, seconds: float, leave: Callable[[int], object]) -> None:
        self._seconds = seconds
        self._leave = leave
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Begin to count; once."""
        if self._timer is None:
            self._timer = threading.Timer(self._seconds, self._end)
            self._timer.daemon = True
            self._timer.start()

    def _end(self) -> None:
        telling = threading.Thread(target=self._tell, daemon=True)
        telling.start()
        telling.join(_TELL_S)
        self._leave(1)

    def _tell(self) -> None:
        log.critical(
            "relay_forced_out",
            after_s=self._seconds,
            hint="nothing acknowledged is lost; see whether the disk of spool.path answers",
        )
