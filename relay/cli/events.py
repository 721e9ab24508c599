"""``relay events``: what became of each event."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relay.cli.columns import print_columns
from relay.cli.options import (
    ConfigPath,
    DryRun,
    Event,
    Json,
    Limit,
    Most,
    Position,
    Rate,
    Route,
    Since,
    Until,
    Why,
    person,
    print_json,
    printable,
    query,
    run,
    shown_place,
    shown_time,
    spool_config,
)
from relay.control import change_all, each_page, named, open_desk
from relay.errors import ControlError
from relay.outcome import Outcome
from relay.spool.port import Found, Query, Replayed
from relay.spool.query_json import arguments_of

Ended = Annotated[Outcome | None, typer.Option("--outcome", help="Only this outcome.")]
Waiting = Annotated[bool, typer.Option("--pending", help="Only those without an outcome.")]
Body = Annotated[bool, typer.Option("--body", help="Print the raw body only, as it came.")]

events = typer.Typer(help="Look events up, and send them again.", no_args_is_help=True)

_ENDS = {"replay": ("pending again", None), "drop": ("discarded", Outcome.DISCARDED)}
_COLUMNS = (
    "position",
    "received",
    "route",
    "bytes",
    "outcome",
    "reason",
    "event id",
    "where",
)


def register(app: typer.Typer) -> None:
    """Add the noun to the command line."""
    app.add_typer(events, name="events")


@events.command("ls")
def list_events(
    config: ConfigPath = None,
    route: Route = "",
    outcome: Ended = None,
    pending: Waiting = False,
    reason: Why = None,
    event_id: Event = "",
    position: Position = None,
    since: Since = "",
    until: Until = "",
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List events in the order of their reception."""
    wanted = query(
        route=route,
        outcome=outcome,
        pending=pending,
        reason=reason,
        event_id=event_id,
        position=position,
        since=since,
        until=until,
        limit=limit,
        now_s=time.time(),
    )
    show_list(config, wanted, json=json)


@events.command("show")
def show_event(
    config: ConfigPath = None,
    event_id: Event = "",
    position: Position = None,
    body: Body = False,
    json: Json = False,
) -> None:
    """Show one event: its end, why, its headers, and with --body its bytes."""
    if not event_id and position is None:
        raise typer.BadParameter("name the event with --event-id or --position")
    show_one(config, query(event_id=event_id, position=position), body=body, json=json)


