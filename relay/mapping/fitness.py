"""
Whether what a row gives can ever be what its field holds (pure).

Only what shows without an event is judged: constants, literals, and functions whose results are
always of one kind. Anything else fits.

Source:
    Data Prep converts numbers to text, sixteen spellings to booleans and text in its default
    formats to dates, and nothing else (dataprep-language.md §5).
"""

from __future__ import annotations

from typing import Final

from relay.mapping import nodes
from relay.mapping.expression import Expression
from relay.mapping.nodes import Node
from relay.mapping.paths import EACH
from relay.mapping.rows import Row, SourceType
from relay.schema import CompiledSchema, Kind
from relay.schema import Node as Field
from relay.schema.convert import fitting
from relay.schema.node import INTEGER_RANGES

_NUMBERS: Final = frozenset({Kind.NUMBER, *INTEGER_RANGES})
_DATES: Final = frozenset({Kind.DATE, Kind.DATE_TIME})
# The kinds of fields that can hold what is of the given sort.
_TAKES: Final = {
    "text": frozenset({Kind.STRING, Kind.BOOLEAN}) | _DATES,
    "a number": frozenset({Kind.STRING}) | _NUMBERS,
    "true or false": frozenset({Kind.BOOLEAN}),
    "a date": frozenset({Kind.STRING}) | _DATES,
    "an array": frozenset({Kind.ARRAY}),
    "an object": frozenset({Kind.OBJECT, Kind.MAP}),
}
# Functions whose results are of one sort whatever they are given.
_TEXT: Final = (
    "concat replacestr substr lower lcase upper ucase join lpad rpad left right ltrim rtrim trim "
    "sha1 sha256 sha512 md5 crc32 hash get_url_protocol get_url_host get_url_path "
    "get_url_encoded get_url_decoded format dformat array_to_string uuid guid ua_os_name "
    "ua_os_version_major ua_os_version ua_os_name_version ua_agent_version "
    "ua_agent_version_major ua_agent_name ua_device_class aa_get_event_id aa_get_event_value"
)
_NUMBER: Final = (
    "instr get_url_port timestamp date_part size_of to_bigint to_decimal to_float to_integer"
)
_TRUTH: Final = "matches_regex is_empty contains_key is_set map_has_keys"
_DATE: Final = (
    "now date set_date_part make_date_time make_timestamp zone_date_to_utc zone_date_to_zone"
)
_ARRAY: Final = (
    "explode split extract_regex arrays_to_object arrays_to_objects get_keys add_to_array "
    "join_arrays to_array filterArray transformArray"
)
_OBJECT: Final = "to_object get_url_query_str to_map object_to_map add_to_map array_to_map"
_RESULTS: Final = {
    name: sort
    for sort, names in (
        ("text", _TEXT),
        ("a number", _NUMBER),
        ("true or false", _TRUTH),
        ("a date", _DATE),
        ("an array", _ARRAY),
        ("an object", _OBJECT),
    )
    for name in names.split()
}


def misfit(row: Row, field: Field) -> str:
    """Say why nothing that *row* gives fits *field*; empty when something may."""
    if row.source_type is SourceType.STATIC:
        return _constant_misfit(row.source, field)
    if not isinstance(row.expression, Expression):
        return ""
    sort = _sort(row.expression.tree)
    if sort == "an array" and EACH in row.path:
        return ""  # its elements are spread over the field's, and may be anything
    if sort and field.kind not in _TAKES[sort]:
        return f"the expression gives {sort}, the field is of type {field.kind}"
    return ""


def _constant_misfit(text: str, field: Field) -> str:
    schema = CompiledSchema(Field(Kind.OBJECT, {"value": field}))
    violations = schema.check({"value": fitting(field, known_only=False)(text)})
    if not violations:
        return ""
    return f"the constant does not fit the field: {violations[0].message}"


def _sort(node: Node) -> str:
    match node:
        case nodes.Group(inner):
            return _sort(inner)
        case nodes.Literal(bool()):
            return "true or false"
        case nodes.Literal(str()) | nodes.Template():
            return "text"
        case nodes.Literal(value) if value is not None:
            return "a number"
        case nodes.FunctionCall(name):
            return _RESULTS.get(name, "")
        case nodes.ArrayLiteral() | nodes.SetLiteral():
            return "an array"
        case nodes.MapLiteral():
            return "an object"
        case nodes.Choice(cases, otherwise):
            # An elvis (`a ?: b`) gives its condition.
            results = [case.value or case.condition for case in cases] + [otherwise]
            sorts = {_sort(result) for result in results if result != nodes.Literal(None)}
            return sorts.pop() if len(sorts) == 1 else ""
    return ""
