"""
What is wrong with a mapping set before it has seen an event (pure).

Errors cost a field, or every record; warnings are what a person may want but probably does not.

Source:
    dataprep-language.md §2 (placeholders that Adobe's templates replace), §7 (paths, object copy),
    §8 (what a failing row costs).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from relay.errors import EvaluationError
from relay.mapping import methods, registry
from relay.mapping.expression import Expression
from relay.mapping.fitness import misfit
from relay.mapping.mapping_set import MappingSet
from relay.mapping.nodes import (
    FunctionCall,
    Lambda,
    MethodCall,
    Name,
    Node,
    Reference,
    walk,
)
from relay.mapping.paths import EACH, Path, Segment, format_path
from relay.mapping.rows import Row, SourceType
from relay.schema import CompiledSchema, Kind
from relay.schema import Node as Field

# What every event of Customer.io has at its root (docs: reporting webhooks, "event format").
EVENT_FIELDS = frozenset({"data", "event_id", "metric", "object_type", "timestamp"})

_PLACEHOLDER = re.compile(r"\$\{[A-Z][A-Z0-9_]*\}")


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing to mend.

    *row* is None for what no row is to blame for. *position* is an offset into *source*, the text
    that the caret points into; without a source there is no caret.
    """

    severity: Literal["error", "warning"]
    row: Row | None
    message: str
    source: str = ""
    position: int = 0
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.row}: " if self.row is not None else ""
        return str(
            EvaluationError(
                where + self.message, source=self.source, position=self.position, hint=self.hint
            )
        )


def lint(mapping: MappingSet, schema: CompiledSchema) -> list[Finding]:
    """List what is wrong with *mapping* for *schema*: rows in their order, the schema last."""
    fields = EVENT_FIELDS | {name for row in mapping.rows for name in _root_names(row)}
    findings: list[Finding] = []
    for row in mapping.rows:
        findings += _calls(row, fields)
        findings += _methods(row)
        findings += _placeholders(row)
        field, problem = _destination(row, schema.root)
        if problem is not None:
            findings.append(problem)
        elif field is not None and (why := misfit(row, field)):
            findings.append(
                Finding("error", row, why, row.source, hint="change the source or the field")
            )
    findings += _repeated(mapping.rows)
    findings += _unfed(schema.root, (), [row.path for row in mapping.rows])
    return findings


def _tree(row: Row) -> Node | None:
    return row.expression.tree if isinstance(row.expression, Expression) else None


def _root_names(row: Row) -> Iterator[str]:
    """Name the fields of the event's root that *row* reads."""
    tree = _tree(row)
    if tree is None:
        if row.attribute and isinstance(row.attribute[0], str):
            yield row.attribute[0]
        return
    parameters = {
        name for node, _ in walk(tree) if isinstance(node, Lambda) for name in node.parameters
    }
    for node, _ in walk(tree):
        if isinstance(node, Name) and node.name not in parameters:
            yield node.name


def _calls(row: Row, fields: Iterable[str]) -> list[Finding]:
    tree = _tree(row)
    if tree is None:
        return []
    calls = [node for node, _ in walk(tree) if isinstance(node, FunctionCall)]
    calls.sort(key=lambda call: call.span)
    return [found for call in calls for found in _call(row, call, fields)]


def _call(row: Row, call: FunctionCall, fields: Iterable[str]) -> Iterator[Finding]:
    at = call.span[0]
    if call.namespace:
        message = f"there is no namespace {call.namespace}: functions have none"
        hint = "in condition ? a : f(x), write (f(x))"
        yield Finding("error", row, message, row.source, at, hint)
        return
    known = registry.find(call.name)
    if known is None:
        near = registry.nearest(call.name)
        hint = f"did you mean {near}" if near else "docs/mapping-language.md lists them all"
        yield Finding("error", row, f"there is no function {call.name}", row.source, at, hint)
        return
    count = len(call.arguments)
    if not known.accepts(count):
        message = f"{call.name} expects {known.expects()}, found {count}"
        yield Finding("error", row, message, row.source, at, known.signature)
    if call.name in fields:
        message = f"{call.name}(…) is not called: events have a field of that name"
        hint = "use another function, now() for timestamp()"
        yield Finding("error", row, message, row.source, at, hint)


