"""
Where a pass over the tokens stands, and what it says when one does not fit (pure).

Source:
    Statements and assignments are refused because Data Prep shows expressions only:
    dataprep-language.md §2.
"""

from __future__ import annotations

from typing import Final

from relay.errors import ExpressionSyntaxError
from relay.mapping.limits import MAX_NESTING
from relay.mapping.tokens import RESERVED, STATEMENT_WORDS, Token

ASSIGNMENTS: Final = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="})
_INSTEAD: Final = {
    "if": "write condition ? value : other, or iif(condition, value, other)",
    "else": "write condition ? value : other, or iif(condition, value, other)",
    "return": "leave the word out: the value of the expression is the result",
    "var": "write the value where it is used",
    "new": "Java objects cannot be made; functions such as date() and to_object() give values",
    "function": "write a lambda: x -> x + 1",
}


class Cursor:
    """The tokens of one expression, taken from left to right, never back."""

    def __init__(self, source: str, tokens: list[Token], nesting: int = 0) -> None:
        self.source = source
        self._tokens = tokens
        # Where the pass stands, and how many expressions are open; changed only by methods here.
        self._at = 0
        self.nesting = nesting

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._at]

    @property
    def before(self) -> int:
        """Where the last token taken ends."""
        return self._tokens[self._at - 1].end

    def ahead(self, count: int) -> Token:
        """Give the token *count* after the next one, the last one when there are fewer."""
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def take(self) -> Token:
        """Take the next token; the end stays."""
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def has(self, *symbols: str) -> bool:
        """Whether the next token is one of these symbols."""
        return self.sees(0, *symbols)

    def sees(self, count: int, *symbols: str) -> bool:
        """Whether the token *count* after the next one is one of these symbols."""
        token = self.ahead(count)
        return token.kind == "symbol" and token.value in symbols

    def expect(self, symbol: str, why: str, hint: str = "") -> None:
        """Take *symbol*, or refuse, naming it and *why* it is expected."""
        if not self.has(symbol):
            raise self.refusal(f"{symbol!r} {why}", hint)
        self.take()

    def open(self) -> None:
        """Count one more expression inside the ones that are open."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.failure(
                f"the expression is nested more than {MAX_NESTING} deep",
                self.token,
                "split it over several mappings",
            )

    def close(self) -> None:
        """Count one expression less."""
        self.nesting -= 1

    def refusal(self, expected: str, hint: str = "") -> ExpressionSyntaxError:
        """Make the error of the next token, which is not what was *expected*."""
        token = self.token
        if token.kind == "end":
            return self.failure(f"expected {expected}, and the expression ends", token, hint)
        word = token.value if token.kind == "symbol" else ""
        if word in STATEMENT_WORDS:
            message = f"mappings are expressions: {word!r} belongs to a statement"
            return self.failure(message, token, _INSTEAD.get(word, "") + self._as_name(token))
        if word in ASSIGNMENTS:
            message = "mappings are expressions: nothing can be assigned"
            return self.failure(message, token, "equality is written ==")
        if word == ";":
            return self.failure("mappings are expressions: there is one, and no ';'", token, hint)
        written = self.source[token.start : token.end]
        message = f"expected {expected}, found {written!r}"
        return self.failure(message, token, hint or self._as_name(token))

    def failure(self, message: str, token: Token, hint: str = "") -> ExpressionSyntaxError:
        """Make an error that points at *token*."""
        return ExpressionSyntaxError(message, source=self.source, position=token.start, hint=hint)

    def _as_name(self, token: Token) -> str:
        written = self.source[token.start : token.end]
        if written not in RESERVED:
            return ""
        between = "; " if written in _INSTEAD else ""
        return f"{between}a field named {written} is written ${{{written}}}"
