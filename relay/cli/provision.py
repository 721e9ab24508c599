"""``relay provision``: the set-up at Adobe, declared, planned, applied, and taken down."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer
from rich.console import Console
from rich.table import Table

from relay.clock import SystemClock
from relay.config import Config, load_config
from relay.errors import ProvisionError
from relay.provision.apply import Applied, Apply
from relay.provision.curl import export as export_curl
from relay.provision.destroy import ORDER, destroy
from relay.provision.look import Current, Ids, look
from relay.provision.plan import TITLES, Action, has_changes, make_plan
from relay.provision.session import Session, choose_route, desired_of, open_session
from relay.provision.settings_file import inlet_section, write_inlet
from relay.provision.status import status

ConfigPath = Annotated[
    str | None, typer.Option("--config", envvar="RELAY_CONFIG", help="The settings file.")
]
Route = Annotated[str, typer.Option("--route", help="Which route; not needed with only one.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, write nothing.")]

_ENABLE_TIMEOUT_S = 300.0
_SIGNS = {Action.CREATE: "+", Action.UPDATE: "~", Action.LEAVE: " ", Action.REPLACE: "±"}

provision = typer.Typer(help="Make, watch and remove the set-up at Adobe.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the noun to the command line."""
    app.add_typer(provision, name="provision")


@provision.command()
def plan(config: ConfigPath = None, route: Route = "", json: Json = False) -> None:
    """Print what apply would create, change, leave or replace, and why."""

    async def work(session: Session, _config: Config) -> None:
        current = await look(session.adobe, session.desired, session.memory.read())
        steps = make_plan(session.desired, current)
        if json:
            _print_json(
                {
                    "steps": [asdict(step) for step in steps],
                    "obstacles": current.obstacles,
                    "has_changes": has_changes(steps),
                }
            )
        else:
            for step in steps:
                typer.echo(f"{_SIGNS[step.action]} {TITLES[step.resource]:<18} {step.why}")
        _refuse(current)

    _run(config, route, work)


@provision.command()
def apply(
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
    dry_run: DryRun = False,
    write: Annotated[
        bool, typer.Option("--write", help="Put the inlet into the settings file.")
    ] = False,
) -> None:
    """Make the set-up what the settings ask for; harmless to run again."""
    if dry_run:
        plan(config=config, route=route, json=json)
        return

    async def work(session: Session, loaded: Config) -> None:
        applied = await _apply(session, loaded)
        name = session.desired.route
        if write:
            if not config:
                raise ProvisionError(
                    "--write needs the settings file", hint="name it with --config"
                )
            write_inlet(Path(config), name, applied)
        _show_applied(applied, name, json=json, written=config if write else None)

    _run(config, route, work)


@provision.command()
def update(
    config: ConfigPath = None, route: Route = "", json: Json = False, dry_run: DryRun = False
) -> None:
    """Bring name, description and mapping set of an existing flow up to date."""
    if dry_run:
        plan(config=config, route=route, json=json)
        return

    async def work(session: Session, loaded: Config) -> None:
        current = await look(session.adobe, session.desired, session.memory.read())
        if current.flow is None:
            raise ProvisionError("there is no flow yet", hint="run `relay provision apply`")
        applied = await _apply(session, loaded)
        _show_applied(applied, session.desired.route, json=json, written=None)

    _run(config, route, work)


@provision.command("status")
def show_status(config: ConfigPath = None, route: Route = "", json: Json = False) -> None:
    """Show every resource with its state and drift."""

    async def work(session: Session, _config: Config) -> None:
        current = await look(session.adobe, session.desired, session.memory.read())
        lines = status(session.desired, current)
        if json:
            _print_json(
                {
                    "resources": [asdict(line) for line in lines],
                    "obstacles": current.obstacles,
                    "inlet_url": ((current.flow or {}).get("options") or {}).get("inletUrl", ""),
                }
            )
            return
        table = Table("resource", "state", "id", "drift", box=None)
        for line in lines:
            table.add_row(line.resource, line.state, line.id, line.drift)
        Console().print(table)
        for obstacle in current.obstacles:
            typer.echo(f"! {obstacle}")

    _run(config, route, work)


@provision.command()
def enable(config: ConfigPath = None, route: Route = "", dry_run: DryRun = False) -> None:
    """Enable the flow."""
    _switch(config, route, "enable", dry_run=dry_run)


@provision.command()
def disable(config: ConfigPath = None, route: Route = "", dry_run: DryRun = False) -> None:
    """Disable the flow; the relay keeps events meanwhile."""
    _switch(config, route, "disable", dry_run=dry_run)


