"""
Java date patterns: from ``yyyy-MM-dd'T'HH:mm:ss.SSSX`` to the items that write and read it.

The letters are those that Data Prep documents (G Y y M L w W D d F E u a H k K h m s S z Z X V O
Q q), x, literals in quotes, and optional parts in square brackets.

Source:
    Data handling (dataprep-language.md §6); ``java.time.format.DateTimeFormatter`` (Java 17).
    Where the documentation gives a letter the older ``SimpleDateFormat`` meaning it is followed:
    ``u`` is the day of the week (four or more are a year), ``F`` counts that weekday in the month.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from relay.mapping.function import FunctionFailed
from relay.mapping.java_date_items import (
    DAYS,
    MONTHS,
    Fraction,
    Item,
    Literal,
    Name,
    Number,
    Optional,
    TwoDigitYear,
)
from relay.mapping.java_date_zones import FULL, SHORT, Offset, ZoneName
from relay.mapping.limits import MAX_DATE_CHARS

_MAX_OPTIONAL_DEPTH = 8


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> tuple[Item, ...]:
    """
    Give the items of *pattern*.

    Raises:
        FunctionFailed: it is no pattern; says which letter and why.
    """
    if len(pattern) > MAX_DATE_CHARS:
        raise FunctionFailed(
            f"the date pattern has {len(pattern)} characters, expected at most {MAX_DATE_CHARS}"
        )
    items: list[Item] = []
    outer: list[list[Item]] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "[":
            outer.append(items)
            items = []
            if len(outer) > _MAX_OPTIONAL_DEPTH:
                raise FunctionFailed("the date pattern has too many nested optional parts")
        elif letter == "]":
            if not outer:
                raise FunctionFailed("the date pattern has a ']' without its '['")
            inner, items = items, outer.pop()
            items.append(Optional(tuple(_reserve(inner))))
        else:
            at = _next_item(pattern, at, items)
            continue
        at += 1
    while outer:  # Java closes at the end what is still open.
        inner, items = items, outer.pop()
        items.append(Optional(tuple(_reserve(inner))))
    return tuple(_reserve(items))


def _next_item(pattern: str, at: int, items: list[Item]) -> int:
    """Read one literal or run of letters at *at* into *items*; give the position behind it."""
    letter = pattern[at]
    if letter == "'":
        text, end = _quoted(pattern, at)
        items.append(Literal(text))
        return end
    if letter in "{}#":
        raise FunctionFailed(f"the date pattern has {letter!r}, which Java reserves: quote it")
    if not (letter.isascii() and letter.isalpha()):
        items.append(Literal(letter))
        return at + 1
    end = at
    while end < len(pattern) and pattern[end] == letter:
        end += 1
    items.append(_letters(letter, end - at))
    return end


def _quoted(pattern: str, at: int) -> tuple[str, int]:
    if pattern.startswith("''", at):
        return "'", at + 2
    end = at + 1
    while (end := pattern.find("'", end)) >= 0 and pattern.startswith("''", end):
        end += 2
    if end < 0:
        raise FunctionFailed("the date pattern has a quote that does not end")
    return pattern[at + 1 : end].replace("''", "'"), end + 1


def _letters(letter: str, count: int) -> Item:
    makers = _makers()
    if letter not in makers:
        hint = {"e": "u", "c": "u"}.get(letter, "")
        raise FunctionFailed(
            f"the date pattern has the letter {letter!r}, expected one of {' '.join(makers)}"
            + (f"; the day of the week is {hint!r}" if hint else "")
        )
    item = makers[letter](count)
    if item is None:
        raise FunctionFailed(f"the date pattern has {letter * count!r}: Java has no such width")
    return item


@cache
def _makers() -> dict[str, Callable[[int], Item | None]]:
    return {
        "G": lambda n: _names(n, "era", (("BC", "AD"), ("Before Christ", "Anno Domini")), first=0),
        "Y": lambda n: _year("week_year", n),
        "y": lambda n: _year("year", n),
        "M": _month,
        "L": _month,
        "w": lambda n: _number("week", n),
        "W": lambda n: _number("week_of_month", n, most=1),
        "D": lambda n: Number("day_of_year", n, 3 if n > 1 else 19) if n <= 3 else None,  # noqa: PLR2004 - 366
        "d": lambda n: _number("day", n),
        "F": lambda n: _number("week_in_month", n, most=1),
        "E": lambda n: _names(n, "day_of_week", (tuple(day[:3] for day in DAYS), DAYS)),
        "u": lambda n: Number("day_of_week", n) if n < 4 else _year("year", n),  # noqa: PLR2004 - a year has four digits
        "a": lambda n: Name("half", ("AM", "PM"), first=0) if n == 1 else None,
        "H": lambda n: _number("hour", n),
        "k": lambda n: _number("clock_hour", n),
        "K": lambda n: _number("half_hour", n),
        "h": lambda n: _number("clock_half_hour", n),
        "m": lambda n: _number("minute", n),
        "s": lambda n: _number("second", n),
        "S": lambda n: Fraction(n) if n <= 9 else None,  # noqa: PLR2004 - nanoseconds
        "z": lambda n: ZoneName(FULL if n == 4 else SHORT) if n <= 4 else None,  # noqa: PLR2004 - Java's widths
        "Z": _offset_z,
        "X": lambda n: _offset_x(n, "Z"),
        "x": lambda n: _offset_x(n, {1: "+00", 2: "+0000", 4: "+0000"}.get(n, "+00:00")),
        "V": lambda n: ZoneName() if n == 2 else None,  # noqa: PLR2004 - Java's width
        "O": {1: Offset("GMT+H", "GMT"), 4: Offset("GMT+HH:MM", "GMT")}.get,
        "Q": _quarter,
        "q": _quarter,
    }


def _number(field: str, count: int, *, most: int = 2) -> Item | None:
    if count > most:
        return None
    return Number(field, 1) if count == 1 else Number(field, 2, 2)


def _year(field: str, count: int) -> Item | None:
    if count > 19:  # noqa: PLR2004 - Java's bound
        return None
    if count == 2:  # noqa: PLR2004 - a year without its century
        return TwoDigitYear(field)
    return Number(field, count, is_open=count > 3)  # noqa: PLR2004 - up to three are a least width


def _names(
    count: int, field: str, names: tuple[tuple[str, ...], tuple[str, ...]], *, first: int = 1
) -> Item | None:
    short, full = names
    match count:
        case 1 | 2 | 3:
            return Name(field, short, first)
        case 4:
            return Name(field, full, first)
        case 5:
            return Name(field, tuple(n[0] for n in full), first, is_readable=False)
        case _:
            return None


def _month(count: int) -> Item | None:
    if count <= 2:  # noqa: PLR2004 - digits, then names
        return _number("month", count)
    return _names(count, "month", (tuple(name[:3] for name in MONTHS), MONTHS))


def _quarter(count: int) -> Item | None:
    match count:
        case 1 | 2:
            return _number("quarter", count)
        case 3:
            return Name("quarter", ("Q1", "Q2", "Q3", "Q4"))
        case 4:
            return Name("quarter", tuple(f"{n} quarter" for n in ("1st", "2nd", "3rd", "4th")))
        case 5:
            return Number("quarter", 1)
        case _:
            return None


def _offset_z(count: int) -> Item | None:
    forms = {4: Offset("GMT+HH:MM", "GMT"), 5: Offset("+HH:MM:ss", "Z")}
    return Offset("+HHMM", "+0000") if count <= 3 else forms.get(count)  # noqa: PLR2004 - Java's widths


def _offset_x(count: int, none: str) -> Item | None:
    forms = ("+HHmm", "+HHMM", "+HH:MM", "+HHMMss", "+HH:MM:ss")
    return Offset(forms[count - 1], none) if count <= len(forms) else None


def _reserve(items: list[Item]) -> list[Item]:
    """Let a number leave the digits of the fixed-width ones right behind it."""
    made: list[Item] = []
    base: int | None = None
    for item in items:
        width = _fixed_width(item)
        if base is not None and width:
            first = made[base]
            assert isinstance(first, Number)
            made[base] = Number(
                first.field, first.least, first.most, first.is_open, first.reserved + width
            )
        elif isinstance(item, Number):
            base = len(made)
        else:
            base = None
        made.append(item)
    return made


def _fixed_width(item: Item) -> int:
    match item:
        case Number() if item.is_fixed:
            return item.least
        case TwoDigitYear():
            return 2
        case Fraction():
            return item.digits
        case _:
            return 0
