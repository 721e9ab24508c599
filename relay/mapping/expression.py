"""
An expression, compiled once and evaluated for every event (pure).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping.calls import LambdaValue
from relay.mapping.compiler import Compiler
from relay.mapping.evaluate import Code, Evaluation
from relay.mapping.function import Context
from relay.mapping.fused import fused
from relay.mapping.limits import LimitPassed
from relay.mapping.nodes import Chain, Lambda, Node, walk
from relay.mapping.parser import parse
from relay.mapping.values import JavaArray, JavaSet, Key, Range, bounded, to_string

_AS_THEY_ARE: Final = frozenset({str, int, bool, float, type(None)})


class NoValue(Exception):
    """A result that is no value outside of the expression."""


FAULTS: Final = (EvaluationError, LimitPassed, NoValue, RecursionError)
"""What running an expression's code ends in when there is no value; see `Expression.problem`."""


class Expression:
    """
    A compiled expression; *tree* is what it was parsed to, *code* what runs.

    *multiplies* says that a result may hold one part of the record, or a range, any number of
    times, and wants to be `bounded` before it is copied.

    Who runs *code* over an evaluation of his own gets the language's values as they are, and one
    of `FAULTS`.
    """

    __slots__ = ("code", "multiplies", "source", "tree")

    def __init__(self, source: str, tree: Node, code: Code) -> None:
        self.source = source
        self.tree = tree
        self.code = code
        self.multiplies = any(_multiplies(node) for node, _ in walk(tree))

    def evaluate(self, record: Mapping[str, Any], context: Context | None = None) -> Any:
        """
        Give the value for *record*, which is not changed; the result may share parts with it.

        Types are those of `relay.mapping.values`: None, bool, int, float, Decimal, str, list, dict
        with text keys, or a date; a range is written out. *context* is for functions that ask for
        the time or for chance; without one they get the system's.

        Raises:
            EvaluationError: there is no value: an operand of the wrong type, an unknown function
                or method, a bound that is passed.
        """
        try:
            value = self.code(Evaluation(record, context))
            if type(value) in _AS_THEY_ARE:
                return value
            return handed_out(bounded(value) if self.multiplies else value)
        except FAULTS as error:
            raise self.problem(error) from None

    def problem(self, error: Exception) -> EvaluationError:
        """Give the error that *error*, one of `FAULTS`, is to the caller."""
        if isinstance(error, EvaluationError):
            return error
        message, kind = str(error), "operand" if isinstance(error, NoValue) else "limit"
        if isinstance(error, RecursionError):
            message = "the values are nested too deep to be evaluated"
        return EvaluationError(message, source=self.source, kind=kind)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


def _multiplies(node: Node) -> bool:
    is_range = isinstance(node, Chain) and any(each.operator == ".." for each in node.rest)
    return is_range or isinstance(node, Lambda)


def compile_expression(source: str) -> Expression:
    """
    Parse and compile *source*.

    Raises:
        ExpressionSyntaxError: what the engine's parser refuses, or a statement, or text past the
            bounds of `relay.mapping.limits`.
    """
    try:
        tree = parse(source)
        reference = Compiler(source).code(tree)
        return Expression(source, tree, fused(source, tree, reference))
    except RecursionError:
        raise ExpressionSyntaxError(
            "the expression is nested too deep to be read here", source=source, position=0
        ) from None


def handed_out(value: Any) -> Any:
    """
    Give *value* as callers know it; what has nothing special inside stays the same object.

    Raises:
        LimitPassed: a range is too long to be written out.
        NoValue: it is a lambda.
    """
    match value:
        case None | bool() | str() | int() | float():
            return value
        case Range():
            return value.to_list()
        case list():
            return _list_handed_out(value)
        case dict():
            if any(isinstance(key, Key) for key in value):
                return {key_text(key): handed_out(held) for key, held in value.items()}
            held_out = {key: handed_out(held) for key, held in value.items()}
            return value if all(held_out[key] is value[key] for key in value) else held_out
        case LambdaValue():
            raise NoValue("the expression gives a lambda, which is no value for a field")
    return value


def _list_handed_out(items: list[Any]) -> list[Any]:
    made = [handed_out(item) for item in items]
    if all(new is old for new, old in zip(made, items, strict=True)):
        return items
    kind = type(items)
    return kind(made) if kind in {JavaArray, JavaSet} else made


def key_text(key: Any) -> str:
    """Write a map's key as the text it is outside of the expression."""
    return to_string(key.value) if isinstance(key, Key) else str(key)
