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
from relay.mapping.limits import LimitPassed
from relay.mapping.nodes import Node
from relay.mapping.parser import parse
from relay.mapping.values import JavaArray, JavaSet, Key, Range, to_string

_AS_THEY_ARE: Final = frozenset({str, int, bool, float, type(None)})


class Expression:
    """A compiled expression; *tree* is what it was parsed to."""

    __slots__ = ("_code", "source", "tree")

    def __init__(self, source: str, tree: Node, code: Code) -> None:
        self.source = source
        self.tree = tree
        self._code = code

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
            value = self._code(Evaluation(record, context))
            return value if type(value) in _AS_THEY_ARE else _handed_out(value)
        except EvaluationError:
            raise
        except LimitPassed as error:
            raise self._problem(str(error), "limit") from None
        except _NoValue as error:
            raise self._problem(str(error), "operand") from None
        except RecursionError:
            message = "the values are nested too deep to be evaluated"
            raise self._problem(message, "limit") from None

    def _problem(self, message: str, kind: str) -> EvaluationError:
        return EvaluationError(message, source=self.source, kind=kind)

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


class _NoValue(Exception):
    """A result that is no value outside of the expression."""


def compile_expression(source: str) -> Expression:
    """
    Parse and compile *source*.

    Raises:
        ExpressionSyntaxError: what the engine's parser refuses, or a statement, or text past the
            bounds of `relay.mapping.limits`.
    """
    try:
        tree = parse(source)
        return Expression(source, tree, Compiler(source).code(tree))
    except RecursionError:
        raise ExpressionSyntaxError(
            "the expression is nested too deep to be read here", source=source, position=0
        ) from None


def _handed_out(value: Any) -> Any:
    """Give *value* as callers know it; what has nothing special inside stays the same object."""
    match value:
        case None | bool() | str() | int() | float():
            return value
        case Range():
            return value.to_list()
        case list():
            return _list_handed_out(value)
        case dict():
            if any(isinstance(key, Key) for key in value):
                return {_key_text(key): _handed_out(held) for key, held in value.items()}
            held_out = {key: _handed_out(held) for key, held in value.items()}
            return value if all(held_out[key] is value[key] for key in value) else held_out
        case LambdaValue():
            raise _NoValue("the expression gives a lambda, which is no value for a field")
    return value


def _list_handed_out(items: list[Any]) -> list[Any]:
    handed_out = [_handed_out(item) for item in items]
    if all(new is old for new, old in zip(handed_out, items, strict=True)):
        return items
    kind = type(items)
    return kind(handed_out) if kind in {JavaArray, JavaSet} else handed_out


def _key_text(key: Any) -> str:
    return to_string(key.value) if isinstance(key, Key) else str(key)
