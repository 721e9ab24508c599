"""
What an expression is made of once it is parsed: frozen nodes, told apart by ``match`` (pure).

A run of operators of one precedence is one `Chain`, a run of ternaries one `Choice`, a path one
`Reference`: an expression that is long is not deep. Brackets are kept (`Group`), because the
engine tells ``-(1)`` from ``-1`` and printing need not invent any.

*span* is where a node stands in the source; it takes no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, TypeAlias

Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Part:
    """Anything that stands somewhere in the source."""

    span: Span = field(default=(0, 0), compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Node(Part):
    """An expression: what has a value."""


@dataclass(frozen=True, slots=True)
class Step(Part):
    """One step of a `Reference`, from a value to the next."""


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """``null``, ``true``, a number or a text."""

    value: bool | float | Decimal | str | None


@dataclass(frozen=True, slots=True)
class Template(Node):
    """Text in backquotes; a part is text or the expression of a ``${…}``."""

    parts: tuple[str | Node, ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A field of the record, or a lambda's parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Group(Node):
    """An expression in brackets."""

    inner: Node


@dataclass(frozen=True, slots=True)
class FunctionCall(Node):
    """``name(…)`` or ``namespace:name(…)``."""

    name: str
    arguments: tuple[Node, ...]
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class ArrayLiteral(Node):
    """``[…]``, an array; with a closing ``...`` a list."""

    items: tuple[Node, ...]
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class SetLiteral(Node):
    """``{a, b}``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """``{key: value, …}``, empty ``{:}``."""

    entries: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Lambda(Node):
    """``x -> …``, ``(x, y) -> …``."""

    parameters: tuple[str, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """An operator before its operand: ``-``, ``~``, ``!``, ``empty`` or ``size``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Operation(Part):
    """One operator of a `Chain`, by its symbol, and what stands right of it."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Operators of one precedence, from left to right."""

    first: Node
    rest: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Case(Part):
    """One ``condition ? value :`` of a `Choice`; *value* is None in ``condition ?:``."""

    condition: Node
    value: Node | None


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """``c ? a : d ?: b``: cases in order, then *otherwise*."""

    cases: tuple[Case, ...]
    otherwise: Node


@dataclass(frozen=True, slots=True)
class Member(Step):
    """``.name``."""

    name: str


@dataclass(frozen=True, slots=True)
class Index(Step):
    """``[expression]``."""

    index: Node


@dataclass(frozen=True, slots=True)
class Each(Step):
    """``[*]``: what follows is read from every element."""


@dataclass(frozen=True, slots=True)
class MethodCall(Step):
    """``.name(…)``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Invocation(Step):
    """``(…)`` after a value that is a lambda."""

    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class SizeMethod(Step):
    """``.size()``."""


@dataclass(frozen=True, slots=True)
class EmptyMethod(Step):
    """``.empty()``."""


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """A value and the steps from it: ``data.tags[0].length()``."""

    head: Node
    steps: tuple[Step, ...]


def children(node: Part) -> Iterator[Node]:
    """Give the expressions directly inside *node*, in the order they stand."""
    for part in fields(node):
        yield from _nodes_in(getattr(node, part.name))


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, Part):
        yield from children(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes_in(item)


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Give *node* and all below it, each with how many nodes stand above it."""
    waiting = [(node, 0)]
    while waiting:
        here, above = waiting.pop()
        yield here, above
        waiting.extend((child, above + 1) for child in children(here))
