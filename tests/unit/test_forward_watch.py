"""What the log tells of an inlet's answers, and how often."""

from __future__ import annotations

from structlog.testing import capture_logs

from relay.clock import ManualClock
from relay.forward.answer import Answer
from relay.forward.verdict import judge
from relay.forward.watch import Watch


def test_an_inlet_whose_answers_are_always_odd_gets_a_line_every_ten_seconds():
    """A hundred answers a second with an item too many do not fill the log."""
    clock = ManualClock()
    watch = Watch("r", clock)
    answer = Answer(207, document={"responses": [{"xactionId": "1"}] * 3})
    with capture_logs() as told:
        for _ in range(1500):
            watch.saw(answer, judge(answer, records=2, is_batch=True))
            clock.advance(0.01)
    assert [(line["event"], line["what"]) for line in told] == [
        ("inlet_answer_odd", "3 items for 2 records")
    ] * 2
