"""``relay demo``: a local Adobe, the relay and signed traffic in one go."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import progress
from rich.console import Console

from relay.cli.options import Json, print_json, run
from relay.customerio.report import Progress
from relay.demo import Account, demo


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("demo")(show_demo)


def show_demo(
    events: Annotated[int, typer.Option("--events", min=1, help="At least so many.")] = 2_000,
    json: Json = False,
) -> None:
    """Run everything on this machine and close with an account that adds up."""
    console = Console(stderr=json)
    columns = (
        progress.TextColumn("acknowledged"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("events", total=events)

        def on_progress(now: Progress) -> None:
            bar.update(task, completed=now.acked)

        account = run(lambda: demo(events, tell=console.print, on_progress=on_progress))
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
                typer.echo(f"{count:>14,}  {reason}")
    typer.echo(f"{value['pending']:>10,}  pending")
    typer.echo(
        f"acknowledged in {value['ack_p50_ms']} ms (p50), {value['ack_p99_ms']} ms (p99); "
        f"{value['events_per_s']} events/s from the first post to the last outcome"
    )
    typer.echo(
        f"Adobe received {value['received_by_adobe']:,} events, {value['received_twice']} twice"
    )
    typer.echo("the account adds up" if value["adds_up"] else "the account does NOT add up")
