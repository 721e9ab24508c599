"""
What an expression may cost: every bound of the mapping language, in one place (pure).

A mapping runs on the event loop's thread beside the deliveries of everybody else, over content
that a stranger may have written. So each thing that can grow has a bound, and passing one is an
error that names it: an `ExpressionSyntaxError` when the text alone shows it, an `EvaluationError`
when the record does.
"""

from __future__ import annotations

from typing import Final

MAX_SOURCE_CHARS: Final = 65_536
"""Characters of an expression; Data Prep itself takes 4,096 a row, which mapping sets check."""

MAX_NESTING: Final = 90
"""
Brackets, calls, lambdas and middles of ternaries inside each other; a person's mapping has under
twenty. The parser takes eight calls of Python a level, and Python has a thousand.
"""

MAX_DEPTH: Final = 200
"""Nodes above each other in a parsed expression; evaluation takes up to two calls a node."""

MAX_DIGITS: Final = 4_000
"""Decimal digits of a whole number; Python itself refuses to print more than 4,300."""

MAX_TEXT_CHARS: Final = 16 * 1024 * 1024
"""
Characters of one text value: as much as the largest body that is mapped at all (16 MiB). Of all in
a list or a map, too, where it is written as text, compared, or made by lambdas or ranges.
"""

MAX_ITEMS: Final = 1_000_000
"""
Elements of one list: a body of 16 MiB can hold hardly more. Of all in such a list or map, too: a
lambda can put one large field into each element of a list.
"""

MAX_WORK: Final = 64 * 1024 * 1024
"""
Characters and elements that one evaluation may make, all results added: four times the largest
text, so that ``a + a + a + …`` over a large body ends in well under a second.
"""

MAX_LAMBDA_CALLS: Final = 200_000
"""Calls of lambdas in one evaluation, half a second's worth: one for each element of a list."""

MAX_LAMBDA_S: Final = 2.0
"""
Seconds of the processor from an evaluation's first call of a lambda to its last: what a body does
to two large texts takes milliseconds, and is done for each element.
"""

MAX_SLOW_S: Final = 1.0
"""
Seconds of the processor that the slow calls of one evaluation may take together, the first aside:
ten regular expressions.
"""

REGEX_TIMEOUT_S: Final = 0.1
"""Seconds for one match of a regular expression; an honest one over a field takes microseconds."""

MAX_REGEX_CHARS: Final = 4_096
"""Characters of a regular expression: as many as a row of Data Prep may have in all."""

MAX_PATH_CHARS: Final = 4_096
"""Characters of a path that a function is given as text."""

MAX_DATE_CHARS: Final = 256
"""Characters of a date pattern, and of a text that is read by one."""

MAX_USER_AGENT_CHARS: Final = 2_048
"""Characters of a user agent that are looked at; browsers send under three hundred."""


class LimitPassed(Exception):
    """A bound of this module was passed; the message names it and never holds a value."""
