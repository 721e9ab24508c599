"""
``=~``, ``=^``, ``=$``, ``empty`` and ``size``: what holds what (pure).

Source:
    Commons JEXL 3.1, JexlArithmetic and Operators: contains, startsWith, endsWith, isEmpty, size.
    tests/data/jexl-cases.jsonl, tests/language/jexl.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from relay.mapping import java_text
from relay.mapping.coercion import to_int, to_long, to_text
from relay.mapping.comparison import same
from relay.mapping.failures import JavaError
from relay.mapping.function import FunctionFailed
from relay.mapping.java_regex import java_regex
from relay.mapping.numbers import wrap32
from relay.mapping.values import (
    JavaArray,
    Range,
    bounded,
    element_key,
    map_key,
    places,
    to_string,
)

_FEW = 16


def contains(container: Any, value: Any) -> bool:
    """
    Say whether *container* holds *value*: a pattern all of its text, a list or map the element.

    Raises:
        JavaError: the pattern is none.
        LimitPassed: it takes too long.
        OperandError, NotANumber: neither holds anything, and they cannot be compared.
    """
    if value is None or container is None:
        return value is None and container is None
    match container:
        case str():
            return _matches(container, to_string(value))
        case dict():
            if isinstance(value, dict):
                return value.keys() <= container.keys()
            return map_key(value) in container
        case JavaArray():
            return _holds(container, value)
        case Range() | list():
            if isinstance(value, (Range, list)) and not isinstance(value, JavaArray):
                return contains_all(container, value)
            return _holds(container, value)
    return same(container, value)


def contains_all(container: list[Any] | Range, values: list[Any] | Range) -> bool:
    """Say whether *container* holds each of *values*; raises LimitPassed for too long a range."""
    if isinstance(values, Range):
        if isinstance(container, Range):
            return _in_range(container, values.low) and _in_range(container, values.high)
        values = values.to_list()
    if isinstance(container, Range) or len(values) < _FEW:
        return all(_holds(container, value) for value in values)
    return set(map(element_key, bounded(values))) <= set(map(element_key, bounded(container)))


def _holds(container: list[Any] | Range, value: Any) -> bool:
    if isinstance(container, Range):
        return _in_range(container, value)
    return next(places(container, value), None) is not None


def _in_range(numbers: Range, value: Any) -> bool:
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        return False
    number = to_long(value) if numbers.is_long else to_int(value)
    return numbers.low <= number <= numbers.high


def _matches(pattern: str, text: str) -> bool:
    try:
        return java_regex(pattern).matches(text)
    except FunctionFailed as failed:
        raise JavaError(str(failed)) from None


def starts_with(left: Any, right: Any) -> bool:
    """Say whether *left* starts with *right*; raises OperandError, NotANumber for no text."""
    if left is None or right is None:
        return left is None and right is None
    return left.startswith(to_text(right)) if isinstance(left, str) else same(left, right)


def ends_with(left: Any, right: Any) -> bool:
    """Say whether *left* ends with *right*; raises OperandError, NotANumber for no text."""
    if left is None or right is None:
        return left is None and right is None
    return left.endswith(to_text(right)) if isinstance(left, str) else same(left, right)


def is_empty(value: Any) -> bool:
    """Say whether *value* is null, 0, NaN, ``""``, or a list or map without elements."""
    match value:
        case None:
            return True
        case bool() | Range():
            return False
        case int() | float():
            return value == 0 or value != value  # noqa: PLR0124 - NaN is the one unequal to itself
        case Decimal():
            return float(value) == 0
        case str() | list() | dict():
            return not value
    return False


def size(value: Any) -> int | None:
    """Count the units of text, or elements; 0 for null, null for what has no size."""
    match value:
        case None:
            return 0
        case str():
            return java_text.length(value)
        case list() | dict():
            return len(value)
        case Range():
            return wrap32(value.high - value.low + 1)
    return None
