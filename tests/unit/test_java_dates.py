"""Java's dates: patterns read and written, compared with what Java 17 answered."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from relay.mapping.function import FunctionFailed
from relay.mapping.java_date_text import read_date, read_default_date, write_date
from relay.mapping.java_dates import ZonedDateTime, utc, zone

# Recorded from java.time.format.DateTimeFormatter (Java 17.0.15, English). Left out: what the
# relay refuses and Java takes (ambiguous abbreviations, years past 9999, one-letter months).
RECORDED = Path(__file__).parents[1] / "data" / "java-dates.jsonl"
CASES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
READ = [case for case in CASES if "read" in case]
WRITTEN = [case for case in CASES if "write" in case]


def test_enough_was_recorded():
    """The recorded answers cover hundreds of patterns and texts."""
    assert len(READ) > 200
    assert len(WRITTEN) > 350


@pytest.mark.parametrize("case", READ, ids=lambda case: f"{case['pattern']} {case['read']}")
def test_text_is_read_as_java_reads_it(case):
    """A pattern reads a text to the moment that Java gives, or refuses it as Java does."""
    match case["result"]:
        case "unread":
            with pytest.raises(FunctionFailed, match="the text does not fit"):
                read_date(case["read"], case["pattern"])
        case "pattern":
            with pytest.raises(FunctionFailed, match="the date pattern has"):
                read_date(case["read"], case["pattern"])
        case "unresolved":
            # Java stops at fields; the relay takes January, the first, midnight (assumed).
            assert str(read_date(case["read"], case["pattern"])).startswith(case["read"][:4])
        case text:
            assert str(read_date(case["read"], case["pattern"])) == text


@pytest.mark.parametrize(
    "case", WRITTEN, ids=lambda case: f"{case['pattern']} {case['write']} {case['zone']}"
)
def test_moments_are_written_as_java_writes_them(case):
    """A pattern writes a moment as Java does, and the moment's own text is Java's ISO text."""
    seconds, _, fraction = case["write"].partition(".")
    nano = int(fraction.ljust(9, "0"))
    moment = ZonedDateTime.at_local(datetime.fromisoformat(seconds), nano, zone(case["zone"]))
    assert str(moment) == case["iso"]
    if case["result"] is None:
        with pytest.raises(FunctionFailed, match="the date pattern has"):
            write_date(moment, case["pattern"])
    else:
        assert write_date(moment, case["pattern"]) == case["result"]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2019-10-23 11:24:35+0200", "2019-10-23T11:24:35+02:00"),
        ("2019-10-23 11:24:35.123+0000", "2019-10-23T11:24:35.123Z"),
        ("2019-10-23 11:24:35.123", "2019-10-23T11:24:35.123Z"),
        ("2019-10-23T11:24:35.123-08", "2019-10-23T11:24:35.123-08:00"),
        ("2019-10-23T11:24:35Z", "2019-10-23T11:24:35Z"),
        ("2019-10-23", "2019-10-23T00:00:00Z"),
        ("2019/10/23", "2019-10-23T00:00:00Z"),
        ("2019.10.23", "2019-10-23T00:00:00Z"),
        ("2019-Oct-23", "2019-10-23T00:00:00Z"),
        ("20191023", "2019-10-23T00:00:00Z"),
        ("10-23-2019", "2019-10-23T00:00:00Z"),
        ("12112020", "2020-12-11T00:00:00Z"),
        ("1/23/2019", "2019-01-23T00:00:00Z"),
        ("23.1.2019", "2019-01-23T00:00:00Z"),
        ("1/23/2019 11:24:35 PM", "2019-01-23T23:24:35Z"),
        ("23.1.2019 12:24:35 AM", "2019-01-23T00:24:35Z"),
        ("23.Oct.2019", "2019-10-23T00:00:00Z"),
        ("23-Oct-2019", "2019-10-23T00:00:00Z"),
        ("2019-10-23 11:24", "2019-10-23T11:24:00Z"),
        ("2016-11-09T11:44:44.797", "2016-11-09T11:44:44.797Z"),
        ("2019-10-23T11:24:35+05:30", "2019-10-23T11:24:35+05:30"),
    ],
)
def test_default_formats_are_tried_in_order(text, iso):
    """Each documented default format, and each form of the page's examples, is read."""
    assert str(read_default_date(text)) == iso


@pytest.mark.parametrize("text", ["", "yesterday", "December 31st, 2020", "x" * 100_000])
def test_other_text_is_refused_without_repeating_it(text):
    """A text that fits no default format is refused, and the error does not hold it."""
    with pytest.raises(FunctionFailed) as failed:
        read_default_date(text)
    assert not text or text not in str(failed.value)


def test_a_gap_moves_forward_and_an_overlap_takes_the_earlier():
    """A local time that a zone skips moves by the gap; one that it has twice is the earlier."""
    los_angeles = zone("America/Los_Angeles")
    skipped = ZonedDateTime.at_local(datetime.fromisoformat("2019-03-10T02:30"), 0, los_angeles)
    twice = ZonedDateTime.at_local(datetime.fromisoformat("2019-11-03T01:30"), 0, los_angeles)
    assert str(skipped) == "2019-03-10T03:30:00-07:00[America/Los_Angeles]"
    assert str(twice) == "2019-11-03T01:30:00-07:00[America/Los_Angeles]"


def test_moments_are_equal_with_their_zone_and_ordered_by_the_instant():
    """Two moments of one instant in two zones are not equal; order goes by the instant first."""
    early = ZonedDateTime.at_ms(1_571_829_875_000)
    paris = early.in_zone(zone("Europe/Paris"))
    assert early != paris
    assert early.epoch_s == paris.epoch_s
    assert paris < ZonedDateTime.at_ms(1_571_829_875_001)
    assert early == ZonedDateTime.at_ms(1_571_829_875_000)
    assert {early, paris.in_zone(utc())} == {early}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Nowhere/Else",
        "+25",
        "../../etc",
        "europe/paris",
        "+01:99",
        "posix/UTC",
        "right/UTC",
        "localtime",
        "posixrules",
    ],
)
def test_zones_that_java_does_not_know_are_refused(name):
    """An unknown zone is refused with an example of one."""
    with pytest.raises(FunctionFailed, match="zone"):
        zone(name)


@pytest.mark.parametrize("epoch_ms", [10**15, -(10**14) * 7, 2**63 - 1, 10**40])
def test_years_past_9999_are_refused(epoch_ms):
    """An instant that the relay cannot hold is an error, not a crash."""
    with pytest.raises(FunctionFailed, match="years 1 to 9999"):
        ZonedDateTime.at_ms(epoch_ms)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [("u", "3"), ("F", "4"), ("uuuu", "2019")],
)
def test_letters_that_the_documentation_gives_another_meaning(pattern, text):
    """``u`` is the day of the week and ``F`` its count in the month, as documented."""
    assert write_date(read_default_date("2019-10-23"), pattern) == text
