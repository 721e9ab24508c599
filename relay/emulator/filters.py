"""
Flow Service's list parameters: property filters, order, limit, count, continuation (pure).

A filter reads ``path<operator>value``; several values of ``==`` are joined by a comma and mean
any of them; several filters mean all of them. The continuation token is opaque and safe in an
address without escaping; it carries the offset and the query it belongs to.

Source:
    AdobeDocs/experience-platform.en, help/dataflows/api/sort-and-filter.md; adobe.md §3.2;
    ``flow-service-error-codes.tsv`` for every refusal.

Assumed:
    A list has 20 items unless ``limit`` says otherwise, 1,000 at most; which fields the operators
    of order take; see docs/assumptions.md, "the emulated control plane".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from relay.emulator.fields import order_key, text_of, values_at, whole
from relay.emulator.problems import flow_problem

Item = dict[str, Any]
Pairs = Sequence[tuple[str, str]]

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

_COMMON = ("id", "name", "description", "state", "createdAt", "updatedAt", "createdClient")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "connections": (*_COMMON, "connectionSpec.id", "auth."),
    "sourceConnections": (*_COMMON, "connectionSpec.id", "baseConnectionId", "data.", "params."),
    "targetConnections": (*_COMMON, "connectionSpec.id", "baseConnectionId", "data.", "params."),
    "flows": (
        *_COMMON,
        "flowSpec.id",
        "sourceConnectionIds",
        "targetConnectionIds",
        "inheritedAttributes.",
        "transformations",
        "scheduleParams.",
    ),
    "runs": (*_COMMON, "flowId", "metrics.", "activities"),
    "connectionSpecs": ("id", "name", "providerId", "type", "version", "attributes."),
    "flowSpecs": ("id", "name", "providerId", "version", "attributes."),
}
_PARAMETERS = frozenset({"property", "limit", "count", "orderby", "continuationtoken"})
_FILTER = re.compile(
    r"(?P<path>[A-Za-z][\w.\[\]:@-]*)(?P<operator>==|!=|>=|<=|>|<|~)(?P<value>.*)", re.DOTALL
)
_NUMERIC = ("createdAt", "updatedAt")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition; *values* are alternatives."""

    path: str
    operator: str
    values: tuple[str, ...]

    def takes(self, item: Item) -> bool:
        """Whether *item* fulfils it."""
        found = values_at(item, self.path)
        if self.operator == "==":
            return any(text_of(value) in self.values for value in found)
        if self.operator == "!=":
            return all(text_of(value) not in self.values for value in found)
        return any(self._compares(value) for value in found)

    def _compares(self, value: Any) -> bool:
        wanted: Any = self.values[0]
        if isinstance(value, int | float):
            try:
                wanted = float(wanted)
            except ValueError:
                return False
        left, right = order_key(value), order_key(wanted)
        match self.operator:
            case ">":
                return left > right
            case ">=":
                return left >= right
            case "<":
                return left < right
            case _:
                return left <= right


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list request asks for; *order* is a field with its sign, empty for age."""

    kind: str
    filters: tuple[Filter, ...] = ()
    order: str = ""
    limit: int = DEFAULT_LIMIT
    counts: bool = False
    offset: int = 0
    pairs: tuple[tuple[str, str], ...] = ()

    def answer(self, items: Sequence[Item]) -> Item:
        """Choose, sort and cut *items*: ``{"items": […], "_links": {…}}`` or ``{"count": 3}``."""
        chosen = [item for item in items if all(each.takes(item) for each in self.filters)]
        if self.counts:
            return {"count": len(chosen)}
        if self.order:
            name = self.order[1:]
            chosen.sort(
                key=lambda item: order_key(next(iter(values_at(item, name)), None)),
                reverse=self.order[0] == "-",
            )
        page = chosen[self.offset : self.offset + self.limit]
        end = self.offset + len(page)
        links: Item = {}
        if page and end < len(chosen):
            token = _token(end, self.pairs)
            links["next"] = {"href": f"/{self.kind}?continuationToken={token}"}
        return {"items": page, "_links": links}


def read_listing(kind: str, pairs: Pairs) -> Listing:
    """
    Read the query of a list request for *kind*.

    Raises:
        Refused: with the code of the error table.
    """
    given = {name.lower(): value for name, value in pairs}
    unknown = sorted(name for name, _ in pairs if name.lower() not in _PARAMETERS)
    if unknown:
        raise flow_problem("1451-400", f"Invalid query params: {', '.join(unknown)}")
    offset = 0
    if token := given.get("continuationtoken"):
        offset, earlier = _from_token(token)
        # The first request's filters go on even when the next one does not repeat them.
        pairs = [*earlier, *(pair for pair in pairs if pair not in earlier)]
        given = {name.lower(): value for name, value in pairs}
    kept = tuple(pair for pair in pairs if pair[0].lower() != "continuationtoken")
    counts = _flag(given.get("count", "false"))
    if counts and "limit" in given:
        raise flow_problem("1401-400", "The params limit and count cannot be given together")
    return Listing(
        kind=kind,
        filters=tuple(_filter(kind, value) for name, value in kept if name.lower() == "property"),
        order=_order(kind, given.get("orderby", "")),
        limit=_limit(given.get("limit", str(DEFAULT_LIMIT))),
        counts=counts,
        offset=offset,
        pairs=kept,
    )


def _flag(value: str) -> bool:
    if value.lower() not in {"true", "false"}:
        raise flow_problem("1453-400", "Invalid query value for count: expected true or false")
    return value.lower() == "true"


def _limit(value: str) -> int:
    number = whole(value)
    if number is None or not 1 <= number <= MAX_LIMIT:
        raise flow_problem("1453-400", f"Invalid query value for limit: 1 to {MAX_LIMIT}")
    return number


def _is_known(kind: str, path: str) -> bool:
    plain = path.replace("[]", "")
    return any(
        plain == field or plain.startswith(field if field.endswith(".") else f"{field}.")
        for field in FIELDS[kind]
    )


def _order(kind: str, value: str) -> str:
    if not value:
        return ""
    # A plus in a query is a blank once it is decoded.
    sign, name = (value[0], value[1:]) if value[0] in "+- " else ("+", value)
    if not name or not name[0].isalpha():
        raise flow_problem("1432-400", "The sort order must be a field with a + or - prefix")
    if not _is_known(kind, name):
        raise flow_problem("1433-400", f"Incorrect field in orderBy: {name}")
    return f"{'-' if sign == '-' else '+'}{name}"


def _filter(kind: str, text: str) -> Filter:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise flow_problem("1450-400", f"Invalid operator in filter params: {text}")
    path, operator, value = found["path"], found["operator"], found["value"]
    if operator == "~":
        raise flow_problem("1440-400", "The operator '~' is not implemented")
    if not _is_known(kind, path):
        raise flow_problem("1449-400", f"Invalid field in filter params: {path}")
    values = tuple(value.split(",")) if operator in {"==", "!="} else (value,)
    if operator not in {"==", "!="}:
        _refuse_order(path, operator, value)
    if not value:
        raise flow_problem("1453-400", f"Invalid query value for {path}: it is empty")
    return Filter(path, operator, values)


def _refuse_order(path: str, operator: str, value: str) -> None:
    if "," in value:
        raise flow_problem("1443-400", f"Operator '{operator}' is not allowed for multiple values")
    if path in {"id", "flowId"} or path.endswith(".id"):
        raise flow_problem("1448-400", f"Operator {operator} is not supported for field {path}")
    if path in _NUMERIC and whole(value) is None:
        raise flow_problem("1452-400", f"Invalid value for field {path}: epoch milliseconds")


def _token(offset: int, pairs: Pairs) -> str:
    packed = orjson.dumps([offset, [list(pair) for pair in pairs]])
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _from_token(token: str) -> tuple[int, list[tuple[str, str]]]:
    try:
        packed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        offset, pairs = orjson.loads(packed)
        read = [(str(name), str(value)) for name, value in pairs]
        return max(int(offset), 0), read
    except (ValueError, TypeError):
        raise flow_problem("1453-400", "Invalid query value for continuationToken") from None
