"""
The emulator's description of its own control plane, as OpenAPI: one row an operation.

``tests/contract/test_schemathesis.py`` sends what it allows and more, and checks that it leaves
out no path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from relay.emulator.compose import KINDS as RESOURCES
from relay.emulator.describe_bodies import body_schemas

Item = dict[str, Any]

_FLOW = "/data/foundation/flowservice"
_REGISTRY = "/data/foundation/schemaregistry"
_CATALOG = "/data/foundation/catalog"
_PREP = "/data/foundation/conversion"
_EXPORT = "/data/foundation/export"
_SANDBOXES = "/data/foundation/sandbox-management"
_METRICS = "/data/infrastructure/observability/insights/metrics"
_TYPE = "application/json"

_PAGED = ("limit", "start")
_FLOW_LIST = ("property", "limit", "count", "orderby", "continuationToken")
_REGISTRY_LIST = ("property", "limit", "start", "orderby")
_CATALOG_LIST = ("limit", "start", "orderBy", "property", "properties", "name")
_BODIES = {
    "connections": "Connection",
    "sourceConnections": "SourceConnection",
    "targetConnections": "TargetConnection",
    "flows": "Flow",
    "schemas": "Schema",
    "fieldgroups": "FieldGroup",
    "mixins": "FieldGroup",
    "classes": "Resource",
    "datatypes": "Resource",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path; *body* names a schema, *statuses* are what it may answer."""

    method: str
    path: str
    body: str = ""
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200, 400, 404)


def operations() -> tuple[Operation, ...]:
    """Every operation of the control plane."""
    return (
        *_flow_service(),
        *_registry(),
        *_catalog(),
        *_data_prep(),
        *_data_access(),
        *_others(),
    )


def description(base_url: str) -> Item:
    """Describe the control plane at *base_url*."""
    paths: dict[str, Item] = {}
    for operation in operations():
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Local Adobe Experience Platform", "version": "1"},
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {"schemas": body_schemas()},
    }


