"""``relay demo``: a local Adobe and Customer.io, the relay and its whole set-up in one go."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich import progress
from rich.console import Console

from relay.cli.options import Json, print_json, run, shown_place
from relay.demo import Account, demo
from relay.errors import DemoFailed


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("demo")(show_demo)


def show_demo(
    events: Annotated[int, typer.Option("--events", min=1, help="At least so many.")] = 2_000,
    json: Json = False,
) -> None:
    """Tell the whole story on this machine and close with an account that adds up."""
    console = Console(stderr=json)
    columns = (
        progress.TextColumn("acknowledged"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("events", total=events)
        try:
            account = run(
                lambda: demo(
                    events,
                    tell=lambda line: console.print(line, highlight=False, soft_wrap=True),
                    on_progress=lambda acked: bar.update(task, completed=acked),
                )
            )
        except asyncio.CancelledError:
            raise DemoFailed("the demonstration was told to end") from None
    if json:
        print_json(account.as_json())
    else:
        _print(account)
    if not account.adds_up:
        raise typer.Exit(1)


def _print(account: Account) -> None:
    value = account.as_json()
    typer.echo(f"{value['accepted']:>10,}  accepted from Customer.io")
    for name in ("delivered", "duplicate", "quarantined", "filtered", "discarded", "lost"):
        typer.echo(f"{value[name]:>10,}  {name}")
        if name == "quarantined":
            for reason, count in sorted(value["quarantined_by_reason"].items()):
                typer.echo(f"{count:>14,}  {reason}{_why(account, reason)}")
    typer.echo(f"{value['pending']:>10,}  pending")
    typer.echo(
        f"acknowledged in {value['ack_p50_ms']} ms (p50), {value['ack_p99_ms']} ms (p99), one "
        f"call at a time; {value['events_per_s']} events/s from the first post to the last outcome"
    )
    typer.echo(
        f"Adobe's inlet received {value['received_by_adobe']:,} events, "
        f"{value['received_twice']} twice; its flow runs show {value['flow_runs_received']:,} "
        f"received, {value['flow_runs_ingested']:,} ingested, {value['flow_runs_failed']:,} failed"
    )
    typer.echo("the account adds up" if value["adds_up"] else "the account does NOT add up")


def _why(account: Account, reason: str) -> str:
    """One example of *reason*: which event, which field, what was wrong."""
    for found in account.examples:
        if found.reason == reason and found.detail:
            return f": position {found.position}, {shown_place(found.path, found.detail)}"
    return ""
