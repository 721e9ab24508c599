"""
References compiled to code: a name and the steps from it (pure).

::

    units   what the engine takes as one step: .name · [i][j] · .name(…)(…) · [i](…), and each of
            them with the .size() or .empty() that follows

A null on the way is null at the end, with two exceptions of the engine. Where the first name is
null, longer names are tried: ``a.b.c`` may be a field called ``a.b``, or ``a.b.c``. And ``size()``
of a member that is null is 0. ``[*]`` is Data Prep's: what follows is read from every element.

Source:
    Commons JEXL 3.1, Interpreter.visit(ASTReference), ASTMethodNode, ASTArrayAccess. Assumed: an
    element that lacks what follows ``[*]`` is null in the result; see docs/assumptions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.mapping import matching, nodes
from relay.mapping.calls import invoke, method_code
from relay.mapping.evaluate import FAILURES, Code, Evaluation, StepCode, fault
from relay.mapping.members import element, index_of, indexed, member
from relay.mapping.nodes import Name, Node, Reference, Span, Step
from relay.mapping.operators import Compiles


@dataclass(frozen=True, slots=True)
class Unit:
    """One step as the engine takes it; *name* when it is a plain member."""

    code: StepCode
    name: str | None = None
    is_call: bool = False


def reference_code(compiler: Compiles, node: Reference, *, is_field: bool) -> Code:
    """Compile *node*; *is_field* says that its head is the name of a field of the record."""
    head = node.head
    names = plain_names(node) if is_field else ()
    first = head.name if isinstance(head, Name) and is_field else None
    code, steps = compiler.code(head), list(node.steps)
    # size() right after the head is the size of the head, null or not.
    while steps and (special := _special(steps[0])) is not None:
        code, first = _after(code, special), None
        del steps[0]
    units = _units(compiler, steps)

    def follow(evaluation: Evaluation) -> Any:
        value = code(evaluation)
        if first is None:
            return None if value is None else _follow(evaluation, units, value)
        return _follow_field(evaluation, units, value, first)

    return _names_code(names, follow) if names else follow


def _names_code(names: tuple[str, ...], follow: Code) -> Code:
    """Compile the most common reference, names only; *follow* is for all that is not maps."""
    first, *rest = names

    def read(evaluation: Evaluation) -> Any:
        value = evaluation.record.get(first)
        for name in rest:
            if type(value) is not dict:
                return follow(evaluation)
            value = value.get(name)
        return value

    return read


def plain_names(node: Reference) -> tuple[str, ...]:
    """Give the names that *node*, which starts with one, has; empty when it has other steps."""
    assert isinstance(node.head, Name)
    names = [node.head.name]
    for step in node.steps:
        if not isinstance(step, nodes.Member) or not _is_plain(step.name):
            return ()
        names.append(step.name)
    return tuple(names)


def _is_plain(name: str) -> bool:
    return name != "class" and index_of(name) is None


def _follow(evaluation: Evaluation, units: Sequence[Unit], value: Any) -> Any:
    for unit in units:
        value = unit.code(evaluation, value)
        if value is None:
            return None
    return value


def _follow_field(evaluation: Evaluation, units: Sequence[Unit], value: Any, tried: str) -> Any:
    """Follow *units* from the field *tried*; while all is null, try longer names of fields."""
    is_joined, may_join = True, value is None
    for unit in units:
        if unit.is_call and value is None:
            return None
        value = unit.code(evaluation, value)
        if value is not None:
            may_join = False
        elif not may_join:
            return None
        else:
            is_joined = is_joined and unit.name is not None
            tried = f"{tried}.{unit.name}" if is_joined else tried
            value = evaluation.record.get(tried)
    return value


def _units(compiler: Compiles, steps: list[Step]) -> list[Unit]:
    units: list[Unit] = []
    at = 0
    while at < len(steps):
        step = steps[at]
        special = _special(step)
        if isinstance(step, nodes.Each):
            units.append(Unit(_each_code(_units(compiler, steps[at + 1 :]))))
            return units
        if special is not None:
            # The first is of an element of [*]: the head has taken those right after it.
            units[-1:] = [Unit(_then(units[-1].code, special) if units else special)]
            at += 1
            continue
        end = _unit_end(steps, at)
        units.append(_unit(compiler, steps[at:end]))
        at = end
    return units


def _unit_end(steps: list[Step], at: int) -> int:
    end = at + 1
    if isinstance(steps[at], nodes.Index):
        while end < len(steps) and isinstance(steps[end], nodes.Index):
            end += 1
    while end < len(steps) and isinstance(steps[end], nodes.Invocation):
        end += 1
    return end


def _unit(compiler: Compiles, steps: list[Step]) -> Unit:
    first = steps[0]
    if isinstance(first, nodes.Member) and len(steps) == 1:
        return Unit(_member_code(compiler.source, first), first.name)
    codes = [_step_code(compiler, step) for step in steps]
    is_call = isinstance(steps[-1], (nodes.MethodCall, nodes.Invocation))

    def run(evaluation: Evaluation, value: Any) -> Any:
        for code in codes:
            if value is None:
                return None
            value = code(evaluation, value)
        return value

    return Unit(run, is_call=is_call)


def _step_code(compiler: Compiles, step: Step) -> StepCode:
    source = compiler.source
    match step:
        case nodes.Index(index):
            return _index_code(source, step.span, index, compiler.code(index))
        case nodes.MethodCall(name, arguments):
            return method_code(
                source, step.span, name, [compiler.code(each) for each in arguments]
            )
        case nodes.Invocation(arguments):
            return _invocation_code(source, step.span, [compiler.code(each) for each in arguments])
        case nodes.Member():
            return _member_code(source, step)
    raise AssertionError(step)


def _member_code(source: str, step: nodes.Member) -> StepCode:
    name, span = step.name, step.span
    is_plain = _is_plain(name)

    def read(_evaluation: Evaluation, value: Any) -> Any:
        if value is None:
            return None
        if is_plain and type(value) is dict:
            return value.get(name)
        try:
            return member(value, name)
        except FAILURES as error:
            raise fault(source, span, error, value) from None

    return read


def _index_code(source: str, span: Span, index: Node, code: Code) -> StepCode:
    if isinstance(index, nodes.Literal) and type(index.value) is int:
        position = index.value

        def pick(_evaluation: Evaluation, value: Any) -> Any:
            return element(value, position) if type(value) is list else indexed(value, position)

        return pick

    def read(evaluation: Evaluation, value: Any) -> Any:
        key = code(evaluation)
        try:
            return indexed(value, key)
        except FAILURES as error:
            raise fault(source, span, error, value, key) from None

    return read


def _invocation_code(source: str, span: Span, arguments: list[Code]) -> StepCode:
    def call(evaluation: Evaluation, value: Any) -> Any:
        return invoke(source, span, value, [argument(evaluation) for argument in arguments])

    return call


def _each_code(units: list[Unit]) -> StepCode:
    def read(evaluation: Evaluation, value: Any) -> Any:
        if not isinstance(value, list):
            return None
        found = [None if item is None else _follow(evaluation, units, item) for item in value]
        return evaluation.made(found)

    return read


def _special(step: Step) -> StepCode | None:
    match step:
        case nodes.SizeMethod():
            return lambda _evaluation, value: matching.size(value)
        case nodes.EmptyMethod():
            return lambda _evaluation, value: matching.is_empty(value)
    return None


def _after(code: Code, special: StepCode) -> Code:
    return lambda evaluation: special(evaluation, code(evaluation))


def _then(code: StepCode, special: StepCode) -> StepCode:
    def run(evaluation: Evaluation, value: Any) -> Any:
        return special(evaluation, None if value is None else code(evaluation, value))

    return run
