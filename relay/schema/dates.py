"""
The date formats that Data Prep tries by itself on the way to a date or date-time field (pure).

Source:
    Data handling, "automatic conversion" (dataprep-language.md §6): first match wins, so
    ``12112020`` is December 11th, because it is no ``yyyyMMdd``. Zoneless values are taken as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

DEFAULT_FORMATS = (
    "yyyy-MM-dd HH:mm:ssZ",
    "yyyy-MM-dd HH:mm:ss.SSSZ",
    "yyyy-MM-dd HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ss.SSSX",
    "yyyy-MM-dd'T'HH:mm:ss'Z'",
    "yyyy-MM-dd",
    "yyyy/MM/dd",
    "yyyy.MM.dd",
    "yyyy-MMM-dd",
    "yyyyMMdd",
    "MM-dd-yyyy",
    "MMddyyyy",
    "M/dd/yyyy",
    "dd.M.yyyy",
    "M/dd/yyyy hh:mm:ss a",
    "dd.M.yyyy hh:mm:ss a",
    "dd.MMM.yyyy",
    "dd-MMM-yyyy",
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LETTERS = {
    "yyyy": r"(?P<year>\d{4})",
    "MMM": r"(?P<month_name>[A-Za-z]{3})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "dd": r"(?P<day>\d{2})",
    "HH": r"(?P<hour>\d{2})",
    "hh": r"(?P<hour12>\d{2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
    "SSS": r"(?P<fraction>\d{3})",
    "Z": r"(?P<offset>[+-]\d{4})",
    "X": r"(?P<offset>Z|[+-]\d{2}(?:\d{2}|:\d{2})?)",
    "a": r"(?P<half>[AaPp][Mm])",
}
_TOKEN = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']")
_LONGEST = 32  # characters; no format above is longer, so longer text is not looked at


def _pattern(form: str) -> re.Pattern[str]:
    parts = []
    for token in _TOKEN.finditer(form):
        literal = token[1] if token[1] is not None else token[0]
        parts.append(_LETTERS.get(token[0]) or re.escape(literal))
    return re.compile("".join(parts), re.ASCII)


_PATTERNS = tuple(_pattern(form) for form in DEFAULT_FORMATS)


def read_default_format(text: str) -> datetime | None:
    """Read *text* by the first default format that fits; ``None`` when none does."""
    if len(text) > _LONGEST:
        return None
    for pattern in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None and (moment := _moment(found.groupdict())) is not None:
            return moment
    return None


def _moment(parts: dict[str, str | None]) -> datetime | None:
    try:
        return datetime(
            int(parts["year"] or 0),
            _month(parts),
            int(parts["day"] or 0),
            _hour(parts),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            int(parts.get("fraction") or 0) * 1000,
            tzinfo=_zone(parts.get("offset")),
        )
    except ValueError:
        return None


def _month(parts: dict[str, str | None]) -> int:
    name = parts.get("month_name")
    return _MONTHS.index(name.lower()) + 1 if name else int(parts["month"] or 0)


def _hour(parts: dict[str, str | None]) -> int:
    half = parts.get("half")
    if half is None:
        return int(parts.get("hour") or 0)
    hour = int(parts["hour12"] or 0)
    if not 1 <= hour <= 12:  # noqa: PLR2004 - a clock face
        raise ValueError(hour)
    return hour % 12 + (12 if half.lower() == "pm" else 0)


def _zone(offset: str | None) -> timezone:
    if offset is None or offset == "Z":
        return UTC
    digits = offset[1:].replace(":", "")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return timezone(-span if offset[0] == "-" else span)


def write_date_time(moment: datetime) -> str:
    """Write *moment* as the inlet takes it: milliseconds only when there are any, Z for UTC."""
    fraction = f".{moment.microsecond // 1000:03d}" if moment.microsecond else ""
    offset = moment.strftime("%z")
    zone = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction + zone


def write_date(day: date) -> str:
    """Write *day* as XDM dates are written."""
    return day.isoformat()[:10]
