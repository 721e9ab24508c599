"""
One row of a mapping set: where a value comes from, where it goes (pure).

Two dialects are read, and responses that carry both:
``{"sourceAttribute": "event_id", "destinationXdmPath": "_id"}`` and
``{"sourceType": "EXPRESSION", "source": "lower(metric)", "destination": "eventType"}``.

Source:
    Data Prep API, adobe.md §6 and dataprep-language.md §7, §9; requests name source types as the
    enum does, responses by media type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from relay.errors import ExpressionSyntaxError, MappingError
from relay.mapping.expression import Expression, compile_expression
from relay.mapping.paths import Path, parse_path
from relay.schema.document import shape_name

MAX_SOURCE_CHARS = 4096


class SourceType(StrEnum):
    """What the left side of a row is."""

    ATTRIBUTE = "ATTRIBUTE"
    EXPRESSION = "EXPRESSION"
    STATIC = "STATIC"


_SPELLINGS = {
    **{str(kind): kind for kind in SourceType},
    "text/x.schema-path": SourceType.ATTRIBUTE,
    "text/x.aep-xl": SourceType.EXPRESSION,
    "text/plain": SourceType.STATIC,
}
_SOURCE_KEYS = ("source", "sourceAttribute")
_DESTINATION_KEYS = ("destination", "destinationXdmPath")


@dataclass(frozen=True, slots=True)
class Row:
    """
    One mapping. *number* counts from 1, as people do.

    *source* is a path, an expression or the constant itself, as written; *attribute* and
    *expression* are what the first two parse to. *path* is the parsed *destination*.
    """

    number: int
    source_type: SourceType
    source: str
    destination: str
    path: Path
    attribute: Path = ()
    expression: Expression | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"row {self.number} ({self.destination})"


def read_row(number: int, raw: object) -> Row:
    """
    Read one row in either dialect.

    Raises:
        MappingError: naming the row and what was expected.
    """
    where = f"row {number}"
    if not isinstance(raw, Mapping):
        raise MappingError(f"{where}: expected an object, found {shape_name(raw)}")
    destination = _one_of(raw, _DESTINATION_KEYS, where)
    where = f"{where} ({destination})"
    source_type = _source_type(raw, where)
    source = _one_of(raw, _SOURCE_KEYS, where, may_be_empty=source_type is SourceType.STATIC)
    if len(source) > MAX_SOURCE_CHARS:
        raise MappingError(
            f"{where}: the source has {len(source)} characters, expected at most "
            f"{MAX_SOURCE_CHARS}",
            hint="split it over several fields, or compute part of it before the webhook",
        )
    path = _path(destination, f"{where}: destination")
    if not isinstance(path[0], str):
        raise MappingError(f"{where}: a destination starts with a name")
    attribute, expression = _compiled(source_type, source, where)
    return Row(number, source_type, source, destination, path, attribute, expression)


def _one_of(
    raw: Mapping[str, Any], keys: tuple[str, str], where: str, *, may_be_empty: bool = False
) -> str:
    given = {key: raw[key] for key in keys if raw.get(key) is not None}
    values = set(map(repr, given.values()))
    if not given:
        raise MappingError(f"{where}: expected {keys[0]!r} or {keys[1]!r}")
    if len(values) > 1:
        raise MappingError(f"{where}: {keys[0]!r} and {keys[1]!r} differ; expected one of them")
    key, value = next(iter(given.items()))
    if not isinstance(value, str):
        if may_be_empty and isinstance(value, (int, float)):
            # As JSON writes it: true, not True, which is no spelling of a boolean.
            return json.dumps(value)
        raise MappingError(f"{where}: expected text for {key!r}, found {shape_name(value)}")
    if not value.strip() and not may_be_empty:
        raise MappingError(f"{where}: {key!r} is empty")
    return value


def _source_type(raw: Mapping[str, Any], where: str) -> SourceType:
    named = raw.get("sourceType")
    if named is None:
        return SourceType.ATTRIBUTE
    if not isinstance(named, str) or named not in _SPELLINGS:
        raise MappingError(
            f"{where}: sourceType {named!r} is unknown",
            hint="expected " + ", ".join(_SPELLINGS),
        )
    return _SPELLINGS[named]


def _compiled(source_type: SourceType, source: str, where: str) -> tuple[Path, Expression | None]:
    match source_type:
        case SourceType.ATTRIBUTE:
            return _path(source, f"{where}: source"), None
        case SourceType.EXPRESSION:
            try:
                return (), compile_expression(source)
            except ExpressionSyntaxError as error:
                raise MappingError(f"{where}: {error}") from None
        case SourceType.STATIC:
            return (), None


def _path(text: str, where: str) -> Path:
    try:
        return parse_path(text)
    except ExpressionSyntaxError as error:
        raise MappingError(f"{where}: {error}") from None
