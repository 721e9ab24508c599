"""
What an expression gave, as a record can hold it: JSON's own types (pure).

Assumed:
    a date is written as ISO 8601 with its offset and without its region, also into a text field;
    a decimal is a number (docs/assumptions.md, "results of expressions").
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from relay.mapping.java_dates import ZonedDateTime

_PLAIN: Final = frozenset({str, int, bool, float, type(None)})


def plain(value: Any) -> Any:
    """Copy *value* into text, numbers, truth, lists and dicts only."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {str(key): plain(held) for key, held in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, ZonedDateTime):
        return str(value).partition("[")[0]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
