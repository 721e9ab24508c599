"""
One lane of deliveries: calls the webhook with a post, again and again, until it is acknowledged.

Whoever owns the lane decides how to wait between calls (`HoldBack`); the order of the posts, and
what happens to the ones behind, is the owner's as well.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from relay.clock import Clock
from relay.customerio.connection import Connection
from relay.customerio.redelivery import Answer, Redelivery
from relay.customerio.report import Tally
from relay.customerio.request import Target, signed_request
from relay.customerio.traffic import Post


@dataclass(frozen=True, slots=True)
class Held:
    """
    A post that has to be called again in *delay_s*.

    *answer* is what the last call got, *first_s* the monotonic time of the first one.
    """

    post: Post
    answer: Answer
    delay_s: float
    first_s: float


HoldBack = Callable[[Held], Awaitable[None]]


class Courier:
    """Delivers to *target*, signed with *key*, over one connection; counts into *tally*."""

    def __init__(
        self,
        target: Target,
        key: str,
        redelivery: Redelivery,
        *,
        clock: Clock,
        tally: Tally,
        hold_back: HoldBack,
    ) -> None:
        self.target = target
        self._key = key
        self._redelivery = redelivery
        self._clock = clock
        self._tally = tally
        self._hold_back = hold_back
        self._connection = Connection(target, timeout_s=redelivery.timeout_s)

    async def deliver(self, post: Post) -> bool:
        """Call until a 2xx; ``False`` when Customer.io would have dropped the event by then."""
        first_s = self._clock.monotonic_s()
        attempt = 0
        while True:
            attempt += 1
            answer = await self._call(post, attempt)
            delay_s = self._redelivery.delay_s(answer, attempt)
            ends_s = first_s + self._redelivery.window_s
            if answer.is_ack or self._clock.monotonic_s() + delay_s > ends_s:
                self._tally.settled(post, is_acked=answer.is_ack)
                return answer.is_ack
            await self._hold_back(Held(post, answer, delay_s, first_s))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    async def _call(self, post: Post, attempt: int) -> Answer:
        now_s = self._clock.wall_s()
        request = signed_request(self.target, self._key, post.body, now_s=now_s)
        begun_s = self._clock.monotonic_s()
        answer = await self._connection.call(request)
        took_s = self._clock.monotonic_s() - begun_s
        self._tally.called(answer, attempt=attempt, took_s=took_s)
        return answer
