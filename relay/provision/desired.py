"""
What the set-up at Adobe should be, from the configuration alone. Pure.

Every request body stands here as a function of the ids it needs, so that ``plan``, ``apply`` and
``export --curl`` speak of the same thing. Names are the user's; a mark in the description (a tag,
for the data set) says which route made a resource, so that nothing else is ever touched.

The ids of specs are the tutorial's fixed ones (`relay.adobe.flow_service`). Its known defects are
not copied: the tenant's name comes from the registry, not from the sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.adobe.flow_service import (
    CUSTOMERIO_PROVIDER,
    CUSTOMERIO_SPEC,
    DATA_LAKE_SPEC,
    STREAMING_FLOW_SPEC,
)
from relay.adobe.schema_registry import EXPERIENCE_EVENT, PROFILE
from relay.provision.infer import inferred

Item = dict[str, Any]

SCHEMA_VERSION = "application/vnd.adobe.xed-full+json;version=1"
IDENTITY_MAP = "https://ns.adobe.com/xdm/context/identitymap"
_CLASS_FIELDS = frozenset(
    {"_id", "timestamp", "eventType", "producedBy", "personID", "identityMap"}
)
_KEPT_KEYS = ("type", "format", "minimum", "maximum", "enum", "pattern", "minLength", "maxLength")
_SEGMENT = re.compile(r"(?:\\.|[^.\\])+")
_INDEX = re.compile(r"\[(?:\*|\d+)\]$")


@dataclass(frozen=True, slots=True)
class Desired:
    """
    The set-up of one route.

    *mapping* is the mapping set's document, *local_schema* the XDM document that types are taken
    from; *schema_id* is empty when the schema is to be created. *flow_id* is the flow that the
    settings name, empty when they name none.
    """

    route: str
    name: str
    description: str
    mapping: Item
    local_schema: Item
    schema_id: str = ""
    flow_id: str = ""

    @property
    def mark(self) -> str:
        """What a description ends with when this route made the resource."""
        return f"(relay route {self.route})"

    @property
    def marked_description(self) -> str:
        """The user's description with the mark."""
        return f"{self.description} {self.mark}".strip()

    def rows(self, tenant: str) -> list[Item]:
        """List the mapping's rows in its own dialect, with the tenant's real name."""
        rows: list[Item] = self.mapping.get("mappings", [])
        return [_with_tenant(row, tenant) for row in rows]

    def destinations(self, tenant: str) -> list[str]:
        """List the destination paths, in the mapping's order."""
        return [_destination(row) for row in self.rows(tenant)]

    @property
    def class_id(self) -> str:
        """
        The class of a schema to be made: ExperienceEvent if its two required fields are fed.

        Assumed:
            A set that feeds no ``_id`` and ``timestamp``, as the tutorial's, fits a record class.
        """
        fed = {path.split(".", 1)[0] for path in map(_destination, self.mapping["mappings"])}
        return EXPERIENCE_EVENT if {"_id", "timestamp"} <= fed else PROFILE

    def field_group(self, tenant: str) -> Item:
        """The field group that holds the tenant's own fields."""
        return {
            "type": "object",
            "title": f"{self.name} fields",
            "description": self.marked_description,
            "meta:intendedToExtend": [self.class_id],
            "definitions": {
                "customFields": {
                    "properties": {
                        f"_{tenant}": {"type": "object", "properties": self.fields(tenant)}
                    }
                }
            },
            "allOf": [{"$ref": "#/definitions/customFields"}],
        }

    def fields(self, tenant: str) -> Item:
        """The tenant's own fields as XDM properties, nested."""
        properties: Item = {}
        prefix = f"_{tenant}."
        for row in self.rows(tenant):
            path = _destination(row)
            if path.startswith(prefix):
                leaf = self._described(path) or inferred(row)
                _grow(properties, split_path(path[len(prefix) :]), leaf)
        return properties

    def schema(self, tenant: str, field_group_id: str) -> Item:
        """The schema: class, field group, and the identity map when the mapping feeds it."""
        parts = [{"$ref": self.class_id}, {"$ref": field_group_id}]
        if any(path.startswith("identityMap") for path in self.destinations(tenant)):
            parts.append({"$ref": IDENTITY_MAP})
        return {
            "type": "object",
            "title": self.name,
            "description": self.marked_description,
            "allOf": parts,
        }

    def dataset(self, schema_id: str) -> Item:
        """The data set, with error diagnostics, or failed records could not be looked up."""
        return {
            "name": self.name,
            "schemaRef": {"id": schema_id, "contentType": SCHEMA_VERSION},
            "enableErrorDiagnostics": True,
            "tags": {"relay_route": [self.route]},
        }

    def mapping_set(self, tenant: str, schema_id: str) -> Item:
        """The mapping set, bound to the schema it fills."""
        return {
            "outputSchema": {"schemaRef": {"id": schema_id, "contentType": SCHEMA_VERSION}},
            "mappings": self.rows(tenant),
        }

    def source_connection(self) -> Item:
        """The source connection of the tutorial."""
        return {
            "name": self.name,
            "providerId": CUSTOMERIO_PROVIDER,
            "description": self.marked_description,
            "connectionSpec": {"id": CUSTOMERIO_SPEC, "version": "1.0"},
            "data": {"format": "json"},
        }

    def target_connection(self, schema_id: str, dataset_id: str) -> Item:
        """The target connection of the tutorial."""
        return {
            "name": self.name,
            "description": self.marked_description,
            "connectionSpec": {"id": DATA_LAKE_SPEC, "version": "1.0"},
            "data": {
                "format": "json",
                "schema": {"id": schema_id, "version": SCHEMA_VERSION},
            },
            "params": {"dataSetId": dataset_id},
        }

    def flow(
        self, *, source_id: str, target_id: str, mapping_id: str, mapping_version: int
    ) -> Item:
        """The flow of the tutorial."""
        return {
            "name": self.name,
            "description": self.marked_description,
            "flowSpec": {"id": STREAMING_FLOW_SPEC, "version": "1.0"},
            "sourceConnectionIds": [source_id],
            "targetConnectionIds": [target_id],
            "transformations": [transformation(mapping_id, mapping_version)],
        }

    def _described(self, path: str) -> Item:
        """The type of one destination as the local schema has it; empty when it has none."""
        node: Any = self.local_schema
        # The sample's tenant is not the real one: below the root the names are the same.
        for depth, segment in enumerate(split_path(path)):
            name = _INDEX.sub("", segment)
            properties = node.get("properties", {}) if isinstance(node, dict) else {}
            if depth == 0 and name.startswith("_") and name not in properties:
                name = next((key for key in properties if is_tenant_root(key)), name)
            node = properties.get(name)
            if isinstance(node, dict) and _INDEX.search(segment):
                node = node.get("items", node)
        return _kept(node) if isinstance(node, dict) else {}


