"""
Reading an XDM schema document into `Node`s: references, ``allOf``, types, required fields.

A registry lookup with ``Accept: application/vnd.adobe.xed-full+json; version=1`` has everything in
one document. One with ``xed+json`` keeps ``$ref``; the documents it refers to are then given by
their ``$id`` or ``meta:altId``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from relay.errors import SchemaError
from relay.schema.node import INTEGER_RANGES, Kind, Node

_MAX_DEPTH = 64  # deeper than any published schema; what a reference to itself runs into
_IDENTITY = "xdm:descriptorIdentity"
_RULES = (
    "enum",
    "const",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
)
_BY_TYPE = {
    "string": Kind.STRING,
    "number": Kind.NUMBER,
    "integer": Kind.LONG,
    "boolean": Kind.BOOLEAN,
    "array": Kind.ARRAY,
    "object": Kind.OBJECT,
}
_BY_FORMAT = {"date": Kind.DATE, "date-time": Kind.DATE_TIME}
# What is read here and has one shape; everything else is copied or left alone.
_SHAPES: Mapping[str, type] = {
    "properties": dict,
    "required": list,
    "allOf": list,
    "$ref": str,
    "format": str,
    "meta:xdmType": str,
    "meta:xdmField": str,
    "meta:descriptors": list,
}
_SHAPE_NAMES: Mapping[type, str] = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def shape_name(value: object) -> str:
    """Name what *value* is in JSON, for a person who wrote it: ``an object``, ``a number``."""
    return _SHAPE_NAMES.get(type(value), "a number")


def read_document(
    document: Mapping[str, Any], references: Mapping[str, Mapping[str, Any]]
) -> Node:
    """
    Read the whole *document*.

    Raises:
        SchemaError: naming the field that cannot be read.
    """
    reader = _Reader(document, references)
    node = reader.node(document, "#", 0)
    if node.kind is not Kind.OBJECT:
        raise SchemaError(f"the schema's root is a {node.kind}, expected an object")
    for path in _primary_identities(document):
        node = _with_required(node, path)
    return node


class _Reader:
    """One document with what it may refer to."""

    def __init__(
        self, document: Mapping[str, Any], references: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._document = document
        self._references = references

    def node(self, raw: Mapping[str, Any], where: str, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise SchemaError(f"{where}: nested deeper than {_MAX_DEPTH} levels")
        raw = self._flattened(raw, where, depth)
        kind = _kind(raw, where)
        rules = {name: raw[name] for name in _RULES if name in raw}
        if kind in INTEGER_RANGES:
            low, high = INTEGER_RANGES[kind]
            rules = {"minimum": low, "maximum": high} | rules
        if kind is Kind.ARRAY:
            return Node(kind, element=self._element(raw, "items", where, depth), rules=rules)
        if kind is Kind.MAP:
            element = self._element(raw, "additionalProperties", where, depth)
            return Node(kind, element=element, rules=rules)
        if kind is Kind.OBJECT:
            return self._object(raw, where, depth)
        return Node(kind, rules=rules)

    def _object(self, raw: Mapping[str, Any], where: str, depth: int) -> Node:
        properties = raw.get("properties", {})
        nodes = {
            name: self.node(child, f"{where}/{name}", depth + 1)
            for name, child in properties.items()
        }
        names = {child.get("meta:xdmField"): name for name, child in properties.items()}
        required = (names.get(name, name) for name in raw.get("required", ()))
        return Node(Kind.OBJECT, nodes, tuple(dict.fromkeys(required)))

    def _element(self, raw: Mapping[str, Any], key: str, where: str, depth: int) -> Node | None:
        element = raw.get(key)
        if not isinstance(element, Mapping):
            return None
        return self.node(element, f"{where}/*", depth + 1)

    def _flattened(self, raw: Mapping[str, Any], where: str, depth: int) -> Mapping[str, Any]:
        """Put what ``$ref`` and ``allOf`` bring into *raw* itself; its own words win."""
        _refuse_other_shapes(raw, where)
        if depth > _MAX_DEPTH:
            raise SchemaError(f"{where}: references go round in a circle")
        parts = list(raw.get("allOf", ()))
        if "$ref" in raw:
            parts.append(self._referred(raw["$ref"], where))
        if not parts:
            return raw
        merged: dict[str, Any] = {}
        for part in (*(self._flattened(part, where, depth + 1) for part in parts), raw):
            merged = _merged(merged, part)
        return merged

    def _referred(self, reference: str, where: str) -> Mapping[str, Any]:
        base, _, pointer = reference.partition("#")
        target: Any = self._document if not base else self._references.get(base)
        for step in filter(None, pointer.split("/")):
            key = step.replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            raise SchemaError(
                f"{where}: nothing known as {reference}",
                hint="look the schema up with Accept: application/vnd.adobe.xed-full+json",
            )
        return target


def _refuse_other_shapes(raw: Any, where: str) -> None:
    """
    Look at all of *raw* that reading it relies on.

    Raises:
        SchemaError: naming the word whose value no schema document has.
    """
    _refuse_other_shape(raw, dict, where)
    for word, shape in _SHAPES.items():
        if word in raw:
            _refuse_other_shape(raw[word], shape, f"{where}: {word}")
    for name, child in raw.get("properties", {}).items():
        _refuse_other_shape(child, dict, f"{where}/{name}")
    for name in raw.get("required", ()):
        _refuse_other_shape(name, str, f"{where}: required")


def _refuse_other_shape(value: Any, shape: type, where: str) -> None:
    if not isinstance(value, shape):
        raise SchemaError(f"{where}: expected {_SHAPE_NAMES[shape]}, found {shape_name(value)}")


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**first, **second}
    properties = dict(first.get("properties", {}))
    for name, child in second.get("properties", {}).items():
        properties[name] = _merged(properties[name], child) if name in properties else child
    if properties:
        merged["properties"] = properties
    required = [*first.get("required", ()), *second.get("required", ())]
    if required:
        merged["required"] = required
    return merged


def _kind(raw: Mapping[str, Any], where: str) -> Kind:
    named = raw.get("meta:xdmType")
    if named in set(Kind):
        return _object_or_map(raw) if named == Kind.OBJECT else Kind(named)
    kind = _BY_FORMAT.get(raw.get("format", "")) or _BY_TYPE.get(_type(raw))
    if kind is None:
        raise SchemaError(
            f"{where}: type {raw['type']!r} is not one of XDM's"
            if "type" in raw
            else f"{where}: there is no type",
            hint="expected " + ", ".join(_BY_TYPE),
        )
    return _object_or_map(raw) if kind is Kind.OBJECT else kind


def _type(raw: Mapping[str, Any]) -> str:
    """Name the one type; a document in composed form leaves ``object`` unsaid."""
    named = raw.get("type", "object" if "properties" in raw else "")
    if isinstance(named, list):
        named = next((name for name in named if name != "null"), "")
    return str(named)


def _object_or_map(raw: Mapping[str, Any]) -> Kind:
    is_map = isinstance(raw.get("additionalProperties"), Mapping) and not raw.get("properties")
    return Kind.MAP if is_map else Kind.OBJECT


def _primary_identities(document: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """
    Paths of primary identity fields, when the document came with its descriptors.

    Source: a primary identity makes its field required (adobe.md §4, time-series tutorial).
    """
    for descriptor in document.get("meta:descriptors", ()):
        _refuse_other_shape(descriptor, dict, "#: meta:descriptors")
        if descriptor.get("@type") == _IDENTITY and descriptor.get("xdm:isPrimary"):
            path = descriptor.get("xdm:sourceProperty", "")
            _refuse_other_shape(path, str, "#: xdm:sourceProperty")
            yield tuple(path.strip("/").split("/"))


def _with_required(node: Node, path: tuple[str, ...]) -> Node:
    name, rest = path[0], path[1:]
    child = node.properties.get(name)
    if child is None:
        return node
    properties = {**node.properties, name: _with_required(child, rest) if rest else child}
    required = tuple(dict.fromkeys((*node.required, name)))
    return Node(node.kind, properties, required, node.element, node.rules)
