"""What expressions give ends in a record as JSON's own types."""

from __future__ import annotations

import orjson
import pytest

from relay.mapping.mapping_set import MappingSet
from relay.schema import compile_schema

SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "when": {"type": "string", "format": "date-time"},
            "day": {"type": "string", "format": "date"},
            "text": {"type": "string"},
            "number": {"type": "number"},
            "list": {"type": "array", "items": {"type": "string"}},
        },
    }
)


@pytest.mark.parametrize(
    ("expression", "destination", "expected"),
    [
        ("date('2019-10-11')", "when", "2019-10-11T00:00:00Z"),
        ("date('2019-10-11')", "day", "2019-10-11"),
        ("date('2019-10-11')", "text", "2019-10-11T00:00:00Z"),
        (
            "make_timestamp(2019, 10, 17, 11, 55, 12, 0, 'America/Los_Angeles')",
            "when",
            "2019-10-17T11:55:12-07:00",
        ),
        ("1.5B", "number", 1.5),
        ("2.0B", "number", 2),
        ("['a', 'b']", "list", ["a", "b"]),
        ("[1, 2]", "list", ["1", "2"]),
        ("{'a'}", "list", ["a"]),
        ("to_bigint('5')", "number", 5),
        ("to_bigint('5')", "text", "5"),
        ("5L", "number", 5),
        ("5h", "text", "5"),
        ("to_float('12.3456')", "number", 12.3456),
        ("to_float('12.3456')", "text", "12.3456"),
        ("[5L, to_float('0.1')]", "list", ["5", "0.1"]),
        ("1..2", "list", ["1", "2"]),
        ("2147483647..2147483648", "list", ["2147483647", "2147483648"]),
    ],
)
def test_results_fit_their_fields(expression, destination, expected):
    """A date, any of Java's numbers, an array or a set becomes what its field and JSON hold."""
    row = {"sourceType": "EXPRESSION", "source": expression, "destination": destination}
    mapped = MappingSet.from_json([row]).apply({}, SCHEMA)
    assert mapped.record == {destination: expected}
    assert SCHEMA.check(mapped.record) == []
    assert orjson.loads(orjson.dumps(mapped.record)) == {destination: expected}


@pytest.mark.parametrize("expression", ["1E+4000B", "x -> x", "[x -> x]", "1..2000000"])
def test_results_that_no_record_can_hold(expression):
    """A number, a range that is too long, or a lambda is an error of its row."""
    row = {"sourceType": "EXPRESSION", "source": expression, "destination": "number"}
    mapped = MappingSet.from_json([row]).apply({}, SCHEMA)
    assert mapped.record == {}
    assert [one.kind for one in mapped.warnings] == ["expression_failed"]
