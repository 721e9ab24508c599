"""
Moments written as text and read from it, by a Java date pattern or the default formats.

Text is read as ``DateTimeFormatter`` reads it: names in their case, ``dd`` exactly two digits,
February 30th is the last of February, 24:00 the next midnight.

Source:
    ``java.time.format.DateTimeFormatter``, smart resolving (Java 17); the default formats are in
    `relay.schema.dates`.

Assumed:
    java.time does the work, with English (US) names and weeks; what a pattern leaves out is the
    first month, the first day, midnight. The documented list of default formats is followed by
    the forms that its own examples need.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from functools import lru_cache

from relay.mapping.function import FunctionFailed
from relay.mapping.java_date_items import Fields, Item, Unread
from relay.mapping.java_date_patterns import compile_pattern
from relay.mapping.java_dates import ZonedDateTime, utc
from relay.mapping.limits import MAX_DATE_CHARS
from relay.schema.dates import DEFAULT_FORMATS

# Not in the documented list, but the documentation's own examples need them, or they are the ISO
# forms that date fields take.
_FURTHER_FORMATS = (
    "yyyy-MM-dd HH:mm:ss",
    "yyyy-MM-dd HH:mm",
    "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ssX",
    "yyyy-MM-dd'T'HH:mm:ssXXX",
    "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "yyyy-MM-dd'T'HH:mm:ss",
    "yyyy-MM-dd'T'HH:mm:ss z",
    "yyyy-MM-dd HH:mm:ss z",
    "yyyy-MM-dd HH:mm:ss.SSS z",
)
_ALIKE = str.maketrans("0123456789", "1111111111")
_RANGES = {
    "month": (1, 12),
    "quarter": (1, 4),
    "day": (1, 31),
    "day_of_year": (1, 366),
    "day_of_week": (1, 7),
    "week": (1, 53),
    "hour": (0, 24),
    "clock_hour": (1, 24),
    "half_hour": (0, 11),
    "clock_half_hour": (1, 12),
    "minute": (0, 59),
    "second": (0, 59),
    "year": (1, 9999),
    "week_year": (1, 9999),
}


def write_date(moment: ZonedDateTime, pattern: str) -> str:
    """
    Write *moment* as *pattern* says.

    Raises:
        FunctionFailed: the pattern is none.
    """
    return "".join(item.write(moment) for item in compile_pattern(pattern))


def read_date(text: str, pattern: str) -> ZonedDateTime:
    """
    Read *text* as *pattern* says; without zone it is in UTC.

    Raises:
        FunctionFailed: the pattern is none, or the text does not fit it.
    """
    items = compile_pattern(pattern)
    try:
        return _read(text, items)
    except Unread as unread:
        why = unread.reason or f"it differs at character {unread.position + 1}"
        raise FunctionFailed(f"the text does not fit the date pattern: {why}") from None


def read_default_date(text: str) -> ZonedDateTime:
    """
    Read *text* by the first default format that fits.

    Raises:
        FunctionFailed: none does.
    """
    if len(text) <= MAX_DATE_CHARS:
        for items in _fitting(text.translate(_ALIKE)):
            try:
                return _read(text, items)
            except Unread:
                continue
    raise FunctionFailed(
        "the text fits none of the default date formats: give its format, "
        'as in date(text, "dd MMM yyyy")'
    )


@lru_cache(maxsize=1024)
def _fitting(shape: str) -> tuple[tuple[Item, ...], ...]:
    """Give the default formats that texts of this shape may fit: which digits does not matter."""
    patterns = map(compile_pattern, (*DEFAULT_FORMATS, *_FURTHER_FORMATS))
    return tuple(items for items in patterns if _fits(shape, items))


def _fits(shape: str, items: tuple[Item, ...]) -> bool:
    position, fields = 0, Fields({})
    try:
        for item in items:
            position = item.read(shape, position, fields)
    except Unread:
        return False
    return position == len(shape)


def _read(text: str, items: tuple[Item, ...]) -> ZonedDateTime:
    if len(text) > MAX_DATE_CHARS:
        raise Unread(MAX_DATE_CHARS)
    fields = Fields({})
    position = 0
    for item in items:
        position = item.read(text, position, fields)
    if position != len(text):
        raise Unread(position)
    return _moment(fields)


def _moment(fields: Fields) -> ZonedDateTime:
    """Make a moment of what was read, as java.time resolves it."""
    numbers = fields.numbers
    for field, number in numbers.items():
        least, most = _RANGES.get(field, (number, number))
        if not least <= number <= most:
            name = field.replace("_", " ")
            raise Unread(0, f"the {name} is not within {least} to {most}")
    day = _day(numbers)
    if "day_of_week" in numbers and numbers["day_of_week"] != day.isoweekday():
        raise Unread(0, "the day of the week is not the one of that date")
    hour, minute, second = _hour(numbers), numbers.get("minute", 0), numbers.get("second", 0)
    nano = numbers.get("nano", 0)
    if hour == 24:  # noqa: PLR2004 - the end of a day
        if minute or second or nano:
            raise Unread(0, "the hour is not within 0 to 23")
        day, hour = _next_day(day), 0
    local = day.replace(hour=hour, minute=minute, second=second)
    return ZonedDateTime.at_local(local, nano, fields.zone or utc())


def _day(numbers: dict[str, int]) -> datetime:
    if "year" not in numbers:
        return _day_of_week_year(numbers)
    year = numbers["year"]
    if numbers.get("era") == 0:
        raise Unread(0, "years before Christ are not held here")
    if "day_of_year" in numbers and "month" not in numbers:
        day = _date(year, 1, 1) + timedelta(days=numbers["day_of_year"] - 1)
        if day.year != year:
            raise Unread(0, "the day of year is not within 1 to 365")
        return day
    month = numbers.get("month", 3 * numbers.get("quarter", 1) - 2)
    return _date(year, month, min(numbers.get("day", 1), monthrange(year, month)[1]))


def _day_of_week_year(numbers: dict[str, int]) -> datetime:
    """Weeks start on Sunday, the first holds January 1st: Java's for English (US)."""
    if not {"week_year", "week", "day_of_week"} <= numbers.keys():
        hint = " ('Y' is the year of a week: use 'y')" if "week_year" in numbers else ""
        raise Unread(0, f"the pattern has no year{hint}")
    first = _date(numbers["week_year"], 1, 1)
    days = 7 * (numbers["week"] - 1) + numbers["day_of_week"] % 7 - first.isoweekday() % 7
    try:
        return first + timedelta(days=days)
    except OverflowError:
        raise Unread(0, "the date is outside of the years 1 to 9999") from None


def _hour(numbers: dict[str, int]) -> int:
    if "hour" in numbers:
        return numbers["hour"]
    if "clock_hour" in numbers:
        return numbers["clock_hour"] % 24
    if "half_hour" not in numbers and "clock_half_hour" not in numbers:
        return 0
    if "half" not in numbers:
        raise Unread(0, "the pattern has 'h' or 'K' without 'a': use 'H' for 0 to 23")
    half_hour = numbers.get("half_hour", numbers.get("clock_half_hour", 0) % 12)
    return half_hour + 12 * numbers["half"]


def _next_day(day: datetime) -> datetime:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        raise Unread(0, "the date is outside of the years 1 to 9999") from None


def _date(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day)  # noqa: DTZ001 - clocks of a zone that is not known yet
