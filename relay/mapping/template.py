"""
Texts in backquotes, cut into text and the tokens of their ``${…}`` (pure).

Source:
    Commons JEXL 3.1, TemplateEngine.parseExpression. The engine cuts a template when it is first
    evaluated; here that is done with the rest, so that a mistake shows at once. ``#{…}`` is
    evaluated later than ``${…}`` there, which makes no difference in one expression.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from relay.errors import ExpressionSyntaxError
from relay.mapping.tokens import Token, tokenize


def template_parts(source: str, token: Token) -> Iterator[str | list[Token]]:
    """
    Give the parts of the template *token* of *source*: text, or the tokens of an expression.

    Raises:
        ExpressionSyntaxError: a ``${`` is not closed, or what is in it is no token.
    """
    text: str = token.value
    kept = ""
    at = 0
    while at < len(text):
        if text.startswith(("\\$", "\\#"), at):
            kept += text[at + 1]
            at += 2
        elif text.startswith(("${", "#{"), at):
            close = _closing(text, at + 2)
            if close < 0:
                raise _malformed(source, token)
            if kept:
                yield kept
                kept = ""
            yield _inner_tokens(source, token, at + 2, close)
            at = close + 1
        else:
            # A $ or # takes the next character along, as in the engine: "$${x}" is only text.
            step = 2 if text[at] in "$#\\" else 1
            if at + step > len(text):
                raise _malformed(source, token)
            kept += text[at : at + step]
            at += step
    if kept:
        yield kept


def _closing(text: str, at: int) -> int:
    """Find the ``}`` that closes what opened before *at*; braces are counted, texts are not."""
    depth = 0
    for position in range(at, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            if not depth:
                return position
            depth -= 1
    return -1


def _inner_tokens(source: str, token: Token, start: int, end: int) -> list[Token]:
    # Offsets into the template are offsets into the source only where nothing was escaped.
    is_straight = token.value == source[token.start + 1 : token.end - 1]
    base = token.start + 1 + start
    try:
        tokens = tokenize(token.value[start:end])
    except ExpressionSyntaxError as error:
        raise ExpressionSyntaxError(
            error.message,
            source=source,
            position=base + error.position if is_straight else token.start,
            hint=error.hint,
        ) from None
    if is_straight:
        return [replace(each, start=each.start + base, end=each.end + base) for each in tokens]
    return [replace(each, start=token.start, end=token.end) for each in tokens]


def _malformed(source: str, token: Token) -> ExpressionSyntaxError:
    return ExpressionSyntaxError(
        "expected '}' to close '${' in the template",
        source=source,
        position=token.start,
        hint="a dollar sign that is only text is written \\$",
    )
