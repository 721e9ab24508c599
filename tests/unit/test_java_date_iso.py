"""Date patterns that are written by pieces of the ISO text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.mapping.java_date_iso import utc_writer
from relay.mapping.java_date_text import write_date
from relay.mapping.java_dates import ZonedDateTime

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
PATTERNS = [
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ssXXX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd HH:mm:ssZ",
    "yyyy-MM-dd",
    "yyyyMMdd",
    "MM/dd/yyyy",
    "dd.MM.yyyy HH:mm",
    "HHmmssSSS",
    "ss.S",
    "S",
    "''yyyy''",
    "yyyy-MM",
    "'--'",
    "",
    "HH 'o''clock' O",
    "yyyy-MM-dd-HH",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=60, deadline=None)
@given(epoch_ms=st.integers(min_value=_FIRST_MS, max_value=_LAST_MS))
def test_pieces_of_the_iso_text_are_what_the_pattern_says(pattern: str, epoch_ms: int) -> None:
    """Every moment is written as the items of the pattern write it."""
    write = utc_writer(pattern)
    assert write is not None
    assert write(epoch_ms) == write_date(ZonedDateTime.at_ms(epoch_ms), pattern)


@pytest.mark.parametrize(
    "pattern", ["d MMM yyyy", "yy", "y", "M/d", "hh:mm a", "SSSSSS", "z", "[yyyy]", "nope", "'"]
)
def test_other_patterns_are_left_alone(pattern: str) -> None:
    """A part that has no place in the ISO text, and what is no pattern, has no such writer."""
    assert utc_writer(pattern) is None


@pytest.mark.parametrize("epoch_ms", [_FIRST_MS - 1, _LAST_MS + 1, 2**63])
def test_years_that_are_not_held(epoch_ms: int) -> None:
    """Outside of the years 1 to 9999 nothing is written."""
    write = utc_writer("yyyy")
    assert write is not None
    with pytest.raises(OverflowError):
        write(epoch_ms)
