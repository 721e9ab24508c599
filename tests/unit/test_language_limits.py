"""Every bound of the mapping language is an error that names it, and comes soon."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest

from relay.errors import EvaluationError, ExpressionSyntaxError
from relay.mapping import MappingSet, compile_expression
from relay.mapping.evaluate import Evaluation
from relay.mapping.limits import MAX_NESTING, MAX_SOURCE_CHARS, MAX_TEXT_CHARS, LimitPassed

pytestmark = pytest.mark.timeout(20)

TOO_DEEP = [
    "(" * 100_000,
    "(" * 2_000 + "1" + ")" * 2_000,
    "[" * 2_000 + "]" * 2_000,
    "{" * 2_000 + "}" * 2_000,
    "f(" * 2_000 + ")" * 2_000,
    "a[" * 2_000 + "1" + "]" * 2_000,
    "a ? " * 2_000 + "1" + " : 1" * 2_000,
    "x -> " * 2_000 + "1",
    "- " * 2_000 + "1",
    "!" * 2_000 + "a",
    "size " * 2_000 + "a",
    "(a || b && c | d ^ e & f == g < h + i * " * 85 + "1" + ")" * 85,
]


@pytest.mark.parametrize("source", TOO_DEEP, ids=lambda source: source[:12])
def test_deep_nesting_is_refused_with_a_sentence(source: str) -> None:
    """Nesting past the bound is a syntax error that says so, however it is written."""
    with pytest.raises(ExpressionSyntaxError) as refused:
        compile_expression(source)
    assert "nested more than" in refused.value.message or "at most" in refused.value.message


LONG = [
    " + ".join(["1"] * 15_000),
    " ? 1 : ".join(["a"] * 8_000),
    "a" + ".b" * 30_000,
    "a" + "[0]" * 20_000,
    "[" + ",".join(["1"] * 30_000) + "]",
    " && ".join(["true"] * 8_000),
    " ?: ".join(["a"] * 12_000),
    "(x -> x)" + "(1)" * 20_000,
]


@pytest.mark.parametrize("source", LONG, ids=lambda source: source[:12])
def test_a_long_expression_is_not_deep(source: str) -> None:
    """Tens of thousands of operators, cases, steps or elements in a row compile and evaluate."""
    assert len(source) <= MAX_SOURCE_CHARS
    assert "nested" not in _problem(source, {})


def test_nesting_up_to_the_bound_is_evaluated() -> None:
    """An expression as deep as the bound allows has a value."""
    depth = MAX_NESTING - 1
    source = "(1 + " * depth + "1" + ")" * depth
    assert compile_expression(source).evaluate({}) == depth + 1


def test_a_source_past_the_bound_is_refused() -> None:
    """An expression longer than 65,536 characters is refused before it is read."""
    with pytest.raises(ExpressionSyntaxError, match="at most 65536 characters"):
        compile_expression("1" * (MAX_SOURCE_CHARS + 1))


@pytest.mark.parametrize(
    "source",
    [
        "9" * 50_000,
        "0x" + "f" * 50_000,
        "0" * 1 + "7" * 50_000,
        "9" * 50_000 + "h",
        "1." + "5" * 50_000,
    ],
    ids=lambda source: source[:3],
)
def test_a_huge_number_is_refused(source: str) -> None:
    """A number with tens of thousands of digits is a syntax error."""
    with pytest.raises(ExpressionSyntaxError, match="more than 4000 digits"):
        compile_expression(source)


@pytest.mark.parametrize(
    "source", ["1.0e999999999", "1e999999999b", "-1e-999999999b", "0.0e99999999999"]
)
def test_a_huge_exponent_is_a_value(source: str) -> None:
    """A number is not written out because of its exponent."""
    compile_expression(source).evaluate({})


EVALUATED: list[tuple[str, dict[str, Any], str]] = [
    (" * ".join(["big"] * 200), {"big": 10**3000}, "a whole number has more than 4000 digits"),
    ("text * 2", {"text": "9" * 1_000_000}, "a whole number has more than 4000 digits"),
    ("1e999999999b & 1h", {}, ""),
    ("1e999999b == 1h", {}, ""),
    ("text + text", {"text": "x" * 10_000_000}, "a text has more than 16777216 characters"),
    (" + ".join(["text"] * 12) + " + 1", {"text": "x" * 1_300_000}, "makes more than"),
    ("`" + "${text}" * 5000 + "`", {"text": "x" * 1_000_000}, "makes more than"),
    ("[" + ",".join(["text + 'a'"] * 500) + "]", {"text": "x" * 1_000_000}, "makes more than"),
    ("1..2147483647", {}, "a range has more than 1000000 elements"),
    ("-9223372036854775807..9223372036854775807", {}, "a range has more than 1000000 elements"),
    ("[1,2] =~ [1..2147483647]", {}, ""),
    ("(1..2147483647) =~ data", {"data": [1]}, "a range has more than 1000000 elements"),
    ("text.repeat(2147483647)", {"text": "xx"}, "a text has more than 16777216 characters"),
    ("text.replace('', text)", {"text": "x" * 100_000}, "a text has more than"),
    ("text =~ '(a+)+b'", {"text": "a" * 40}, ""),
    ("text =~ '(x+x+)+y'", {"text": "x" * 5000}, "a regular expression took more than 100 ms"),
    ("text =~ '(.*,){20}P'", {"text": "1," * 5000}, "a regular expression took more than 100 ms"),
    ("(x -> x(x))(x -> x(x))", {}, "nested too deep"),
    ("(f -> f(f))(f -> [f(f), f(f)])", {}, "nested too deep"),
    ("text == 5", {"text": "1" * 10_000_000}, "no whole number of 64 bits"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "record", "message"), EVALUATED, ids=lambda part: str(part)[:30]
)
def test_what_grows_ends_in_an_error_or_a_result(
    source: str, record: dict[str, Any], message: str
) -> None:
    """Numbers, texts, ranges, patterns and lambdas end at their bound, with its name."""
    problem = _problem(source, record)
    assert message in problem
    assert bool(message) is bool(problem)


def _problem(source: str, record: dict[str, Any]) -> str:
    """Give the message of the error that evaluation ends in, or nothing."""
    try:
        compile_expression(source).evaluate(record)
    except EvaluationError as error:
        return error.message
    return ""


def test_slow_matches_are_counted_together() -> None:
    """Many matches that each stay below the bound end at the bound for all of them."""
    source = "[" + ",".join(["text =~ '(a|aa)+b'"] * 1000) + "]"
    with pytest.raises(EvaluationError) as failed:
        compile_expression(source).evaluate({"text": "a" * 23})
    assert failed.value.kind == "limit"


def test_lambdas_are_counted() -> None:
    """A lambda doubled twenty times, which would run a million times, ends at the bound."""
    doubled = "d(" * 20 + "x -> x + 1" + ")" * 20
    with pytest.raises(EvaluationError, match="lambdas are called more than 200000 times"):
        compile_expression(f"(d -> ({doubled})(0))(f -> (x -> f(f(x))))").evaluate({})


DOUBLED = "(f -> " + "f(" * 40 + "1" + ")" * 40 + ")(x -> [x, x, ...])"


@pytest.mark.parametrize(
    "source",
    [
        DOUBLED,
        f"`${{{DOUBLED}}}`",
        f"({DOUBLED}).toString()",
        f"decode({DOUBLED}, 1, 2)",
        f"{DOUBLED} == {DOUBLED}",
        f"({DOUBLED}).equals({DOUBLED})",
        f"[{DOUBLED}].indexOf({DOUBLED})",
        f"{{{DOUBLED}, 1}}",
        f"size({{{DOUBLED}: 1}})",
        f"{DOUBLED} =~ [{DOUBLED}]",
        f"{{'k': 1}}.get({DOUBLED})",
        "[" + ",".join(["1..1000000"] * 300) + "]",
        "transformArray(many, x -> 1..1000000)",
        "transformArray(many, x -> many)",
        "transformArray(many, x -> to_object('x', x, 'text', text))",
    ],
    ids=lambda source: source[:30],
)
def test_what_a_result_holds_many_times_counts_each_time(source: str) -> None:
    """A large part in each element of a list ends at a bound before it is written out."""
    record = {"many": list(range(20_000)), "text": "x" * 100_000}
    with pytest.raises(EvaluationError, match="a value has more than") as failed:
        compile_expression(source).evaluate(record)
    assert failed.value.kind == "limit"
    row = {"sourceType": "EXPRESSION", "source": source, "destination": "a"}
    mapped = MappingSet.from_json([row]).apply(record)
    assert mapped.record == {}
    assert "a value has more than" in mapped.warnings[0].detail


def test_the_largest_results_are_whole() -> None:
    """A million elements and sixteen million characters of a lambda's are not too many."""
    record = {"many": list(range(1000)), "inner": ["x" * 16] * 999, "text": "y" * 16_000}
    each = compile_expression("transformArray(many, x -> inner)").evaluate(record)
    assert (len(each), len(each[-1])) == (1000, 999)
    assert len(compile_expression("transformArray(many, x -> text)").evaluate(record)) == 1000


