r"""
Character classes of Java's regular expressions, written for the `regex` module.

A class becomes a pattern that takes exactly one character: ``[a-z&&[^b]]`` becomes
``(?:(?=[a-z])(?:(?!b)[\s\S]))``. Java's classes are ASCII unless ``(?U)`` says otherwise, its
properties are Unicode's.

Source:
    ``java.util.regex.Pattern`` (Java 17), "Summary of regular-expression constructs".
"""

from __future__ import annotations

from functools import cache

import regex

from relay.mapping.function import FunctionFailed

ANY = r"[\s\S]"
LINE_ENDS = r"\n\r\x85\u2028\u2029"
_BLANKS = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_BREAKS = r"\n\x0b\f\r\x85\u2028\u2029"

# ``\d``, ``\s``, …: what stands between the brackets, and what does under (?U).
_SHORTHANDS = {
    "d": ("0-9", r"\d"),
    "s": (r" \t\n\x0b\f\r", r"\s"),
    "w": ("a-zA-Z0-9_", r"\w"),
    "h": (_BLANKS, _BLANKS),
    "v": (_BREAKS, _BREAKS),
}
_PUNCTUATION = r"!-/:-@\[-`\{-~"
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": _PUNCTUATION,
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
    "javaLowerCase": r"\p{Lowercase}",
    "javaUpperCase": r"\p{Uppercase}",
    "javaAlphabetic": r"\p{Alphabetic}",
    "javaDigit": r"\p{Nd}",
    "javaLetter": r"\p{L}",
    "javaLetterOrDigit": r"\p{L}\p{Nd}",
    "javaTitleCase": r"\p{Lt}",
    "L1": r"\x00-\xff",
    "all": r"\s\S",
}
_CASED = frozenset({"Lower", "Upper", "javaLowerCase", "javaUpperCase", "Ll", "Lu", "Lt"})


def shorthand(letter: str, *, is_unicode: bool) -> str:
    r"""Write ``\d``, ``\D``, ``\h``, … as a class of one character."""
    inner = _SHORTHANDS[letter.lower()][is_unicode]
    return f"[^{inner}]" if letter.isupper() else f"[{inner}]"


def is_shorthand(letter: str) -> bool:
    r"""Whether ``\`` and *letter* is a class by itself."""
    return letter.lower() in _SHORTHANDS


def property_class(name: str, *, negated: bool, ignores_case: bool) -> str:
    r"""
    Write ``\p{name}`` as a class of one character.

    Raises:
        FunctionFailed: there is no such property.
    """
    if ignores_case and name in _CASED:
        inner = "a-zA-Z" if name in {"Lower", "Upper"} else r"\p{L}"
    else:
        inner = _POSIX.get(name) or _unicode_property(name)
    return f"[^{inner}]" if negated else f"[{inner}]"


@cache
def _unicode_property(name: str) -> str:
    written = f"\\p{{{name}}}"
    plain = name.replace("=", "").replace("_", "").replace(" ", "").replace("-", "")
    is_known = plain.isascii() and plain.isalnum() and name[:4] != "java"
    try:
        if is_known:
            regex.compile(f"[{written}]")
    except regex.error:
        is_known = False
    if not is_known:
        raise FunctionFailed("the regular expression has a property \\p{…} that is not known here")
    return written


def literal(character: str, *, ignores_case: bool, is_unicode: bool) -> str:
    """Write one character that stands for itself."""
    written = escaped(character)
    if not ignores_case:
        return written
    if is_unicode:
        return f"(?i:{written})"
    if character.isascii() and character.isalpha():
        return f"[{character.lower()}{character.upper()}]"
    return written


def character_range(first: str, last: str, *, ignores_case: bool, is_unicode: bool) -> str:
    """
    Write ``first-last`` as a class of one character.

    Raises:
        FunctionFailed: *last* comes before *first*.
    """
    if first > last:
        raise FunctionFailed("the regular expression has a range whose end is before its start")
    written = f"{escaped(first)}-{escaped(last)}"
    if ignores_case and is_unicode:
        return f"(?i:[{written}])"
    if ignores_case:
        for low, high, shift in (("a", "z", -32), ("A", "Z", 32)):
            start, end = max(first, low), min(last, high)
            if start <= end:
                written += f"{chr(ord(start) + shift)}-{chr(ord(end) + shift)}"
    return f"[{written}]"


def escaped(character: str) -> str:
    """Write one character so that it stands for itself inside and outside of brackets."""
    if character.isascii() and character.isalnum():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\U{code:08x}"  # noqa: PLR2004 - two hex digits


def union(parts: list[str]) -> str:
    """Take a character that one of *parts* takes."""
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"


def intersection(parts: list[str]) -> str:
    """Take a character that all of *parts* take."""
    *ahead, last = parts
    return f"(?:{''.join(f'(?={part})' for part in ahead)}{last})" if ahead else last


def complement(part: str) -> str:
    """Take a character that *part* does not take."""
    return f"(?:(?!{part}){ANY})"
