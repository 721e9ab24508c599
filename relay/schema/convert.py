"""
What Data Prep changes by itself on the way to a field, and the copying of objects (pure).

Compiled per field: `fitting` returns a function that copies a value so that it fits. What cannot
be converted stays as it is, for the check to name.

Source:
    Data handling (dataprep-language.md §5): number to string, sixteen spellings of booleans,
    default date formats. Text to number, number to boolean and number to date are not automatic.
    Object copy carries the members that both sides have (§7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from relay.schema.dates import read_default_format, write_date, write_date_time
from relay.schema.doubles import double_text
from relay.schema.node import INTEGER_RANGES, Kind, Node

_TRUE = frozenset({"y", "yes", "Y", "YES", "on", "ON", "true", "TRUE"})
_FALSE = frozenset({"n", "no", "N", "NO", "off", "OFF", "false", "FALSE"})
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})")

Fit = Callable[[Any], Any]


def fitting(node: Node | None, *, known_only: bool) -> Fit:
    """
    Compile the copy of a value into the field *node*; ``None`` is a field without a schema.

    With *known_only* members that the schema lacks are left out, as object copy does; without it
    they stay. Members that are null are left out: an absent member is how XDM says "no value".
    """
    if node is None:
        return copied
    match node.kind:
        case Kind.OBJECT:
            return _object(node, known_only=known_only)
        case Kind.MAP:
            return _map(fitting(node.element, known_only=known_only), passing(node.element))
        case Kind.ARRAY:
            return _array(fitting(node.element, known_only=known_only), passing(node.element))
        case _:
            return _SCALARS[node.kind]


def passing(node: Node | None) -> type:
    """Name the type whose values stand in the field *node* as they are; null's is for none."""
    return str if node is None else _PASSING.get(node.kind, type(None))


def copied(value: Any) -> Any:
    """Copy *value* deeply, without members that are null."""
    if type(value) is dict:
        return {key: copied(child) for key, child in value.items() if child is not None}
    if type(value) is list:
        return [copied(child) for child in value]
    return value


def _object(node: Node, *, known_only: bool) -> Fit:
    children = {
        name: (passing(child), fitting(child, known_only=known_only))
        for name, child in node.properties.items()
    }
    unknown = None if known_only else (passing(None), copied)

    def fit(value: Any) -> Any:
        if type(value) is not dict:
            return copied(value)
        made = {}
        for key, child in value.items():
            known = children.get(key, unknown)
            if known is not None and child is not None:
                made[key] = child if type(child) is known[0] else known[1](child)
        return made

    return fit


def _map(element: Fit, passes: type) -> Fit:
    def fit(value: Any) -> Any:
        if type(value) is not dict:
            return copied(value)
        return {
            key: child if type(child) is passes else element(child)
            for key, child in value.items()
            if child is not None
        }

    return fit


def _array(element: Fit, passes: type) -> Fit:
    def fit(value: Any) -> Any:
        if type(value) is not list:
            return copied(value)
        return [child if type(child) is passes else element(child) for child in value]

    return fit


def _string(value: Any) -> Any:
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return double_text(value) if type(value) is float else copied(value)


def _boolean(value: Any) -> Any:
    if type(value) is not str:
        return copied(value)
    if value in _TRUE:
        return True
    return False if value in _FALSE else value


def _integer(value: Any) -> Any:
    """Write whole doubles as integers; Assumed: docs/assumptions.md, "whole doubles"."""
    if type(value) is float and value.is_integer():
        return int(value)
    return copied(value)


def _date_time(value: Any) -> Any:
    if type(value) is not str or _DATE_TIME.fullmatch(value):
        return copied(value)
    moment = read_default_format(value)
    return value if moment is None else write_date_time(moment)


def _date(value: Any) -> Any:
    if type(value) is not str or _DATE.fullmatch(value):
        return copied(value)
    if _DATE_TIME.fullmatch(value):
        return value[:10]
    moment = read_default_format(value)
    return value if moment is None else write_date(moment)


_SCALARS: dict[Kind, Fit] = {
    Kind.STRING: _string,
    Kind.NUMBER: copied,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.DATE_TIME: _date_time,
    **dict.fromkeys(INTEGER_RANGES, _integer),
}
_PASSING: dict[Kind, type] = {
    Kind.STRING: str,
    Kind.NUMBER: int,
    Kind.BOOLEAN: bool,
    **dict.fromkeys(INTEGER_RANGES, int),
}
