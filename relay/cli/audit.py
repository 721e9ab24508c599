"""``relay audit``: does every accepted event have exactly one end?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relay.audit import Audit, audit, audit_deep
from relay.cli.options import ConfigPath, Json, print_json, spool_config

Deep = Annotated[bool, typer.Option("--deep", help="Count again from every entry on disk.")]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("audit")(show_audit)


def show_audit(config: ConfigPath = None, deep: Deep = False, json: Json = False) -> None:
    """Compare accepted with the sum of outcomes and pending; exit 1 when they differ."""
    folder = Path(spool_config(config).spool.path)
    found = audit_deep(folder) if deep else audit(folder)
    if json:
        print_json(found.as_json())
    else:
        _print(found)
    if not found.adds_up:
        raise typer.Exit(1)


def _print(found: Audit) -> None:
    values = found.as_json()
    typer.echo(f"{values['accepted']:>12,}  accepted")
    for name in ("delivered", "duplicate", "quarantined", "filtered", "discarded", "lost"):
        typer.echo(f"{values[name]:>12,}  {name}")
    typer.echo(f"{values['pending']:>12,}  pending")
    for problem in found.problems:
        typer.echo(f"! {problem}")
    typer.echo("it adds up" if found.adds_up else "it does NOT add up")
