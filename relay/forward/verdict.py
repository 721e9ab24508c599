"""
The fate of each record of a request, read from the inlet's answer (pure).

Of a whole request, by status. What has none of its own has its class's:

=====================================  ==================================================
200-299 with the inlet's JSON          taken; with ``responses`` item by item, and with a
                                       status of its own as that
200-299 without it                     ``UNREADABLE``: nobody says that it was taken
100-199, 600 and above                 ``LATER``: not an answer
300-399                                ``SETUP``: never followed
400, and 4xx without a row here        by its text: ``EVENT``, ``SETUP``, ``HEADERLESS``
401, 403, 407, 511                     ``CREDENTIALS``
404, 410                               ``UNKNOWN``: there is no such inlet
402, 405, 406, 411, 414, 415, 421,     ``SETUP``: it is how we ask, not what
426, 428, 431, 451, 501, 505, 506,
508, 510
408, 425, 502, 504 and other 5xx       ``LATER``
413, 422                               ``EVENT``
429, 503                               ``BUSY``
500                                    ``ERROR``
=====================================  ==================================================

No answer (`relay.forward.answer.Failure`): ``LATER``; ``TOO_LONG``: ``UNREADABLE``; a credential
that the identity service refuses: ``CREDENTIALS``.

In a 207 each item has ``statusCode`` or ``status`` (both occur, as number or text) and is judged
by the same table, or has an ``xactionId`` and no status: taken. Anything else: ``UNANSWERED``.
Items stand for records by place, unless each has an ``xactionId`` that ends in a place of its own
in rising order. Fewer items than records whose ids do not say which: nobody is answered.

Source:
    adobe.md §1.4, §1.5, §0.3, §0.4 and the fixtures of the same names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from relay.forward.answer import Answer, Failure
from relay.forward.refusal import Topic, message_of, told, topic_of


class Fate(StrEnum):
    """What an answer means for a record."""

    TAKEN = "taken"
    # Temporary: try again, later.
    BUSY = "busy"
    LATER = "later"
    ERROR = "error"  # 500: after some attempts it counts as EVENT
    UNREADABLE = "unreadable"
    UNANSWERED = "unanswered"
    # Refused for what it is.
    EVENT = "event"
    # Refused for how things are set up: no event's fault.
    HEADERLESS = "headerless"
    SETUP = "setup"
    CREDENTIALS = "credentials"
    UNKNOWN = "unknown"


TEMPORARY = frozenset(
    {Fate.BUSY, Fate.LATER, Fate.ERROR, Fate.UNREADABLE, Fate.UNANSWERED},
)
SET_UP = frozenset({Fate.HEADERLESS, Fate.SETUP, Fate.CREDENTIALS, Fate.UNKNOWN})

_BY_STATUS: dict[int, Fate] = {
    **dict.fromkeys((401, 403, 407, 511), Fate.CREDENTIALS),
    **dict.fromkeys((404, 410), Fate.UNKNOWN),
    **dict.fromkeys((402, 405, 406, 411, 414, 415, 421, 426, 428, 431, 451), Fate.SETUP),
    **dict.fromkeys((501, 505, 506, 508, 510), Fate.SETUP),
    **dict.fromkeys((408, 425), Fate.LATER),
    **dict.fromkeys((413, 422), Fate.EVENT),
    **dict.fromkeys((429, 503), Fate.BUSY),
    500: Fate.ERROR,
}
_BY_TOPIC = {Topic.EVENT: Fate.EVENT, Topic.HEADERLESS: Fate.HEADERLESS}
_PLACED_ID = re.compile(r"(?P<batch>\d+:\d+:\d+|[0-9a-fA-F-]{8,64})[:-](?P<place>[0-9]{1,7})")
_BY_FAILURE = {Failure.TOO_LONG: Fate.UNREADABLE, Failure.NO_TOKEN: Fate.CREDENTIALS}


@dataclass(frozen=True, slots=True)
class Ruling:
    """
    One record's fate, and why in words that hold nothing of the event.

    *document* is the refusal itself, which may: only `relay.forward.quotation` may tell of it.
    """

    fate: Fate
    why: str
    document: Any = field(default=None, repr=False, compare=False)


TOOK = Ruling(Fate.TAKEN, "")
_NO_ITEM = Ruling(Fate.UNANSWERED, "no item of the answer is about it")


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What an answer means for the records of its request.

    *items* has one ruling a record when they differ, and is empty when *whole* holds for all.
    *same* has them when each record was judged by itself and all alike. *odd* says what is strange
    about the answer although it was understood.
    """

    whole: Ruling
    items: Sequence[Ruling] = ()
    same: Sequence[Ruling] = ()
    odd: str = ""


