"""
Equality and order as the engine's operators have them, coercions included (pure).

Source:
    Commons JEXL 3.1, JexlArithmetic: compare, equals, lessThan and the rest.
    tests/data/jexl-cases.jsonl, tests/language/jexl.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from relay.mapping.coercion import (
    is_numberable,
    to_boolean,
    to_decimal,
    to_double,
    to_long,
    to_text,
    to_whole,
)
from relay.mapping.failures import JavaError, OperandError
from relay.mapping.values import equal, java_type, whole_type


def same(left: Any, right: Any) -> bool:
    """
    Give ``left == right``: truth on a side makes both truth, a number on a side both numbers.

    Raises:
        NotANumber: a text beside a number is not a number.
        OperandError: one side is a number and the other no scalar.
    """
    if left is right:
        return True
    if left is None or right is None:
        return False
    if isinstance(left, bool) or isinstance(right, bool):
        return to_boolean(left) == to_boolean(right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    ordered = _numeric_order(left, right)
    if ordered is not None:
        return ordered == 0
    if isinstance(left, str) or isinstance(right, str):
        return to_text(left) == to_text(right)
    return equal(left, right)


def less(left: Any, right: Any) -> bool:
    """Give ``left < right``, false when a side is null; raises as `order`."""
    return not (left is right or left is None or right is None) and order(left, right) < 0


def greater(left: Any, right: Any) -> bool:
    """Give ``left > right``, false when a side is null; raises as `order`."""
    return not (left is right or left is None or right is None) and order(left, right) > 0


def less_or_same(left: Any, right: Any) -> bool:
    """Give ``left <= right``, true for null and null; raises as `order`."""
    if left is right:
        return True
    return left is not None and right is not None and order(left, right) <= 0


def greater_or_same(left: Any, right: Any) -> bool:
    """Give ``left >= right``, true for null and null; raises as `order`."""
    if left is right:
        return True
    return left is not None and right is not None and order(left, right) >= 0


def order(left: Any, right: Any) -> int:
    """
    Say how *left* stands to *right*, neither of them null: below 0, 0 or above 0.

    Raises:
        NotANumber: a text beside a number is not a number.
        OperandError: there is no order between the two.
        JavaError: one of them has an order, and not with the other.
    """
    ordered = _numeric_order(left, right)
    if ordered is not None:
        return ordered
    if isinstance(left, str) or isinstance(right, str):
        return _text_order(to_text(left), to_text(right))
    if _has_order(left) or _has_order(right):
        if type(left) is not type(right):
            raise JavaError(f"{java_type(left)} and {java_type(right)} have no common order")
        return _sign(left, right)
    raise OperandError(f"there is no order between {java_type(left)} and {java_type(right)}")


def _numeric_order(left: Any, right: Any) -> int | None:
    """Compare by the number ladder; None when neither side is a number."""
    if type(left) is int and type(right) is int:
        return _sign(left, right)
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _sign(to_decimal(left), to_decimal(right))
    if _is_big(left) or _is_big(right):
        return _sign(to_whole(left), to_whole(right))
    if isinstance(left, float) or isinstance(right, float):
        return _double_order(to_double(left), to_double(right))
    if is_numberable(left) or is_numberable(right):
        return _sign(to_long(left), to_long(right))
    return None


def _is_big(value: Any) -> bool:
    return (
        isinstance(value, int)
        and not isinstance(value, bool)
        and whole_type(value) == "BigInteger"
    )


def _double_order(left: float, right: float) -> int:
    # NaN is below every number and equal to itself.
    if left != left:  # noqa: PLR0124 - NaN is the one unequal to itself
        return 0 if right != right else -1  # noqa: PLR0124 - the same
    return 1 if right != right else _sign(left, right)  # noqa: PLR0124 - the same


def _text_order(left: str, right: str) -> int:
    if left.isascii() and right.isascii():
        return _sign(left, right)
    return _sign(
        left.encode("utf-16-be", "surrogatepass"), right.encode("utf-16-be", "surrogatepass")
    )


def _sign(left: Any, right: Any) -> int:
    return 1 if left > right else -1 if left < right else 0


def _has_order(value: Any) -> bool:
    """Whether *value* is Comparable in Java: truth, or a class of its own with an order."""
    if isinstance(value, (list, dict)):
        return False
    return isinstance(value, bool) or "__lt__" in vars(type(value))


def compare_texts(left: str, right: str) -> int:
    """
    Compare as ``String.compareTo`` does, by 16-bit units.

    The result is the difference of the first units that differ, or else of the lengths.
    """
    if left == right:
        return 0
    a = left.encode("utf-16-be", "surrogatepass")
    b = right.encode("utf-16-be", "surrogatepass")
    low, high = 0, min(len(a), len(b)) // 2
    while low < high:
        # What comes before *low* is equal; the first difference, if any, comes before *high*.
        middle = (low + high + 1) // 2
        if a[low * 2 : middle * 2] == b[low * 2 : middle * 2]:
            low = middle
        elif high == middle:
            break
        else:
            high = middle
    if low * 2 == min(len(a), len(b)):
        return (len(a) - len(b)) // 2
    low *= 2
    return int.from_bytes(a[low : low + 2], "big") - int.from_bytes(b[low : low + 2], "big")
