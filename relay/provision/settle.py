"""
Waiting for a flow to come to rest, and from when on Adobe wants its events.

A flow is enabled some seconds after it is made, changed or switched; its etag changes on the way,
and its inlet appears. Events that come in the first minutes after may be lost.

Source:
    adobe.md §3.3 (timing), §0.7: AdobeDocs/experience-platform.en, help/sources/tutorials/api/
    create/streaming/http.md ("wait five minutes").

Assumed:
    The five minutes are asked for after a flow is enabled again, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from relay.adobe.flow_service import FlowService
from relay.adobe.http import Progress
from relay.clock import Clock
from relay.errors import ProvisionError

Item = dict[str, Any]
_AT_REST = ("enabled", "disabled")


@dataclass(frozen=True, slots=True)
class Pace:
    """
    How long things take: *settling_s* after a change, *timeout_s* until a flow is at rest.

    *poll_s* stands between two looks, as waited out by *sleep*; *progress* is told of a wait.
    """

    clock: Clock
    settling_s: float
    timeout_s: float = 300.0
    poll_s: float = 1.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    progress: Progress | None = None


async def settled(
    flows: FlowService, flow_id: str, pace: Pace, *, states: Collection[str] = _AT_REST
) -> Item:
    """
    Wait until the flow is in one of *states* and has its inlet; give it as it is then.

    Raises:
        ProvisionError: it is not within ``pace.timeout_s``.
        AdobeError: a call was refused.
    """
    deadline_s = pace.clock.monotonic_s() + pace.timeout_s
    told = ""
    while True:
        flow = await flows.get("flows", flow_id)
        if flow.get("state") in states and inlet_of(flow):
            return flow
        if pace.clock.monotonic_s() >= deadline_s:
            raise ProvisionError(
                f"flow {flow_id} is still {flow.get('state')!r} after {pace.timeout_s:.0f} s",
                hint="Adobe may need longer: run the same command again, or "
                "`relay provision status`",
            )
        if pace.progress is not None and told != flow.get("state"):
            told = str(flow.get("state"))
            pace.progress(f"flow {flow_id} is {told}; waiting")
        await pace.sleep(pace.poll_s)


def inlet_of(flow: Item | None) -> str:
    """The address of the flow's inlet, empty while it has none."""
    return str(((flow or {}).get("options") or {}).get("inletUrl") or "")


def not_before_s(flow: Item, pace: Pace, *, is_changed: bool) -> float:
    """
    Say from when on the flow's events are safe, in wall-clock seconds UTC; 0: from now on.

    *is_changed*: by this run. A run that was cut off after the change is made good by the flow's
    own time of change.
    """
    now_s = pace.clock.wall_s()
    changed_s = float(flow.get("updatedAt") or 0) / 1000
    since_s = now_s if is_changed else min(changed_s, now_s)
    ready_s = since_s + pace.settling_s
    return ready_s if ready_s > now_s else 0.0
