"""Numbers are read and written as Java reads and writes them."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.failures import NotANumber
from relay.mapping.limits import LimitPassed
from relay.mapping.numbers import (
    BigInteger,
    Long,
    double_to_long,
    float32,
    float_text,
    parse_decimal,
    parse_double,
    parse_long,
    parse_whole,
    wrap32,
)
from relay.mapping.values import (
    JavaArray,
    JavaSet,
    Range,
    distinct,
    equal,
    java_type,
    plain,
    to_string,
)
from relay.schema.doubles import double_text

DOUBLES = [
    (0.0, "0.0"),
    (-0.0, "-0.0"),
    (2.0, "2.0"),
    (2.5, "2.5"),
    (0.001, "0.001"),
    (0.00099, "9.9E-4"),
    (9999999.0, "9999999.0"),
    (10000000.0, "1.0E7"),
    (1234567.875, "1234567.875"),
    (1e23, "1.0E23"),
    (5e-324, "4.9E-324"),
    (1.7976931348623157e308, "1.7976931348623157E308"),
    (0.30000000000000004, "0.30000000000000004"),
    (-1.5e-10, "-1.5E-10"),
    (9999999.5, "9999999.5"),
    (99999999.0, "9.9999999E7"),
    (-9999999999.0, "-9.999999999E9"),
    (0.00099999999, "9.9999999E-4"),
    (1e300, "1.0E300"),
    (1e-323, "9.9E-324"),
    (math.nan, "NaN"),
    (math.inf, "Infinity"),
    (-math.inf, "-Infinity"),
]


@pytest.mark.parametrize(("value", "text"), DOUBLES)
def test_a_double_is_written_as_java_does(value: float, text: str) -> None:
    """Double.toString: at least one decimal, an exponent outside of 0.001 to 10 million."""
    assert double_text(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.5"),
        (0.1, "0.1"),
        (16777216.0, "1.6777216E7"),
        (1.4e-45, "1.4E-45"),
        (1e39, "Infinity"),
    ],
)
def test_a_float_is_written_with_its_own_digits(value: float, text: str) -> None:
    """Float.toString gives as many digits as 32 bits need, not 64."""
    assert float_text(float32(value)) == text


@given(st.floats(allow_nan=False))
def test_a_double_reads_back_from_its_text(value: float) -> None:
    """What is written is read as the same number."""
    assert parse_double(double_text(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (" 12 ", 12.0),
        ("1d", 1.0),
        ("1.5F", 1.5),
        ("Infinity", math.inf),
        ("0x1p3", 8.0),
        (".5", 0.5),
        ("5.", 5.0),
    ],
)
def test_a_double_is_read_as_java_does(text: str, value: float) -> None:
    """Double.parseDouble takes blanks around, suffixes, hexadecimal and a bare point."""
    assert parse_double(text) == value


@pytest.mark.parametrize("text", ["", ".", "1_000", "inf", "1e", "0x10", "\uff11.5", "1 2", "nan"])
def test_what_java_does_not_read_is_no_double(text: str) -> None:
    """What Python reads as a float and Java does not is refused."""
    with pytest.raises(NotANumber):
        parse_double(text)


def test_whole_numbers_are_read_in_any_script_and_never_with_blanks() -> None:
    """BigInteger takes a sign and digits, Arabic ones too; no blanks, underscores or points."""
    assert parse_whole("+12") == 12
    assert parse_whole("-\u0661\u0662") == -12
    for text in ["", " 1", "1_0", "1.0", "0x1", "+", "\U0001d7ce"]:
        with pytest.raises(NotANumber):
            parse_whole(text)
    with pytest.raises(LimitPassed):
        parse_whole("1" * 4001)


def test_a_long_has_64_bits() -> None:
    """Long.parseLong refuses what does not fit."""
    assert parse_long("-9223372036854775808") == -(2**63)
    with pytest.raises(NotANumber):
        parse_long("9223372036854775808")


def test_a_decimal_keeps_its_scale_and_34_digits() -> None:
    """BigDecimal keeps trailing zeros, and DECIMAL128 rounds to 34 digits, half to even."""
    assert str(parse_decimal("1.50")) == "1.50"
    assert str(parse_decimal("1E+3")) == "1E+3"
    assert str(parse_decimal("-0")) == "0"
    assert parse_decimal("1" * 40) == Decimal("1." + "1" * 33 + "E+39")
    for text in ["", "NaN", "Infinity", "1d", "1e", " 1"]:
        with pytest.raises(NotANumber):
            parse_decimal(text)


def test_casts_saturate_or_wrap_as_javas_do() -> None:
    """A double past 64 bits is the last long; an int past 32 bits starts again."""
    assert double_to_long(1e300) == 2**63 - 1
    assert double_to_long(-1e300) == -(2**63)
    assert double_to_long(math.nan) == 0
    assert wrap32(2**31) == -(2**31)


TYPES = [
    (None, "null"), (True, "Boolean"), (1, "Integer"), (2**31, "Long"), (2**63, "BigInteger"),
    (Long(1), "Long"), (BigInteger(1), "BigInteger"), (1.0, "Double"), (float32(1), "Float"),
    (Decimal(1), "BigDecimal"), ("", "String"), ([], "array"), (JavaArray(), "array"),
    (JavaSet(), "set"), ({}, "object"), (Range(1, 2), "range"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "name"), TYPES)
def test_every_value_has_a_java_type(value: object, name: str) -> None:
    """java_type names the type as the shared cases do."""
    assert java_type(value) == name


def test_values_are_equal_as_in_java() -> None:
    """Type counts, null equals null, NaN equals itself, and an array only itself."""
    assert equal(None, None)
    assert equal(math.nan, float("nan"))
    assert equal([1, {"a": [2.0]}], [1, {"a": [2.0]}])
    assert equal(distinct([1, 2]), distinct([2, 1]))
    assert distinct([1, Long(1), 1.0, True, "1", 1, Long(1)]) == [1, 1, 1.0, True, "1"]
    assert len(distinct([2**31, Long(2**31), 2**70, BigInteger(2**70)])) == 2
    assert not equal(JavaArray([1]), JavaArray([1]))
    assert not equal([1], JavaArray([1]))
    assert not equal(Decimal("1.0"), Decimal(1))
    assert not equal(0.0, -0.0)
    assert not any(equal(1, other) for other in [Long(1), BigInteger(1), 1.0, True, "1", [1]])


def test_text_of_values_is_javas() -> None:
    """Lists, maps, arrays and ranges are written as String.valueOf writes them."""
    assert to_string([1, None, "a", 2.0, True]) == "[1, null, a, 2.0, true]"
    assert to_string({"a": {"b": []}}) == "{a={b=[]}}"
    for array, name in [
        (JavaArray([1, 2]), "[I"),
        (JavaArray([1, None]), "[Ljava.lang.Integer;"),
        (JavaArray([1, 2.5]), "[Ljava.lang.Number;"),
        (JavaArray([1, "a"]), "[Ljava.lang.Object;"),
        (JavaArray(["a"]), "[Ljava.lang.String;"),
        (JavaArray([JavaArray([1]), JavaArray([2])]), "[[I"),
        (JavaArray(), "[Ljava.lang.Object;"),
    ]:
        assert to_string(array) == f"{name}@1"


def test_plain_values_have_pythons_own_types() -> None:
    """What an encoder of JSON gets has none of our types, at any depth."""
    value = {"a": [Long(1), float32(1.5), JavaSet([BigInteger(2)])], "r": Range(1, 3)}
    found = plain(value)
    assert found == {"a": [1, 1.5, [2]], "r": [1, 2, 3]}
    assert [type(item) for item in found["a"]] == [int, float, list]
    assert type(found["a"][2][0]) is int
