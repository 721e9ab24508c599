"""
What the text of a fused function is put together from; see `relay.mapping.fused` (pure).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple, NoReturn, Protocol

from relay.mapping.nodes import Group, Literal, Node

SHORT_CHARS: Final = 4096
"""Texts up to here are worked on without being counted against what an evaluation may spend."""


class Known(Enum):
    """What is known of a value before it is there."""

    NOTHING = "nothing"
    TRUTH = "true or false"
    SHORT = "text of about `SHORT_CHARS` characters at most, or null"


class Names:
    """
    The names in one text, and what the constants among them stand for.

    They are all made here, so nothing that a mapping or an event says becomes part of a text.
    """

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.namespace = dict(known)
        self._count = 0

    def constant(self, value: Any) -> str:
        """Name *value*."""
        name = self._next("c")
        self.namespace[name] = value
        return name

    def local(self) -> str:
        """Give the name of a local that is not used yet."""
        return self._next("t")

    def _next(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


class Piece(NamedTuple):
    """Python text that gives a value."""

    text: str
    known: Known = Known.NOTHING


class Fuses(Protocol):
    """What makes the pieces and the names in them."""

    def piece(self, node: Node) -> Piece:
        """Give the text for *node*; what has none is called as the reference has it."""
        ...

    def truth(self, node: Node) -> str:
        """Give the text for whether *node* is true."""
        ...

    def constant(self, value: Any) -> str:
        """Name *value* in the text."""
        ...

    def local(self) -> str:
        """Give the name of a local that is not used yet."""
        ...


class _Odd(Exception):
    """Something that only the reference knows how to treat."""


def odd() -> NoReturn:
    """Leave it to the reference."""
    raise _Odd


def literal_of(node: Node) -> Literal | None:
    """Give the literal that *node* is, perhaps in brackets."""
    while isinstance(node, Group):
        node = node.inner
    return node if isinstance(node, Literal) else None
