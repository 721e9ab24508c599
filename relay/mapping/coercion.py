"""
Values taken as numbers, truth or text, as the engine's lenient arithmetic takes them (pure).

Source:
    Commons JEXL 3.1, JexlArithmetic: toBoolean, toLong, toBigInteger, toBigDecimal, toDouble,
    toString. tests/data/jexl-cases.jsonl, tests/language/jexl.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from relay.mapping.failures import NotANumber, OperandError
from relay.mapping.limits import MAX_DIGITS, LimitPassed
from relay.mapping.numbers import (
    INT_MAX,
    INT_MIN,
    Float,
    big_integer,
    decimal128,
    double_to_long,
    float_text,
    parse_decimal,
    parse_double,
    parse_long,
    parse_whole,
    wrap32,
    wrap64,
)
from relay.mapping.values import java_type, to_string, whole_type
from relay.schema.doubles import double_text

_LONG_BITS = 64
_FLOATING = re.compile(r"[+-]?\d*(?:\.\d*(?:[eE][+-]?\d+)?|[eE][+-]?\d+)", re.ASCII)


def to_boolean(value: Any) -> bool:
    """Take *value* for truth: null, 0, NaN, ``""`` and ``"false"`` are false, the rest is true."""
    kind = type(value)
    if kind is bool:
        truth: bool = value
        return truth
    if value is None:
        return False
    if kind is str:
        return value not in ("", "false")
    if isinstance(value, (int, float)):
        return value == value and value != 0  # noqa: PLR0124 - NaN is the one unequal to itself
    if isinstance(value, Decimal):
        return float(value) != 0
    return True


def to_long(value: Any) -> int:
    """
    Take *value* for 64 bits: null and ``""`` are 0, truth is 1, fractions are cut off.

    Raises:
        OperandError: it is no number, text, truth or null.
        NotANumber: it is text of something else.
    """
    match value:
        case None:
            return 0
        case int():
            return wrap64(int(value))
        case float():
            return double_to_long(value)
        case str():
            return parse_long(value) if value else 0
        case Decimal():
            return wrap64(int(value)) if decimal_exponent(value) < _LONG_BITS else 0
    raise OperandError(f"expected a whole number, found {java_type(value)}")


def to_int(value: Any) -> int:
    """Take the number *value* for 32 bits, as ``Number.intValue`` does."""
    if isinstance(value, float):
        return min(max(double_to_long(value), INT_MIN), INT_MAX)
    return wrap32(to_long(value))


def to_whole(value: Any) -> int:
    """
    Take *value* for a whole number of any size.

    Raises:
        OperandError: it is no number, text, truth or null.
        NotANumber: it is text of something else.
        LimitPassed: it has too many digits.
    """
    match value:
        case None:
            return 0
        case int():
            return int(value)
        case float():
            return double_to_long(value)
        case str():
            return parse_whole(value) if value else 0
        case Decimal():
            if value.adjusted() >= MAX_DIGITS:
                raise LimitPassed(f"a whole number has more than {MAX_DIGITS} digits")
            return int(value)
    raise OperandError(f"expected a whole number, found {java_type(value)}")


def to_decimal(value: Any) -> Decimal:
    """
    Take *value* for a BigDecimal of 34 digits; one that is a BigDecimal stays as it is.

    Raises:
        OperandError: it is no number, text, truth or null.
        NotANumber: it is text of something else, or infinite.
    """
    match value:
        case Decimal():
            return value
        case None:
            return Decimal(0)
        case bool():
            return Decimal("1.0") if value else Decimal("0.0")
        case int():
            return decimal128(int(value))
        case Float():
            return parse_decimal(float_text(value))
        case float():
            return parse_decimal(double_text(value)) if value == value else Decimal(0)  # noqa: PLR0124 - NaN is the one unequal to itself
        case str():
            return parse_decimal(value) if value else Decimal(0)
    raise OperandError(f"expected a number, found {java_type(value)}")


def to_double(value: Any) -> float:
    """
    Take *value* for a Double: null is 0, ``""`` is NaN, truth is 1.

    Raises:
        OperandError: it is no number, text, truth or null.
        NotANumber: it is text of something else.
    """
    match value:
        case None:
            return 0.0
        case Float():
            return float(float_text(value))
        case float():
            return value
        case int():
            try:
                return float(value)
            except OverflowError:
                return float("inf") if value > 0 else float("-inf")
        case str():
            return parse_double(value) if value else float("nan")
        case Decimal():
            return float(value)
    raise OperandError(f"expected a number, found {java_type(value)}")


def to_text(value: Any) -> str:
    """Take *value* for text, where null and a Double that is NaN are nothing."""
    if value is None:
        return ""
    if isinstance(value, float) and not isinstance(value, Float) and value != value:  # noqa: PLR0124 - NaN is the one unequal to itself
        return ""
    return to_string(value)


def to_number(value: Any) -> int | float | Decimal:
    """
    Take *value* for the number it reads as: text with a point or an exponent is a Double.

    Raises:
        OperandError: it is no number, text, truth or null.
        NotANumber: it is text of something else.
    """
    if isinstance(value, (float, Decimal)):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return to_double(value) if is_floating(value) else to_whole(value)


def is_floating(value: Any) -> bool:
    """Whether arithmetic takes *value* for a Double: a Float, a Double, or text like ``1.5``."""
    if isinstance(value, float):
        return True
    return isinstance(value, str) and _FLOATING.fullmatch(value) is not None


def is_numberable(value: Any) -> bool:
    """Whether *value* is an Integer or a Long."""
    if isinstance(value, int) and not isinstance(value, bool):
        return whole_type(value) != "BigInteger"
    return False


def decimal_exponent(value: Decimal) -> int:
    """Give the exponent of the last digit of *value*: 2 for ``1E+2``."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return exponent


def narrowed(value: int) -> int:
    """Give a whole number past 64 bits as the BigInteger it is, if it is not too long."""
    return value if value.bit_length() < _LONG_BITS else big_integer(value)


__all__ = [
    "NotANumber",
    "decimal_exponent",
    "is_floating",
    "is_numberable",
    "narrowed",
    "to_boolean",
    "to_decimal",
    "to_double",
    "to_int",
    "to_long",
    "to_number",
    "to_text",
    "to_whole",
]
