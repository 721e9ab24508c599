"""
What people do to a spool, beside the running relay or without one.

A `Desk` does the work on an open spool. While the relay holds the spool it answers for its own
desk on the socket ``control`` in the spool's folder; otherwise a command opens the spool itself
and asks a desk of its own. `open_desk` finds out which, so that a command does not care.

One request a connection, JSON both ways, ended by closing that direction::

    {"verb": "events", "route": "marketing", "limit": 20}
    {"result": {"events": [...]}}    or    {"error": "...", "hint": "..."}

A search may walk through the whole log. Until its answer is there blanks come before it, one every
few seconds: whoever waits for a minute in vain knows that nobody works on it.

The socket has mode 0600 in a folder of mode 0700: whoever may open it may read the spool anyway.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import orjson
import structlog

from relay.clock import Clock, SystemClock
from relay.config import Config
from relay.envelope import Envelope
from relay.errors import ControlError, RelayError, SpoolLocked
from relay.logs import describe
from relay.metrics import Metrics
from relay.spool.local import LocalSpool
from relay.spool.lock import is_locked
from relay.spool.port import Found, Query, Replayed, Spool
from relay.spool.query_json import arguments_of, found_of, query_of, value_of
from relay.spool.version import is_spool

_MAX_REQUEST_BYTES = 64 * 1024
_PART_BYTES = 256 * 1024
_TIMEOUT_S = 60.0
_SIGN_S = 5.0
_PATIENCE_S = 10.0
_LOOK_S = 0.05
_PAGE = 500
_VERSIONS = "are both of one version? If so, please report what its log says of it"
_PATHS = "relative paths start at the working directory; name the settings with --config"

Answer = dict[str, Any]
Verb = Callable[[Mapping[str, Any]], Awaitable[Answer]]

log = structlog.get_logger("relay.control")


class Caller(Protocol):
    """Somebody who answers the verbs: a `Desk` here, or a `ControlClient` for one elsewhere."""

    async def call(self, verb: str, **arguments: Any) -> Answer:
        """
        Carry out *verb*.

        Raises:
            ControlError: the verb or an argument is unknown, or the other side does not answer.
        """
        ...


class Desk:
    """The verbs on one open spool; *more* are verbs that only a running relay has."""

    def __init__(self, spool: Spool, *, more: Mapping[str, Verb] | None = None) -> None:
        self._spool = spool
        self._verbs: dict[str, Verb] = {
            "events": self._events,
            "show": self._show,
            "replay": self._replay,
            "drop": self._drop,
            "trail": self._trail,
            "delivered_by_hour": self._delivered_by_hour,
            **(more or {}),
        }

    async def call(self, verb: str, **arguments: Any) -> Answer:
        """Carry out *verb*; see `Caller.call`."""
        work = self._verbs.get(verb)
        if work is None:
            raise ControlError(
                f"the relay has no verb {verb!r}", hint=f"it knows {', '.join(self._verbs)}"
            )
        return await work(arguments)

    async def _events(self, arguments: Mapping[str, Any]) -> Answer:
        found = await self._spool.find(query_of(arguments))
        return {"events": [value_of(one) for one in found]}

    async def _show(self, arguments: Mapping[str, Any]) -> Answer:
        """``{"event": {...}, "headers": [[name, value]], "body": "<base64>" or null}``."""
        found = await self._spool.find(query_of(arguments))
        if not found:
            raise ControlError("there is no such event", hint="relay events ls shows what is kept")
        one = found[0]
        envelope = await self._spool.body(one.position)
        body = None if envelope is None else await self._bytes(envelope)
        return {
            "event": value_of(one),
            "matches": len(found),
            "headers": [] if envelope is None else [list(pair) for pair in envelope.headers],
            "body": None if body is None else b64encode(body).decode(),
        }

    async def _bytes(self, envelope: Envelope) -> bytes | None:
        if not envelope.spill:
            return envelope.body
        return await self._spool.spilled(envelope)

    async def _replay(self, arguments: Mapping[str, Any]) -> Answer:
        dry_run, who, rest = _doer(arguments)
        return asdict(await self._spool.replay(query_of(rest), who=who, dry_run=dry_run))

    async def _drop(self, arguments: Mapping[str, Any]) -> Answer:
        dry_run, who, rest = _doer(arguments)
        return asdict(await self._spool.drop(query_of(rest), who=who, dry_run=dry_run))

    async def _trail(self, arguments: Mapping[str, Any]) -> Answer:
        """``{"trail": [{"at_s", "who", "what", "entries", "positions"}]}``, newest first."""
        limit = arguments.get("limit", 100)
        if type(limit) is not int or limit < 1:
            raise ControlError("limit: expected a whole number from 1 on")
        return {"trail": [asdict(deed) for deed in await self._spool.trail(limit=limit)]}

    async def _delivered_by_hour(self, arguments: Mapping[str, Any]) -> Answer:
        """``{"hours": {"1700000000": 12}}``: seconds UTC of the hour's start, count delivered."""
        hours = await self._spool.delivered_by_hour(str(arguments.get("route", "")))
        return {"hours": {str(start_s): count for start_s, count in hours.items()}}


