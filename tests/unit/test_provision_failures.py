"""Refused records: what broke, in which row, of which event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from relay.provision.failures import Fault, blame, find_event_id, to_batch, to_record

_FIXTURES = Path(__file__).parents[1] / "data" / "adobe-fixtures"
_ROWS = [
    {"sourceAttribute": "event_id", "destinationXdmPath": "_acme.event_id0"},
    {"sourceType": "ATTRIBUTE", "source": "data.email", "destination": "_acme.email"},
    {"sourceType": "EXPRESSION", "source": "upper(metric)", "destination": "_acme.items[*].name"},
    {"sourceType": "ATTRIBUTE", "source": "data.items", "destination": "_acme.items[*]"},
]


def _fixture(name: str) -> Any:
    return json.loads((_FIXTURES / name).read_text())


def test_documented_records():
    """Records as the documents show them are read, with the sentence and the place."""
    shown = _fixture("failed_batch_records.json")
    (fault,) = to_record("b", shown["file_format_error"], _ROWS).faults
    assert fault.path == "#/timestamp"
    assert fault.message.startswith("[2018-00-23T22:07:01Z] is not a valid date-time.")
    for name, message in (
        ("missing_source_name", "Payload header is missing Source Name"),
        ("missing_xdm_entity", "Payload body is missing xdmEntity"),
    ):
        (fault,) = to_record("b", shown[name], _ROWS).faults
        assert (fault.path, fault.message, fault.row) == ("", message, "")


def test_a_documented_batch():
    """A failed batch as the documents show it is read."""
    ((id_, item),) = _fixture("catalog_batch_with_errors.json").items()
    batch = to_batch({"id": id_, **item})
    assert (batch.id, batch.failed) == ("01E8043CY305K2MTV5ANH9G1GC", 5)
    assert batch.codes == ("INGEST-1212-400", "INGEST-1401-400", "INGEST-1555-400")
    assert batch.created_s == 1576741597.205


def test_parts_as_text():
    """Body and errors that are JSON inside text are unfolded, and lead to the event and row."""
    line = {
        "body": json.dumps({"event_id": "E1", "data": {"email": 7}}),
        "_errors": json.dumps(
            {"_streamingValidation": [{"pointerToViolation": "#/_acme/email", "message": "no"}]}
        ),
    }
    record = to_record("b", line, _ROWS)
    assert (record.event_id, record.event["data"]) == ("E1", {"email": 7})
    assert record.faults == (Fault("#/_acme/email", "no", "data.email → _acme.email"),)


@pytest.mark.parametrize(
    ("pointer", "message", "row"),
    [
        ("#/_acme/email", "expected type: String", "data.email → _acme.email"),
        ("/_acme/email", "expected type: String", "data.email → _acme.email"),
        ("#/_acme", "required key [email] not found", "data.email → _acme.email"),
        ("#/_acme/items/3/name", "no", "upper(metric) → _acme.items[*].name"),
        ("#/_acme/items/3/price", "no", "data.items → _acme.items[*]"),
        ("#/_acme/emails", "no", ""),
        ("#", "no", ""),
        ("", "no", ""),
    ],
)
def test_the_row_to_blame(pointer: str, message: str, row: str):
    """The row is the one that fills the broken field, or the object around it."""
    line = {"_validationErrors": [{"pointerToViolation": pointer, "message": message}]}
    assert to_record("b", line, _ROWS).faults[0].row == row


def test_the_innermost_errors():
    """Of errors inside errors the innermost count."""
    inner = [
        {"pointerToViolation": "#/_acme/email", "message": "a", "causingExceptions": []},
        {"pointerToViolation": "#/_acme/event_id0", "message": "b"},
    ]
    line = {"_validationErrors": [{"message": "2 violations", "causingExceptions": inner}]}
    assert [fault.message for fault in to_record("b", line, _ROWS).faults] == ["a", "b"]


def test_our_own_mapping_names_the_row():
    """Where Adobe names no row, mapping the event ourselves does."""
    rows = [
        {"sourceType": "ATTRIBUTE", "source": "event_id", "destination": "_acme.id"},
        {
            "sourceType": "EXPRESSION",
            "source": "to_integer(data.age) / 0",
            "destination": "_acme.age",
        },
    ]
    line = {"_errors": {"_mapper": [{"message": "Mapper Transform Error", "keyword": "mapping"}]}}
    record = to_record("b", line, rows)
    assert [fault.row for fault in record.faults] == [""]
    named = blame(record, {"event_id": "E1", "data": {"age": {"a": 1}}}, rows)
    assert named[0].message == "Mapper Transform Error"
    assert named[1].row == "to_integer(data.age) / 0 → _acme.age"


def test_rows_that_cannot_be_read():
    """A mapping set of Adobe's that we cannot read is no reason to fail."""
    line = {"_errors": {"_mapper": [{"message": "Mapper Transform Error"}]}}
    record = to_record("b", line, [])
    assert blame(
        record, {}, [{"source": "((", "destination": "a", "sourceType": "EXPRESSION"}]
    ) == (record.faults)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({}, "refused without a reason"),
        ({"_errors": "not json"}, "refused without a reason"),
        ({"_errors": {"x": "[]"}}, "refused without a reason"),
        ({"_validationErrors": [1, "a"]}, "refused without a reason"),
        ({"_errors": [{"message": "m"}], "body": "[]"}, "m"),
    ],
)
def test_odd_lines(line: dict[str, Any], message: str):
    """Whatever Adobe writes into a line, it is one record with a reason."""
    record = to_record("b", line, _ROWS)
    assert [fault.message for fault in record.faults] == [message]


@pytest.mark.parametrize(
    ("body", "event_id"),
    [
        ({"event_id": "E1"}, "E1"),
        ({"xdmMeta": {}, "xdmEntity": {"_id": "E2", "timestamp": "x"}}, "E2"),
        ({"_acme": {"event_id0": "E3"}}, "E3"),
        ({"event_id": 7}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_where_an_event_id_stands(body: Any, event_id: str):
    """The event id is found in a raw event, an XDM entity, and a mapped record."""
    assert find_event_id(body) == event_id
