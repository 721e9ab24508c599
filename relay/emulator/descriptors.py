"""
The registry's descriptors: what a schema's fields mean, above all identities.

A primary identity makes its field required: records without it fail validation.

Source:
    AdobeDocs/experience-platform.en, help/xdm/api/descriptors.md; adobe.md §4.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.compose import find_part
from relay.emulator.gateway import Call, routes
from relay.emulator.ids import new_hex
from relay.emulator.json_answer import json_answer, no_content
from relay.emulator.problems import Service, not_found, registry_problem
from relay.emulator.registry_accept import Form, descriptor_form
from relay.emulator.registry_list import page_of
from relay.emulator.store import Item, Store

ROOT = "/data/foundation/schemaregistry"
_REQUIRED = ("@type", "xdm:sourceSchema", "xdm:sourceVersion", "xdm:sourceProperty")


def descriptor_routes(store: Store) -> list[BaseRoute]:
    """Every path of the descriptors."""
    path = f"{ROOT}/tenant/descriptors"
    one = {"GET": _read, "PUT": _replace, "DELETE": _delete}
    return [
        *routes(store, Service.REGISTRY, path, {"GET": _list, "POST": _create}),
        *routes(store, Service.REGISTRY, f"{path}/{{id}}", one),
    ]


def _list(call: Call) -> Response:
    form = descriptor_form(call.request.headers.get("accept", ""), is_list=True)
    items = list(call.sandbox.of("descriptors").values())
    # They have no title: their ids are what they are ordered by.
    keyed = [item | {"title": item["@id"]} for item in items]
    page, around = page_of(keyed, call.request.query_params, path=call.request.url.path)
    if "v2" in form.parts:
        return json_answer({"results": [_formed(item, form) for item in page], **around})
    groups: dict[str, list[Any]] = {}
    for item in page:
        groups.setdefault(str(item["@type"]), []).append(_formed(item, form))
    return json_answer(groups)


def _formed(item: Item, form: Form) -> Any:
    """One descriptor as the header asks for it: itself, its id, or its path."""
    if "link" in form.parts:
        return f"/tenant/descriptors/{item['@id']}"
    if "id" in form.parts:
        return item["@id"]
    return {key: value for key, value in item.items() if key != "title"}


def _create(call: Call) -> Response:
    body = call.object()
    _check(call, body)
    given = {key: value for key, value in body.items() if key != "@id"}
    item = {**given, "@id": new_hex(48), **_context(call)}
    call.sandbox.of("descriptors")[item["@id"]] = item
    return json_answer(item, 201)


def _context(call: Call) -> Item:
    return {
        "imsOrg": call.sandbox.org_id,
        "version": "1",
        "meta:containerId": "tenant",
        "meta:sandboxId": call.sandbox.id,
        "meta:sandboxType": call.sandbox.type,
    }


def _check(call: Call, body: Item) -> None:
    for name in _REQUIRED:
        if not body.get(name):
            raise registry_problem(
                "1600-400", "Invalid descriptor", f"The field {name} is missing"
            )
    schema_id = str(body["xdm:sourceSchema"])
    if find_part(call.sandbox, schema_id) is None:
        raise registry_problem("1601-400", "Invalid descriptor", f"No schema {schema_id}")
    if not str(body["xdm:sourceProperty"]).startswith("/"):
        detail = "The field xdm:sourceProperty is a path like /_tenant/email"
        raise registry_problem("1602-400", "Invalid descriptor", detail)
    body["xdm:sourceSchema"], body["xdm:sourceProperty"] = (
        schema_id,
        str(body["xdm:sourceProperty"]),
    )


def _read(call: Call) -> Response:
    descriptor_form(call.request.headers.get("accept", ""), is_list=False)
    return json_answer(_found(call))


def _replace(call: Call) -> Response:
    item, body = _found(call), call.object()
    _check(call, body)
    changed = {**body, "@id": item["@id"], **_context(call)}
    call.sandbox.of("descriptors")[item["@id"]] = changed
    return json_answer(changed)


def _delete(call: Call) -> Response:
    item = _found(call)
    del call.sandbox.of("descriptors")[item["@id"]]
    return no_content()


def _found(call: Call) -> Item:
    item = call.sandbox.of("descriptors").get(call.id())
    if item is None:
        raise not_found(Service.REGISTRY, "descriptors", call.id())
    return item
