"""
The public listener's application: takes a delivery, answers once it is safe on disk.

A plain ASGI callable, dispatched by exact path, because it is the hot path. One delivery::

    headers -> admit -> body, hashed as it comes -> signature -> spool.append -> 200

Content is never looked at. Whatever fails here answers 503 with ``Retry-After``; see `answers`.
An answer may come before the body is whole: the server takes care of what is still being sent.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from relay.clock import Clock
from relay.config import Config
from relay.customerio.signature import match
from relay.errors import SpoolClosed, SpoolError, SpoolFull
from relay.ingress import answers
from relay.ingress.admission import Head, Refused, admit
from relay.ingress.answers import Answer, Scope
from relay.ingress.body import Body, InFlight, Receive
from relay.ingress.complaints import Complaints
from relay.ingress.deadlines import Deadlines
from relay.ingress.routes import Route, route_table, spellings
from relay.ingress.senders import Senders
from relay.logs import describe
from relay.metrics import Metrics
from relay.spool.port import Spool

_HEALTH = spellings("/healthz")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_ROOM = "give the disk of spool.path room"

Headers = list[tuple[bytes, bytes]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class State(Enum):
    """
    What the public listener does with a delivery.

    starting -> open -> lame duck -> draining; any of the first three may go straight to the last.
    """

    STARTING = "starting"
    OPEN = "open"
    LAME_DUCK = "lame duck"
    DRAINING = "draining"


_TAKES = (State.OPEN, State.LAME_DUCK)
_CLOSES = (State.LAME_DUCK, State.DRAINING)
_BEFORE = {
    State.OPEN: (State.STARTING,),
    State.LAME_DUCK: (State.STARTING, State.OPEN),
    State.DRAINING: (State.STARTING, State.OPEN, State.LAME_DUCK),
}


@dataclass(frozen=True, slots=True)
class IngressStats:
    """The public listener at one moment."""

    state: str
    deliveries_in_flight: int
    bytes_in_flight: int
    max_bytes_in_flight: int


class Ingress:
    """
    The ASGI application of the public listener.

    Without a *spool* it answers 503 until `open` gives it one.
    """

    def __init__(
        self, config: Config, spool: Spool | None, metrics: Metrics, clock: Clock
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._table = route_table(config, metrics)
        self._limits = config.server
        self._large = Path(config.spool.path) / "large"
        self._spool = spool
        self._state = State.STARTING if spool is None else State.OPEN
        self._in_flight = InFlight(config.server.max_bytes_in_flight)
        self._deadlines = Deadlines()
        self._acks_s = metrics.gathered.values(metrics.ack_seconds)
        self._complaints = Complaints(clock)
        self.senders = Senders(config, metrics)

    def open(self, spool: Spool) -> None:
        """Take deliveries from now on, into *spool*."""
        self._spool = spool
        self._enter(State.OPEN)

    def lame_duck(self) -> None:
        """Go on taking deliveries, but end every connection with its next answer."""
        self._enter(State.LAME_DUCK)

    def drain(self) -> None:
        """Answer 503 to every further delivery, and end its connection."""
        self._enter(State.DRAINING)

    def reload(self, config: Config) -> None:
        """
        Use *config*'s routes, keys and limits for every delivery that begins after this.

        Raises:
            ConfigError: a route cannot be used; everything stays as it was.
        """
        table = route_table(config, self._metrics)
        self._table, self._limits = table, config.server
        self._in_flight.max_bytes = config.server.max_bytes_in_flight
        self.senders.reload(config)

    def stats(self) -> IngressStats:
        """Describe this moment."""
        held = self._in_flight
        return IngressStats(self._state.value, held.deliveries, held.bytes, held.max_bytes)

    def __repr__(self) -> str:
        return f"<Ingress {self._state.value} deliveries_in_flight={self._in_flight.deliveries}>"

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the public listener speaks HTTP only, not {scope['type']}")
        route = self._table.get(scope["path"])
        if route is None or scope["method"] != "POST":
            return self._answer(self._elsewhere(route, scope), scope, send)
        return self._deliver(route, scope, receive, send)

    def _elsewhere(self, route: Route | None, scope: Scope) -> Answer:
        """Answer what is no delivery; health checks are not counted as deliveries."""
        if route is not None:
            route.count_answer(answers.ONLY_POST.status)
            return answers.ONLY_POST
        if scope["path"] not in _HEALTH:
            self._metrics.deliveries.labels("", "404").inc()
            return answers.NOT_FOUND
        if scope["method"] not in {"GET", "HEAD"}:
            return answers.ONLY_GET
        if self._state is State.OPEN:
            return answers.HEALTHY
        return answers.STARTING if self._state is State.STARTING else answers.DRAINING

    async def _deliver(self, route: Route, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one delivery, count it once, answer it unless its sender is gone."""
        started_s = time.perf_counter()
        in_flight = self._in_flight
        in_flight.deliveries += 1
        body = Body(receive, in_flight)
        try:
            answer = await self._take(route, scope["headers"], body)
            if self.senders.is_on and answer is answers.ACCEPTED:
                self.senders.count(route.name, scope)
            if body.is_gone:
                route.count_gone()
                return
            route.count_answer(answer.status)
            for message in answer.messages(scope, close=self._state in _CLOSES):
                await send(message)
        finally:
            in_flight.deliveries -= 1
            try:
                if body.spill is not None:
                    await body.discard()
            finally:
                # Last, because a disk that hangs keeps what waits for it in memory.
                body.release()
        self._acks_s.observe(time.perf_counter() - started_s)

    async def _take(self, route: Route, headers: Headers, body: Body) -> Answer:
        """
        Decide one delivery's answer; every exception of ours becomes a 503.

        *headers* are emptied once nobody needs them.
        """
        spool = self._spool
        if spool is None or self._state not in _TAKES:
            starts = self._state is State.STARTING
            return answers.STARTING if starts else answers.DRAINING
        loop, deadlines, limits = asyncio.get_running_loop(), self._deadlines, self._limits
        task = asyncio.current_task(loop)
        assert task is not None
        late = answers.TOO_SLOW
        try:
            now_s = self._clock.wall_s()
            head = admit(headers, now_s=now_s, max_age_s=route.max_age_s)
            if not isinstance(head, Head):
                return self._refuse(route, head)
            if head.announced_bytes > limits.max_body_bytes:
                return answers.TOO_LARGE
            codes = route.keys.begin(head.timestamp)
            deadlines.set(task, loop, limits.body_timeout)
            problem = await body.read(codes, limits, self._large)
            if problem is not None or body.is_gone:
                return problem or answers.CLOSED
            index = match(codes, head.signature)
            if index is None:
                return self._refuse(route, Refused.NO_KEY_MATCHES)
            late = answers.NO_COMMIT
            deadlines.set(task, loop, limits.append_timeout)
            if body.spill is not None:
                await body.spill.finish()
            skew_s = now_s - head.timestamp_s
            envelopes = [body.envelope(route.name, now_s, head.kept)]
            # While many wait for one commit, what each holds drives the others out of the
            # processor's cache: letting go of these costs a tenth less.
            del codes, head
            self.senders.let_go(headers)
            await spool.append(envelopes)
            route.count_stored(index, skew_s)
        except asyncio.CancelledError:
            if not deadlines.has_passed(task):
                raise
            return self._late(route, body, late)
        except Exception as error:  # noqa: BLE001 - promise 3: our bugs answer 503
            return self._failed(route, body, error)
        finally:
            deadlines.clear(task)
        return answers.ACCEPTED

    def _late(self, route: Route, body: Body, answer: Answer) -> Answer:
        """Say whose time is over: the sender's, or the disk's."""
        if answer is answers.TOO_SLOW and not body.is_storing:
            return answer
        self._complaints.tell("delivery_not_stored", route.name, "no commit in time")
        return answers.NO_COMMIT

    def _failed(self, route: Route, body: Body, error: Exception) -> Answer:
        """Say that a delivery is not stored, and why."""
        kind = type(error).__name__
        if isinstance(error, SpoolError):
            body.is_kept = False
        if isinstance(error, SpoolClosed):
            return answers.CLOSED
        if isinstance(error, SpoolFull):
            self._complaints.tell("delivery_not_stored", route.name, "full", hint=error.hint)
            return answers.FULL
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            # Not even the file of a large body: the spool has not been asked.
            self._complaints.tell("delivery_not_stored", route.name, "full", hint=_ROOM)
            return answers.FULL
        if isinstance(error, (SpoolError, OSError)):
            what = error.message if isinstance(error, SpoolError) else error.strerror
            self._complaints.tell("delivery_not_stored", route.name, kind, what=what)
            return answers.FAILED
        self._complaints.tell("delivery_failed", route.name, kind, where=describe(error)["where"])
        return answers.INTERNAL

    def _refuse(self, route: Route, why: Refused) -> Answer:
        route.count_refused(why)
        self._complaints.tell("signature_refused", route.name, why.value)
        return route.unsigned

    async def _answer(self, answer: Answer, scope: Scope, send: Send) -> None:
        for message in answer.messages(scope, close=self._state in _CLOSES):
            await send(message)

    def _enter(self, state: State) -> None:
        if self._state is state:
            return
        if self._state not in _BEFORE[state]:
            raise RuntimeError(f"ingress is {self._state.value}, it cannot become {state.value}")
        self._state = state
