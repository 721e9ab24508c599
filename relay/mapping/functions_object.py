"""
Objects and maps: made, merged, asked for their keys.

Source:
    Data Prep functions, "Hierarchies - Objects" and "Hierarchies - Map".

Assumed:
    objects and maps are one thing here. Keys that are numbers or truth become their text; a null
    key is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from relay.errors import ExpressionSyntaxError
from relay.mapping.arguments import bounded, items, key, members, spread, text
from relay.mapping.function import Context, Example, Function, FunctionFailed, alias, function
from relay.mapping.limits import MAX_PATH_CHARS
from relay.mapping.paths import EACH, Path, parse_path
from relay.mapping.values import Range, java_type

_OBJECTS = "Hierarchies - Objects"
_MAPS = "Hierarchies - Map"
_MARTIN = {"author": "George R. R. Martin", "price": 17.99, "ISBN": "ISBN-978-0553801477"}
_GAIMAN = {
    "author": "Neil Gaiman",
    "price": 17.99,
    "ISBN": "ISBN-0-380-97365-0",
    "publisher": "William Morrow",
}
_OFFICE = {"line1": "345 park ave", "City": "san jose", "type": "office"}
_HOME = {"line1": "1 main st", "City": "san jose", "type": "home"}


def _pairs(values: Sequence[Any]) -> dict[str, Any]:
    if len(values) % 2:
        raise FunctionFailed(
            f"expected a value for each key, found {len(values)} arguments, an odd number"
        )
    return {key(values[at]): values[at + 1] for at in range(0, len(values), 2)}


@function(
    "is_empty",
    _OBJECTS,
    "is_empty(INPUT)",
    "Says whether an object, array or text has nothing in it; null has nothing.",
    Example("is_empty([1, null, 2, 3])", result=False),
    Example("is_empty(nothing)", True, {"nothing": {}}),
    note="Assumed: null, empty text and empty maps are empty",
)
def is_empty(value: Any) -> bool:
    """Tell emptiness."""
    if isinstance(value, (str, list, dict, Range)):
        return len(value) == 0
    return value is None


@function(
    "arrays_to_objects",
    _OBJECTS,
    "arrays_to_objects(KEY, ARRAY, KEY, ARRAY, …)",
    "Makes an array of objects out of keys and arrays, one object for each position.",
    Example(
        "arrays_to_objects('sku', explode(\"id1|id2\", '\\\\|'), 'price', [22.5,14.35])",
        [{"sku": "id1", "price": 22.5}, {"sku": "id2", "price": 14.35}],
    ),
    Example("arrays_to_objects('a', [1, 2], 'b', [3])", [{"a": 1, "b": 3}, {"a": 2}]),
    note="Assumed: of arrays of different length the longest counts, and what is missing is left "
    "out",
)
def arrays_to_objects(*values: Any) -> list[dict[str, Any]] | None:
    """Zip arrays into objects."""
    named = _pairs(spread(values))
    columns = {name: items(column) for name, column in named.items() if column is not None}
    if named and not columns:
        return None
    length = max(map(len, columns.values()), default=0)
    bounded(length * len(columns))
    return [
        {name: column[at] for name, column in columns.items() if at < len(column)}
        for at in range(length)
    ]


@function(
    "to_object",
    _OBJECTS,
    "to_object(INPUT)",
    "Makes an object out of keys and values.",
    Example(
        'to_object("firstName", "John", "lastName", "Doe")',
        {"firstName": "John", "lastName": "Doe"},
    ),
)
def to_object(*values: Any) -> dict[str, Any]:
    """Make an object."""
    return _pairs(spread(values))


def _delimited(value: Any, between: Any, after: Any) -> dict[str, str]:
    """Take ``k:v,k:v`` apart; pieces without a value delimiter are left out."""
    value_delimiter = ":" if between is None else text(between, "a value delimiter") or ":"
    field_delimiter = "," if after is None else text(after, "a field delimiter") or ","
    made: dict[str, str] = {}
    bounded(text(value).count(field_delimiter))
    for piece in text(value).split(field_delimiter):
        name, found, held = piece.partition(value_delimiter)
        if found:
            made[name.strip()] = held.strip()
    return made


@function(
    "str_to_object",
    _OBJECTS,
    "str_to_object(STRING, VALUE_DELIMITER, FIELD_DELIMITER)",
    "Makes an object out of delimited text; keys and values are trimmed.",
    Example(
        'str_to_object("firstName - John ; lastName - Doe ; phone - 123 456 7890", "-", ";")',
        {"firstName": "John", "lastName": "Doe", "phone": "123 456 7890"},
    ),
    Example(
        'str_to_object("firstName - John ; lastName - Doe ; phone - 123 456 7890", "-", ";")'
        '.get("firstName")',
        "John",
    ),
    Example('str_to_object("a:1,b:2")', {"a": "1", "b": "2"}),
    note="the documentation's first example gives another input than its output is for",
)
def str_to_object(value: Any, between: Any = ":", after: Any = ",") -> dict[str, str] | None:
    """Parse delimited text."""
    return None if value is None else _delimited(value, between, after)


@function(
    "contains_key",
    _OBJECTS,
    "contains_key(INPUT)",
    "Says whether the event has a field at a path, which is given as text.",
    Example('contains_key("evars.evar.field1")', True, {"evars": {"evar": {"field1": "x"}}}),
    Example('contains_key("evars.evar.field2")', False, {"evars": {"evar": {"field1": "x"}}}),
    note="Assumed: a field that is null is there",
)
def contains_key(context: Context, path: Any) -> bool | None:
    """Look a path up in the record."""
    if path is None:
        return None
    written = text(path, "a path as text")
    if len(written) > MAX_PATH_CHARS:
        raise FunctionFailed(f"expected a path of at most {MAX_PATH_CHARS} characters")
    try:
        segments = parse_path(written)
    except ExpressionSyntaxError as error:
        raise FunctionFailed(f"expected a path as text: {error.message}") from None
    return _is_there(context.record, segments)


def _is_there(value: Any, segments: Path) -> bool:
    for segment in segments:
        if isinstance(segment, str):
            if not isinstance(value, dict) or segment not in value:
                return False
            value = value[segment]
            continue
        position = 0 if segment is EACH else int(segment)
        if not isinstance(value, list) or position >= len(value):
            return False
        value = value[position]
    return True


@function(
    "nullify",
    _OBJECTS,
    "nullify()",
    "Gives null, so that the field is not copied.",
    Example("nullify()", None),
    Example("iif(proxied, nullify(), 'kept')", "kept", {"proxied": False}),
)
def nullify() -> None:
    """Give null."""


@function(
    "get_keys",
    _OBJECTS,
    "get_keys(OBJECT)",
    "Gives the keys of an object.",
    Example('get_keys({"book1": "Pride and Prejudice", "book2": "1984"})', ["book1", "book2"]),
)
def get_keys(value: Any) -> list[str] | None:
    """Give the keys in their order."""
    return None if value is None else [key(name) for name in members(value)]


@function(
    "get_values",
    _OBJECTS,
    "get_values(STRING, KEY, VALUE_DELIMITER, FIELD_DELIMITER)",
    "Gives the value of one key in delimited text.",
    Example(
        'get_values("firstName - John , lastName - Cena , phone - 555 420 8692", '
        '"firstName", "-", ",")',
        "John",
    ),
    Example('get_values("a:1,b:2", "b", null)', "2"),
)
def get_values(value: Any, name: Any, between: Any, after: Any = None) -> str | None:
    """Look a key up in delimited text."""
    return None if value is None else _delimited(value, between, after).get(key(name))


@function(
    "map_get_values",
    _OBJECTS,
    "map_get_values(MAP, KEY)",
    "Gives the value of a key in a map; for an array of keys, the array of values.",
    Example(
        'map_get_values(book_details, "author")', "George R. R. Martin", {"book_details": _MARTIN}
    ),
    Example(
        'map_get_values(book_details, ["author", "price"])',
        ["George R. R. Martin", 17.99],
        {"book_details": _MARTIN},
    ),
    note="the documentation's output is an object, its text and other pages say the value",
)
def map_get_values(value: Any, keys: Any) -> Any:
    """Look keys up."""
    if value is None or keys is None:
        return None
    held = {key(name): each for name, each in members(value, "a map").items()}
    if isinstance(keys, list):
        return [held.get(key(name)) for name in keys]
    return held.get(key(keys))


@function(
    "map_has_keys",
    _OBJECTS,
    "map_has_keys(MAP, KEY)",
    "Says whether a map has a key, or any of an array of keys.",
    Example('map_has_keys(book_details, "author")', True, {"book_details": _MARTIN}),
    Example('map_has_keys(book_details, ["x", "y"])', False, {"book_details": _MARTIN}),
)
def map_has_keys(value: Any, keys: Any) -> bool | None:
    """Look for keys."""
    if value is None or keys is None:
        return None
    held = set(map(key, members(value, "a map")))
    return any(key(name) in held for name in (keys if isinstance(keys, list) else [keys]))


@function(
    "add_to_map",
    _OBJECTS,
    "add_to_map(MAP 1, MAP 2, MAP 3, …)",
    "Merges maps; of a key that several have, the first value counts.",
    Example(
        "add_to_map(book_details, book_details2)",
        {**_MARTIN, "publisher": "William Morrow"},
        {"book_details": _MARTIN, "book_details2": _GAIMAN},
    ),
    note="the documentation's output is wrapped in the first map's name. Assumed: null is skipped",
)
def add_to_map(first: Any, *others: Any) -> dict[Any, Any] | None:
    """Merge, first come first kept."""
    given = [members(each, "a map") for each in (first, *others) if each is not None]
    if not given:
        return None
    merged: dict[Any, Any] = {}
    for each in given:
        bounded(len(merged) + len(each))
        merged = {**merged, **{name: held for name, held in each.items() if name not in merged}}
    return merged


@function(
    "array_to_map",
    _MAPS,
    "array_to_map(OBJECT[] INPUTS, KEY)",
    "Makes a map of an array's objects, by the value of one of their fields.",
    Example(
        'array_to_map(addresses, "type")',
        {"home": _HOME, "office": _OFFICE},
        {"addresses": [_HOME, _OFFICE]},
    ),
    note="Assumed: of objects with one key the last counts; an object without it is left out",
)
def array_to_map(inputs: Any, field: Any) -> dict[str, Any] | None:
    """Index objects by a field."""
    if inputs is None:
        return None
    name = key(field)
    objects = [members(each) for each in items(inputs) if each is not None]
    return {key(each[name]): each for each in objects if each.get(name) is not None}


@function(
    "object_to_map",
    _MAPS,
    "object_to_map(OBJECT_INPUT)",
    "Makes a map of an object, of keys and values, or of an array of objects and a field.",
    Example("object_to_map(address)", _OFFICE, {"address": _OFFICE}),
    Example(
        'object_to_map("firstName", "John", "lastName", "Doe")',
        {"firstName": "John", "lastName": "Doe"},
    ),
    Example(
        'object_to_map(addresses, "type")',
        {"home": _HOME, "office": _OFFICE},
        {"addresses": [_HOME, _OFFICE]},
    ),
    Example("object_to_map(missing)", None),
    note="the documentation writes the field of the third form without quotes once",
)
def object_to_map(first: Any, *others: Any) -> dict[Any, Any] | None:
    """Make a map, by the form of the arguments."""
    if not others:
        return None if first is None else dict(members(first))
    if len(others) == 1 and (first is None or isinstance(first, (list, Range))):
        return array_to_map.call(first, others[0])  # type: ignore[no-any-return]  # its own type
    return _pairs((first, *others))


@function(
    "to_map",
    _MAPS,
    "to_map(OBJECT_INPUT)",
    "Makes a map out of keys and values; null gives null.",
    Example(
        'to_map("firstName", "John", "lastName", "Doe")', {"firstName": "John", "lastName": "Doe"}
    ),
    Example(
        'to_map("ECID", to_array(false, to_object("id", ecid, "primary", true)))',
        {"ECID": [{"id": "42", "primary": True}]},
        {"ecid": "42"},
    ),
)
def to_map(*values: Any) -> dict[Any, Any] | None:
    """Make a map."""
    if len(values) == 1 and not isinstance(values[0], list):
        if values[0] is None or isinstance(values[0], dict):
            return values[0] and dict(values[0])
        raise FunctionFailed(f"expected keys and values, found {java_type(values[0])}")
    return _pairs(spread(values))


ARRAYS_TO_OBJECT = alias(
    "arrays_to_object",
    arrays_to_objects,
    Example("arrays_to_object('a', [1, 2])", [{"a": 1}, {"a": 2}]),
    note="the page's heading; its example and every known mapping say arrays_to_objects",
)
IS_SET = alias(
    "is_set",
    contains_key,
    Example('is_set("a.b")', True, {"a": {"b": 1}}),
    note="deprecated in favour of contains_key",
)

OBJECTS: tuple[Function, ...] = (
    is_empty,
    ARRAYS_TO_OBJECT,
    arrays_to_objects,
    to_object,
    str_to_object,
    contains_key,
    IS_SET,
    nullify,
    get_keys,
    get_values,
    map_get_values,
    map_has_keys,
    add_to_map,
)
MAPS: tuple[Function, ...] = (array_to_map, object_to_map, to_map)
FUNCTIONS: tuple[Function, ...] = (*OBJECTS, *MAPS)
