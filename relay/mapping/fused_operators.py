"""
The text of operators in a fused expression; see `relay.mapping.fused` (pure).

Two texts, or two whole numbers of 32 bits, are taken as Python takes them; anything else goes to
the functions of `relay.mapping.arithmetic` and `relay.mapping.comparison`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from relay.mapping import arithmetic, comparison, matching
from relay.mapping.fused_pieces import SHORT_CHARS, Fuses, Known, Piece, literal_of
from relay.mapping.nodes import Chain, Node, Unary
from relay.mapping.numbers import INT_MAX, INT_MIN

_MAX_CHAIN: Final = 12
_ORDER: Final = {
    "<": comparison.less,
    ">": comparison.greater,
    "<=": comparison.less_or_same,
    ">=": comparison.greater_or_same,
}
_WHOLE: Final = {
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
}
_AFFIXES: Final = {"=^": matching.starts_with, "=$": matching.ends_with}
_WITHIN: Final = {int: f"{INT_MIN} <= {{0}} <= {INT_MAX}", str: f"len({{0}}) <= {SHORT_CHARS}"}


def chain_piece(fusion: Fuses, node: Chain) -> Piece | None:
    """Give the text for operators of one precedence."""
    operators = {operation.operator for operation in node.rest}
    operands = [node.first, *(operation.operand for operation in node.rest)]
    if len(operands) > _MAX_CHAIN:
        return None
    if operators in ({"&&"}, {"||"}):
        word = " and " if "&&" in operators else " or "
        return Piece(f"({word.join(map(fusion.truth, operands))})", Known.TRUTH)
    if len(operands) == 2:  # noqa: PLR2004 - one operator
        return _binary(fusion, node.rest[0].operator, operands)
    return None


def unary_piece(fusion: Fuses, node: Unary) -> Piece | None:
    """Give the text for an operator before its operand."""
    if node.operator == "!":
        return Piece(f"(not {fusion.truth(node.operand)})", Known.TRUTH)
    if node.operator not in {"empty", "size"}:
        return None
    held, text = fusion.local(), fusion.piece(node.operand).text
    if node.operator == "empty":
        call = fusion.constant(matching.is_empty)
        fast = f"not {held} if type({held} := {text}) is str"
        return Piece(f"({fast} else {call}({held}))", Known.TRUTH)
    call = fusion.constant(matching.size)
    return Piece(
        f"(len({held}) if type({held} := {text}) is str and {held}.isascii() else {call}({held}))"
    )


def _binary(fusion: Fuses, operator: str, sides: Sequence[Node]) -> Piece | None:
    if operator in {"==", "!="}:
        return _equality(fusion, operator, sides)
    if operator in _ORDER:
        return Piece(_guarded(fusion, operator, sides, int, _ORDER[operator]), Known.TRUTH)
    if operator in _AFFIXES:
        left, right = (fusion.piece(side).text for side in sides)
        return Piece(f"{fusion.constant(_AFFIXES[operator])}({left}, {right})", Known.TRUTH)
    if operator not in _WHOLE:
        return None
    kind = str if operator == "+" and str in map(_literal_type, sides) else int
    for side in sides:
        literal = literal_of(side)
        # A literal past 32 bits makes the result a Long, and a long text wants to be counted.
        if literal is not None and not (type(literal.value) is kind and _is_within(literal.value)):
            return None
    return Piece(_guarded(fusion, operator, sides, kind, _WHOLE[operator], is_made=True))


def _is_within(value: Any) -> bool:
    return INT_MIN <= value <= INT_MAX if type(value) is int else len(value) <= SHORT_CHARS


def _literal_type(node: Node) -> type | None:
    literal = literal_of(node)
    return None if literal is None else type(literal.value)


def _equality(fusion: Fuses, operator: str, sides: Sequence[Node]) -> Piece:
    word = "is" if operator == "==" else "is not"
    for side, other in (sides, sides[::-1]):
        if _literal_type(side) is type(None):
            return Piece(f"({fusion.piece(other).text} {word} None)", Known.TRUTH)
    call = comparison.same if operator == "==" else _differs
    kind = int if int in map(_literal_type, sides) else str
    return Piece(_guarded(fusion, operator, sides, kind, call), Known.TRUTH)


def _differs(left: Any, right: Any) -> bool:
    return not comparison.same(left, right)


def _guarded(
    fusion: Fuses,
    operator: str,
    sides: Sequence[Node],
    kind: type,
    call: Callable[[Any, Any], Any],
    *,
    is_made: bool = False,
) -> str:
    """Give the text for *operator* where both *sides* are of *kind*, and for *call* elsewhere."""
    names, tests = [], []
    for side in sides:
        text = fusion.piece(side).text
        if _literal_type(side) is kind:
            names.append(text)
            continue
        held = fusion.local()
        names.append(held)
        test = f"type({held} := {text}) is {kind.__name__}"
        tests.append(f"({test} and {_WITHIN[kind].format(held)})" if is_made else f"({test})")
    fast = f" {operator} ".join(names)
    slow = f"{fusion.constant(call)}({', '.join(names)})"
    # & and not `and`: both sides are evaluated, whatever the first one is.
    return (
        f"({fast} if {' & '.join(tests) or True} else {f'ev.made({slow})' if is_made else slow})"
    )
