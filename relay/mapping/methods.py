"""
The methods of Java values that expressions may call: an allow-list (pure).

The engine would let an expression call anything public of the value's Java class. Here only what
reads is known, and what a mapping can have a use for; anything else is an error that names what
there is. A whole number fits an ``int`` whatever its type, as the engine narrows arguments, and a
BigDecimal does when it is cut off.

Source:
    Java SE 17 API: String, List, Set, Map, Number, Boolean, ZonedDateTime. Documented by Adobe are
    equals, equalsIgnoreCase and get (dataprep-language.md §2). ``charAt`` is left out: the engine
    takes its result for a number.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from relay.mapping import methods_of_text
from relay.mapping.coercion import to_double, to_int, to_long
from relay.mapping.comparison import order
from relay.mapping.failures import MethodFailed, UnknownMethod
from relay.mapping.matching import contains, contains_all
from relay.mapping.numbers import INT_MAX, INT_MIN, long
from relay.mapping.values import (
    JavaArray,
    JavaSet,
    Key,
    Range,
    distinct,
    equal,
    java_type,
    map_key,
    places,
    to_string,
)

_LEAST_DOUBLE: Final = Decimal("4.9E-324")
_LARGEST_DOUBLE: Final = Decimal(sys.float_info.max)


@dataclass(frozen=True, slots=True)
class Method:
    """
    One method: *call* takes the receiver and the arguments.

    Parameters are ``int``, ``text``, ``list``, ``any``, or ``same``, the receiver's own type.
    """

    parameters: tuple[str, ...]
    call: Callable[..., Any]


def call_method(receiver: Any, name: str, arguments: list[Any]) -> Any:
    """
    Call ``receiver.name(arguments)``; *receiver* is not null.

    Raises:
        UnknownMethod: the receiver's type has none of this name that takes such arguments.
        MethodFailed: Java throws: a position outside of the text, a null argument.
    """
    known = methods_of(receiver)
    overloads = known.get(name)
    if overloads is None:
        raise _unknown(receiver, name, known)
    for method in overloads:
        if len(method.parameters) == len(arguments) and _fit(method, arguments, receiver):
            given = arguments
            if "int" in method.parameters:
                given = [_narrowed(argument) for argument in arguments]
            return method.call(receiver, *given)
    takes = " or ".join(f"({', '.join(method.parameters)})" for method in overloads)
    found = ", ".join(map(java_type, arguments))
    raise UnknownMethod(f"{java_type(receiver)}.{name} takes {takes}, found ({found})")


def names() -> frozenset[str]:
    """Name every method that some value has."""
    return frozenset(
        name
        for known in (_TEXT, _MAP, _LIST, _COLLECTION, _BOOLEAN, _DOUBLE, _DATE)
        for name in known
    )


def methods_of(receiver: Any) -> dict[str, tuple[Method, ...]]:
    """Give the methods that a value has, by name."""
    match receiver:
        case str():
            return _TEXT
        case dict():
            return _MAP
        case JavaSet():
            return _SET
        case JavaArray():
            return _ARRAY
        case list():
            return _LIST
        case Range():
            return _COLLECTION
        case bool():
            return _BOOLEAN
        case float():
            return _DOUBLE
        case int() | Decimal():
            return _NUMBER
    return _DATE if java_type(receiver) == "ZonedDateTime" else _OBJECT


def _fit(method: Method, arguments: list[Any], receiver: Any) -> bool:
    for kind, argument in zip(method.parameters, arguments, strict=True):
        if kind != "any" and not _fits(kind, argument, receiver):
            return False
    return True


def _fits(kind: str, argument: Any, receiver: Any) -> bool:
    match kind:
        case "int":
            number = _narrowed(argument)
            is_whole = isinstance(number, int) and not isinstance(number, bool)
            return is_whole and INT_MIN <= number <= INT_MAX
        case "text":
            return argument is None or isinstance(argument, str)
        case "list":
            is_array = isinstance(argument, JavaArray)
            return argument is None or (isinstance(argument, (list, Range)) and not is_array)
        case "same":
            return argument is None or java_type(argument) == java_type(receiver)
    return True


def _narrowed(value: Any) -> Any:
    """Give a BigDecimal as the whole number that the engine makes of it, if it is above 0."""
    if isinstance(value, Decimal) and _LEAST_DOUBLE <= value <= _LARGEST_DOUBLE:
        return to_long(value)
    return value


def _unknown(receiver: Any, name: str, known: dict[str, tuple[Method, ...]]) -> UnknownMethod:
    message = f"{java_type(receiver)} has no method {name} that a mapping can call"
    if name == "charAt":
        return UnknownMethod(message, hint="write substring(i, i + 1): it gives text")
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}" if near else "there are " + ", ".join(sorted(known))
    return UnknownMethod(message, hint=hint)


def _given(value: Any) -> Any:
    if value is None:
        raise MethodFailed("expected an argument that is not null")
    return value


def _at(items: list[Any], position: int) -> Any:
    if not 0 <= position < len(items):
        raise MethodFailed("the position is outside of the list")
    return items[position]


def _index_of(items: list[Any], value: Any) -> int:
    return next(places(items, value), -1)


def _last_index_of(items: list[Any], value: Any) -> int:
    return max(places(items, value), default=-1)


def _part(items: list[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(items):
        raise MethodFailed("the positions are outside of the list")
    return list(items[start:end])


def _has(items: list[Any] | Range, value: Any) -> bool:
    if isinstance(items, Range):
        return isinstance(value, (int, float, Decimal)) and contains(items, value)
    return _index_of(items, value) >= 0


def _has_all(items: list[Any] | Range, values: Any) -> bool:
    return contains_all(items, _given(values))


def _is_empty(items: list[Any] | dict[Any, Any]) -> bool:
    return not items


def _get(members: dict[Any, Any], key: Any) -> Any:
    return members.get(map_key(key))


def _get_or(members: dict[Any, Any], key: Any, other: Any) -> Any:
    return members.get(map_key(key), other)


def _has_key(members: dict[Any, Any], key: Any) -> bool:
    return map_key(key) in members


def _has_value(members: dict[Any, Any], value: Any) -> bool:
    return _index_of(list(members.values()), value) >= 0


def _keys(members: dict[Any, Any]) -> JavaSet:
    return distinct([key.value if isinstance(key, Key) else key for key in members])


def _values(members: dict[Any, Any]) -> list[Any]:
    return list(members.values())


def _compared(left: Any, right: Any) -> int:
    return order(left, _given(right))


def _compared_doubles(left: float, right: float | None) -> int:
    """Compare as ``Double.compare``: NaN above all, -0.0 below 0.0."""
    a, b = _double_rank(left), _double_rank(_given(right))
    return (a > b) - (a < b)


def _double_rank(value: float) -> tuple[bool, float, float]:
    if _is_nan(value):
        return True, 0.0, 0.0
    return False, value, math.copysign(1.0, value)


def _before(left: Any, right: Any) -> bool:
    return order(left, _given(right)) < 0


def _after(left: Any, right: Any) -> bool:
    return order(left, _given(right)) > 0


def _same(value: Any) -> Any:
    return value


def _is_nan(value: float) -> bool:
    return value != value  # noqa: PLR0124 - NaN is the one unequal to itself


def _is_infinite(value: float) -> bool:
    return value in {float("inf"), float("-inf")}


def _long(value: Any) -> int:
    return long(to_long(value))


def _matches(value: Any, pattern: str | None) -> bool:
    """Do what the engine does where a class has no such method: ask its operator ``=~``."""
    return contains(pattern, value)


def _never(_numbers: Range) -> bool:
    return False


def _one(call: Callable[..., Any], *parameters: str) -> tuple[Method, ...]:
    return (Method(parameters, call),)


_OBJECT: Final = {"equals": _one(equal, "any"), "toString": _one(to_string)}
_COLLECTION: Final = {
    **_OBJECT,
    "contains": _one(_has, "any"),
    "containsAll": _one(_has_all, "list"),
    "isEmpty": _one(_never),
}
_SET: Final = {**_COLLECTION, "isEmpty": _one(_is_empty)}
_LIST: Final = {
    **_SET,
    "get": _one(_at, "int"),
    "indexOf": _one(_index_of, "any"),
    "lastIndexOf": _one(_last_index_of, "any"),
    "subList": _one(_part, "int", "int"),
}
# The engine finds the others of a list, too, and cannot call them.
_ARRAY: Final = {name: _LIST[name] for name in (*_OBJECT, "contains", "get", "indexOf")}
_MAP: Final = {
    **_OBJECT,
    "contains": _one(contains, "any"),
    "containsKey": _one(_has_key, "any"),
    "containsValue": _one(_has_value, "any"),
    "get": _one(_get, "any"),
    "getOrDefault": _one(_get_or, "any", "any"),
    "isEmpty": _one(_is_empty),
    "keySet": _one(_keys),
    "values": _one(_values),
}
_BOOLEAN: Final = {
    **_OBJECT,
    "booleanValue": _one(_same),
    "matches": _one(_matches, "text"),
    "compareTo": _one(_compared, "same"),
}
_NUMBER: Final = {
    **_OBJECT,
    "compareTo": _one(_compared, "same"),
    "doubleValue": _one(to_double),
    "intValue": _one(to_int),
    "longValue": _one(_long),
    "matches": _one(_matches, "text"),
}
_DOUBLE: Final = {
    **_NUMBER,
    "compareTo": _one(_compared_doubles, "same"),
    "isInfinite": _one(_is_infinite),
    "isNaN": _one(_is_nan),
}
_DATE: Final = {
    **_OBJECT,
    "compareTo": _one(_compared, "same"),
    "isAfter": _one(_after, "same"),
    "isBefore": _one(_before, "same"),
}
_TEXT: Final = {
    **_OBJECT,
    **{
        name: tuple(Method(parameters, call) for parameters, call in overloads)
        for name, overloads in methods_of_text.METHODS.items()
    },
}

__all__ = ["Method", "call_method", "methods_of", "names"]
