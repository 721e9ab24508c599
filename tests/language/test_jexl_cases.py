"""Every expression of tests/data/jexl-cases.jsonl, with what the real engine answered."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping import compile_expression, java_type

_CASES = Path(__file__).parents[1] / "data" / "jexl-cases.jsonl"
_RECORD: dict[str, Any] = {
    "event_id": "01E4C4CT6YDC7Y5M7FE1GWWPQJ",
    "object_type": "email",
    "metric": "opened",
    "timestamp": 1613063089,
    "count": 3,
    "ratio": 2.5,
    "missing": None,
    "flag": True,
    "off": False,
    "numeric": "12",
    "blank": "",
    "big": 9007199254740993,
    "data": {
        "identifiers": {"id": "42", "email": "test@example.com", "cio_id": "d9c106000001"},
        "campaign_id": 9,
        "proxied": False,
        "subject": 'Hello, "you"',
        "tags": ["vip", "eu", "42"],
        "scores": [3, 1, 2],
        "recipients": [{"device": "ios", "n": 1}, {"device": "android", "n": 2}],
        "nothing": None,
        "empty_list": [],
        "empty_map": {},
    },
}

# What we answer otherwise, each because the issue or Data Prep's documentation says so.
_ON_PURPOSE = {
    "foo(1)": "evaluation",  # an unknown function is an error, not null
    "metric.nope()": "evaluation",  # so is an unknown method
    "x = 1": "syntax",  # mappings are expressions: nothing is assigned
    'new("java.lang.String")': "syntax",  # and no Java object is made
    "${metric}": ("String", "opened"),  # Data Prep's reference
    "x -> x": "evaluation",  # Data Prep's lambda, which alone is no value
}


def _cases() -> list[Any]:
    cases = [json.loads(line) for line in _CASES.read_text(encoding="utf-8").splitlines()]
    return [pytest.param(case, id=case["expression"][:60]) for case in cases]


@pytest.mark.parametrize("case", _cases())
def test_the_answer_is_the_engines(case: dict[str, Any]) -> None:
    """The value and its Java type, or the kind of error, are what the engine gave."""
    expected = case["error"] if "error" in case else (case["type"], case["value"])
    expected = _ON_PURPOSE.get(case["expression"], expected)
    if expected == "syntax":
        with pytest.raises(ExpressionSyntaxError):
            compile_expression(case["expression"])
        return
    expression = compile_expression(case["expression"])
    if expected == "evaluation":
        with pytest.raises(EvaluationError):
            expression.evaluate(_RECORD)
        return
    value = expression.evaluate(_RECORD)
    found = float(value) if isinstance(value, Decimal) else value
    assert (java_type(value), found) == expected


def test_the_list_of_exceptions_is_short() -> None:
    """At most ten of the engine's answers are not ours, and all of them are in the cases."""
    lines = _CASES.read_text(encoding="utf-8").splitlines()
    assert len(_ON_PURPOSE) <= 10
    assert set(_ON_PURPOSE) <= {json.loads(line)["expression"] for line in lines}
