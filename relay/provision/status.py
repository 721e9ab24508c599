"""The set-up as a table: every resource, its state, its id, its drift."""

from __future__ import annotations

from dataclasses import dataclass

from relay.provision.desired import Desired
from relay.provision.look import Current
from relay.provision.plan import TITLES, Action, make_plan


@dataclass(frozen=True, slots=True)
class Line:
    """One resource; *drift* is empty when it is as wanted."""

    resource: str
    state: str
    id: str
    drift: str


def status(desired: Desired, current: Current) -> list[Line]:
    """List every resource of the route. Pure."""
    lines = []
    for step in make_plan(desired, current):
        id_ = step.id or current.id_of(step.resource)
        is_there = getattr(current, step.resource) is not None
        drift = "" if step.action is Action.LEAVE else f"{step.action}: {step.why}"
        lines.append(
            Line(
                resource=TITLES[step.resource],
                state=_state(current, step.resource) if is_there else "absent",
                id=id_ if is_there else "",
                drift=drift,
            )
        )
    return lines


def _state(current: Current, resource: str) -> str:
    item = getattr(current, resource)
    if resource == "mapping":
        return f"version {item.get('version', 0)}"
    return str(item.get("state", "present"))
