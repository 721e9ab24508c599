"""
A schema with everything it refers to put into one document, as ``xed-full`` shows it.

References that lead nowhere, to a field group that was deleted since, bring nothing.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from relay.emulator.store import Item, Sandbox
from relay.emulator.xdm_parts import global_parts
from relay.errors import SchemaError
from relay.schema import CompiledSchema, compile_schema

KINDS = ("schemas", "fieldgroups", "classes", "datatypes")
_GLOBAL_KINDS = ("classes", "fieldgroups", "behaviors")
_MAX_DEPTH = 24
_MAX_NODES = 20_000
_INTEGERS = (("byte", 2**7), ("short", 2**15), ("int", 2**31))
_BRANCHES = frozenset(
    {"$ref", "allOf", "definitions", "properties", "items", "additionalProperties"}
)
_OWN_ONLY = frozenset(
    {"$id", "title", "description", "version", "imsOrg", "meta:altId", "meta:resourceType",
     "meta:registryMetadata", "meta:intendedToExtend", "meta:containerId", "meta:abstract",
     "meta:extensible", "meta:tenantNamespace", "meta:sandboxId", "meta:sandboxType",
     "meta:extends", "meta:class", "refs"}
)  # fmt: skip


def find_part(sandbox: Sandbox, id_: str) -> Item | None:
    """Find a schema, field group, class or data type by ``$id`` or ``meta:altId``."""
    for kind in KINDS:
        made = sandbox.of(kind)
        if id_ in made:
            return made[id_]
        for item in made.values():
            if item.get("meta:altId") == id_:
                return item
    for kind in _GLOBAL_KINDS:
        for item in global_parts(kind).values():
            if id_ in (item["$id"], item["meta:altId"]):
                return item
    return None


def composed(sandbox: Sandbox, id_: str, *, descriptors: bool = True) -> Item | None:
    """Compose the schema *id_*; with its identity descriptors, which make fields required."""
    part = find_part(sandbox, id_)
    if part is None:
        return None
    document = compose(sandbox, part)
    if descriptors:
        document["meta:descriptors"] = descriptors_of(sandbox, part["$id"])
    return document


def compiled(sandbox: Sandbox, id_: str) -> CompiledSchema | None:
    """
    Compile the schema *id_* to the check of records; ``None`` when there is none.

    Raises:
        SchemaError: what a caller put into it makes no schema.
    """
    document = composed(sandbox, id_)
    if document is None:
        return None
    try:
        return compile_schema(document)
    except (TypeError, ValueError, AttributeError):
        # The registry takes more than makes sense: "required": 5, "meta:xdmType": {}.
        raise SchemaError(f"the schema {id_} has a keyword with what makes no schema") from None


def compose(sandbox: Sandbox, part: Item) -> Item:
    """Put what ``$ref`` and ``allOf`` bring into a copy of *part*."""
    return _Composer(sandbox).flat(part, part, 0)


def descriptors_of(sandbox: Sandbox, schema_id: str) -> list[Item]:
    """List the descriptors of a schema."""
    made = sandbox.of("descriptors").values()
    return [item for item in made if item.get("xdm:sourceSchema") == schema_id]


def references_of(part: Any) -> list[str]:
    """List the ids of other resources that *part* refers to in its ``allOf``."""
    listed = part.get("allOf") if isinstance(part, dict) else None
    found = []
    for entry in _list(listed):
        reference = entry.get("$ref") if isinstance(entry, dict) else None
        if isinstance(reference, str) and not reference.startswith("#"):
            found.append(reference)
    return found


class _Composer:
    """One composition; what it may still visit is bounded, for references can go in circles."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._left = _MAX_NODES

    def flat(self, node: Any, document: Item, depth: int) -> Item:
        """Flatten one node; *document* is what its ``#/…`` references point into."""
        self._left -= 1
        if not isinstance(node, dict) or depth > _MAX_DEPTH or self._left < 0:
            return {}
        merged: Item = {}
        reference = node.get("$ref")
        if isinstance(reference, str):
            target, home = self._target(reference, document)
            merged = _merged(merged, _content(self.flat(target, home, depth + 1)))
        for entry in _list(node.get("allOf")):
            merged = _merged(merged, _content(self.flat(entry, document, depth + 1)))
        return _typed(_merged(merged, self._own(node, document, depth)))

    def _own(self, node: Item, document: Item, depth: int) -> Item:
        own = {key: deepcopy(value) for key, value in node.items() if key not in _BRANCHES}
        properties = node.get("properties")
        if isinstance(properties, dict):
            own["properties"] = {
                name: self.flat(child, document, depth + 1) for name, child in properties.items()
            }
        for key in ("items", "additionalProperties"):
            if isinstance(node.get(key), dict):
                own[key] = self.flat(node[key], document, depth + 1)
            elif key in node:
                own[key] = node[key]
        return own

    def _target(self, reference: str, document: Item) -> tuple[Any, Item]:
        base, _, pointer = reference.partition("#")
        home = document if not base else find_part(self._sandbox, base) or {}
        target: Any = home
        for step in filter(None, pointer.split("/")):
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        return target, home


def _content(part: Item) -> Item:
    """What a part brings to the whole: its fields, not its own name and history."""
    return {key: value for key, value in part.items() if key not in _OWN_ONLY}


def _merged(first: Item, second: Item) -> Item:
    merged = {**first, **second}
    ours, theirs = first.get("properties"), second.get("properties")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        both = dict(ours)
        for name, child in theirs.items():
            both[name] = _merged(both[name], child) if name in both else child
        merged["properties"] = both
    required = [*_list(first.get("required")), *_list(second.get("required"))]
    if required:
        merged["required"] = list(dict.fromkeys(map(str, required)))
    return merged


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _typed(node: Item) -> Item:
    """Write ``meta:xdmType``, which the registry generates."""
    if "properties" in node and "type" not in node:
        node["type"] = "object"
    if "type" in node and "meta:xdmType" not in node:
        node["meta:xdmType"] = _xdm_type(node)
    return node


def _xdm_type(node: Item) -> str:
    kind = node.get("type")
    if kind == "string" and node.get("format") in {"date", "date-time"}:
        return str(node["format"])
    if kind == "object" and isinstance(node.get("additionalProperties"), dict):
        return "object" if node.get("properties") else "map"
    if kind != "integer":
        return str(kind)
    low, high = node.get("minimum"), node.get("maximum")
    for name, bound in _INTEGERS:
        if low == -bound and high in (bound, bound - 1):
            return name
    return "long"
