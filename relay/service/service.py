"""
The life of the process: bind, answer 503, open the spool, serve, drain, close.

::

    starting    the public listener answers 503, then the admin listener's /readyz 503
    open        deliveries are taken; one forward a route sends them on
    lame duck   SIGTERM, SIGINT or `relay drain`: /readyz fails, deliveries are still taken,
                every answer says Connection: close
    draining    deliveries get 503 and close; forward sends what the spool has, to a deadline
    closed      control socket, spool and its lock, the admin listener, the public one last

A second SIGTERM ends the waiting of the stage it meets; an end that hangs is cut off before 30 s
(`relay.service.deadline`). SIGHUP reads the configuration again; a bad one is refused and the old
one stays. A signal that comes before the service can take it waits (`relay.__main__`).
"""

from __future__ import annotations

import asyncio
import gc
import os
import platform
import signal
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from relay.clock import Clock, SystemClock
from relay.config import Config
from relay.console.status import Phase, Readiness, RouteStatus
from relay.errors import ConfigError, RelayError
from relay.ingress.endpoint import Ingress
from relay.logs import configure_logs, describe
from relay.metrics import Metrics
from relay.server import Listener, bind, inherited_socket
from relay.service.deadline import Deadline
from relay.service.descriptors import ask_for_descriptors
from relay.service.succession import succeed
from relay.spool.port import Pause, SpoolStats

if TYPE_CHECKING:
    from relay.service.works import Works

# `relay.config.rules` leaves room for these below the 30 s that the end may take.
_CLOSE_S = 3.0
_CLOSE_ADMIN_S = 1.0
_LEAVE_S = 29.0

log = structlog.get_logger("relay.service")


def serve(load: Callable[[], Config], environ: MutableMapping[str, str]) -> int:
    """
    Run the relay until it is told to stop; give the exit code.

    Raises:
        RelayError: it could not start.
    """
    config = load()
    configure_logs(config.log)
    ask_for_descriptors(config)
    deadline = Deadline(_LEAVE_S, os._exit)
    # Few of the many objects made for an event live on, and none of them in a circle: looking for
    # circles every 700 objects cost up to a fifth of the processor's time while busy.
    gc.set_threshold(20_000, 20, 50)
    return uvloop.run(Service(config, load, environ, deadline=deadline).run())


