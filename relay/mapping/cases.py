"""
Cases of a mapping set: an event and the record that it must become (pure).

``{"event": {...}, "record": {...}}``, one a file; with ``"violations": true`` the record is
expected to break the schema. A case may bring its own ``"mapping"`` and ``"schema"``.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.errors import MappingError, SchemaError
from relay.mapping.mapping_set import MappingSet
from relay.schema import CompiledSchema, compile_schema


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went; *diff* is empty when it is as expected, else lines of - and +."""

    name: str
    diff: tuple[str, ...]


def run_case(
    name: str, document: object, mapping: MappingSet, schema: CompiledSchema
) -> CaseResult:
    """
    Map the case's event and compare.

    Raises:
        MappingError: the case is not an object with the objects ``event`` and ``record``, or the
            mapping set or the schema in it cannot be used.
    """
    if not isinstance(document, Mapping) or not {"event", "record"} <= document.keys():
        raise MappingError(
            f"case {name} cannot be used", hint='expected {"event": {...}, "record": {...}}'
        )
    if not isinstance(document["event"], Mapping) or not isinstance(document["record"], Mapping):
        raise MappingError(f"case {name} cannot be used: event and record have to be objects")
    mapping, schema = _own(name, document, mapping, schema)
    record = mapping.apply(document["event"], schema).record
    diff = list(
        difflib.unified_diff(
            _lines(document["record"]), _lines(record), "expected", "mapped", lineterm="", n=2
        )
    )
    breaks = not schema.is_valid(record)
    if breaks != bool(document.get("violations", False)):
        diff += [f"- violations: {not breaks}".lower(), f"+ violations: {breaks}".lower()]
        diff += [f"  {one.path}: {one.message}" for one in schema.check(record)]
    return CaseResult(name, tuple(diff))


def _own(
    name: str, document: Mapping[str, Any], mapping: MappingSet, schema: CompiledSchema
) -> tuple[MappingSet, CompiledSchema]:
    """Take the case's own mapping set and schema over the ones given."""
    try:
        if "mapping" in document:
            mapping = MappingSet.from_json(document["mapping"])
        if "schema" in document:
            schema = compile_schema(document["schema"])
    except (MappingError, SchemaError) as error:
        raise MappingError(f"case {name} cannot be used: {error}") from None
    return mapping, schema


def _lines(record: Any) -> list[str]:
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, default=str)
    return text.splitlines()
