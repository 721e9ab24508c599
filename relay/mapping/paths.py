r"""
Paths into events and records, as mapping sets write them (pure).

::

    path     = segment *( "." segment / index )
    segment  = name / "${" path "}"          an unescaped dot inside ${} is a step
    name     = any text without . [ ]        with \. for a dot inside a name
    index    = "[" digits "]" / "[*]" / "[]"     [] and [*] both mean every element

A parsed path is a tuple of `str` (a member), `int` (an element) and `EACH` (every element).

Source:
    Data Prep overview (escaping) and mapping sets (arrays): dataprep-language.md §2, §7.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, Literal

from relay.errors import ExpressionSyntaxError


class _Each(Enum):
    """The type of `EACH`."""

    EACH = "[*]"


EACH: Final = _Each.EACH
Segment = str | int | Literal[_Each.EACH]
Path = tuple[Segment, ...]

_INDEX = re.compile(r"\[(\d{1,4}|\*|)\]")
_NAME = re.compile(r"(?:[^.\[\]\\]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_path(text: str) -> Path:
    """
    Parse one path.

    Raises:
        ExpressionSyntaxError: with the position of the first character that does not fit.
    """
    segments: list[Segment] = []
    at = 0
    while True:
        at = _segment(text, at, segments)
        while (found := _INDEX.match(text, at)) is not None:
            segments.append(_index(found[1]))
            at = found.end()
        if at == len(text):
            return tuple(segments)
        if text[at] != ".":
            raise _problem(text, at, "expected '.', '[n]', '[*]' or the end")
        at += 1


def _segment(text: str, at: int, segments: list[Segment]) -> int:
    if text.startswith("${", at):
        close = text.find("}", at)
        if close < 0:
            raise _problem(text, at, "expected a '}' that closes '${'")
        segments.extend(parse_path(text[at + 2 : close].strip()))
        return close + 1
    found = _NAME.match(text, at)
    if found is None:
        raise _problem(text, at, "expected a name")
    segments.append(_ESCAPED.sub(r"\1", found[0]))
    return found.end()


def _index(digits: str) -> Segment:
    return int(digits) if digits.isdigit() else EACH


def _problem(text: str, at: int, message: str) -> ExpressionSyntaxError:
    return ExpressionSyntaxError(
        f"not a path: {message}",
        source=text,
        position=at,
        hint=r"a dot inside a name is written \. and a name with blanks ${First Name}",
    )


def format_path(path: Path) -> str:
    """Write *path* so that `parse_path` reads it back."""
    text = ""
    for segment in path:
        if segment is EACH:
            text += "[*]"
        elif isinstance(segment, int):
            text += f"[{segment}]"
        else:
            name = re.sub(r"([.\[\]\\]|^\$(?=\{))", r"\\\1", str(segment))
            text += f".{name}" if text else name
    return text
