"""
The public listener's application: takes a delivery, answers once it is safe on disk.

A plain ASGI callable, dispatched by exact path, because it is the hot path. One delivery::

    headers -> admit -> body, hashed as it comes -> signature -> spool.append -> 200

Content is never looked at. Whatever fails here answers 503 with ``Retry-After``; see `answers`.
"""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import structlog

from relay.clock import Clock
from relay.config import Config
from relay.customerio.signature import Verification
from relay.envelope import Envelope
from relay.errors import SpoolClosed, SpoolError, SpoolFull
from relay.ingress import answers
from relay.ingress.admission import Head, Refused, admit, read_framing, read_headers
from relay.ingress.answers import Answer
from relay.ingress.body import Body, InFlight, Receive
from relay.ingress.deadlines import Deadlines
from relay.ingress.routes import Route, route_table, spellings
from relay.metrics import Metrics
from relay.spool.port import Spool

# What a sender may still send after an early answer before the connection is closed on it.
SKIP_BYTES = 16 * 1024 * 1024

_HEALTH = spellings("/healthz")
_LOG_EVERY_S = 60.0

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

log = structlog.get_logger("relay.ingress")


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
        self._observe_ack_s = metrics.ack_seconds.observe
        self._quiet_until_s: dict[tuple[str, Refused], float] = {}

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

    def stats(self) -> IngressStats:
        """Describe this moment."""
        held = self._in_flight
        return IngressStats(self._state.value, held.deliveries, held.bytes, held.max_bytes)

    def __repr__(self) -> str:
        return f"<Ingress {self._state.value} deliveries_in_flight={self._in_flight.deliveries}>"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the public listener speaks HTTP only, not {scope['type']}")
        found, is_repeated = read_headers(scope["headers"])
        body = Body(receive, read_framing(found), self._in_flight)
        route = self._table.get(scope["path"])
        if route is None:
            answer = self._elsewhere(scope)
            self._metrics.deliveries.labels("", str(answer.status)).inc()
        elif scope["method"] != "POST":
            answer = answers.ONLY_POST
            route.count_answer(answer.status)
        else:
            await self._deliver(route, found, is_repeated, body, send)
            return
        await self._answer(answer, body, send)

    def _elsewhere(self, scope: Scope) -> Answer:
        if scope["path"] not in _HEALTH:
            return answers.NOT_FOUND
        if scope["method"] not in {"GET", "HEAD"}:
            return answers.ONLY_GET
        if self._state is State.OPEN:
            return answers.HEALTHY
        return answers.STARTING if self._state is State.STARTING else answers.DRAINING

    async def _deliver(
        self,
        route: Route,
        found: dict[bytes, bytes],
        is_repeated: bool,
        body: Body,
        send: Send,
    ) -> None:
        """Take one delivery, count it once, answer it unless its sender is gone."""
        started_s = time.perf_counter()
        self._in_flight.deliveries += 1
        try:
            answer = await self._take(route, found, is_repeated, body)
            if body.is_gone:
                route.count_gone()
                return
            route.count_answer(answer.status)
            await self._answer(answer, body, send)
        finally:
            self._in_flight.deliveries -= 1
            await body.release()
        self._observe_ack_s(time.perf_counter() - started_s)

    async def _take(
        self, route: Route, found: dict[bytes, bytes], is_repeated: bool, body: Body
    ) -> Answer:
        """Decide one delivery's answer; every exception of ours becomes a 503."""
        try:
            if self._state not in _TAKES:
                starts = self._state is State.STARTING
                return answers.STARTING if starts else answers.DRAINING
            now_s = self._clock.wall_s()
            head = admit(found, is_repeated=is_repeated, now_s=now_s, max_age_s=route.max_age_s)
            if isinstance(head, Refused):
                return self._refuse(route, head)
            length_bytes = body.framing.length_bytes
            if length_bytes is not None and length_bytes > self._limits.max_body_bytes:
                return answers.TOO_LARGE
            return await self._store(route, head, body, now_s)
        except SpoolFull:
            return answers.FULL
        except SpoolClosed:
            return answers.CLOSED
        except (SpoolError, OSError) as error:
            log.error("delivery_not_stored", route=route.name, error=type(error).__name__)
            return answers.FAILED
        except Exception as error:  # noqa: BLE001 - promise 3: our bugs answer 503
            log.error("delivery_failed", route=route.name, **describe(error))
            return answers.INTERNAL

    async def _store(self, route: Route, head: Head, body: Body, now_s: float) -> Answer:
        """Read, verify and append; each within its time."""
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        verification = Verification(route.keys, head.timestamp)
        late = answers.TOO_SLOW
        self._deadlines.set(task, loop, self._limits.body_timeout)
        try:
            problem = await body.read(verification, self._limits, self._large)
            if problem is not None or body.is_gone:
                return problem or answers.CLOSED
            index = verification.matches(head.signature)
            if index is None:
                return self._refuse(route, Refused.NO_KEY_MATCHES)
            late = answers.NO_COMMIT
            self._deadlines.set(task, loop, self._limits.append_timeout)
            await self._append(route, head, body, now_s)
        except asyncio.CancelledError:
            if not self._deadlines.has_passed(task):
                raise
            return late
        finally:
            self._deadlines.clear(task)
        route.count_key(index)
        route.observe_skew_s(now_s - head.timestamp_s)
        return answers.ACCEPTED

    async def _append(self, route: Route, head: Head, body: Body, now_s: float) -> None:
        assert self._spool is not None
        if body.spill is None:
            envelope = Envelope(route.name, now_s, head.kept, body.data)
        else:
            name, size_bytes = body.spill.name, body.size_bytes
            envelope = Envelope(route.name, now_s, head.kept, b"", name, size_bytes)
            # Also when no commit comes in time: the append may still be under way.
            body.is_kept = True
        try:
            await self._spool.append([envelope])
        except SpoolError:
            body.is_kept = False
            raise

    def _refuse(self, route: Route, why: Refused) -> Answer:
        route.count_refused(why)
        now_s = self._clock.monotonic_s()
        # One line a minute for each cause: whoever knows the address can cause them at will.
        if now_s >= self._quiet_until_s.get((route.name, why), 0.0):
            self._quiet_until_s[route.name, why] = now_s + _LOG_EVERY_S
            log.warning("signature_refused", route=route.name, why=why.value)
        return route.unsigned

    async def _answer(self, answer: Answer, body: Body, send: Send) -> None:
        """Send *answer*; if the body is not all here, let the sender finish before the end."""
        close = self._state in _CLOSES
        if body.is_complete or body.framing.length_bytes == 0:
            await send(answer.start(close=close))
            await send(answer.final)
            return
        length_bytes = body.framing.length_bytes
        will_end = length_bytes is not None and length_bytes - body.size_bytes <= SKIP_BYTES
        close = close or not will_end or body.framing.is_awaiting
        await send(answer.start(close=close))
        await send(answer.partial)
        is_waiting_for_go = body.framing.is_awaiting and not body.size_bytes
        is_at_end = is_waiting_for_go or await self._skip(body)
        # Not to complete the answer, which was sent whole, closes the connection.
        if is_at_end or close:
            await send(answers.END)

    async def _skip(self, body: Body) -> bool:
        task = asyncio.current_task()
        assert task is not None
        self._deadlines.set(task, asyncio.get_running_loop(), self._limits.body_timeout)
        try:
            return await body.skip(SKIP_BYTES)
        except asyncio.CancelledError:
            if not self._deadlines.has_passed(task):
                raise
            return False
        finally:
            self._deadlines.clear(task)

    def _enter(self, state: State) -> None:
        if self._state is state:
            return
        if self._state not in _BEFORE[state]:
            raise RuntimeError(f"ingress is {self._state.value}, it cannot become {state.value}")
        self._state = state


def describe(error: BaseException) -> dict[str, Any]:
    """Say what failed and where, without any value: values may be a person's data."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "where": where}
