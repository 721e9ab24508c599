"""Enabling and disabling a flow that exists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from relay.errors import ProvisionError
from relay.provision.look import Adobe, Current
from relay.provision.settle import Pace, inlet_of, not_before_s, settled

Item = dict[str, Any]
Switch = Literal["enable", "disable"]
_AFTER: dict[Switch, str] = {"enable": "enabled", "disable": "disabled"}


@dataclass(frozen=True, slots=True)
class Switched:
    """
    The flow after it; *was* is its state before.

    *not_before_s* is wall-clock seconds UTC: Adobe wants events no earlier; 0 when it is past.
    """

    flow_id: str
    was: str
    state: str
    inlet_url: str
    not_before_s: float

    @property
    def has_changed(self) -> bool:
        """Whether anything was done."""
        return self.was != self.state


def flow_of(current: Current) -> Item:
    """
    Give the route's flow.

    Raises:
        ProvisionError: there is none.
    """
    if current.flow is None:
        raise ProvisionError("there is no flow yet", hint="run `relay provision apply`")
    return current.flow


async def switch(adobe: Adobe, current: Current, wanted: Switch, pace: Pace) -> Switched:
    """
    Enable or disable the route's flow and wait until it is; nothing happens when it is already.

    Raises:
        ProvisionError: there is no flow, or it does not get there in time.
        AdobeError: a call was refused.
    """
    flow = flow_of(current)
    was = str(flow.get("state"))
    is_changed = was != _AFTER[wanted]
    if is_changed:
        await adobe.flows.act(str(flow["id"]), wanted)
        flow = await settled(adobe.flows, str(flow["id"]), pace, states=(_AFTER[wanted],))
    return Switched(
        flow_id=str(flow["id"]),
        was=was,
        state=str(flow.get("state")),
        inlet_url=inlet_of(flow),
        not_before_s=not_before_s(flow, pace, is_changed=is_changed),
    )
