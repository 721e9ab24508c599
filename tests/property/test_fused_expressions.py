"""An expression gives the same fused as by the reference, whatever stands in it and the event."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping.compiler import Compiler
from relay.mapping.evaluate import Evaluation
from relay.mapping.expression import Expression
from relay.mapping.fused import fused
from relay.mapping.parser import parse
from relay.mapping.values import java_type

sys.path.insert(0, str(Path(__file__).parents[1] / "language" / "jexl"))

from jexl_generator import Generator

_TEXTS = st.text(max_size=6) | st.sampled_from(["", "sent", "12", "1.5", "a@b.c", " x ", "İß"])
_NUMBERS = st.integers() | st.sampled_from([0, -1, 2**31 - 1, 2**31, -(2**31), 2**63, 10**400])
_SCALARS = st.none() | st.booleans() | _NUMBERS | st.floats() | _TEXTS | st.just("y" * 5000)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
_RECORDS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "a.b", "a.b.c", "lower", "concat", "iif", "metric"]),
    _VALUES,
    max_size=5,
)
_LITERALS = st.sampled_from(
    [
        "null",
        "true",
        "false",
        "0",
        "7",
        "2147483647",
        "3000000000",
        "5L",
        "-1",
        "1.5",
        "2b",
        "''",
        "'sent'",
        "'12'",
        "'@'",
        "\"yyyy-MM-dd'T'HH:mm:ss.SSSX\"",
        "'dd MMM yy'",
    ]
)
_FIELDS = st.sampled_from(["a", "b", "c", "a.b", "a.b.c", "b.c", "b.a.c.b", "x.y", "a[0]", "a.0"])
_OPERATORS = [
    "==",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&&",
    "||",
    "=^",
    "=$",
    "=~",
    "&",
    "..",
]
_CALLS = [
    "lower",
    "upper",
    "lcase",
    "trim",
    "ltrim",
    "left",
    "right",
    "concat",
    "coalesce",
    "iif",
    "decode",
    "to_array",
    "to_object",
    "to_map",
    "dformat",
    "sha256",
    "crc32",
    "split",
    "instr",
    "first",
    "last",
    "join",
    "size_of",
    "substr",
    "get_url_host",
    "is_empty",
]
_METHODS = [
    "equals",
    "equalsIgnoreCase",
    "contains",
    "length",
    "isEmpty",
    "trim",
    "toUpperCase",
    "substring",
]


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=5).map(", ".join)
    return st.one_of(
        st.tuples(inner, st.sampled_from(_OPERATORS), inner).map(lambda of: f"({' '.join(of)})"),
        st.tuples(st.sampled_from(_CALLS), arguments).map(lambda of: f"{of[0]}({of[1]})"),
        st.tuples(inner, inner, inner).map(lambda of: f"({of[0]} ? ({of[1]}) : ({of[2]}))"),
        st.tuples(inner, inner).map(lambda of: f"({of[0]} ?: {of[1]})"),
        st.tuples(_FIELDS, st.sampled_from(_METHODS), arguments).map(
            lambda of: f"{of[0]}.{of[1]}({of[2]})"
        ),
        st.tuples(st.sampled_from(["!", "-", "size ", "empty "]), inner).map("".join),
        inner.map(lambda text: f"[{text}, 1]"),
    )


SOURCES = st.recursive(_LITERALS | _FIELDS, _larger, max_leaves=8)


def _answer(expression: Expression, record: dict[str, Any]) -> tuple[str, str]:
    try:
        value = expression.evaluate(record)
    except EvaluationError as error:
        return "error", f"{error!s} {error.kind} {error.position} {error.hint}"
    return java_type(value), repr(value)


def _both(source: str, record: dict[str, Any]) -> tuple[tuple[str, str], tuple[str, str]]:
    tree = parse(source)
    reference = Compiler(source).code(tree)
    before = repr(record)
    answers = (
        _answer(Expression(source, tree, fused(source, tree, reference)), record),
        _answer(Expression(source, tree, reference), record),
    )
    assert repr(record) == before
    return answers


@given(source=SOURCES, record=_RECORDS)
@example(source="a ?: lower(b)", record={"a": 0, "b": "X"})
@example(source="coalesce(a, b, 'none')", record={"a": None, "b": []})
@example(source="a.b.c == null", record={"a.b": {"c": 1}})
@example(source="concat(lower(a), '-', a)", record={"a": "y" * 5000})
@example(source="lower(a)", record={"a": "X", "lower": 1})
@example(source="decode(a, 1, 'one', null, 'none', '1', 'text')", record={"a": 1})
@example(source="decode(a, 1, 'one', null, 'none')", record={})
@example(source="a * 3000000000", record={"a": 2})
@example(source="a + 1", record={"a": 2**31 - 1})
@example(source="size(a.b)", record={"a": {"b": "\U0001f600"}})
@example(source="dformat(a, 'yyyy-MM-dd')", record={"a": -(10**15)})
def test_an_expression_gives_the_same_fused(source: str, record: dict[str, Any]) -> None:
    """Value, type, and an error's message, place, kind and hint are those of the reference."""
    one, other = _both(source, record)
    assert one == other