def test_lambdas_over_large_texts_end_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quick once and is done for each element ends when the processor had enough."""
    monkeypatch.setattr("relay.mapping.evaluate.MAX_LAMBDA_S", 0.05)
    text = "\U0001f600" * 500_000
    record = {"many": list(range(20_000)), "text": text, "other": text + "b"}
    started_s = time.thread_time()
    with pytest.raises(EvaluationError, match="lambdas took more than") as failed:
        compile_expression("filterArray(many, x -> text < other)").evaluate(record)
    assert failed.value.kind == "limit"
    assert time.thread_time() - started_s < 2


@pytest.mark.parametrize(
    "source",
    [
        "many.indexOf(long)",
        "many.lastIndexOf(long)",
        "many.contains(long)",
        "{'k': long, 'l': many}.containsValue(many)",
        "many =~ [long]",
        "transformArray(many, x -> long) =~ transformArray(many, x -> long)",
        "transformArray(many, x -> long).indexOf(other)",
    ],
)
def test_a_long_value_is_looked_for_in_a_long_list(source: str) -> None:
    """What is looked for is measured once, not beside every element."""
    record = {
        "many": [[at] for at in range(5_000)],
        "long": list(range(20_000)),
        "other": [*range(19_999), -1],
    }
    started_s = time.thread_time()
    # Found, not found, or named as too long: soon in each case.
    with suppress(EvaluationError):
        compile_expression(source).evaluate(record)
    assert time.thread_time() - started_s < 2


def test_a_long_path_compiles_in_no_time() -> None:
    """Ten thousand names, one after the other, take time in proportion."""
    started_s = time.thread_time()
    compile_expression("a" + ".b" * 10_000)
    assert time.thread_time() - started_s < 2


def test_large_fields_are_handled() -> None:
    """Ten million characters are compared, searched, changed and counted."""
    record = {"text": "é" * 10_000_000, "other": "é" * 9_999_999 + "e", "list": [1] * 200_000}
    for source in [
        "text == other",
        "text < other",
        "text.compareTo(other)",
        "text.length() + size(text)",
        "text.substring(5, 10).toUpperCase()",
        "text.indexOf('e')",
        "other.lastIndexOf('e')",
        "text =^ other",
        "text.equalsIgnoreCase(other)",
        "list =~ list",
        "list == list",
        "list.containsAll(list)",
        "size('' + list)",
    ]:
        compile_expression(source).evaluate(record)
    assert len(record["text"]) < MAX_TEXT_CHARS


def test_deep_records_are_handled() -> None:
    """A record nested deeper than Python's stack is an error, or is read only as far as asked."""
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert compile_expression("deep[0][0] != null && size(deep) == 1").evaluate({"deep": deep})
    for source in ["deep", "'a' =^ deep", "deep == [deep, ...][0][0]", "{deep, deep}"]:
        with pytest.raises(EvaluationError, match="nested too deep"):
            compile_expression(source).evaluate({"deep": deep})
    # Taken apart by hand: freeing it in one go would go as deep.
    while isinstance(deep, list):
        deep = deep.pop()


def test_a_machine_that_stood_still_costs_no_field():
    """Time that passes without the processor at work is not held against the calls."""
    evaluation = Evaluation({}, None)
    for _ in range(10):
        evaluation.took(3600.0)


def test_slow_calls_together_have_a_bound(monkeypatch):
    """Calls that keep the processor busy for longer than allowed end the evaluation."""
    monkeypatch.setattr(Evaluation, "_slow_s", 0.001)
    evaluation = Evaluation({}, None)
    evaluation.took(3600.0)
    until_s = time.thread_time() + 0.01
    while time.thread_time() < until_s:
        pass
    with pytest.raises(LimitPassed, match="slow calls took more than"):
        evaluation.took(3600.0)


def test_a_long_text_is_split_on_one_mark() -> None:
    """A mark alone splits like several, and loses what is empty at the ends."""
    assert compile_expression('split(a, " ")').evaluate({"a": " caf\u00e9  b "}) == [
        "caf\u00e9",
        "b",
    ]
