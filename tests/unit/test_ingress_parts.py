"""Answers, deadlines, complaints and the table of routes."""

from __future__ import annotations

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from relay.clock import ManualClock
from relay.config import Config
from relay.errors import ConfigError
from relay.ingress import answers
from relay.ingress.answers import Answer
from relay.ingress.complaints import EVERY_S, Complaints
from relay.ingress.deadlines import Deadlines
from relay.ingress.routes import route_table, spellings
from relay.metrics import Metrics
from relay.server.exchange import WHOLE

ALL = [value for value in vars(answers).values() if isinstance(value, Answer)]


@pytest.mark.parametrize("answer", ALL, ids=repr)
def test_every_answer_is_whole_json(answer):
    """The length fits the body, the body is JSON with a status word, close is there on demand."""
    (kept, body), (closed, same) = (answer.messages({}, close=close) for close in (False, True))
    headers = dict(kept["headers"])
    assert int(headers[b"content-length"]) == len(body["body"])
    assert json.loads(body["body"]).keys() == {"status"}
    assert dict(closed["headers"]) == {**headers, b"connection": b"close"}
    assert same == body


@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("answer", ALL, ids=repr)
def test_our_own_server_gets_it_in_one_message(answer, close):
    """It says the same as the two that any other server gets."""
    (whole,) = answer.messages({"extensions": {WHOLE: {}}}, close=close)
    start, final = answer.messages({"extensions": {}}, close=close)
    assert whole == {**start, **final, "type": WHOLE}


@pytest.mark.parametrize("answer", ALL, ids=repr)
def test_what_is_our_fault_is_503_with_retry_after(answer):
    """Only what is wrong with the request itself gets another status than 200 and 503."""
    assert answer.status in {200, 401, 404, 405, 408, 413, 503}
    assert (b"retry-after" in dict(answer.messages({}, close=False)[0]["headers"])) is (
        answer.status == 503
    )


class LoopAt:
    """The clock and timer of an event loop, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[tuple[float, object, tuple[object, ...]]] = []

    def time(self) -> float:
        return self.now_s

    def call_later(self, delay_s, work, *arguments):
        self.timers.append((self.now_s + delay_s, work, arguments))
        return self

    def move_to(self, now_s: float) -> None:
        """Run every timer that is due until *now_s*."""
        while self.timers and self.timers[0][0] <= now_s:
            self.now_s, work, arguments = self.timers.pop(0)
            work(*arguments)
        self.now_s = now_s


async def waits(deadlines: Deadlines) -> str:
    task = asyncio.current_task()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        return "late" if deadlines.has_passed(task) else "cancelled"


async def test_a_deadline_interrupts_its_task_only():
    """The task that is over its time is interrupted, another waits on, and the timer ends."""
    deadlines, loop = Deadlines(), LoopAt()
    early, later, free = [asyncio.create_task(waits(deadlines)) for _ in range(3)]
    await asyncio.sleep(0)
    deadlines.set(early, loop, 1.0)
    deadlines.set(later, loop, 5.0)
    deadlines.set(free, loop, 1.0)
    deadlines.clear(free)
    assert len(loop.timers) == 1
    loop.move_to(0.9)
    await asyncio.sleep(0)
    assert not early.done()
    loop.move_to(1.2)
    assert await early == "late"
    assert not early.cancelling()
    assert not later.done()
    assert not free.done()
    loop.move_to(6.0)
    assert await later == "late"
    loop.move_to(7.0)
    assert loop.timers == []
    free.cancel()
    assert await free == "cancelled"


def test_a_complaint_is_told_once_a_minute_with_its_number():
    """The second within a minute is counted, not told; each cause has its own minute."""
    clock = ManualClock()
    complaints = Complaints(clock)
    with capture_logs() as told:
        for _ in range(3):
            complaints.tell("refused", "a", "missing", hint="look")
        complaints.tell("refused", "a", "malformed")
        clock.advance(EVERY_S)
        complaints.tell("refused", "a", "missing")
        clock.advance(EVERY_S)
        complaints.tell("refused", "a", "missing")
    base = {"event": "refused", "log_level": "warning", "route": "a"}
    assert told == [
        {**base, "why": "missing", "hint": "look"},
        {**base, "why": "malformed"},
        {**base, "why": "missing", "untold": 2},
        {**base, "why": "missing"},
    ]


def table(*paths: str, keys: tuple[str, ...] = ("k",)):
    routes = {f"r{n}": {"path": path, "signing_keys": keys} for n, path in enumerate(paths)}
    return route_table(Config.model_validate({"routes": routes}), Metrics())


def test_paths_are_known_with_and_without_their_slash():
    """Two spellings lead to the same route; the root has one."""
    found = table("/a/b", "/c/")
    assert found.keys() == {"/a/b", "/a/b/", "/c", "/c/"}
    assert found["/a/b"] is found["/a/b/"]
    assert spellings("/") == {"/"}


@pytest.mark.parametrize("paths", [("/a", "/a"), ("/a", "/a/"), ("/healthz",), ("/healthz/",)])
def test_a_path_that_is_taken_is_refused(paths):
    """Two routes on one path, or one on the health check's: an error that names the setting."""
    with pytest.raises(ConfigError, match=r"routes\.r\d\.path: .* is taken"):
        table(*paths)


def test_an_empty_key_is_refused():
    """A key that is empty would prove nothing."""
    with pytest.raises(ConfigError, match=r"routes\.r0\.signing_keys"):
        table("/a", keys=("k", ""))
