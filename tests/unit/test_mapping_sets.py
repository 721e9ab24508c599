"""Mapping sets: dialects, paths, object copy, merging, and errors that stay in their row."""

from __future__ import annotations

import copy

import pytest

from relay.errors import MappingError
from relay.mapping.mapping_set import Mapped, MappingSet
from relay.mapping.steps import WarningKind
from relay.schema import CompiledSchema, compile_schema

EVENT = {
    "event_id": "01E",
    "metric": "opened",
    "nothing": None,
    "data": {"id": 7, "email": "a@example.com", "inner": {"x": 1, "y": 2}},
    "items": [{"sku": "s1", "n": 1}, {"sku": "s2", "n": 2}],
    "orders": [{"lines": [{"sku": "s1"}, {}]}, {}, {"lines": [{"sku": "s2"}]}],
}
INNER = {"type": "object", "properties": {"x": {"type": "integer"}, "z": {"type": "integer"}}}
SCHEMA = compile_schema(
    {
        "type": "object",
        "required": ["_id"],
        "properties": {
            "_id": {"type": "string"},
            "eventType": {"type": "string"},
            "copy": {
                "type": "object",
                "properties": {"id": {"type": "string"}, "inner": INNER},
            },
        },
    }
)


def row(source: str, destination: str, kind: str = "ATTRIBUTE") -> dict[str, str]:
    return {"sourceType": kind, "source": source, "destination": destination}


def mapped(*rows: dict[str, str], schema: CompiledSchema | None = None) -> Mapped:
    return MappingSet.from_json({"mappings": list(rows)}).apply(EVENT, schema)


@pytest.mark.parametrize(
    "raw",
    [
        {"sourceAttribute": "metric", "destinationXdmPath": "eventType"},
        {"source": "metric", "destination": "eventType"},
        row("metric", "eventType"),
        row("metric", "eventType", "text/x.schema-path"),
        row("lower(metric)", "eventType", "EXPRESSION"),
        row("lower(metric)", "eventType", "text/x.aep-xl"),
        row("opened", "eventType", "STATIC"),
        row("opened", "eventType", "text/plain"),
        row("metric", "eventType")
        | {"sourceAttribute": "metric", "destinationXdmPath": "eventType"},
    ],
)
def test_both_dialects_and_the_media_types(raw):
    """Either request dialect, a response's media types and a row with both say the same."""
    result = mapped(raw)
    assert result.record == {"eventType": "opened"}
    assert not result.warnings


@pytest.mark.parametrize(
    ("rows", "record"),
    [
        ([row("metric", "a[0].b")], {"a": [{"b": "opened"}]}),
        ([row("items[1].sku", "last")], {"last": "s2"}),
        ([row("items[*].sku", "list[*].name")], {"list": [{"name": "s1"}, {"name": "s2"}]}),
        ([row("items[*].sku", "names")], {"names": ["s1", "s2"]}),
        ([row("orders[*].lines[*].sku", "skus")], {"skus": [["s1"], ["s2"]]}),
        (
            [row("orders[*].lines[*].sku", "orders[*].skus")],
            {"orders": [{"skus": ["s1"]}, {}, {"skus": ["s2"]}]},
        ),
        (
            [row("items[*].sku", "list[*].name"), row("items[*].n", "list[*].count")],
            {"list": [{"name": "s1", "count": 1}, {"name": "s2", "count": 2}]},
        ),
    ],
)
def test_indices_and_each_in_paths(rows, record):
    """An index makes and names one element, [*] spreads over all of them by position."""
    assert mapped(*rows).record == record


def test_object_copy_is_guided_by_the_schema():
    """An object copied to an object keeps same-named children, converted, all the way."""
    record = mapped(row("data", "copy"), schema=SCHEMA).record
    assert record == {"copy": {"id": "7", "inner": {"x": 1}}}


@pytest.mark.parametrize("is_reversed", [False, True])
def test_child_rows_lie_over_an_object_row(is_reversed):
    """An object row and rows for its members merge deeply; the members win in either order."""
    rows = [row("data", "copy"), row("items[1].n", "copy.inner.z"), row("metric", "copy.id")]
    record = mapped(*(reversed(rows) if is_reversed else rows), schema=SCHEMA).record
    assert record == {"copy": {"id": "opened", "inner": {"x": 1, "z": 2}}}


def test_an_error_stays_in_its_row():
    """A failing row gives its field no value and a warning; the others are not touched."""
    result = mapped(
        row("url_decode('%zz')", "eventType", "EXPRESSION"),
        row("to_integer('x')", "copy.id", "EXPRESSION"),
        row("event_id", "_id"),
        schema=SCHEMA,
    )
    assert result.record == {"_id": "01E"}
    assert [one.kind for one in result.warnings] == [WarningKind.EXPRESSION_FAILED] * 2
    assert SCHEMA.check(result.record) == []


def test_a_failed_row_refuses_the_record_only_through_the_schema():
    """When the field of a failing row is required, the check refuses the record for it."""
    result = mapped(row("to_integer('x')", "_id", "EXPRESSION"), schema=SCHEMA)
    assert [one.message for one in SCHEMA.check(result.record)] == ["required key [_id] not found"]


def test_nullify_takes_a_copied_member_away():
    """nullify() leaves its field out, also when an object row has just copied it there."""
    result = mapped(row("data", "copy"), row("nullify()", "copy.id", "EXPRESSION"), schema=SCHEMA)
    assert result.record == {"copy": {"inner": {"x": 1}}}
    assert not result.warnings


