"""
Date patterns of which every part stands in the ISO text of a moment in UTC (pure).

``2021-02-11T17:04:49.000`` has year, month, day, hour, minute, second and milliseconds at fixed
places, so that patterns of these, of literals and of an offset are written by joining pieces of
it. That covers what mappings mostly write; other patterns are for `relay.mapping.java_date_text`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from relay.mapping.function import FunctionFailed
from relay.mapping.java_date_items import Fraction, Item, Literal, Number
from relay.mapping.java_date_patterns import compile_pattern
from relay.mapping.java_date_zones import Offset

Piece = tuple[str, slice | None]
"""Text that stands for itself, or a part of the ISO text."""

_YEAR_DIGITS, _MS_DIGITS = 4, 3
_PLACES = {
    "year": (0, 4),
    "month": (5, 7),
    "day": (8, 10),
    "hour": (11, 13),
    "minute": (14, 16),
    "second": (17, 19),
}
_MS_AT = 20
_LAYOUT = "____-__-__T__:__:__.___"


@lru_cache(maxsize=256)
def utc_writer(pattern: str) -> Callable[[int], str] | None:
    """
    Compile *pattern* to what writes milliseconds since 1970 in UTC; None when it cannot be.

    The writer raises OverflowError outside of the years 1 to 9999.
    """
    try:
        items = compile_pattern(pattern)
    except FunctionFailed:
        return None
    pieces: list[Piece] = []
    for item in items:
        piece = _piece(item)
        if piece is None:
            return None
        _append(pieces, piece)
    return _writer(pieces)


def _piece(item: Item) -> Piece | None:
    match item:
        case Literal(text):
            return text, None
        case Offset(_, none):
            return none, None
        case Fraction(digits) if digits <= _MS_DIGITS:
            return "", slice(_MS_AT, _MS_AT + digits)
        case Number(field, least) if field in _PLACES:
            start, end = _PLACES[field]
            # A year of fewer digits is written with as many as it has.
            return ("", slice(start, end)) if least == end - start else None
    return None


def _append(pieces: list[Piece], piece: Piece) -> None:
    """Add *piece*; what lies side by side in the ISO text becomes one piece."""
    text, part = piece
    if pieces and (last := pieces[-1][1]) is not None:
        between = _LAYOUT[last.stop : last.stop + len(text)]
        if part is None and text == between:
            pieces[-1] = ("", slice(last.start, last.stop + len(text)))
            return
        if part is not None and part.start == last.stop:
            pieces[-1] = ("", slice(last.start, part.stop))
            return
    pieces.append(piece)


def _writer(pieces: list[Piece]) -> Callable[[int], str]:
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - clocks of UTC, written without an offset

    def moment(epoch_ms: int) -> str:
        seconds, ms = divmod(epoch_ms, 1000)
        return (epoch + timedelta(0, seconds, ms * 1000)).isoformat("T", "milliseconds")

    def write(epoch_ms: int) -> str:
        iso = moment(epoch_ms)
        return "".join([text if part is None else iso[part] for text, part in pieces])

    match pieces:
        case [(_, slice() as part)]:
            return lambda epoch_ms: moment(epoch_ms)[part]
        case [(_, slice() as part), (text, None)]:
            return lambda epoch_ms: moment(epoch_ms)[part] + text
    return write
