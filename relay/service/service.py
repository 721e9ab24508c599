"""
The life of the process: bind, answer 503, open the spool, serve, drain, close.

::

    starting    both listeners answer; the public one 503, /readyz 503
    open        deliveries are taken; one forward a route sends them on
    lame duck   SIGTERM, SIGINT or `relay drain`: /readyz fails, deliveries are still taken,
                every answer says Connection: close
    draining    deliveries get 503 and close; forward sends what it holds, to a deadline
    closed      listeners, control socket, spool, in this order; the lock goes last

A second SIGTERM ends the waiting of the stage it meets. SIGHUP reads the configuration again; a
bad one is refused and the old one stays.
"""

from __future__ import annotations

import asyncio
import platform
import signal
from collections.abc import Callable, Coroutine, Mapping, MutableMapping
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import structlog
import uvloop

from relay.clock import Clock, SystemClock
from relay.config import Config
from relay.console.app import create_admin_app
from relay.console.status import Phase, Readiness, RouteStatus
from relay.control import ControlServer, Desk
from relay.customerio.allow_list import keep_addresses, wants_allow_list
from relay.errors import ConfigError, RelayError
from relay.ingress.endpoint import Ingress
from relay.metrics import Metrics
from relay.provision.exporter import export_runs, wants_export
from relay.server import Listener, bind, inherited_socket
from relay.service.gauges import Gauges
from relay.service.pulse import watch_loop_lag
from relay.service.routes import Routes
from relay.service.strays import quarantine_strays
from relay.spool.local import LocalSpool
from relay.spool.port import Pause, SpoolStats

_CLOSE_S = 3.0

log = structlog.get_logger("relay.service")


def serve(load: Callable[[], Config], environ: MutableMapping[str, str]) -> int:
    """
    Run the relay until it is told to stop; give the exit code.

    Raises:
        RelayError: it could not start.
    """
    return uvloop.run(Service(load, environ).run())


