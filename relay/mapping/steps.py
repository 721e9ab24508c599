"""
A row compiled to one function that reads, fits and writes (pure).

Attribute rows between plain dotted paths are by far the most; they get a function of their own,
because one runs for every event. Everything else goes through `relay.mapping.places`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.errors import EvaluationError
from relay.mapping.function import Context
from relay.mapping.paths import EACH, Path
from relay.mapping.places import MISSING, PlaceTakenError, read, remove, write
from relay.mapping.results import plain
from relay.mapping.rows import Row, SourceType
from relay.schema import Kind, Node
from relay.schema.convert import Fit, fitting


class WarningKind(StrEnum):
    """What went wrong in one row, without refusing the record; a metric's label."""

    MISSING_SOURCE = "missing_source"
    EXPRESSION_FAILED = "expression_failed"
    DESTINATION_TAKEN = "destination_taken"


@dataclass(frozen=True, slots=True)
class MappingWarning:
    """
    One row that gave no value, and why; *detail* never holds the event's content.

    Of a failed expression *error* is the whole of it, with position, caret and hint.
    """

    kind: WarningKind
    row: Row
    detail: str
    error: EvaluationError | None = None

    def __str__(self) -> str:
        return f"{self.row}: {self.error or self.detail}"


Step = Callable[[Mapping[str, Any], dict[str, Any], list[MappingWarning]], None]


def compile_step(
    row: Row, root: Node | None, rows: Sequence[Row], context: Context | None = None
) -> Step:
    """
    Compile *row*, one of *rows*, for the schema *root*; ``None`` means without a schema.

    Expressions are evaluated in *context*, without one in the system's.
    """
    path, node = _placed_in(row.path, root)
    fit = fitting(node, known_only=row.source_type is SourceType.ATTRIBUTE)
    if row.source_type is SourceType.ATTRIBUTE:
        plain = _names(row.attribute), _names(path)
        if plain[0] and plain[1] and _stands_alone(row, rows):
            return _plain_step(row, plain[0], plain[1], fit)
        return _attribute_step(row, path, fit)
    if row.source_type is SourceType.STATIC:
        return _static_step(row, path, fit)
    return _expression_step(row, path, fit, context)


def row_reads(row: Row, path: tuple[str, ...], root: Node | None) -> bool:
    """
    Whether *row* may need what stands at *path* in an event, or what is above or below it.

    Object copy needs what the schema *root* has room for. An expression is asked for its words,
    which may say yes without need, never no.
    """
    match row.source_type:
        case SourceType.ATTRIBUTE:
            return _copies(row, path, root)
        case SourceType.EXPRESSION:
            return _mentions(row.source, path)
        case SourceType.STATIC:
            return False


def _copies(row: Row, path: tuple[str, ...], root: Node | None) -> bool:
    shared = min(len(path), len(row.attribute))
    if row.attribute[:shared] != path[:shared]:
        return False
    node = _placed_in(row.path, root)[1]
    for name in path[shared:]:
        if node is None:
            return True
        node = node.member(name)
        if node is None:
            return False
    return True


def _mentions(source: str, path: tuple[str, ...]) -> bool:
    if re.search(rf"\b{re.escape(path[-1])}\b", source):
        return True
    # The whole of it, when no plain member access follows: data["x"], f(data), data != null.
    return re.search(rf"\b{re.escape(path[0])}\b(?!\s*\.\s*[A-Za-z_$])", source) is not None


def _placed_in(path: Path, root: Node | None) -> tuple[Path, Node | None]:
    """
    Find the field *path* ends at, and write out what the path leaves unsaid.

    Assumed: a name right after an array means its first element (docs/assumptions.md).
    """
    placed: list[Any] = []
    node = root
    for step in path:
        if node is not None and node.kind is Kind.ARRAY:
            node = node.element
            if isinstance(step, str):
                placed.append(0)
                node = node.member(step) if node is not None else None
        elif node is not None:
            node = node.member(step) if isinstance(step, str) else None
        placed.append(step)
    return tuple(placed), node


def _names(path: Path) -> tuple[str, ...]:
    """Return *path* when it has names only, else nothing."""
    names = tuple(step for step in path if isinstance(step, str))
    return names if len(names) == len(path) else ()


def _stands_alone(row: Row, rows: Sequence[Row]) -> bool:
    """Whether no other row writes to, above or below the same place."""
    for other in rows:
        shared = min(len(other.path), len(row.path))
        if other is not row and other.path[:shared] == row.path[:shared]:
            return False
    return True


def _missing(row: Row) -> MappingWarning:
    return MappingWarning(WarningKind.MISSING_SOURCE, row, f"the event has no {row.source}")


def _taken(row: Row) -> MappingWarning:
    detail = "another row put a value where this one needs an object or an array"
    return MappingWarning(WarningKind.DESTINATION_TAKEN, row, detail)


def _plain_step(row: Row, source: tuple[str, ...], path: tuple[str, ...], fit: Fit) -> Step:
    parents, leaf = path[:-1], path[-1]
    missing = _missing(row)

    def step(
        event: Mapping[str, Any], record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        value: Any = event
        try:
            for name in source:
                value = value[name]
        except (KeyError, TypeError):
            # A null on the way is a null at the end; anything else without members is missing.
            if value is not None:
                warnings.append(missing)
            return
        if value is None:
            return
        holder = record
        for name in parents:
            child = holder.get(name)
            if child is None:
                child = holder[name] = {}
            holder = child
        holder[leaf] = fit(value)

    return step


def _attribute_step(row: Row, path: Path, fit: Fit) -> Step:
    source, missing, taken = row.attribute, _missing(row), _taken(row)
    spreads = EACH in source and EACH not in path

    def step(
        event: Mapping[str, Any], record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        value = read(event, source)
        if value is MISSING:
            warnings.append(missing)
            return
        if value is None or (spreads and not value):
            return
        try:
            write(record, path, value, fit)
        except PlaceTakenError:
            warnings.append(taken)

    return step


def _static_step(row: Row, path: Path, fit: Fit) -> Step:
    taken = _taken(row)

    def step(
        _event: Mapping[str, Any], record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        try:
            write(record, path, row.source, fit)
        except PlaceTakenError:
            warnings.append(taken)

    return step


def _expression_step(row: Row, path: Path, fit: Fit, context: Context | None) -> Step:
    assert row.expression is not None
    evaluate = row.expression.evaluate
    taken = _taken(row)

    def step(
        event: Mapping[str, Any], record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        try:
            value = plain(evaluate(event, context))
        except EvaluationError as error:
            kind = WarningKind.EXPRESSION_FAILED
            warnings.append(MappingWarning(kind, row, error.message, error))
            value = None
        if value is None:
            # What an object row copied there goes too: this is what nullify() is for.
            remove(record, path)
            return
        try:
            write(record, path, value, fit)
        except PlaceTakenError:
            warnings.append(taken)

    return step