class Service:
    """One relay; `run` is its whole life, `stop` asks for its end."""

    def __init__(
        self,
        config: Config,
        load: Callable[[], Config],
        environ: MutableMapping[str, str],
        *,
        deadline: Deadline,
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._load = load
        self._environ = environ
        self._deadline = deadline
        self._clock = clock or SystemClock()
        self._metrics = Metrics()
        self._ingress = Ingress(self._config, None, self._metrics, self._clock)
        # Set as the stages go by, by `run` and what it calls.
        self._phase = Phase.STARTING
        self._has_opened = False
        self._public: Listener | None = None
        self._admin: Listener | None = None
        self._works: Works | None = None
        self._opened = asyncio.Event()
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._hangups: set[asyncio.Task[bool]] = set()

    def stop(self) -> None:
        """Begin the end; the second call ends the waiting."""
        if self._stop.is_set():
            self._hurry.set()
        if not self._has_opened:
            # There is nothing to take deliveries into, and soon there is nobody.
            self._ingress.drain()
        self._phase = Phase.DRAINING
        self._stop.set()
        self._deadline.start()

    async def run(self) -> int:
        """Live; give the exit code."""
        async with AsyncExitStack() as stack:
            self._take_signals(stack)
            await self._listen(stack)
            if not self._stop.is_set():
                await self._open(stack)
                await self._stop.wait()
                await self._wind_down()
        log.info("relay_stopped")
        return 0

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Answer before anything else is tried, so that a slow start refuses nobody."""
        server = self._config.server
        inherited = inherited_socket(self._environ)
        self._public = Listener(
            "public",
            self._ingress,
            inherited or bind(server.listen),
            server,
            is_inherited=inherited is not None,
            is_for_life=True,
            count_refused=self._count_refused,
        )
        # First in, last out: a closed port refuses senders.
        stack.push_async_callback(self._public.close, _CLOSE_S)
        admin_sock = None if inherited else bind(server.admin_listen)
        # What is imported by now is what answers 503; the rest comes in beside it.
        loading = asyncio.create_task(asyncio.to_thread(_load_rest))
        if admin_sock is None:
            folder = Path(self._config.spool.path)
            admin_sock = await succeed(folder, server.admin_listen, self._stop)
        if admin_sock is None:
            # Told to stop meanwhile: the queue is the other process's.
            await loading
            return
        self._public.start()
        create_admin_app = await loading
        self._admin = Listener(
            "admin",
            create_admin_app(self, self._metrics, server),
            admin_sock,
            server,
        )
        self._admin.start()
        stack.push_async_callback(self._admin.close, _CLOSE_ADMIN_S)

    async def _open(self, stack: AsyncExitStack) -> None:
        """Open what works behind the listeners, and take deliveries."""
        from relay.service.works import Front, open_works  # noqa: PLC0415 - see `_load_rest`

        self._metrics.build.labels(version("customerio-aep-relay"), platform.python_version()).set(
            1
        )
        front = Front(
            ingress=self._ingress,
            metrics=self._metrics,
            clock=self._clock,
            verbs={"drain": self._drain_verb, "status": self._status_verb},
        )
        self._works = await open_works(stack, front, self._config)
        self._opened.set()
        if not self._stop.is_set():
            self._ingress.open(self._works.spool)
            self._has_opened = True
            self._phase = Phase.READY
            log.info("relay_ready", **self._addresses(), routes=sorted(self._config.routes))

    async def _wind_down(self) -> None:
        assert self._public is not None
        assert self._works is not None
        server, spool, routes = self._config.server, self._works.spool, self._works.routes
        log.info("relay_stopping", pending=spool.stats().pending)
        if self._has_opened:
            self._ingress.lame_duck()
            await self._unless_hurried(self._public.lame_duck(server.lame_duck))
            self._ingress.drain()
        spool.stop_appending()
        # Half of the time for what is still to be read, so that the other half ends what is sent.
        half_s = server.drain_timeout / 2
        ends_s = self._clock.monotonic_s() + server.drain_timeout
        await self._unless_hurried(routes.drain(within_s=half_s))
        left_s = max(half_s, ends_s - self._clock.monotonic_s())
        await self._unless_hurried(routes.finish(within_s=left_s))
        await routes.close()
        log.info("relay_drained", pending=spool.stats().pending)

    async def _unless_hurried(self, stage: Coroutine[Any, Any, None]) -> None:
        """Wait for *stage*, or until somebody is in a hurry."""
        work = asyncio.create_task(stage)
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((work, hurry), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, hurry):
            task.cancel()
        for end in await asyncio.gather(work, hurry, return_exceptions=True):
            if isinstance(end, Exception):
                log.error("stop_disturbed", **describe(end))

    def _take_signals(self, stack: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        for number, work in (
            (signal.SIGTERM, self.stop),
            (signal.SIGINT, self.stop),
            (signal.SIGHUP, self._on_hangup),
        ):
            # Not in the main thread (tests): whoever runs the service there calls `stop`.
            with suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, work)
                # One that came before now is taken now.
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
                # What comes so late that all is closed already changes nothing any more.
                stack.callback(signal.signal, number, signal.SIG_IGN)
                stack.callback(loop.remove_signal_handler, number)

    def _on_hangup(self) -> None:
        task = asyncio.ensure_future(self.reload())
        self._hangups.add(task)
        task.add_done_callback(self._hangups.discard)

    async def reload(self) -> bool:
        """Read the configuration again, once all is open; say whether it was taken."""
        await self._opened.wait()
        async with self._reloading:
            try:
                config = await asyncio.to_thread(self._load)
                await self._use(config)
            except RelayError as error:
                problem = {"problem": error.message, "hint": error.hint}
            except Exception as error:  # noqa: BLE001 - whatever is in that file, the old one stays
                problem = {**describe(error), "hint": "relay check says more"}
            else:
                self._metrics.reloads.labels("taken").inc()
                log.info("reloaded", routes=sorted(config.routes))
                return True
            self._metrics.reloads.labels("refused").inc()
            log.error("reload_refused", **problem)
            return False

    async def _use(self, config: Config) -> None:
        """
        Put *config* into use; all of it or nothing.

        Raises:
            ConfigError: it needs a restart, the relay is stopping, or a mapping set or a schema
                cannot be used.
        """
        assert self._public is not None
        assert self._admin is not None
        assert self._works is not None
        _refuse_restarts(self._config, config)
        parts = await asyncio.to_thread(self._works.routes.build, config)
        if self._stop.is_set():
            raise ConfigError("the relay is stopping", hint="the next start reads the settings")
        self._ingress.reload(config)
        if config.log != self._config.log:
            configure_logs(config.log)
        self._config = config
        ask_for_descriptors(config)
        for listener in (self._public, self._admin):
            listener.reload(config.server)
        # First those who read for a route that nobody named, then the route's own.
        await self._works.beside.take(config)
        self._works.routes.take(parts)

    def _count_refused(self, status: int) -> None:
        """Count what the guards refused before there was a route."""
        self._metrics.deliveries.labels("", str(status)).inc()

    def ready(self) -> Readiness:
        """Say for ``/readyz`` whether deliveries can be stored, and how every route is."""
        if self._works is None:
            return Readiness(self._phase)
        stats, routes = self._works.spool.stats(), self._works.routes.stats()
        is_failing = self._phase is Phase.READY and not stats.accepting
        return Readiness(
            Phase.FAILING if is_failing else self._phase,
            routes={name: _status(one.pause) for name, one in routes.items()},
            spool=_numbers(stats),
            why=stats.refusing_because,
        )

    async def _drain_verb(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        state = "already_draining" if self._stop.is_set() else "draining"
        if not self._stop.is_set():
            self.stop()
        return {"state": state, "pending": self._works.spool.stats().pending if self._works else 0}

    async def _status_verb(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the demo shows: the state, the addresses, the numbers, the routes."""
        works = self._works
        return {
            "state": self._phase.value,
            **self._addresses(),
            "spool": _numbers(works.spool.stats()) if works else {},
            "routes": {name: asdict(one) for name, one in works.routes.stats().items()}
            if works
            else {},
        }

    def _addresses(self) -> dict[str, str]:
        assert self._public is not None
        assert self._admin is not None
        return {"listen": self._public.address, "admin_listen": self._admin.address}


def _load_rest() -> Callable[..., Any]:
    """Import what is not needed to answer 503; that takes longer than all before it."""
    from relay.console.app import create_admin_app  # noqa: PLC0415 - see above
    from relay.service import works  # noqa: F401, PLC0415 - see above

    return create_admin_app


def _status(pause: Pause | None) -> RouteStatus:
    if pause is None:
        return RouteStatus()
    reason = f"{pause.reason}: {pause.detail}" if pause.detail else pause.reason
    return RouteStatus(paused=True, since_s=pause.since_s, reason=reason, hint=pause.hint)


def _numbers(stats: SpoolStats) -> dict[str, Any]:
    return {
        "accepted": stats.accepted,
        "pending": stats.pending,
        **{outcome.value: count for outcome, count in stats.outcomes.items()},
        "used_bytes": stats.used_bytes,
        "max_bytes": stats.max_bytes,
        "free_disk_bytes": stats.free_disk_bytes,
        "oldest_pending_s": stats.oldest_pending_s,
        "damage": list(stats.damage),
    }


def _refuse_restarts(old: Config, new: Config) -> None:
    """
    Refuse what only a restart can change.

    Raises:
        ConfigError: naming each such setting.
    """
    problems = [
        f"server.{key} changed"
        for key in ("listen", "admin_listen", "admin_token")
        if getattr(old.server, key) != getattr(new.server, key)
    ]
    if old.spool != new.spool:
        problems.append("[spool] changed")
    if problems:
        raise ConfigError(
            "this change needs a restart: " + ", ".join(problems), problems=tuple(problems)
        )