def _described(operation: Operation) -> Item:
    parts = [part for part in operation.path.split("/") if part.startswith("{")]
    parameters = [_parameter(part.strip("{}"), "path") for part in parts]
    parameters += [_parameter(name, "query") for name in operation.query]
    parameters += [_parameter(name, "header") for name in operation.headers]
    described: Item = {
        "parameters": parameters,
        "responses": {
            str(status): {"description": "As Adobe answers"}
            for status in (*operation.statuses, 401, 403)
        },
    }
    if operation.body:
        reference = {"$ref": f"#/components/schemas/{operation.body}"}
        content = {_TYPE: {"schema": reference}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameter(name: str, place: str) -> Item:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


def _flow_service() -> list[Operation]:
    listed: list[Operation] = []
    for kind in ("connections", "sourceConnections", "targetConnections", "flows"):
        many, one = f"{_FLOW}/{kind}", f"{_FLOW}/{kind}/{{id}}"
        changed = (200, 400, 404, 412)
        listed += [
            Operation("GET", many, query=_FLOW_LIST, statuses=(200, 400)),
            Operation("POST", many, _BODIES[kind], ("mode",), statuses=(201, 400, 404)),
            Operation("GET", one),
            Operation("PATCH", one, "Patch", headers=("If-Match",), statuses=changed),
            Operation("DELETE", one, statuses=(204, 400, 404)),
            Operation("POST", f"{one}/action", query=("op",)),
        ]
    for kind in ("connections", "flows"):
        listed.append(Operation("POST", f"{_FLOW}/{kind}/search", "Search", statuses=(200, 400)))
    listed.append(Operation("GET", f"{_FLOW}/connections/{{id}}/test"))
    for kind in ("connectionSpecs", "flowSpecs"):
        many, one = f"{_FLOW}/{kind}", f"{_FLOW}/{kind}/{{id}}"
        refused = (400,)
        listed += [
            Operation("GET", many, query=_FLOW_LIST, statuses=(200, 400)),
            Operation("POST", many, "Anything", statuses=refused),
            Operation("GET", one),
            Operation("PUT", one, "Anything", statuses=refused),
            Operation("DELETE", one, statuses=refused),
        ]
    runs = f"{_FLOW}/runs"
    listed += [
        Operation("GET", runs, query=_FLOW_LIST, statuses=(200, 400)),
        Operation("POST", runs, "Anything", statuses=(400,)),
        Operation("GET", f"{runs}/{{id}}"),
        Operation("PATCH", f"{runs}/{{id}}", "Patch", statuses=(400,)),
        Operation("POST", f"{runs}/{{id}}/action", query=("op",)),
    ]
    return listed


def _registry() -> list[Operation]:
    listed = [Operation("GET", f"{_REGISTRY}/stats", statuses=(200,))]
    for name in (*RESOURCES, "mixins", "behaviors"):
        for container in ("tenant", "global"):
            many = f"{_REGISTRY}/{container}/{name}"
            read = Operation("GET", many, query=_REGISTRY_LIST, headers=("Accept",))
            listed += [read, Operation("GET", f"{many}/{{id}}", headers=("Accept",))]
    for name in (*RESOURCES, "mixins"):
        many, one = f"{_REGISTRY}/tenant/{name}", f"{_REGISTRY}/tenant/{name}/{{id}}"
        listed += [
            Operation("POST", many, _BODIES[name], statuses=(201, 400)),
            Operation("PUT", one, _BODIES[name]),
            Operation("PATCH", one, "Patch"),
            Operation("DELETE", one, statuses=(204, 404)),
        ]
    many, one = f"{_REGISTRY}/tenant/descriptors", f"{_REGISTRY}/tenant/descriptors/{{id}}"
    listed += [
        Operation("GET", many, query=_REGISTRY_LIST, headers=("Accept",)),
        Operation("POST", many, "Descriptor", statuses=(201, 400)),
        Operation("GET", one, headers=("Accept",)),
        Operation("PUT", one, "Descriptor"),
        Operation("DELETE", one, statuses=(204, 404)),
    ]
    return listed


def _catalog() -> list[Operation]:
    many, one = f"{_CATALOG}/dataSets", f"{_CATALOG}/dataSets/{{id}}"
    batches = ("dataSet", "status", "createdAfter", "createdBefore", *_CATALOG_LIST)
    return [
        Operation("GET", many, query=_CATALOG_LIST, statuses=(200, 400)),
        Operation("POST", many, "DataSet", ("requestDataSource",), statuses=(201, 400)),
        Operation("GET", one),
        Operation("PATCH", one, "DataSet"),
        Operation("PUT", one, "DataSet"),
        Operation("DELETE", one),
        Operation("PATCH", f"{_CATALOG}/v2/dataSets/{{id}}", "DataSet"),
        Operation("GET", f"{_CATALOG}/batches", query=batches, statuses=(200, 400)),
        Operation("GET", f"{_CATALOG}/batches/{{id}}"),
    ]


def _data_prep() -> list[Operation]:
    sets, one = f"{_PREP}/mappingSets", f"{_PREP}/mappingSets/{{id}}"
    row = f"{one}/mappings/{{row}}"
    language = f"{_PREP}/languages/el"
    return [
        Operation("GET", sets, query=(*_PAGED, "name"), statuses=(200, 400)),
        Operation("POST", sets, "MappingSet", ("validate",), statuses=(200, 400)),
        Operation("POST", f"{sets}/validate", "MappingSet", statuses=(200, 400)),
        Operation("POST", f"{sets}/preview", "Preview", statuses=(200, 400)),
        Operation("GET", one, query=("version", "expandSchema")),
        Operation("PUT", one, "MappingSet"),
        Operation("DELETE", one, statuses=(204, 400, 404)),
        Operation("GET", f"{one}/mappings"),
        Operation("POST", f"{one}/mappings", "Mapping"),
        Operation("GET", row),
        Operation("PUT", row, "Mapping"),
        Operation("DELETE", row, statuses=(204, 400, 404)),
        Operation("GET", f"{language}/functions", statuses=(200,)),
        Operation("GET", f"{language}/operators", statuses=(200,)),
        Operation("POST", f"{language}/validate", "Expression", statuses=(200, 400)),
    ]


def _data_access() -> list[Operation]:
    return [
        Operation("GET", f"{_EXPORT}/batches/{{id}}/failed", query=("path",)),
        Operation("GET", f"{_EXPORT}/batches/{{id}}/meta", query=("path",)),
        Operation("GET", f"{_EXPORT}/batches/{{id}}/files"),
        Operation("GET", f"{_EXPORT}/files/{{id}}", query=("path",)),
        Operation("GET", f"{_EXPORT}/datasets/{{id}}/preview"),
    ]


def _others() -> list[Operation]:
    boxes, one = f"{_SANDBOXES}/sandboxes", f"{_SANDBOXES}/sandboxes/{{id}}"
    return [
        Operation("POST", _METRICS, "Report", statuses=(200, 400)),
        Operation("GET", boxes, statuses=(200,)),
        Operation("POST", boxes, "Sandbox", statuses=(201, 400)),
        Operation("GET", one),
        Operation("PUT", one, "Sandbox"),
        Operation("PATCH", one, "Sandbox"),
        Operation("DELETE", one),
        Operation("GET", f"{_SANDBOXES}/sandboxTypes", statuses=(200,)),
        Operation("GET", "/__emulator__/datasets/{id}/records", statuses=(200, 404)),
        Operation("GET", "/__emulator__/openapi.json", statuses=(200,)),
    ]
