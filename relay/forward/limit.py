"""
How many requests may be in flight: adaptive, so that nobody has to guess the inlet's capacity.

Pure. The limit grows by one when a whole round of requests went well while it was reached. It is
cut when latency rises well above its own mean, or when the inlet asks for less (429, 503, or no
answer at all); at most once a round, because the answers of one round tell one story. It does not
fall below two where two are allowed: one request that hangs would hold up everything until its
timeout.
"""

from __future__ import annotations

from dataclasses import dataclass

_SMOOTHING = 0.2
_DEVIATION_SCALE = 3.0
_RISE_FLOOR_S = 0.02
_SLOW_RATIO = 0.9
_REFUSED_RATIO = 0.5
_LEAST = 2


@dataclass(slots=True)
class Limit:
    """
    An additive-increase, multiplicative-decrease limit between 2 and *maximum*; 1 if that is 1.

    Latency is an exponentially weighted mean with its mean deviation, in seconds.

    Source:
        Additive increase, multiplicative decrease: Chiu & Jain 1989. Mean deviation instead of
        variance: RFC 6298.
    """

    maximum: int
    # The limit as a fraction, what is in flight, and the latency seen; changed by the two methods.
    _limit: float = 0.0
    _in_flight: int = 0
    _mean_s: float = 0.0
    _deviation_s: float = 0.0
    _round_ends_s: float = 0.0
    _reached: bool = False

    def __post_init__(self) -> None:
        self._limit = float(min(_LEAST, self.maximum))

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """How many are."""
        return self._in_flight

    @property
    def has_room(self) -> bool:
        """Whether one more may start."""
        return self._in_flight < self.limit

    def started(self) -> None:
        """One more request is in flight."""
        self._in_flight += 1
        if self._in_flight >= self.limit:
            self._reached = True

    def finished(self, *, now_s: float, seconds: float, throttled: bool, took: bool) -> None:
        """
        One request ended after *seconds*.

        *throttled*: the inlet asked for less or did not answer. *took*: it took something; only
        then does the latency count, since a refusal may be quick or slow for its own reasons.
        """
        self._in_flight -= 1
        if throttled:
            self._cut(_REFUSED_RATIO, now_s)
            return
        if not took:
            return
        if self._rose(seconds):
            self._cut(_SLOW_RATIO, now_s)
        elif self._reached and now_s >= self._round_ends_s:
            self._limit = min(self._limit + 1.0, float(self.maximum))
            self._next_round(now_s)
        self._learn(seconds)

    def _rose(self, seconds: float) -> bool:
        if not self._mean_s:
            return False
        margin_s = max(_DEVIATION_SCALE * self._deviation_s, _RISE_FLOOR_S)
        return seconds > self._mean_s + margin_s

    def _learn(self, seconds: float) -> None:
        if not self._mean_s:
            self._mean_s = seconds
            self._deviation_s = seconds / 2
            return
        error_s = seconds - self._mean_s
        self._mean_s += _SMOOTHING * error_s
        self._deviation_s += _SMOOTHING * (abs(error_s) - self._deviation_s)

    def _cut(self, ratio: float, now_s: float) -> None:
        if now_s >= self._round_ends_s:
            self._limit = max(float(min(_LEAST, self.maximum)), self._limit * ratio)
            self._next_round(now_s)

    def _next_round(self, now_s: float) -> None:
        self._round_ends_s = now_s + self._mean_s
        self._reached = False

    def __repr__(self) -> str:
        return f"<Limit {self._in_flight}/{self.limit} of {self.maximum}>"
