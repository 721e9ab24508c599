"""
Dates: made, read, written, taken apart.

Source:
    Data Prep functions, "Date and time functions"; patterns and default formats in
    `relay.mapping.java_date_patterns` and `relay.mapping.java_date_text`.

Assumed:
    null is given back as null. Components of `date_part` are written in any case; ``w`` is the
    week (the page has it twice), weeks are those of English (US), Monday is weekday 1.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from relay.mapping.arguments import long, moment, text, whole
from relay.mapping.function import Context, Example, Function, FunctionFailed, alias, function
from relay.mapping.java_date_items import number_of
from relay.mapping.java_date_text import read_date, write_date
from relay.mapping.java_dates import NANOS_A_SECOND, ZonedDateTime, utc, zone

_FAMILY = "Date and time"
_PARTS = {
    "year yyyy yy": "year",
    "quarter qq q": "quarter",
    "month mm m": "month",
    "dayofyear dy y": "day_of_year",
    "day dd d": "day",
    "week ww w": "week",
    "weekday dw": "day_of_week",
    "hour hh hh24": "hour",
    "hh12": "clock_half_hour",
    "minute mi n": "minute",
    "second ss s": "second",
    "millisecond sss": "millisecond",
}
_SETTABLE = {
    "year yyyy yy": "year",
    "month mm m": "month",
    "day dd d": "day",
    "hour hh": "hour",
    "minute mi n": "minute",
    "second ss s": "second",
}


def _part(name: Any, parts: dict[str, str]) -> str:
    wanted = text(name, "a component").lower()
    for names, field in parts.items():
        if wanted in names.split():
            return field
    known = ", ".join(names.split()[0] for names in parts)
    raise FunctionFailed(f"the date component is unknown: expected one of {known}")


@function(
    "now",
    _FAMILY,
    "now()",
    "Gives the current time.",
    Example("now()", "2021-10-26T10:10:24Z"),
    is_impure=True,
)
def now(context: Context) -> ZonedDateTime:
    """Give the context's time in UTC."""
    return ZonedDateTime.at_ms(context.now_ms())


@function(
    "timestamp",
    _FAMILY,
    "timestamp()",
    "Gives the current time in milliseconds since 1970.",
    Example("timestamp()", 1635243024000),
    is_impure=True,
    note="a field called timestamp at the root of the event, which every Customer.io event has, "
    "hides this function: the call then fails",
)
def timestamp(context: Context) -> int:
    """Give the context's time as a Long."""
    return context.now_ms()


@function(
    "format",
    _FAMILY,
    "format(DATE, FORMAT)",
    "Writes a date as a pattern says.",
    Example(
        'format(date("2019-10-23T11:24:35Z", "yyyy-MM-dd\'T\'HH:mm:ssX"), "yyyy-MM-dd HH:mm:ss")',
        "2019-10-23 11:24:35",
    ),
    Example('format(date("2019-10-23"), "EEEE, d MMM yyyy")', "Wednesday, 23 Oct 2019"),
    note="the documentation's example has a bare date, which does not parse, and other seconds",
)
def write(value: Any, pattern: Any) -> str | None:
    """Write a date."""
    return None if value is None else write_date(moment(value), text(pattern, "a date pattern"))


@function(
    "dformat",
    _FAMILY,
    "dformat(TIMESTAMP, FORMAT)",
    "Writes milliseconds since 1970 as a pattern says, in UTC.",
    Example('dformat(1571829875000, "yyyy-MM-dd HH:mm")', "2019-10-23 11:24"),
    Example(
        "dformat(timestamp * 1000, \"yyyy-MM-dd'T'HH:mm:ssXXX\")",
        "2021-02-11T17:04:49Z",
        {"timestamp": 1613063089},
    ),
)
def dformat(value: Any, pattern: Any) -> str | None:
    """Write a timestamp."""
    if value is None:
        return None
    at = ZonedDateTime.at_ms(long(value, "milliseconds since 1970"))
    return write_date(at, text(pattern, "a date pattern"))


@function(
    "date",
    _FAMILY,
    "date(DATE, FORMAT, DEFAULT_DATE)",
    "Reads a text as a date: by a pattern, or by the first default format that fits.",
    Example('date("2019-10-23 11:24", "yyyy-MM-dd HH:mm", now())', "2019-10-23T11:24:00Z"),
    Example('date("2019-10-23 11:24", "yyyy-MM-dd HH:mm")', "2019-10-23T11:24:00Z"),
    Example('date("2019-10-23 11:24")', "2019-10-23T11:24:00Z"),
    Example('date("12112020")', "2020-12-11T00:00:00Z"),
    Example('date(missing, "yyyy-MM-dd", now())', "2021-10-26T10:10:24Z"),
    note="DEFAULT_DATE is taken for null only. Assumed: a text that does not fit is an error; the "
    "forms of the page's own examples are tried after the documented ones",
)
def date(value: Any, pattern: Any = None, default: Any = None) -> ZonedDateTime | None:
    """Read a date."""
    if value is None:
        return None if default is None else moment(default)
    if isinstance(value, ZonedDateTime):
        return value
    if not isinstance(value, str):
        raise FunctionFailed(
            "expected a date as text; for seconds since 1970 write dformat(seconds * 1000, …)"
        )
    return moment(value) if pattern is None else read_date(value, text(pattern, "a date pattern"))


