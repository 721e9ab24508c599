"""
The arithmetic and bitwise operators, with Java's ladder of number types (pure).

A BigDecimal on either side makes both BigDecimal; else a Float, a Double or a text like ``1.5``
makes both Double; else both are whole numbers, and the result is an Integer, a Long if an operand
is a Long or the result needs it, a BigInteger likewise. Null is 0, ``""`` is 0, truth is 1.

Source:
    Commons JEXL 3.1, JexlArithmetic (lenient): add, subtract, multiply, divide, mod, negate,
    and, or, xor, complement, narrowBigInteger, narrowBigDecimal; Interpreter gives 0.0 for a
    division that fails. tests/data/jexl-cases.jsonl, tests/language/jexl.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import MAX_EMAX, MIN_EMIN, ROUND_DOWN, Context, Decimal, DecimalException
from typing import Any, Final

from relay.mapping.coercion import (
    decimal_exponent,
    is_floating,
    is_numberable,
    to_decimal,
    to_double,
    to_long,
    to_text,
    to_whole,
)
from relay.mapping.failures import NotANumber, OperandError
from relay.mapping.limits import MAX_DIGITS
from relay.mapping.numbers import (
    DECIMAL128,
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    BigInteger,
    Float,
    Long,
    big_integer,
    long,
    wrap32,
    wrap64,
)
from relay.mapping.values import java_type, whole_type

_CUT: Final = Context(
    prec=DECIMAL128.prec, rounding=ROUND_DOWN, Emin=DECIMAL128.Emin, Emax=DECIMAL128.Emax
)
# Digits for a product of a literal's and a quotient's.
_EXACT: Final = Context(prec=3 * MAX_DIGITS, Emin=MIN_EMIN, Emax=MAX_EMAX)


def add(left: Any, right: Any) -> Any:
    """
    Give ``left + right``; two texts are joined, and so is what cannot be read as a number.

    Raises:
        OperandError: an operand is neither a number nor text.
    """
    if isinstance(left, str):
        if isinstance(right, str) or _is_only_text(left):
            return left + to_text(right)
    elif isinstance(right, str) and _is_only_text(right) and _is_scalar(left):
        return to_text(left) + right
    try:
        return _calculate(left, right, DECIMAL128.add, _double_add, int.__add__)
    except NotANumber:
        return to_text(left) + to_text(right)


def _is_only_text(text: str) -> bool:
    """Whether *text* is no number by its first letter alone: what most texts are."""
    return text[:1].isalpha() and text[0] not in "NI"


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (int, float, Decimal))


def subtract(left: Any, right: Any) -> Any:
    """Give ``left - right``; raises as `add`, and NotANumber for other text."""
    return _calculate(left, right, DECIMAL128.subtract, _double_subtract, int.__sub__)


def multiply(left: Any, right: Any) -> Any:
    """Give ``left * right``; raises as `subtract`."""
    return _calculate(left, right, DECIMAL128.multiply, _double_multiply, int.__mul__)


def divide(left: Any, right: Any) -> Any:
    """Give ``left / right``, whole for whole numbers; by zero it is the Double 0.0."""
    try:
        return _calculate(left, right, DECIMAL128.divide, _double_divide, _whole_divide)
    except OperandError:
        return 0.0


def modulo(left: Any, right: Any) -> Any:
    """Give ``left % right``; never negative for whole numbers, and 0.0 by zero."""
    try:
        return _calculate(left, right, _decimal_remainder, _double_remainder, _whole_modulo)
    except OperandError:
        return 0.0


def _calculate(
    left: Any,
    right: Any,
    decimals: Callable[[Decimal, Decimal], Decimal],
    doubles: Callable[[float, float], float],
    wholes: Callable[[int, int], int],
) -> Any:
    if type(left) is int and type(right) is int:
        return _whole(left, right, wholes(left, right))
    if left is None and right is None:
        return 0
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        try:
            result = decimals(to_decimal(left), to_decimal(right))
        except DecimalException:
            raise OperandError("the decimal result does not exist or is out of range") from None
        return _narrowed_decimal(left, right, result)
    if is_floating(left) or is_floating(right):
        return doubles(to_double(left), to_double(right))
    return _whole(left, right, wholes(to_whole(left), to_whole(right)))


def _whole(left: Any, right: Any, result: int) -> int:
    """Give *result* the narrowest type that it fits and that neither operand is wider than."""
    kinds = _width(left), _width(right)
    if not LONG_MIN <= result <= LONG_MAX or "BigInteger" in kinds:
        return big_integer(result)
    return long(result) if "Long" in kinds else result


def _width(operand: Any) -> str:
    if isinstance(operand, int) and not isinstance(operand, bool):
        return whole_type(operand)
    return ""


def _narrowed_decimal(left: Any, right: Any, result: Decimal) -> Any:
    if is_numberable(left) or is_numberable(right):
        if result.is_zero():
            return 0
        exponent = decimal_exponent(result)
        if result.adjusted() < len(str(LONG_MAX)) and (exponent >= 0 or result == int(result)):
            whole = int(result)
            if LONG_MIN <= whole <= LONG_MAX:
                return whole
    return result.copy_abs() if result.is_zero() else result


def _double_add(left: float, right: float) -> float:
    return left + right


def _double_subtract(left: float, right: float) -> float:
    return left - right


def _double_multiply(left: float, right: float) -> float:
    return left * right


def _double_divide(left: float, right: float) -> float:
    if right == 0:
        raise OperandError("division by zero")
    return left / right


def _double_remainder(left: float, right: float) -> float:
    if right == 0:
        raise OperandError("division by zero")
    if math.isnan(left) or math.isnan(right) or math.isinf(left):
        return math.nan
    return math.fmod(left, right)


def _whole_divide(left: int, right: int) -> int:
    if right == 0:
        raise OperandError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _whole_modulo(left: int, right: int) -> int:
    # BigInteger.mod takes no negative modulus, and its result is never negative.
    if right <= 0:
        raise OperandError("the divisor of a whole number's % must be above zero")
    return left % right


def _decimal_remainder(left: Decimal, right: Decimal) -> Decimal:
    """Give the remainder with the scale that Java's BigDecimal.remainder leaves it."""
    if left.copy_abs() < right.copy_abs():
        return left
    # How often *right* goes into *left*, cut off, as BigDecimal.divideToIntegralValue scales it.
    times = _CUT.divide(left, right)
    if decimal_exponent(times) < 0:
        times = times.to_integral_value(ROUND_DOWN)
    times = _scaled(times, decimal_exponent(left) - decimal_exponent(right))
    rest = _EXACT.subtract(left, _EXACT.multiply(times, right))
    if rest.copy_abs() >= right.copy_abs():
        raise OperandError("the quotient has more than 34 digits")
    return rest