def _kept(node: Item) -> Item:
    """What a field group says about a field, with what is below it."""
    kept = {key: node[key] for key in _KEPT_KEYS if key in node}
    if isinstance(node.get("properties"), dict):
        kept["properties"] = {name: _kept(below) for name, below in node["properties"].items()}
    if isinstance(node.get("items"), dict):
        kept["items"] = _kept(node["items"])
    return kept


def transformation(mapping_id: str, mapping_version: int) -> Item:
    """The one transformation of a flow."""
    return {
        "name": "Mapping",
        "params": {"mappingId": mapping_id, "mappingVersion": mapping_version},
    }


def split_path(path: str) -> list[str]:
    r"""Split a destination at its dots; ``\.`` is a dot of the name itself."""
    return [found[0].replace("\\.", ".") for found in _SEGMENT.finditer(path)]


def is_tenant_root(name: str) -> bool:
    """Whether a first path segment is a tenant's namespace: an underscore, and not the class's."""
    return name.startswith("_") and name not in _CLASS_FIELDS


def canonical_rows(rows: list[Item]) -> list[tuple[str, str, str]]:
    """
    Reduce rows of either dialect to (kind, source, destination), to compare ours with Adobe's.

    Stored legacy rows come back with ``sourceType`` ``text/x.schema-path``, and no document says
    in which order: only that of rows for one destination is kept, the others are sorted.
    """
    reduced = [(_kind(row), _source(row), _destination(row)) for row in rows]
    return sorted(reduced, key=lambda row: row[2])


def _kind(row: Mapping[str, Any]) -> str:
    kind = str(row.get("sourceType", "ATTRIBUTE"))
    known = {"EXPRESSION": "EXPRESSION", "STATIC": "STATIC", "text/x.aep-xl": "EXPRESSION"}
    return known.get(kind, "ATTRIBUTE")


def _source(row: Mapping[str, Any]) -> str:
    return str(row.get("source") or row.get("sourceAttribute") or "")


def _destination(row: Mapping[str, Any]) -> str:
    return str(row.get("destination") or row.get("destinationXdmPath") or "")


def _with_tenant(row: Item, tenant: str) -> Item:
    key = "destination" if "destination" in row else "destinationXdmPath"
    root, dot, rest = str(row.get(key, "")).partition(".")
    if dot and is_tenant_root(root):
        return {**row, key: f"_{tenant}.{rest}"}
    return row


def _grow(properties: Item, segments: list[str], leaf: Item) -> None:
    name, rest = _INDEX.sub("", segments[0]), segments[1:]
    is_array = _INDEX.search(segments[0]) is not None
    if not rest:
        field = {"type": "array", "items": leaf} if is_array else leaf
        # A row for an object and rows for its members may stand in any order.
        properties[name] = {**field, **properties.get(name, {})}
        return
    node = properties.setdefault(name, {})
    if is_array:
        node.setdefault("type", "array")
        node = node.setdefault("items", {})
    node["type"] = "object"
    _grow(node.setdefault("properties", {}), rest, leaf)
