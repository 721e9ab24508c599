"""``relay simulate``: signed, realistic traffic, as Customer.io would send it."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
import uvloop
from rich import progress
from rich.console import Console

from relay.cli.options import Json, print_json
from relay.config import read_secret
from relay.customerio.redelivery import TIMEOUT_S
from relay.customerio.report import Progress, Report
from relay.customerio.request import Target
from relay.customerio.simulator import Load, simulate


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("simulate")(send)


def send(
    url: Annotated[str, typer.Option("--url", help="Where to post, e.g. a relay's route.")],
    key: Annotated[str, typer.Option("--key", help="The signing key: env:NAME or file:PATH.")],
    rate: Annotated[
        float, typer.Option("--rate", min=0.0, help="Events a second; 0: as fast as answered.")
    ] = 0.0,
    events: Annotated[int, typer.Option("--events", min=1, help="How many in all.")] = 1_000,
    duplicates: Annotated[
        float, typer.Option("--duplicates", min=0.0, max=1.0, help="Share of repeats, e.g. 0.05.")
    ] = 0.0,
    invalid: Annotated[
        float, typer.Option("--invalid", min=0.0, max=1.0, help="Share that no mapping can use.")
    ] = 0.0,
    body_content: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the sent ones with Body Content.")
    ] = 0.02,
    connections: Annotated[
        int, typer.Option("--connections", min=1, max=1_000, help="Keep-alive connections.")
    ] = 16,
    serial: Annotated[
        bool,
        typer.Option("--serial/--concurrent", help="One call at a time, in order."),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="The same seed, the same events.")] = 1,
    speed: Annotated[
        float,
        typer.Option("--speed", min=1.0, help="Divides Customer.io's waits: an hour is 1 s."),
    ] = 3_600.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.001, help="Seconds for one call.")
    ] = TIMEOUT_S,
    give_up: Annotated[
        float,
        typer.Option("--give-up", min=0.001, help="End after so many seconds without a 2xx."),
    ] = 60.0,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Post to another machine than this one.")
    ] = False,
    json: Json = False,
) -> None:
    """Post signed events until each is acknowledged; exit 1 when one never was."""
    _refuse_strangers(url, allow_remote=allow_remote)
    try:
        load = Load(
            events=events,
            rate=rate,
            duplicates=duplicates,
            invalid=invalid,
            content_share=body_content,
            connections=connections,
            serial=serial,
            seed=seed,
            timeout_s=timeout,
            speed=speed,
            give_up_s=give_up,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    report = _run(url, read_secret("--key", key, os.environ), load)
    if json:
        print_json(as_json(report))
    else:
        _print(report)
    if not report.is_complete:
        raise typer.Exit(1)


def as_json(report: Report) -> dict[str, Any]:
    """Give *report* as it is printed: everything but the ids of the events."""
    value = asdict(report)
    del value["acked_ids"]
    return value


def _refuse_strangers(url: str, *, allow_remote: bool) -> None:
    try:
        target = Target.parse(url)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--url") from None
    if not target.is_loopback and not allow_remote:
        raise typer.BadParameter(
            f"{target.host} is not this machine: made-up events would reach somebody's profiles; "
            "if that is meant, add --allow-remote",
            param_hint="--url",
        )


def _run(url: str, key: str, load: Load) -> Report:
    columns = (
        progress.TextColumn("events"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[note]}"),
    )
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("events", total=load.events, note="")

        def show(now: Progress) -> None:
            note = f"{now.acked / now.elapsed_s:,.0f}/s  {now.retries:,} retries"
            bar.update(task, completed=now.acked, note=note)

        return uvloop.run(simulate(url, key, load, on_progress=show))


def _print(report: Report) -> None:
    """Print the account; what is nought of the unwanted is left out."""
    typer.echo(f"posts       {report.posts:>9,}")
    typer.echo(f"acked       {report.acked:>9,}  {report.acked_per_s:,.0f}/s")
    for name in ("dropped", "unsent", "repeats", "retries"):
        count = getattr(report, name)
        if count:
            typer.echo(f"{name:<12}{count:>9,}")
    for flaw, count in report.invalid.items():
        typer.echo(f"invalid     {count:>9,}  {flaw}")
    for status, count in report.statuses.items():
        typer.echo(f"answers     {count:>9,}  {status}")
    if report.acked:
        typer.echo(
            f"ack ms      p50 {report.ack_p50_ms:.2f}  p90 {report.ack_p90_ms:.2f}  "
            f"p99 {report.ack_p99_ms:.2f}  max {report.ack_max_ms:.2f}"
        )
    else:
        typer.echo("ack ms      none: nothing was acknowledged")
    if report.ended:
        typer.echo(f"ended early: {report.ended}")
