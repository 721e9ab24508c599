"""
What the values of the mapping language are in Python, and their Java types (pure).

::

    Java                       Python                          java_type
    null                       None                            null
    Boolean                    bool                            Boolean
    Integer                    int within 32 bits              Integer
    Long                       int beyond, or `Long`           Long
    BigInteger                 int beyond 64 bits, `BigInteger`  BigInteger
    Float                      `Float`                         Float
    Double                     float                           Double
    BigDecimal                 decimal.Decimal                 BigDecimal
    String                     str                             String
    java.util.List             list                            array
    int[], Object[], …         `JavaArray`, a list             array
    java.util.Set              `JavaSet`, a list               set
    java.util.Map              dict                            object
    IntegerRange, LongRange    `Range`                         range
    a date, a lambda           a class with ``java_type``      that

Every special type is a subclass of the plain one (but `Range`, which must not be written out), so
functions may take and give plain values. A class of its own names itself in a class attribute
``java_type`` and gives Java's text as its ``str()``. Maps keep the keys' order; keys are str, and
a map literal's other keys are `Key` until the result is handed out.

Two values are `equal` as Java's ``equals`` has it: an Integer 1 is not a Long 1. The language's
own ``==`` stands in `relay.mapping.comparison`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from relay.mapping.java_text import length as utf16_length
from relay.mapping.limits import MAX_ITEMS, MAX_TEXT_CHARS, LimitPassed
from relay.mapping.numbers import (
    INT_MAX,
    INT_MIN,
    LONG_MAX,
    LONG_MIN,
    BigInteger,
    Float,
    Long,
    float_text,
)
from relay.mapping.ranges import Range
from relay.schema.doubles import double_text

__all__ = [
    "BigInteger",
    "Float",
    "JavaArray",
    "JavaSet",
    "Key",
    "Long",
    "Range",
    "bounded",
    "equal",
    "java_type",
    "places",
    "plain",
    "to_string",
    "utf16_length",
]


class JavaArray(list[Any]):
    """A Java array, as an array literal gives it: equal only to itself."""

    __slots__ = ()


class JavaSet(list[Any]):
    """A java.util.Set in order of insertion; made by `distinct`."""

    __slots__ = ()


class Key:
    """A map key or set element that is compared as Java compares, type and all."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and _alike(self.value, other.value)

    def __hash__(self) -> int:
        return hash((java_type(self.value), _hashable(self.value)))


def _hashable(value: Any) -> Any:
    match value:
        case JavaArray():
            return id(value)
        case JavaSet():
            return frozenset(map(Key, value))
        case list():
            return tuple(map(Key, value))
        case dict():
            return frozenset((key, Key(held)) for key, held in value.items())
        case float():
            return double_text(value)
    return value


def map_key(value: Any) -> Any:
    """Give what *value* is looked up by in a map; raises LimitPassed when it is too long."""
    return value if type(value) is str else Key(bounded(value))


def element_key(value: Any) -> Any:
    """
    Give what *value* is compared by among others: itself, or a `Key` when its type counts.

    Raises:
        LimitPassed: it is too long.
    """
    kind = type(value)
    # Nothing but another Integer equals a plain int of 32 bits: all else is wrapped.
    is_itself = kind is str or (kind is int and INT_MIN <= value <= INT_MAX)
    return value if is_itself else Key(bounded(value))


def distinct(items: list[Any]) -> JavaSet:
    """Make a set of *items*; the first of equals stays."""
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault(element_key(item), item)
    return JavaSet(found.values())


_SCALARS: Final = {
    type(None): "null",
    bool: "Boolean",
    float: "Double",
    str: "String",
    Long: "Long",
    BigInteger: "BigInteger",
    Float: "Float",
    Decimal: "BigDecimal",
    list: "array",
    JavaArray: "array",
    JavaSet: "set",
    dict: "object",
    Range: "range",
}


def java_type(value: Any) -> str:
    """Name the Java type of *value*: ``Integer``, ``String``, ``array``, ``object``, ``null``."""
    name = _SCALARS.get(type(value))
    if name is not None:
        return name
    if isinstance(value, int):
        return whole_type(value)
    named = getattr(type(value), "java_type", None)
    if isinstance(named, str):
        return named
    return next((name for kind, name in _SCALARS.items() if isinstance(value, kind)), "unknown")


def whole_type(value: int) -> str:
    """Name the type of a whole number that is no bool."""
    if isinstance(value, BigInteger) or not LONG_MIN <= value <= LONG_MAX:
        return "BigInteger"
    return "Long" if isinstance(value, Long) or not INT_MIN <= value <= INT_MAX else "Integer"


