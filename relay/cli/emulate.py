"""``relay emulate``: a local Adobe, to try the relay on and to test against."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from relay.config import read_secret
from relay.config.table import parse_duration_s
from relay.emulator import EmulatorSettings, create_app
from relay.emulator.sender import SenderSettings
from relay.emulator.server import serving
from relay.server import bind


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("emulate")(emulate)


def emulate(
    listen: Annotated[str, typer.Option("--listen", help="HOST:PORT.")] = "127.0.0.1:8090",
    state: Annotated[
        Path | None, typer.Option("--state", help="Keep what was set up in this file.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict/--no-strict", help="Refuse what Adobe's documents refuse.")
    ] = True,
    client_id: Annotated[
        str, typer.Option("--client-id", help="The only client that gets a token.")
    ] = "",
    client_secret: Annotated[
        str,
        typer.Option("--client-secret", help="Its secret, or env:NAME or file:PATH to read it."),
    ] = "",
    speed: Annotated[
        float, typer.Option("--speed", min=0.001, help="Divides the delays of the control plane.")
    ] = 1.0,
    schema_delay: Annotated[
        str, typer.Option("--schema-delay", help="How late a changed schema is used, e.g. 15m.")
    ] = "0s",
    app_api_key: Annotated[
        str,
        typer.Option("--app-api-key", help="The only key of Customer.io's App API; as above."),
    ] = "",
    sender_speed: Annotated[
        float, typer.Option("--sender-speed", min=1.0, help="Divides Customer.io's retry hours.")
    ] = SenderSettings().speed,
) -> None:
    """Serve a local Adobe with every path as Adobe spells it; until SIGTERM or Ctrl-C."""
    settings = EmulatorSettings(
        strict=strict,
        client_id=client_id,
        client_secret=_secret("--client-secret", client_secret),
        state_file=state,
        speed=speed,
        schema_delay_s=_duration_s(schema_delay),
        app_api_key=_secret("--app-api-key", app_api_key),
        sender=SenderSettings(speed=sender_speed),
    )
    uvloop.run(_until_told(settings, listen))


def _secret(option: str, text: str) -> str:
    """Read a secret that is named; one that is given stays, for nothing here is one in earnest."""
    if text.startswith(("env:", "file:")):
        return read_secret(option, text, os.environ)
    return text


def _duration_s(text: str) -> float:
    try:
        return float(str(parse_duration_s(text)))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


async def _until_told(settings: EmulatorSettings, listen: str) -> None:
    """Serve until a signal; the one line printed says where."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    async with serving(create_app(settings), bind(listen)) as url:
        typer.echo(f"local Adobe on {url}  look inside: {url}/__emulator__/")
        await told.wait()
