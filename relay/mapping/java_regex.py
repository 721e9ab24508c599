"""
Java's regular expressions: ``String.matches``, ``split``, ``replaceAll`` and ``find``.

A pattern is translated (`relay.mapping.java_regex_syntax`) and run by the `regex` module, each run
for at most `REGEX_TIMEOUT_S`; the standard library's ``re``, which cannot be stopped, never sees a
pattern that a person wrote.

Source:
    ``java.util.regex`` (Java 17). `regex` works on characters, Java on UTF-16 units: a character
    beyond the first 65,536 is one here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from time import thread_time
from typing import Any

import regex

from relay.mapping.function import FunctionFailed
from relay.mapping.java_regex_syntax import Translator
from relay.mapping.limits import (
    MAX_ITEMS,
    MAX_REGEX_CHARS,
    MAX_TEXT_CHARS,
    REGEX_TIMEOUT_S,
    LimitPassed,
)

_LITERAL = re.compile(r"(?:[^\\^$.|?*+()\[{]|\\[^\w\s])+", re.ASCII)
_QUOTATION = re.compile(r"\\Q(.*?)(?:\\E|\Z)|\\.", re.DOTALL)
_REFERENCE = re.compile(r"\\(.)|\$(?:(\d+)|\{([a-zA-Z][a-zA-Z0-9]*)\})|([\\$])", re.DOTALL)


@lru_cache(maxsize=256)
def java_regex(pattern: str) -> JavaRegex:
    """
    Compile *pattern*.

    Raises:
        FunctionFailed: Java would refuse it, or it cannot be run within bounds.
    """
    if len(pattern) > MAX_REGEX_CHARS:
        raise FunctionFailed(f"the regular expression is longer than {MAX_REGEX_CHARS} characters")
    translated = Translator(_QUOTATION.sub(_unquoted, pattern)).translate()
    literal = re.sub(r"\\(\W)", r"\1", pattern) if _LITERAL.fullmatch(pattern) else None
    try:
        return JavaRegex(regex.compile(translated, regex.VERSION0), literal)
    except (regex.error, RecursionError, OverflowError):
        raise FunctionFailed(
            "the regular expression cannot be run here: simplify it, or use another function"
        ) from None


def _unquoted(found: re.Match[str]) -> str:
    r"""Write ``\Q…\E`` as Java does before it reads: each character escaped by itself."""
    if found[1] is None:
        return found[0]
    return "".join(
        letter
        if letter.isalpha()
        else f"\\x3{letter}"
        if letter in "0123456789"
        else f"\\{letter}"
        for letter in found[1]
    )


@dataclass(frozen=True, slots=True)
class JavaRegex:
    """
    A compiled pattern.

    Every method raises `LimitPassed` when it takes too long or its result grows too large.
    """

    _compiled: Any
    # What the pattern takes, when that is one text: splitting by it needs no search.
    _literal: str | None

    def matches(self, text: str) -> bool:
        """Say whether all of *text* fits, as ``String.matches``."""
        try:
            return self._compiled.fullmatch(text, timeout=REGEX_TIMEOUT_S) is not None
        except (TimeoutError, MemoryError):
            raise _too_slow() from None

    def find(self, text: str) -> list[str | None] | None:
        """Give the first match and its groups, or None; a group that took no part is None."""
        try:
            found = self._compiled.search(text, timeout=REGEX_TIMEOUT_S)
        except (TimeoutError, MemoryError):
            raise _too_slow() from None
        return None if found is None else [found[0], *found.groups()]

    def split(self, text: str, *, limit: int = 0) -> list[str]:
        """
        Give what stands between the matches, as ``String.split``.

        At most *limit* pieces, when it is above 0; at 0, empty pieces at the end are left out;
        below 0, they stay. Text without a match is given whole.
        """
        pieces = self._pieces(text, limit)
        if len(pieces) == 1:
            return pieces
        while limit == 0 and pieces and not pieces[-1]:
            pieces.pop()
        return pieces

    def _pieces(self, text: str, limit: int) -> list[str]:
        if self._literal is not None:
            if text.count(self._literal) >= MAX_ITEMS:
                raise _too_many()
            return text.split(self._literal, limit - 1 if limit > 0 else -1)
        pieces: list[str] = []
        start = 0
        if limit != 1:
            for found in self._all(text):
                if found.end() == 0:
                    continue
                pieces.append(text[start : found.start()])
                start = found.end()
                if len(pieces) == limit - 1:
                    break
        return [*pieces, text[start:]]

    def replace(self, text: str, replacement: str, *, count: int | None = None) -> str:
        """
        Replace the matches (the first *count*), as ``replaceAll`` and ``replaceFirst``.

        *replacement* may refer to groups: ``$1``, ``${name}``; a backslash takes the meaning off.

        Raises:
            FunctionFailed: there is a match, and it refers to a group that is not there.
        """
        parts: list[str | tuple[int]] | None = None
        made: list[str] = []
        start = length = 0
        for number, found in enumerate(self._all(text)):
            if number == count:
                break
            parts = self._parts(replacement) if parts is None else parts
            inserted = "".join(
                part if isinstance(part, str) else found[part[0]] or "" for part in parts
            )
            length += found.start() - start + len(inserted)
            if length > MAX_TEXT_CHARS:
                raise LimitPassed(f"a text has more than {MAX_TEXT_CHARS} characters")
            made += text[start : found.start()], inserted
            start = found.end()
        return "".join([*made, text[start:]])

    def _all(self, text: str) -> Iterator[Any]:
        """Find from the end of each match on, one further after an empty one, as ``find()``."""
        deadline_s = thread_time() + REGEX_TIMEOUT_S
        start = 0
        for _ in range(MAX_ITEMS):
            left_s = deadline_s - thread_time()
            if start > len(text):
                return
            if left_s <= 0:
                raise _too_slow()
            try:
                found = self._compiled.search(text, start, timeout=left_s)
            except (TimeoutError, MemoryError):
                raise _too_slow() from None
            if found is None:
                return
            yield found
            start = max(found.end(), found.start() + 1)
        raise _too_many()

    def _parts(self, replacement: str) -> list[str | tuple[int]]:
        """Take a replacement apart: text, and the numbers of groups."""
        parts: list[str | tuple[int]] = []
        start = 0
        for reference in _REFERENCE.finditer(replacement):
            parts.append(replacement[start : reference.start()])
            start = reference.end()
            escaped, digits, name, stray = reference.groups()
            if stray is not None:
                raise FunctionFailed("the replacement ends in a backslash or has a stray '$'")
            if escaped is not None:
                parts.append(escaped)
                continue
            # As many digits as make a group's number, the rest is text: "$12" with one group.
            used = len(digits or "")
            while used > 1 and int(digits[:used]) > self._compiled.groups:
                used -= 1
            group = int(digits[:used]) if used else self._compiled.groupindex.get(name, -1)
            if not 0 <= group <= self._compiled.groups:
                raise FunctionFailed("the replacement refers to a group that is not there")
            parts += (group,), (digits or "")[used:]
        return [part for part in (*parts, replacement[start:]) if part != ""]


def _too_many() -> LimitPassed:
    return LimitPassed(f"a regular expression matches more than {MAX_ITEMS} times")


def _too_slow() -> LimitPassed:
    return LimitPassed(
        f"a regular expression took more than {REGEX_TIMEOUT_S * 1000:.0f} ms: make it simpler"
    )