def to_string(value: Any) -> str:
    """
    Write *value* as ``String.valueOf`` does: ``null``, ``true``, ``2.0``, ``[a, b]``, ``{k=v}``.

    The text of an array is its address in the engine; here every address is 1.

    Raises:
        LimitPassed: a list or a map is too long to be written out.
    """
    if isinstance(value, str):
        return str(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number_text(value)
    if isinstance(value, JavaArray):
        return f"{_array_class(value)}@1"
    if isinstance(value, (list, dict)):
        return _parts_text(bounded(value))
    if isinstance(value, Range):
        return _range_text(value)
    return str(value)


def _parts_text(value: Any) -> str:
    """Write a list or a map whose length is known to be bounded."""
    if isinstance(value, list) and not isinstance(value, JavaArray):
        return f"[{', '.join(map(_parts_text, value))}]"
    if isinstance(value, dict):
        pairs = (f"{_parts_text(_bare(key))}={_parts_text(held)}" for key, held in value.items())
        return f"{{{', '.join(pairs)}}}"
    return to_string(value)


def _range_text(numbers: Range) -> str:
    kind = "LongRange" if numbers.is_long else "IntegerRange"
    way = "Ascending" if numbers.first <= numbers.last else "Descending"
    low, high = numbers.low, numbers.high
    if numbers.is_long:
        low, high = ((end ^ (end % 2**64 >> 32)) for end in (low, high))
    # The engine's hash of a range, with 1 for the hash of its class.
    code = (13 * (13 + low) + high) % 2**32
    return f"org.apache.commons.jexl3.internal.{kind}${way}@{code:x}"


def _number_text(value: float) -> str:
    if isinstance(value, int):
        return str(int(value))
    return float_text(value) if isinstance(value, Float) else double_text(value)


def _bare(key: Any) -> Any:
    return key.value if isinstance(key, Key) else key


_DESCRIPTORS: Final = {
    "Boolean": ("Z", "Ljava.lang.Boolean;"),
    "Integer": ("I", "Ljava.lang.Integer;"),
    "Long": ("J", "Ljava.lang.Long;"),
    "Float": ("F", "Ljava.lang.Float;"),
    "Double": ("D", "Ljava.lang.Double;"),
    "BigInteger": ("Ljava.math.BigInteger;",) * 2,
    "BigDecimal": ("Ljava.math.BigDecimal;",) * 2,
    "String": ("Ljava.lang.String;",) * 2,
    "array": ("Ljava.util.ArrayList;",) * 2,
    "set": ("Ljava.util.LinkedHashSet;",) * 2,
    "object": ("Ljava.util.LinkedHashMap;",) * 2,
}
_NUMBERS: Final = frozenset({"Integer", "Long", "Float", "Double", "BigInteger", "BigDecimal"})


def _array_class(items: JavaArray) -> str:
    """Name an array's class as the engine picks it: the one type all elements share, or Object."""
    common, is_number, unboxed = "", True, True
    for item in items:
        if item is None:
            is_number = unboxed = False
            continue
        kind = _array_class(item) if isinstance(item, JavaArray) else java_type(item)
        if not common:
            common, is_number = kind, is_number and kind in _NUMBERS
        elif common != kind:
            if common != "Number" or kind not in _NUMBERS:
                common = "Number" if is_number and kind in _NUMBERS else "Object"
            if common == "Object":
                break
    if common.startswith("["):
        return f"[{common}"
    names = _DESCRIPTORS.get(common)
    if names is None:
        return f"[Ljava.lang.{'Number' if common == 'Number' else 'Object'};"
    return f"[{names[0] if unboxed else names[1]}"


def equal(left: Any, right: Any) -> bool:
    """
    Compare as Java's ``left.equals(right)``, with null equal to null.

    Raises:
        LimitPassed: a list or a map is too long.
    """
    if left is not right and isinstance(left, (list, dict)):
        bounded(left)
        bounded(right)
    return _alike(left, right)


def _alike(left: Any, right: Any) -> bool:
    """Compare values whose length is known to be bounded."""
    if left is right:
        return True
    kind = type(left)
    if kind is type(right) and (kind is str or kind is int):
        return bool(left == right)
    if java_type(left) != java_type(right) or isinstance(left, JavaArray):
        return False
    if isinstance(left, float):
        return double_text(left) == double_text(right)
    if isinstance(left, Decimal):
        return bool(left.as_tuple() == right.as_tuple())
    if isinstance(left, JavaSet):
        return len(left) == len(right) and set(map(Key, left)) == set(map(Key, right))
    if isinstance(left, list):
        alike = len(left) == len(right) and not isinstance(right, JavaArray)
        return alike and all(map(_alike, left, right))
    if isinstance(left, dict):
        same_keys: bool = left.keys() == right.keys()
        return same_keys and all(_alike(left[key], right[key]) for key in left)
    same: bool = left == right
    return same


def places(items: list[Any], value: Any) -> Iterator[int]:
    """
    Give the positions at which *items* hold an equal of *value*, as they are asked for.

    Raises:
        LimitPassed: *items* or *value* is too long.
    """
    if isinstance(value, (list, dict)) and not isinstance(value, JavaArray):
        # Once, not for each item: that would be the product of both lengths. An array equals
        # only itself.
        bounded(items)
        bounded(value)
    return (at for at, item in enumerate(items) if _alike(item, value))


def bounded(value: Any) -> Any:
    """
    Give *value*, in which one part may be found many times; it counts as often as it is found.

    Raises:
        LimitPassed: written out it is too long.
    """
    # A range alone is checked where it is written out.
    items, chars, waiting = 0, 0, [] if isinstance(value, Range) else [value]
    while waiting:
        held = waiting.pop()
        if isinstance(held, str):
            chars += len(held)
            if chars > MAX_TEXT_CHARS:
                raise LimitPassed(f"a value has more than {MAX_TEXT_CHARS} characters")
        elif isinstance(held, (list, dict, Range)):
            items += len(held)
            if items > MAX_ITEMS:
                raise LimitPassed(f"a value has more than {MAX_ITEMS} elements in all")
            if isinstance(held, dict):
                waiting.extend(map(_bare, held))
                waiting.extend(held.values())
            elif isinstance(held, list):
                waiting.extend(held)
    return value


def plain(value: Any) -> Any:
    """
    Give *value* in Python's own types, all the way down: what an encoder of JSON takes.

    Ranges, arrays and sets are lists, keys are text. Decimals and dates stay what they are.

    Raises:
        LimitPassed: a range is too long to be written out.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case Float():
            # The shortest decimal, as Java writes a Float: 12.3456, not 12.345600128173828.
            return float(float_text(value))
        case float():
            return float(value)
        case list():
            return [plain(item) for item in value]
        case dict():
            return {to_string(_bare(key)): plain(held) for key, held in value.items()}
        case Range():
            return [int(number) for number in value.to_list()]
    return value
