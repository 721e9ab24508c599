"""
A mapping set on one event, row by row: what each saw, what it gave, why it gave nothing (pure).

Every row is tried alone, so that its own result shows, whatever other rows do at the same place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.errors import EvaluationError
from relay.mapping.function import Context
from relay.mapping.mapping_set import MappingSet
from relay.mapping.paths import EACH
from relay.mapping.places import MISSING, dense, read
from relay.mapping.rows import Row, SourceType
from relay.mapping.values import java_type
from relay.schema import CompiledSchema


@dataclass(frozen=True, slots=True)
class RowStory:
    """
    What one row did.

    *seen* is the value of its source and *seen_type* Java's name for its type, empty when there
    is none; *result* is what the row alone puts into the record; *why* says why nothing.
    """

    number: int
    source: str
    seen: Any
    seen_type: str
    destination: str
    result: Any
    why: str


def explain(
    mapping: MappingSet,
    event: Mapping[str, Any],
    schema: CompiledSchema | None = None,
    context: Context | None = None,
) -> list[RowStory]:
    """Tell what each row of *mapping* does with *event*; *event* is not changed."""
    return [_story(row, event, schema, context) for row in mapping.rows]


def _story(
    row: Row, event: Mapping[str, Any], schema: CompiledSchema | None, context: Context | None
) -> RowStory:
    mapped = MappingSet((row,)).apply(event, schema, context)
    seen = _seen(row, event, context)
    why = "; ".join(warning.detail for warning in mapped.warnings)
    if not why and not mapped.record:
        why = "the value is null, so the field stays out"
    return RowStory(
        row.number,
        row.source,
        None if seen is MISSING else seen,
        "" if seen is MISSING else java_type(seen),
        row.destination,
        _placed(mapped.record, row),
        why,
    )


def _seen(row: Row, event: Mapping[str, Any], context: Context | None) -> Any:
    """Look at the row's source as the row does; `MISSING` when it is not there or fails."""
    match row.source_type:
        case SourceType.ATTRIBUTE:
            return dense(read(event, row.attribute), row.attribute.count(EACH))
        case SourceType.STATIC:
            return row.source
        case SourceType.EXPRESSION:
            assert row.expression is not None
            try:
                return row.expression.evaluate(event, context)
            except EvaluationError:
                return MISSING


def _placed(record: dict[str, Any], row: Row) -> Any:
    """Look at the row's destination; where an array's index went unsaid, at the whole record."""
    placed = read(record, row.path)
    return (record or None) if placed is MISSING else placed