def _methods(row: Row) -> Iterator[Finding]:
    """Find calls of methods that no value has, whatever the event holds."""
    tree = _tree(row)
    if tree is None:
        return
    known = methods.names()
    steps = [
        step
        for node, _ in walk(tree)
        if isinstance(node, Reference)
        for step in node.steps
        if isinstance(step, MethodCall) and step.name not in known
    ]
    for step in sorted(steps, key=lambda step: step.span):
        near = get_close_matches(step.name, known, n=1)
        hint = f"did you mean {near[0]}" if near else "docs/mapping-language.md lists them all"
        at = row.source.find(step.name, step.span[0])
        message = f"there is no method {step.name} that a mapping can call"
        yield Finding("error", row, message, row.source, max(at, 0), hint)


def _placeholders(row: Row) -> Iterator[Finding]:
    if row.source_type is SourceType.ATTRIBUTE:
        return
    for found in _PLACEHOLDER.finditer(row.source):
        yield Finding(
            "warning",
            row,
            f"{found[0]} is a placeholder of a template, which nothing replaces here",
            row.source,
            found.start(),
            "write the value in its place",
        )


def _destination(row: Row, root: Field) -> tuple[Field | None, Finding | None]:
    """Find the field that *row* writes to; ``None`` is a field that may hold anything."""
    field: Field | None = root
    for at, step in enumerate(row.path):
        if field is None:
            return None, None
        if field.kind is Kind.ARRAY and isinstance(step, str):
            field = field.element
            if field is None:
                return None, None
        problem = _step_problem(row, at, step, field)
        if problem is not None:
            return None, problem
        field = field.member(step) if isinstance(step, str) else field.element
    return field, None


def _step_problem(row: Row, at: int, step: Segment, field: Field) -> Finding | None:
    parent = format_path(row.path[:at])
    text = row.destination
    start = len(parent) if text.startswith(parent) else 0
    if not isinstance(step, str):
        if field.kind is Kind.ARRAY:
            return None
        message = f"{parent} is no array in the schema, but {_article(field.kind)}"
        return Finding("error", row, message, text, start, "leave the index out")
    start += text.startswith(".", start)
    if field.kind is Kind.MAP or field.member(step) is not None:
        return None
    if field.kind is not Kind.OBJECT:
        message = f"{parent or 'the root'} is {_article(field.kind)} and has no member {step}"
        return Finding("error", row, message, text, start)
    near = get_close_matches(step, field.properties, n=1)
    hint = f"did you mean {near[0]}" if near else "expected " + _some(field.properties)
    message = f"the schema has no {format_path(row.path[: at + 1])}"
    return Finding("error", row, message, text, start, hint)


def _article(kind: Kind) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")  # noqa: PLR2004 - one line


def _repeated(rows: Iterable[Row]) -> Iterator[Finding]:
    first: dict[Path, Row] = {}
    for row in rows:
        other = first.setdefault(row.path, row)
        if other is not row:
            message = f"row {other.number} writes to the same place; this one lies over it"
            yield Finding("warning", row, message, hint="keep one, or join them with coalesce")


def _unfed(field: Field, path: Path, written: list[Path]) -> Iterator[Finding]:
    """Name required fields that no row writes to, in objects that some row makes."""
    for name in field.required:
        if not any(_meets(other, (*path, name)) for other in written):
            where = format_path((*path, name))
            message = f"nothing feeds {where}, which the schema requires"
            yield Finding("error", None, message, hint=f"add a row with the destination {where}")
    for name, child in field.properties.items():
        inner = (*path, name)
        deeper = [other for other in written if len(other) > len(inner) and _meets(other, inner)]
        if child.kind is Kind.OBJECT and any(
            _names(other)[: len(inner)] == inner for other in deeper
        ):
            yield from _unfed(child, inner, written)


def _meets(written: Path, wanted: Path) -> bool:
    """Whether a row that writes to *written* may fill *wanted*."""
    return all(a == b for a, b in zip(_names(written), _names(wanted), strict=False))


def _names(path: Path) -> Path:
    return tuple(step for step in path if step is not EACH and not isinstance(step, int))
