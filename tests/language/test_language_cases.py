"""What Data Prep adds to the engine's language, what is refused, and what is said then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping import compile_expression, java_type

CASES = [
    pytest.param(case, id=f"{file.stem}: {case['expression'][:50]}")
    for file in sorted((Path(__file__).parent / "cases").glob("*.json"))
    for case in json.loads(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_the_case_holds(case: dict[str, Any]) -> None:
    """The expression gives the case's result, or fails with its message, position and hint."""
    given = case.get("given", {})
    if "error" not in case:
        value = compile_expression(case["expression"]).evaluate(given)
        assert value == case["result"]
        assert case.get("type") in {None, java_type(value)}
        return
    error = _raised(case, given)
    assert error.message == case.get("message", error.message)
    assert error.position == case.get("position", error.position)
    assert error.hint == case.get("hint", error.hint)
    assert "secret" not in str(error)


def _raised(
    case: dict[str, Any], given: dict[str, Any]
) -> ExpressionSyntaxError | EvaluationError:
    if case["error"] == "syntax":
        with pytest.raises(ExpressionSyntaxError) as refused:
            compile_expression(case["expression"])
        return refused.value
    expression = compile_expression(case["expression"])
    with pytest.raises(EvaluationError) as failed:
        expression.evaluate(given)
    return failed.value


def test_an_error_shows_the_source_and_points_into_it() -> None:
    """The text of an error has the message, the line, a caret below the place, and the hint."""
    with pytest.raises(EvaluationError) as failed:
        compile_expression("lower(a) +\n  cnocat(b)").evaluate({"a": "x"})
    assert str(failed.value) == (
        "there is no function cnocat\n    cnocat(b)\n    ^\nhint: did you mean concat"
    )


def test_an_error_far_into_a_long_line_shows_what_is_near() -> None:
    """Only the surroundings of the caret are shown of a line as long as a book."""
    with pytest.raises(ExpressionSyntaxError) as refused:
        compile_expression("a + " * 5000 + ")")
    assert len(str(refused.value)) < 500
    assert str(refused.value).splitlines()[1].endswith("a + )")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("${姓名} + )", "\n  ${姓名} + )\n            ^"),
        ("'\U0001f600' + )", "\n  '\U0001f600' + )\n         ^"),
        ("'e\u0301' + )", "\n  'e\u0301' + )\n        ^"),
        ("concat(a,\n\tb c)", "\n  \tb c)\n  \t  ^"),
    ],
)
def test_the_caret_stands_below_its_place_on_a_terminal(source, shown):
    """Wide letters take two columns, marks above a letter none, and tabs end alike."""
    with pytest.raises(ExpressionSyntaxError) as refused:
        compile_expression(source)
    assert shown in str(refused.value)
