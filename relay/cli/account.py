"""``relay provision account``: base connections, which Adobe's pages call accounts."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated

import typer

from relay.adobe.flow_service import FlowService
from relay.cli.columns import print_columns
from relay.cli.options import ConfigPath, DryRun, Json, print_json, progress
from relay.config import load_config
from relay.config.load import read_secret
from relay.provision.account import (
    Account,
    AccountChange,
    accounts,
    delete_account,
    update_account,
)
from relay.provision.session import open_session

Route = Annotated[str, typer.Option("--route", help="Which route; not needed with only one.")]

# A lone dot is taken out of an address, which then means the list.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]*")


def one_id(text: str) -> str:
    """Refuse what is no id: in an address of Adobe's it would mean a list, or another thing."""
    if not _ID.fullmatch(text):
        raise typer.BadParameter(f"expected an id as Adobe gives them, got {text!r}")
    return text


Id = Annotated[str, typer.Option("--id", callback=one_id, help="The base connection.")]

account = typer.Typer(help="List, change and delete base connections.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the noun below ``relay provision``."""
    app.add_typer(account, name="account")


@account.command("ls")
def show_all(config: ConfigPath = None, route: Route = "", json: Json = False) -> None:
    """List the sandbox's base connections."""

    async def work(flows: FlowService) -> None:
        found = await accounts(flows)
        if json:
            print_json({"accounts": [asdict(one) for one in found]})
            return
        print_columns(("id", "name", "state", "spec"), [_cells(one) for one in found])

    _run(config, route, work)


@account.command()
def update(
    id_: Id,
    config: ConfigPath = None,
    route: Route = "",
    name: Annotated[str | None, typer.Option("--name", help="Its new name.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="Its new description.")
    ] = None,
    credential: Annotated[
        list[str] | None,
        typer.Option("--credential", help="PARAMETER=env:NAME or file:PATH; as often as needed."),
    ] = None,
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Change name, description or credentials."""
    change = AccountChange(name, description, dict(map(_credential, credential or ())))

    async def work(flows: FlowService) -> None:
        if dry_run:
            paths = [
                step["path"] for step in change.operations(await flows.get("connections", id_))
            ]
            if json:
                print_json({"id": id_, "would_change": paths})
            else:
                typer.echo(f"would change {', '.join(paths) or 'nothing'} of account {id_}")
            return
        changed = await update_account(flows, id_, change)
        if json:
            print_json(asdict(changed))
        else:
            typer.echo(f"account {changed.id} ({changed.name}) is changed")

    _run(config, route, work)


@account.command()
def delete(
    id_: Id,
    config: ConfigPath = None,
    route: Route = "",
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a base connection that nothing uses."""

    async def work(flows: FlowService) -> None:
        name = (await flows.get("connections", id_)).get("name", "")
        typer.echo(f"- account {id_} ({name})")
        if dry_run:
            return
        if not yes and not typer.confirm("Delete it at Adobe?"):
            raise typer.Exit(1)
        await delete_account(flows, id_)

    _run(config, route, work)


def _credential(text: str) -> tuple[str, str]:
    name, given, reference = text.partition("=")
    if not given or not name:
        raise typer.BadParameter("expected PARAMETER=env:NAME or PARAMETER=file:PATH")
    return name, read_secret(f"--credential {name}", reference, os.environ)


def _cells(one: Account) -> tuple[str, str, str, str]:
    return one.id, one.name, one.state, one.spec_id


def _run(config: str | None, route: str, work: Callable[[FlowService], Awaitable[None]]) -> None:
    async def main() -> None:
        loaded = load_config(config, os.environ, needs=("adobe",))
        async with open_session(loaded, route, progress) as session:
            await work(session.adobe.flows)

    asyncio.run(main())
