"""
Operators compiled to code (pure).

Source:
    Commons JEXL 3.1, Interpreter: ``&&`` and ``||`` stop at the first operand that decides and
    give truth; everything else evaluates both sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from relay.errors import EvaluationError
from relay.mapping import arithmetic, comparison, matching
from relay.mapping.coercion import to_boolean, to_long
from relay.mapping.evaluate import FAILURES, SWALLOWED, Code, Evaluation, fault
from relay.mapping.nodes import Chain, Literal, Node, Operation, Unary
from relay.mapping.values import Range

Binary = Callable[[Any, Any], Any]


class Compiles(Protocol):
    """What compiles the parts of a node; *source* is what errors point into."""

    source: str

    def code(self, node: Node) -> Code:
        """Compile *node*."""
        ...


def _differs(left: Any, right: Any) -> bool:
    return not comparison.same(left, right)


def _range(left: Any, right: Any) -> Range:
    return Range(to_long(left), to_long(right))


def _in(left: Any, right: Any) -> bool:
    return matching.contains(right, left)


def _not_in(left: Any, right: Any) -> bool:
    return not matching.contains(right, left)


def _no_start(left: Any, right: Any) -> bool:
    return not matching.starts_with(left, right)


def _no_end(left: Any, right: Any) -> bool:
    return not matching.ends_with(left, right)


_BINARY: Final[dict[str, Binary]] = {
    "|": arithmetic.bit_or,
    "^": arithmetic.bit_xor,
    "&": arithmetic.bit_and,
    "==": comparison.same,
    "!=": _differs,
    "..": _range,
    "<": comparison.less,
    ">": comparison.greater,
    "<=": comparison.less_or_same,
    ">=": comparison.greater_or_same,
    "=~": _in,
    "!~": _not_in,
    "=^": matching.starts_with,
    "!^": _no_start,
    "=$": matching.ends_with,
    "!$": _no_end,
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "%": arithmetic.modulo,
}
_MAKES_TEXT: Final = "+"
_TAKES_TIME: Final = frozenset({"=~", "!~"})


def chain_code(compiler: Compiles, node: Chain) -> Code:
    """Compile a run of operators of one precedence."""
    operators = {operation.operator for operation in node.rest}
    if operators <= {"&&", "||"}:
        parts = [node.first, *(operation.operand for operation in node.rest)]
        return _logic_code([compiler.code(part) for part in parts], decides="||" in operators)
    code = compiler.code(node.first)
    if len(node.rest) == 1:
        return _binary_code(compiler, node, code, node.rest[0])
    steps = [(_BINARY[each.operator], compiler.code(each.operand), each) for each in node.rest]
    source, start = compiler.source, node.span[0]

    def fold(evaluation: Evaluation) -> Any:
        left = code(evaluation)
        for operate, operand, operation in steps:
            right = operand(evaluation)
            try:
                left = evaluation.made(operate(left, right))
            except FAILURES as error:
                span = (start, operation.span[1])
                raise fault(source, span, error, left, right) from None
        return left

    return fold


def _logic_code(codes: list[Code], *, decides: bool) -> Code:
    """Compile ``||`` (decided by the first true operand) or ``&&`` (by the first false one)."""

    def logic(evaluation: Evaluation) -> bool:
        for code in codes:
            if to_boolean(code(evaluation)) is decides:
                return decides
        return not decides

    return logic


def _binary_code(compiler: Compiles, node: Chain, code: Code, operation: Operation) -> Code:
    operate, operand = _BINARY[operation.operator], compiler.code(operation.operand)
    source, span = compiler.source, node.span

    def binary(evaluation: Evaluation) -> Any:
        left, right = code(evaluation), operand(evaluation)
        try:
            return operate(left, right)
        except FAILURES as error:
            raise fault(source, span, error, left, right) from None

    def sum_(evaluation: Evaluation) -> Any:
        left, right = code(evaluation), operand(evaluation)
        try:
            return evaluation.made(operate(left, right))
        except FAILURES as error:
            raise fault(source, span, error, left, right) from None

    def timed(evaluation: Evaluation) -> Any:
        left, right = code(evaluation), operand(evaluation)
        started_s = time.monotonic()
        try:
            result = operate(left, right)
            evaluation.took(time.monotonic() - started_s)
        except FAILURES as error:
            raise fault(source, span, error, left, right) from None
        return result

    if operation.operator == _MAKES_TEXT:
        return sum_
    return timed if operation.operator in _TAKES_TIME else binary


def unary_code(compiler: Compiles, node: Unary) -> Code:
    """Compile an operator before its operand."""
    operand = compiler.code(node.operand)
    match node.operator:
        case "!":
            return lambda evaluation: not to_boolean(operand(evaluation))
        case "empty":
            return _swallowing(operand, matching.is_empty, nothing=True)
        case "size":
            return _swallowing(operand, matching.size, nothing=0)
        case "-" if isinstance(node.operand, Literal) and _is_number(node.operand.value):
            negated = arithmetic.negate_literal(node.operand.value)
            return lambda _evaluation: negated
    operate = arithmetic.negate if node.operator == "-" else arithmetic.complement
    source, span = compiler.source, node.span

    def unary(evaluation: Evaluation) -> Any:
        value = operand(evaluation)
        try:
            return operate(value)
        except FAILURES as error:
            raise fault(source, span, error, value) from None

    return unary


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, (bool, str))


def _swallowing(operand: Code, operate: Callable[[Any], Any], *, nothing: Any) -> Code:
    """Compile ``empty`` or ``size``: an operand that fails counts as *nothing*."""

    def unary(evaluation: Evaluation) -> Any:
        try:
            return operate(operand(evaluation))
        except EvaluationError as error:
            if error.kind in SWALLOWED:
                return nothing
            raise

    return unary
