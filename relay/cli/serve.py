"""``relay serve``: the relay itself."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import typer

from relay.cli.options import ConfigPath
from relay.config import Config, load_config
from relay.service import serve


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("serve")(serve_relay)


def serve_relay(config: ConfigPath = None) -> None:
    """Take events from Customer.io, keep them, send them to Adobe; until SIGTERM."""

    def load() -> Config:
        return load_config(config, os.environ)

    code = serve(load, os.environ)
    # Everything is closed, the listening socket last. What the interpreter does at its end takes
    # long enough for a sender to find the port closed while this process is still there.
    for stream in (sys.stdout, sys.stderr):
        # Who read it may be gone.
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
