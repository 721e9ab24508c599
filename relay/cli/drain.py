"""``relay drain``: have a running relay stop taking events and send what it has."""

from __future__ import annotations

from pathlib import Path

import typer

from relay.cli.options import ConfigPath, Json, print_json, run, spool_config
from relay.control import ControlClient


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("drain")(drain)


def drain(config: ConfigPath = None, json: Json = False) -> None:
    """
    Begin the same shutdown as SIGTERM; what is not sent in time stays on disk.

    Already draining is success.
    """
    folder = Path(spool_config(config).spool.path)
    answer = run(lambda: ControlClient(folder).call("drain"))
    if json:
        print_json(answer)
    else:
        typer.echo(f"{answer['state']}: {answer['pending']} events pending")
