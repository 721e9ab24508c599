"""
Arguments of functions, taken for what the function wants (pure).

Assumed:
    a parameter that is documented as text takes numbers, truth and dates as their text, as the
    engine's lenient arithmetic does; one documented as a number takes text that reads as one.
    Arrays and objects are no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from relay.mapping.coercion import to_long
from relay.mapping.failures import NotANumber
from relay.mapping.function import FunctionFailed
from relay.mapping.java_date_text import read_default_date
from relay.mapping.java_dates import ZonedDateTime
from relay.mapping.limits import MAX_ITEMS, MAX_TEXT_CHARS, LimitPassed
from relay.mapping.numbers import INT_MAX, INT_MIN
from relay.mapping.values import Key, Range, java_type, to_string


def text(value: Any, what: str = "text") -> str:
    """
    Take *value* for text; *what* names it in the error.

    Raises:
        FunctionFailed: it is null, an array or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float, Decimal, ZonedDateTime)):
        return to_string(value)
    raise FunctionFailed(f"expected {what}, found {java_type(value)}")


def whole(value: Any, what: str) -> int:
    """
    Take *value* for an Integer.

    Raises:
        FunctionFailed: it is none.
    """
    number = long(value, what)
    if not INT_MIN <= number <= INT_MAX:
        raise FunctionFailed(f"expected {what} within the range of an Integer")
    return number


def long(value: Any, what: str) -> int:
    """
    Take *value* for a Long.

    Raises:
        FunctionFailed: it is none.
    """
    is_number = isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool)
    if is_number and value != "":
        try:
            return to_long(value)
        except NotANumber:
            pass
    raise FunctionFailed(f"expected {what}, a whole number, found {java_type(value)}")


def items(value: Any, what: str = "an array") -> Sequence[Any]:
    """
    Take *value* for an array.

    Raises:
        FunctionFailed: it is none.
    """
    if isinstance(value, list):
        return value
    if isinstance(value, Range):
        return value.to_list()
    raise FunctionFailed(f"expected {what}, found {java_type(value)}")


def spread(values: Sequence[Any]) -> Sequence[Any]:
    """Give the elements of a single array argument, or the arguments themselves."""
    if len(values) == 1 and isinstance(values[0], (list, Range)):
        return items(values[0])
    return values


def members(value: Any, what: str = "an object") -> dict[Any, Any]:
    """
    Take *value* for an object or a map.

    Raises:
        FunctionFailed: it is none.
    """
    if isinstance(value, dict):
        return value
    raise FunctionFailed(f"expected {what}, found {java_type(value)}")


def key(value: Any) -> str:
    """
    Take *value* for a key of a map, which is text.

    Raises:
        FunctionFailed: it is null, an array or an object.
    """
    return text(value.value if isinstance(value, Key) else value, "a key, which is text")


def moment(value: Any) -> ZonedDateTime:
    """
    Take *value* for a date; text is read by the default formats.

    Raises:
        FunctionFailed: it is none.
    """
    if isinstance(value, ZonedDateTime):
        return value
    if isinstance(value, str):
        return read_default_date(value)
    raise FunctionFailed(
        f"expected a date, found {java_type(value)}: make one with date(…), write "
        "milliseconds with dformat(…)"
    )


def joined(separator: str, pieces: Sequence[str]) -> str:
    """
    Join *pieces*.

    Raises:
        LimitPassed: the result would be too long.
    """
    length = sum(map(len, pieces)) + len(separator) * len(pieces)
    if length > MAX_TEXT_CHARS:
        raise LimitPassed(f"a text has more than {MAX_TEXT_CHARS} characters")
    return separator.join(pieces)


def bounded(count: int) -> int:
    """
    Give *count*, a number of elements about to be made.

    Raises:
        LimitPassed: it is too many.
    """
    if count > MAX_ITEMS:
        raise LimitPassed(f"an array has more than {MAX_ITEMS} elements")
    return count
