"""
How a flow comes to life: enabled some seconds after it was made, with its inlet.

A flow that waits carries when it is due and what it becomes; `settle`, called before anything
about flows is read, lets it become that. So time alone moves flows, on the settings' clock. Every
change gives a new etag.

Source:
    adobe.md §3.3 (timing and etags of ``flow_get.json``), §3.4 (states).

Assumed:
    A flow is ``initializing`` until it is enabled, ``enabling`` when it is enabled again, and
    ``updating`` after its mapping was patched; disabling takes no time; a disabled flow's inlet
    refuses; see docs/assumptions.md, "the emulated control plane".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from relay.emulator.ids import new_etag, new_hex
from relay.emulator.inlets import Inlet
from relay.emulator.lake import Lake
from relay.emulator.references import base_of, dataset_of, schema_reference
from relay.emulator.store import Item, Sandbox, Store

DUE = "_emulatedDueMs"
NEXT = "_emulatedNextState"
INLET = "_emulatedInletId"

_DISABLED = "The dataflow of this inlet is disabled"


class FlowLife:
    """Moves flows from state to state and keeps the data plane's inlets in step."""

    def __init__(self, store: Store, lake: Lake) -> None:
        self._store = store
        self._lake = lake

    def restore(self) -> None:
        """Announce every inlet of a state that was read from a file."""
        for sandbox in self._store.everywhere():
            for connection in sandbox.of("connections").values():
                self.open_base(sandbox, connection)
            for flow in sandbox.of("flows").values():
                self.announce(sandbox, flow)

    def start(self, flow: Item, waiting: str) -> None:
        """Let *flow* be *waiting* until the delay has passed, then enabled."""
        settings = self._store.settings
        delay_ms = int(settings.enable_delay_s / settings.speed * 1000)
        flow["state"] = waiting
        flow[DUE] = self._store.now_ms + delay_ms
        flow[NEXT] = "enabled"

    def stop(self, sandbox: Sandbox, flow: Item) -> None:
        """Disable *flow* at once."""
        flow.pop(DUE, None)
        flow.pop(NEXT, None)
        flow["state"] = "disabled"
        self.touch(flow, "disable")
        self.announce(sandbox, flow)

    def settle(self, sandbox: Sandbox) -> None:
        """Let every flow that is due become what it waits for."""
        now_ms = self._store.now_ms
        for flow in sandbox.of("flows").values():
            if flow.get(DUE, now_ms + 1) <= now_ms:
                due_ms = flow.pop(DUE)
                flow["state"] = flow.pop(NEXT)
                self.touch(flow, "enable", at_ms=due_ms)
                if INLET not in flow and base_of(sandbox, flow) is None:
                    flow[INLET] = new_hex(64)
                sandbox.revision += 1
                self.announce(sandbox, flow)

    def touch(self, item: Item, operation: str, *, at_ms: int | None = None) -> None:
        """Give *item* a new etag and note when and why it changed."""
        at_ms = self._store.now_ms if at_ms is None else at_ms
        etag = new_etag(at_ms / 1000)
        item["updatedAt"] = at_ms
        item["version"] = item["etag"] = etag
        if "lastOperation" in item:
            item["lastOperation"] = {"started": 0, "updated": 0, "operation": operation}

    def announce(self, sandbox: Sandbox, flow: Item) -> None:
        """Make or change the inlet of *flow* in the data plane."""
        if INLET not in flow:
            return
        dataset = dataset_of(sandbox, flow)
        reference = dataset.get("schemaRef") if dataset is not None else None
        self._put(
            sandbox,
            flow[INLET],
            flow_id=flow["id"],
            schema_id=schema_reference(reference)[0],
            refuses=_DISABLED if flow["state"] == "disabled" else "",
        )

    def open_base(self, sandbox: Sandbox, connection: Item) -> None:
        """Make the inlet of a base connection of the HTTP API source."""
        if INLET not in connection:
            return
        params = connection["auth"]["params"]
        wants_token = params.get("authenticationRequired") is True
        self._put(sandbox, connection[INLET], is_authenticated=wants_token)

    def close(self, item: Item) -> None:
        """Take the inlet of a deleted flow or connection away."""
        if INLET in item:
            self._store.inlets.remove(item[INLET])
            self._lake.forget(item[INLET])

    def _put(self, sandbox: Sandbox, inlet_id: str, **members: Any) -> None:
        inlet: Inlet = replace(
            self._store.inlets.new(inlet_id),
            ims_org_id=sandbox.org_id,
            taker=self._lake.take,
            validator=self._lake.validator(sandbox, inlet_id),
            **members,
        )
        self._lake.remember(inlet_id, sandbox, inlet.flow_id)
        self._store.inlets.put(inlet)
