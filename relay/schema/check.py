"""
The check of one record against a compiled schema, in the inlet's words.

Source:
    Streaming validation (adobe.md §1.4, fixture ``single_errors.json``): unknown keys and nulls
    are refused, at most five violations a message are reported, and the texts are those of the
    validator the inlet uses (``expected type: String, found: Long``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

import jsonschema_rs

from relay.errors import SchemaError
from relay.schema.document import read_document
from relay.schema.doubles import double_text
from relay.schema.node import Kind, Node

REPORTED = 5
# The validator goes no deeper; a body has 254 at most, text that is read as JSON may have more.
_LEVELS = 255

# Years to seconds with an offset, as the inlet lists them. Its parser accepts day 31 in a short
# month (java.time's SMART resolver), so a pattern says the same as the parser does.
_DATE = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?"
_OFFSET = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_DATE_PATTERN = f"^{_DATE}$"
_DATE_TIME_PATTERN = f"^{_DATE}T{_TIME}{_OFFSET}$"
_FORMATS = {_DATE_PATTERN: "date", _DATE_TIME_PATTERN: "date-time"}
_EXPECTED_FORMS = {
    "date": "yyyy-MM-dd",
    "date-time": "yyyy-MM-dd'T'HH:mm:ssZ, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}Z, "
    "yyyy-MM-dd'T'HH:mm:ss[+-]HH:mm, yyyy-MM-dd'T'HH:mm:ss.[0-9]{1,9}[+-]HH:mm",
}
_TYPE_NAMES = {
    "string": "String",
    "integer": "Integer",
    "number": "Number",
    "boolean": "Boolean",
    "object": "JSONObject",
    "array": "JSONArray",
}
_FOUND_NAMES: Mapping[type, str] = {
    str: "String",
    bool: "Boolean",
    int: "Long",
    float: "Double",
    Decimal: "Double",
    dict: "JSONObject",
    list: "JSONArray",
    type(None): "Null",
}
_TEXTS = {
    "type": "expected type: {expected}, found: {found}",
    "required": "required key [{expected}] not found",
    "additionalProperties": "extraneous key [{found}] is not permitted",
    "enum": "[…] is not a valid enum value. Expected [{expected}]",
    "const": "[…] is not a valid enum value. Expected [{expected}]",
    "format": "[…] is not a valid {expected}",
    "pattern": "string […] does not match pattern {expected}",
    "minimum": "[…] is not greater or equal to {expected}",
    "maximum": "[…] is not less or equal to {expected}",
    "exclusiveMinimum": "[…] is not greater than {expected}",
    "exclusiveMaximum": "[…] is not less than {expected}",
    "multipleOf": "[…] is not a multiple of {expected}",
    "minLength": "expected minLength: {expected}, actual: {found}",
    "maxLength": "expected maxLength: {expected}, actual: {found}",
    "minItems": "expected minimum item count: {expected}, found: {found}",
    "maxItems": "expected maximum item count: {expected}, found: {found}",
    "uniqueItems": "array items are not unique",
    "encoding": "expected {expected}, found {found}",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """
    One rule that a record breaks.

    *path* points as the inlet does (``#/_extconndev/email``; of a missing or unknown key it is
    the object's). *found* is a type, a length or a key, never the value.
    """

    path: str
    rule: str
    expected: str
    found: str

    @property
    def message(self) -> str:
        """The inlet's sentence for it, with ``[…]`` where the inlet prints the value."""
        text = _TEXTS.get(self.rule, "expected {expected}, found {found}")
        text = text.format(expected=self.expected, found=self.found)
        if self.rule == "format" and self.expected in _EXPECTED_FORMS:
            return f"{text}. Expected [{_EXPECTED_FORMS[self.expected]}]"
        return text


class CompiledSchema:
    """An XDM schema, ready to check records; *root* is its tree of fields."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.json_schema = {"type": "object"} | _object_schema(root)
        try:
            self._validator = jsonschema_rs.Draft7Validator(
                self.json_schema, validate_formats=True, ignore_unknown_formats=True
            )
        except (ValueError, jsonschema_rs.ValidationError) as error:
            raise SchemaError(f"the schema does not compile: {error}") from None

    def is_valid(self, record: Mapping[str, Any]) -> bool:
        """Say whether `check` would find nothing."""
        try:
            return self._validator.is_valid(record)
        except ValueError:
            return False

    def check(self, record: Mapping[str, Any], limit: int | None = REPORTED) -> list[Violation]:
        """List the first *limit* violations of *record*, all with ``None``; ``[]`` when valid."""
        if self.is_valid(record):
            return []
        try:
            errors = self._validator.iter_errors(record)
            found = (violation for error in errors for violation in _violations(error, record))
            return list(islice(found, limit))
        except UnicodeEncodeError:
            # The validator takes UTF-8 only, and so does the inlet.
            return list(islice(_halves(record, "#"), limit))
        except ValueError as error:
            if "recursion limit" not in str(error).lower():
                raise
            return [Violation("#", "depth", f"at most {_LEVELS} levels", "more")]


def compile_schema(
    document: Mapping[str, Any], references: Mapping[str, Mapping[str, Any]] | None = None
) -> CompiledSchema:
    """
    Compile a registry document (``xed-full``, or ``xed`` with the documents it refers to).

    Raises:
        SchemaError: naming the field that cannot be compiled.
    """
    return CompiledSchema(read_document(document, references or {}))


def _json_schema(node: Node) -> dict[str, Any]:
    if node.kind is Kind.OBJECT:
        return {"type": "object"} | _object_schema(node)
    if node.kind is Kind.MAP:
        element = _json_schema(node.element) if node.element else True
        return {"type": "object", "additionalProperties": element}
    if node.kind is Kind.ARRAY:
        element = _json_schema(node.element) if node.element else True
        return {"type": "array", "items": element} | dict(node.rules)
    return _scalar_schema(node)


def _object_schema(node: Node) -> dict[str, Any]:
    return {
        "properties": {name: _json_schema(child) for name, child in node.properties.items()},
        "required": list(node.required),
        "additionalProperties": False,
    }


def _scalar_schema(node: Node) -> dict[str, Any]:
    rules = dict(node.rules)
    match node.kind:
        case Kind.DATE | Kind.DATE_TIME:
            rules.pop("format", None)
            form = _DATE_PATTERN if node.kind is Kind.DATE else _DATE_TIME_PATTERN
            return {"type": "string", "allOf": [{"pattern": form}]} | rules
        case Kind.STRING | Kind.NUMBER | Kind.BOOLEAN:
            return {"type": str(node.kind)} | rules
        case _:
            return {"type": "integer"} | rules


def _halves(value: Any, path: str) -> Iterator[Violation]:
    """Find the texts that hold half a surrogate pair: a pair cut in two has no UTF-8 form."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _halves(key, path)
            yield from _halves(
                inner, f"{path}/{_escaped(key.encode('utf-8', 'replace').decode())}"
            )
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _halves(inner, f"{path}/{place}")
    elif isinstance(value, str) and not _has_utf8(value):
        yield Violation(path, "encoding", "whole characters", "half a surrogate pair")


def _has_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _violations(
    error: jsonschema_rs.ValidationError, record: Mapping[str, Any]
) -> Iterator[Violation]:
    path = "/".join(("#", *(_escaped(step) for step in error.instance_path)))
    # Every kind has its own attributes; the stub declares only what all of them share.
    kind: Any = error.kind
    instance: Any = error.instance
    rule = str(kind.name)
    found = _FOUND_NAMES[type(instance)]
    if instance is None:
        found = _infinite_at(record, error.instance_path) or found
    if rule == "additionalProperties":
        for key in kind.unexpected:
            yield Violation(path, rule, "", key)
        return
    if rule == "pattern" and kind.pattern in _FORMATS:
        yield Violation(path, "format", _FORMATS[kind.pattern], found)
        return
    if rule in {"minLength", "maxLength", "minItems", "maxItems"}:
        found = str(len(instance))
    yield Violation(path, rule, _expected(rule, kind), found)


def _infinite_at(record: Any, path: Sequence[str | int]) -> str:
    """Name the Double at *path* that JSON has no form for; the validator takes it for null."""
    value = record
    for step in path:
        value = value[step]
    return double_text(value) if isinstance(value, float) else ""


def _expected(rule: str, kind: Any) -> str:
    match rule:
        case "type":
            return ", ".join(_TYPE_NAMES.get(str(name), str(name)) for name in kind.types)
        case "required":
            return str(kind.property)
        case "enum":
            return ", ".join(str(option) for option in kind.options)
        case "const":
            return str(kind.expected_value)
        case "pattern":
            return str(kind.pattern)
        case "format":
            return str(kind.format)
        case "multipleOf":
            return str(kind.multiple_of)
        case "uniqueItems":
            return "unique items"
        case _:
            return str(kind.limit)


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
