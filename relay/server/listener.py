"""
One listening socket, the connections it took, and their end.

Connections are accepted here and not by `asyncio.Server`, for three things that it cannot do: to
stop while there are too many (the next ones wait in the kernel's queue instead of being refused,
until one ends or has been idle for a while), to leave the socket itself open for the process after
us, and to take the whole queue once more before the socket is closed, since the kernel resets what
it still holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog
from uvicorn import Config as UvicornConfig
from uvicorn.server import ServerState

from relay.config import ServerConfig
from relay.server.guard import Guard
from relay.server.sockets import BACKLOG, address_of, hush

log = structlog.get_logger("relay.server")

App = Callable[..., Any]

# How often deadlines are looked at; they are seconds long.
_SWEEP_S = 0.25
# Taken in one go before others get their turn.
_ACCEPT_AT_ONCE = 64
# For connections that came while the others were leaving.
_LATECOMERS_S = 0.5
# For those that had begun to connect when the socket was hushed.
_HANDSHAKES_S = 0.1
# For an answer to leave, and a sender that is told to go to go.
_LAST_WORDS_S = 0.25
# Who waits for a place gets that of a connection that has been idle for so long. Otherwise a
# thousand strangers who ask once in two minutes would keep every sender away. One ends at first,
# then twice as many each time somebody still waits, up to so many: those that end may be senders.
_IDLE_S = 2.0
_SPARED_AT_ONCE = 64
# How long to wait when the process has no file descriptor left.
_ACCEPT_AGAIN_S = 0.5


class State(Enum):
    """
    What a listener does with new connections.

    made -> accepting <-> full; any of them -> stopped -> closed.
    """

    MADE = "made"
    ACCEPTING = "accepting"
    FULL = "full"
    STOPPED = "stopped"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ListenerStats:
    """One listener at one moment."""

    name: str
    address: str
    state: str
    connections: int
    max_connections: int
    requests_in_flight: int
    requests_total: int


class Listener:
    """
    Serves *app* on *sock*, which already listens.

    *is_inherited* says that another process holds the socket too and goes on with it after us;
    *is_for_life* that the process ends right after `close`, so that the port may end with it.
    *count_refused* hears the status of each request that was refused before it reached *app*.
    """

    def __init__(  # noqa: PLR0913 - what it serves, and what becomes of the socket
        self,
        name: str,
        app: App,
        sock: socket.socket,
        limits: ServerConfig,
        *,
        is_inherited: bool = False,
        is_for_life: bool = False,
        count_refused: Callable[[int], None] | None = None,
    ) -> None:
        self.name = name
        self.address = address_of(sock)
        self.limits = limits
        self.is_inherited = is_inherited
        self.is_for_life = is_for_life
        self._sock = sock
        self._count_refused = count_refused
        self._config = UvicornConfig(
            app,
            interface="asgi3",
            http="httptools",
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            workers=1,
        )
        # Owned by the loop that called `start`.
        self._loop: asyncio.AbstractEventLoop
        self._state = State.MADE
        self._server = ServerState()
        self._arriving: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._spared = 1
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Listener {self.name} {self.address} {self._state.value}>"

    def start(self) -> None:
        """Accept from now on, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._config.load()
        self._enter(State.ACCEPTING)
        self._sweep()

    def reload(self, limits: ServerConfig) -> None:
        """Use *limits* for what begins after this."""
        self.limits = limits
        self._make_room()

    async def lame_duck(self, seconds: float) -> None:
        """
        Let the senders leave for *seconds*; the application ends each connection it answers.

        Connections are accepted all the while, since nobody else does yet. With an inherited
        socket this ends early when the last one is gone: whoever comes later waits in its queue.
        """
        if not self.is_inherited:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until_empty()

    async def close(self, timeout_s: float) -> None:
        """
        Close what is idle, finish what is being answered, for at most *timeout_s*. Idempotent.

        A connection that has not sent its first request yet may still do so, within the time for
        headers. What is left after *timeout_s* is cut, and told; a request whose body is still on
        its way hears 503 before. A socket that is inherited or for
        life is accepted from until those who are here have left, so that nobody waits, or is
        refused, on their account; those who came meanwhile have at most `_LATECOMERS_S` more.
        """
        if self._state is State.CLOSED:
            return
        was_started = self._state is not State.MADE
        if was_started and (self.is_inherited or self.is_for_life):
            await self._finish(timeout_s)
            timeout_s = min(timeout_s, _LATECOMERS_S)
        is_hushed = self.is_for_life and not self.is_inherited and hush(self._sock)
        if is_hushed and was_started:
            await asyncio.sleep(_HANDSHAKES_S)
        self._enter(State.STOPPED)
        if was_started and not self.is_inherited:
            self._accept(at_once=BACKLOG)
        if self.is_inherited or is_hushed:
            # It stays open: for the process after us, or until the end of this one closes it.
            self._sock.detach()
        else:
            self._sock.close()
        self._state = State.CLOSED
        await self._finish(timeout_s)
        for guard in self._guards():
            guard.give_up()
        await self._finish(_LAST_WORDS_S)
        left = self._guards()
        for guard in left:
            guard.transport.abort()
        if left:
            log.warning("connections_cut", listener=self.name, connections=len(left))
        if self._timer is not None:
            self._timer.cancel()

    def stats(self) -> ListenerStats:
        """Describe this moment."""
        return ListenerStats(
            self.name,
            self.address,
            self._state.value,
            self._open(),
            self.limits.max_connections,
            sum(guard.is_busy for guard in self._guards()),
            self._server.total_requests,
        )

    def refused(self, status: int) -> None:
        """Count a request that never reached the application."""
        if self._count_refused is not None:
            self._count_refused(status)

    def lost(self) -> None:
        """Take the next connection, if one waits for room."""
        self._changed.set()
        self._make_room()

    def _make_room(self) -> None:
        if self._state is State.FULL and self._open() < self.limits.max_connections:
            self._enter(State.ACCEPTING)

    def _guards(self) -> list[Guard]:
        return [guard for guard in self._server.connections if isinstance(guard, Guard)]

    def _open(self) -> int:
        return len(self._server.connections) + len(self._arriving)

    def _enter(self, state: State) -> None:
        was, self._state = self._state, state
        if state is State.ACCEPTING:
            self._loop.add_reader(self._sock.fileno(), self._accept)
        elif was is State.ACCEPTING:
            self._loop.remove_reader(self._sock.fileno())

    def _accept(self, at_once: int = _ACCEPT_AT_ONCE) -> None:
        """Take what waits in the kernel's queue, as far as there is room."""
        for _ in range(at_once):
            if self._open() >= self.limits.max_connections and self._state is State.ACCEPTING:
                self._enter(State.FULL)
                return
            try:
                taken, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._wait_for_descriptors(error)
                return
            taken.setblocking(False)
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._welcome(taken))
            self._arriving.add(task)
            task.add_done_callback(self._arrived)

    def _wait_for_descriptors(self, error: OSError) -> None:
        log.error("accept_failed", listener=self.name, error=error.strerror)
        if self._state is State.ACCEPTING:
            self._enter(State.FULL)
            self._loop.call_later(_ACCEPT_AGAIN_S, self._make_room)

    async def _welcome(self, taken: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._guard, taken)
        except OSError:
            # It went away while it was being welcomed.
            taken.close()

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._arriving.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("accept_failed", listener=self.name, error=type(task.exception()).__name__)
        self.lost()

    def _guard(self) -> Guard:
        return Guard(self, self._config, self._server, self._loop)

    def _sweep(self) -> None:
        """End what is over its time; one timer for all connections."""
        now_s = self._loop.time()
        for guard in self._guards():
            if guard.deadline_s <= now_s or guard.unread_until_s <= now_s:
                guard.expire(now_s)
        if self._state is State.FULL and _is_readable(self._sock):
            self._spare_idle(now_s)
            self._spared = min(2 * self._spared, _SPARED_AT_ONCE)
        else:
            self._spared = 1
        self._timer = self._loop.call_later(_SWEEP_S, self._sweep)

    def _spare_idle(self, now_s: float) -> None:
        """End the connections that have been idle longest."""
        idle = sorted(self._guards(), key=lambda guard: guard.idle_since_s)
        for guard in idle[: self._spared]:
            if guard.idle_since_s + _IDLE_S <= now_s:
                guard.expire(now_s)

    async def _finish(self, timeout_s: float) -> None:
        """Let those who are here now leave, for at most *timeout_s*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                if self._arriving:
                    await asyncio.wait(set(self._arriving))
                here = self._guards()
                for guard in here:
                    guard.shutdown()
                while not self._server.connections.isdisjoint(here):
                    await self._next_change()

    async def _until_empty(self) -> None:
        while self._open():
            await self._next_change()

    async def _next_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _is_readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
