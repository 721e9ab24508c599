"""
What may be sent now, and what each answer changes: the decisions of one route, without any I/O.

::

    add(record) ----> Line (open batch, ready, put off, suspects)
                        | take(): held back? paused? room?  ->  Request
                        v
                      inlet -> Answer -> Verdict
                        | answered(request, ...)
                        v
                      Decided: delivered, refused;  or back into the line, or a pause

Held back is the whole destination: by ``Retry-After``, by ``not_before``, and after each request
that found the inlet busy or absent, for a delay that grows until something is taken. A record that
failed alone (500, or its item in a 207) is put off alone.

While paused, one record at a time is tried every ``probe_interval``; the pause ends when something
that was sent after its beginning is taken. Once there are 20 suspects they take turns, and every
second probe tries one more, so that no row of bad events, however long, stops what is behind it.

With ``ordering = "strict"`` one request is in flight and what comes back goes first again. Only an
event that was refused three times for itself lets one other pass, because nothing else can show
whether the event or the inlet is at fault; when that one is refused too, the route pauses, and the
two take turns. A refusal that names the set-up lets nobody pass: the same event is the probe.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from relay.clock import Clock
from relay.config import InletConfig
from relay.forward.answer import Answer
from relay.forward.batch import Batch, Piece
from relay.forward.decided import Decided
from relay.forward.hold import Hold
from relay.forward.limit import Limit
from relay.forward.line import Line
from relay.forward.mode import Mode
from relay.forward.pausing import Why, pause_for, why_of
from relay.forward.suspects import MOST_SUSPECTS, Suspects
from relay.forward.transform import Record
from relay.forward.verdict import SET_UP, TEMPORARY, Fate, Ruling, Verdict
from relay.retry import Schedule
from relay.spool.port import Pause

_UNREADABLE_BEFORE_PAUSE = 5
_ATTEMPTS_BEFORE_CUT = 5
_STRICT_TRIES = 3
_STRICT_MOST_SUSPECTS = 2
_PROBES = 2  # of which the last tries an event that is not suspect, however many are
_STRICT_PROBES = 10


@dataclass(slots=True, eq=False)
class Request:
    """A piece on its way: sent as a batch or not, at which tick, and whether as a probe."""

    piece: Piece
    as_batch: bool
    sent: int
    is_probe: bool = False

    @property
    def is_retry(self) -> bool:
        """Whether one of its records was sent before."""
        piece = self.piece
        return bool(piece.attempts or piece.failures or piece.refused or piece.marked)


class Dispatch:
    """
    One route's decisions about one inlet configuration.

    *unit* gives random numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        route: str,
        inlet: InletConfig,
        mode: Mode,
        *,
        clock: Clock,
        unit: Callable[[], float],
    ) -> None:
        self._route = route
        self._inlet = inlet
        self._clock = clock
        self._is_strict = inlet.ordering == "strict"
        self._schedule = Schedule(max_s=inlet.retry_max_delay)
        self._unit = unit
        self.mode = mode
        self.line = Line(
            Batch(inlet.batch_max_records, inlet.batch_max_bytes, inlet.batch_max_age)
        )
        self.limit = Limit(1 if self._is_strict else inlet.max_in_flight)
        self.suspects = Suspects()
        self.hold = Hold(inlet.not_before, self._schedule, clock=clock, unit=unit)
        # The pause in force, the tick of its beginning, and its probe; whether the mode is worth
        # keeping; whether a stop is near. Changed by the methods only.
        self.pause: Pause | None = None
        self._paused_at = 0
        self._probe_due_s = 0.0
        self._is_probing = False
        self._probes = 0
        self._unreadable = 0
        self._is_closing = False
        self.is_mode_new = False
        self._fit_mode()

    @property
    def held(self) -> int:
        """Records that wait here; those in flight are with their request."""
        return len(self.line)

    def add(self, *records: Record) -> bool:
        """Take new *records*; say whether that made something ready."""
        return self.line.add(*records, now_s=self._clock.monotonic_s())

    def resume(self, pause: Pause) -> None:
        """Begin paused, as before a restart; the first probe goes at once."""
        self.pause = pause
        self._paused_at = self.suspects.tick

    def close(self) -> None:
        """A stop is near: no batch waits to be filled."""
        self._is_closing = True

    def take(self) -> Request | None:
        """Give the next request, if one may be sent now."""
        now_s = self._clock.monotonic_s()
        if self.hold.until_s > now_s or not self.limit.has_room:
            return None
        is_probe = self.pause is not None
        piece = self._next_probe(now_s) if is_probe else self._next(now_s)
        if piece is None:
            return None
        self._is_probing = is_probe
        self.limit.started()
        piece.sent = self.suspects.sent()
        return Request(piece, self.mode.as_batch, piece.sent, is_probe)

    def wakes_in_s(self) -> float | None:
        """Seconds until `take` may give something that it does not give now; ``None``: never."""
        now_s = self._clock.monotonic_s()
        if not len(self.line) or not self.limit.has_room or self._is_probing:
            return None
        if self.pause is not None:
            due_s = max(self._probe_due_s, self.hold.until_s)
        elif self.hold.until_s > now_s:
            due_s = self.hold.until_s
        elif self.line.has_ready:
            # What held it back when `take` looked ended just now.
            due_s = now_s
        else:
            ripens_s = self.line.ripens_at_s()
            if ripens_s is None:
                return None
            due_s = ripens_s
        return max(due_s - now_s, 0.0)

    def answered(self, request: Request, answer: Answer, verdict: Verdict) -> Decided:
        """Take note of an answer; give what is decided by it."""
        fates = {ruling.fate for ruling in verdict.items} or {verdict.whole.fate}
        took = Fate.TAKEN in fates
        self.limit.finished(
            now_s=self._clock.monotonic_s(),
            seconds=answer.seconds,
            throttled=Fate.BUSY in fates or answer.failure is not None,
            took=took,
        )
        if request.is_probe:
            self._is_probing = False
            self._probe_due_s = self._clock.monotonic_s() + self._inlet.probe_interval
        if answer.retry_after_s is not None:
            self.hold.asked(answer.retry_after_s)
        if took:
            self._took(request)
        decided = Decided(request.piece.records)
        if verdict.items:
            self._by_items(request, verdict.items, decided)
        else:
            self._whole(request, verdict, decided)
        if took:
            self.line.release(self.suspects.is_proven)
        return decided

    def abandoned(self, request: Request) -> None:
        """The request was given up without an answer; its records are still pending."""
        self.limit.finished(
            now_s=self._clock.monotonic_s(), seconds=0.0, throttled=False, took=False
        )
        self._is_probing = self._is_probing and not request.is_probe
        self.line.front(request.piece)

    def _next(self, now_s: float) -> Piece | None:
        self.line.ripen(now_s=now_s, close=self._is_closing)
        if self._is_strict and self.line.suspects:
            return self.line.probe(now_s=now_s, most_suspects=_STRICT_MOST_SUSPECTS)
        piece = self.line.next()
        if piece is None or self.mode.as_batch or len(piece) == 1:
            return piece
        first, *rest = piece.singles()
        self.line.front(*rest)
        return first

    def _next_probe(self, now_s: float) -> Piece | None:
        if self._is_probing or self._probe_due_s > now_s:
            return None
        self._probes += 1
        most = _STRICT_MOST_SUSPECTS if self._is_strict else MOST_SUSPECTS
        if self._probes % (_STRICT_PROBES if self._is_strict else _PROBES) == 0:
            most = self.line.suspects + 1
        return self.line.probe(now_s=now_s, most_suspects=most)

    def _took(self, request: Request) -> None:
        self.suspects.took(request.sent)
        self.hold.took()
        self._unreadable = 0
        if self.mode.took(as_batch=request.as_batch):
            self.is_mode_new = True
        self._fit_mode()
        if self.pause is not None and request.sent > self._paused_at:
            self.pause = None

    def _fit_mode(self) -> None:
        self.line.make_single(
            single=not self.mode.as_batch, max_records=self._inlet.batch_max_records
        )

    def _whole(self, request: Request, verdict: Verdict, decided: Decided) -> None:
        """One ruling for every record of the request."""
        piece, ruling, fate = request.piece, verdict.whole, verdict.whole.fate
        if fate is Fate.TAKEN:
            decided.delivered = piece.records
            piece.decided(took=True)
        elif fate is Fate.ERROR:
            rulings = verdict.same or [ruling] * len(piece)
            self._error(piece, rulings, decided, alone=bool(verdict.same))
        elif fate is Fate.UNANSWERED:
            if len(piece) == 1:
                self._unread(ruling)
            self._put_off(piece, cut=len(piece) > 1)
        elif fate in TEMPORARY:
            self._absent(piece, ruling)
        elif fate is Fate.EVENT:
            # Each was refused by itself, others were taken since, and now each is again.
            alone = bool(verdict.same) and self.suspects.is_proven(piece)
            rulings = verdict.same or [ruling] * len(piece)
            self._refused(piece, rulings, decided, alone=alone)
        else:
            self._set_up(request, piece, ruling, decided)

    def _by_items(self, request: Request, rulings: Sequence[Ruling], decided: Decided) -> None:
        """A ruling a record: each kind becomes a part of its own, in order."""
        piece = request.piece
        last_taken = max(
            (place for place, ruling in enumerate(rulings) if ruling.fate is Fate.TAKEN),
            default=-1,
        )
        parts: dict[tuple[Fate, bool], list[int]] = {}
        for place, ruling in enumerate(rulings):
            fate = ruling.fate
            if fate in SET_UP and last_taken >= 0:
                # The set-up works: the others of the same request were taken.
                fate = Fate.SETUP
            witnessed = place < last_taken and fate in {Fate.EVENT, Fate.SETUP}
            parts.setdefault((fate, witnessed), []).append(place)
        for (fate, witnessed), places in reversed(parts.items()):
            part = piece.part([piece.records[place] for place in places])
            theirs = [rulings[place] for place in places]
            first = replace(theirs[0], fate=fate)
            if fate is Fate.TAKEN:
                decided.delivered += part.records
                part.decided(took=True)
            elif fate is Fate.EVENT or (fate is Fate.SETUP and last_taken >= 0):
                self._refused(part, theirs, decided, fate=fate, witnessed=witnessed, alone=True)
            elif fate is Fate.ERROR:
                self._error(part, theirs, decided, alone=True)
            elif fate in TEMPORARY:
                self._put_off(part)
            else:
                self._set_up(request, part, first, decided)

    def _absent(self, piece: Piece, ruling: Ruling) -> None:
        """The inlet is busy, or does not answer as an inlet: nothing is sent for a while."""
        self.hold.failed()
        piece.attempts += 1
        piece.put_off = piece.put_off or self.suspects.sent()
        if ruling.fate is Fate.UNREADABLE:
            self._unread(ruling)
        is_cut = piece.attempts % _ATTEMPTS_BEFORE_CUT == 0 and len(piece) > 1
        if is_cut and self.suspects.took_since(piece.put_off):
            # Others pass and this does not: perhaps the inlet chokes on one of its records.
            self.line.front(*piece.halves(refused=False))
        elif self._is_strict or piece.attempts == 1:
            self.line.front(piece)
        else:
            # It may be the one that the inlet chokes on, so the next attempt is another's.
            self.line.back(piece)

    def _unread(self, ruling: Ruling) -> None:
        """The inlet may have taken it and does not say so: not many times in a row."""
        self._unreadable += 1
        if self._unreadable >= _UNREADABLE_BEFORE_PAUSE:
            self._pause(Why.UNREADABLE, ruling.why)

    def _error(
        self, piece: Piece, rulings: Sequence[Ruling], decided: Decided, *, alone: bool
    ) -> None:
        if not piece.failures:
            piece.put_off = self.suspects.sent()
        if piece.failed(others_pass=self.suspects.is_proven(piece)):
            self._refused(piece, rulings, decided, alone=alone)
        else:
            self._put_off(piece)

    def _put_off(self, piece: Piece, *, cut: bool = False) -> None:
        piece.attempts += 1
        delay_s = self._schedule.delay_s(max(piece.attempts, piece.failures), self._unit())
        due_s = self._clock.monotonic_s() + delay_s
        pieces = piece.halves(refused=False) if cut else (piece,)
        if self._is_strict:
            self.hold.until(due_s)
            self.line.front(*pieces)
            return
        for each in pieces:
            self.line.later(each, due_s=due_s)

    def _refused(
        self,
        piece: Piece,
        rulings: Sequence[Ruling],
        decided: Decided,
        *,
        fate: Fate = Fate.EVENT,
        witnessed: bool = False,
        alone: bool = False,
    ) -> None:
        """*piece* was refused for its content: each record by itself when *alone*, or together."""
        if len(piece) > 1 and not alone:
            self.line.front(*piece.halves(refused=True))
            return
        if self.suspects.refused(piece, fate, witnessed=witnessed):
            decided.blame(piece.records, rulings)
            piece.decided(took=False)
            return
        self._set_aside(piece)
        if piece.decided(took=False):
            self._pause(Why.SPLIT, *decided.told(rulings[0]))
        elif self.suspects.are_too_many or (
            self._is_strict and self.line.suspects >= _STRICT_MOST_SUSPECTS
        ):
            self._pause(Why.SUSPECTS, *decided.told(rulings[0]))

    def _set_aside(self, piece: Piece) -> None:
        if self.suspects.is_proven(piece):
            self.line.front(piece)
        elif self._is_strict and not self.line.suspects and piece.attempts < _STRICT_TRIES:
            self._put_off(piece)
        else:
            due_s = self._clock.monotonic_s() + self._inlet.probe_interval
            self.line.suspect(piece, due_s=due_s)

    def _set_up(self, request: Request, piece: Piece, ruling: Ruling, decided: Decided) -> None:
        """Refused for how things are set up; or, if it alone is refused so, for itself."""
        if ruling.fate is Fate.HEADERLESS and self.mode.headerless(as_batch=request.as_batch):
            self._fit_mode()
            self.line.front(piece)
            return
        self._fit_mode()
        others_passed = self.suspects.others_passed(piece)
        if self._is_strict:
            self.suspects.mark(piece)
            self.line.front(piece)
        elif len(piece) > 1:
            self.suspects.mark(piece)
            self.line.front(*(piece.halves(refused=True) if others_passed else (piece,)))
        elif self.suspects.refused(piece, ruling.fate):
            decided.blame(piece.records, [ruling])
        else:
            self._set_aside(piece)
        if self._is_strict or not others_passed:
            self._pause(why_of(ruling), *decided.told(ruling))

    def _pause(self, why: Why, detail: str) -> None:
        if self.pause is None:
            self.pause = pause_for(self._route, why, detail, since_s=self._clock.wall_s())
            self._paused_at = self.suspects.sent()
            self._probes = 0
            self._probe_due_s = self._clock.monotonic_s() + self._inlet.probe_interval

    def __repr__(self) -> str:
        state = f"paused: {self.pause.reason}" if self.pause else self.mode.name
        return f"<Dispatch {self._route} {state} {self.line!r} {self.limit!r}>"
