"""Each row's story, and the time and chance that a caller gives to expressions."""

from __future__ import annotations

import random

import pytest

from relay.errors import MappingError
from relay.mapping import MappingSet
from relay.mapping.cases import run_case
from relay.mapping.explain import explain
from relay.mapping.function import Context
from relay.schema import compile_schema

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def mapping(*rows: tuple[str, str, str]) -> MappingSet:
    """Make a mapping set of (source type, source, destination)."""
    return MappingSet.from_json(
        [{"sourceType": kind, "source": source, "destination": to} for kind, source, to in rows]
    )


def at(now_ms: int) -> Context:
    """Make a context in which it is *now_ms*."""
    return Context(lambda: now_ms, random.Random(1), {})


def test_the_time_of_a_context_is_the_one_expressions_see():
    """`now()` is what the context says, and another context's after that."""
    rows = mapping(("EXPRESSION", "now()", "a"))
    assert rows.apply({}, None, at(0)).record["a"] == "1970-01-01T00:00:00Z"
    assert rows.apply({}, None, at(1000)).record["a"] == "1970-01-01T00:00:01Z"
    (story,) = explain(rows, {}, None, at(1000))
    assert (story.seen_type, story.result) == ("ZonedDateTime", "1970-01-01T00:00:01Z")


def test_what_elements_lack_is_not_shown_as_a_value():
    """Of [*] inside [*] the values that are there are shown, in JSON's own types."""
    rows = mapping(("ATTRIBUTE", "a[*].b[*].c", "x"))
    (story,) = explain(rows, {"a": [{"b": [{"c": 1}, {}]}, {}]})
    assert (story.seen, story.result) == ([[1]], [[1]])


def test_a_copied_object_is_shown_whole():
    """The result is what stands at the destination, also an object with a single member."""
    (story,) = explain(mapping(("ATTRIBUTE", "data", "x.y")), {"data": {"b": 1}})
    assert story.result == {"b": 1}
    assert story.why == ""


def test_a_failed_expression_says_why_and_has_no_result():
    """An evaluation error is the reason; its warning has position, caret and hint."""
    rows = mapping(("EXPRESSION", "uper(m)", "a"))
    (story,) = explain(rows, {"m": "x"})
    assert (story.seen, story.seen_type, story.result) == (None, "", None)
    assert "there is no function uper" in story.why
    (warning,) = rows.apply({"m": "x"}).warnings
    assert warning.error is not None
    assert warning.error.position == 0
    assert "  uper(m)\n  ^" in str(warning)
    assert "upper" in warning.error.hint


def test_a_case_may_bring_its_own_mapping_and_schema():
    """What the case has goes before what was given."""
    own = [{"source": "m", "destination": "a"}]
    case = {"event": {"m": "x"}, "record": {"a": "x"}, "mapping": own, "schema": SCHEMA}
    given = mapping(("STATIC", "other", "b"))
    assert run_case("c", case, given, compile_schema({"type": "object"})).diff == ()


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ([], "expected {"),
        ({"event": [], "record": {}}, "have to be objects"),
        ({"event": {}, "record": {}, "mapping": {}}, "case c cannot be used: a mapping set"),
    ],
)
def test_a_case_that_cannot_be_used_is_named(case, text):
    """The error has the case's name and what was expected."""
    with pytest.raises(MappingError, match="case c cannot be used") as raised:
        run_case("c", case, mapping(("STATIC", "x", "a")), compile_schema(SCHEMA))
    assert text in str(raised.value)
