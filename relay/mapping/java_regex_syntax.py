r"""
Java's regular expression syntax, translated to that of the `regex` module.

The translation spells out what differs: line ends, ASCII classes, ASCII case folding, ``$`` and
``\\Z`` before a final line end, ``\\Q…\\E``, class intersections. What Java refuses is refused;
so is what would not stay bounded: counted repeats inside counted repeats multiply when the pattern
is compiled.

Source:
    ``java.util.regex.Pattern`` (Java 17); compared with it case by case in
    tests/unit/test_java_regex.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from relay.mapping.function import FunctionFailed
from relay.mapping.java_regex_classes import (
    ANY,
    LINE_ENDS,
    character_range,
    complement,
    intersection,
    is_shorthand,
    literal,
    property_class,
    shorthand,
    union,
)

MAX_NESTING: Final = 40
"""Groups and classes inside each other."""
MAX_EXPANDED: Final = 20_000
"""Parts of a pattern when its counted repeats are written out, which compiling does."""

_FINAL_END = rf"(?=(?:\r\n|[{LINE_ENDS}])?\Z)(?!(?<=\r)\n)"
_FINAL_END_UNIX = r"(?=\n?\Z)"
_LINE_END = rf"(?=[{LINE_ENDS}]|\Z)(?!(?<=\r)\n)"
_LINE_START = r"(?:\A|(?<=[\n\x85\u2028\u2029]|\r(?!\n))(?!\Z))"
_FLAGS = frozenset("imsxudU")
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_ANCHORS = {"A": r"\A", "G": r"\A", "b": r"\b", "B": r"\B", "z": r"\Z", "X": r"\X"}
_REPEAT = re.compile(r"\{(\d+)(?:(,)(\d*))?\}")
_HEX = re.compile(r"x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})")
_OCTAL = re.compile(r"0([0-3][0-7]{2}|[0-7]{1,2})")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9]*")
_GROUPS = ("?:", "?=", "?!", "?>", "?<=", "?<!")


@dataclass(frozen=True, slots=True)
class Piece:
    """
    A translated part; *size* is its number of parts with repeats written out.

    *is_open* says that what it takes has no obvious maximum length, which Java refuses to look
    behind for.
    """

    text: str
    size: int = 1
    is_open: bool = False


def _joined(separator: str, pieces: list[Piece]) -> Piece:
    text = separator.join(piece.text for piece in pieces)
    is_open = any(piece.is_open for piece in pieces)
    return Piece(text, sum(piece.size for piece in pieces), is_open)


class Translator:
    """Reads one Java pattern, its quotations resolved, from left to right; made for each."""

    def __init__(self, source: str) -> None:
        # Where reading stands, the flags in force, and the groups met: changed only while
        # `translate` runs.
        self._source = source
        self._at = 0
        self._depth = 0
        self._flags: frozenset[str] = frozenset()
        self._groups = 0
        self._names: set[str] = set()

    def translate(self) -> str:
        """
        Give the pattern for the `regex` module.

        Raises:
            FunctionFailed: Java would refuse it, or it would not stay bounded.
        """
        whole = self._alternatives()
        if self._at < len(self._source):
            self._refuse("has a ')' without its '('")
        return whole.text

    def _refuse(self, why: str) -> NoReturn:
        raise FunctionFailed(f"the regular expression {why}, at its character {self._at + 1}")

    def _peek(self, text: str) -> bool:
        return self._source.startswith(text, self._at)

    def _take(self, text: str) -> bool:
        found = self._peek(text)
        if found:
            self._at += len(text)
        return found

    def _next(self, what: str) -> str:
        if self._at >= len(self._source):
            self._refuse(f"ends where {what} was expected")
        self._at += 1
        return self._source[self._at - 1]

    def _alternatives(self) -> Piece:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._refuse(f"has more than {MAX_NESTING} groups inside each other")
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        self._depth -= 1
        return self._bounded(_joined("|", branches))

    def _bounded(self, piece: Piece) -> Piece:
        if piece.size > MAX_EXPANDED:
            self._refuse("has counted repeats that multiply beyond what is compiled here")
        return piece

    def _sequence(self) -> Piece:
        pieces: list[Piece] = []
        while True:
            self._skip_comments()
            if self._at >= len(self._source) or self._peek("|") or self._peek(")"):
                return self._bounded(_joined("", pieces))
            atom = self._atom()
            if atom is not None:
                self._skip_comments()
                pieces.append(self._repeated(atom))

    def _skip_comments(self) -> None:
        while "x" in self._flags and self._at < len(self._source):
            if self._source[self._at] in " \t\n\x0b\f\r":
                self._at += 1
            elif self._peek("#"):
                while self._at < len(self._source) and self._source[self._at] not in "\n\r":
                    self._at += 1
            else:
                return

    def _repeated(self, atom: Piece) -> Piece:
        counted = _REPEAT.match(self._source, self._at)
        if counted is not None:
            self._at = counted.end()
            least, comma, most = counted.groups()
            return self._counted(atom, int(least), int(most) if most else None, comma or "")
        if self._peek("{"):
            self._refuse("has a '{' that is no repeat: escape it")
        for sign in "?*+":
            if self._take(sign):
                text = f"(?:{atom.text}){sign}{self._manner()}"
                return Piece(text, atom.size + 1, atom.is_open or sign != "?")
        return atom

    def _counted(self, atom: Piece, least: int, most: int | None, comma: str) -> Piece:
        if max(least, most or 0) >= 2**31:
            self._refuse("has a repeat count beyond Java's range")
        if most is not None and most < least:
            self._refuse("has a repeat whose most is less than its least")
        written = str(least) + comma + ("" if most is None else str(most))
        size = atom.size * max(least, most or 0, 1) + 1
        is_open = atom.is_open or (bool(comma) and most is None)
        text = f"(?:{atom.text}){{{written}}}{self._manner()}"
        return self._bounded(Piece(text, size, is_open))

    def _manner(self) -> str:
        return "?" if self._take("?") else "+" if self._take("+") else ""

    def _atom(self) -> Piece | None:
        character = self._next("something")
        match character:
            case "(":
                return self._group()
            case "[":
                return Piece(self._class())
            case "\\":
                return self._escape()
            case ".":
                return Piece(self._dot())
            case "^":
                return Piece(_LINE_START if "m" in self._flags else r"\A")
            case "$":
                return Piece(self._dollar())
            case "*" | "+" | "?":
                self._at -= 1
                self._refuse(f"has a {character!r} with nothing to repeat")
            case "{":
                self._pass_repeat_of_nothing()
                return None
        return Piece(self._literal(character))

    def _pass_repeat_of_nothing(self) -> None:
        """Java repeats the empty text when a count follows a count."""
        self._at -= 1
        counted = _REPEAT.match(self._source, self._at)
        if counted is None or self._at == 0:
            self._refuse("has a '{' that is no repeat: escape it")
        self._at = counted.end()

    def _literal(self, character: str) -> str:
        return literal(character, ignores_case="i" in self._flags, is_unicode=self._is_unicode)

    @property
    def _is_unicode(self) -> bool:
        return bool(self._flags & {"u", "U"})

    def _dot(self) -> str:
        if "s" in self._flags:
            return ANY
        return r"[^\n]" if "d" in self._flags else f"[^{LINE_ENDS}]"

    def _dollar(self) -> str:
        if "d" in self._flags:
            return r"(?=\n|\Z)" if "m" in self._flags else _FINAL_END_UNIX
        return _LINE_END if "m" in self._flags else _FINAL_END

    def _group(self) -> Piece | None:
        flags = self._flags
        opening = "("
        prefix = next((known for known in _GROUPS if self._take(known)), None)
        if prefix is not None:
            opening += prefix
        elif self._take("?<"):
            name = self._name(">")
            if name in self._names:
                self._refuse("has two groups of one name")
            self._names.add(name)
            self._groups += 1
            opening += f"?P<{name}>"
        elif self._take("?"):
            if not self._inline_flags():
                return None
            opening += "?:"
        else:
            self._groups += 1
        inside = self._alternatives()
        if not self._take(")"):
            self._refuse("has a '(' without its ')'")
        self._flags = flags
        if prefix in {"?<=", "?<!"} and inside.is_open:
            self._refuse("looks behind for a text without an obvious maximum length")
        is_open = inside.is_open and prefix not in {"?=", "?!"}
        return Piece(f"{opening}{inside.text})", inside.size + 1, is_open)

    def _name(self, end: str) -> str:
        found = _NAME.match(self._source, self._at)
        if found is None or not self._source.startswith(end, found.end()):
            self._refuse("has a group name that Java refuses")
        self._at = found.end() + len(end)
        return found[0]

    def _inline_flags(self) -> bool:
        """Read ``i-s`` and its end; say whether a group follows (``:``)."""
        is_off = False
        while True:
            flag = self._next("flags")
            if flag == ":":
                return True
            if flag == ")":
                return False
            if flag == "-" and not is_off:
                is_off = True
            elif flag in _FLAGS:
                self._flags = self._flags - {flag} if is_off else self._flags | {flag}
            else:
                self._at -= 1
                self._refuse("has an inline flag that Java does not know")

    def _escape(self) -> Piece:
        letter = self._next("what is escaped")
        if letter == "Z":
            return Piece(_FINAL_END_UNIX if "d" in self._flags else _FINAL_END)
        if letter == "R":
            return Piece(r"(?>\r\n|[\n\x0b\f\r\x85\u2028\u2029])")
        if letter in _ANCHORS:
            return Piece(_ANCHORS[letter])
        if letter == "k":
            return Piece(self._named_reference(), is_open=True)
        if letter in "123456789":
            return Piece(self._reference(letter), is_open=True)
        return Piece(self._single(letter))

    def _named_reference(self) -> str:
        if not self._take("<"):
            self._refuse("has a \\k without a group name")
        name = self._name(">")
        if name not in self._names:
            self._refuse("names a group that is not there")
        return self._referring(f"(?P={name})")

    def _reference(self, digits: str) -> str:
        while self._at < len(self._source) and self._source[self._at] in "0123456789":
            if int(digits + self._source[self._at]) > self._groups:
                break
            digits += self._next("a digit")
        return self._referring(f"\\g<{digits}>") if int(digits) <= self._groups else "(?!)"

    def _referring(self, reference: str) -> str:
        return f"(?i:{reference})" if "i" in self._flags else reference

    def _single(self, letter: str) -> str:
        """Write an escape that takes one character, in a class or outside."""
        if is_shorthand(letter):
            return shorthand(letter, is_unicode="U" in self._flags)
        if letter in "pP":
            name = self._property_name()
            return property_class(name, negated=letter == "P", ignores_case="i" in self._flags)
        return self._literal(self._escaped_character(letter))

    def _property_name(self) -> str:
        if not self._take("{"):
            return self._next("a property")
        end = self._source.find("}", self._at)
        if end < 0:
            self._refuse("has a property without its '}'")
        name, self._at = self._source[self._at : end], end + 1
        return name

    def _escaped_character(self, letter: str) -> str:
        """Give the character that an escape stands for."""
        self._at -= 1
        for numeral, base in ((_HEX, 16), (_OCTAL, 8)):
            if (found := numeral.match(self._source, self._at)) is not None:
                self._at = found.end()
                code = int(next(filter(None, found.groups())), base)
                return chr(code) if code < 0x110000 else self._refuse("has no such character")  # noqa: PLR2004 - Unicode ends
        self._at += 1
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter == "c":
            return chr(ord(self._next("a control character")) ^ 64)
        if letter.isascii() and letter.isalnum():
            self._refuse(f"has the escape \\{letter}, which Java does not know")
        return letter

    def _class(self) -> str:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._refuse(f"has more than {MAX_NESTING} classes inside each other")
        negated = self._take("^")
        operands: list[str] = []
        parts: list[str] = []
        is_first = True
        while not self._peek("]") or is_first:
            if self._take("&&"):
                operands += [union(parts)] if parts else []
                parts = []
            else:
                parts += self._class_part()
            is_first = False
        self._at += 1
        self._depth -= 1
        operands += [union(parts)] if parts else []
        if not operands:
            self._refuse("has an empty class")
        whole = intersection(operands)
        return complement(whole) if negated else whole

    def _class_part(self) -> list[str]:
        if "x" in self._flags and self._source[self._at : self._at + 1].isspace():
            self._at += 1
            return []
        character = self._next("the ']' of a class")
        if character == "[":
            return [self._class()]
        if character == "\\":
            letter = self._next("what is escaped")
            if is_shorthand(letter) or letter in "pP":
                return [self._single(letter)]
            character = self._escaped_character(letter)
        return [self._range_from(character)]

    def _range_from(self, first: str) -> str:
        following = self._source[self._at + 1 : self._at + 2]
        if not self._peek("-") or following in {"", "]", "["}:
            return self._literal(first)
        self._at += 1
        last = self._next("the end of a range")
        if last == "\\":
            last = self._escaped_character(self._next("what is escaped"))
        ignores_case = "i" in self._flags
        return character_range(first, last, ignores_case=ignores_case, is_unicode=self._is_unicode)
