"""
Members of maps and elements of lists, as the engine finds them (pure).

What is not there is null, in the engine as here: an index past the end, a member of a text.

Source:
    Commons JEXL 3.1, Interpreter.getAttribute, Uberspect.getPropertyGet, ASTIdentifierAccess.
    The engine would also read Java's own properties (``class``, ``bytes``); those are refused.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from relay.mapping.coercion import to_int
from relay.mapping.failures import OperandError
from relay.mapping.numbers import wrap32
from relay.mapping.values import JavaSet, Key, map_key

_INDEX = re.compile(r"0|[1-9][0-9]*")
_JAVA_PROPERTIES = frozenset(
    {"bytes", "blank", "infinite", "naN", "NaN", "MAX_VALUE", "MIN_VALUE", "SIZE", "BYTES", "TYPE"}
)


def member(value: Any, name: str) -> Any:
    """
    Give the member *name* of *value*, as ``value.name`` reads it; null when there is none.

    Raises:
        OperandError: the engine would reach into Java itself.
    """
    if name == "class":
        raise OperandError('a member called class is read as value["class"]')
    if isinstance(value, dict):
        if (position := index_of(name)) is not None:
            # The engine looks a number after a dot up as one, and a record's keys are text.
            return value.get(Key(position))
        return value.get(name)
    if isinstance(value, list):
        position = index_of(name)
        return None if position is None else element(value, position)
    if name in _JAVA_PROPERTIES:
        raise OperandError(f"{name} is a property of a Java class, not of the record")
    return None


def index_of(name: str) -> int | None:
    """Give the number that *name* is after a dot: ``tags.0``."""
    return wrap32(int(name[-4000:])) if _INDEX.fullmatch(name) else None


def indexed(value: Any, index: Any) -> Any:
    """Give ``value[index]``; null when there is none."""
    if isinstance(value, dict):
        return value.get(map_key(index))
    if isinstance(value, list) and _is_number(index):
        return element(value, to_int(index))
    return None


def element(items: list[Any], position: int) -> Any:
    """Give one element of a list or an array; a set has no positions."""
    if 0 <= position < len(items) and not isinstance(items, JavaSet):
        return items[position]
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
