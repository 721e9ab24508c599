"""
The Schema Registry: the tenant's schemas, field groups, classes and data types, and Adobe's own.

A changed resource is a new minor version; what refers to it shows the change at once.

Source:
    developer.adobe.com, Schema Registry API; AdobeDocs/experience-platform.en, help/xdm/api/;
    adobe.md §4.

Assumed:
    Every code but 1006 to 1009, 1012 and 3005; 3005 also for a title taken at creation; that a
    resource can be deleted while another refers to it; see docs/assumptions.md, "the emulated
    control plane".
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from relay.emulator.compose import (
    KINDS,
    compose,
    descriptors_of,
    find_part,
    references_of,
)
from relay.emulator.gateway import Call, Handler, routes
from relay.emulator.ids import new_hex
from relay.emulator.json_answer import json_answer, no_content
from relay.emulator.json_patch import PatchError, apply_patch
from relay.emulator.problems import Service, bad_request, not_found, registry_problem
from relay.emulator.registry_accept import Form, list_form, lookup_form
from relay.emulator.registry_list import page_of
from relay.emulator.store import Item, Store
from relay.emulator.xdm_parts import global_parts

ROOT = "/data/foundation/schemaregistry"

# The folder in an $id is not always the path's: field groups were called mixins.
_FOLDERS = {"schemas": "schemas", "fieldgroups": "mixins", "classes": "classes",
            "datatypes": "datatypes"}  # fmt: skip
_PATHS = {**{kind: kind for kind in KINDS}, "mixins": "fieldgroups", "behaviors": "behaviors"}
_SYSTEM = (
    "$id", "meta:altId", "meta:resourceType", "version", "imsOrg", "meta:containerId",
    "meta:tenantNamespace", "meta:registryMetadata", "meta:sandboxId", "meta:sandboxType",
    "meta:extends", "meta:class",
)  # fmt: skip
_ID_FORM = ("$id", "meta:altId", "version", "title")
_FIELD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TEXTS = frozenset({"title", "description"})


def registry_routes(store: Store) -> list[BaseRoute]:
    """Every path of the registry but the descriptors'."""
    served: list[BaseRoute] = []
    served += routes(store, Service.REGISTRY, f"{ROOT}/stats", {"GET": _stats})
    for name, kind in _PATHS.items():
        for container in ("tenant", "global"):
            many: dict[str, Handler] = {"GET": _lister(container, kind)}
            one: dict[str, Handler] = {"GET": _reader(container, kind)}
            if container == "tenant" and kind in KINDS:
                many["POST"] = _creator(kind)
                one |= {"PUT": _replacer(kind), "PATCH": _patcher(kind), "DELETE": _deleter(kind)}
            path = f"{ROOT}/{container}/{name}"
            served += routes(store, Service.REGISTRY, path, many)
            # An $id is an address: its slashes arrive decoded.
            served += routes(store, Service.REGISTRY, f"{path}/{{id:path}}", one)
    return served


def _stats(call: Call) -> Response:
    box = call.sandbox
    every = [item for kind in KINDS for item in box.of(kind).values()]
    counts = {
        "schemas": len(box.of("schemas")),
        "mixins": len(box.of("fieldgroups")),
        "datatypes": len(box.of("datatypes")),
        "classes": len(box.of("classes")),
        "unions": 0,
    }
    newest = sorted(every, key=lambda item: -_created(item))[:10]
    changed = sorted(every, key=lambda item: -_changed(item))[:10]
    usage = Counter(str(item.get("meta:class")) for item in box.of("schemas").values())
    return json_answer(
        {
            "imsOrg": box.org_id,
            "tenantId": box.tenant,
            "counts": counts,
            "recentlyCreatedResources": [_mention(item) for item in newest],
            "recentlyUpdatedResources": [_mention(item) for item in changed],
            "classUsage": dict(usage),
        }
    )


def _created(item: Item) -> int:
    return int(item["meta:registryMetadata"]["repo:createdDate"])


def _changed(item: Item) -> int:
    return int(item["meta:registryMetadata"]["repo:lastModifiedDate"])


def _mention(item: Item) -> Item:
    kept = {key: item[key] for key in ("title", "description", "meta:resourceType", "version")
            if key in item}  # fmt: skip
    return kept | {"id": item["$id"]}


def _resources(call: Call, container: str, kind: str) -> dict[str, Item]:
    return global_parts(kind) if container == "global" else call.sandbox.of(kind)


