"""
The catalog of what Customer.io reports: 73 events of 8 object types, with the fields of each.

An event is ``{"event_id": …, "object_type": …, "metric": …, "timestamp": …, "data": {…}}``. What
stands in ``data`` depends on the event (`EventType`) and on what sent the message (`Source`).
Workspaces also report what no document names, so nothing may be refused for not being in here.

Source:
    docs.customer.io/files/journeys-webhooks.json (OpenAPI 3.1 of the reporting webhooks, 69
    events) and the ``events`` enumeration of the App API (72 names), both read 2026-09; pinned by
    ``tests/data/customerio-events.json``. Four events are in the enumeration only and their
    fields are assumed, one is in the specification only: see ``docs/assumptions.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """What sent a message; decides which ids stand in ``data``."""

    BROADCAST = "broadcast"
    CAMPAIGN = "campaign"
    NEWSLETTER = "newsletter"
    TRANSACTIONAL = "transactional"


SOURCE_FIELDS: dict[Source, tuple[str, ...]] = {
    Source.BROADCAST: (
        *("trigger_id", "delivery_id", "action_id", "broadcast_id", "customer_id"),
        *("journey_id", "parent_action_id", "identifiers"),
    ),
    Source.CAMPAIGN: (
        *("campaign_id", "delivery_id", "action_id", "customer_id", "journey_id"),
        *("parent_action_id", "trigger_event_id", "identifiers"),
    ),
    Source.NEWSLETTER: (
        *("delivery_id", "newsletter_id", "customer_id", "content_id", "identifiers"),
    ),
    Source.TRANSACTIONAL: (
        *("delivery_id", "identifiers", "transactional_message_id", "customer_id"),
    ),
}

_NO_SOURCE: tuple[Source, ...] = ()
_JOURNEYS = (Source.BROADCAST, Source.CAMPAIGN, Source.NEWSLETTER)
_ALL = (*_JOURNEYS, Source.TRANSACTIONAL)
_PERSON = ("customer_id", "email_address", "identifiers")
_FAILED = ("failure_message",)
_LINK = ("href", "link_id")
_TO = ("recipient",)
_MAIL = ("subject", "recipient")
_DEVICES = ("recipients",)
_REPLY = ("inbound_event_id", "to", "recipient")
_CONTENT = ("content",)
_PERHAPS = ("recipient", "failure_message")
_MACHINE_OPEN = ("subject", "proxied", "prefetched", "synthetic")


@dataclass(frozen=True, slots=True)
class EventType:
    """
    One kind of event: *required* and *optional* name the members of ``data`` beside the source's.

    *is_selectable*: the App API takes its name when a webhook is created. *is_documented*: the
    specification of the webhooks describes it.
    """

    object_type: str
    metric: str
    sources: tuple[Source, ...]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    is_selectable: bool = True
    is_documented: bool = True

    @property
    def name(self) -> str:
        """Its name in the App API, e.g. ``email_opened``."""
        return f"{self.object_type}_{self.metric.removeprefix('cio_')}"


# In the order of the App API's enumeration.
CATALOG: tuple[EventType, ...] = (
    EventType("customer", "subscribed", _NO_SOURCE, _PERSON),
    EventType("customer", "unsubscribed", _NO_SOURCE, _PERSON),
    EventType("customer", "cio_subscription_preferences_changed", _JOURNEYS, _PERSON, _CONTENT),
    EventType("email", "drafted", _ALL, _MAIL),
    EventType("email", "attempted", _ALL, _FAILED),
    EventType("email", "sent", _ALL, _MAIL, ("content", "headers")),
    EventType("email", "delivered", _ALL, _MAIL),
    EventType("email", "opened", _ALL, _TO, _MACHINE_OPEN),
    EventType("email", "clicked", _ALL, (*_MAIL, *_LINK), ("machine",)),
    EventType("email", "converted", _ALL, _MAIL),
    EventType("email", "bounced", _ALL, (*_MAIL, *_FAILED)),
    EventType("email", "dropped", _ALL, (*_MAIL, *_FAILED)),
    EventType("email", "deferred", _ALL, (), _PERHAPS, is_documented=False),
    EventType("email", "spammed", _ALL, _MAIL),
    EventType("email", "failed", _ALL, ("subject", *_FAILED)),
    EventType("email", "unsubscribed", _ALL, _MAIL),
    EventType("email", "undeliverable", _ALL, (*_MAIL, *_FAILED)),
    EventType("in_app", "drafted", _JOURNEYS),
    EventType("in_app", "attempted", _JOURNEYS, _FAILED),
    EventType("in_app", "sent", _JOURNEYS, _TO, _CONTENT),
    EventType("in_app", "opened", _JOURNEYS),
    EventType("in_app", "clicked", _JOURNEYS, (*_TO, *_LINK), ("tracked_response",)),
    EventType("in_app", "converted", _JOURNEYS, _TO),
    EventType("in_app", "failed", _JOURNEYS, _FAILED),
    EventType("in_app", "undeliverable", _JOURNEYS, _FAILED),
    EventType("push", "drafted", _ALL),
    EventType("push", "attempted", _ALL, _FAILED),
    EventType("push", "sent", _ALL, _DEVICES, _CONTENT),
    EventType("push", "delivered", _ALL, _DEVICES),
    EventType("push", "opened", _ALL, _DEVICES),
    EventType("push", "clicked", _ALL, (*_LINK, *_DEVICES)),
    EventType("push", "converted", _ALL, _DEVICES),
    EventType("push", "bounced", _ALL, _DEVICES),
    EventType("push", "dropped", _ALL, _DEVICES),
    EventType("push", "failed", _ALL, _FAILED),
    EventType("push", "undeliverable", _ALL, _FAILED),
    EventType("slack", "drafted", _JOURNEYS),
    EventType("slack", "attempted", _JOURNEYS, _FAILED),
    EventType("slack", "sent", _JOURNEYS, _TO, _CONTENT),
    EventType("slack", "clicked", _JOURNEYS, (*_TO, *_LINK)),
    EventType("slack", "converted", _JOURNEYS, (), _PERHAPS, is_documented=False),
    EventType("slack", "failed", _JOURNEYS, _FAILED),
    EventType("slack", "undeliverable", _JOURNEYS, _FAILED, is_selectable=False),
    EventType("sms", "drafted", _JOURNEYS),
    EventType("sms", "attempted", _JOURNEYS, _FAILED),
    EventType("sms", "sent", _JOURNEYS, _TO, _CONTENT),
    EventType("sms", "delivered", _JOURNEYS, _TO),
    EventType("sms", "clicked", _JOURNEYS, (*_TO, *_LINK)),
    EventType("sms", "converted", _JOURNEYS, _TO),
    EventType("sms", "bounced", _JOURNEYS, (*_TO, *_FAILED)),
    EventType("sms", "dropped", _JOURNEYS, (), _PERHAPS, is_documented=False),
    EventType("sms", "failed", _JOURNEYS, _FAILED),
    EventType("sms", "undeliverable", _JOURNEYS, _FAILED),
    EventType("sms", "replied", _JOURNEYS, _REPLY),
    EventType("whatsapp", "drafted", _JOURNEYS),
    EventType("whatsapp", "attempted", _JOURNEYS, _FAILED),
    EventType("whatsapp", "sent", _JOURNEYS, _TO, _CONTENT),
    EventType("whatsapp", "delivered", _JOURNEYS, _TO),
    EventType("whatsapp", "opened", _JOURNEYS, _TO),
    EventType("whatsapp", "clicked", _JOURNEYS, (*_TO, *_LINK)),
    EventType("whatsapp", "converted", _JOURNEYS, _TO),
    EventType("whatsapp", "bounced", _JOURNEYS, (*_TO, *_FAILED)),
    EventType("whatsapp", "dropped", _JOURNEYS, (*_TO, *_FAILED)),
    EventType("whatsapp", "failed", _JOURNEYS, _FAILED),
    EventType("whatsapp", "undeliverable", _JOURNEYS, _FAILED),
    EventType("whatsapp", "replied", _JOURNEYS, _REPLY),
    EventType("webhook", "drafted", _JOURNEYS),
    EventType("webhook", "attempted", _JOURNEYS, _FAILED),
    EventType("webhook", "sent", _JOURNEYS, _TO, _CONTENT),
    EventType("webhook", "clicked", _JOURNEYS, (*_TO, *_LINK)),
    EventType("webhook", "converted", _JOURNEYS, (), _PERHAPS, is_documented=False),
    EventType("webhook", "failed", _JOURNEYS, _FAILED),
    EventType("webhook", "undeliverable", _JOURNEYS, _FAILED),
)

EVENT_NAMES: tuple[str, ...] = tuple(kind.name for kind in CATALOG if kind.is_selectable)
OBJECT_TYPES: frozenset[str] = frozenset(kind.object_type for kind in CATALOG)
METRICS: frozenset[str] = frozenset(kind.metric for kind in CATALOG)

_KNOWN = frozenset((kind.object_type, kind.metric) for kind in CATALOG) | frozenset(
    # What a person did is also reported under the channel that caused it.
    (object_type, kind.metric)
    for kind in CATALOG
    if kind.object_type == "customer"
    for object_type in OBJECT_TYPES
)


def is_known(object_type: str, metric: str) -> bool:
    """Say whether the documents name this pair; an unknown one is forwarded all the same."""
    return (object_type, metric) in _KNOWN
