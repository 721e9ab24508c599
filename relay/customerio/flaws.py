"""Deliveries that are signed correctly and carry what no mapping can use."""

from __future__ import annotations

from enum import StrEnum
from random import Random

import orjson

from relay.customerio.composer import Event, to_wire


class Flaw(StrEnum):
    """What is wrong with an invalid one; all were met in public code or published payloads."""

    EMPTY = "empty"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_EVENT_ID = "missing_event_id"
    WRONG_TYPES = "wrong_types"
    LEGACY = "legacy"


FLAWS: tuple[Flaw, ...] = tuple(Flaw)


def spoil(event: Event, flaw: Flaw, random: Random) -> bytes:
    """Write *event* so that it has *flaw*."""
    match flaw:
        case Flaw.EMPTY:
            return b""
        case Flaw.NOT_JSON:
            body = to_wire(event)
            return body[: random.randrange(1, len(body))]
        case Flaw.NOT_AN_OBJECT:
            return orjson.dumps([event])
        case Flaw.MISSING_EVENT_ID:
            rest = {key: value for key, value in event.items() if key != "event_id"}
            return to_wire(
                random.choice((rest, rest | {"event_id": None}, rest | {"event_id": 7}))
            )
        case Flaw.WRONG_TYPES:
            return to_wire(event | random.choice(({"timestamp": "abc"}, {"timestamp": [1, 2]})))
        case Flaw.LEGACY:
            return to_wire(_legacy(event))


def _legacy(event: Event) -> Event:
    """
    The format of before 2020.

    Source:
        ``payloads/bounce_unsubscriber_legacy-email-delivered.json``.
    """
    return {
        "event_type": "email_delivered",
        "event_id": event["event_id"],
        "timestamp": event["timestamp"],
        "data": {
            "customer_id": "568",
            "email_address": "Customer <customer@example.com>",
            "email_id": "34",
            "subject": "Why haven't you visited lately?",
            "campaign_id": "33",
            "campaign_name": "Inactivity Teaser",
            "variables": {},
        },
    }