class Service:
    """One relay; `run` is its whole life, `stop` asks for its end."""

    def __init__(
        self,
        load: Callable[[], Config],
        environ: MutableMapping[str, str],
        *,
        clock: Clock | None = None,
    ) -> None:
        self._load = load
        self._environ = environ
        self._clock = clock or SystemClock()
        self._config = load()
        self._metrics = Metrics()
        self._ingress = Ingress(self._config, None, self._metrics, self._clock)
        # Set as the stages go by, by `run` and what it calls.
        self._phase = Phase.STARTING
        self._spool: LocalSpool | None = None
        self._routes: Routes | None = None
        self._public: Listener | None = None
        self._admin: Listener | None = None
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reloading = asyncio.Lock()

    def stop(self) -> None:
        """Begin the end; the second call ends the waiting."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def run(self) -> int:
        """Live; give the exit code."""
        async with AsyncExitStack() as stack:
            await self._listen(stack)
            self._take_signals(stack)
            await self._open(stack)
            self._phase = Phase.READY
            log.info("relay_ready", **self._addresses(), routes=sorted(self._config.routes))
            await self._stop.wait()
            await self._wind_down()
        log.info("relay_stopped")
        return 0

    async def _listen(self, stack: AsyncExitStack) -> None:
        """Answer before anything else is tried, so that a slow start refuses nobody."""
        server = self._config.server
        inherited = inherited_socket(self._environ)
        sock = inherited or bind(server.listen)
        admin_sock = bind(server.admin_listen)
        app = create_admin_app(self, self._metrics, server)
        self._admin = Listener("admin", app, admin_sock, server)
        self._public = Listener(
            "public",
            self._ingress,
            sock,
            server,
            is_inherited=inherited is not None,
            count_refused=self._count_refused,
        )
        self._public.start()
        # First in, last out: a closed port refuses senders.
        stack.push_async_callback(self._public.close, _CLOSE_S)
        self._admin.start()
        stack.push_async_callback(self._admin.close, _CLOSE_S)
        self._metrics.build.labels(version("customerio-aep-relay"), platform.python_version()).set(
            1
        )

    async def _open(self, stack: AsyncExitStack) -> None:
        config = self._config
        client = await stack.enter_async_context(httpx.AsyncClient())
        spool = await LocalSpool.open(config.spool, metrics=self._metrics, clock=self._clock)
        stack.push_async_callback(spool.close)
        for sentence in spool.stats().damage:
            log.error("spool_damage", what=sentence)
        self._spool = spool
        self._routes = Routes(spool, client, self._metrics, self._clock)
        parts = self._routes.build(config)
        self._metrics.registry.register(
            Gauges(spool.stats, self._routes.stats, self._ingress.stats)
        )
        desk = Desk(spool, more={"drain": self._drain_verb, "status": self._status_verb})
        control = ControlServer(Path(config.spool.path), desk)
        await control.open()
        stack.push_async_callback(control.close)
        pulse = asyncio.create_task(watch_loop_lag(self._metrics))
        stack.callback(pulse.cancel)
        for stray in await spool.routes_waiting() - config.routes.keys():
            task = asyncio.create_task(quarantine_strays(spool, stray, self._metrics))
            stack.callback(task.cancel)
        if wants_export(config):
            for name in config.routes:
                watch = export_runs(config, name, self._metrics, desk=desk)
                stack.callback(asyncio.create_task(watch, name=f"monitor-{name}").cancel)
        if wants_allow_list(config):
            watch = keep_addresses(
                lambda: self._config.customerio,
                self._ingress.senders.replace,
                client=client,
                metrics=self._metrics,
                clock=self._clock,
            )
            stack.callback(asyncio.create_task(watch, name="sender-addresses").cancel)
        self._routes.take(parts)
        self._ingress.open(spool)

    async def _wind_down(self) -> None:
        assert self._public is not None
        assert self._spool is not None
        assert self._routes is not None
        server = self._config.server
        self._phase = Phase.DRAINING
        log.info("relay_stopping", pending=self._spool.stats().pending)
        self._ingress.lame_duck()
        await self._unless_hurried(self._public.lame_duck(server.lame_duck))
        self._ingress.drain()
        self._spool.stop_appending()
        await self._routes.finish(within_s=server.drain_timeout)
        log.info("relay_drained", pending=self._spool.stats().pending)

    async def _unless_hurried(self, stage: Coroutine[Any, Any, None]) -> None:
        """Wait for *stage*, or until somebody is in a hurry."""
        work = asyncio.create_task(stage)
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait((work, hurry), return_when=asyncio.FIRST_COMPLETED)
        for task in (work, hurry):
            task.cancel()
        await asyncio.gather(work, hurry, return_exceptions=True)

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
                stack.callback(loop.remove_signal_handler, number)

    def _on_hangup(self) -> None:
        task = asyncio.ensure_future(self.reload())
        task.add_done_callback(lambda done: done.exception())

    async def reload(self) -> bool:
        """Read the configuration again; say whether it was taken."""
        async with self._reloading:
            try:
                config = await asyncio.to_thread(self._load)
                _refuse_restarts(self._config, config)
                assert self._routes is not None
                parts = await asyncio.to_thread(self._routes.build, config)
                self._ingress.reload(config)
                assert self._public is not None
                self._public.reload(config.server)
                self._routes.take(parts)
            except RelayError as error:
                self._metrics.reloads.labels("refused").inc()
                log.error("reload_refused", problem=error.message, hint=error.hint)
                return False
            self._config = config
            self._metrics.reloads.labels("taken").inc()
            log.info("reloaded", routes=sorted(config.routes))
            return True

    def _count_refused(self, status: int) -> None:
        """Count what the guards refused before there was a route."""
        self._metrics.deliveries.labels("", str(status)).inc()

    def ready(self) -> Readiness:
        """Say for ``/readyz`` whether deliveries can be stored, and how every route is."""
        if self._spool is None or self._routes is None:
            return Readiness(self._phase)
        stats = self._spool.stats()
        is_failing = self._phase is Phase.READY and not stats.accepting
        return Readiness(
            Phase.FAILING if is_failing else self._phase,
            routes={name: _status(one.pause) for name, one in self._routes.stats().items()},
            spool=_numbers(stats),
            why=stats.refusing_because,
        )

    async def _drain_verb(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        state = "already_draining" if self._stop.is_set() else "draining"
        if not self._stop.is_set():
            self.stop()
        return {"state": state, "pending": self._spool.stats().pending if self._spool else 0}

    async def _status_verb(self, _arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the demo shows: the state, the addresses, the numbers, the routes."""
        routes = self._routes.stats() if self._routes else {}
        return {
            "state": self._phase.value,
            **self._addresses(),
            "spool": _numbers(self._spool.stats()) if self._spool else {},
            "routes": {name: asdict(stats) for name, stats in routes.items()},
        }

    def _addresses(self) -> dict[str, str]:
        assert self._public is not None
        assert self._admin is not None
        return {"listen": self._public.address, "admin_listen": self._admin.address}


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
