"""
Moments with a zone, as Java's ``ZonedDateTime`` has them.

A moment is a local date and time of day, to the nanosecond, with the offset from UTC that holds
there and, when it has one, the zone that says which offset holds when. Its text is Java's
``ISO_ZONED_DATE_TIME``: ``2019-10-23T11:24:00Z``, ``2019-10-17T11:55:12.797-07:00``,
``2019-10-17T11:55:12-07:00[America/Los_Angeles]``.

Years 1 to 9999. A local time that a zone skips is moved forward by the length of the gap; of one
that it has twice the earlier is taken.

Source:
    ``java.time.ZonedDateTime``, ``java.time.ZoneId`` (Java 17); compared with it case by case in
    tests/unit/test_java_dates.py. That Data Prep's dates are of this class: the types of its API
    (dataprep-language.md §1, §6). Assumed: a date without zone is in UTC, as all examples show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, lru_cache, total_ordering
from typing import ClassVar, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from relay.mapping.function import FunctionFailed

NANOS_A_SECOND = 1_000_000_000
_MAX_OFFSET_S = 18 * 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_LOCAL = _EPOCH.replace(tzinfo=None)
_OFFSET = re.compile(r"([+-])(?:(\d)|(\d\d)(?::?(\d\d)(?::?(\d\d))?)?)")
_PREFIXED = re.compile(r"(UTC|GMT|UT)([+-].*)")
# What a machine's own database has beside the regions is none to Java: copies with and without
# leap seconds, and the machine's zone.
_REGION = re.compile(r"(?!posix|right/|localtime)[A-Za-z][A-Za-z0-9~/._+-]*")

# ``java.time.ZoneId.SHORT_IDS`` (Java 17), which Java itself wants to be asked for; Adobe's pages
# write "PST", so they are taken here.
_SHORT_IDS = {
    "ACT": "Australia/Darwin",
    "AET": "Australia/Sydney",
    "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo",
    "AST": "America/Anchorage",
    "BET": "America/Sao_Paulo",
    "BST": "Asia/Dhaka",
    "CAT": "Africa/Harare",
    "CNT": "America/St_Johns",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "EAT": "Africa/Addis_Ababa",
    "ECT": "Europe/Paris",
    "EST": "-05:00",
    "HST": "-10:00",
    "IET": "America/Indiana/Indianapolis",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "MIT": "Pacific/Apia",
    "MST": "-07:00",
    "NET": "Asia/Yerevan",
    "NST": "Pacific/Auckland",
    "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix",
    "PRT": "America/Puerto_Rico",
    "PST": "America/Los_Angeles",
    "SST": "Pacific/Guadalcanal",
    "VST": "Asia/Ho_Chi_Minh",
}


@dataclass(frozen=True, slots=True)
class Zone:
    """
    A zone: a region's rules, or an offset that is always the same, *fixed_s* seconds from UTC.

    *is_region* says that the id is written behind the offset, as Java does for ``UTC`` too.
    """

    id: str
    rules: ZoneInfo | timezone
    is_region: bool
    fixed_s: int | None = None


def offset_text(offset_s: int) -> str:
    """Write an offset as Java does: ``Z``, ``+05:30``, ``-07:52:58``."""
    if not offset_s:
        return "Z"
    sign = "-" if offset_s < 0 else "+"
    minutes, seconds = divmod(abs(offset_s), 60)
    text = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text}:{seconds:02d}" if seconds else text


@lru_cache(maxsize=256)
def fixed_zone(offset_s: int) -> Zone:
    """
    Give the zone that is always *offset_s* from UTC.

    Raises:
        FunctionFailed: more than 18 hours, Java's bound.
    """
    if abs(offset_s) > _MAX_OFFSET_S:
        raise FunctionFailed("a zone offset is at most 18 hours, as Java has it")
    rules = timezone(timedelta(seconds=offset_s))
    return Zone(offset_text(offset_s), rules, is_region=False, fixed_s=offset_s)


@cache
def utc() -> Zone:
    """Give the zone of dates that name none."""
    return fixed_zone(0)


def zone(name: str) -> Zone:
    """
    Give the zone called *name*: ``Z``, ``+01:00``, ``UTC+1``, ``Europe/Paris``, ``PST``.

    Raises:
        FunctionFailed: no such zone.
    """
    name = _SHORT_IDS.get(name, name)
    if name == "Z":
        return utc()
    if name[:1] in {"+", "-"}:
        return fixed_zone(_offset_s(name))
    if (prefixed := _PREFIXED.fullmatch(name)) is not None:
        fixed = fixed_zone(_offset_s(prefixed[2]))
        text = "" if fixed.id == "Z" else fixed.id
        return replace(fixed, id=prefixed[1] + text, is_region=True)
    if name in {"UTC", "GMT", "UT"}:
        return replace(utc(), id=name, is_region=True)
    return _region(name)


def _offset_s(text: str) -> int:
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise _unknown_zone()
    sign, hour, hours, minutes, seconds = found.groups()
    spans = int(hour or hours), int(minutes or 0), int(seconds or 0)
    if max(spans[1:]) > 59:  # noqa: PLR2004 - minutes and seconds
        raise _unknown_zone()
    total = spans[0] * 3600 + spans[1] * 60 + spans[2]
    return -total if sign == "-" else total


def _region(name: str) -> Zone:
    if _REGION.fullmatch(name) is None:
        raise _unknown_zone()
    try:
        return Zone(name, ZoneInfo(name), is_region=True)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown_zone() from None


def _unknown_zone() -> FunctionFailed:
    return FunctionFailed(
        "the zone is unknown: expected a name such as 'Europe/Paris', 'UTC' or '+01:00'"
    )


@total_ordering
@dataclass(frozen=True, slots=True, eq=True, repr=False)
class ZonedDateTime:
    """
    A moment. *local* has neither zone nor fraction; *nano* is the fraction of its second.

    Equal when date, time, offset and zone are; ordered by the instant first, as Java does.
    """

    java_type: ClassVar[str] = "ZonedDateTime"
    local: datetime
    nano: int
    offset_s: int
    zone: Zone

    @classmethod
    def at(cls, epoch_s: int, nano: int, zone: Zone) -> Self:
        """
        Give the moment *epoch_s* seconds and *nano* nanoseconds after 1970-01-01 UTC.

        Raises:
            FunctionFailed: outside of the years 1 to 9999.
        """
        try:
            if zone.fixed_s is not None:
                local = _EPOCH_LOCAL + timedelta(seconds=epoch_s + zone.fixed_s)
                return cls(local, nano, zone.fixed_s, zone)
            aware = (_EPOCH + timedelta(seconds=epoch_s)).astimezone(zone.rules)
        except (OverflowError, ValueError):
            raise _out_of_years() from None
        offset = aware.utcoffset() or timedelta()
        seconds = offset.days * 86400 + offset.seconds
        return cls(aware.replace(tzinfo=None, fold=0), nano, seconds, zone)

    @classmethod
    def at_local(cls, local: datetime, nano: int, zone: Zone) -> Self:
        """
        Give the moment at which clocks in *zone* show *local*.

        Raises:
            FunctionFailed: outside of the years 1 to 9999.
        """
        if zone.fixed_s is not None:
            return cls(local, nano, zone.fixed_s, zone)
        try:
            epoch_s = (local.replace(tzinfo=zone.rules) - _EPOCH) // timedelta(seconds=1)
        except (OverflowError, ValueError):
            raise _out_of_years() from None
        return cls.at(epoch_s, nano, zone)

    @classmethod
    def at_ms(cls, epoch_ms: int) -> Self:
        """Give the moment *epoch_ms* milliseconds after 1970-01-01, in UTC."""
        seconds, ms = divmod(epoch_ms, 1000)
        return cls.at(seconds, ms * 1_000_000, utc())

    @property
    def epoch_s(self) -> int:
        """Whole seconds since 1970-01-01 UTC."""
        since = self.local.replace(tzinfo=UTC) - _EPOCH
        return since.days * 86400 + since.seconds - self.offset_s

    @property
    def iso_offset(self) -> str:
        """Its ISO text without the region, as XDM's date-time takes it."""
        fraction = f".{self.nano:09d}".rstrip("0") if self.nano else ""
        return f"{self.local.isoformat()}{fraction}{offset_text(self.offset_s)}"

    def in_zone(self, zone: Zone) -> Self:
        """Give the same instant in *zone*."""
        return self.at(self.epoch_s, self.nano, zone)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, ZonedDateTime):
            return NotImplemented
        return self._order() < other._order()

    def _order(self) -> tuple[int, int, datetime, str]:
        return self.epoch_s, self.nano, self.local, self.zone.id

    def __str__(self) -> str:
        region = f"[{self.zone.id}]" if self.zone.is_region else ""
        return f"{self.iso_offset}{region}"

    def __repr__(self) -> str:
        return f"ZonedDateTime({self})"


def _out_of_years() -> FunctionFailed:
    return FunctionFailed("the date is outside of the years 1 to 9999, which the relay can hold")
