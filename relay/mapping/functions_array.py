"""
Arrays: made, joined, filtered, picked from.

Source:
    Data Prep functions, "Hierarchies - Arrays"; destinations' calculated fields for
    ``array_to_string``, ``filterArray``, ``transformArray``, ``flattenArray``.

Assumed:
    a null array has no elements where elements are added to it, and gives null elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from relay.mapping.arguments import bounded, items, joined, spread, text
from relay.mapping.coercion import to_boolean
from relay.mapping.function import Example, Function, FunctionFailed, function
from relay.mapping.java_text import length
from relay.mapping.values import Range, java_type

_FAMILY = "Hierarchies - Arrays"
_DESTINATIONS = "documented for destinations only"


@function(
    "coalesce",
    _FAMILY,
    "coalesce(INPUT)",
    "Gives the first of its arguments, or of an array, that is not null.",
    Example('coalesce(null, null, null, "first", null, "second")', "first"),
    Example("coalesce(phones)", "555", {"phones": [None, "555"]}),
    Example("coalesce(missing, 'none')", "none"),
)
def coalesce(*values: Any) -> Any:
    """Give what is there first."""
    return next((value for value in spread(values) if value is not None), None)


@function(
    "first",
    _FAMILY,
    "first(INPUT)",
    "Gives the first element of an array, or the first argument; null when there is none.",
    Example('first("1", "2", "3")', "1"),
    Example("first(tags)", "vip", {"tags": ["vip", "eu"]}),
    Example("first([])", None),
)
def first(*values: Any) -> Any:
    """Give the first."""
    return next(iter(spread(values)), None)


@function(
    "last",
    _FAMILY,
    "last(INPUT)",
    "Gives the last element of an array, or the last argument; null when there is none.",
    Example('last("1", "2", "3")', "3"),
    Example('last(split("a:b", ":"))', "b"),
)
def last(*values: Any) -> Any:
    """Give the last."""
    given = spread(values)
    return given[-1] if given else None


@function(
    "add_to_array",
    _FAMILY,
    "add_to_array(ARRAY, VALUES)",
    "Gives an array with elements added at its end.",
    Example("add_to_array(['a', 'b'], 'c', 'd')", ["a", "b", "c", "d"]),
)
def add_to_array(array: Any, *values: Any) -> list[Any]:
    """Append to a copy."""
    given = [] if array is None else items(array)
    bounded(len(given) + len(values))
    return [*given, *values]


@function(
    "join_arrays",
    _FAMILY,
    "join_arrays(ARRAY, VALUES)",
    "Gives the elements of several arrays as one.",
    Example("join_arrays(['a', 'b'], ['c'], ['d', 'e'])", ["a", "b", "c", "d", "e"]),
)
def join_arrays(*arrays: Any) -> list[Any]:
    """Concatenate arrays."""
    given = [items(array) for array in arrays if array is not None]
    bounded(sum(map(len, given)))
    return [value for array in given for value in array]


@function(
    "to_array",
    _FAMILY,
    "to_array(INCLUDE_NULLS, VALUES)",
    "Makes an array of its arguments, with or without those that are null.",
    Example("to_array(false, 1, null, 2, 3)", [1, 2, 3]),
    Example("to_array(true, 1, null)", [1, None]),
)
def to_array(keeps_nulls: Any, *values: Any) -> list[Any]:
    """Make an array."""
    if to_boolean(keeps_nulls):
        return list(values)
    return [value for value in values if value is not None]


@function(
    "size_of",
    _FAMILY,
    "size_of(INPUT)",
    "Counts the elements of an array, the keys of an object, the characters of a text.",
    Example("size_of([1, 2, 3, 4])", 4),
    Example("size_of(missing)", 0),
    note="Assumed: 0 for null, and what a text or an object has",
)
def size_of(value: Any) -> int:
    """Count."""
    if value is None:
        return 0
    if isinstance(value, str):
        return length(value)
    if isinstance(value, (list, dict, Range)):
        return len(value)
    raise FunctionFailed(f"expected an array, an object or text, found {java_type(value)}")


@function(
    "upsert_array_append",
    _FAMILY,
    "upsert_array_append(ARRAY)",
    "Marks an array as one to add to the profile's in a streaming upsert; gives it unchanged.",
    Example("upsert_array_append([123, 456])", [123, 456]),
)
def upsert_array_append(array: Any) -> Any:
    """Give the array."""
    return array if array is None else items(array)


@function(
    "upsert_array_replace",
    _FAMILY,
    "upsert_array_replace(ARRAY)",
    "Marks an array as one to put for the profile's in a streaming upsert; gives it unchanged.",
    Example("upsert_array_replace([123, 456])", [123, 456]),
    Example("upsert_array_replace([123, 456], 1)", [123, 456]),
    note="the documentation's example has an index, which its syntax lacks; it has no effect here",
)
def upsert_array_replace(array: Any, _index: Any = None) -> Any:
    """Give the array."""
    return array if array is None else items(array)


@function(
    "array_to_string",
    _FAMILY,
    "array_to_string(SEPARATOR, ARRAY)",
    "Joins the elements of an array, flattened, with a separator.",
    Example('array_to_string("; ", ["Hello", "world"])', "Hello; world"),
    Example("array_to_string('_', add_to_array(['a', 'b'], ['c']))", "a_b_c"),
    note=f"{_DESTINATIONS}. Assumed: null joins as nothing",
)
def array_to_string(separator: Any, array: Any) -> str | None:
    """Flatten and join."""
    if array is None:
        return None
    between = "" if separator is None else text(separator, "a separator")
    return joined(between, ["" if part is None else text(part) for part in _flat(array)])


def _lambda(value: Any) -> Callable[[Any], Any]:
    if not callable(value):
        raise FunctionFailed(f"expected a lambda such as x -> x > 0, found {java_type(value)}")
    return value  # type: ignore[no-any-return]  # a lambda takes and gives values


@function(
    "filterArray",
    _FAMILY,
    "filterArray(ARRAY, PREDICATE)",
    "Gives the elements for which a lambda is true.",
    Example("filterArray([5, -6, 0, 7], x -> x > 0)", [5, 7]),
    note=_DESTINATIONS,
)
def filter_array(array: Any, predicate: Any) -> list[Any] | None:
    """Filter with a lambda."""
    if array is None:
        return None
    test = _lambda(predicate)
    return [value for value in items(array) if to_boolean(test(value))]


@function(
    "transformArray",
    _FAMILY,
    "transformArray(ARRAY, PREDICATE)",
    "Gives what a lambda makes of each element.",
    Example("transformArray([5, 6, 7], x -> x + 1)", [6, 7, 8]),
    note=_DESTINATIONS,
)
def transform_array(array: Any, change: Any) -> list[Any] | None:
    """Map a lambda."""
    if array is None:
        return None
    make = _lambda(change)
    return [make(value) for value in items(array)]


@function(
    "flattenArray",
    _FAMILY,
    "flattenArray(ARRAY)",
    "Gives the elements of arrays inside arrays as one array.",
    Example(
        "flattenArray([[[['a', 'b'], ['c', 'd']], [['e'], ['f']]]])",
        ["a", "b", "c", "d", "e", "f"],
    ),
    note=_DESTINATIONS,
)
def flatten_array(array: Any) -> list[Any] | None:
    """Flatten."""
    return None if array is None else _flat(array)


def _flat(array: Any) -> list[Any]:
    """Flatten without recursion: a body may nest deeper than Python calls."""
    flat: list[Any] = []
    outermost = items(array)
    elements = bounded(len(outermost))
    open_arrays = [iter(outermost)]
    while open_arrays:
        for value in open_arrays[-1]:
            if isinstance(value, (list, Range)):
                inner = items(value)
                elements = bounded(elements + len(inner))
                open_arrays.append(iter(inner))
                break
            flat.append(value)
        else:
            open_arrays.pop()
    return flat


FUNCTIONS: tuple[Function, ...] = (
    coalesce,
    first,
    last,
    add_to_array,
    join_arrays,
    to_array,
    size_of,
    upsert_array_append,
    upsert_array_replace,
    array_to_string,
    filter_array,
    transform_array,
    flatten_array,
)
