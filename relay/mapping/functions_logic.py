"""
Choices, extremes, conversions and JSON: what turns one value into another.

Source:
    Data Prep functions, "Logical operators", "Aggregation", "Type conversions", "JSON".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn

import orjson

from relay.mapping.arguments import spread, text
from relay.mapping.coercion import to_boolean
from relay.mapping.failures import NotANumber
from relay.mapping.function import Example, Function, FunctionFailed, function
from relay.mapping.java_dates import ZonedDateTime
from relay.mapping.numbers import (
    INT_MAX,
    INT_MIN,
    BigInteger,
    Float,
    big_integer,
    float32,
    float_text,
    parse_double,
    parse_whole,
)
from relay.mapping.values import java_type, to_string

_PAST_64_BITS = re.compile(r"\d{19}", re.ASCII)
_LOGIC = "Logical operators"
_AGGREGATION = "Aggregation"
_CONVERSIONS = "Type conversions"
_STATES = '"ca", "California", "pa", "Pennsylvania"'


@function(
    "decode",
    _LOGIC,
    "decode(KEY, OPTIONS)",
    "Looks a key up among keys and values; an argument left over at the end is the default.",
    Example(f'decode(stateCode, {_STATES}, "N/A")', "California", {"stateCode": "ca"}),
    Example(f'decode(stateCode, {_STATES}, "N/A")', "Pennsylvania", {"stateCode": "pa"}),
    Example(f'decode(stateCode, {_STATES}, "N/A")', "N/A", {"stateCode": "zz"}),
    Example(f"decode(stateCode, {_STATES})", None, {"stateCode": "zz"}),
    Example('decode(code, "1", "one", "2", "two")', "two", {"code": 2}),
    note="Assumed: keys are compared as text, because the CRM pages match numbers with text",
)
def decode(wanted: Any, *options: Any) -> Any:
    """Look up in flat pairs."""
    given = spread(options)
    name = None if wanted is None else to_string(wanted)
    for at in range(0, len(given) - 1, 2):
        option = given[at]
        if name == (None if option is None else to_string(option)):
            return given[at + 1]
    return given[-1] if len(given) % 2 else None


@function(
    "iif",
    _LOGIC,
    "iif(EXPRESSION, TRUE_VALUE, FALSE_VALUE)",
    "Gives one of two values; both are evaluated, so an error in either fails the row.",
    Example('iif("s".equalsIgnoreCase("S"), "True", "False")', "True"),
    Example("iif(data.proxied, 'machine', 'person')", "person", {"data": {"proxied": False}}),
    note="c ? a : b evaluates only the one that is taken",
)
def iif(condition: Any, when_true: Any, when_false: Any) -> Any:
    """Choose."""
    return when_true if to_boolean(condition) else when_false


def _order(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-be", "surrogatepass")
    # NaN is below every number, as the engine's < has it; a decimal has no order with it.
    return -math.inf if isinstance(value, float) and math.isnan(value) else value


def _kind(value: Any) -> str:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return "number"
    if isinstance(value, (str, bool, ZonedDateTime)):
        return java_type(value)
    raise FunctionFailed(f"expected numbers, text or dates, found {java_type(value)}")


def _extreme(values: tuple[Any, ...], pick: Callable[..., Any]) -> Any:
    given = [value for value in spread(values) if value is not None]
    kinds = sorted({_kind(value) for value in given})
    if len(kinds) > 1:
        raise FunctionFailed(f"expected values of one type, found {' and '.join(kinds)}")
    return pick(given, key=_order, default=None)


@function(
    "min",
    _AGGREGATION,
    "min(OPTIONS)",
    "Gives the least of its arguments, or of an array.",
    Example("min(3, 1, 4)", 1),
    Example('min("b", "a")', "a"),
    note="Assumed: null is left out; text compares character by character",
)
def least(*values: Any) -> Any:
    """Give the least."""
    return _extreme(values, min)


@function(
    "max",
    _AGGREGATION,
    "max(OPTIONS)",
    "Gives the greatest of its arguments, or of an array.",
    Example("max(3, 1, 4)", 4),
    Example("max(scores)", 3, {"scores": [3, 1, 2]}),
    note="Assumed: null is left out; text compares character by character",
)
def greatest(*values: Any) -> Any:
    """Give the greatest."""
    return _extreme(values, max)


def _converted(value: Any, convert: Callable[[str], Any], what: str) -> Any:
    if value is None:
        return None
    try:
        return convert(text(value))
    except NotANumber:
        raise FunctionFailed(f"expected text that is {what}") from None


def _integer(digits: str) -> int:
    number = parse_whole(digits)
    if not INT_MIN <= number <= INT_MAX:
        raise NotANumber("beyond 32 bits")
    return number


@function(
    "to_bigint",
    _CONVERSIONS,
    "to_bigint(STRING)",
    "Reads a text as a whole number of any size (BigInteger).",
    Example('to_bigint("1000000")', 1000000),
    Example('to_bigint("1000000.34")', None, error="a whole number"),
    note="the documentation's example has a fraction, which a BigInteger cannot hold; it fails",
)
def to_bigint(value: Any) -> BigInteger | None:
    """Read a BigInteger."""
    number: BigInteger | None = _converted(
        value, lambda digits: big_integer(parse_whole(digits)), "a whole number"
    )
    return number


@function(
    "to_decimal",
    _CONVERSIONS,
    "to_decimal(STRING)",
    "Reads a text as a number (Double).",
    Example('to_decimal("20.5")', 20.5),
)
def to_decimal(value: Any) -> float | None:
    """Read a Double."""
    number: float | None = _converted(value, parse_double, "a number")
    return number


@function(
    "to_float",
    _CONVERSIONS,
    "to_float(STRING)",
    "Reads a text as a number of 32 bits (Float).",
    Example('to_float("12.3456")', 12.3456),
    Example('concat(to_float("12.3456"))', "12.3456"),
    note="the documentation prints 12.34566 for 12.3456",
)
def to_float(value: Any) -> Float | None:
    """Read a Float; it is held as the shortest decimal, which Java prints and JSON carries."""
    number: Float | None = _converted(
        value, lambda digits: Float(float_text(float32(parse_double(digits)))), "a number"
    )
    return number


@function(
    "to_integer",
    _CONVERSIONS,
    "to_integer(STRING)",
    "Reads a text as a whole number of 32 bits (Integer).",
    Example('to_integer("12")', 12),
    Example('to_integer("-7")', -7),
)
def to_integer(value: Any) -> int | None:
    """Read an Integer."""
    number: int | None = _converted(value, _integer, "a whole number of 32 bits")
    return number


@function(
    "json_to_object",
    "JSON",
    "json_to_object(STRING)",
    "Reads a text as JSON.",
    Example(
        'json_to_object("{\\"info\\":{\\"firstName\\":\\"John\\",\\"lastName\\":\\"Doe\\"}}")',
        {"info": {"firstName": "John", "lastName": "Doe"}},
    ),
    Example(
        'json_to_object({"info":{"firstName":"John","lastName":"Doe"}})',
        {"info": {"firstName": "John", "lastName": "Doe"}},
    ),
    note="the page's example has an object for the text. Assumed: an object is given back",
)
def json_to_object(value: Any) -> Any:
    """Parse JSON."""
    if value is None or isinstance(value, (dict, list)):
        return value
    document = text(value, "JSON as text")
    if _PAST_64_BITS.search(document):
        return _json_of_any_size(document)
    try:
        return orjson.loads(document)
    except orjson.JSONDecodeError:
        return _json_of_any_size(document)


def _json_of_any_size(document: str) -> Any:
    """Read what orjson rounds or refuses: whole numbers past 64 bits, halves of characters."""
    try:
        return json.loads(document, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise FunctionFailed("the text is no JSON that can be read") from None


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("JSON has no such number")


FUNCTIONS: tuple[Function, ...] = (
    decode,
    iif,
    least,
    greatest,
    to_bigint,
    to_decimal,
    to_float,
    to_integer,
    json_to_object,
)
