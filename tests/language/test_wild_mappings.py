"""Rows of published mapping sets compile as they were published."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from relay.mapping import MappingSet
from relay.mapping.lint import lint
from relay.schema import compile_schema

_FILE = Path(__file__).parent.parent / "data" / "wild-mappings.json"
ROWS = json.loads(_FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_a_published_row_compiles(row):
    """A row as published, with a destination of its own where none was printed, gives a record."""
    raw = {
        "sourceType": row["sourceType"],
        "source": row["expression"],
        "destination": row["destination"] or "target",
    }
    mapped = MappingSet.from_json([raw]).apply({"event_id": "x"})
    # Whatever an event brings, a row gives a record and perhaps warnings, never an exception.
    assert isinstance(mapped.record, dict)


def test_template_placeholders_are_named():
    """A ${NAME} that a template left in a string is a warning that calls it a placeholder."""
    left = [row for row in ROWS if re.search(r'"[^"]*\$\{[A-Z_]+\}', row["expression"])]
    assert left
    schema = compile_schema({"type": "object", "properties": {"target": {"type": "string"}}})
    for row in left:
        raw = {"sourceType": "EXPRESSION", "source": row["expression"], "destination": "target"}
        found = lint(MappingSet.from_json([raw]), schema)
        assert any("placeholder" in str(finding) for finding in found), row["id"]