def judge(answer: Answer, *, records: int, is_batch: bool) -> Verdict:
    """Say what *answer* means for a request of so many *records*."""
    if answer.failure is not None:
        fate = _BY_FAILURE.get(answer.failure, Fate.LATER)
        why = f"{answer.failure}: {answer.detail}" if answer.detail else answer.failure.value
        return Verdict(Ruling(fate, why))
    document = answer.document
    if not 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success, as HTTP has it
        return Verdict(ruling_of(answer.status, document))
    if type(document) is dict:
        responses = document.get("responses")
        if type(responses) is list:
            return _by_items(responses, records)
        if not is_batch and _is_receipt(document):
            return Verdict(_of_receipt(document))
    expected = "responses" if is_batch else "xactionId"
    return Verdict(
        Ruling(Fate.UNREADABLE, f"{answer.status} without the inlet's JSON ({expected})")
    )


def ruling_of(status: int, document: Any) -> Ruling:
    """Judge one refusal, of a whole request or of an item."""
    fate = _BY_STATUS.get(status)
    if fate is None:
        match status // 100:
            case 3:
                fate = Fate.SETUP
            case 4:
                fate = _BY_TOPIC.get(topic_of(message_of(document)), Fate.SETUP)
            case _:
                fate = Fate.LATER
    return Ruling(fate, told(status, document), document)


def _is_receipt(document: dict[str, Any]) -> bool:
    """Whether it is what the inlet says when it took an event, and not somebody else's 200."""
    return isinstance(document.get("xactionId") or document.get("inletId"), str)


def _of_receipt(document: dict[str, Any]) -> Ruling:
    ruling = _of_item(document)
    return TOOK if ruling is _NO_ITEM else ruling


def _by_items(responses: list[Any], records: int) -> Verdict:
    rulings = [_of_item(item) for item in responses]
    if len(rulings) == records and rulings.count(TOOK) == records:
        return Verdict(TOOK)
    odd = f"{len(rulings)} items for {records} records" if len(rulings) != records else ""
    places = _places(responses, records)
    if places is not None:
        placed = [_NO_ITEM] * records
        for place, ruling in zip(places, rulings, strict=True):
            placed[place] = ruling
        return _joined(placed, odd)
    if len(rulings) < records:
        return Verdict(Ruling(Fate.UNANSWERED, odd), odd=odd)
    return _joined(rulings[:records], odd)


def _joined(rulings: list[Ruling], odd: str) -> Verdict:
    first = rulings[0]
    if all(ruling == first for ruling in rulings):
        return Verdict(first, same=rulings, odd=odd)
    others = [ruling for ruling in rulings if ruling is not TOOK]
    why = f"{len(others)} of {len(rulings)} items not taken, the first: {others[0].why}"
    return Verdict(Ruling(Fate.UNANSWERED, why), items=rulings, odd=odd)


def _of_item(item: Any) -> Ruling:
    if type(item) is not dict:
        return _NO_ITEM
    status = item.get("statusCode")
    if status is None:
        status = item.get("status")
    if status is None:
        return TOOK if isinstance(item.get("xactionId"), str) else _NO_ITEM
    number = _number(status)
    if number is None:
        return _NO_ITEM
    return TOOK if 200 <= number < 300 else ruling_of(number, item)  # noqa: PLR2004 - success


def _number(status: object) -> int | None:
    if type(status) is int:
        return status
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) < 4:  # noqa: PLR2004 - a status has three digits
        return int(status)
    return None


def _places(responses: list[Any], records: int) -> list[int] | None:
    """
    Read the records' places from the ids' ends: ``"1565638336649:1750:244:3"``, ``"9341…-0"``.

    ``None`` unless every item has one of the same batch, they rise, and all are places of the
    request. Adobe's own sample answers at place 0 with an id that ends in 3, and the ids of single
    events end in a number that is no place.
    """
    places: list[int] = []
    batch = None
    for item in responses:
        xaction_id = item.get("xactionId") if type(item) is dict else None
        found = _PLACED_ID.fullmatch(xaction_id) if isinstance(xaction_id, str) else None
        if found is None or batch not in {None, found["batch"]}:
            return None
        batch, place = found["batch"], int(found["place"])
        if place >= records or (places and place <= places[-1]):
            return None
        places.append(place)
    return places
