"""
Deadlines of many deliveries behind one timer.

A timer a delivery would cost more than its signature. Instead one coarse timer looks through
those that are waiting, ten times a second while there are any, and cancels what is over; the
delivery turns that cancellation into its answer (`Deadlines.has_passed`).
"""

from __future__ import annotations

import asyncio

TICK_S = 0.1

_Task = asyncio.Task[object]


class Deadlines:
    """When each waiting task must be interrupted; owned by one event loop."""

    def __init__(self) -> None:
        # Changed by the tasks themselves, between awaits, and by the timer: all in the loop.
        self._due_s: dict[_Task, float] = {}
        self._passed: set[_Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    def set(self, task: _Task, loop: asyncio.AbstractEventLoop, after_s: float) -> None:
        """Interrupt *task* in *after_s* seconds, unless that is changed or cleared before."""
        self._due_s[task] = loop.time() + after_s
        if self._timer is None:
            self._timer = loop.call_later(TICK_S, self._tick, loop)

    def clear(self, task: _Task) -> None:
        """Let *task* wait as long as it likes."""
        self._due_s.pop(task, None)

    def has_passed(self, task: _Task) -> bool:
        """Say whether the cancellation *task* just met was its deadline, and take it back."""
        if task not in self._passed:
            return False
        self._passed.discard(task)
        task.uncancel()
        return True

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        over = [task for task, due_s in self._due_s.items() if due_s <= now_s]
        for task in over:
            del self._due_s[task]
            self._passed.add(task)
            task.cancel()
        self._timer = loop.call_later(TICK_S, self._tick, loop) if self._due_s else None
