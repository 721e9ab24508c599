"""
Text as Java counts it: by 16-bit units, two for a character beyond the first 65,536 (pure).

Half of such a pair, cut off by ``substring``, becomes ``?``, as it does when Java writes it out.
"""

from __future__ import annotations

import re
from array import array

_UNITS = "utf-16-le"
_HALF = re.compile("[\ud800-\udfff]")


def length(text: str) -> int:
    """Count as ``String.length`` does."""
    if text.isascii():
        return len(text)
    return len(text.encode(_UNITS, "surrogatepass")) // 2


def is_wide(text: str) -> bool:
    """Whether Java counts more units in *text* than it has characters."""
    return length(text) != len(text)


def units(text: str) -> str:
    """Give *text* with one character a unit, so that its positions are Java's."""
    if not is_wide(text):
        return text
    codes = array("H")
    codes.frombytes(text.encode(_UNITS, "surrogatepass"))
    return "".join(map(chr, codes))


def joined(text: str) -> str:
    """Undo `units`: join pairs, and write ``?`` for half of one."""
    if text.isascii() or not _HALF.search(text):
        return text
    codes = text.encode(_UNITS, "surrogatepass")
    return codes.decode(_UNITS, "replace").replace("\ufffd", "?")
