"""A dispatch under a manual clock, records for it, and answers as the inlet gives them."""

from __future__ import annotations

from typing import Any

from relay.clock import ManualClock
from relay.config import InletConfig
from relay.envelope import Entry, Envelope
from relay.forward.answer import Answer, Failure
from relay.forward.decided import Decided
from relay.forward.dispatch import Dispatch, Request
from relay.forward.mode import Mode
from relay.forward.transform import Record
from relay.forward.verdict import judge

TAKEN = {"xactionId": "1:2:3", "inletId": "9b0c"}
INVALID = {"status": 400, "message": "Message is invalid"}
WRONG_ORG = {"status": 400, "message": "Message has an absent or wrong ims org"}
HEADERLESS = {"status": 400, "message": "The 'header' field is mandatory."}


def record(
    number: int,
    *,
    received_at_s: float = 1_700_000_000.0,
    attempt: int = 1,
    payload: bytes | None = None,
) -> Record:
    """The record of entry *number*; its payload is the number if none is given."""
    entry = Entry(number, Envelope("r", received_at_s, (), b"{}"), attempt)
    payload = str(number).encode() if payload is None else payload
    return Record(entry, f"e{number}", b"digest", payload, None)


def positions(records: list[Record]) -> list[int]:
    return [each.entry.position for each in records]


class Bench:
    """Sends by hand: every request is answered when the test says so."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        inlet = InletConfig(
            **{"batch_max_age": 0, "probe_interval": 2, "retry_max_delay": 5, **settings}
        )
        self.dispatch = Dispatch(
            "r",
            inlet,
            Mode(inlet.mode, takes_batches=True),
            clock=self.clock,
            unit=lambda: 1.0,
        )
        self.delivered: list[int] = []
        self.refused: list[int] = []
        self.whys: list[str] = []

    def add(self, *numbers: int) -> None:
        for number in numbers:
            self.dispatch.add(record(number))

    def take(self) -> Request | None:
        return self.dispatch.take()

    def answer(self, request: Request, answer: Answer) -> Decided:
        verdict = judge(answer, records=len(request.piece.records), is_batch=request.as_batch)
        decided = self.dispatch.answered(request, answer, verdict)
        self.delivered += positions(decided.delivered)
        self.refused += positions([each for each, _ in decided.refused])
        self.whys += [why for _, why in decided.refused]
        return decided

    def took(self, request: Request) -> None:
        if request.as_batch:
            self.items(request, *[TAKEN] * len(request.piece.records))
        else:
            self.answer(request, Answer(200, document=TAKEN))

    def items(self, request: Request, *items: Any) -> None:
        self.answer(request, Answer(207, document={"responses": list(items)}))

    def status(self, request: Request, status: int, **answer: Any) -> None:
        self.answer(request, Answer(status, **answer))

    def fails(self, request: Request, failure: Failure) -> None:
        self.answer(request, Answer(failure=failure))

    def next(self, *, within_s: float = 60.0) -> Request:
        """The next request, moving the clock on to when it may be sent."""
        waited_s = 0.0
        while (request := self.take()) is None:
            wait_s = self.dispatch.wakes_in_s()
            assert wait_s is not None, f"nothing will be sent: {self.dispatch!r}"
            waited_s += wait_s
            assert waited_s <= within_s, f"{self.dispatch!r} waits too long"
            self.clock.advance(max(wait_s, 0.001))
        return request


def sent(request: Request | None) -> list[int]:
    """The entries that a request carries."""
    return [] if request is None else positions(request.piece.records)
