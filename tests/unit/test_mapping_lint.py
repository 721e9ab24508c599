"""What is wrong with a mapping set shows before the first event."""

from __future__ import annotations

import orjson
import pytest

from relay.config import shipped
from relay.mapping.lint import lint
from relay.mapping.mapping_set import MappingSet
from relay.schema import compile_schema

TEXT = {"type": "string"}
SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "a": TEXT,
            "n": {"type": "integer"},
            "o": {"type": "object", "required": ["q"], "properties": {"p": TEXT, "q": TEXT}},
            "l": {"type": "array", "items": TEXT},
        },
    }
)


def found(source, destination, source_type="EXPRESSION"):
    row = {"sourceType": source_type, "source": source, "destination": destination}
    return [(each.severity, str(each)) for each in lint(MappingSet.from_json([row]), SCHEMA)]


@pytest.mark.parametrize("name", ["", ".experience-event"])
def test_shipped_sets_are_clean(name):
    """Both shipped mapping sets have nothing to mend with their schemas."""
    rows, schema = (
        orjson.loads(shipped(f"{kind}{name}.json").read_bytes()) for kind in ("mapping", "schema")
    )
    assert lint(MappingSet.from_json(rows), compile_schema(schema)) == []


def test_a_finding_points():
    """A finding shows its row, the source, a caret and the nearest name."""
    text = (
        "row 1 (a): there is no function lowr\n  upper(lowr(metric))\n        ^\n"
        "hint: did you mean lower"
    )
    assert found("upper(lowr(metric))", "a") == [("error", text)]


def test_an_unknown_method_is_found_before_the_first_event():
    """A method that no value has is pointed at, with the nearest one; known ones are not."""
    text = (
        "row 1 (a): there is no method substrin that a mapping can call\n"
        "  metric.trim().substrin(1)\n                ^\nhint: did you mean substring"
    )
    assert ("error", text) in found("metric.trim().substrin(1)", "a")
    assert found("data.tags.size() > 0 ? metric.toUpperCase() : data.x.get('y')", "a") == []


@pytest.mark.parametrize(
    ("row", "severity", "says"),
    [
        (("lower(metric, 1)", "a"), "error", "lower expects 1 argument, found 2"),
        (("timestamp()", "n"), "error", "events have a field of that name"),
        (("'${MUNCHKIN_ID}'", "a"), "warning", "placeholder"),
        (("${MUNCHKIN_ID}", "a", "STATIC"), "warning", "placeholder"),
        (("metric", "aa", "ATTRIBUTE"), "error", "the schema has no aa"),
        (("metric", "a[0]", "ATTRIBUTE"), "error", "a is no array"),
        (("metric", "a.b", "ATTRIBUTE"), "error", "has no member b"),
        (("x", "n", "STATIC"), "error", "expected type: Integer, found: String"),
        (("concat('a', metric)", "n"), "error", "gives text, the field is of type long"),
        (("flag ? 'x' : null", "l"), "error", "gives text, the field is of type array"),
        (("metric", "o.p", "ATTRIBUTE"), "error", "nothing feeds o.q"),
    ],
)
def test_each_thing_to_mend(row, severity, says):
    """Each mistake gives one finding that names it."""
    [(is_now, text)] = found(*row)
    assert (is_now, says in text) == (severity, True)


@pytest.mark.parametrize(
    "row",
    [
        ("lower(metric)", "a"),
        ("size_of(data)", "a"),
        ("flag ? 'x' : null", "a"),
        ("metric", "l[0]", "ATTRIBUTE"),
        ("data.list[*].x", "l[*]", "ATTRIBUTE"),
        ("explode(metric)", "l[*]"),
        ("['x', metric]", "l[*]"),
        ("data", "o", "ATTRIBUTE"),
        ("1", "a", "STATIC"),
    ],
)
def test_nothing_is_found_where_nothing_is_wrong(row):
    """Rows that Data Prep takes give no finding."""
    assert found(*row) == []


def test_two_rows_for_one_place():
    """The second row for a destination is a warning that names the first."""
    row = {"source": "metric", "destination": "a"}
    [finding] = lint(MappingSet.from_json([row, row]), SCHEMA)
    assert (finding.severity, "row 1" in finding.message) == ("warning", True)
