"""
Rows from names to names, fused to one Python function (pure).

`relay.mapping.steps` makes a function of each row, which walks the event and the record from their
roots. That is the reference. Rows that follow each other and have only names on both sides, as all
of the tutorial's, become the text of one function here, compiled once, that finds each object of
the event and of the record once for all of them. One row of it, ``data.id`` to ``_tenant.id``::

    if (t3 := t1.get(c4)) is None:                         # t1: event["data"]
     if c4 not in t1:
      c5(ev, record, warnings) if t1 is c1 else warnings.append(c6)
    elif t2 is None:                                       # t2: record["_tenant"]
     if (t2 := c7(record, c8, c13, t3 if type(t3) is c10 else c11(t3))) is None:
      warnings.append(c9)
    else:
     if type(t3) is not c10:
      t3 = c11(t3)
      if type(t3) is dict:
       t3 = c12(t2.get(c13), t3)
     t2[c13] = t3

Where the event has no object for the source of a row, its reference says what that means; when the
event itself is no plain object, all of them do. Nothing of a mapping or an event stands in the
text, see `Names`.

An object found in the record stays the right one because no row of a function has a shorter
destination than the row before it: none replaces an object that a row before it found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from relay.mapping.fused_pieces import Names
from relay.mapping.places import merged, put
from relay.mapping.rows import Row
from relay.mapping.steps import NamedRow, Step, compile_step, named_row
from relay.schema import Node

# Bounds the time to compile one function; more rows make another.
_MAX_ROWS: Final = 200
# A row that starts from deeper down in the event stays alone.
_MAX_DEPTH: Final = 12
_EVERYWHERE: Final = {"__builtins__": {}, "type": type, "dict": dict}
_Run = list[tuple[NamedRow, Step]]


def compile_steps(rows: Sequence[Row], root: Node | None) -> list[Step]:
    """
    Compile *rows* for the schema *root*, in their order; ``None`` means without a schema.

    One after the other, the steps do what those of `compile_step` do.
    """
    steps: list[Step] = []
    run: _Run = []
    for row in rows:
        named, reference = named_row(row, root), compile_step(row, root)
        if named is None or len(named.source) > _MAX_DEPTH:
            steps += [*_fused(run), reference]
            run = []
            continue
        if run and not _may_follow(named, run):
            steps += _fused(run)
            run = []
        run.append((named, reference))
    return steps + _fused(run)


def _may_follow(row: NamedRow, run: _Run) -> bool:
    return len(run) < _MAX_ROWS and len(row.parents) >= len(run[-1][0].parents)


def _fused(run: _Run) -> list[Step]:
    return [_RowFusion().function(run)] if len(run) > 1 else [reference for _, reference in run]


class _RowFusion:
    """The text of one function while it is made."""

    def __init__(self) -> None:
        # Grow with every row: the names, the lines, and the locals of the objects in the event
        # and in the record that rows before it needed.
        self._names = Names(_EVERYWHERE)
        self._lines: list[str] = []
        self._sources: dict[tuple[str, ...], str] = {(): "r"}
        self._holders: dict[tuple[str, ...], str] = {(): "record"}
        # Stands for an object that the event does not have; nothing is ever put into it.
        self._nothing = self._names.constant({})
        self._merged = self._names.constant(merged)
        self._put = self._names.constant(put)

    def function(self, run: _Run) -> Step:
        """Compile the whole text."""
        for row, reference in run:
            self._add(row, self._names.constant(reference))
        references = self._names.constant(tuple(reference for _, reference in run))
        holders = " = ".join([*list(self._holders.values())[1:], "None"])
        text = "\n ".join(
            [
                "def run(ev, record, warnings):",
                "r = ev.record",
                "if type(r) is not dict:",
                f" for step in {references}:",
                "  step(ev, record, warnings)",
                " return",
                holders,
                *self._lines,
            ]
        )
        namespace = self._names.namespace
        code = compile(text, "<fused rows>", "exec")
        exec(code, namespace)  # noqa: S102 - text that was made here of names made here
        step: Step = namespace["run"]
        return step

    def _add(self, row: NamedRow, reference: str) -> None:
        constant, value = self._names.constant, self._names.local()
        source, holder = self._source(row.source[:-1]), self._holder(row.parents)
        name, leaf = constant(row.source[-1]), constant(row.leaf)
        passes, fit = constant(row.passes), constant(row.fit)
        missing = f"warnings.append({constant(row.missing)})"
        self._lines += [
            f"if ({value} := {source}.get({name})) is None:",
            f" if {name} not in {source}:",
            f"  {reference}(ev, record, warnings) if {source} is {self._nothing} else {missing}",
        ]
        if row.parents:
            fitted = f"{value} if type({value}) is {passes} else {fit}({value})"
            put_there = f"{self._put}(record, {constant(row.parents)}, {leaf}, {fitted})"
            self._lines += [
                f"elif {holder} is None:",
                f" if ({holder} := {put_there}) is None:",
                f"  warnings.append({constant(row.taken)})",
            ]
        self._lines += [
            "else:",
            f" if type({value}) is not {passes}:",
            f"  {value} = {fit}({value})",
            f"  if type({value}) is dict:",
            f"   {value} = {self._merged}({holder}.get({leaf}), {value})",
            f" {holder}[{leaf}] = {value}",
        ]

    def _source(self, names: tuple[str, ...]) -> str:
        """Give the local of the object at *names* in the event."""
        if names not in self._sources:
            above = self._source(names[:-1])
            found = self._sources[names] = self._names.local()
            self._lines += [
                f"{found} = {above}.get({self._names.constant(names[-1])})",
                f"if type({found}) is not dict:",
                f" {found} = {self._nothing}",
            ]
        return self._sources[names]

    def _holder(self, parents: tuple[str, ...]) -> str:
        """Give the local of the object at *parents* in the record; None until a row puts there."""
        if parents not in self._holders:
            self._holders[parents] = self._names.local()
        return self._holders[parents]
