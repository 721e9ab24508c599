"""
Values as they stand in the ``data`` of an event: people, ids, texts; all out of one random stream.

Nobody real: addresses end in the reserved ``example.com``, numbers are those that the regulators
keep for fiction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson

_FIRST = ("ada", "björn", "chloë", "dana", "emeka", "fatima", "grace", "hiro", "ines", "joão")
_LAST = ("lindqvist", "okafor", "tanaka", "muñoz", "o'neill", "schäfer", "singh", "novak")
_SUBJECTS = (
    "Thanks for signing up",
    "Your order is on its way",
    "Why haven't you visited lately?",
    "Grüße aus Malmö: 20 % auf alles",
    'A "small" gift & more <inside>',
    "新着情報のお知らせ",
    "It's your birthday 🎂",
)
_FAILURES: dict[str, tuple[str, ...]] = {
    "email": ("550 5.5.0 Requested action not taken: mailbox unavailable", "Suppressed"),
    "push": ("NoDevicesSynced", "InvalidRegistration"),
    "sms": ("Twilio Error 21408 Permission to send an SMS has not been enabled",),
    "whatsapp": ("Twilio Error 63016 Failed to send freeform message",),
    "webhook": ("HTTP 404 Not Found []", "Variable 'customer.test' is missing"),
}
_ANY_FAILURE = ("Variable 'customer.test' is missing", "Message limit reached")
_PEOPLE = 50_000
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_PARAGRAPH = (
    '<p style="margin:0">Hello, this is what the message says, with a <a href='
    '"https://shop.example.com/sale?utm_source=mail&amp;utm_medium=html">link</a> in it.</p>\n'
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who gets messages."""

    id: str
    email: str
    cio_id: str
    phone: str


def draw_person(random: Random) -> Person:
    """Draw one of `_PEOPLE`, so that people come again."""
    number = random.randrange(_PEOPLE)
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    return Person(
        id=str(100_000 + number),
        email=f"{first}.{last}.{number}@example.com",
        cio_id=f"d9c106{number:06x}",
        phone=f"+1202555{number % 10_000:04d}",
    )


def value_of(field: str, random: Random, person: Person, object_type: str) -> Any:
    """
    Make a value for the member *field* of ``data``.

    Raises:
        KeyError: the catalog names a field that is not made here.
    """
    return _MAKERS[field](random, person, object_type)


def _recipient(random: Random, person: Person, object_type: str) -> str:
    match object_type:
        case "sms" | "whatsapp":
            return person.phone
        case "slack":
            return random.choice(("#general", "#orders", "#alerts"))
        case "webhook":
            return f"https://hooks.example.com/orders/{random.randrange(1000)}"
        case _:
            return person.email


def _href(random: Random, _person: Person, object_type: str) -> str:
    if object_type == "push" and random.random() < 0.5:  # noqa: PLR2004 - every second one
        return f"shop://product/{random.randrange(1000)}"
    return f"https://shop.example.com/p/{random.randrange(1000)}?utm_source={object_type}&x=1"


def _failure(random: Random, _person: Person, object_type: str) -> str:
    return random.choice(_FAILURES.get(object_type, _ANY_FAILURE))


def _devices(random: Random, _person: Person, _object_type: str) -> list[dict[str, str]]:
    return [
        {
            "device_id": "".join(random.choices(_ALPHABET, k=152)),
            "device_platform": random.choice(("ios", "android")),
        }
        for _ in range(random.choice((1, 1, 1, 2)))
    ]


def _content(random: Random, person: Person, object_type: str) -> str:
    match object_type:
        case "email":
            return f"<html><body>\n{_PARAGRAPH * random.randrange(20, 400)}</body></html>"
        case "push":
            text = {"title": "Your order", "body": "It is on its way", "link": "shop://orders"}
            return orjson.dumps({"ios": {}, "android": {"message": {"data": text}}}).decode()
        case "webhook":
            return orjson.dumps({"person": person.id, "order": random.randrange(10**6)}).decode()
        case "customer":
            topics = {f"topic_{n}": random.random() < 0.7 for n in range(1, 4)}  # noqa: PLR2004 - most stay
            return orjson.dumps({"topics": topics}).decode()
        case _:
            return "Your order is on its way: https://shop.example.com/o/1?a=1&b=2"


def _number(random: Random, _person: Person, _object_type: str) -> int:
    return random.randrange(1, 500)


def _number_or_null(random: Random, _person: Person, _object_type: str) -> int | None:
    return None if random.random() < 0.02 else random.randrange(1, 500)  # noqa: PLR2004 - rare


def _token(random: Random, _person: Person, _object_type: str) -> str:
    return "".join(random.choices(_ALPHABET, k=28))


def _machine(random: Random, _person: Person, _object_type: str) -> bool:
    return random.random() < 0.3  # noqa: PLR2004 - a good part of opens comes from machines


def _message_id(random: Random, _person: Person, _object_type: str) -> int | str:
    """A number, or the trigger name that people give a transactional message."""
    return random.choice((3, 17, "order_confirmation", "12"))


_Maker = Callable[[Random, Person, str], Any]
_MAKERS: dict[str, _Maker] = {
    "action_id": _number,
    "broadcast_id": _number_or_null,
    "campaign_id": _number_or_null,
    "content": _content,
    "content_id": _number,
    "customer_id": lambda _random, person, _object_type: person.id,
    "delivery_id": _token,
    "email_address": lambda _random, person, _object_type: person.email,
    "failure_message": _failure,
    "headers": lambda random, _person, _object_type: {"X-Campaign": [str(random.randrange(99))]},
    "href": _href,
    "inbound_event_id": _token,
    "journey_id": _token,
    "link_id": _number,
    "machine": _machine,
    "newsletter_id": _number_or_null,
    "parent_action_id": _number,
    "prefetched": _machine,
    "proxied": _machine,
    "recipient": _recipient,
    "recipients": _devices,
    "subject": lambda random, _person, _object_type: random.choice(_SUBJECTS),
    "synthetic": _machine,
    "to": lambda _random, _person, _object_type: "+12025550100",
    "tracked_response": lambda random, _person, _object_type: random.choice(("buy", "later")),
    "transactional_message_id": _message_id,
    "trigger_event_id": _token,
    "trigger_id": _number,
}
