"""Functions of the mapping language: every example runs, every documented entry is there."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from relay.errors import EvaluationError
from relay.mapping.expression import compile_expression
from relay.mapping.java_dates import ZonedDateTime
from relay.mapping.registry import Context, Example, find, functions, methods, nearest

HERE = Path(__file__).parent
DOCUMENTED = json.loads(
    (HERE.parent / "data" / "dataprep-functions.json").read_text(encoding="utf-8")
)
NOW_MS = int(datetime(2021, 10, 26, 10, 10, 24, tzinfo=UTC).timestamp() * 1000)
EXAMPLES = [
    pytest.param(example, id=f"{entry.name} {number}")
    for entry in (*functions(), *methods())
    for number, example in enumerate(entry.examples)
]
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['expression']}")
    for path in sorted((HERE / "functions").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]
# Documented outputs that no evaluator can give as they stand, and why.
OUTPUTS_ASIDE = {
    "explode": "the output lacks the '!' of the input",
    "hash": "no output is given",
    "now": "the time of the page",
    "timestamp": "the time of the page",
    "zone_date_to_zone": "the time of the page",
    "uuid": "random",
    "guid": "random",
    "aa_get_product_events": "no JSON, and 1 for the 2 of its input",
    "fpid_to_ecid": "how Adobe derives it is not public",
}


def evaluate(expression: str, given: dict[str, Any]) -> Any:
    """Evaluate at a fixed time, with fixed chance; a date as its text."""
    context = Context(lambda: NOW_MS, random.Random(1), given)
    result = compile_expression(expression).evaluate(given, context)
    return str(result) if isinstance(result, ZonedDateTime) else result


def check(case: Example) -> None:
    """Evaluate one case and compare value and kind, or the error's words."""
    if case.error:
        with pytest.raises(EvaluationError) as failed:
            evaluate(case.expression, dict(case.given))
        assert case.error in str(failed.value)
        return
    result = evaluate(case.expression, dict(case.given))
    assert result == case.result
    assert isinstance(result, type(case.result))
    assert isinstance(result, bool) == isinstance(case.result, bool)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run(example):
    """Every example of the reference gives the result it shows, or fails as it says."""
    check(example)


@pytest.mark.parametrize("case", CASES)
def test_cases(case):
    """Each case of tests/language/functions gives its result, or fails with its words."""
    check(
        Example(
            case["expression"], case.get("result"), case.get("given", {}), case.get("error", "")
        )
    )


def test_every_documented_function_is_registered():
    """Each documented name is a function or a documented method, and nothing else is."""
    documented = {entry["name"] for entry in DOCUMENTED}
    methods_documented = {e["name"] for e in DOCUMENTED if e["context"] == "method"}
    assert len(DOCUMENTED) == 115
    assert {entry.name for entry in functions()} == documented - methods_documented
    assert {entry.name for entry in methods()} == methods_documented
    assert all(find(entry.name) is entry for entry in functions())


def written(entry: dict[str, Any]) -> str:
    """Give the documented expression, without the page's markup."""
    text = entry.get("corrected_expression") or entry.get("example_expression") or ""
    return (
        text.split("<br>")[0].strip("`").replace('\\"', '"').replace('"`', '"').replace('`"', '"')
    )


def printed(entry: dict[str, Any]) -> Any:
    """Give the documented output: JSON where it is some, its keys quoted, else its text."""
    text = entry.get("corrected_output") or entry.get("example_output") or ""
    text = text.replace("`", "").partition(" when ")[0].rpartition("  OR  ")[2]
    text = text.rpartition("For example: ")[2].replace('\\"', '"')
    if "given is" in text:
        text = text.rpartition(", ")[2].rstrip(".")
    text = re.sub(r"([{,])\s*(\w+)\s*:", r'\1"\2":', text.replace("'", '"'))
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        try:
            value = json.loads(text.strip('"'))
        except json.JSONDecodeError:
            value = text
    return entry.get("documented_output_object", value)


def without_typo(value: Any) -> Any:
    """Take the blank out of the key that the page writes ``City`` and ``City ``."""
    return json.loads(json.dumps(value).replace('"City "', '"City"'))


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(entry, id=f"{number} {entry['name']}")
        for number, entry in enumerate(DOCUMENTED)
        if (entry.get("example_expression") or entry.get("corrected_expression"))
        and entry["name"] not in OUTPUTS_ASIDE
    ],
)
def test_documented_examples_give_the_documented_output(entry):
    """The documentation's example, corrected where it has an erratum, gives its output."""
    result = without_typo(evaluate(written(entry), entry.get("input") or {}))
    documented = without_typo(printed(entry))
    assert result == documented or str(result) == str(documented)


def test_names_are_exact_and_near_ones_are_offered():
    """A name is found in its own case only; a near one is offered, a far one is not."""
    assert find("filterArray") is not None
    assert find("filterarray") is None
    assert nearest("filterarray") == "filterArray"
    assert nearest("ua_os_version_majors") == "ua_os_version_major"
    assert nearest("substring") == "substr"
    assert nearest("zzzzzz") is None


@pytest.mark.parametrize("entry", functions(), ids=lambda entry: entry.name)
def test_functions_describe_themselves(entry):
    """Each function has a signature of its name, a sentence and an example."""
    assert entry.signature.startswith(f"{entry.name}(")
    assert entry.sentence.endswith(".")
    assert entry.examples
    assert entry.accepts(entry.min_args)
    assert entry.expects().partition(" argument")[1]


def test_impure_functions_are_marked():
    """Exactly the functions that see the clock or chance are marked as impure."""
    assert {entry.name for entry in functions() if entry.is_impure} == {
        "now",
        "timestamp",
        "uuid",
        "guid",
    }
