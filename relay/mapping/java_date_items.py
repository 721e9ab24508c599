"""
What a Java date pattern is made of: numbers, names and fractions.

Each item writes its part of a moment and reads it back out of text, as ``DateTimeFormatter`` does
in its default, strict parsing. Reading gathers *fields*; `relay.mapping.java_date_patterns` makes
a moment of them.

Source:
    ``java.time.format.DateTimeFormatterBuilder`` (Java 17), English (US) names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from relay.mapping.java_dates import NANOS_A_SECOND, Zone, ZonedDateTime

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LONGEST_NUMBER = 19  # digits; Java's bound for a number of open width


class Unread(Exception):
    """The text at *position* is not what the pattern expects there; *reason* says more."""

    def __init__(self, position: int, reason: str = "") -> None:
        super().__init__(position, reason)
        self.position = position
        self.reason = reason


@dataclass(slots=True)
class Fields:
    """What has been read: numbers by field name, and a zone or offset."""

    numbers: dict[str, int]
    zone: Zone | None = None

    def put(self, name: str, number: int, position: int) -> None:
        """Note a number; the same field twice must have the same value."""
        if self.numbers.setdefault(name, number) != number:
            raise Unread(position, f"it gives two values for the {name.replace('_', ' ')}")


class Item(Protocol):
    """One part of a pattern."""

    def write(self, moment: ZonedDateTime) -> str:
        """Give the text of *moment*'s part."""
        ...

    def read(self, text: str, position: int, fields: Fields) -> int:
        """
        Read the part at *position* into *fields*; give the position behind it.

        Raises:
            Unread: the text does not fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class Literal:
    """Text that stands for itself."""

    text: str

    def write(self, _moment: ZonedDateTime) -> str:
        """Give the text."""
        return self.text

    def read(self, text: str, position: int, _fields: Fields) -> int:
        """Pass over the text."""
        if not text.startswith(self.text, position):
            raise Unread(position)
        return position + len(self.text)


@dataclass(frozen=True, slots=True)
class Number:
    """
    A number of *least* to *most* digits.

    *reserved* digits behind it belong to numbers that follow without a separator, so that
    ``yyyyMMdd`` can be read; *is_open* numbers want a plus sign when longer than *least*.
    """

    field: str
    least: int
    most: int = _LONGEST_NUMBER
    is_open: bool = False
    reserved: int = 0

    @property
    def is_fixed(self) -> bool:
        """Whether it has exactly one width."""
        return self.least == self.most

    def write(self, moment: ZonedDateTime) -> str:
        """Give the digits, padded with zeros."""
        digits = f"{number_of(moment, self.field):0{self.least}d}"
        return f"+{digits}" if self.is_open and len(digits) > self.least else digits

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read as many digits as are there and not reserved."""
        start = position
        signed = self.is_open and text[position : position + 1] == "+"
        start += signed
        end = digits_end(text, start, self.most + self.reserved)
        if end - start < self.least:
            raise Unread(position)
        end = start + max(self.least, end - start - self.reserved)
        if self.is_open and signed != (end - start > self.least):
            raise Unread(position)
        fields.put(self.field, int(text[start:end]), position)
        return end


@dataclass(frozen=True, slots=True)
class TwoDigitYear:
    """A year of two digits, in 2000 to 2099."""

    field: str

    def write(self, moment: ZonedDateTime) -> str:
        """Give the last two digits."""
        return f"{number_of(moment, self.field) % 100:02d}"

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read two digits."""
        end = digits_end(text, position, 2)
        if end - position != 2:  # noqa: PLR2004 - two digits
            raise Unread(position)
        fields.put(self.field, 2000 + int(text[position:end]), position)
        return end


@dataclass(frozen=True, slots=True)
class Fraction:
    """The first *digits* digits of the fraction of the second."""

    digits: int

    def write(self, moment: ZonedDateTime) -> str:
        """Give them, cut off, not rounded."""
        return f"{moment.nano:09d}"[: self.digits]

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read exactly so many digits."""
        end = digits_end(text, position, self.digits)
        if end - position != self.digits:
            raise Unread(position)
        fields.put("nano", int(text[position:end].ljust(9, "0")), position)
        return end


@dataclass(frozen=True, slots=True)
class Name:
    """A name out of *names*, of which the first stands for *first*; as Java, in its own case."""

    field: str
    names: tuple[str, ...]
    first: int = 1
    is_readable: bool = True

    def write(self, moment: ZonedDateTime) -> str:
        """Give the name."""
        return self.names[number_of(moment, self.field) - self.first]

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read the longest name that stands there."""
        fits = [name for name in self.names if text.startswith(name, position)]
        if not fits or not self.is_readable:
            raise Unread(position)
        longest = max(fits, key=len)
        fields.put(self.field, self.names.index(longest) + self.first, position)
        return position + len(longest)


@dataclass(frozen=True, slots=True)
class Optional:
    """A part in square brackets: written always, read when it is there."""

    items: Sequence[Item]

    def write(self, moment: ZonedDateTime) -> str:
        """Give the part."""
        return "".join(item.write(moment) for item in self.items)

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read the part, or nothing of it."""
        numbers, read_zone, end = dict(fields.numbers), fields.zone, position
        try:
            for item in self.items:
                end = item.read(text, end, fields)
        except Unread:
            fields.numbers, fields.zone = numbers, read_zone
            return position
        return end


def digits_end(text: str, start: int, most: int) -> int:
    """Give the end of at most *most* ASCII digits at *start*."""
    run = text[start : start + most]
    if run.isdigit() and run.isascii():
        return start + len(run)
    end = start
    while end < len(text) and end - start < most and "0" <= text[end] <= "9":
        end += 1
    return end


def week_of(local: datetime) -> tuple[int, int]:
    """Give week year and week; weeks start on Sunday, the first holds January 1st (Java's US)."""
    first = datetime(local.year, 1, 1)  # noqa: DTZ001 - a calendar day, no moment
    week = (local.timetuple().tm_yday + first.isoweekday() % 7 - 1) // 7 + 1
    days_left = (datetime(local.year, 12, 31) - local).days  # noqa: DTZ001 - see above
    return (local.year + 1, 1) if days_left < 6 - local.isoweekday() % 7 else (local.year, week)


def number_of(moment: ZonedDateTime, field: str) -> int:
    """Give the number that *field* has in *moment*."""
    local = moment.local
    match field:
        case "year" | "month" | "day" | "hour" | "minute" | "second":
            return int(getattr(local, field))
        case "era":
            return 1
        case "quarter":
            return (local.month - 1) // 3 + 1
        case "day_of_year":
            return local.timetuple().tm_yday
        case "day_of_week":
            return local.isoweekday()
        case "week_in_month":
            return (local.day - 1) // 7 + 1
        case "nano":
            return moment.nano % NANOS_A_SECOND
        case _:
            return _number_of_clock_or_week(local, field)


def _number_of_clock_or_week(local: datetime, field: str) -> int:
    match field:
        case "half":
            return local.hour // 12
        case "clock_hour":
            return local.hour or 24
        case "half_hour":
            return local.hour % 12
        case "clock_half_hour":
            return local.hour % 12 or 12
        case "week_year":
            return week_of(local)[0]
        case "week":
            return week_of(local)[1]
        case "week_of_month":
            first = local.replace(day=1).isoweekday() % 7
            return (local.day + first - 1) // 7 + 1
        case _:
            raise ValueError(field)
