"""``relay monitor``: what Adobe made of what we delivered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from relay.config import Config, load_config
from relay.control import ControlClient
from relay.errors import ProvisionError, RelayError
from relay.provision.look import look
from relay.provision.monitor import (
    FailedRecord,
    Hour,
    Run,
    failed_records,
    read_runs,
    reconcile,
)
from relay.provision.session import Session, open_session

ConfigPath = Annotated[
    str | None, typer.Option("--config", envvar="RELAY_CONFIG", help="The settings file.")
]
_FOLLOW_S = 30.0


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("monitor")(monitor)


def monitor(
    config: ConfigPath = None,
    route: Annotated[str, typer.Option("--route", help="Which route.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show flow runs beside our own counts, and the records that Adobe refused after all."""
    has_failures = asyncio.run(_main(config, route, follow=follow, json=json))
    if has_failures:
        raise typer.Exit(1)


async def _main(config: str | None, route: str, *, follow: bool, json: bool) -> bool:
    loaded = load_config(config, os.environ)
    async with open_session(loaded, route) as session:
        while True:
            has_failures = await _once(session, loaded, json=json)
            if not follow:
                return has_failures
            await asyncio.sleep(_FOLLOW_S)


async def _once(session: Session, config: Config, *, json: bool) -> bool:
    current = await look(session.adobe, session.desired, session.memory.read())
    if current.flow is None:
        raise ProvisionError("there is no flow yet", hint="run `relay provision apply`")
    runs = await read_runs(session.adobe.flows, current.id_of("flow"))
    failed = await failed_records(session.adobe.catalog, session.access, current.id_of("dataset"))
    delivered, failed = await _from_our_side(config, session.desired.route, failed)
    hours = reconcile(runs, delivered) if delivered is not None else []
    if json:
        value = {
            "runs": [asdict(run) for run in runs],
            "hours": [asdict(hour) | {"missing": hour.missing} for hour in hours],
            "failed": [asdict(record) for record in failed],
        }
        typer.echo(orjson.dumps(value).decode())
    else:
        _print(runs, hours, failed)
    return bool(failed) or any(run.failed for run in runs) or any(hour.missing for hour in hours)


async def _from_our_side(
    config: Config, route: str, failed: list[FailedRecord]
) -> tuple[Mapping[int, int] | None, list[FailedRecord]]:
    """Ask the running relay for its counts and for the positions of the refused events."""
    client = ControlClient(Path(config.spool.path))
    try:
        counts = await client.call("delivered_by_hour", route=route)
        joined = []
        for record in failed:
            answer = await client.call("events", event_id=record.event_id, limit=1)
            found = answer["events"]
            position = int(found[0]["position"]) if found else 0
            joined.append(replace(record, position=position))
    except RelayError:
        return None, failed
    return {int(hour): int(count) for hour, count in counts["hours"].items()}, joined


def _print(runs: list[Run], hours: list[Hour], failed: list[FailedRecord]) -> None:
    console = Console()
    names = ("window", "received", "ingested", "failed", "warnings", "status", "duration")
    table = Table(*names, box=None)
    for run in runs:
        table.add_row(
            _time(run.started_s),
            str(run.received),
            str(run.ingested),
            str(run.failed),
            str(run.warnings),
            run.status,
            f"{run.duration_s:.0f} s",
        )
    console.print(table)
    for hour in hours:
        if hour.missing:
            console.print(
                f"! {_time(hour.start_s)}: delivered {hour.delivered}, Adobe received "
                f"{hour.received}: {hour.missing} went missing after Adobe's answer"
            )
    for record in failed:
        where = f"position {record.position}" if record.position else "not one of ours"
        console.print(f"✗ {record.event_id} ({where}) {record.path} {record.message}")


def _time(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d %H:%M")
