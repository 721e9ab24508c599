"""
A row compiled to one function that reads, fits and writes (pure).

Destinations that are names only are by far the most; they are written by `put`, everything else
by `write` of `relay.mapping.places`. What fits its field as it is, is put there without a call.
Rows from names to names that follow each other run together, see `relay.mapping.fused_rows`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from relay.errors import EvaluationError
from relay.mapping.evaluate import Evaluation
from relay.mapping.expression import FAULTS
from relay.mapping.paths import EACH, Path
from relay.mapping.places import MISSING, PlaceTakenError, dense, put, read, remove, write
from relay.mapping.results import PLAIN, plain, plain_bounded
from relay.mapping.rows import Row, SourceType
from relay.schema import Kind, Node
from relay.schema.convert import Fit, fitting, passing


class WarningKind(StrEnum):
    """What went wrong in one row, without refusing the record; a metric's label."""

    MISSING_SOURCE = "missing_source"
    EXPRESSION_FAILED = "expression_failed"
    DESTINATION_TAKEN = "destination_taken"


# A member that is not called, as `data.values()` is.
_MEMBER = r"\s*\.\s*[A-Za-z_$](?>[\w$@]*\s*)(?!\()"


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


@dataclass(frozen=True, slots=True)
class NamedRow:
    """
    A row that takes a value at names and puts it at names, without array, index or expression.

    A value of the type *passes* stands in the field as it is, any other as *fit* copies it.
    """

    source: tuple[str, ...]
    parents: tuple[str, ...]
    leaf: str
    fit: Fit
    passes: type
    missing: MappingWarning
    taken: MappingWarning


Step = Callable[[Evaluation, dict[str, Any], list[MappingWarning]], None]
"""Maps the record that the evaluation reads into the other, by one row."""


def compile_step(row: Row, root: Node | None) -> Step:
    """Compile *row* for the schema *root*; ``None`` means without a schema."""
    named = named_row(row, root)
    if named is not None:
        return _named_step(named)
    path, node = _placed_in(row.path, root)
    fit = fitting(node, known_only=row.source_type is SourceType.ATTRIBUTE)
    names = _names(path)
    if row.source_type is SourceType.STATIC:
        return _static_step(row, path, fit)
    if row.source_type is SourceType.ATTRIBUTE:
        return _attribute_step(row, path, fit)
    if names:
        return _named_expression_step(row, names, fit, passing(node))
    return _expression_step(row, path, fit)


def named_row(row: Row, root: Node | None) -> NamedRow | None:
    """Read *row* as one from names to names; None when it is none."""
    path, node = _placed_in(row.path, root)
    source, names = _names(row.attribute), _names(path)
    if row.source_type is not SourceType.ATTRIBUTE or not source or not names:
        return None
    fit, missing, taken = fitting(node, known_only=True), _missing(row), _taken(row)
    return NamedRow(source, names[:-1], names[-1], fit, passing(node), missing, taken)


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
    # The whole of it, when no plain member access follows: data["x"], f(data), data.values().
    return re.search(rf"\b{re.escape(path[0])}\b(?!{_MEMBER})", source) is not None


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


def _missing(row: Row) -> MappingWarning:
    return MappingWarning(WarningKind.MISSING_SOURCE, row, f"the event has no {row.source}")


def _taken(row: Row) -> MappingWarning:
    detail = "another row put a value where this one needs an object or an array"
    return MappingWarning(WarningKind.DESTINATION_TAKEN, row, detail)


def _named_step(row: NamedRow) -> Step:
    source, parents, leaf, fit, passes = row.source, row.parents, row.leaf, row.fit, row.passes
    missing, taken = row.missing, row.taken

    def step(
        evaluation: Evaluation, record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        value: Any = evaluation.record
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
        if type(value) is not passes:
            value = fit(value)
        if put(record, parents, leaf, value) is None:
            warnings.append(taken)

    return step


def _attribute_step(row: Row, path: Path, fit: Fit) -> Step:
    source, missing, taken = row.attribute, _missing(row), _taken(row)
    spreads = EACH in source and EACH not in path
    # Lists of source's [*] that no [*] of the destination spreads.
    whole = source.count(EACH) - path.count(EACH)

    def fit_dense(value: Any) -> Any:
        return fit(dense(value, whole))

    place = fit_dense if whole > 0 else fit

    def step(
        evaluation: Evaluation, record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        value = read(evaluation.record, source)
        if value is MISSING:
            warnings.append(missing)
            return
        if value is None or (spreads and not value):
            return
        try:
            write(record, path, value, place)
        except PlaceTakenError:
            warnings.append(taken)

    return step


def _static_step(row: Row, path: Path, fit: Fit) -> Step:
    taken = _taken(row)

    def step(
        _evaluation: Evaluation, record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        try:
            write(record, path, row.source, fit)
        except PlaceTakenError:
            warnings.append(taken)

    return step


def _named_expression_step(row: Row, path: tuple[str, ...], fit: Fit, passes: type) -> Step:
    assert row.expression is not None
    code, parents, leaf = row.expression.code, path[:-1], path[-1]
    copy, taken = plain_bounded if row.expression.multiplies else plain, _taken(row)

    def step(
        evaluation: Evaluation, record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        if evaluation.is_spent:
            evaluation.renew()
        try:
            value = code(evaluation)
            if type(value) is not passes:
                value = fit(value if type(value) in PLAIN else copy(value))
        except FAULTS as error:
            warnings.append(_failed(row, error))
            value = None
        if value is None:
            remove(record, path)
        elif put(record, parents, leaf, value) is None:
            warnings.append(taken)

    return step


def _expression_step(row: Row, path: Path, fit: Fit) -> Step:
    assert row.expression is not None
    code, taken = row.expression.code, _taken(row)
    copy = plain_bounded if row.expression.multiplies else plain

    def step(
        evaluation: Evaluation, record: dict[str, Any], warnings: list[MappingWarning]
    ) -> None:
        if evaluation.is_spent:
            evaluation.renew()
        try:
            value = copy(code(evaluation))
        except FAULTS as error:
            warnings.append(_failed(row, error))
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


def _failed(row: Row, fault: Exception) -> MappingWarning:
    assert row.expression is not None
    error = row.expression.problem(fault)
    return MappingWarning(WarningKind.EXPRESSION_FAILED, row, error.message, error)
