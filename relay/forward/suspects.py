"""
Who is suspected, who is to blame, and when nobody is: then the route must pause (pure).

An inlet that refuses an event may mean the event or be set up wrongly, and its text seldom tells.
What tells is whether the same inlet took another event *after* the refusal. So a refused event is
suspect; when another was taken since, it is tried again, and only if it is refused again is it
blamed. A success counts for the moment at which its request was *sent*: the answer may be late.
Of two requests under way at once either may be answered first: a refusal that was
not the event's first counts for when it was sent too, so that whatever was taken beside that try
comes after the refusal before it, and the last event of a quiet night does not wait for another.
Within one 207 the items stand in the order in which they were read, so a later item that was
taken is a witness too, but even then the event gets its second try: the set-up may have been
mended in the middle of a batch.

A refusal that names the set-up (org, flow, schema, header) needs three such proofs: somebody may
be changing it back and forth, but one event that always draws it must not stop the others.

A batch that was refused whole is cut in halves until the parts are taken. If all of it was taken
since but one event, that one was refused with the batch, saw all others pass, and is refused
again: the same proof.

Refusals without a success in between pause the route: 20 suspects, or every part of a split batch
(`relay.forward.batch.Split`). All of it holds for one inlet configuration; a new one begins anew.

Moments are ticks, integers that grow with each request sent and each refusal read.
"""

from __future__ import annotations

from relay.forward.batch import Piece
from relay.forward.verdict import Fate

MOST_SUSPECTS = 20
_PROOFS_EVENT = 1
_PROOFS_SETUP = 3


class Suspects:
    """The evidence about one inlet configuration."""

    def __init__(self) -> None:
        # The clock of ticks, the sending of the latest request that took something, and the
        # events refused for the first time since a success; changed by the methods only.
        self._tick = 0
        self._taken = 0
        self._refused_in_a_row = 0

    @property
    def tick(self) -> int:
        """The moment now."""
        return self._tick

    @property
    def are_too_many(self) -> bool:
        """Whether so many events were refused without a success that nobody can be to blame."""
        return self._refused_in_a_row >= MOST_SUSPECTS

    def sent(self) -> int:
        """A request leaves; gives its moment."""
        self._tick += 1
        return self._tick

    def took(self, sent: int) -> None:
        """Something of the request that was sent at *sent* was taken."""
        self._taken = max(self._taken, sent)
        self._refused_in_a_row = 0

    def took_since(self, moment: int) -> bool:
        """Whether something was taken that was sent after *moment*."""
        return self._taken > moment

    def is_proven(self, piece: Piece) -> bool:
        """Whether another event was taken after *piece* was refused."""
        if len(piece) == 1 and piece.is_left_over:
            return True
        return piece.refused > 0 and (piece.witnessed or self._taken > piece.refused)

    def refused(self, piece: Piece, fate: Fate, *, witnessed: bool = False) -> bool:
        """
        *piece* was refused, each of its records for itself; say whether it is to blame.

        *witnessed*: a later item of the same answer was taken, so it is not one more in a row.
        """
        self._tick += 1
        moment = self._tick
        if self.is_proven(piece):
            piece.proofs += 1
            if piece.proofs >= (_PROOFS_EVENT if fate is Fate.EVENT else _PROOFS_SETUP):
                return True
        elif piece.refused:
            moment = piece.sent
        # One that failed (500) while others were taken is one of few, and none in a row.
        failed_alone = piece.failures > 0 and self.took_since(piece.put_off)
        if not (piece.refused or witnessed or failed_alone):
            self._refused_in_a_row += len(piece)
        piece.refused = moment
        piece.witnessed = witnessed
        return False

    def mark(self, piece: Piece) -> None:
        """All of *piece* was refused at once, and which record is meant is not known."""
        self._tick += 1
        piece.marked = self._tick

    def others_passed(self, piece: Piece) -> bool:
        """Whether another event was taken after *piece* was refused, alone or with others."""
        moment = max(piece.marked, piece.refused)
        return moment > 0 and (piece.witnessed or self._taken > moment)

    def __repr__(self) -> str:
        return f"<Suspects {self._refused_in_a_row} in a row, tick {self._tick}>"
