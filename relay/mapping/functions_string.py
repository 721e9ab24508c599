"""
Functions on text.

Null is given back as null; positions and lengths count UTF-16 units, as Java does.

Source:
    Data Prep functions, "String functions". Where it is silent, Apache Commons Lang's
    ``StringUtils``, whose wording and examples the page repeats (Assumed).
"""

from __future__ import annotations

from typing import Any

from relay.mapping.arguments import bounded, joined, spread, text, whole
from relay.mapping.function import Example, Function, FunctionFailed, Method, alias, function
from relay.mapping.java_regex import java_regex
from relay.mapping.java_text import joined as together
from relay.mapping.java_text import units
from relay.mapping.limits import MAX_TEXT_CHARS, LimitPassed

_FAMILY = "String"
# What Character.isWhitespace calls white: no-break spaces are not.
_WHITE = (
    "\t\n\x0b\f\r\x1c\x1d\x1e\x1f \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009"
    "\u200a\u2028\u2029\u205f\u3000"
)


@function(
    "concat",
    _FAMILY,
    "concat(STRING_1, STRING_2, …)",
    "Joins its arguments in order; null joins as nothing.",
    Example('concat("Hi, ", "there", "!")', "Hi, there!"),
    Example(
        "concat(metric, '-', data.campaign_id)",
        "opened-9",
        {
            "metric": "opened",
            "data": {"campaign_id": 9},
        },
    ),
    Example('concat("a", null, true, 2.50)', "atrue2.5"),
    note="Assumed: null joins as nothing; the documentation does not say",
)
def concat(*values: Any) -> str:
    """Join the texts."""
    return joined("", [text(value) for value in values if value is not None])


@function(
    "explode",
    _FAMILY,
    "explode(STRING, REGEX)",
    "Splits a text on a regular expression (a comma when none is given); keeps empty pieces.",
    Example('explode("Hi, there!", " ")', ["Hi,", "there!"]),
    Example('explode("a,b,,c,")', ["a", "b", "", "c", ""]),
    Example('explode("id1|id2", "\\\\|")', ["id1", "id2"]),
    note="the documented output of the first example lacks the '!'; Assumed: empty pieces at the "
    "end are kept too, as the page says of this function",
)
def explode(value: Any, pattern: Any = ",") -> list[str] | None:
    """Split on matches."""
    if value is None:
        return None
    return java_regex(text(pattern, "a regular expression")).split(text(value), limit=-1)


@function(
    "instr",
    _FAMILY,
    "instr(INPUT, SUBSTRING, START_POSITION, OCCURRENCE)",
    "Gives the position of a text in another, counted from 0; -1 when it is not there.",
    Example('instr("adobe.com", "com")', 6),
    Example('instr("banana", "an", 2)', 3),
    Example('instr("banana", "an", 0, 2)', 3),
    Example('instr("banana", "x")', -1),
    note="Assumed: -1 when it is not there, and START_POSITION counts from 0",
)
def instr(value: Any, wanted: Any, start: Any = 0, occurrence: Any = 1) -> int | None:
    """Find the n-th occurrence."""
    if value is None or wanted is None:
        return None
    searched, part = units(text(value)), units(text(wanted))
    at = max(whole(start, "a start position"), 0) - 1
    count = whole(occurrence, "an occurrence")
    if count < 1:
        raise FunctionFailed("expected an occurrence of 1 or more")
    for _ in range(count):
        at = searched.find(part, at + 1)
        if at < 0:
            return -1
    return at


@function(
    "replacestr",
    _FAMILY,
    "replacestr(INPUT, TO_FIND, TO_REPLACE)",
    "Replaces every occurrence of a text, taken literally.",
    Example(
        'replacestr("This is a string re test", "re", "replace")',
        "This is a string replace test",
    ),
    Example('replacestr("a.b.c", ".", "")', "abc"),
    note="Assumed: every occurrence, and no regular expression",
)
def replacestr(value: Any, wanted: Any, replacement: Any) -> str | None:
    """Replace literally."""
    if value is None:
        return None
    whole_text = text(value)
    if wanted is None or wanted == "" or replacement is None:
        return whole_text
    part, other = text(wanted), text(replacement)
    grown = len(whole_text) + whole_text.count(part) * (len(other) - len(part))
    if grown > MAX_TEXT_CHARS:
        raise LimitPassed(f"a text has more than {MAX_TEXT_CHARS} characters")
    return whole_text.replace(part, other)


@function(
    "substr",
    _FAMILY,
    "substr(INPUT, START_INDEX, LENGTH)",
    "Gives so many characters from a position, counted from 0.",
    Example('substr("This is a substring test", 7, 8)', " a subst"),
    Example('substr("abc", 1, 10)', "bc"),
    note="Assumed: what lies outside of the text is left out",
)
def substr(value: Any, start: Any, length: Any) -> str | None:
    """Cut out a part."""
    if value is None:
        return None
    first = max(whole(start, "a start index"), 0)
    count = max(whole(length, "a length"), 0)
    return together(units(text(value))[first : first + count])


@function(
    "lower",
    _FAMILY,
    "lower(INPUT)",
    "Writes a text in lower case.",
    Example('lower("HeLLo")', "hello"),
    Example("lower(missing)", None),
)
def lower(value: Any) -> str | None:
    """Write in lower case."""
    return None if value is None else text(value).lower()


@function(
    "upper",
    _FAMILY,
    "upper(INPUT)",
    "Writes a text in upper case.",
    Example('upper("HeLLo")', "HELLO"),
)
def upper(value: Any) -> str | None:
    """Write in upper case."""
    return None if value is None else text(value).upper()