def _doer(arguments: Mapping[str, Any]) -> tuple[bool, str, dict[str, Any]]:
    """Split who does it, and whether in earnest, from what the query is."""
    rest = dict(arguments)
    return bool(rest.pop("dry_run", False)), str(rest.pop("who", "")) or "unknown", rest


async def each_page(caller: Caller, query: Query) -> AsyncIterator[list[Found]]:
    """Go through everything that matches *query*, at most its *limit*, page by page."""
    left = query.limit
    page = replace(query, limit=min(left, _PAGE))
    while left > 0:
        answer = await caller.call("events", **arguments_of(page))
        found = [found_of(value) for value in answer["events"]]
        if found:
            yield found
        if len(found) < page.limit:
            return
        left -= len(found)
        page = replace(page, after=found[-1].position, limit=min(left, _PAGE))


async def named(caller: Caller, query: Query) -> list[Found]:
    """
    Look up what *query* names by position or event id, whatever else it asks; else nothing.

    Raises:
        ControlError: it names one, and there is none.
    """
    if query.position is None and not query.event_id:
        return []
    wide = Query(event_id=query.event_id, position=query.position)
    answer = await caller.call("events", **arguments_of(wide))
    if not answer["events"]:
        name = "with this id" if query.event_id else f"at position {query.position}"
        raise ControlError(f"there is no event {name}", hint="relay events ls shows what is kept")
    return [found_of(value) for value in answer["events"]]


async def change_all(
    caller: Caller, verb: str, query: Query, *, per_s: float = 0.0, **arguments: Any
) -> Replayed:
    """
    Replay or drop everything that matches *query*, at most *per_s* a second (0: at once).

    Raises:
        ControlError: some of it was done, as it says, when the other side ended.
    """
    total, left = Replayed(), query.limit
    page = max(1, int(per_s)) if 0 < per_s < _PAGE else _PAGE
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    while left > 0:
        this = replace(query, after=max(query.after, total.last), limit=min(page, left))
        try:
            done = Replayed(**await caller.call(verb, **arguments_of(this), **arguments))
        except RelayError as error:
            if not total.last:
                raise
            raise _cut_short(verb, total, error) from None
        total = Replayed(
            total.done + done.done,
            total.already + done.already,
            total.gone + done.gone,
            (*total.positions, *done.positions),
            done.last or total.last,
        )
        looked_at = done.done + done.already + done.gone
        left -= looked_at
        if looked_at < this.limit:
            break
        if per_s and left > 0:
            await asyncio.sleep(max(0.0, started_s + total.done / per_s - loop.time()))
    return total


def _cut_short(verb: str, total: Replayed, error: RelayError) -> ControlError:
    """Say how far *verb* came before *error*."""
    return ControlError(
        f"the {verb} was cut short after {total.done} events, up to position {total.last}: "
        f"{error.message}",
        hint="what is done stays done; run the command again for the others",
    )


