"""Options that several nouns share, and how all of them print."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
import typer

from relay.config import Config, load_config
from relay.outcome import Outcome, Reason
from relay.spool.port import Query

T = TypeVar("T")

ConfigPath = Annotated[
    str | None, typer.Option("--config", envvar="RELAY_CONFIG", help="The settings file.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, change nothing.")]
Route = Annotated[str, typer.Option("--route", help="Only this route.")]
Event = Annotated[str, typer.Option("--event-id", help="Only this event id.")]
Position = Annotated[int | None, typer.Option("--position", min=1, help="Only this position.")]
Why = Annotated[Reason | None, typer.Option("--reason", help="Only this reason.")]
Since = Annotated[
    str, typer.Option("--since", help="Received from then on; RFC 3339 or an age such as 2h.")
]
Until = Annotated[
    str, typer.Option("--until", help="Received before then; RFC 3339 or an age such as 2h.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
Most = Annotated[
    int | None, typer.Option("--limit", min=1, help="At most so many; all if not given.")
]
Rate = Annotated[float, typer.Option("--rate", min=0.0, help="At most so many a second; 0: any.")]

EVERYTHING = 1 << 62
_AGES = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def spool_config(config: str | None) -> Config:
    """
    Read what a command on the spool needs; secrets and routes may be missing.

    Raises:
        ConfigError: the settings cannot be used.
    """
    return load_config(config, os.environ, needs=("spool",))


def query(
    *,
    route: str = "",
    outcome: Outcome | None = None,
    pending: bool = False,
    reason: Reason | None = None,
    event_id: str = "",
    position: int | None = None,
    since: str = "",
    until: str = "",
    limit: int | None = 100,
    now_s: float = 0.0,
) -> Query:
    """
    Make a query of what was given on the command line; *limit* ``None``: all that match.

    Raises:
        typer.BadParameter: a time or a text cannot be read.
    """
    for name, text in (("--route", route), ("--event-id", event_id)):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise typer.BadParameter(f"{name}: expected UTF-8") from None
    if position is not None and position > EVERYTHING:
        raise typer.BadParameter("--position: no event has a number of so many digits")
    return Query(
        route=route,
        outcome=outcome,
        pending=pending,
        reason=reason,
        event_id=event_id,
        position=position,
        since_s=_time_s(since, now_s),
        until_s=_time_s(until, now_s),
        limit=EVERYTHING if limit is None else limit,
    )


def _time_s(text: str, now_s: float) -> float | None:
    if not text:
        return None
    if text[-1:] in _AGES and text[:-1].replace(".", "", 1).isdecimal():
        return now_s - float(text[:-1]) * _AGES[text[-1]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"expected a time such as 2026-01-31T12:00:00Z or an age such as 2h, got {text!r}"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def progress(text: str) -> None:
    """Tell who waits at the terminal; stdout is for what was asked."""
    typer.echo(text, err=True)


def shown_time(wall_s: float | None) -> str:
    """Write *wall_s* for a person: RFC 3339 to the second, in UTC."""
    if wall_s is None:
        return ""
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def printable(text: str) -> str:
    """Write *text* from outside on one line: a break must not look like a row of its own."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def shown_place(path: str, detail: str) -> str:
    """Write where something is wrong, and what; many a detail names the place itself."""
    if not path or detail.startswith(f"{path}: "):
        return detail
    return f"{path}: {detail}" if detail else path


def person() -> str:
    """Name who runs the command, for the audit trail; in a container perhaps only by number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def print_json(value: object) -> None:
    """Print one JSON object on stdout."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode())


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run *main* in an event loop of its own."""
    return asyncio.run(main())
