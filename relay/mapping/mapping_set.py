"""
A Data Prep mapping set, compiled once and applied to every event (pure).

Rows are applied from the shallowest destination to the deepest, and in their own order within a
depth: a row for an object comes first, rows for its members lie over it. A row that fails gives
its own field no value and a warning; the others go on. Null results are left out of the record.

Source:
    dataprep-language.md §7 (arrays, object copy, object and child rows), §8 (errors are local to
    their row). Assumed: the order of rows; see docs/assumptions.md, "mapping sets".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.errors import MappingError
from relay.mapping.evaluate import Evaluation
from relay.mapping.function import Context
from relay.mapping.fused_rows import compile_steps
from relay.mapping.rows import Row, read_row
from relay.mapping.steps import MappingWarning, Step, row_reads
from relay.schema import CompiledSchema
from relay.schema.document import shape_name


@dataclass(slots=True)
class Mapped:
    """A mapped record and what was lost on the way to it."""

    record: dict[str, Any]
    warnings: Sequence[MappingWarning]


class MappingSet:
    """The rows of one mapping set, with the schema they were written for."""

    def __init__(
        self, rows: Sequence[Row], *, schema_id: str = "", content_type: str = ""
    ) -> None:
        self.rows = tuple(rows)
        self.schema_id = schema_id
        self.content_type = content_type
        # The schema of the last `apply` and the rows compiled for it; changed only by `bound`.
        self._schema: CompiledSchema | None = None
        self._bound = BoundMapping(self._steps(None))

    @classmethod
    def from_json(cls, document: object) -> MappingSet:
        """
        Read a mapping set: a request or a response of Data Prep's API, or the list of rows alone.

        Raises:
            MappingError: every row that cannot be used, one a line, with carets.
        """
        rows, problems = read_rows(document)
        _, reference = _parts(document)
        if problems:
            raise MappingError("the mapping set cannot be used\n" + "\n".join(problems))
        schema_id, content_type = reference.get("id", ""), reference.get("contentType", "")
        return cls(rows, schema_id=str(schema_id), content_type=str(content_type))

    def apply(
        self,
        event: Mapping[str, Any],
        schema: CompiledSchema | None = None,
        context: Context | None = None,
    ) -> Mapped:
        """
        Map *event*; with *schema*, objects are copied and values converted as Data Prep does.

        *event* is not changed, and the record shares nothing with it. *context* gives expressions
        their time and chance; without one they get the system's.
        """
        return self.bound(schema).apply(event, context)

    def bound(self, schema: CompiledSchema | None) -> BoundMapping:
        """Compile the rows for *schema*; the last one asked for is kept."""
        if schema is not self._schema:
            self._bound = BoundMapping(self._steps(schema))
            self._schema = schema
        return self._bound

    def reads(self, path: tuple[str, ...], schema: CompiledSchema | None = None) -> bool:
        """Whether some row may need what stands at *path* in an event, or above or below it."""
        root = schema.root if schema is not None else None
        return any(row_reads(row, path, root) for row in self.rows)

    def _steps(self, schema: CompiledSchema | None) -> list[Step]:
        root = schema.root if schema is not None else None
        return compile_steps(sorted(self.rows, key=lambda row: len(row.path)), root)


class BoundMapping:
    """A mapping set compiled for one schema."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    def apply(self, event: Mapping[str, Any], context: Context | None = None) -> Mapped:
        """Map *event*; see `MappingSet.apply`."""
        record: dict[str, Any] = {}
        warnings: list[MappingWarning] = []
        evaluation = Evaluation(event, context)
        for step in self._steps:
            step(evaluation, record, warnings)
        return Mapped(record, warnings)


def read_rows(document: object) -> tuple[list[Row], list[str]]:
    """
    Read the rows of a mapping set that can be used, and say what is wrong with the others.

    Raises:
        MappingError: it has no rows.
    """
    problems: list[str] = []
    rows: list[Row] = []
    for number, raw in enumerate(_parts(document)[0], 1):
        try:
            rows.append(read_row(number, raw))
        except MappingError as error:
            problems.append(str(error))
    return rows, problems


def _parts(document: object) -> tuple[Sequence[object], Mapping[str, Any]]:
    """Find the rows and the schema reference in whatever shape the document has."""
    if isinstance(document, list):
        document = {"mappings": document}
    if not isinstance(document, Mapping):
        raise MappingError(
            f"a mapping set is an object with 'mappings', found {shape_name(document)}"
        )
    rows = document.get("mappings")
    if not isinstance(rows, list) or not rows:
        raise MappingError("a mapping set has a list 'mappings' with at least one row")
    output = document.get("outputSchema") or {}
    reference = output.get("schemaRef") or {} if isinstance(output, Mapping) else {}
    if not reference and document.get("xdmSchema"):
        reference = {"id": document["xdmSchema"]}
    return rows, reference if isinstance(reference, Mapping) else {}
