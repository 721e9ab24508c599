"""``relay webhook``: the reporting webhook in Customer.io that sends events to the relay."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from relay.adobe.http import new_client
from relay.cli.options import ConfigPath, DryRun, Json, print_json
from relay.clock import SystemClock
from relay.config import load_config
from relay.customerio.app_api import AppApi, api_url
from relay.customerio.events import EVENT_NAMES
from relay.errors import ConfigError, ProvisionError

Endpoint = Annotated[str, typer.Option("--endpoint", help="The relay's public address and path.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="Only this event, e.g. email_opened; several times."),
]
Which = Annotated[
    int | None, typer.Option("--id", help="Which webhook; not needed with only one.")
]

webhook = typer.Typer(
    help="Register the reporting webhook in Customer.io, and switch it.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add the noun to the command line."""
    app.add_typer(webhook, name="webhook")


@webhook.command("register")
def create(
    endpoint: Endpoint,
    config: ConfigPath = None,
    name: Annotated[str, typer.Option("--name", help="Its name in Customer.io.")] = "AEP relay",
    event: Events = None,
    body_content: Annotated[
        bool, typer.Option("--body-content", help="Send message bodies along.")
    ] = False,
    full_resolution: Annotated[
        bool, typer.Option(help="Every open and click, not only the first.")
    ] = True,
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Create the webhook, disabled: enable it once the relay has its signing key."""
    body = {
        "name": name,
        "endpoint": endpoint,
        "events": _chosen(event),
        "disabled": True,
        "full_resolution": full_resolution,
        "with_content": body_content,
    }

    async def work(api: AppApi) -> None:
        await _refuse_second(api, endpoint)
        made = body if dry_run else await api.create(body)
        _show(made, json=json)
        if not json and not dry_run:
            typer.echo(
                "next: copy its signing key from Customer.io into the relay's signing_keys, "
                f"reload, then: relay webhook enable --id {made['id']}"
            )

    _run(config, work)


@webhook.command("status")
def show_status(config: ConfigPath = None, json: Json = False) -> None:
    """List the reporting webhooks of the workspace."""

    async def work(api: AppApi) -> None:
        found = await api.webhooks()
        if json:
            print_json({"webhooks": found})
            return
        if not found:
            typer.echo("no webhooks in this workspace")
        for item in found:
            _show(item, json=False)

    _run(config, work)


@webhook.command()
def enable(
    id_: Which = None,
    config: ConfigPath = None,
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Enable a webhook; the relay must have its signing key by now."""
    _change(config, id_, {"disabled": False}, json=json, dry_run=dry_run)


@webhook.command()
def disable(
    id_: Which = None,
    config: ConfigPath = None,
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Disable a webhook."""
    _change(config, id_, {"disabled": True}, json=json, dry_run=dry_run)


@webhook.command()
def update(
    id_: Which = None,
    config: ConfigPath = None,
    name: Annotated[str | None, typer.Option("--name", help="Its name in Customer.io.")] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="The relay's public address and path.")
    ] = None,
    event: Events = None,
    body_content: Annotated[
        bool | None,
        typer.Option("--body-content/--no-body-content", help="Send message bodies along."),
    ] = None,
    full_resolution: Annotated[
        bool | None, typer.Option(help="Every open and click, not only the first.")
    ] = None,
    json: Json = False,
    dry_run: DryRun = False,
) -> None:
    """Change a webhook: what is not named stays as it is."""
    changes = {
        "name": name,
        "endpoint": endpoint,
        "events": _chosen(event) if event else None,
        "with_content": body_content,
        "full_resolution": full_resolution,
    }
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise typer.BadParameter("nothing to change was named")
    _change(config, id_, given, json=json, dry_run=dry_run)


@webhook.command("addresses")
def show_addresses(config: ConfigPath = None, json: Json = False) -> None:
    """List the addresses that Customer.io sends from; for a firewall, never as the only gate."""

    async def work(api: AppApi) -> None:
        found = await api.addresses()
        if json:
            print_json({"addresses": found})
        else:
            typer.echo("\n".join(found))

    _run(config, work)


def _change(
    config: str | None, id_: int | None, changes: dict[str, Any], *, json: bool, dry_run: bool
) -> None:
    async def work(api: AppApi) -> None:
        one = id_ if id_ is not None else await _only(api)
        if "endpoint" in changes:
            await _refuse_second(api, changes["endpoint"], but=one)
        changed = await api.webhook(one) | changes if dry_run else await api.update(one, changes)
        _show(changed, json=json)

    _run(config, work)


def _chosen(events: list[str] | None) -> list[str]:
    unknown = sorted(set(events or ()) - set(EVENT_NAMES))
    if unknown:
        raise typer.BadParameter(f"unknown event {', '.join(unknown)}")
    return list(events or EVENT_NAMES)


async def _only(api: AppApi) -> int:
    """
    Find the one webhook of the workspace.

    Raises:
        ProvisionError: there is none, or there are several.
    """
    found = [int(item["id"]) for item in await api.webhooks()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ProvisionError(
            "there is no webhook in this workspace", hint="make one: relay webhook register"
        )
    raise ProvisionError(
        "there are several webhooks in this workspace",
        hint=f"name one with --id: {', '.join(map(str, found))}",
    )


async def _refuse_second(api: AppApi, endpoint: str, *, but: int = 0) -> None:
    """
    Look whether a webhook, other than the one with the id *but*, sends to *endpoint*.

    Raises:
        ProvisionError: one does.
    """
    for item in await api.webhooks():
        if item["id"] != but and _address(item["endpoint"]) == _address(endpoint):
            raise ProvisionError(
                f"webhook {item['id']} sends to {item['endpoint']} already: a second one would "
                "deliver every event twice",
                hint=f"change it: relay webhook update --id {item['id']}",
            )


def _address(endpoint: str) -> tuple[str, str]:
    """What makes two endpoints the same relay: host and path, whatever scheme and query."""
    try:
        parts = urlsplit(endpoint)
    except ValueError:  # no address, which Customer.io says
        return endpoint, ""
    default = {"http": ":80", "https": ":443"}.get(parts.scheme.lower(), "")
    return parts.netloc.lower().removesuffix(default), parts.path.rstrip("/")


def _show(item: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(item)
        return
    state = "disabled" if item.get("disabled") else "enabled"
    events = item.get("events") or []
    typer.echo(f"{item.get('id', 'new'):>8}  {state:<8}  {item['endpoint']}  {len(events)} events")


def _run(config: str | None, work: Callable[[AppApi], Coroutine[Any, Any, None]]) -> None:
    settings = load_config(config, os.environ, needs=("customerio",)).customerio
    key = settings.app_api_key.get_secret_value()
    if not key:
        raise ConfigError(
            "customerio.app_api_key is missing",
            hint='set app_api_key = "env:CUSTOMERIO_APP_API_KEY" under [customerio]',
            problems=("customerio.app_api_key is missing",),
        )

    async def main() -> None:
        async with new_client() as client:
            url = api_url(settings)
            await work(AppApi(client, base_url=url, api_key=key, clock=SystemClock()))

    asyncio.run(main())