@events.command("replay")
def replay_events(
    config: ConfigPath = None,
    route: Route = "",
    outcome: Ended = None,
    reason: Why = None,
    event_id: Event = "",
    position: Position = None,
    since: Since = "",
    until: Until = "",
    limit: Most = None,
    rate: Rate = 0.0,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """
    Send events again that have an outcome: same position and id, one attempt more.

    Those that were delivered, unless an id, a position, an outcome or a reason says which.
    """
    is_named = bool(event_id or position is not None or outcome or reason)
    if not (is_named or route or since or until or limit):
        raise typer.BadParameter(
            "name what to replay: --event-id, --position, --outcome, --reason, --route, --since, "
            "--until or --limit"
        )
    wanted = query(
        route=route,
        outcome=outcome if is_named else Outcome.DELIVERED,
        reason=reason,
        event_id=event_id,
        position=position,
        since=since,
        until=until,
        limit=limit,
        now_s=time.time(),
    )
    replay(config, wanted, rate=rate, dry_run=dry_run, json=json)


def show_list(config: str | None, wanted: Query, *, json: bool) -> None:
    """
    Print what matches *wanted*, a line each or as ``{"events": [...], "more": ...}``.

    That there is more than was asked for, a person reads on stderr.
    """
    loaded = spool_config(config)
    one_more = replace(wanted, limit=wanted.limit + 1)

    async def main() -> list[Found]:
        async with open_desk(loaded) as desk:
            return [one async for page in each_page(desk, one_more) for one in page]

    found = run(main)
    more = len(found) > wanted.limit
    del found[wanted.limit :]
    if json:
        print_json({"events": found, "more": more})
        return
    _print_table(found)
    if more:
        typer.echo(
            f"there are more than {wanted.limit}: raise --limit, or narrow the list", err=True
        )


def _print_table(found: Sequence[Found]) -> None:
    rows = map(_cells, found)
    console = Console()
    if not console.is_terminal:
        # A file or a pipe has no width, and may be given very many.
        print_columns(_COLUMNS, rows)
        return
    table = Table(box=None)
    for name in _COLUMNS:
        # Folded where the terminal is narrow: an id that is cut off helps nobody.
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _cells(one: Found) -> tuple[str, ...]:
    return (
        str(one.position),
        # Of a lost event nobody knows when it came.
        shown_time(one.received_at_s or None),
        one.route,
        str(one.size_bytes),
        f"{one.outcome or 'pending'}{f' #{one.attempt}' if one.attempt > 1 else ''}",
        str(one.reason or ""),
        printable(one.event_id),
        printable(shown_place(one.path, one.detail)),
    )


def show_one(config: str | None, wanted: Query, *, body: bool, json: bool) -> None:
    """Print the first event that matches *wanted* with everything that is kept of it."""
    loaded = spool_config(config)

    async def main() -> dict[str, Any]:
        async with open_desk(loaded) as desk:
            return await desk.call("show", **arguments_of(wanted))

    answer = run(main)
    raw = b64decode(answer["body"]) if answer["body"] is not None else None
    if body:
        if raw is None:
            raise ControlError("the bytes of this event are no longer kept")
        typer.get_binary_stream("stdout").write(raw)
        return
    if json:
        print_json(answer)
        return
    _print_event(answer, raw)


def _print_event(answer: Mapping[str, Any], raw: bytes | None) -> None:
    for name, value in answer["event"].items():
        if name.endswith("_at_s"):
            typer.echo(f"{name.removesuffix('_s'):>14}  {shown_time(value or None)}")
        elif value not in {None, ""}:
            typer.echo(f"{name:>14}  {printable(str(value))}")
    for name, value in answer["headers"]:
        typer.echo(f"{'header':>14}  {name}: {printable(value)}")
    kept = "no longer kept" if raw is None else f"{len(raw)} bytes; --body prints them"
    typer.echo(f"{'body':>14}  {kept}")


def replay(config: str | None, wanted: Query, *, rate: float, dry_run: bool, json: bool) -> None:
    """Replay what matches *wanted* and say how many."""
    change(config, wanted, "replay", rate=rate, dry_run=dry_run, json=json)


def change(
    config: str | None,
    wanted: Query,
    verb: str,
    *,
    rate: float,
    dry_run: bool,
    json: bool,
) -> None:
    """
    Carry out *verb* on what matches *wanted*, and print what it did.

    Raises:
        ControlError: *wanted* names an event by position or id, and there is none.
    """
    loaded = spool_config(config)

    async def main() -> tuple[Replayed, list[Found]]:
        async with open_desk(loaded) as desk:
            # Nothing is sent that could be too much for anybody.
            per_s = 0.0 if dry_run else rate
            done = await change_all(desk, verb, wanted, per_s=per_s, dry_run=dry_run, who=person())
            # What is named and does not match was done before, is elsewhere, or never came.
            return done, [] if done.last else await named(desk, wanted)

    done, others = run(main)
    what, end = _ENDS[verb]
    done = replace(done, already=done.already + sum(one.outcome is end for one in others))
    for one in others:
        if one.outcome is not end:
            typer.echo(f"position {one.position} is {one.outcome or 'pending'}", err=True)
    if json:
        print_json(done)
        return
    would = "would be " if dry_run else ""
    typer.echo(f"{done.done} {would}{what}, {done.already} already, {done.gone} no longer kept")
