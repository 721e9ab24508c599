"""
Java's number types that Python lacks, and how Java reads and writes numbers (pure).

A plain `int` is an Integer, a Long or a BigInteger, whichever is the smallest that holds it; a
value whose Java type is wider than that is a `Long` or a `BigInteger`. A plain `float` is a
Double, a `decimal.Decimal` a BigDecimal.

Source:
    Java SE 17 API: Integer, Long, Double (``valueOf``), BigInteger, BigDecimal.
"""

from __future__ import annotations

import math
import re
import struct
from decimal import (
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    Underflow,
)
from typing import Final

from relay.mapping.failures import NotANumber
from relay.mapping.limits import MAX_DIGITS, LimitPassed
from relay.schema.doubles import double_text

INT_MIN: Final = -(2**31)
INT_MAX: Final = 2**31 - 1
LONG_MIN: Final = -(2**63)
LONG_MAX: Final = 2**63 - 1

_PRECISION: Final = 34
DECIMAL128: Final = Context(
    prec=_PRECISION,
    rounding=ROUND_HALF_EVEN,
    # The exponent of the last digit has 32 bits in Java; here it is that of the first.
    Emin=-INT_MAX + _PRECISION - 1,
    Emax=INT_MAX + _PRECISION - 1,
    traps=[DivisionByZero, InvalidOperation, Overflow, Underflow],
)
"""The engine's arithmetic on BigDecimal: ``MathContext.DECIMAL128`` with Java's wide exponents."""

_WHOLE = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?0*(\d+))?")
_EXPONENT_DIGITS = len(str(INT_MAX))
_DOUBLE = re.compile(
    r"[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fFdD]?)", re.ASCII
)
_HEX_DOUBLE = re.compile(
    r"([+-]?0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)[pP][+-]?\d+)[fFdD]?", re.ASCII
)
_JAVA_BLANKS: Final = "".join(map(chr, range(0x21)))
_LAST_CHAR = "\uffff"


class Long(int):
    """A java.lang.Long, where a plain int would be an Integer."""

    __slots__ = ()


class BigInteger(int):
    """A java.math.BigInteger, where a plain int would be an Integer or a Long."""

    __slots__ = ()


class Float(float):
    """A java.lang.Float; its value is one that 32 bits hold."""

    __slots__ = ()


def long(value: int) -> int:
    """Give *value* (64 bits) the type Long."""
    return Long(value) if INT_MIN <= value <= INT_MAX else value


def big_integer(value: int) -> BigInteger:
    """
    Give *value* the type BigInteger.

    Raises:
        LimitPassed: it has too many digits.
    """
    # Bits first: they are counted at once, and a digit takes more than 3.3 of them.
    if value.bit_length() > MAX_DIGITS * 3.3219:
        raise LimitPassed(f"a whole number has more than {MAX_DIGITS} digits")
    return BigInteger(value)


def float32(value: float) -> Float:
    """Round *value* to 32 bits, as a cast to float does."""
    try:
        return Float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return Float(math.copysign(math.inf, value))


def wrap32(value: int) -> int:
    """Keep the low 32 bits, as Java's int does."""
    return (value - INT_MIN) % 2**32 + INT_MIN


def wrap64(value: int) -> int:
    """Keep the low 64 bits, as Java's long does."""
    return (value - LONG_MIN) % 2**64 + LONG_MIN


def double_to_long(value: float) -> int:
    """Cut *value* to a whole number within 64 bits, as a cast to long does; NaN is 0."""
    if value != value:  # noqa: PLR0124 - NaN, cheaper than math.isnan on the hot path
        return 0
    if value >= LONG_MAX:
        return LONG_MAX
    return LONG_MIN if value <= LONG_MIN else int(value)


def is_number_text(text: str) -> bool:
    """Whether every character of *text* may stand in one of Java's number texts."""
    return bool(_WHOLE.fullmatch(text)) and max(text) <= _LAST_CHAR


def parse_whole(text: str) -> int:
    """
    Read *text* as ``new BigInteger(text)`` does: an optional sign and digits of any script.

    Raises:
        NotANumber: *text* is anything else.
        LimitPassed: it has too many digits.
    """
    if not is_number_text(text):
        raise NotANumber("the text is not a whole number")
    if len(text) > MAX_DIGITS:
        raise LimitPassed(f"a whole number has more than {MAX_DIGITS} digits")
    return int(text)


def parse_long(text: str) -> int:
    """
    Read *text* as ``Long.parseLong`` does.

    Raises:
        NotANumber: it is not a whole number, or does not fit 64 bits.
    """
    if len(text) > MAX_DIGITS:
        raise NotANumber("the text is no whole number of 64 bits")
    value = parse_whole(text)
    if not LONG_MIN <= value <= LONG_MAX:
        raise NotANumber("the number does not fit 64 bits")
    return value


def parse_decimal(text: str) -> Decimal:
    """
    Read *text* as ``new BigDecimal(text, DECIMAL128)`` does.

    Raises:
        NotANumber: *text* is not a decimal number.
    """
    return decimal128(exact_decimal(text))


def exact_decimal(text: str) -> Decimal:
    """
    Read *text* as ``new BigDecimal(text)`` does, all its digits and an exponent of 32 bits.

    Raises:
        NotANumber: *text* is not a decimal number.
    """
    found = _DECIMAL.fullmatch(text)
    if found is None or max(text) > _LAST_CHAR:
        raise NotANumber("the text is not a decimal number")
    exponent = found[1] or "0"
    if len(exponent) > _EXPONENT_DIGITS or int(exponent) > INT_MAX:
        raise NotANumber("the exponent is out of range")
    number = Decimal(text)
    last = number.as_tuple().exponent
    assert isinstance(last, int)
    if last < -INT_MAX:
        raise NotANumber("the exponent is out of range")
    return number


def decimal128(value: Decimal | int) -> Decimal:
    """Round *value* to 34 digits; there is no negative zero in Java's BigDecimal."""
    rounded = DECIMAL128.create_decimal(value)
    return rounded.copy_abs() if rounded.is_zero() else rounded


def parse_double(text: str) -> float:
    """
    Read *text* as ``Double.parseDouble`` does: blanks around, ``NaN``, ``1e3d`` and hex too.

    Raises:
        NotANumber: *text* is not a number.
    """
    text = text.strip(_JAVA_BLANKS)
    if _DOUBLE.fullmatch(text):
        return float(text if text[-1] not in "fFdD" else text[:-1])
    if found := _HEX_DOUBLE.fullmatch(text):
        try:
            return float.fromhex(found[1])
        except OverflowError:
            return -math.inf if text[0] == "-" else math.inf
    raise NotANumber("the text is not a number")


def float_text(value: Float) -> str:
    """Write *value* as ``Float.toString`` does: the fewest digits that tell it from its peers."""
    number = float(value)
    if math.isfinite(number):
        # Two digits at least, see `double_text`.
        for digits in range(1, 9):
            near = float(f"{number:.{digits}e}")
            if float32(near) == number:
                return double_text(near)
    return double_text(number)
