"""
The inlets that exist, and what arrives at them.

The control plane makes an inlet with `Inlets.put` when a flow is enabled, changes it the same way,
and removes it with `Inlets.remove`. It learns of every accepted message through the *taker* of
the inlet, which is called on the event loop and must return at once: it queues.

An inlet that nobody made exists from its first use, unless ``strict_inlets`` is set; it takes any
flow id and any organisation, and nobody is told of what it took. One that was removed is gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.emulator.settings import BatchShape, EmulatorSettings, RawBatch, SingleShape

ANY_ORG = "000000000000000000000000@AdobeOrg"  # what an inlet without an owner writes in errors

_INLET_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """
    The messages of one request that an inlet accepted, parsed.

    *flow_id* is that of the request; an envelope may name its own in ``header.flowId``.
    *xaction_ids* has one id a message, *received_ms* is epoch milliseconds.
    """

    inlet_id: str
    flow_id: str
    received_ms: int
    xaction_ids: Sequence[str]
    messages: Sequence[Mapping[str, Any]] = field(repr=False)


Taker = Callable[[Arrival], None]
Violations = Sequence[Mapping[str, Any]]
Validator = Callable[[Mapping[str, Any], str], Violations]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inlet:
    """
    One streaming endpoint, addressed by 64 lower-case hex digits.

    Empty *flow_id*, *ims_org_id* and *schema_id* accept any. *hmac_secret* asks for
    ``x-hmac-sha256``. *refuses* is a message with which everything is refused, for a flow that is
    disabled. *taker* gets what was accepted; *validator* is asked when a request wants
    ``syncValidation``: it gets a message and the request's flow id and returns the
    ``causingExceptions`` of the fixture ``400_sync_validation``, none when the message is fine.
    """

    inlet_id: str
    flow_id: str = ""
    ims_org_id: str = ""
    schema_id: str = ""
    is_authenticated: bool = False
    hmac_secret: str = field(default="", repr=False)
    refuses: str = ""
    raw_batch: RawBatch = "accept"
    single_shape: SingleShape = "async"
    batch_shape: BatchShape = "docs"
    taker: Taker | None = field(default=None, repr=False)
    validator: Validator | None = field(default=None, repr=False)

    @property
    def where(self) -> str:
        """The words with which the inlet's refusals begin."""
        return f"inletId: [{self.inlet_id}] imsOrgId: [{self.ims_org_id or ANY_ORG}]"


class Inlets:
    """Every inlet by its id."""

    def __init__(self, settings: EmulatorSettings) -> None:
        self._settings = settings
        # Changed only by `put` and `remove`.
        self._made: dict[str, Inlet] = {}
        self._removed: set[str] = set()

    def find(self, inlet_id: str) -> Inlet | None:
        """
        Find the inlet with this id; one that nobody made exists unless inlets are strict.

        Assumed:
            A deleted flow's inlet is gone with it.
        """
        made = self._made.get(inlet_id)
        if made is not None:
            return made
        if self._settings.strict_inlets or inlet_id in self._removed:
            return None
        if _INLET_ID.fullmatch(inlet_id) is None:
            return None
        return self.new(inlet_id)

    def new(self, inlet_id: str) -> Inlet:
        """Describe an inlet as the settings have it, without making it."""
        settings = self._settings
        return Inlet(
            inlet_id=inlet_id,
            is_authenticated=settings.authenticated_inlets,
            raw_batch=settings.raw_batch,
            single_shape=settings.single_shape,
            batch_shape=settings.batch_shape,
        )

    def put(self, inlet: Inlet) -> None:
        """Make *inlet*, or change the one with its id."""
        self._made[inlet.inlet_id] = inlet
        self._removed.discard(inlet.inlet_id)

    def remove(self, inlet_id: str) -> None:
        """Remove an inlet that was made; whoever still sends to it is refused."""
        if self._made.pop(inlet_id, None) is not None:
            self._removed.add(inlet_id)

    def made(self) -> list[Inlet]:
        """List the inlets that were made."""
        return list(self._made.values())
