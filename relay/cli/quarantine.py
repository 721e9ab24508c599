"""``relay quarantine``: what cannot be delivered as it is."""

from __future__ import annotations

import time

import typer

from relay.cli.events import Body, change, replay, show_list, show_one
from relay.cli.options import (
    ConfigPath,
    DryRun,
    Event,
    Json,
    Limit,
    Most,
    Position,
    Rate,
    Route,
    Since,
    Until,
    Why,
    query,
)
from relay.outcome import Outcome

quarantine = typer.Typer(
    help="List, show, replay or drop what could not be delivered.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the noun to the command line."""
    app.add_typer(quarantine, name="quarantine")


@quarantine.command("ls")
def list_quarantined(
    config: ConfigPath = None,
    route: Route = "",
    reason: Why = None,
    event_id: Event = "",
    since: Since = "",
    until: Until = "",
    limit: Limit = 100,
    json: Json = False,
) -> None:
    """List what is in quarantine, with the reason and the field."""
    wanted = query(
        outcome=Outcome.QUARANTINED,
        route=route,
        reason=reason,
        event_id=event_id,
        since=since,
        until=until,
        limit=limit,
        now_s=time.time(),
    )
    show_list(config, wanted, json=json)


@quarantine.command("show")
def show_quarantined(
    config: ConfigPath = None,
    event_id: Event = "",
    position: Position = None,
    body: Body = False,
    json: Json = False,
) -> None:
    """Show one event in quarantine: stage, reason, path, detail, headers, attempts, bytes."""
    if not event_id and position is None:
        raise typer.BadParameter("name the event with --event-id or --position")
    wanted = query(outcome=Outcome.QUARANTINED, event_id=event_id, position=position)
    show_one(config, wanted, body=body, json=json)


@quarantine.command("replay")
def replay_quarantined(
    config: ConfigPath = None,
    route: Route = "",
    reason: Why = None,
    event_id: Event = "",
    position: Position = None,
    since: Since = "",
    until: Until = "",
    limit: Most = None,
    rate: Rate = 0.0,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Try again: same position and id, one attempt more. Do it once the cause is mended."""
    wanted = query(
        outcome=Outcome.QUARANTINED,
        route=route,
        reason=reason,
        event_id=event_id,
        position=position,
        since=since,
        until=until,
        limit=limit,
        now_s=time.time(),
    )
    replay(config, wanted, rate=rate, dry_run=dry_run, json=json)


@quarantine.command("drop")
def drop_quarantined(
    config: ConfigPath = None,
    route: Route = "",
    reason: Why = None,
    event_id: Event = "",
    position: Position = None,
    since: Since = "",
    until: Until = "",
    limit: Most = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Discard events for good; who did it is kept."""
    is_named = bool(event_id or position is not None or reason or route or since or until)
    if not is_named and limit is None:
        raise typer.BadParameter(
            "name what to drop: --event-id, --position, --reason, --route, --since, --until or "
            "--limit"
        )
    wanted = query(
        outcome=Outcome.QUARANTINED,
        route=route,
        reason=reason,
        event_id=event_id,
        position=position,
        since=since,
        until=until,
        limit=limit,
        now_s=time.time(),
    )
    change(config, wanted, "drop", rate=0.0, dry_run=dry_run, json=json)
