"""What holds for every expression, whatever stands in it."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping import compile_expression
from relay.mapping.parser import parse
from relay.mapping.paths import format_path, parse_path
from relay.mapping.printer import print_expression
from relay.mapping.tokens import tokenize

_TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(_TESTS / "language" / "jexl"))

from jexl_generator import WIDER, Generator  # noqa: E402 - beside the harness, in another folder

_WORDS = [
    "(", ")", "[", "]", "{", "}", ".", ",", ":", ";", "?", "?:", "..", "...", "->", "=", "==",
    "!=", "=~", "!^", "=$", "<", ">=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "&&",
    "||", "a", "b1", "metric", "data", "tags", "if", "new", "size", "empty", "not", "and", "eq",
    "null", "true", "NaN", "${a}", "${a\\.b}", "`x`", "`${a}`", "1", "10L", "1.5", "0x1F",
    "1.25b", "2147483648", "'x'", '"y"', "\\", "#", "$", "@", "${", "/*", "//", "[*]", "x->",
    " ", "\n",
]  # fmt: skip
SOURCES = st.one_of(
    st.integers(min_value=0, max_value=2**32).map(lambda seed: Generator(seed).expression()),
    st.lists(st.sampled_from(_WORDS), max_size=14).map(" ".join),
    st.lists(st.sampled_from(_WORDS), max_size=14).map("".join),
    st.text(max_size=40),
    st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
NAMES = ["metric", "count", "ratio", "a", "data", "missing", "event_id", "timestamp"]


def _answer(source: str, record: dict[str, Any]) -> tuple[str, str]:
    """Give what became of *source*; any other exception is a crash, and the test's failure."""
    try:
        return "value", repr(compile_expression(source).evaluate(record))
    except (ExpressionSyntaxError, EvaluationError) as error:
        return ("error" if 0 <= error.position <= len(source) else "crash"), str(error)


@given(source=SOURCES)
@example(source="x ? ${y} : z(1)")
@example(source="{${y}: z(1)}")
@example(source="x -> {{'a': 1}}")
@example(source="`a ${count} $x \\${b} \\` ${'\\\\u007d'}`")
@example(source="1 .d + 1.5.d")
@example(source="! $x + - -1")
@example(source="a.'b c'.\"size\"[*].x[]")
@example(source="-2147483648L + 5h + 1.5f + 1.50b + 1e3d + NaN + 1.0e999 + 1E+3b")
@example(source="${\\ a}.${size}.${b\\}")
@example(source='"\\u0000\\u2028\\\\\\" \U0001f600"')
@example(source="[...] + [1, ...] + {:} + {}")
@example(source="x ?: y ? z : w ?: v")
def test_printing_an_expression_and_parsing_it_gives_the_same(source: str) -> None:
    """parse(print(tree)) == tree for every tree that a source parses to."""
    try:
        tree = parse(source)
    except ExpressionSyntaxError:
        return
    assert parse(print_expression(tree)) == tree


@given(source=SOURCES)
def test_an_expression_gives_a_value_or_an_error_that_points(source: str) -> None:
    """Whatever is written, the outcome is a value or one of the two errors, never a crash."""
    before = copy.deepcopy(WIDER)
    first = _answer(source, WIDER)
    assert before == WIDER, "evaluation changed the record"
    assert _answer(source, WIDER) == first, "the same input gave another result"


@given(
    seed=st.integers(min_value=0, max_value=2**32),
    record=st.dictionaries(st.sampled_from(NAMES), VALUES),
)
def test_a_record_of_any_shape_gives_a_value_or_an_error(
    seed: int, record: dict[str, Any]
) -> None:
    """Fields of any JSON type are taken, and stay as they are."""
    source = Generator(seed).expression()
    before = repr(record)
    first = _answer(source, record)
    assert repr(record) == before, "evaluation changed the record"
    assert _answer(source, record) == first, "the same input gave another result"


@given(source=SOURCES)
def test_tokens_cover_the_source(source: str) -> None:
    """Tokens come in order, do not overlap, and leave out only blanks and comments."""
    try:
        tokens = tokenize(source)
    except ExpressionSyntaxError:
        return
    ends = [0, *(token.end for token in tokens)]
    for token, end in zip(tokens, ends, strict=False):
        assert token.start >= end
        between = source[end : token.start].strip(" \t\n\r\f")
        assert between.startswith(("##", "//", "/*")) or not between
    assert tokens[-1].kind == "end"


def test_the_properties_hold_for_the_shared_cases() -> None:
    """Every shared case that parses prints to something that parses to the same tree."""
    lines = (_TESTS / "data" / "jexl-cases.jsonl").read_text(encoding="utf-8").splitlines()
    for line in lines:
        try:
            tree = parse(json.loads(line)["expression"])
        except ExpressionSyntaxError:
            continue
        assert parse(print_expression(tree)) == tree


@given(st.text(alphabet="ab.[]*0${}\\ é", max_size=12))
@example("\\${a")
@example("a.${b c}[0]")
def test_a_path_is_read_back_as_it_is_written(text: str) -> None:
    """What parses as a path parses to the same when it is written by us."""
    try:
        path = parse_path(text)
    except ExpressionSyntaxError:
        return
    assert parse_path(format_path(path)) == path
