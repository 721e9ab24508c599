"""``relay audit``: does every accepted event have exactly one end, and what did people do?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from relay.audit import Audit, audit, audit_deep
from relay.cli.columns import print_columns
from relay.cli.options import (
    ConfigPath,
    Json,
    print_json,
    printable,
    run,
    shown_time,
    spool_config,
)
from relay.config import Config
from relay.control import open_desk
from relay.spool.port import Deed

_LIMIT = 100

Deep = Annotated[bool, typer.Option("--deep", help="Count again from every entry on disk.")]
Past = Annotated[
    bool, typer.Option("--trail", help="List what people replayed and dropped instead.")
]
Newest = Annotated[
    int | None,
    typer.Option("--limit", min=1, help=f"Of the trail the newest so many; else {_LIMIT}."),
]


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("audit")(show_audit)


def show_audit(
    config: ConfigPath = None,
    deep: Deep = False,
    trail: Past = False,
    limit: Newest = None,
    json: Json = False,
) -> None:
    """Compare accepted with the sum of outcomes and pending; exit 1 when they differ."""
    if trail and deep:
        raise typer.BadParameter("expected one of --trail and --deep")
    if limit is not None and not trail:
        raise typer.BadParameter("--limit is for --trail")
    loaded = spool_config(config)
    if trail:
        _show_trail(loaded, limit or _LIMIT, json=json)
        return
    folder = Path(loaded.spool.path)
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


def _show_trail(config: Config, limit: int, *, json: bool) -> None:
    """Print the newest *limit* deeds; that there are more, a person reads on stderr."""

    async def main() -> list[Deed]:
        async with open_desk(config) as desk:
            answer = await desk.call("trail", limit=limit + 1)
            return [Deed(**value) for value in answer["trail"]]

    deeds = run(main)
    more = len(deeds) > limit
    del deeds[limit:]
    if json:
        print_json({"trail": deeds, "more": more})
        return
    names = ("when", "who", "what", "events", "positions")
    print_columns(names, [_cells(deed) for deed in deeds])
    if more:
        typer.echo(f"there are more than {limit}: raise --limit", err=True)


def _cells(deed: Deed) -> tuple[str, str, str, str, str]:
    return shown_time(deed.at_s), printable(deed.who), deed.what, str(deed.entries), deed.positions