def _scaled(whole: Decimal, preferred: int) -> Decimal:
    """Bring the exponent of *whole* as near to *preferred* as its digits allow."""
    _, digits, _ = whole.as_tuple()
    exponent = decimal_exponent(whole)
    if preferred < exponent:
        room = max(DECIMAL128.prec - len(digits), 0)
        exponent -= min(exponent - preferred, room)
    else:
        zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
        exponent += min(preferred - exponent, zeros)
    return DECIMAL128.quantize(whole, Decimal((0, (1,), exponent)))


def negate(value: Any) -> Any:
    """
    Give ``-value``; of truth, its opposite.

    Raises:
        OperandError: *value* is neither a number nor truth.
    """
    match value:
        case bool():
            return not value
        case BigInteger():
            return BigInteger(-int(value))
        case int():
            kind = whole_type(value)
            if kind == "Integer":
                return wrap32(-int(value))
            return long(wrap64(-int(value))) if kind == "Long" else BigInteger(-int(value))
        case Float():
            return Float(-float(value))
        case float():
            return -value
        case Decimal():
            return value.copy_abs() if value.is_zero() else value.copy_negate()
    raise OperandError(f"expected a number to negate, found {java_type(value)}")


def negate_literal(value: Any) -> Any:
    """Give the negative of a number literal: ``-2147483648`` is an Integer again."""
    negated = negate(value)
    if isinstance(value, int) and not isinstance(value, (Long, BigInteger)):
        if INT_MIN <= negated <= INT_MAX:
            return int(negated)
        return negated
    return negated


def bit_and(left: Any, right: Any) -> int:
    """Give ``left & right`` as a Long; raises OperandError, NotANumber."""
    return long(to_long(left) & to_long(right))


def bit_or(left: Any, right: Any) -> int:
    """Give ``left | right`` as a Long; raises OperandError, NotANumber."""
    return long(to_long(left) | to_long(right))


def bit_xor(left: Any, right: Any) -> int:
    """Give ``left ^ right`` as a Long; raises OperandError, NotANumber."""
    return long(to_long(left) ^ to_long(right))


def complement(value: Any) -> int:
    """Give ``~value`` as a Long; raises OperandError, NotANumber."""
    return long(~to_long(value))


__all__ = [
    "add",
    "bit_and",
    "bit_or",
    "bit_xor",
    "complement",
    "divide",
    "modulo",
    "multiply",
    "negate",
    "negate_literal",
    "subtract",
]
