"""XDM's own types against the check: integer ranges, dates, nulls, and what a record may hold."""

from __future__ import annotations

import pytest

from relay.schema import compile_schema

RANGES = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "int": (-(2**31), 2**31 - 1),
    "long": (-(2**53) + 1, 2**53 - 1),
}
SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            **{
                name: {"type": "integer", "meta:xdmType": name, "minimum": low, "maximum": high}
                for name, (low, high) in RANGES.items()
            },
            "text": {"type": "string"},
            "day": {"type": "string", "format": "date"},
            "list": {"type": "array", "items": {"type": "string"}},
            "map": {
                "type": "object",
                "meta:xdmType": "map",
                "additionalProperties": {"type": "integer"},
            },
            "inner": {"type": "object", "properties": {"x": {"type": "string"}}},
        },
    }
)


@pytest.mark.parametrize("name", RANGES)
def test_integers_end_where_xdm_says(name):
    """Both ends of an integer type's range pass, one beyond either is a violation."""
    low, high = RANGES[name]
    assert SCHEMA.check({name: low}) == SCHEMA.check({name: high}) == []
    assert [one.rule for one in SCHEMA.check({name: low - 1})] == ["minimum"]
    assert [one.rule for one in SCHEMA.check({name: high + 1})] == ["maximum"]


@pytest.mark.parametrize(
    ("record", "path", "rule"),
    [
        ({"text": None}, "#/text", "type"),
        ({"inner": {"x": None}}, "#/inner/x", "type"),
        ({"list": ["a", None]}, "#/list/1", "type"),
        ({"list": "a"}, "#/list", "type"),
        ({"map": {"a": 1, "b": "2"}}, "#/map/b", "type"),
        ({"inner": {"y": "1"}}, "#/inner", "additionalProperties"),
        ({"other": 1}, "#", "additionalProperties"),
        ({"day": "2021-02-11T17:04:49Z"}, "#/day", "format"),
        ({"day": "2021-13-01"}, "#/day", "format"),
        ({"byte": 1.5}, "#/byte", "type"),
        ({"byte": True}, "#/byte", "type"),
    ],
)
def test_what_is_refused_and_where(record, path, rule):
    """Nulls, unknown keys and other types are one violation, at the place the inlet would name."""
    assert [(one.path, one.rule) for one in SCHEMA.check(record)] == [(path, rule)]


def test_a_whole_record_passes():
    """A record with a value of every type is valid."""
    record = {
        "byte": 1,
        "text": "",
        "day": "2021-02-28",
        "list": [],
        "map": {"any key": 1},
        "inner": {},
    }
    assert SCHEMA.check(record) == []


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"day": "2020-01-0\ud83d"}, "#/day"),
        ({"unknown \ud83d": 1}, "#"),
    ],
)
def test_half_of_a_character_is_a_violation(record, path):
    """A text that a mapping cut inside an emoji cannot be sent; it is said where, and no crash."""
    assert not SCHEMA.is_valid(record)
    assert [(one.path, one.rule) for one in SCHEMA.check(record)] == [(path, "encoding")]
    assert "half a surrogate pair" in SCHEMA.check(record)[0].message