@provision.command("destroy")
def take_down(
    config: ConfigPath = None,
    route: Route = "",
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"One resource: {', '.join(ORDER)}.")
    ] = None,
) -> None:
    """Delete the set-up, in the order in which Adobe allows it."""

    async def work(session: Session, _config: Config) -> None:
        current = await look(session.adobe, session.desired, session.memory.read())
        names = [name for name in ORDER if current.id_of(name) and (not only or name in only)]
        for name in names:
            typer.echo(f"- {TITLES[name]} {current.id_of(name)}")
        if dry_run or not names:
            return
        if not yes and not typer.confirm("Delete these at Adobe, with the data they hold?"):
            raise typer.Exit(1)
        await destroy(session.adobe, session.desired, current, only=only or (), progress=_progress)
        if not only:
            session.memory.forget()

    unknown = sorted(set(only or ()) - set(ORDER))
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}; expected {', '.join(ORDER)}")
    _run(config, route, work)


@provision.command("import")
def adopt(
    flow_id: Annotated[str, typer.Option("--flow-id", help="The flow to adopt.")],
    config: ConfigPath = None,
    route: Route = "",
    json: Json = False,
) -> None:
    """Adopt a set-up that exists: remember its ids, found from its flow."""

    async def work(session: Session, _config: Config) -> None:
        flow = await session.adobe.flows.get("flows", flow_id)
        target = await session.adobe.flows.get("targetConnections", flow["targetConnectionIds"][0])
        known = Ids(
            flow=flow_id,
            dataset=str((target.get("params") or {}).get("dataSetId", "")),
            schema=str(((target.get("data") or {}).get("schema") or {}).get("id", "")),
        )
        ids = (await look(session.adobe, session.desired, known)).ids()
        session.memory.write(ids)
        if json:
            _print_json(asdict(ids))
        else:
            for name, id_ in asdict(ids).items():
                typer.echo(f"{TITLES[name]:<18} {id_ or '-'}")

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
    loaded = load_config(config, os.environ)
    name, section = choose_route(loaded, route)
    typer.echo(
        export_curl(
            desired_of(name, section),
            platform_url=loaded.adobe.platform_url,
            sandbox=loaded.adobe.sandbox,
        ),
        nl=False,
    )


async def _apply(session: Session, config: Config) -> Applied:
    async with session.memory.turn():
        work = Apply(
            session.adobe,
            session.desired,
            clock=SystemClock(),
            settling_s=config.adobe.settling_time,
            enable_timeout_s=_ENABLE_TIMEOUT_S,
            progress=_progress,
            remember=session.memory.write,
        )
        return await work.run(session.memory.read())


def _switch(
    config: str | None, route: str, operation: Literal["enable", "disable"], *, dry_run: bool
) -> None:
    async def work(session: Session, _config: Config) -> None:
        current = await look(session.adobe, session.desired, session.memory.read())
        if current.flow is None:
            raise ProvisionError("there is no flow yet", hint="run `relay provision apply`")
        typer.echo(f"{operation} flow {current.flow['id']} ({current.flow.get('state')})")
        if not dry_run:
            await session.adobe.flows.act(current.flow["id"], operation)

    _run(config, route, work)


def _run(
    config: str | None, route: str, work: Callable[[Session, Config], Coroutine[Any, Any, None]]
) -> None:
    async def main() -> None:
        loaded = load_config(config, os.environ)
        async with open_session(loaded, route) as session:
            await work(session, loaded)

    asyncio.run(main())


def _show_applied(applied: Applied, route: str, *, json: bool, written: str | None) -> None:
    if json:
        _print_json(
            {
                "inlet_url": applied.inlet_url,
                "flow_id": applied.ids.flow,
                "state": applied.state,
                "not_before_s": applied.not_before_s,
                "ids": asdict(applied.ids),
                "steps": [asdict(step) for step in applied.steps],
            }
        )
        return
    typer.echo(f"flow {applied.ids.flow} is {applied.state}")
    typer.echo(f"inlet {applied.inlet_url}")
    if written:
        typer.echo(f"written to {written}")
    else:
        typer.echo("\n" + inlet_section(route, applied), nl=False)


def _refuse(current: Current) -> None:
    if current.obstacles:
        raise ProvisionError(
            "; ".join(current.obstacles), hint="choose another provision.name, or import it"
        )


def _progress(text: str) -> None:
    typer.echo(text, err=True)


def _print_json(value: object) -> None:

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
