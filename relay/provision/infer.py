"""
The type of a field that no schema describes, from the row that feeds it. Pure.

An expression has the type that its outermost function gives; the event's own ``timestamp`` is a
whole number; a row that feeds several elements feeds a list of them (`relay.provision.desired`).
All else is text, into which Data Prep turns whatever comes.

Source:
    Field types: AdobeDocs/experience-platform.en, help/xdm/schema/field-constraints.md; what
    functions give: help/data-prep/functions.md; the event: customer.io/docs, reporting webhooks.

Assumed:
    Data Prep writes a number into a text field as text, as its own preview does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]

_OUTERMOST = re.compile(r"\s*(\w+)\s*\(")
_TEXT: Item = {"type": "string"}
_LONG: Item = {
    "type": "integer",
    "minimum": -9007199254740991,
    "maximum": 9007199254740991,
}
_INT: Item = {"type": "integer", "minimum": -2147483648, "maximum": 2147483647}
_NUMBER: Item = {"type": "number"}
_BOOLEAN: Item = {"type": "boolean"}
_MOMENT: Item = {"type": "string", "format": "date-time"}
_RESULTS: Mapping[str, Item] = {
    "to_integer": _INT,
    "size_of": _INT,
    "date_part": _INT,
    "to_bigint": _LONG,
    "timestamp": _LONG,
    "to_float": _NUMBER,
    "to_decimal": _NUMBER,
    "is_empty": _BOOLEAN,
    "is_set": _BOOLEAN,
    "date": _MOMENT,
    "make_date_time": _MOMENT,
    "set_date_part": _MOMENT,
    "zone_date_to_utc": _MOMENT,
    "zone_date_to_zone": _MOMENT,
}


def inferred(row: Mapping[str, Any]) -> Item:
    """Give the XDM type, as a property's keywords, of what *row* (either dialect) feeds."""
    source = str(row.get("source") or row.get("sourceAttribute") or "").strip()
    if row.get("sourceType") == "STATIC":
        return dict(_TEXT)
    found = _OUTERMOST.match(source)
    if found is not None and _closes_at_the_end(source, found.end()):
        return dict(_RESULTS.get(found[1], _TEXT))
    return dict(_LONG if source == "timestamp" else _TEXT)


def _closes_at_the_end(source: str, opened: int) -> bool:
    """Whether the bracket that opens before *opened* is closed by the last character."""
    depth, quote = 1, ""
    for at in range(opened, len(source)):
        character = source[at]
        if quote:
            quote = "" if character == quote and source[at - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
            if not depth:
                return at == len(source) - 1
    return False
