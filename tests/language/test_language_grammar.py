"""The grammar in the parser's docstrings is the grammar that the parser has."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import docstring_grammar as grammar
import pytest

from relay.errors import ExpressionSyntaxError
from relay.mapping.parser import parse
from relay.mapping.tokens import tokenize

_HERE = Path(__file__).parent
sys.path.insert(0, str(_HERE / "jexl"))

from jexl_generator import Generator  # noqa: E402 - beside the harness, which is a folder further


def _sources() -> list[str]:
    lines = (_HERE.parent / "data" / "jexl-cases.jsonl").read_text(encoding="utf-8").splitlines()
    ours = [
        case["expression"]
        for file in sorted((_HERE / "cases").glob("*.json"))
        for case in json.loads(file.read_text(encoding="utf-8"))
    ]
    return [json.loads(line)["expression"] for line in lines] + ours


def _accepted_by_parser(source: str) -> bool:
    try:
        parse(source)
    except ExpressionSyntaxError:
        return False
    return True


def _accepted_by_docstrings(source: str, rules: dict[str, grammar.Match]) -> bool:
    try:
        tokens = tokenize(source)
    except ExpressionSyntaxError:
        return False
    return grammar.Recogniser(tokens, rules).accepts()


def _judged_differently(sources: list[str], rules: dict[str, grammar.Match]) -> list[str]:
    return [
        source
        for source in sources
        # What is inside of a template is an expression of its own, which tokens do not show.
        if "`" not in source
        and _accepted_by_parser(source) is not _accepted_by_docstrings(source, rules)
    ]


@pytest.fixture(scope="module")
def rules() -> dict[str, grammar.Match]:
    return grammar.compiled()


def test_the_docstrings_accept_every_case_that_the_parser_accepts(
    rules: dict[str, grammar.Match],
) -> None:
    """The grammar assembled from the docstrings accepts and refuses each case as the parser."""
    assert _judged_differently(_sources(), rules) == []


def test_the_docstrings_accept_what_is_generated_as_the_parser_does(
    rules: dict[str, grammar.Match],
) -> None:
    """Two thousand generated expressions, some broken on purpose, are judged alike."""
    generator = Generator(seed=99)
    sources = [generator.expression() for _ in range(2000)]
    assert _judged_differently(sources, rules) == []


def test_every_rule_is_used() -> None:
    """No docstring writes a rule that no other rule needs, and none is missing."""
    texts = grammar.rules()
    used = {word for text in texts.values() for word in grammar.words(text)}
    assert used | {"whole"} == set(texts)
