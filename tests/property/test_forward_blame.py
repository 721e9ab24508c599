"""Nobody is blamed unjustly and nothing is lost, whatever an inlet answers and when."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from dispatch_kit import HEADERLESS, INVALID, TAKEN, WRONG_ORG, Bench, sent
from hypothesis import given
from hypothesis import strategies as st

from relay.forward.answer import Answer, Failure
from relay.forward.dispatch import Request

ODD_ITEMS = [TAKEN, INVALID, WRONG_ORG, HEADERLESS, {"status": 503}, {"status": 500}, {}]
STATUSES = [400, 401, 404, 413, 429, 500, 503, 200, 307]
# What the inlet does with whatever it is sent, for a while.
BAD_WEATHER = ["refuses all", "refuses whole", "wrong org", "500", "silence", "odd status"]
WEATHER = ["good", "good", "cuts", "odd items", "short", *BAD_WEATHER]


class Inlet:
    """
    Answers in its weather's way, and sees what a bystander sees.

    Every *poison*-th event is refused in good weather too, until the story ends. Of each event it
    knows the moments of its refusals, and of each taking when that request was sent.
    """

    def __init__(self, bench: Bench, poison: int, random: Random) -> None:
        self.bench = bench
        self.poison = poison
        self.random = random
        self.weather = "good"
        self.added = 0
        self.moment = 0
        self.story_ends_at = 10**9
        self.flying: list[tuple[Request, int]] = []
        self.refusals: dict[int, list[tuple[int, int]]] = {}
        self.takes: list[tuple[int, int, int]] = []

    def is_bad(self, number: int) -> bool:
        return number % self.poison == 0 and number < self.story_ends_at

    def add(self, count: int) -> None:
        self.bench.add(*range(self.added, self.added + count))
        self.added += count

    def send(self, request: Request | None) -> None:
        self.moment += 1
        if request is not None:
            self.flying.append((request, self.moment))

    def answer(self) -> None:
        """Answer any of the requests in flight."""
        if not self.flying:
            return
        request, sent_at = self.flying.pop(self.random.randrange(len(self.flying)))
        self.moment += 1
        numbers = sent(request)
        whole, items = self._say(numbers)
        for place, number in enumerate(numbers):
            item = {"status": whole.status} if items is None else items[place]
            if item is TAKEN:
                self.takes.append((sent_at, self.moment, place))
            elif item.get("status"):
                self.refusals.setdefault(number, []).append((self.moment, place))
        before = len(self.bench.refused)
        self.bench.answer(request, whole)
        for number in self.bench.refused[before:]:
            self._judge(number)
        self._count()

    def _say(self, numbers: list[int]) -> tuple[Answer, list[Any] | None]:
        match self.weather:
            case "silence":
                return Answer(failure=Failure.RESET), None
            case "500":
                return Answer(500), None
            case "odd status":
                return Answer(self.random.choice(STATUSES)), None
            case "refuses whole":
                return Answer(400), None
            case "cuts" if any(self.is_bad(number) for number in numbers):
                return Answer(400), None
            case "short" if self.random.random() < 0.5:
                return Answer(207, document={"responses": []}), [{}] * len(numbers)
            case "refuses all":
                items = [INVALID] * len(numbers)
            case "wrong org":
                items = [WRONG_ORG] * len(numbers)
            case "odd items":
                items = [self.random.choice(ODD_ITEMS) for _ in numbers]
            case _:
                items = [INVALID if self.is_bad(number) else TAKEN for number in numbers]
        return Answer(207, document={"responses": items}), items

    def _judge(self, number: int) -> None:
        """*number* was blamed: was it refused, another taken after that, and it refused again?"""
        *earlier, _ = self.refusals[number]
        assert any(
            sent_at > refused or (answered == refused and place > refused_place)
            for refused, refused_place in earlier
            for sent_at, answered, place in self.takes
        ), f"{number} was blamed without proof"

    def _count(self) -> None:
        """Every event is in exactly one place."""
        ended = self.bench.delivered + self.bench.refused
        assert len(ended) == len(set(ended))
        in_flight = sum(len(sent(request)) for request, _ in self.flying)
        assert len(ended) + in_flight + self.bench.dispatch.held == self.added
        assert self.bench.dispatch.limit.in_flight == len(self.flying)

    def play(self, story: list[tuple[str, int]]) -> None:
        """Live through *story*: requests are answered in any order, at once or long after."""
        for weather, length in story:
            self.weather = weather
            for _ in range(length):
                self.add(self.random.randint(0, 4))
                for _ in range(self.random.randint(1, 3)):
                    self.send(self.bench.take())
                for _ in range(self.random.randint(0, 3)):
                    self.answer()
                self.bench.clock.advance(self.random.choice([0.0, 0.1, 1.0, 3.0]))

    def recover(self) -> None:
        """Good weather for ever, and a new good event whenever only bad ones are left."""
        self.weather = "good"
        self.story_ends_at = self.added
        while self.flying:
            self.answer()
        for _ in range(3000):
            ended = {*self.bench.delivered, *self.bench.refused}
            if len(ended) == self.added:
                return
            if all(self.is_bad(number) for number in range(self.added) if number not in ended):
                self.add(1)
            self.bench.clock.advance(0.1)
            self.send(self.bench.next(within_s=3600))
            self.answer()
        raise AssertionError(f"never came to an end: {self.bench.dispatch!r}")


def phases(*weather: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    return st.lists(
        st.tuples(st.sampled_from(weather), st.integers(1, 15)), min_size=1, max_size=8
    )


@given(
    story=phases(*WEATHER),
    ordering=st.sampled_from(["none", "none", "strict"]),
    batch=st.sampled_from([1, 3, 8]),
    poison=st.sampled_from([3, 7, 10**6]),
    seed=st.integers(0, 10**6),
)
def test_no_event_is_blamed_unless_another_was_taken_after_its_refusal(
    story, ordering, batch, poison, seed
):
    """
    Over any story, each blamed event was refused, saw another taken, and was refused again.

    Every event is delivered, blamed, in flight or held, once; and a good inlet ends all waiting.
    """
    bench = Bench(mode="batch", ordering=ordering, batch_max_records=batch)
    inlet = Inlet(bench, poison, Random(seed))
    inlet.play(story)
    inlet.recover()
    assert bench.dispatch.pause is None


@given(
    story=phases(*BAD_WEATHER),
    mode=st.sampled_from(["auto", "batch"]),
    batch=st.sampled_from([1, 8]),
    seed=st.integers(0, 10**6),
)
def test_an_inlet_that_takes_nothing_blames_nobody(story, mode, batch, seed):
    """While nothing is taken, whatever is answered, no event leaves the line."""
    bench = Bench(mode=mode, batch_max_records=batch)
    inlet = Inlet(bench, 10**6, Random(seed))
    inlet.play(story)
    assert bench.refused == []
    assert bench.delivered == []


@pytest.mark.parametrize("batch", [1, 8])
def test_the_stories_do_lead_to_blame(batch):
    """In fair weather with poison the property above is not empty: the poisonous are blamed."""
    bench = Bench(mode="batch", batch_max_records=batch)
    inlet = Inlet(bench, 3, Random(1))
    inlet.play([("good", 40), ("refuses all", 5), ("cuts", 20)])
    inlet.recover()
    assert len(bench.refused) > 20
    assert all(number % 3 == 0 for number in bench.refused)