@given(seed=st.integers(min_value=0, max_value=2**32), record=_RECORDS)
def test_expressions_of_the_whole_grammar_give_the_same_fused(
    seed: int, record: dict[str, Any]
) -> None:
    """So it is for every form of the grammar; some of them do not parse, on purpose."""
    try:
        one, other = _both(Generator(seed).expression(), record)
    except ExpressionSyntaxError:
        return
    assert one == other


RECORD = {
    "metric": "sent",
    "timestamp": 1613063089,
    "nothing": None,
    "data": {"n": 7, "email": " A@Example.com ", "identifiers": {"id": "42"}},
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("lower(trim(data.email))", "a@example.com"),
        ("lower(nothing)", None),
        ("data.missing.id", None),
        ("concat(metric, '.', metric)", "sent.sent"),
        ("coalesce(data.identifiers.email, data.email, 'none')", " A@Example.com "),
        ("iif(data.identifiers.id != null, data.identifiers.id, 'nobody')", "42"),
        ("iif(nothing, 'a', 'b')", "b"),
        ("decode(metric, 'opened', 'o', 'sent', 's', 'other')", "s"),
        ("decode(data.n, 7, 'seven')", "seven"),
        ("decode(data.n, 8, 'eight', concat('n', metric))", "nsent"),
        ("metric == 'sent' && data.n > 5 ? 'yes' : 'no'", "yes"),
        ("nothing ?: metric", "sent"),
        ("!(data.n <= 5)", True),
        ("last(split(trim(data.email), '@'))", "Example.com"),
        ("join('-', to_array(false, nothing, metric, 'x'))", "sent-x"),
        ("to_map('Email', to_array(true, to_object('id', metric)))", {"Email": [{"id": "sent"}]}),
        ("data.identifiers.id.equals('42')", True),
        ("nothing.equals('42')", None),
        ("data.n * 2 + size(metric) - 1", 17),
        ("metric + '!'", "sent!"),
        ("empty nothing", True),
        ("dformat(timestamp * 1000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "2021-02-11T17:04:49.000Z"),
        ("dformat(timestamp * 1000, 'HH:mm, d/MM/yyyy')", "17:04, 11/02/2021"),
        ("sha256(metric)", sha256(b"sent").hexdigest()),
    ],
)
def test_what_mappings_are_full_of_needs_no_reference(source: str, value: Any) -> None:
    """Common expressions over common values never come to the reference."""

    def reference(_evaluation: Evaluation) -> Any:
        pytest.fail("the reference was asked")

    tree = parse(source)
    code = fused(source, tree, reference)
    assert code is not reference
    assert code(Evaluation(RECORD, None)) == value