def _lister(container: str, kind: str) -> Handler:
    def handler(call: Call) -> Response:
        form = list_form(call.request.headers.get("accept", ""))
        items = list(_resources(call, container, kind).values())
        page, around = page_of(items, call.request.query_params, path=call.request.url.path)
        around["_links"]["global_schemas"] = {"href": f"{call.base_url}{ROOT}/global/schemas"}
        return json_answer({"results": [_formed(call, item, form) for item in page], **around})

    return handler


def _reader(container: str, kind: str) -> Handler:
    def handler(call: Call) -> Response:
        form = lookup_form(call.request.headers.get("accept", ""))
        item = _found(call, _resources(call, container, kind), kind)
        if form.major != _major(item):
            raise not_found(Service.REGISTRY, kind, call.id(), version=form.major)
        return json_answer(_formed(call, item, form))

    return handler


def _formed(call: Call, item: Item, form: Form) -> Item:
    """Show *item* in the form that the Accept header asks for."""
    if "id" in form.parts:
        return {key: item[key] for key in _ID_FORM if key in item}
    shown = compose(call.sandbox, item) if "full" in form.parts else dict(item)
    if "desc" in form.parts:
        shown["meta:descriptors"] = descriptors_of(call.sandbox, item["$id"])
    if "notext" in form.parts:
        shown = {key: value for key, value in shown.items() if key not in _TEXTS}
    return shown


def _found(call: Call, resources: dict[str, Item], kind: str) -> Item:
    id_ = call.id()
    if id_ in resources:
        return resources[id_]
    for item in resources.values():
        if item["meta:altId"] == id_:
            return item
    raise not_found(Service.REGISTRY, kind, id_)


def _major(item: Item) -> int:
    return int(str(item["version"]).split(".", maxsplit=1)[0])


def _creator(kind: str) -> Handler:
    def handler(call: Call) -> Response:
        body = call.object()
        _check(call, kind, body)
        tenant, hex_id = call.sandbox.tenant, new_hex(48)
        folder = _FOLDERS[kind]
        item: Item = {
            "$id": f"https://ns.adobe.com/{tenant}/{folder}/{hex_id}",
            "meta:altId": f"_{tenant}.{folder}.{hex_id}",
            "meta:resourceType": folder,
            "version": "1.0",
            **_given(kind, body),
            "imsOrg": call.sandbox.org_id,
            **_generated(call, kind, body),
        }
        now_ms = call.store.now_ms
        item["meta:registryMetadata"] = _metadata(call, created_ms=now_ms)
        call.sandbox.of(kind)[item["$id"]] = item
        return json_answer(item, 201)

    return handler


def _given(kind: str, body: Item) -> Item:
    item = {key: value for key, value in body.items() if key not in _SYSTEM}
    item.setdefault("type", "object")
    if kind == "schemas":
        item["meta:extensible"] = False
    return item


def _generated(call: Call, kind: str, body: Item) -> Item:
    """What the registry itself writes into a resource."""
    more: Item = {
        "meta:extensible": kind != "schemas",
        "meta:abstract": kind != "schemas",
        "meta:xdmType": "object",
        "meta:sandboxId": call.sandbox.id,
        "meta:sandboxType": call.sandbox.type,
        "meta:containerId": "tenant",
        "meta:tenantNamespace": f"_{call.sandbox.tenant}",
    }
    if kind == "schemas":
        references = references_of(body)
        more |= {
            "refs": references,
            "meta:class": _class_of(call, references),
            "meta:extends": _extended(call, references),
        }
    return more


def _extended(call: Call, references: list[str]) -> list[str]:
    extended = list(references)
    for id_ in references:
        part = find_part(call.sandbox, id_) or {}
        extended += [str(each) for each in part.get("meta:extends") or []]
    return list(dict.fromkeys(extended))


def _class_of(call: Call, references: list[str]) -> str:
    for id_ in references:
        part = find_part(call.sandbox, id_)
        if part is not None and part["meta:resourceType"] == "classes":
            return str(part["$id"])
    raise registry_problem(
        "1500-400", "Invalid schema", "The schema must refer to one class in its allOf"
    )


def _metadata(call: Call, *, created_ms: int) -> Item:
    return {
        "repo:createdDate": created_ms,
        "repo:lastModifiedDate": call.store.now_ms,
        "xdm:createdClientId": call.client_id,
        "xdm:lastModifiedClientId": call.client_id,
        "xdm:createdUserId": call.user,
        "xdm:lastModifiedUserId": call.user,
        "eTag": new_hex(64),
        "meta:globalLibVersion": "1.40.3",
    }