def test_null_and_missing_sources():
    """A null gives nothing without a word, a missing attribute nothing and a warning."""
    result = mapped(row("nothing", "a"), row("absent", "b"))
    assert result.record == {}
    assert [one.kind for one in result.warnings] == [WarningKind.MISSING_SOURCE]


def test_the_longest_source():
    """4096 characters are taken, one more is refused with the row and both numbers."""
    longest = row("'" + "x" * 4094 + "'", "a", "EXPRESSION")
    assert len(mapped(longest).record["a"]) == 4094
    with pytest.raises(MappingError, match=r"row 1 \(a\).* 4097 characters.* 4096"):
        mapped(row("'" + "x" * 4095 + "'", "a", "EXPRESSION"))


def test_every_unusable_row_is_named_at_once():
    """One refusal names each row that cannot be used."""
    with pytest.raises(MappingError) as refused:
        mapped(row("a +", "x", "EXPRESSION"), row("metric", "y"), row("metric", "z", "SCRIPT"))
    assert "row 1 (x)" in str(refused.value)
    assert "row 3 (z)" in str(refused.value)
    assert "row 2" not in str(refused.value)


@pytest.mark.parametrize("named", ["SCRIPT", ["EXPRESSION"], {"type": "EXPRESSION"}, 1, True])
def test_a_source_type_of_any_kind_is_refused_with_its_row(named):
    """A source type that is none of the known ones, or no text at all, is named beside its row."""
    with pytest.raises(MappingError, match=r"row 1 \(a\): sourceType .* is unknown"):
        mapped({"sourceType": named, "source": "metric", "destination": "a"})


@pytest.mark.parametrize(
    ("value", "kind", "held"),
    [
        (True, "boolean", True),
        (False, "boolean", False),
        (7, "string", "7"),
        (2.5, "string", "2.5"),
    ],
)
def test_constants_that_are_no_text_are_what_json_writes(value, kind, held):
    """A constant of true or false, unquoted in the document, fits a boolean field."""
    schema = compile_schema({"type": "object", "properties": {"a": {"type": kind}}})
    rows = {"sourceType": "STATIC", "source": value, "destination": "a"}
    assert mapped(rows, schema=schema).record == {"a": held}


@pytest.mark.parametrize(
    ("source", "is_read"),
    [
        ("data.content", True),
        ("data['con' + 'tent']", True),
        ("size(data)", True),
        ("data.size()", True),
        ("data.get(concat('con', 'tent'))", True),
        ("data . values ()", True),
        ("${data}.isEmpty()", True),
        ("data.email", False),
        ("data.email.trim()", False),
        ("lower( data . email )", False),
    ],
)
def test_an_expression_reads_what_it_may_need(source, is_read):
    """Whoever asks for the whole of an object, by a method too, needs each of its members."""
    mapping = MappingSet.from_json([row(source, "a", "EXPRESSION")])
    assert mapping.reads(("data", "content")) is is_read


def test_the_event_is_not_changed():
    """Mapping neither changes the event nor shares its objects with the record."""
    before = copy.deepcopy(EVENT)
    record = mapped(row("data", "copy"), row("metric", "copy.inner.z")).record
    record["copy"]["inner"]["x"] = "changed"
    assert before == EVENT


@pytest.mark.parametrize(
    ("rows", "record"),
    [
        ([row("metric", "a[0]"), row("event_id", "a.b")], {"a": ["opened"]}),
        ([row("metric", "a"), row("event_id", "a.b")], {"a": "opened"}),
        ([row("lower(metric)", "a", "EXPRESSION"), row("x", "a.b", "STATIC")], {"a": "opened"}),
        ([row("metric", "a"), row("lower(event_id)", "a.b", "EXPRESSION")], {"a": "opened"}),
    ],
)
def test_a_place_that_is_taken_stays_as_it_is(rows, record):
    """A row that needs an object where another put a value gives nothing and a warning."""
    result = mapped(*rows)
    assert result.record == record
    assert [one.kind for one in result.warnings] == [WarningKind.DESTINATION_TAKEN]


def test_the_same_destination_twice():
    """The last of two rows to one place counts, and a null of an expression takes it away."""
    rows = [row("metric", "a"), row("event_id", "a")]
    assert mapped(*rows).record == {"a": "01E"}
    assert mapped(*rows, row("null", "a", "EXPRESSION")).record == {}


def test_what_one_row_spends_is_not_taken_from_the_next():
    """Every row has the whole of what an evaluation may spend."""
    calls = "transformArray(many, x -> transformArray(many, y -> y)).size()"
    mapping = MappingSet.from_json([row(calls, f"n{at}", "EXPRESSION") for at in range(3)])
    result = mapping.apply({"many": list(range(300))})
    assert result.record == {"n0": 300, "n1": 300, "n2": 300}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "an object with 'mappings', found null"),
        ("rows", "an object with 'mappings', found text"),
        ([7], "row 1: expected an object, found a number"),
        ([[]], "row 1: expected an object, found an array"),
        (
            [{"source": {"x": 1}, "destination": "a"}],
            "row 1 (a): expected text for 'source', found an object",
        ),
    ],
)
def test_what_is_found_has_the_name_that_json_gives_it(document, said):
    """Who wrote the mapping set knows objects and arrays, not Python's types."""
    with pytest.raises(MappingError) as caught:
        MappingSet.from_json(document)
    assert said in str(caught.value)