@function(
    "date_part",
    _FAMILY,
    "date_part(COMPONENT, DATE)",
    "Gives a part of a date as a number.",
    Example('date_part("MM", date("2019-10-17 11:55:12"))', 10),
    Example('date_part("hour", date("2019-10-17 11:55:12"))', 11),
    Example('date_part("weekday", date("2019-10-17 11:55:12"))', 4),
)
def date_part(component: Any, value: Any) -> int | None:
    """Take a part of a date."""
    field = _part(component, _PARTS)
    if value is None:
        return None
    if field == "millisecond":
        return moment(value).nano // 1_000_000
    return number_of(moment(value), field)


@function(
    "set_date_part",
    _FAMILY,
    "set_date_part(COMPONENT, VALUE, DATE)",
    "Gives a date with one part replaced.",
    Example('set_date_part("m", 4, date("2016-11-09T11:44:44.797"))', "2016-04-09T11:44:44.797Z"),
    Example('set_date_part("month", 2, date("2020-01-31"))', "2020-02-29T00:00:00Z"),
    note="the documentation's output drops the milliseconds of its input",
)
def set_date_part(component: Any, part: Any, value: Any) -> ZonedDateTime | None:
    """Replace a part of a date; a day past the month's end becomes its last."""
    field = _part(component, _SETTABLE)
    if value is None:
        return None
    given = moment(value)
    number = whole(part, f"a {field}")
    parts = {name: getattr(given.local, name) for name in _SETTABLE.values()}
    if field in {"year", "month"}:
        parts["day"] = min(parts["day"], _last_day({**parts, field: number}))
    return ZonedDateTime.at_local(_local({**parts, field: number}), given.nano, given.zone)


def _last_day(parts: dict[str, int]) -> int:
    for day in (31, 30, 29):
        try:
            _local({**parts, "day": day})
        except FunctionFailed:
            continue
        return day
    return 28


def _local(parts: dict[str, int]) -> datetime:
    try:
        return datetime(**parts)  # type: ignore[arg-type]  # noqa: DTZ001 - clocks of a zone
    except (ValueError, OverflowError):
        raise FunctionFailed(
            "there is no such date: expected a year of 1 to 9999, a month of 1 to 12, a day of "
            "that month, an hour of 0 to 23, a minute and a second of 0 to 59"
        ) from None


@function(
    "make_date_time",
    _FAMILY,
    "make_date_time(YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, NANOSECOND, TIMEZONE)",
    "Makes a date out of its parts.",
    Example(
        'make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")',
        "2019-10-17T11:55:12.000000999-07:00[America/Los_Angeles]",
    ),
    note="the documentation prints a time in Los Angeles as UTC, without its nanoseconds",
)
def make_date_time(  # noqa: PLR0913, PLR0917 - the documented arguments
    year: Any,
    month: Any,
    day: Any,
    hour: Any,
    minute: Any,
    second: Any,
    nanosecond: Any,
    timezone: Any,
) -> ZonedDateTime:
    """Make a date."""
    parts = {
        "year": year,
        "month": month,
        "day": day,
        "hour": hour,
        "minute": minute,
        "second": second,
        "nanosecond": nanosecond,
    }
    given = {name: whole(number, f"a {name}") for name, number in parts.items()}
    nano = given.pop("nanosecond")
    if not 0 <= nano < NANOS_A_SECOND:
        raise FunctionFailed("expected a nanosecond of 0 to 999999999")
    return ZonedDateTime.at_local(_local(given), nano, zone(text(timezone, "a zone")))


@function(
    "zone_date_to_utc",
    _FAMILY,
    "zone_date_to_utc(DATE)",
    "Gives the same instant in UTC.",
    Example(
        'zone_date_to_utc(date("2019-10-17T11:55:12 PST", "yyyy-MM-dd\'T\'HH:mm:ss z"))',
        "2019-10-17T18:55:12Z",
    ),
    Example('zone_date_to_utc(date("2019-10-17T11:55:12-08:00"))', "2019-10-17T19:55:12Z"),
    note="the documentation's output takes PST for eight hours in October; Java takes the zone's "
    "summer time",
)
def zone_date_to_utc(value: Any) -> ZonedDateTime | None:
    """Convert to UTC."""
    return None if value is None else moment(value).in_zone(utc())


@function(
    "zone_date_to_zone",
    _FAMILY,
    "zone_date_to_zone(DATE, ZONE)",
    "Gives the same instant in another zone.",
    Example('zone_date_to_zone(now(), "Europe/Paris")', "2021-10-26T12:10:24+02:00[Europe/Paris]"),
    note="the documentation prints a time in Paris as UTC",
)
def zone_date_to_zone(value: Any, name: Any) -> ZonedDateTime | None:
    """Convert to a zone."""
    return None if value is None else moment(value).in_zone(zone(text(name, "a zone")))


MAKE_TIMESTAMP = alias(
    "make_timestamp",
    make_date_time,
    Example(
        'make_timestamp(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")',
        "2019-10-17T11:55:12.000000999-07:00[America/Los_Angeles]",
    ),
    Example('make_timestamp(2019, 10, 17, 11, 55, 12, 0, "UTC")', "2019-10-17T11:55:12Z[UTC]"),
)

FUNCTIONS: tuple[Function, ...] = (
    now,
    timestamp,
    write,
    dformat,
    date,
    date_part,
    set_date_part,
    make_date_time,
    MAKE_TIMESTAMP,
    zone_date_to_utc,
    zone_date_to_zone,
)
