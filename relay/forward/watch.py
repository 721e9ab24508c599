"""What an operator reads about an inlet: a line when its answers change, and for each pause."""

from __future__ import annotations

import structlog

from relay.clock import Clock
from relay.forward.answer import Answer
from relay.forward.verdict import Fate, Verdict
from relay.spool.port import Pause

_AT_MOST_EVERY_S = 10.0

log = structlog.get_logger("relay.forward")


class Watch:
    """One route's inlet, as the log tells of it; a flickering inlet gets a line every 10 s."""

    def __init__(self, route: str, clock: Clock) -> None:
        self._route = route
        self._clock = clock
        # What was told last, and when the next may be told of either kind.
        self._told = ""
        self._tell_again_s = 0.0
        self._tell_odd_again_s = 0.0

    def saw(self, answer: Answer, verdict: Verdict) -> None:
        """Tell of an answer that is unlike the one before, and of one that is odd."""
        if verdict.odd:
            self._saw_odd(verdict.odd)
        fate = verdict.whole.fate
        if answer.label == self._told or (not self._told and fate is Fate.TAKEN):
            return
        now_s = self._clock.monotonic_s()
        if now_s < self._tell_again_s:
            return
        self._told = answer.label
        self._tell_again_s = now_s + _AT_MOST_EVERY_S
        if fate is Fate.TAKEN:
            log.info("inlet_takes_events", route=self._route, answer=answer.label)
        else:
            log.warning(
                "inlet_refuses", route=self._route, answer=answer.label, why=verdict.whole.why
            )

    def _saw_odd(self, what: str) -> None:
        now_s = self._clock.monotonic_s()
        if now_s >= self._tell_odd_again_s:
            self._tell_odd_again_s = now_s + _AT_MOST_EVERY_S
            log.warning("inlet_answer_odd", route=self._route, what=what)

    def paused(self, before: Pause | None, pause: Pause | None) -> None:
        """Tell of a pause that began, or of one that ended."""
        if pause is not None:
            log.error(
                "route_paused",
                route=self._route,
                reason=pause.reason,
                detail=pause.detail,
                hint=pause.hint,
            )
        elif before is not None:
            lasted_s = round(self._clock.wall_s() - before.since_s, 1)
            log.info("route_resumed", route=self._route, lasted_s=lasted_s)
