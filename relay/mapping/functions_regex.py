"""
Regular expressions, in Java's syntax.

Source:
    Data Prep functions, "Regular expression functions".
"""

from __future__ import annotations

from typing import Any

from relay.mapping.arguments import text
from relay.mapping.function import Example, Function, function
from relay.mapping.java_regex import java_regex

_FAMILY = "Regular expression"


@function(
    "extract_regex",
    _FAMILY,
    "extract_regex(STRING, REGEX)",
    "Gives the first match of a regular expression, followed by its groups.",
    Example(
        'extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")',
        ["E259,E259B_009,1_1", "E259", "1_1"],
    ),
    Example('extract_regex("no digits", "\\\\d+")', []),
    note="Assumed: the first match anywhere in the text, and an empty array when there is none",
)
def extract_regex(value: Any, pattern: Any) -> list[str | None] | None:
    """Find a pattern."""
    if value is None:
        return None
    return java_regex(text(pattern, "a regular expression")).find(text(value)) or []


@function(
    "matches_regex",
    _FAMILY,
    "matches_regex(STRING, REGEX)",
    "Says whether all of a text fits a regular expression.",
    Example('matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")', result=True),
    Example('matches_regex("opened twice", "opened")', result=False),
    note="Assumed: all of the text has to fit, as with Java's String.matches",
)
def matches_regex(value: Any, pattern: Any) -> bool | None:
    """Match a pattern."""
    if value is None:
        return None
    return java_regex(text(pattern, "a regular expression")).matches(text(value))


FUNCTIONS: tuple[Function, ...] = (extract_regex, matches_regex)
