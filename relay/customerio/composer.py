"""
Realistic events, one after the other: the same ones for the same seed and the same clock.

Kinds come as from a deck of cards: `CATALOG` with the frequent kinds several times, shuffled,
dealt, shuffled again. So every kind comes within one deck (`Composer.deck_size` events), and
opens are many.
"""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Any

import orjson
from ulid import ULID

from relay.clock import Clock
from relay.customerio.events import CATALOG, SOURCE_FIELDS, EventType, Source
from relay.customerio.fields import Person, draw_person, value_of

Event = dict[str, Any]

# How often the frequent kinds stand in the deck; the others once.
_FREQUENT: dict[str, int] = {
    "email_sent": 40,
    "email_delivered": 40,
    "email_opened": 40,
    "email_clicked": 12,
    "push_sent": 12,
    "push_delivered": 8,
    "push_opened": 6,
    "in_app_sent": 8,
    "in_app_opened": 6,
    "sms_sent": 8,
    "sms_delivered": 8,
}
_CONTENT_FIELDS = frozenset({"content", "headers"})

# Measured in published events: the id is made 0.08 to 2.2 s after what it tells of.
_RECORDED_AFTER_S = (0.08, 2.2)

# Shares of what is seldom and seen: test sends have no cio_id, some people have no id or no
# address, deleted ones an empty customer_id; a workspace may identify by id alone.
_TEST_SEND = 0.01
_NO_EMAIL = 0.02
_NO_ID = 0.02
_ID_ONLY = 0.02
_DELETED = 0.01
_OPTIONAL = 0.7
_OTHER_CHANNEL = 0.3

_MISSPELT = "cio_subscription_preferences_changed"
_MISSPELT_SHARE = 0.5


class Composer:
    """
    Makes events; *content_share* of the sent ones carry Body Content (``data.content``).

    *names* picks kinds by their names in the App API; ``None``: all of the catalog.

    Its state is one random stream and what is left of the deck; only `event` changes them.
    """

    def __init__(
        self,
        *,
        seed: int,
        clock: Clock,
        content_share: float = 0.02,
        names: Collection[str] | None = None,
    ) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose, guards nothing
        self._clock = clock
        self._content_share = content_share
        self._whole_deck = tuple(
            kind
            for kind in CATALOG
            if names is None or kind.name in names
            for _ in range(_FREQUENT.get(kind.name, 1))
        )
        self._deck: list[EventType] = []

    @property
    def random(self) -> Random:
        """The stream that everything is drawn from."""
        return self._random

    @property
    def deck_size(self) -> int:
        """Within so many events every kind has come."""
        return len(self._whole_deck)

    def event(self, kind: EventType | None = None) -> Event:
        """
        Make one event, of *kind* or of the next kind in the deck.

        Shape: ``{"event_id": "01E4…", "object_type": "email", "metric": "opened",
        "timestamp": 1613063089, "data": {…}}``.
        """
        kind = kind or self._deal()
        recorded_s = self._clock.wall_s()
        happened_s = recorded_s - self._random.uniform(*_RECORDED_AFTER_S)
        event: Event = {
            "event_id": self._ulid(recorded_s),
            "object_type": kind.object_type,
            "metric": kind.metric,
            "timestamp": int(happened_s),
            "data": self._data(kind),
        }
        if kind.object_type == "customer":
            self._name_channel(event)
        return event

    def _deal(self) -> EventType:
        if not self._deck:
            self._deck = list(self._whole_deck)
            self._random.shuffle(self._deck)
        return self._deck.pop()

    def _ulid(self, recorded_s: float) -> str:
        milliseconds = int(recorded_s * 1000).to_bytes(6, "big")
        return str(ULID.from_bytes(milliseconds + self._random.randbytes(10)))

    def _data(self, kind: EventType) -> dict[str, Any]:
        person = draw_person(self._random)
        fields = list(kind.required)
        if kind.sources:
            fields += SOURCE_FIELDS[self._source(kind)]
        for field in kind.optional:
            share = self._content_share if field in _CONTENT_FIELDS else _OPTIONAL
            if self._random.random() < share:
                fields.append(field)
        data = {
            field: value_of(field, self._random, person, kind.object_type)
            for field in fields
            if field != "identifiers"
        }
        data["identifiers"] = self._identifiers(person)
        if self._random.random() < _DELETED:
            data["customer_id"] = ""
        return data

    def _source(self, kind: EventType) -> Source:
        return self._random.choice(kind.sources)

    def _identifiers(self, person: Person) -> dict[str, str | None]:
        luck = self._random.random()
        if luck < _ID_ONLY:
            return {"id": person.id}
        found: dict[str, str | None] = {
            "id": person.id,
            "email": person.email,
            "cio_id": person.cio_id,
        }
        if luck < _ID_ONLY + _TEST_SEND:
            del found["cio_id"]
        elif luck < _ID_ONLY + _TEST_SEND + _NO_EMAIL:
            found["email"] = None
        elif luck < _ID_ONLY + _TEST_SEND + _NO_EMAIL + _NO_ID:
            found["id"] = None
        return found

    def _name_channel(self, event: Event) -> None:
        """
        What a person did may be reported under the channel that caused it.

        Source:
            The specification's ``object_type`` of these three events; that of the preferences
            is spelt ``object_type_type`` there, and a published payload has it so.
        """
        if self._random.random() < _OTHER_CHANNEL:
            event["object_type"] = self._random.choice(("email", "sms", "push", "in_app"))
        if event["metric"] == _MISSPELT and self._random.random() < _MISSPELT_SHARE:
            event["object_type_type"] = event.pop("object_type")


def to_wire(event: Event) -> bytes:
    r"""
    Write *event* as Customer.io does: compact, with ``<``, ``>`` and ``&`` as ``\u003c``, ….

    Source:
        Go's ``encoding/json``, which escapes these three by default; the sender is a Go program
        by the error texts that its documentation lists.
    """
    body = orjson.dumps(event)
    # Outside of strings JSON has none of the three, so that replacing bytes is safe.
    return body.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026")
