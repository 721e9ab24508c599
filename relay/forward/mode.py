"""
Batches or one event a request, and how ``mode = "auto"`` finds out (pure).

Whether the inlet takes raw events on its batch path is not documented for this source (adobe.md
§0.5), so it is tried. Batches go first; when they are refused for the missing envelope header,
one event a request is tried, and once one is taken that way it stays so and is remembered for this
inlet and flow. Where batches were taken before, three are refused in a row, each with a single
event taken after it, before that is believed: a moment's trouble is not worth a request for each
event from then on. When single events are refused for the header as well, the route pauses, and
its probes try both ways in turn.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal


class _State(StrEnum):
    BATCH = "batch"
    SINGLE = "single"
    TRY_BATCH = "try_batch"
    TRY_SINGLE = "try_single"


REMEMBERED = "single"
_REFUSALS_OF_WHAT_WORKED = 3


class Mode:
    """How one inlet is spoken to; *remembered* is what `Mode.took` asked to keep earlier."""

    def __init__(
        self,
        configured: Literal["auto", "batch", "single"],
        *,
        takes_batches: bool,
        remembered: bool = False,
    ) -> None:
        self.is_auto = configured == "auto" and takes_batches
        if configured == "single" or not takes_batches:
            self._state = _State.SINGLE
        elif not self.is_auto:
            self._state = _State.BATCH
        else:
            self._state = _State.SINGLE if remembered else _State.TRY_BATCH
        # Whether a batch was ever taken, and how many were refused since for the header.
        self._has_worked = False
        self._refusals = 0

    @property
    def name(self) -> Literal["batch", "single", "probing"]:
        """What is known: ``probing`` until something was taken in auto."""
        if self._state is _State.BATCH:
            return "batch"
        return "single" if self._state is _State.SINGLE else "probing"

    @property
    def as_batch(self) -> bool:
        """Whether the next request is a batch."""
        return self._state in {_State.BATCH, _State.TRY_BATCH}

    def took(self, *, as_batch: bool) -> bool:
        """Something was taken; say whether it is worth remembering that batches are not."""
        if not self.is_auto:
            return False
        was = self._state
        if as_batch:
            self._state = _State.BATCH
            self._has_worked = True
            self._refusals = 0
            return False
        if self._has_worked and self._refusals < _REFUSALS_OF_WHAT_WORKED:
            self._state = _State.BATCH
            return False
        self._state = _State.SINGLE
        return was is not _State.SINGLE

    def headerless(self, *, as_batch: bool) -> bool:
        """All of a request was refused for the envelope header; say whether single is next."""
        if not self.is_auto:
            return False
        if as_batch:
            if self._state is not _State.SINGLE:
                # Of several that were under way at once only the first counts.
                self._refusals += self._state is _State.BATCH
                self._state = _State.TRY_SINGLE
            return True
        if self._state is _State.TRY_SINGLE:
            self._state = _State.TRY_BATCH
        return False

    def __repr__(self) -> str:
        return f"<Mode {self._state}>"