@function(
    "split",
    _FAMILY,
    "split(INPUT, SEPARATOR)",
    "Splits a text on any character of the separator; drops empty pieces.",
    Example('split("Hello world", " ")', ["Hello", "world"]),
    Example('split("a,b;;c", ",;")', ["a", "b", "c"]),
    note="Assumed: as StringUtils.split, so a separator of several characters means any of them",
)
def split(value: Any, separator: Any) -> list[str] | None:
    """Split on characters."""
    if value is None:
        return None
    marks = _WHITE if separator is None else text(separator, "separator characters")
    whole_text = text(value)
    if not marks:
        return [whole_text] if whole_text else []
    # For one mark, as nearly always, it would change nothing, and hold the loop for long texts.
    alike = (
        whole_text
        if len(marks) == 1
        else whole_text.translate(dict.fromkeys(map(ord, marks), marks[0]))
    )
    bounded(alike.count(marks[0]))
    return [piece for piece in alike.split(marks[0]) if piece]


@function(
    "join",
    _FAMILY,
    "join(SEPARATOR, [OBJECTS])",
    "Joins the elements of an array with a separator; null joins as nothing.",
    Example('join(" ", to_array(true, "Hello", "world"))', "Hello world"),
    Example('join("-", [1, 2, 3])', "1-2-3"),
    note="Assumed: null joins as nothing",
)
def join(separator: Any, *objects: Any) -> str | None:
    """Join with a separator."""
    if objects == (None,):
        return None
    between = "" if separator is None else text(separator, "a separator")
    parts = spread(objects)
    return joined(between, ["" if part is None else text(part) for part in parts])


def _padding(value: str, size: Any, padding: Any) -> str:
    count = whole(size, "a size") - len(units(value))
    if count > MAX_TEXT_CHARS:
        raise LimitPassed(f"a text has more than {MAX_TEXT_CHARS} characters")
    pad = units(" " if padding is None else text(padding, "a padding") or " ")
    return together((pad * (count // len(pad) + 1))[:count]) if count > 0 else ""


@function(
    "lpad",
    _FAMILY,
    "lpad(INPUT, COUNT, PADDING)",
    "Pads a text on the left to a size; a text that is longer stays as it is.",
    Example('lpad("bat", 8, "yz")', "yzyzybat"),
    Example('lpad("bat", 5, "")', "  bat"),
)
def lpad(value: Any, size: Any, padding: Any) -> str | None:
    """Pad on the left."""
    return None if value is None else _padding(text(value), size, padding) + text(value)


@function(
    "rpad",
    _FAMILY,
    "rpad(INPUT, COUNT, PADDING)",
    "Pads a text on the right to a size; a text that is longer stays as it is.",
    Example('rpad("bat", 8, "yz")', "batyzyzy"),
    Example('rpad("bat", 2, "x")', "bat"),
)
def rpad(value: Any, size: Any, padding: Any) -> str | None:
    """Pad on the right."""
    return None if value is None else text(value) + _padding(text(value), size, padding)


@function(
    "left",
    _FAMILY,
    "left(STRING, COUNT)",
    "Gives the first characters of a text.",
    Example('left("abcde", 2)', "ab"),
    Example('left("abc", 10)', "abc"),
)
def left(value: Any, count: Any) -> str | None:
    """Give the start."""
    if value is None:
        return None
    return together(units(text(value))[: max(whole(count, "a count"), 0)])


@function(
    "right",
    _FAMILY,
    "right(STRING, COUNT)",
    "Gives the last characters of a text.",
    Example('right("abcde", 2)', "de"),
    Example('right("abc", 10)', "abc"),
)
def right(value: Any, count: Any) -> str | None:
    """Give the end."""
    if value is None:
        return None
    whole_text, wanted = units(text(value)), max(whole(count, "a count"), 0)
    return together(whole_text[max(len(whole_text) - wanted, 0) :])


@function(
    "ltrim",
    _FAMILY,
    "ltrim(STRING)",
    "Removes white space at the start.",
    Example('ltrim(" hello")', "hello"),
    Example('ltrim("  a b ")', "a b "),
)
def ltrim(value: Any) -> str | None:
    """Trim the start."""
    return None if value is None else text(value).lstrip(_WHITE)


@function(
    "rtrim",
    _FAMILY,
    "rtrim(STRING)",
    "Removes white space at the end.",
    Example('rtrim("hello ")', "hello"),
)
def rtrim(value: Any) -> str | None:
    """Trim the end."""
    return None if value is None else text(value).rstrip(_WHITE)


@function(
    "trim",
    _FAMILY,
    "trim(STRING)",
    "Removes white space at both ends.",
    Example('trim(" hello ")', "hello"),
)
def trim(value: Any) -> str | None:
    """Trim both ends."""
    return None if value is None else text(value).strip(_WHITE)


LCASE = alias("lcase", lower, Example('lcase("HeLLo")', "hello"))
UCASE = alias("ucase", upper, Example('ucase("HeLLo")', "HELLO"))

FUNCTIONS: tuple[Function, ...] = (
    concat,
    explode,
    instr,
    replacestr,
    substr,
    lower,
    LCASE,
    upper,
    UCASE,
    split,
    join,
    lpad,
    rpad,
    left,
    right,
    ltrim,
    rtrim,
    trim,
)

METHODS: tuple[Method, ...] = (
    Method(
        "equals",
        _FAMILY,
        "STRING1.equals(STRING2)",
        "Compares two texts, case and all; a method of Java's String.",
        (Example('"string1".equals("STRING1")', result=False),),
    ),
    Method(
        "equalsIgnoreCase",
        _FAMILY,
        "STRING1.equalsIgnoreCase(STRING2)",
        "Compares two texts without regard to case; a method of Java's String.",
        (Example('"string1".equalsIgnoreCase("STRING1")', result=True),),
        note="the documentation's example lacks a closing quote",
    ),
)
