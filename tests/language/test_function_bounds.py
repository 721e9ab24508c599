"""Functions over very large values: a result, or an error that names the bound."""

from __future__ import annotations

from typing import Any

import pytest

from relay.errors import EvaluationError
from relay.mapping.expression import compile_expression

TEN_MB = "a,b c;d:" * 1_300_000


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """An event as large as a mapped body may be."""
    return {
        "text": TEN_MB,
        "numbers": [1, 2] * 300_000,
        "few": [1, 2] * 25_000,
        "json": "[" + ",".join(["1"] * 1_000_001) + "]",
        "deep": '{"a":' * 900 + "1" + "}" * 900,
        "brackets": "[" * 5_000_000,
    }


@pytest.mark.parametrize(
    ("expression", "bound"),
    [
        ("concat(text, text)", "characters"),
        ("explode(text)", "more than 1000000"),
        ("explode(text, '[a-z]')", "took more than 100 ms"),
        ("split(text, ',; ')", "more than 1000000"),
        ("replacestr(text, 'a', 'bbbbbbbb')", "characters"),
        ("lpad('a', 2000000000, 'xy')", "characters"),
        ("get_url_encoded(text)", "characters"),
        ("date(text)", "default date formats"),
        ("date(text, 'yyyy')", "does not fit"),
        ("format('2020-01-01', text)", "at most 256"),
        ("matches_regex('a', text)", "longer than 4096"),
        ("contains_key(text)", "at most 4096"),
        ("aa_get_product_names(text)", "more than 1000000"),
        ("arrays_to_objects('a', numbers, 'b', numbers)", "more than 1000000"),
        ("join_arrays(numbers, numbers)", "more than 1000000"),
        ("flattenArray([numbers, numbers])", "more than 1000000"),
        ("json_to_object(json)", "more than 1000000"),
        ("json_to_object(brackets)", "no JSON"),
        ("json_to_object(deep)", "nested too deep"),
        ("str_to_object(text)", "more than 1000000"),
        ("to_bigint(text)", "a whole number"),
    ],
)
def test_a_bound_is_named(record, expression, bound):
    """What would grow or last too long ends in an error that says which bound was passed."""
    with pytest.raises(EvaluationError) as failed:
        compile_expression(expression).evaluate(record)
    assert bound in str(failed.value)
    assert len(str(failed.value)) < 1000


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("size_of(lower(text))", 10_400_000),
        ("size_of(sha512(text))", 128),
        ("instr(text, 'zz')", -1),
        ("size_of(trim(text))", 10_400_000),
        ("max(numbers)", 2),
        ("size_of(array_to_string('', few))", 50_000),
        ("get_url_host(text)", None),
        ("ua_device_class(text)", "Unknown"),
        ("matches_regex(text, '(?s).*')", True),
    ],
)
def test_what_stays_within_bounds_is_computed(record, expression, result):
    """A large value within the bounds is worked on like any other."""
    assert compile_expression(expression).evaluate(record) == result
