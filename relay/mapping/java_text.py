"""
Text as Java counts it: by 16-bit units, two for a character beyond the first 65,536 (pure).

Half of such a pair, cut off by ``substring``, becomes ``?``, as it does when Java writes it out.
"""

from __future__ import annotations

from array import array

_UNITS = "utf-16-le"


def is_wide(text: str) -> bool:
    """Whether Java counts more units in *text* than it has characters."""
    return not text.isascii() and max(text) > "\uffff"


def length(text: str) -> int:
    """Count as ``String.length`` does."""
    if text.isascii():
        return len(text)
    return len(text) + sum(character > "\uffff" for character in text)


def units(text: str) -> str:
    """Give *text* with one character a unit, so that its positions are Java's."""
    if not is_wide(text):
        return text
    codes = array("H")
    codes.frombytes(text.encode(_UNITS, "surrogatepass"))
    return "".join(map(chr, codes))


def joined(text: str) -> str:
    """Undo `units`: join pairs, and write ``?`` for half of one."""
    if text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    codes = text.encode(_UNITS, "surrogatepass")
    return codes.decode(_UNITS, "replace").replace("\ufffd", "?")
