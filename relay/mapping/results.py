"""
What an expression gave, as a record can hold it: JSON's own types (pure).

Assumed:
    a date is written as ISO 8601 with its offset and without its region, also into a text field;
    a decimal is a number (docs/assumptions.md, "results of expressions").
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from relay.mapping.expression import handed_out, key_text
from relay.mapping.java_dates import ZonedDateTime
from relay.mapping.limits import MAX_DIGITS, LimitPassed
from relay.mapping.numbers import Float, float_text
from relay.mapping.values import Range, bounded

PLAIN: Final = frozenset({str, int, bool, float, type(None)})
"""Types whose values need no copy."""


def plain(value: Any) -> Any:
    """
    Copy *value* into text, numbers, truth, lists and dicts only.

    Raises:
        LimitPassed: a range or a decimal is too long to be written out.
        NoValue: it is a lambda.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is dict:
        return {
            key if type(key) is str else key_text(key): held
            if type(held) in PLAIN
            else plain(held)
            for key, held in value.items()
        }
    if isinstance(value, list):
        return [item if type(item) in PLAIN else plain(item) for item in value]
    if isinstance(value, Range):
        return plain(value.to_list())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Float):
        # The shortest decimal, as Java writes a Float: 12.3456, not 12.345600128173828.
        return float(float_text(value))
    if isinstance(value, ZonedDateTime):
        return value.iso_offset
    return _number(value) if isinstance(value, Decimal) else handed_out(value)


def plain_bounded(value: Any) -> Any:
    """Do what `plain` does with a result that may hold one part any number of times."""
    return plain(bounded(value))


def _number(value: Decimal) -> int | float:
    if value.adjusted() >= MAX_DIGITS:
        raise LimitPassed(f"a whole number has more than {MAX_DIGITS} digits")
    return int(value) if value == value.to_integral_value() else float(value)
