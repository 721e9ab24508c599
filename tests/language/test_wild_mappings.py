"""Rows of published mapping sets compile as they were published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.mapping import MappingSet

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
