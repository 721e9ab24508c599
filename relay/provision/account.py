"""
Base connections ("accounts" in Adobe's pages): name, description and credentials.

The source of the tutorial has none; other sources that share the organisation do, such as the
HTTP API, and their inlets belong to them.

Source:
    AdobeDocs/experience-platform.en, help/sources/tutorials/api/{update,delete}.md;
    developer.adobe.com, Flow Service API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.adobe.flow_service import FlowService
from relay.errors import AdobeError, ProvisionError

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """One base connection; its credentials are never read out."""

    id: str
    name: str
    state: str
    description: str
    spec_id: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """What is to be different; ``None`` stays. *credentials* are the auth spec's parameters."""

    name: str | None = None
    description: str | None = None
    credentials: Mapping[str, str] | None = None

    def operations(self, item: Item) -> list[Item]:
        """List the JSON Patch operations that bring *item* there."""
        operations: list[Item] = [
            {"op": "replace" if key in item else "add", "path": f"/{key}", "value": value}
            for key, value in (("name", self.name), ("description", self.description))
            if value is not None and item.get(key) != value
        ]
        if self.credentials:
            auth = item.get("auth") or {}
            params = {**(auth.get("params") or {}), **self.credentials}
            operations.append({"op": "replace", "path": "/auth/params", "value": params})
        return operations


async def accounts(flows: FlowService) -> list[Account]:
    """
    List every base connection of the sandbox.

    Raises:
        AdobeError: a call was refused.
    """
    return [_account(item) async for item in flows.find("connections")]


async def update_account(flows: FlowService, id_: str, change: AccountChange) -> Account:
    """
    Change one base connection with its etag; when somebody was faster, once more.

    Raises:
        ProvisionError: *change* changes nothing.
        AdobeError: a call was refused.
    """
    item = await flows.get("connections", id_)
    operations = change.operations(item)
    if not operations:
        raise ProvisionError(
            f"account {id_} is that way already", hint="name what is to be different"
        )
    try:
        await flows.patch("connections", id_, operations, etag=str(item["etag"]))
    except AdobeError as error:
        if error.fault != "conflict":
            raise
        item = await flows.get("connections", id_)
        await flows.patch("connections", id_, change.operations(item), etag=str(item["etag"]))
    return _account(await flows.get("connections", id_))


async def delete_account(flows: FlowService, id_: str) -> None:
    """
    Delete one base connection.

    Raises:
        AdobeError: refused; something uses it.
    """
    await flows.delete("connections", id_)


def _account(item: Item) -> Account:
    return Account(
        id=str(item.get("id", "")),
        name=str(item.get("name", "")),
        state=str(item.get("state", "")),
        description=str(item.get("description", "")),
        spec_id=str((item.get("connectionSpec") or {}).get("id", "")),
    )
