"""
Which operator binds tighter: one table (pure).

Source:
    Commons JEXL 3.1, Parser.jjt, ConditionalOrExpression to UnaryExpression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Level:
    """Operators of one precedence; *once* says that only one of them may stand in a run."""

    name: str
    operators: tuple[str, ...]
    once: bool = False


PRECEDENCE: Final = (
    Level("or", ("||",)),
    Level("and", ("&&",)),
    Level("bit-or", ("|",)),
    Level("bit-xor", ("^",)),
    Level("bit-and", ("&",)),
    Level("equality", ("==", "!=", ".."), once=True),
    Level("relation", ("<", ">", "<=", ">=", "=~", "!~", "=^", "!^", "=$", "!$"), once=True),
    Level("sum", ("+", "-")),
    Level("product", ("*", "/", "%")),
)
"""Binary operators from the loosest to the tightest."""

OPERATORS: Final = frozenset(symbol for level in PRECEDENCE for symbol in level.operators)
UNARY: Final = ("-", "~", "!", "empty", "size")
"""Operators before their operand; all bind tighter than any other."""
