"""``relay provision``: the set-up at Adobe, declared, planned, applied, and taken down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from relay.cli import account
from relay.cli.columns import print_columns
from relay.cli.options import ConfigPath, DryRun, Json, print_json, progress
from relay.config import Config, load_config
from relay.errors import ProvisionError
from relay.provision.adopt import adopt
from relay.provision.apply import Applied
from relay.provision.curl import export as export_curl
from relay.provision.destroy import ORDER, choose, destroy, told
from relay.provision.plan import TITLES, Action, has_changes, make_plan
from relay.provision.refusal import refuse
from relay.provision.session import Session, choose_route, desired_of, open_session
from relay.provision.settings_file import Inlet, rfc_3339, write_inlet
from relay.provision.settle import inlet_of
from relay.provision.status import status
from relay.provision.switch import Switch, flow_of, switch

Route = Annotated[str, typer.Option("--route", help="Which route; not needed with only one.")]
Write = Annotated[bool, typer.Option("--write", help="Put the inlet into the settings file.")]

Work = Callable[[Session, Config], Coroutine[Any, Any, None]]
_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.LEAVE: " ", Action.REPLACE: "±"}

provision = typer.Typer(help="Make, watch and remove the set-up at Adobe.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the noun to the command line."""
    account.register(provision)
    app.add_typer(provision, name="provision")


@provision.command()
def plan(config: ConfigPath = None, route: Route = "", json: Json = False) -> None:
    """Print what apply would create, change, leave or replace, and why."""

    async def work(session: Session, _config: Config) -> None:
        current = await session.look()
        steps = make_plan(session.desired, current)
        if json:
            print_json(
                {
                    "steps": [asdict(step) for step in steps],
                    "obstacles": current.obstacles,
                    "has_changes": has_changes(steps),
                }
            )
        else:
            for step in steps:
                typer.echo(f"{_SIGNS[step.action]} {TITLES[step.resource]:<18} {step.why}")
        refuse(session.desired, current)

    _run(config, route, work)


@provision.command()
def apply(
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
    dry_run: DryRun = False,
    write: Write = False,
) -> None:
    """Make the set-up what the settings ask for; harmless to run again."""
    if dry_run:
        plan(config=config, route=route, json=json)
        return
    settings = _writable(config, write=write)

    async def work(session: Session, loaded: Config) -> None:
        applied = await session.apply(progress)
        _show_applied(applied, session.desired.route, loaded, json=json, settings=settings)

    _run(config, route, work)


@provision.command()
def update(
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
    dry_run: DryRun = False,
    write: Write = False,
) -> None:
    """Bring name, description and mapping set of an existing flow up to date."""
    if dry_run:
        plan(config=config, route=route, json=json)
        return
    settings = _writable(config, write=write)

    async def work(session: Session, loaded: Config) -> None:
        flow_of(await session.look())
        applied = await session.apply(progress)
        _show_applied(applied, session.desired.route, loaded, json=json, settings=settings)

    _run(config, route, work)


@provision.command("status")
def show_status(config: ConfigPath = None, route: Route = "", json: Json = False) -> None:
    """Show every resource with its state and drift."""

    async def work(session: Session, _config: Config) -> None:
        current = await session.look()
        lines = status(session.desired, current)
        if json:
            print_json(
                {
                    "resources": [asdict(line) for line in lines],
                    "obstacles": current.obstacles,
                    "inlet_url": inlet_of(current.flow),
                }
            )
            return
        print_columns(
            ("resource", "state", "id", "drift"),
            [(line.resource, line.state, line.id, line.drift) for line in lines],
        )
        for obstacle in current.obstacles:
            typer.echo(f"! {obstacle}")

    _run(config, route, work)


@provision.command()
def enable(
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
    dry_run: DryRun = False,
    write: Write = False,
) -> None:
    """Enable the flow."""
    _switch(config, route, "enable", json=json, dry_run=dry_run, write=write)


@provision.command()
def disable(
    config: ConfigPath = None, route: Route = "", json: Json = False, dry_run: DryRun = False
) -> None:
    """Disable the flow; the relay keeps events meanwhile."""
    _switch(config, route, "disable", json=json, dry_run=dry_run, write=False)


