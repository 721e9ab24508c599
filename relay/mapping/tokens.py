r"""
An expression cut into tokens, each with where it stands (pure).

::

    name       letters, digits, _ $ @, not starting with a digit; \. for a dot inside a name
    member     what follows a dot: the same, and digits may come first
    reference  ${First Name}, ${address.street\.name}
    number     12 0x1F 017 12L 12h (BigInteger) 1.5 1.5e3 1f 1d 1.25b (BigDecimal) NaN #NaN
    text       "…" '…'; \\, the delimiter and \u00e9 are escapes, before anything else \ stays
    template   `…`
    symbol     operators, brackets, and the words that are operators or reserved
    blank      spaces, ## and // to the end of the line, /* … */

The longest match wins, as in the engine. A word operator becomes its symbol: ``and`` is ``&&``.

Source:
    Commons JEXL 3.1, Parser.jjt (tokens), StringParser, NumberParser. ``${…}`` and ``\.``: Data
    Prep overview and functions, dataprep-language.md §2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from relay.errors import ExpressionSyntaxError
from relay.mapping.failures import NotANumber
from relay.mapping.java_text import joined
from relay.mapping.limits import MAX_DIGITS, LimitPassed
from relay.mapping.numbers import (
    LONG_MAX,
    BigInteger,
    Long,
    big_integer,
    exact_decimal,
    float32,
)
from relay.mapping.paths import Path, parse_path


@dataclass(frozen=True, slots=True)
class Token:
    """
    One token: *kind* as in the module's table, *value* what it means, *start* and *end* offsets.

    The value of a symbol is its canonical spelling; of a reference its path. The last token of
    every expression has the kind ``end``.
    """

    kind: str
    value: Any
    start: int
    end: int


WORDS: Final = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "div": "/",
    "mod": "%",
}
"""Words that are operators, and the symbol each means."""

STATEMENT_WORDS: Final = frozenset(
    {"if", "else", "for", "while", "new", "var", "return", "function", "break", "continue"}
)
"""Words with which a script would do something; an expression has none of it."""

LITERAL_WORDS: Final = frozenset({"null", "true", "false", "NaN"})
FUNCTION_WORDS: Final = frozenset({"empty", "size"})
RESERVED: Final = frozenset(WORDS) | STATEMENT_WORDS | LITERAL_WORDS | FUNCTION_WORDS
"""Words that cannot be a name unless they stand in ``${…}``."""

_BLANK = re.compile(
    r"(?:[ \t\n\r\f]+|\#\#[^\n\r]*|//[^\n\r]*|/\*[^*]*\*(?:\*|[^*/][^*]*\*)*/)+", re.DOTALL
)
_NAME = re.compile(r"[A-Za-z_$@](?:[A-Za-z0-9_$@]|\\\.)*")
_MEMBER = re.compile(r"(?:[A-Za-z0-9_$@]|\\\.)+")
_ANNOTATION = re.compile(r"@[A-Za-z0-9_$]+")
_INTEGER = re.compile(r"(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)[lLhH]?")
_FLOAT = re.compile(
    r"#NaN|[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?[dDfFbB]?|[0-9]+\.?(?:[eE][+-]?[0-9]+)?[dDfFbB]"
)
_TEXT = re.compile(
    r'"(?:[^"\\\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])*"'
    r"|'(?:[^'\\\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])*'"
)
_TEMPLATE = re.compile(r"`(?:[^`\\]|\\[^\0])*`")
_SYMBOL = re.compile(
    r"\.\.\.|\.\.|->|\?:|&&|\|\||==|!=|=~|!~|=\^|=\$|!\^|!\$|>=|<=|[-+*/%&|^]=|[-()\[\]{};:,.?"
    r"=+*/%!&|^~<>]"
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-hA-H]{4})|(.))", re.DOTALL)


def tokenize(source: str) -> list[Token]:
    """
    Cut *source* into tokens; the last one is ``end``.

    Raises:
        ExpressionSyntaxError: at the first character that starts no token.
    """
    return list(_tokens(source))


def _tokens(source: str) -> Iterator[Token]:
    at = 0
    after_dot = False
    while True:
        if blank := _BLANK.match(source, at):
            at = blank.end()
        if at == len(source):
            yield Token("end", None, at, at)
            return
        token = _member(source, at) if after_dot else _number(source, at)
        token = token or _other(source, at)
        yield token
        at = token.end
        after_dot = token.kind == "symbol" and token.value == "."


def _member(source: str, at: int) -> Token | None:
    if source.startswith("${", at):
        return _reference(source, at)
    found = _MEMBER.match(source, at)
    return _word(source, at, found[0], "member") if found else None


def _other(source: str, at: int) -> Token:
    if source.startswith("${", at):
        return _reference(source, at)
    if found := _NAME.match(source, at):
        return _word(source, at, found[0], "name")
    if found := _TEXT.match(source, at):
        return Token("text", unescaped(found[0]), at, found.end())
    if found := _TEMPLATE.match(source, at):
        return Token("template", unescaped(found[0]), at, found.end())
    if found := _SYMBOL.match(source, at):
        return Token("symbol", found[0], at, found.end())
    raise _strange(source, at)


def _word(source: str, at: int, word: str, kind: str) -> Token:
    end = at + len(word)
    if word in WORDS:
        return Token("symbol", WORDS[word], at, end)
    if word in RESERVED:
        return Token("symbol", word, at, end)
    if _ANNOTATION.fullmatch(word):
        raise ExpressionSyntaxError(
            "@ starts an annotation, which only statements have",
            source=source,
            position=at,
            hint=f"a field of this name is written ${{{word}}}",
        )
    return Token(kind, word.replace("\\.", "."), at, end)


def _reference(source: str, at: int) -> Token:
    close = source.find("}", at)
    if close < 0:
        raise ExpressionSyntaxError(
            "expected '}' to end the reference that '${' starts", source=source, position=at
        )
    inner = source[at + 2 : close]
    start = at + 2 + len(inner) - len(inner.lstrip())
    try:
        path: Path = parse_path(inner.strip())
    except ExpressionSyntaxError as error:
        raise ExpressionSyntaxError(
            error.message, source=source, position=start + error.position, hint=error.hint
        ) from None
    if not isinstance(path[0], str):
        raise ExpressionSyntaxError("expected a name after '${'", source=source, position=start)
    return Token("reference", path, at, close + 1)


def _number(source: str, at: int) -> Token | None:
    whole, floating = _INTEGER.match(source, at), _FLOAT.match(source, at)
    if floating and (whole is None or floating.end() > whole.end()):
        return Token("number", _floating(source, at, floating[0]), at, floating.end())
    if whole:
        return Token("number", _whole(source, at, whole[0]), at, whole.end())
    return None


def _whole(source: str, at: int, text: str) -> int:
    suffix = text[-1].lower()
    digits = text[:-1] if suffix in "lh" else text
    try:
        value = _digits(digits)
    except LimitPassed as passed:
        raise ExpressionSyntaxError(str(passed), source=source, position=at) from None
    if suffix == "h":
        return BigInteger(value)
    if suffix == "l":
        if value > LONG_MAX:
            raise ExpressionSyntaxError(
                "the number does not fit the 64 bits of a Long",
                source=source,
                position=at,
                hint="the suffix h makes a BigInteger",
            )
        return Long(value)
    return value


def _digits(text: str) -> int:
    if text[:2] in {"0x", "0X"}:
        text, base = text[2:], 16
    else:
        base = 8 if text[0] == "0" else 10
    if len(text) > MAX_DIGITS:
        raise LimitPassed(f"a whole number has more than {MAX_DIGITS} digits")
    return int(big_integer(int(text, base)))


def _floating(source: str, at: int, text: str) -> float | Decimal:
    if text == "#NaN":
        return float("nan")
    if len(text) > MAX_DIGITS:
        raise ExpressionSyntaxError(
            f"a number has more than {MAX_DIGITS} digits", source=source, position=at
        )
    suffix = text[-1].lower()
    if suffix == "b":
        try:
            return exact_decimal(text[:-1])
        except NotANumber as problem:
            raise ExpressionSyntaxError(str(problem), source=source, position=at) from None
    number = float(text[:-1] if suffix in "df" else text)
    return float32(number) if suffix == "f" else number


def unescaped(image: str) -> str:
    r"""
    Give what a text token means, its delimiters taken away.

    ``\\`` is a backslash, ``\`` before the delimiter is the delimiter, ``\uXXXX`` a character;
    before anything else the backslash stays. Half a surrogate pair becomes ``?``, as it would when
    Java writes it out.
    """
    delimiter, inner = image[0], image[1:-1]
    if "\\" not in inner:
        return inner

    def escape(found: re.Match[str]) -> str:
        if found[1]:
            return _unit(found[1])
        return found[2] if found[2] in {"\\", delimiter} else found[0]

    text = _ESCAPE.sub(escape, inner)
    return joined(text)


def _unit(digits: str) -> str:
    # The engine takes g and h for digits, too; their bits run over into the digit above.
    value = 0
    for shift, digit in zip((12, 8, 4, 0), digits.lower(), strict=True):
        value |= "0123456789abcdefgh".index(digit) << shift
    return chr(value & 0xFFFF)


def _strange(source: str, at: int) -> ExpressionSyntaxError:
    character = source[at]
    if character in "\"'`":
        return ExpressionSyntaxError(
            f"expected {character} to end the text before the end of the line",
            source=source,
            position=at,
            hint=f"inside, \\{character} stands for {character}",
        )
    hint = "a name with other letters or blanks is written ${First Name}"
    if source.startswith("#pragma", at):
        hint = "mappings are expressions; statements and pragmas are not possible"
    return ExpressionSyntaxError(
        f"{character!r} is not part of an expression", source=source, position=at, hint=hint
    )
