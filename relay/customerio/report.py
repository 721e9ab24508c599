"""What came of simulated traffic: the running `Tally`, its `Progress`, the `Report` at the end."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from relay.customerio.redelivery import Answer
from relay.customerio.traffic import Post


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    The account of one run; ``posts = acked + dropped + unsent``.

    *posts* were wanted; *acked* got a 2xx; *dropped* were given up after Customer.io's window;
    *unsent* were not acknowledged when the run ended early (*ended* says why, empty: it did
    not). *repeats* and *invalid* count acknowledged posts. *statuses* counts calls, with or
    without an answer. Ack times are of acknowledging calls alone, in milliseconds.
    """

    posts: int
    acked: int
    dropped: int
    unsent: int
    repeats: int
    invalid: dict[str, int]
    calls: int
    retries: int
    statuses: dict[str, int]
    ack_p50_ms: float
    ack_p90_ms: float
    ack_p99_ms: float
    ack_max_ms: float
    elapsed_s: float
    acked_per_s: float
    ended: str = ""
    acked_ids: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether every post was acknowledged."""
        return self.acked == self.posts


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; *elapsed_s* since it began."""

    posts: int
    acked: int
    dropped: int
    retries: int
    elapsed_s: float


class Tally:
    """Counts as it goes; only the sender's lanes change it, through `called` and `settled`."""

    def __init__(self, posts: int) -> None:
        self.posts = posts
        self.acked = 0
        self.dropped = 0
        self.calls = 0
        self.retries = 0
        self.statuses: Counter[str] = Counter()
        self._repeats = 0
        self._invalid: Counter[str] = Counter()
        self._ids: list[str] = []
        self._ack_s = array("d")

    def called(self, answer: Answer, *, attempt: int, took_s: float) -> None:
        """Count one call, the *attempt*-th of its post."""
        self.calls += 1
        self.retries += attempt > 1
        self.statuses[answer.label] += 1
        if answer.is_ack:
            self._ack_s.append(took_s)

    def settled(self, post: Post, *, is_acked: bool) -> None:
        """Count a post that will not be called again."""
        if not is_acked:
            self.dropped += 1
            return
        self.acked += 1
        self._repeats += post.is_repeat
        if post.flaw is not None:
            self._invalid[str(post.flaw)] += 1
        elif not post.is_repeat:
            self._ids.append(post.event_id)

    def progress(self, *, elapsed_s: float) -> Progress:
        """Say how far it is; costs nothing, however many there are."""
        return Progress(self.posts, self.acked, self.dropped, self.retries, elapsed_s)

    def report(self, *, elapsed_s: float, ended: str = "") -> Report:
        """Give the account so far."""
        times = sorted(self._ack_s)
        return Report(
            posts=self.posts,
            acked=self.acked,
            dropped=self.dropped,
            unsent=self.posts - self.acked - self.dropped,
            repeats=self._repeats,
            invalid=dict(sorted(self._invalid.items())),
            calls=self.calls,
            retries=self.retries,
            statuses=dict(sorted(self.statuses.items())),
            ack_p50_ms=_at_ms(times, 0.50),
            ack_p90_ms=_at_ms(times, 0.90),
            ack_p99_ms=_at_ms(times, 0.99),
            ack_max_ms=_at_ms(times, 1.0),
            elapsed_s=round(elapsed_s, 3),
            acked_per_s=round(self.acked / elapsed_s, 1) if elapsed_s > 0 else 0.0,
            ended=ended,
            acked_ids=tuple(self._ids),
        )


def _at_ms(times: list[float], share: float) -> float:
    """The time, in ms, within which *share* of the sorted *times* (s) lie; 0 without any."""
    if not times:
        return 0.0
    return round(times[min(int(len(times) * share), len(times) - 1)] * 1000, 3)
