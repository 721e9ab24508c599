"""``relay check``: what would go wrong later, now."""

from __future__ import annotations

import os

import typer

from relay.check import Severity, check
from relay.cli.options import ConfigPath, Json, print_json
from relay.config import survey_config


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("check")(check_settings)


def check_settings(config: ConfigPath = None, json: Json = False) -> None:
    """Check settings, mapping sets, schemas and the disk; exit 1 with every problem found."""
    findings = check(survey_config(config, os.environ))
    refused = any(found.severity is Severity.ERROR for found in findings)
    if json:
        print_json({"ok": not refused, "findings": findings})
    else:
        for found in findings:
            typer.echo(f"{found.severity}: {found.where}: {found.message}")
        if not findings:
            typer.echo("nothing to mend")
    if refused:
        raise typer.Exit(1)
