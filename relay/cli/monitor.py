"""``relay monitor``: what Adobe made of what we delivered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer

from relay.cli.columns import print_columns
from relay.cli.options import ConfigPath, Json, print_json, progress
from relay.config import Config, load_config
from relay.config.table import parse_duration_s
from relay.control import Caller, open_desk
from relay.errors import (
    AdobeError,
    AuthError,
    ControlError,
    ProvisionError,
    RelayError,
    SpoolLocked,
)
from relay.provision.failures import FailedBatch, FailedRecord
from relay.provision.monitor import Monitor, Report
from relay.provision.reconcile import Hour
from relay.provision.runs import Run
from relay.provision.session import Session, open_session
from relay.spool.version import is_spool

_EVENT_CHARS = 400


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("monitor")(monitor)


def monitor(
    config: ConfigPath = None,
    route: Annotated[str, typer.Option("--route", help="Which route.")] = "",
    since: Annotated[str, typer.Option("--since", help="So far back, such as 24h.")] = "24h",
    limit: Annotated[int, typer.Option("--limit", help="At most so many refused records.")] = 100,
    save: Annotated[
        Path | None, typer.Option("--save", help="Keep the failed batches' files in this folder.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until interrupted.")] = False,
    every: Annotated[
        str, typer.Option("--every", help="Between two looks, with --follow.")
    ] = "30s",
    json: Json = False,
) -> None:
    """Show flow runs beside our own counts, and the records that Adobe refused after all."""
    back_s, pause_s = _duration_s(since), _duration_s(every)

    async def main() -> bool:
        loaded = load_config(config, os.environ, needs=("adobe", "spool"))
        async with open_session(loaded, route, progress) as session:
            while True:
                try:
                    report = await _look(session, loaded, back_s, limit=limit, save=save)
                except RelayError as error:
                    if not (follow and _passes(error)):
                        raise
                    progress(f"{error.message}; looking again in {every}")
                else:
                    if json:
                        print_json(as_json(report))
                    else:
                        show(report)
                    if not follow:
                        return report.has_failures
                await asyncio.sleep(pause_s)

    if asyncio.run(main()):
        raise typer.Exit(1)


def _passes(error: RelayError) -> bool:
    """Whether the next look may go well: an outage, or a relay that is being restarted."""
    if isinstance(error, AdobeError):
        return error.is_temporary
    if isinstance(error, AuthError):
        return not error.permanent
    return isinstance(error, ControlError | SpoolLocked)


async def _look(
    session: Session, config: Config, back_s: float, *, limit: int, save: Path | None
) -> Report:
    current = await session.look()
    # The spool is given back between two looks: without a relay it is held while it is open.
    async with _desk(config) as desk:
        watch = Monitor(session, current, desk)
        report = await watch.look(since_s=session.pace.clock.wall_s() - back_s, limit=limit)
    if save is not None:
        await _save(watch, report, save)
    return report


@asynccontextmanager
async def _desk(config: Config) -> AsyncIterator[Caller | None]:
    """Give whoever answers for the spool; ``None`` where there is no spool yet."""
    if not is_spool(Path(config.spool.path)):
        yield None
        return
    async with open_desk(config) as desk:
        yield desk


async def _save(watch: Monitor, report: Report, folder: Path) -> None:
    try:
        for batch in report.batches:
            if batch.unread:
                continue
            try:
                await _save_batch(watch, batch, folder)
            except AdobeError as error:
                if error.is_temporary:
                    raise
                # Beyond --limit nobody has looked yet whether Adobe gives them.
                progress(f"failed batch {batch.id} is not saved: {error.message}")
    except OSError as error:
        raise ProvisionError(
            f"{folder} cannot be written to: {error.strerror}", hint="name another with --save"
        ) from None


async def _save_batch(watch: Monitor, batch: FailedBatch, folder: Path) -> None:
    place = folder / Path(batch.id).name
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    async for name, lines in watch.files(batch):
        path = place / Path(name).name
        path.touch(mode=0o600)
        path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


def as_json(report: Report) -> dict[str, object]:
    """Give the report as one object; times are wall-clock seconds UTC."""
    return {
        "runs": [asdict(run) | {"duration_s": run.duration_s} for run in report.runs],
        "hours": [asdict(hour) | {"where": hour.where} for hour in report.hours],
        "batches": [asdict(batch) for batch in report.batches],
        "failed": [asdict(record) for record in report.failed],
        "is_reconciled": report.is_reconciled,
        "has_failures": report.has_failures,
    }


def show(report: Report) -> None:
    """Print the report for a person."""
    print_columns(
        ("window", "received", "ingested", "failed", "warnings", "status", "duration"),
        map(_run_cells, report.runs),
    )
    if not report.is_reconciled:
        typer.echo("there is no spool here to compare with: set spool.path, or run it beside one")
    for hour in report.hours:
        if hour.where:
            typer.echo(_lack(hour))
    for batch in report.batches:
        codes = ", ".join(batch.codes)
        typer.echo(f"✗ failed batch {batch.id}: {batch.failed} records {codes}".rstrip())
        if batch.unread:
            typer.echo(f"  its records cannot be read: {batch.unread}")
    for record in report.failed:
        _show_record(record)


def _run_cells(run: Run) -> tuple[str, ...]:
    return (
        _time(run.started_s),
        str(run.received),
        str(run.ingested),
        str(run.failed),
        str(run.warnings),
        run.status,
        f"{run.duration_s:.0f} s" if run.ended_s else "",
    )


def _lack(hour: Hour) -> str:
    at_inlet = "" if hour.at_inlet is None else f", counted at the inlet {hour.at_inlet}"
    return (
        f"! {_time(hour.start_s)}: delivered {hour.delivered}{at_inlet}, received by the flow "
        f"{hour.received}, ingested {hour.ingested}, failed {hour.failed}: "
        f"{hour.missing or hour.unaccounted} went missing {hour.where}"
    )


def _show_record(record: FailedRecord) -> None:
    where = f"position {record.position}" if record.position else "not in this spool"
    typer.echo(f"  {record.event_id or 'no event id'} ({where})")
    for fault in record.faults:
        text = " ".join(part for part in (fault.path, fault.message) if part)
        typer.echo(f"    {text}" + (f"  [{fault.row}]" if fault.row else ""))
    event = orjson.dumps(record.event).decode()
    typer.echo(f"    {event[:_EVENT_CHARS]}{'…' if len(event) > _EVENT_CHARS else ''}")


def _duration_s(text: str) -> float:
    try:
        duration_s = float(str(parse_duration_s(text)))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if duration_s <= 0:
        # Nothing lies in the future, and Adobe is not asked without a pause.
        raise typer.BadParameter(f"expected more than 0s, got {text!r}")
    return duration_s


def _time(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%d %H:%M")
