"""
The command line: one module a noun, brought together here.

Exit codes: 0 done, 1 refused or failed, 2 usage. Errors that a person should read go to stderr as
what happened and what to do, never as a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated

import typer

from relay.config import LogConfig
from relay.errors import RelayError
from relay.logs import configure_logs

NOUNS = (
    "serve",
    "demo",
    "check",
    "map",
    "events",
    "quarantine",
    "audit",
    "drain",
    "provision",
    "monitor",
    "webhook",
    "emulate",
    "simulate",
)


def build(nouns: Sequence[str] = NOUNS) -> typer.Typer:
    """Make the command line with *nouns*; each is a module of this package with ``register``."""
    app = typer.Typer(
        name="relay",
        help="A durable webhook relay between Customer.io and Adobe Experience Platform.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for noun in nouns:
        import_module(f"relay.cli.{noun}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:
        # Stdout is for what was asked; a command on the spool has something to log too.
        configure_logs(LogConfig())
    # Only the module that is asked for is imported: a server needs no emulator in its memory.
    wanted = [noun for noun in NOUNS if given[:1] == [noun]]
    try:
        build(wanted or NOUNS)(args=given)
    except RelayError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("customerio-aep-relay"))
        raise typer.Exit


def _root(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """A durable webhook relay between Customer.io and Adobe Experience Platform."""
