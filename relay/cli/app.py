"""
The command line: one module a noun, brought together here.

Exit codes: 0 done, 1 refused or failed, 2 usage. Errors that a person should read go to stderr as
what happened and what to do, never as a traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from relay.config import LogConfig
from relay.errors import RelayError
from relay.logs import configure_logs

# What `relay --help` says of each, so that it need not import them all.
NOUNS = {
    "serve": "Take events from Customer.io, keep them, send them to Adobe; until SIGTERM.",
    "demo": "Tell the whole story on this machine and close with an account that adds up.",
    "check": (
        "Check settings, mapping sets, schemas and the disk; exit 1 with every problem found."
    ),
    "map": "Read one event, or one a line, from stdin; print record, warnings and violations.",
    "audit": "Compare accepted with the sum of outcomes and pending; exit 1 when they differ.",
    "drain": "Begin the same shutdown as SIGTERM; what is not sent in time stays on disk.",
    "monitor": (
        "Show flow runs beside our own counts, and the records that Adobe refused after all."
    ),
    "emulate": "Serve a local Adobe with every path as Adobe spells it; until SIGTERM or Ctrl-C.",
    "simulate": "Post signed events until each is acknowledged; exit 1 when one never was.",
    "events": "Look events up, and send them again.",
    "quarantine": "List, show, replay or drop what could not be delivered.",
    "provision": "Make, watch and remove the set-up at Adobe.",
    "webhook": "Register the reporting webhook in Customer.io, and switch it.",
}


class _Sentence(TyperCommand):
    """A noun that is not imported yet: what the help and a mistyped name need of it."""


class _Nouns(TyperGroup):
    """All the nouns, each imported when it is run: a server needs no emulator in its memory."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        imported = self.commands
        self.commands = {
            noun: imported.get(noun) or _Sentence(noun, help=sentence)
            for noun, sentence in NOUNS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find what is to be run, and import it."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and isinstance(command, _Sentence):
            command = cast("_Nouns", typer.main.get_command(build([name]))).commands[name]
        return name, command, rest


def build(nouns: Iterable[str] = NOUNS) -> typer.Typer:
    """
    Make the command line with *nouns* imported, the others when they are asked for.

    Each is a module of this package with ``register``.
    """
    app = typer.Typer(
        name="relay",
        cls=_Nouns,
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
    try:
        build(())(args=given)
    except RelayError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except OSError as error:
        # What is read and written by name has a sentence of its own; left is where stdout leads.
        place = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"error: {place}{error.strerror or 'cannot be read or written'}\n")
        _forget_output()
        sys.exit(1)


def _forget_output() -> None:
    """Lead stdout to nowhere, or the interpreter tries again at its end, and ends with 120."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


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
