"""
A reader of the grammar that the parser's docstrings write, and a recogniser that runs it.

It knows nothing of the parser's code: rules come from the docstrings, precedence from its table.
Choices are ordered, and what matched is not gone back into (a parsing expression grammar).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from relay.mapping.parser import Parser
from relay.mapping.precedence import PRECEDENCE
from relay.mapping.tokens import Token

_RULE = re.compile(r"([a-z]+) = (.+)", re.DOTALL)
_PIECE = re.compile(r'"[^"]+"|[a-z-]+|[A-Z]+|\*\(|[()\[\]/]')

Match = Callable[["Recogniser", int], int | None]


def rules() -> dict[str, str]:
    """Give the rules, from the docstrings of the parser's methods and the table of precedence."""
    found: dict[str, str] = {}
    for method in vars(Parser).values():
        rule = _RULE.fullmatch((getattr(method, "__doc__", None) or "").strip())
        if rule:
            found[rule[1]] = rule[2]
    assert found["operation"] == "unary *( OPERATOR unary )"
    names = [level.name for level in PRECEDENCE]
    found["operation"] = names[0]
    for level, tighter in zip(PRECEDENCE, [*names[1:], "unary"], strict=True):
        choice = " / ".join(f'"{symbol}"' for symbol in level.operators)
        start, end = ("[", "]") if level.once else ("*(", ")")
        found[level.name] = f"{tighter} {start} ( {choice} ) {tighter} {end}"
    return found


def words(text: str) -> list[str]:
    """Give the names of rules in the text of one."""
    return [piece for piece in _PIECE.findall(text) if piece[0].islower()]


class Recogniser:
    """Says whether tokens are an expression."""

    def __init__(self, tokens: Sequence[Token], grammar: dict[str, Match]) -> None:
        self.tokens = tokens
        self._grammar = grammar
        self._known: dict[tuple[str, int], int | None] = {}

    def accepts(self) -> bool:
        """Say whether all of the tokens are the rule ``whole``."""
        return self.rule("whole", 0) == len(self.tokens)

    def rule(self, name: str, at: int) -> int | None:
        """Give where *name* ends when it starts at *at*."""
        key = (name, at)
        if key not in self._known:
            self._known[key] = self._grammar[name](self, at)
        return self._known[key]


def compiled() -> dict[str, Match]:
    """Give the rules as functions."""
    return {name: _Reader(text).read() for name, text in rules().items()}


class _Reader:
    def __init__(self, text: str) -> None:
        self._pieces = _PIECE.findall(text)
        assert "".join(self._pieces) == re.sub(r"\s", "", text), text
        self._at = 0

    def read(self) -> Match:
        match = self._choice()
        assert self._at == len(self._pieces)
        return match

    def _next(self) -> str:
        return self._pieces[self._at] if self._at < len(self._pieces) else ""

    def _choice(self) -> Match:
        ways = [self._sequence()]
        while self._next() == "/":
            self._at += 1
            ways.append(self._sequence())

        def match(run: Recogniser, at: int) -> int | None:
            return next((end for way in ways if (end := way(run, at)) is not None), None)

        return match

    def _sequence(self) -> Match:
        parts: list[Match] = []
        while self._next() not in {"", "/", ")", "]"}:
            parts.append(self._part())

        def match(run: Recogniser, at: int) -> int | None:
            end: int | None = at
            for part in parts:
                end = part(run, end) if end is not None else None
            return end

        return match

    def _part(self) -> Match:
        piece = self._next()
        self._at += 1
        if piece in {"(", "[", "*("}:
            inner = self._choice()
            self._at += 1
            return {"(": inner, "[": _optional(inner), "*(": _many(inner)}[piece]
        if piece.startswith('"'):
            return _token("symbol", piece[1:-1])
        if piece.isupper():
            return _token(piece.lower(), None)
        return lambda run, at: run.rule(piece, at)


def _optional(inner: Match) -> Match:
    def match(run: Recogniser, at: int) -> int | None:
        end = inner(run, at)
        return at if end is None else end

    return match


def _many(inner: Match) -> Match:
    def match(run: Recogniser, at: int) -> int | None:
        while (end := inner(run, at)) is not None:
            at = end
        return at

    return match


def _token(kind: str, value: str | None) -> Match:
    def match(run: Recogniser, at: int) -> int | None:
        if at >= len(run.tokens):
            return None
        token = run.tokens[at]
        fits = token.kind == kind and value in {None, token.value}
        return at + 1 if fits else None

    return match