class ControlServer:
    """The running relay's end of the socket; `open` makes it, `close` removes it."""

    def __init__(self, folder: Path, desk: Caller) -> None:
        self._folder = folder
        self._desk = desk
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """
        Listen on the socket in the folder; the caller holds the spool's lock.

        Raises:
            ControlError: it cannot be made.
        """
        with socket.socket(socket.AF_UNIX) as draft, _short(self._folder) as place:
            try:
                with suppress(FileNotFoundError):
                    (place / "control").unlink()
                draft.bind(str(place / "control"))
                (place / "control").chmod(0o600)
            except OSError as error:
                raise ControlError(
                    f"no control socket in {self._folder}: {error.strerror}",
                    hint="the spool's folder must be on a file system that has sockets",
                ) from error
            self._server = await asyncio.start_unix_server(self._serve, sock=draft.dup())

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                (self._folder / "control").unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                raw = await reader.read(-1) if not reader.at_eof() else b""
            work = asyncio.create_task(self._answer(raw))
            try:
                while not (await asyncio.wait([work], timeout=_SIGN_S))[0]:
                    await _send(writer, b" ")
                await _send(writer, orjson.dumps(work.result()))
            finally:
                work.cancel()
        except (OSError, TimeoutError):
            log.warning("control_connection_lost")
        finally:
            writer.close()

    async def _answer(self, raw: bytes) -> Answer:
        try:
            if len(raw) > _MAX_REQUEST_BYTES:
                raise ControlError("the request is too long")
            request = orjson.loads(raw)
            verb = request.pop("verb")
            return {"result": await self._desk.call(verb, **request)}
        except RelayError as error:
            return {"error": error.message, "hint": error.hint}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            log.warning("control_request_failed", **describe(error))
            return {"error": "the relay does not understand the command", "hint": _VERSIONS}


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write *data*; raises TimeoutError when the other side does not take it."""
    async with asyncio.timeout(_TIMEOUT_S):
        writer.write(data)
        await writer.drain()


class ControlClient:
    """A command's end of the socket of the relay that holds the spool in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def call(self, verb: str, **arguments: Any) -> Answer:
        """Ask the running relay to carry out *verb*; see `Caller.call`."""
        try:
            raw = await self._exchange(orjson.dumps({"verb": verb, **arguments}))
        except (OSError, TimeoutError) as error:
            raise _unanswered(self._folder, error) from None
        try:
            answer: Answer = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise ControlError("the relay closed the control connection") from None
        if "error" in answer:
            raise ControlError(answer["error"], hint=answer["hint"])
        result: Answer = answer["result"]
        return result

    async def _exchange(self, request: bytes) -> bytes:
        with _short(self._folder) as place:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await asyncio.open_unix_connection(place / "control")
        try:
            await _send(writer, request)
            writer.write_eof()
            answer = bytearray()
            while True:
                async with asyncio.timeout(_TIMEOUT_S):
                    part = await reader.read(_PART_BYTES)
                if not part:
                    return bytes(answer)
                answer += part
        finally:
            writer.close()


def _unanswered(folder: Path, error: OSError | TimeoutError) -> ControlError:
    """Say why nobody answers for the spool in *folder*."""
    if not is_spool(folder):
        return ControlError(f"there is no spool at {folder}", hint=_PATHS)
    if not is_locked(folder):
        return ControlError(f"no relay is running on the spool {folder}", hint=_PATHS)
    return ControlError(
        f"the process that holds the spool {folder} does not answer"
        + (f": {error.strerror}" if error.strerror else ""),
        hint="it is starting, stopping, or a command that ends soon; try again",
    )


class _short:  # noqa: N801 - used like a function
    """The folder under a short name: a socket's address holds 107 bytes only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = -1

    def __enter__(self) -> Path:
        self._fd = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return Path(f"/proc/self/fd/{self._fd}")

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


@asynccontextmanager
async def open_desk(config: Config, clock: Clock | None = None) -> AsyncIterator[Caller]:
    """
    Give whoever can answer for the spool: the relay that holds it, else this process.

    Raises:
        ControlError: there is no spool, or another process holds it and does not answer.
        SpoolError: the spool cannot be opened.
    """
    folder = Path(config.spool.path)
    if not is_spool(folder):
        raise ControlError(f"there is no spool at {folder}", hint=_PATHS)
    clock = clock or SystemClock()
    until_s = time.monotonic() + _PATIENCE_S
    spool: LocalSpool | None = None
    while spool is None:
        try:
            spool = await LocalSpool.open(config.spool, metrics=Metrics(), clock=clock)
        except SpoolLocked:
            # Without a socket it is a relay that starts, or another command, which ends soon.
            if (folder / "control").exists() or time.monotonic() > until_s:
                yield ControlClient(folder)
                return
            await asyncio.sleep(_LOOK_S)
    try:
        # Left by a relay that was killed: whoever comes now must not take it for one that runs.
        (folder / "control").unlink(missing_ok=True)
        # What this opening mended, no later one will tell.
        for sentence in spool.stats().damage:
            log.error("spool_damage", what=sentence)
        yield Desk(spool)
    finally:
        await spool.close()
