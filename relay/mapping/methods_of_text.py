"""
The methods of text that expressions may call (pure).

Positions count 16-bit units, as Java's do (`relay.mapping.java_text`). Where Java has no method
for such an argument, the engine goes on to its own operators: ``contains`` of a number is ``=~``,
``startsWith`` and ``endsWith`` are ``=^`` and ``=$``.

Source:
    Java SE 17 API, java.lang.String; compared with it in tests/language/jexl.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from relay.mapping import java_text, matching
from relay.mapping.comparison import compare_texts
from relay.mapping.failures import MethodFailed
from relay.mapping.function import FunctionFailed
from relay.mapping.java_regex import JavaRegex, java_regex
from relay.mapping.limits import MAX_TEXT_CHARS, LimitPassed
from relay.mapping.values import JavaArray

# So many letters are compared at once before one by one.
_BLOCK: Final = 4096
_CONTROLS: Final = "".join(map(chr, range(0x21)))
# Character.isWhitespace: separators that allow a break, and some controls.
_WHITESPACE: Final = (
    "\t\n\x0b\f\r\x1c\x1d\x1e\x1f \u1680"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u2028\u2029\u205f\u3000"
)


def _given(value: str | None) -> str:
    if value is None:
        raise MethodFailed("expected an argument that is not null")
    return value


def _substring(text: str, start: int, end: int | None = None) -> str:
    wide = java_text.units(text)
    stop = len(wide) if end is None else end
    if not 0 <= start <= stop <= len(wide):
        raise MethodFailed("the positions are outside of the text")
    return java_text.joined(wide[start:stop])


def _index_of(text: str, part: str | None, start: int = 0) -> int:
    found = _given(part)
    wide, sought = java_text.units(text), java_text.units(found)
    return wide.find(sought, min(max(start, 0), len(wide)))


def _last_index_of(text: str, part: str | None, start: int | None = None) -> int:
    wide, sought = java_text.units(text), java_text.units(_given(part))
    if start is not None:
        wide = wide[: max(start, 0) + len(sought)]
    if len(sought) > len(wide) or (start is not None and start < 0):
        return -1
    # Backwards, because rfind takes the product of both lengths at worst, and find their sum.
    found = wide[::-1].find(sought[::-1])
    return -1 if found < 0 else len(wide) - found - len(sought)


def _index_of_letter(text: str, letter: int, start: int = 0) -> int:
    return _index_of(text, _letter(letter), start) if letter >= 0 else -1


def _last_index_of_letter(text: str, letter: int, start: int | None = None) -> int:
    return _last_index_of(text, _letter(letter), start) if letter >= 0 else -1


def _letter(number: int) -> str:
    """Give the letter of that number; one that no text has where there is none."""
    return chr(number) if number <= sys.maxunicode else "\ud800\ud800"


def _contains(text: str, part: str | None) -> bool:
    return _given(part) in text


def _starts_with(text: str, part: str | None, start: int = 0) -> bool:
    if start < 0:
        return False
    return java_text.units(text).startswith(java_text.units(_given(part)), start)


def _ends_with(text: str, part: str | None) -> bool:
    return text.endswith(_given(part))


def _equals_ignoring_case(left: str, right: str | None) -> bool:
    if right is None or len(left) != len(right):
        return False
    if left.isascii() and right.isascii():
        return left.lower() == right.lower()
    for at in range(0, len(left), _BLOCK):
        a, b = left[at : at + _BLOCK], right[at : at + _BLOCK]
        if a != b and _folded(a) != _folded(b):
            return False
    return True


def _compare(left: str, right: str | None) -> int:
    return compare_texts(left, _given(right))


def _compare_ignoring_case(left: str, right: str | None) -> int:
    a, b = _folded(left), _folded(_given(right))
    if _is_narrow(left) or _is_narrow(right or ""):
        return compare_texts(a, b)
    # Two texts that Java keeps in 16 bits a letter are compared by whole letters.
    for x, y in zip(a, b, strict=False):
        if x != y:
            return ord(x) - ord(y)
    return java_text.length(a) - java_text.length(b)


def _is_narrow(text: str) -> bool:
    return text.isascii() or max(text) <= "\xff"


def _folded(text: str) -> str:
    """Give each letter in upper, then in lower case, where that is one letter."""
    if text.isascii():
        return text.lower()
    raised = (letter.upper() if len(letter.upper()) == 1 else letter for letter in text)
    return "".join(letter.lower()[0] for letter in raised)


def _concat(text: str, other: str | None) -> str:
    return text + _given(other)


def _replace(text: str, old: str | None, new: str | None) -> str:
    sought, put = _given(old), _given(new)
    times = text.count(sought)
    _check_length(len(text) + times * (len(put) - len(sought)))
    return text.replace(sought, put)


def _repeat(text: str, times: int) -> str:
    if times < 0:
        raise MethodFailed("expected a count that is not negative")
    _check_length(len(text) * times)
    return text * times


def _check_length(length: int) -> None:
    if length > MAX_TEXT_CHARS:
        raise LimitPassed(f"a text has more than {MAX_TEXT_CHARS} characters")


def _regex(pattern: str | None) -> JavaRegex:
    try:
        return java_regex(_given(pattern))
    except FunctionFailed as failed:
        raise MethodFailed(str(failed)) from None


def _matches(text: str, pattern: str | None) -> bool:
    return _regex(pattern).matches(text)


def _replaced(text: str, pattern: str | None, put: str | None, count: int | None) -> str:
    found = _regex(pattern)
    try:
        if put is None and found.find(text) is None:
            return text
        return found.replace(text, _given(put), count=count)
    except FunctionFailed as failed:
        raise MethodFailed(str(failed)) from None


def _replace_all(text: str, pattern: str | None, put: str | None) -> str:
    return _replaced(text, pattern, put, None)


def _replace_first(text: str, pattern: str | None, put: str | None) -> str:
    return _replaced(text, pattern, put, 1)


def _split(text: str, pattern: str | None, limit: int = 0) -> JavaArray:
    return JavaArray(_regex(pattern).split(text, limit=limit))


def _trim(text: str) -> str:
    return text.strip(_CONTROLS)


def _strip(text: str) -> str:
    return text.strip(_WHITESPACE)


def _strip_leading(text: str) -> str:
    return text.lstrip(_WHITESPACE)


def _strip_trailing(text: str) -> str:
    return text.rstrip(_WHITESPACE)


def _is_blank(text: str) -> bool:
    return not text.strip(_WHITESPACE)


def _is_empty(text: str) -> bool:
    return not text


METHODS: Final[dict[str, tuple[tuple[tuple[str, ...], Callable[..., Any]], ...]]] = {
    "compareTo": ((("text",), _compare),),
    "compareToIgnoreCase": ((("text",), _compare_ignoring_case),),
    "concat": ((("text",), _concat),),
    "contains": ((("text",), _contains), (("any",), matching.contains)),
    "endsWith": ((("text",), _ends_with), (("any",), matching.ends_with)),
    "equalsIgnoreCase": ((("text",), _equals_ignoring_case),),
    "indexOf": (
        (("text",), _index_of),
        (("text", "int"), _index_of),
        (("int",), _index_of_letter),
        (("int", "int"), _index_of_letter),
    ),
    "isBlank": (((), _is_blank),),
    "isEmpty": (((), _is_empty),),
    "lastIndexOf": (
        (("text",), _last_index_of),
        (("text", "int"), _last_index_of),
        (("int",), _last_index_of_letter),
        (("int", "int"), _last_index_of_letter),
    ),
    "length": (((), java_text.length),),
    "matches": ((("text",), _matches),),
    "repeat": ((("int",), _repeat),),
    "replace": ((("text", "text"), _replace),),
    "replaceAll": ((("text", "text"), _replace_all),),
    "replaceFirst": ((("text", "text"), _replace_first),),
    "split": ((("text",), _split), (("text", "int"), _split)),
    "startsWith": (
        (("text",), _starts_with),
        (("text", "int"), _starts_with),
        (("any",), matching.starts_with),
    ),
    "strip": (((), _strip),),
    "stripLeading": (((), _strip_leading),),
    "stripTrailing": (((), _strip_trailing),),
    "substring": ((("int",), _substring), (("int", "int"), _substring)),
    "toLowerCase": (((), str.lower),),
    "toUpperCase": (((), str.upper),),
    "trim": (((), _trim),),
}
"""Each method by name: its parameters and what it does, once for every number of parameters."""
