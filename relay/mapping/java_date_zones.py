"""
Offsets and zone names in a Java date pattern: ``Z``, ``X``, ``O``, ``z``, ``VV``.

Source:
    ``java.time.format.DateTimeFormatterBuilder`` (Java 17), English (US) names.

Assumed:
    of the abbreviations that Java reads for ``z``, those that mean one thing; short names are
    written as the time zone database has them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.mapping.function import FunctionFailed
from relay.mapping.java_date_items import Fields, Unread
from relay.mapping.java_dates import ZonedDateTime, fixed_zone, utc, zone

SHORT, FULL = "short", "full"

_OFFSETS = {
    "+HHmm": re.compile(r"([+-])(\d\d)(\d\d)?"),
    "+HHMM": re.compile(r"([+-])(\d\d)(\d\d)"),
    "+HH:MM": re.compile(r"([+-])(\d\d):(\d\d)"),
    "+HHMMss": re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?"),
    "+HH:MM:ss": re.compile(r"([+-])(\d\d):(\d\d)(?::(\d\d))?"),
    "GMT+H": re.compile(r"GMT(?:([+-])(\d\d?)(?::(\d\d)(?::(\d\d))?)?)?"),
    "GMT+HH:MM": re.compile(r"GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?"),
}


@dataclass(frozen=True, slots=True)
class Offset:
    """An offset from UTC in one of Java's forms; *none* is written when there is none."""

    form: str
    none: str

    def write(self, moment: ZonedDateTime) -> str:
        """Give the offset."""
        if not moment.offset_s:
            return self.none
        sign = "-" if moment.offset_s < 0 else "+"
        minutes, seconds = divmod(abs(moment.offset_s), 60)
        hours, minutes = divmod(minutes, 60)
        if self.form == "GMT+H":
            tail = f":{minutes:02d}" if minutes or seconds else ""
            return f"GMT{sign}{hours}{tail}" + (f":{seconds:02d}" if seconds else "")
        colon = ":" if ":" in self.form else ""
        text = f"{sign}{hours:02d}"
        if minutes or self.form != "+HHmm":
            text += f"{colon}{minutes:02d}"
        if seconds and (self.form.endswith("ss") or self.form.startswith("GMT")):
            text += f"{colon}{seconds:02d}"
        return f"GMT{text}" if self.form.startswith("GMT") else text

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read an offset, or what stands for none."""
        found = _OFFSETS[self.form].match(text, position)
        if found is None:
            if not text.startswith(self.none, position):
                raise Unread(position)
            fields.zone = utc()
            return position + len(self.none)
        sign, hours, minutes, seconds = (*found.groups(), None)[:4]
        total = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
        try:
            fields.zone = fixed_zone(-total if sign == "-" else total)
        except FunctionFailed:
            raise Unread(position) from None
        return found.end()


# What a text such as "PST" means where Java reads a zone name in English; Java has a zone for
# every abbreviation of its locale data, these are the ones that mean one thing there.
_ABBREVIATIONS = {
    "PST PDT PT": "America/Los_Angeles",
    "MST MDT MT": "America/Denver",
    "CST CDT CT": "America/Chicago",
    "EST EDT ET": "America/New_York",
    "AKST AKDT": "America/Anchorage",
    "HST": "Pacific/Honolulu",
    "CET CEST": "Europe/Paris",
    "EET EEST": "Europe/Bucharest",
    "WET WEST": "Europe/Lisbon",
    "JST": "Asia/Tokyo",
    "AEST AEDT": "Australia/Sydney",
}
# Java takes one of several zones, hardly the one that is meant: "IST" is Africa/Abidjan.
_AMBIGUOUS = frozenset({"BST", "IST", "SST", "AST", "ACT", "ECT", "MIT", "NST"})
_FULL_NAMES = {
    "PST": "Pacific Standard Time",
    "PDT": "Pacific Daylight Time",
    "MST": "Mountain Standard Time",
    "MDT": "Mountain Daylight Time",
    "CST": "Central Standard Time",
    "CDT": "Central Daylight Time",
    "EST": "Eastern Standard Time",
    "EDT": "Eastern Daylight Time",
    "CET": "Central European Standard Time",
    "CEST": "Central European Summer Time",
    "GMT": "Greenwich Mean Time",
    "UTC": "Coordinated Universal Time",
}
_ZONE_TEXT = re.compile(r"[+-]\d\d(?::?\d\d)?|[A-Za-z][A-Za-z0-9~/._-]*(?:[+-]\d\d:\d\d)?")


@dataclass(frozen=True, slots=True)
class ZoneName:
    """A zone by name (``z``) or id (``VV``)."""

    style: str = ""

    def write(self, moment: ZonedDateTime) -> str:
        """Give the zone's name at that time, or its id when it has no other."""
        if not moment.zone.is_region or not self.style:
            return moment.zone.id
        fold_free = moment.local.replace(tzinfo=moment.zone.rules)
        plain = moment.zone.id in {"UTC", "GMT"}
        short = moment.zone.id if plain else fold_free.tzname() or moment.zone.id
        if self.style == SHORT:
            return short
        if short not in _FULL_NAMES:
            raise FunctionFailed(
                "the full name of this zone is not known here: use 'z' or 'VV' instead of 'zzzz'"
            )
        return _FULL_NAMES[short]

    def read(self, text: str, position: int, fields: Fields) -> int:
        """Read an offset, a zone id or, for ``z``, an English abbreviation."""
        found = _ZONE_TEXT.match(text, position)
        if found is None:
            raise Unread(position)
        name = found[0]
        if self.style:
            if name in _AMBIGUOUS:
                raise Unread(position, "the zone's abbreviation means several things")
            known = (ids for names, ids in _ABBREVIATIONS.items() if name in names.split())
            name = next(known, name)
        try:
            fields.zone = zone(name)
        except FunctionFailed:
            raise Unread(position) from None
        return found.end()
