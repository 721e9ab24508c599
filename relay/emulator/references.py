"""What refers to what: mapping sets by version, schemas by id and version, the flows using it."""

from __future__ import annotations

import re
from typing import Any

from relay.emulator.fields import whole
from relay.emulator.store import Item, Sandbox

_VERSION = re.compile(r"version\s*=\s*(\d+)")


def schema_reference(reference: Any) -> tuple[str, int]:
    """
    Reduce a reference to the schema's id and major version.

    Whether ``xed`` or ``xed-full`` is asked for, and how the version is spelled, does not matter:
    ``{"id": "https://ns…", "contentType": "application/vnd.adobe.xed-full+json;version=1"}``.

    Source: error 1425 (same id and version); adobe.md §11, C16 and C17.
    """
    if not isinstance(reference, dict):
        return str(reference or ""), 1
    kind = str(reference.get("contentType") or reference.get("version") or "")
    found = _VERSION.search(kind)
    return str(reference.get("id", "")), int(found[1][:9]) if found else 1


def mapping_schema(document: Item) -> tuple[str, int]:
    """The schema that a mapping set fills, in either dialect of the request."""
    output = document.get("outputSchema")
    reference = output.get("schemaRef") if isinstance(output, dict) else None
    return schema_reference(reference or document.get("xdmSchema"))


def mapping_at(sandbox: Sandbox, id_: str, version: int | None) -> Item | None:
    """Find one version of a mapping set, the latest without *version*."""
    item = sandbox.of("mappingSets").get(id_)
    if item is None:
        return None
    versions: list[Item] = item["versions"]
    if version is None:
        return versions[-1]
    return versions[version] if 0 <= version < len(versions) else None


def mapping_of(flow: Item) -> tuple[str, int | None]:
    """The mapping set and version that a flow names; no version means 0, a wrong one ``None``."""
    for step in _list(flow.get("transformations")):
        params = step.get("params") if isinstance(step, dict) else None
        if isinstance(params, dict) and params.get("mappingId"):
            return str(params["mappingId"]), whole(str(params.get("mappingVersion", 0)))
    return "", 0


def dataset_of(sandbox: Sandbox, flow: Item) -> Item | None:
    """The data set that a flow writes to."""
    for id_ in _list(flow.get("targetConnectionIds")):
        target = sandbox.of("targetConnections").get(str(id_)) or {}
        found = sandbox.of("dataSets").get(dataset_id_of(target))
        if found is not None:
            return found
    return None


def dataset_id_of(target: Item) -> str:
    """The data set that a target connection names; the documents spell the key in two ways."""
    params = target.get("params")
    if not isinstance(params, dict):
        return ""
    return str(params.get("dataSetId") or params.get("datasetId") or "")


def base_of(sandbox: Sandbox, flow: Item) -> Item | None:
    """The base connection behind a flow's source, if it has one."""
    for id_ in _list(flow.get("sourceConnectionIds")):
        source = sandbox.of("sourceConnections").get(str(id_)) or {}
        found = sandbox.of("connections").get(str(source.get("baseConnectionId", "")))
        if found is not None:
            return found
    return None


def flows_using(sandbox: Sandbox, kind: str, id_: str) -> list[str]:
    """List the ids of the flows that need the object *id_* of *kind*."""
    return [flow["id"] for flow in sandbox.of("flows").values() if _uses(sandbox, flow, kind, id_)]


def _uses(sandbox: Sandbox, flow: Item, kind: str, id_: str) -> bool:
    match kind:
        case "sourceConnections":
            return id_ in _list(flow.get("sourceConnectionIds"))
        case "targetConnections":
            return id_ in _list(flow.get("targetConnectionIds"))
        case "mappingSets":
            return mapping_of(flow)[0] == id_
        case "dataSets":
            found = dataset_of(sandbox, flow)
            return found is not None and found["id"] == id_
        case "connections":
            base = base_of(sandbox, flow)
            return base is not None and base["id"] == id_
        case _:
            return False


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
