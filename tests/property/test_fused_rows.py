"""Rows give the same fused as one after the other, whatever the rows, the schema and the event."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.mapping.evaluate import Evaluation
from relay.mapping.fused_rows import compile_steps
from relay.mapping.mapping_set import BoundMapping, MappingSet
from relay.mapping.rows import Row, read_row
from relay.mapping.steps import MappingWarning, Step, compile_step
from relay.schema import compile_schema

_NAMES = st.sampled_from(["a", "b", "c", r"a\.b"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(".".join)
_PLAIN_ROWS = st.tuples(_PATHS, _PATHS)
_ODD_ROWS = st.sampled_from(
    [
        ("a[0]", "a.b"),
        ("a[*].b", "b[*].c"),
        ("b", "a.b[1]"),
        ("=null", "a.b"),
        ("=a.b", "a"),
        ("=lower(a)", "b.c"),
        ("=to_map('c', a)", "a.b"),
        ("=nullify()", "a"),
    ]
)
_ROWS = st.lists(
    st.one_of(_PLAIN_ROWS, _PLAIN_ROWS, _PLAIN_ROWS, _ODD_ROWS), min_size=2, max_size=9
)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "x", "true", "2021-02-11", "10/02/2021"])
)
_MEMBERS = st.sampled_from(["a", "b", "c", "a.b"])
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.dictionaries(_MEMBERS, inner, min_size=1, max_size=4) | st.lists(inner, max_size=2)
    ),
    max_leaves=12,
)
_EVENTS = st.dictionaries(
    _MEMBERS,
    _VALUES | st.dictionaries(_MEMBERS, _VALUES, min_size=2, max_size=4),
    min_size=2,
    max_size=4,
)


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


_FIELDS = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "integer"},
            {"type": "number"},
            {"type": "boolean"},
            {"type": "string", "format": "date-time"},
            {"type": "string", "format": "date"},
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "string"}},
        ]
    ),
    lambda inner: (
        st.dictionaries(_MEMBERS, inner, min_size=1, max_size=4).map(_object)
        | inner.map(lambda items: {"type": "array", "items": items})
    ),
    max_leaves=10,
)
_SCHEMAS = st.none() | st.dictionaries(_MEMBERS, _FIELDS, max_size=4).map(_object)


def _row(number: int, source: str, destination: str) -> Row:
    kind = "EXPRESSION" if source.startswith("=") else "ATTRIBUTE"
    raw = {"sourceType": kind, "source": source.lstrip("="), "destination": destination}
    return read_row(number, raw)


def _rows(*pairs: tuple[str, str]) -> list[Row]:
    return [_row(number, *pair) for number, pair in enumerate(pairs, 1)]


def _run(steps: Sequence[Step], event: Any) -> tuple[dict[str, Any], list[MappingWarning]]:
    record: dict[str, Any] = {}
    warnings: list[MappingWarning] = []
    evaluation = Evaluation(event, None)
    for step in steps:
        step(evaluation, record, warnings)
    return record, warnings


def _told(warnings: Sequence[MappingWarning]) -> list[tuple[str, int, str]]:
    # Errors compare by identity.
    return [(warning.kind, warning.row.number, str(warning)) for warning in warnings]


def _containers(value: Any) -> Iterator[int]:
    if isinstance(value, (dict, list)):
        yield id(value)
        for child in value.values() if isinstance(value, dict) else value:
            yield from _containers(child)


@given(pairs=_ROWS, event=_EVENTS, document=_SCHEMAS, is_sorted=st.booleans())
@example(
    pairs=[("a", "a.b"), ("b", "a"), ("c", "a.c")],
    event={"a": 1, "b": 2, "c": 3},
    document=None,
    is_sorted=False,
)
@example(
    pairs=[("a.b", "c"), ("a.c", "b.c"), ("b.c", "b.a")],
    event={"a": None, "b": "x"},
    document=None,
    is_sorted=True,
)
@example(
    pairs=[("a", "b.c"), ("b", "b.c"), ("c", "b.b")],
    event={"a": {"a": 1, "c": {"a": 1}}, "b": {"b": 2, "c": {"b": None}}, "c": None},
    document=None,
    is_sorted=True,
)
def test_rows_give_the_same_fused(
    pairs: list[tuple[str, str]],
    event: dict[str, Any],
    document: dict[str, Any] | None,
    is_sorted: bool,
) -> None:
    """Record, order of its members, warnings and their order are those of row after row."""
    rows = _rows(*pairs)
    if is_sorted:
        rows.sort(key=lambda row: len(row.path))
    root = None if document is None else compile_schema(document).root
    before = copy.deepcopy(event)
    record, warnings = _run(compile_steps(rows, root), event)
    wanted, wanted_warnings = _run([compile_step(row, root) for row in rows], event)
    assert repr(record) == repr(wanted)
    assert _told(warnings) == _told(wanted_warnings)
    assert repr(event) == repr(before)
    assert not {*_containers(record)} & {*_containers(event)}


@pytest.mark.parametrize(
    ("event", "numbers"), [(None, []), ([], [1, 2]), ("text", [1, 2]), ([{"data": 1}], [1, 2])]
)
def test_an_event_that_is_no_object(event: Any, numbers: list[int]) -> None:
    """A null gives nothing and says nothing; anything else lacks every source."""
    steps = compile_steps(_rows(("data.id", "t.id"), ("metric", "t.metric")), None)
    record, warnings = _run(steps, event)
    assert record == {}
    assert [warning.row.number for warning in warnings] == numbers


@pytest.mark.parametrize(
    ("pairs", "count"),
    [
        ([("a", "t.a"), ("b.c", "t.b"), ("b.d", "t.u.d")], 1),
        ([("a", "t.a"), ("=b", "t.b"), ("c", "t.c"), ("d", "t.d")], 3),
        ([("a", "t.a"), ("b", "t")], 2),
        ([(".".join("a" * 2000), "t.a"), (".".join("b" * 2000), "t.b")], 2),
    ],
)
def test_rows_that_run_together(pairs: list[tuple[str, str]], count: int) -> None:
    """Names to names run together, not across other rows, back up the record, or from the deep."""
    assert len(compile_steps(_rows(*pairs), None)) == count


def test_an_event_leaves_nothing_behind() -> None:
    """Nothing of one event, nor of its record, is there for the next."""
    pairs = [("a", "t.a"), ("b", "t.b")]
    bound = BoundMapping(compile_steps(_rows(*pairs), None))
    first = bound.apply({"a": 1, "b": 2}).record
    assert bound.apply({"b": 3}).record == {"t": {"b": 3}}
    assert first == {"t": {"a": 1, "b": 2}}


def test_hundreds_of_rows_are_several_functions() -> None:
    """A mapping set of any length compiles, and no row of it is lost."""
    raw = [
        {"sourceAttribute": f"data.f{number}", "destinationXdmPath": f"t.f{number}"}
        for number in range(1000)
    ]
    mapping = MappingSet.from_json(raw)
    data = {f"f{number}": number for number in range(1000)}
    assert mapping.apply({"data": data}).record == {"t": data}
    assert 1 < len(compile_steps(mapping.rows, None)) < len(raw)
