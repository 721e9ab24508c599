"""
Customer.io's workspace, as far as reporting webhooks go: which there are, and their keys.

State lives in `Workspace`; only the App API's routes change it. Whoever must know of a change
(the sender, a state file) asks to be told.

Source:
    App API reference, "Reporting webhooks", read 2026-09: the members of a webhook, which of them
    are required, the enumeration of events.

Assumed:
    The signing key is one per webhook and is not part of the API; here it stands on the page that
    a person would copy it from, ``/__emulator__/webhooks/{id}``. See ``docs/assumptions.md``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from relay.customerio.events import EVENT_NAMES
from relay.customerio.request import Target

Item = dict[str, Any]

_SELECTABLE = frozenset(EVENT_NAMES)
_FLAGS = ("disabled", "full_resolution", "with_content")
_REQUIRED = ("name", "endpoint", "events")
_ID_DIGITS = 15


class Malformed(Exception):
    """A body that the API answers with 400; its text says what was wrong."""


@dataclass(slots=True)
class Webhook:
    """One reporting webhook; replaced member by member through `Workspace.update`."""

    id: int
    name: str
    endpoint: str
    events: list[str]
    disabled: bool = False
    full_resolution: bool = False
    with_content: bool = False
    type: str = "webhook"
    signing_key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)

    def shown(self) -> Item:
        """Give it as the API does, without its key."""
        item = asdict(self)
        del item["signing_key"]
        return item


class Workspace:
    """The webhooks of one workspace, by id; *listeners* are told the id of what changed."""

    def __init__(self) -> None:
        self.webhooks: dict[int, Webhook] = {}
        self.listeners: list[Callable[[int], None]] = []
        self._next_id = 1

    def find(self, id_: str) -> Webhook | None:
        """Find the webhook whose id *id_* spells."""
        # Longer ones were never given out, and int() refuses some of them.
        if not (id_.isascii() and id_.isdigit() and len(id_) <= _ID_DIGITS):
            return None
        return self.webhooks.get(int(id_))

    def create(self, body: object) -> Webhook:
        """
        Add the webhook that *body* describes; nothing keeps two from having the same endpoint.

        Raises:
            Malformed: a member is missing or wrong.
        """
        webhook = Webhook(self._next_id, **_read(body))
        self._next_id += 1
        self.webhooks[webhook.id] = webhook
        self._tell(webhook.id)
        return webhook

    def update(self, webhook: Webhook, body: object, *, merges: bool = False) -> None:
        """
        Replace what *webhook* is by *body*; flags that are left out go back to their defaults.

        *merges*: what is left out stays instead.

        Raises:
            Malformed: a member is missing or wrong; nothing was changed.
        """
        if merges and isinstance(body, dict):
            body = webhook.shown() | body
        for name, value in _read(body).items():
            setattr(webhook, name, value)
        self._tell(webhook.id)

    def delete(self, webhook: Webhook) -> None:
        """Remove *webhook*."""
        del self.webhooks[webhook.id]
        self._tell(webhook.id)

    def kept(self) -> Item:
        """Give all of it as JSON, keys included, for a state file."""
        return {
            "next_id": self._next_id,
            "webhooks": [asdict(webhook) for webhook in self.webhooks.values()],
        }

    def restore(self, kept: Item) -> None:
        """
        Be what `kept` gave.

        Raises:
            KeyError, TypeError: *kept* is something else.
        """
        webhooks = [Webhook(**item) for item in kept["webhooks"]]
        self.webhooks = {webhook.id: webhook for webhook in webhooks}
        self._next_id = int(kept["next_id"])

    def _tell(self, id_: int) -> None:
        for listener in self.listeners:
            listener(id_)


def _read(body: object) -> Item:
    """Take the members of a webhook out of *body*; unknown ones are left."""
    if not isinstance(body, dict):
        raise Malformed("the body must be a JSON object")
    missing = [name for name in _REQUIRED if name not in body]
    if missing:
        raise Malformed(f"missing: {', '.join(missing)}")
    members = {
        "name": _name(body["name"]),
        "endpoint": _endpoint(body["endpoint"]),
        "events": _events(body["events"]),
    }
    return members | {flag: _flag(flag, body.get(flag)) for flag in _FLAGS}


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Malformed("name must be a string that is not empty")
    return value


def _endpoint(value: object) -> str:
    if not isinstance(value, str):
        raise Malformed("endpoint must be a string")
    try:
        Target.parse(value)
    except ValueError:
        raise Malformed("endpoint must be a URL") from None
    return value


def _events(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise Malformed("events must be a list of at least one event")
    unknown = [name for name in value if not isinstance(name, str) or name not in _SELECTABLE]
    if unknown:
        raise Malformed(f"events: unknown event {unknown[0]!r:.80}")
    return list(dict.fromkeys(value))


def _flag(name: str, value: object) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise Malformed(f"{name} must be a boolean")
    return value
