"""What Data Prep changes by itself on the way to a field, and nothing else."""

from __future__ import annotations

import copy

import pytest

from relay.schema.convert import copied, fitting
from relay.schema.dates import DEFAULT_FORMATS, read_default_format, write_date_time
from relay.schema.node import Kind, Node

TRUE = ["y", "yes", "Y", "YES", "on", "ON", "true", "TRUE"]
FALSE = ["n", "no", "N", "NO", "off", "OFF", "false", "FALSE"]


def fit(kind, value):
    return fitting(Node(kind), known_only=True)(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234, "1234"),
        (-5, "-5"),
        (2.5, "2.5"),
        (1e10, "1.0E10"),
        (3.0, "3.0"),
        (2**60, str(2**60)),
    ],
)
def test_numbers_become_text_in_a_text_field(value, text):
    """A number on its way to a string field is written as Java writes it."""
    assert fit(Kind.STRING, value) == text


@pytest.mark.parametrize("value", ["a", "", True, False, ["a"], {"a": 1}])
def test_nothing_else_becomes_text(value):
    """Text stays, and booleans, arrays and objects stay for the check to name."""
    result = fit(Kind.STRING, value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize("value", TRUE + FALSE)
def test_the_sixteen_spellings_of_booleans(value):
    """The documented spellings become booleans."""
    assert fit(Kind.BOOLEAN, value) is (value in TRUE)


@pytest.mark.parametrize("value", ["True", "Yes", "1", "", "t", 1, 0, 1.0, " true"])
def test_no_other_spelling(value):
    """Anything else stays what it is."""
    result = fit(Kind.BOOLEAN, value)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2020-01-02 03:04:05+0100", "2020-01-02T03:04:05+01:00"),
        ("2020-01-02 03:04:05.678+0000", "2020-01-02T03:04:05.678Z"),
        ("2020-01-02 03:04:05.678", "2020-01-02T03:04:05.678Z"),
        ("2020-01-02T03:04:05.678+01", "2020-01-02T03:04:05.678+01:00"),
        ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05Z"),
        ("2020-01-02", "2020-01-02T00:00:00Z"),
        ("2020/01/02", "2020-01-02T00:00:00Z"),
        ("2020.01.02", "2020-01-02T00:00:00Z"),
        ("2020-Jan-02", "2020-01-02T00:00:00Z"),
        ("20200102", "2020-01-02T00:00:00Z"),
        ("01-02-2020", "2020-01-02T00:00:00Z"),
        ("12112020", "2020-12-11T00:00:00Z"),
        ("1/02/2020", "2020-01-02T00:00:00Z"),
        ("02.1.2020", "2020-01-02T00:00:00Z"),
        ("1/02/2020 12:00:00 AM", "2020-01-02T00:00:00Z"),
        ("02.1.2020 11:59:59 PM", "2020-01-02T23:59:59Z"),
        ("02.Jan.2020", "2020-01-02T00:00:00Z"),
        ("02-Jan-2020", "2020-01-02T00:00:00Z"),
    ],
)
def test_the_default_date_formats(text, written):
    """Each documented format is read, zoneless ones as UTC, and written as the inlet takes it."""
    assert fit(Kind.DATE_TIME, text) == written


def test_there_is_one_example_for_each_format():
    """The list of formats is the documented one, eighteen long."""
    assert len(DEFAULT_FORMATS) == 18


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "",
        "2020-13-45",
        "20201301",
        "2020-02-30",
        "1613063089",
        "1/02/2020 13:00:00 PM",
        "2020-01-02 03:04",
        "\u0662\u0660\u0662\u0660-01-02",
        "x" * 100_000,
        1613063089,
        None,
    ],
)
def test_what_is_no_date_stays(value):
    """Numbers and other text stay what they are, for the check to name."""
    assert fit(Kind.DATE_TIME, value) == value


def test_a_date_time_stays_as_written_and_gives_its_date():
    """A date-time in the inlet's form is not touched; a date field takes its day."""
    text = "2018-11-23T22:07:01.123456789+02:00"
    assert fit(Kind.DATE_TIME, text) == text
    assert fit(Kind.DATE, text) == "2018-11-23"
    assert fit(Kind.DATE, "2018-11-23") == "2018-11-23"
    assert fit(Kind.DATE, "11-23-2018") == "2018-11-23"


def test_years_keep_four_digits():
    """A year before 1000 is written with four digits."""
    moment = read_default_format("0099-01-02")
    assert moment is not None
    assert write_date_time(moment) == "0099-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3.0, 3), (3.5, 3.5), ("3", "3"), (True, True), (float("inf"), float("inf"))],
)
def test_whole_doubles_become_integers(value, expected):
    """A double without a fraction fits an integer field; text does not become a number."""
    result = fit(Kind.LONG, value)
    assert result == expected
    assert type(result) is type(expected)


ADDRESS = Node(
    Kind.OBJECT,
    {
        "line1": Node(Kind.STRING),
        "zip": Node(Kind.STRING),
        "lines": Node(Kind.ARRAY, element=Node(Kind.OBJECT, {"n": Node(Kind.STRING)})),
        "labels": Node(Kind.MAP, element=Node(Kind.BOOLEAN)),
    },
)
VALUE = {
    "line1": "a",
    "zip": 90210,
    "gone": None,
    "other": {"x": 1},
    "lines": [{"n": 1, "m": 2}],
    "labels": {"new": "yes", "old": None},
}


def test_object_copy_takes_what_both_sides_have():
    """Copying an object keeps same-named members, converts them, and leaves out the rest."""
    assert fitting(ADDRESS, known_only=True)(VALUE) == {
        "line1": "a",
        "zip": "90210",
        "lines": [{"n": "1"}],
        "labels": {"new": True},
    }


def test_without_known_only_unknown_members_stay():
    """An expression's object keeps what the schema lacks, for the check to name."""
    record = fitting(ADDRESS, known_only=False)(VALUE)
    assert record["other"] == {"x": 1}
    assert record["lines"] == [{"n": "1", "m": 2}]
    assert "gone" not in record


def test_copies_share_nothing():
    """Changing a copy changes nothing in what it was copied from."""
    value = copy.deepcopy(VALUE)
    for result in (copied(value), fitting(ADDRESS, known_only=False)(value)):
        result["lines"][0]["n"] = "changed"
        result["other"]["x"] = "changed"
    assert value == VALUE
