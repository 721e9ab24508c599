"""
An XDM schema as a tree of typed nodes: what the check and the conversions are compiled from.

Source:
    XDM field constraints, adobe.md §4: a field's type is ``meta:xdmType`` where the registry wrote
    one, else it follows from ``type`` and ``format``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

_LONG_MAX = 2**53 - 1


class Kind(StrEnum):
    """What a field holds, as XDM names it."""

    STRING = "string"
    NUMBER = "number"
    BYTE = "byte"
    SHORT = "short"
    INT = "int"
    LONG = "long"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"
    OBJECT = "object"
    MAP = "map"
    ARRAY = "array"


INTEGER_RANGES: Mapping[Kind, tuple[int, int]] = {
    Kind.BYTE: (-(2**7), 2**7 - 1),
    Kind.SHORT: (-(2**15), 2**15 - 1),
    Kind.INT: (-(2**31), 2**31 - 1),
    Kind.LONG: (-_LONG_MAX, _LONG_MAX),
}


@dataclass(frozen=True, slots=True)
class Node:
    """
    One field.

    *properties* and *required* belong to objects, *element* to arrays (each item) and maps (each
    value). *rules* holds the field's own constraints in JSON Schema's words, e.g.
    ``{"enum": ["a"], "maxLength": 8}``.
    """

    kind: Kind
    properties: Mapping[str, Node] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    element: Node | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_scalar(self) -> bool:
        """Whether values of it have no parts."""
        return self.kind not in {Kind.OBJECT, Kind.MAP, Kind.ARRAY}

    def member(self, name: str) -> Node | None:
        """Find the field *name* of an object or a map; ``None`` when the schema lacks it."""
        if self.kind is Kind.MAP:
            return self.element
        return self.properties.get(name) if self.kind is Kind.OBJECT else None