def _check(call: Call, kind: str, body: Item, *, own_id: str = "") -> None:
    """Refuse what the registry would not take."""
    title = body.get("title")
    if not isinstance(title, str) or not title:
        raise registry_problem("1501-400", "Invalid resource", "The field title is required")
    if not isinstance(body.get("description", ""), str):
        raise registry_problem("1501-400", "Invalid resource", "The description must be text")
    for item in call.sandbox.of(kind).values():
        if item["title"] == title and item["$id"] != own_id:
            detail = (
                f"Title must be unique. An object {item['$id']} already exists with the same title"
            )
            raise registry_problem("3005-400", "Title not unique", detail)
    _check_references(call, kind, body)


def _check_references(call: Call, kind: str, body: Item) -> None:
    for id_ in references_of(body):
        if find_part(call.sandbox, id_) is None:
            raise registry_problem("1502-400", "Invalid reference", f"Nothing is known as {id_}")
    if kind == "schemas":
        if not isinstance(body.get("allOf"), list):
            raise registry_problem("1500-400", "Invalid schema", "The field allOf must be a list")
        _class_of(call, references_of(body))
    if kind == "fieldgroups":
        if not isinstance(body.get("meta:intendedToExtend"), list):
            raise registry_problem(
                "1503-400", "Invalid field group", "The field meta:intendedToExtend is required"
            )
        _check_names(call, body)


def _check_names(call: Call, body: Item) -> None:
    """
    Refuse fields outside the tenant's namespace and names that XDM does not take.

    Source: AdobeDocs/experience-platform.en, help/xdm/schema/field-constraints.md; adobe.md §4.
    """
    definitions = body.get("definitions")
    parts = [*(definitions.values() if isinstance(definitions, dict) else ()), body]
    root = f"_{call.sandbox.tenant}"
    for part in parts:
        properties = part.get("properties") if isinstance(part, dict) else None
        for name, child in (properties if isinstance(properties, dict) else {}).items():
            if name != root and call.store.settings.strict:
                raise registry_problem(
                    "1504-400", "Invalid field group", f"Custom fields belong under {root}: {name}"
                )
            _check_children(child)


def _check_children(node: Any) -> None:
    properties = node.get("properties") if isinstance(node, dict) else None
    for name, child in (properties if isinstance(properties, dict) else {}).items():
        if _FIELD_NAME.fullmatch(name) is None:
            raise registry_problem(
                "1505-400", "Invalid field name", f"Letters, digits, dash, underscore: {name}"
            )
        _check_children(child)


def _replacer(kind: str) -> Handler:
    def handler(call: Call) -> Response:
        item = _found(call, call.sandbox.of(kind), kind)
        body = call.object()
        return _changed_to(call, kind, item, body)

    return handler


def _patcher(kind: str) -> Handler:
    def handler(call: Call) -> Response:
        item = _found(call, call.sandbox.of(kind), kind)
        operations = call.json()
        for operation in operations if isinstance(operations, list) else ():
            # The documents print the path of the union tag without its last slash.
            if isinstance(operation, dict) and operation.get("path") == "/meta:immutableTags-":
                operation["path"] = "/meta:immutableTags/-"
        if "meta:immutableTags" not in item:
            item = {**item, "meta:immutableTags": []}
        try:
            body = apply_patch(item, operations)
        except PatchError as error:
            raise bad_request(Service.REGISTRY, error.message) from None
        if not body["meta:immutableTags"]:
            del body["meta:immutableTags"]
        return _changed_to(call, kind, item, body)

    return handler


def _changed_to(call: Call, kind: str, item: Item, body: Item) -> Response:
    _check(call, kind, body, own_id=item["$id"])
    old_tags, tags = (each.get("meta:immutableTags") or [] for each in (item, body))
    if not isinstance(tags, list) or any(tag not in tags for tag in old_tags):
        raise registry_problem(
            "1506-400", "Invalid resource", "meta:immutableTags cannot be taken"
        )
    major, minor = str(item["version"]).split(".")
    fixed = {key: item[key] for key in _SYSTEM if key in item}
    changed = {
        **fixed,
        **_given(kind, body),
        **_generated(call, kind, body),
        "version": f"{major}.{int(minor) + 1}",
        "meta:registryMetadata": _metadata(call, created_ms=_created(item)),
    }
    call.sandbox.of(kind)[item["$id"]] = changed
    return json_answer(changed)


def _deleter(kind: str) -> Handler:
    def handler(call: Call) -> Response:
        item = _found(call, call.sandbox.of(kind), kind)
        del call.sandbox.of(kind)[item["$id"]]
        return no_content()

    return handler