@provision.command("destroy")
def take_down(
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"One resource: {', '.join(ORDER)}.")
    ] = None,
) -> None:
    """Delete the set-up, in the order in which Adobe allows it."""

    async def work(session: Session, _config: Config) -> None:
        async with session.memory.turn(progress):
            current = await session.look()
            choice = await choose(session.adobe, session.desired, current, only=only or ())
            for name in choice.deleted:
                typer.echo(f"- {TITLES[name]} {current.id_of(name)}", err=json)
            deleted: list[str] = []
            if dry_run or not choice.deleted:
                for line in told(choice, current):
                    progress(line)
            else:
                if not yes:
                    _confirm("Delete these at Adobe, with the data they hold?")
                deleted = await destroy(
                    session.adobe, session.desired, current, only=only or (), progress=progress
                )
                if not only:
                    session.memory.forget()
            if json:
                what, names = ("would_delete", choice.deleted) if dry_run else ("deleted", deleted)
                print_json({what: {name: current.id_of(name) for name in names}})
            elif not choice.deleted:
                typer.echo("there is nothing to delete")

    unknown = sorted(set(only or ()) - set(ORDER))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; expected {', '.join(ORDER)}")
    _run(config, route, work)


@provision.command("import")
def take_over(
    flow_id: Annotated[
        str, typer.Option("--flow-id", callback=account.one_id, help="The flow to adopt.")
    ],
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Adopt a set-up that exists: remember its ids, found from its flow."""

    async def work(session: Session, _config: Config) -> None:
        ids = await adopt(session.adobe, session.desired, flow_id)
        if not dry_run:
            session.memory.write(ids)
        if json:
            print_json(asdict(ids))
        else:
            print_columns(
                ("resource", "id"), [(TITLES[name], id_) for name, id_ in asdict(ids).items()]
            )

    _run(config, route, work)


@provision.command("export")
def export_requests(
    config: ConfigPath = None,
    route: Route = "",
    curl: Annotated[bool, typer.Option("--curl", help="As a shell script.")] = False,
) -> None:
    """Print the equivalent requests, for people who must review them."""
    if not curl:
        raise typer.BadParameter("name a form: --curl")
    loaded = load_config(config, os.environ, needs=())
    name, section = choose_route(loaded, route)
    typer.echo(
        export_curl(
            desired_of(name, section),
            platform_url=loaded.adobe.platform_url,
            sandbox=loaded.adobe.sandbox,
        ),
        nl=False,
    )


def _switch(
    config: str | None, route: str, wanted: Switch, *, json: bool, dry_run: bool, write: bool
) -> None:
    settings = _writable(config, write=write)

    async def work(session: Session, loaded: Config) -> None:
        current = await session.look()
        if dry_run:
            flow = flow_of(current)
            if json:
                print_json({"flow_id": flow["id"], "was": flow.get("state"), "would": wanted})
            else:
                typer.echo(f"would {wanted} flow {flow['id']} ({flow.get('state')})")
            return
        after = await switch(session.adobe, current, wanted, session.pace)
        inlet = Inlet.of(
            current.ids(),
            url=after.inlet_url,
            not_before_s=after.not_before_s,
            org_id=loaded.adobe.org_id,
        )
        if settings is not None:
            write_inlet(settings, session.desired.route, inlet)
            if not json:
                typer.echo(f"written to {settings}; a running relay reads it on SIGHUP")
        if json:
            print_json(asdict(after) | {"not_before": rfc_3339(after.not_before_s)})
            return
        typer.echo(
            f"flow {after.flow_id} is {after.state}"
            if after.has_changed
            else f"flow {after.flow_id}: already_{after.state}"
        )
        if after.not_before_s and after.state == "enabled":
            typer.echo(f"send nothing before {rfc_3339(after.not_before_s)}")

    _run(config, route, work)


def _run(config: str | None, route: str, work: Work) -> None:
    async def main() -> None:
        loaded = load_config(config, os.environ, needs=("adobe",))
        async with open_session(loaded, route, progress) as session:
            await work(session, loaded)

    asyncio.run(main())


def _writable(config: str | None, *, write: bool) -> Path | None:
    if not write:
        return None
    if not config:
        raise ProvisionError("--write needs the settings file", hint="name it with --config")
    return Path(config)


def _show_applied(
    applied: Applied, route: str, loaded: Config, *, json: bool, settings: Path | None
) -> None:
    inlet = Inlet.of(
        applied.ids,
        url=applied.inlet_url,
        not_before_s=applied.not_before_s,
        org_id=loaded.adobe.org_id,
    )
    if settings is not None:
        write_inlet(settings, route, inlet)
    if json:
        print_json(
            {
                "inlet_url": applied.inlet_url,
                "flow_id": applied.ids.flow,
                "state": applied.state,
                "not_before": rfc_3339(applied.not_before_s),
                "ids": asdict(applied.ids),
                "steps": [asdict(step) for step in applied.steps],
            }
        )
        return
    if not has_changes(applied.steps):
        typer.echo("no changes")
    typer.echo(f"flow {applied.ids.flow} is {applied.state}")
    typer.echo(f"inlet {applied.inlet_url}")
    if settings is not None:
        typer.echo(f"written to {settings}; a running relay reads it on SIGHUP")
    else:
        typer.echo("\n" + inlet.section(route), nl=False)


def _confirm(question: str) -> None:
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)
