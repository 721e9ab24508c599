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
    ],
)
def test_results_fit_their_fields(expression, destination, expected):
    """A date, a decimal, an array or a set becomes what its field and JSON can hold."""
    row = {"sourceType": "EXPRESSION", "source": expression, "destination": destination}
    mapped = MappingSet.from_json([row]).apply({}, SCHEMA)
    assert mapped.record == {destination: expected}
    assert SCHEMA.check(mapped.record) == []
    assert orjson.loads(orjson.dumps(mapped.record)) == {destination: expected}
