"""
Counts of what one flow took, by the hour: what runs, batches and metrics are told from.

A window is ``{"flowId": …, "startMs": …, "received": 3, "ingested": 2, "failed": 1, …}`` and has
the ids of the run and the batches that it becomes. An hour of the emulator is 3,600 s divided by
``settings.speed``.

Source:
    adobe.md §0.11, §8: streaming flow runs are hourly windows.
"""

from __future__ import annotations

from collections.abc import Iterator

from relay.emulator.ids import new_batch_id, new_uuid
from relay.emulator.store import Item, Sandbox, Store

KEPT_WINDOWS = 2_000  # of a sandbox: with one flow, more than Adobe's 30 days of diagnostics

_HOUR_MS = 3_600_000
COUNTS = (
    "received", "ingested", "failed", "skipped", "warnings", "inputBytes", "outputBytes",
    "failedByMapping", "failedByValidation",
)  # fmt: skip


class Windows:
    """Finds the window that a message belongs to."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def length_ms(self) -> int:
        """How long a window is."""
        return max(int(_HOUR_MS / self._store.settings.speed), 1)

    def at(self, sandbox: Sandbox, flow_id: str, received_ms: int) -> Item:
        """Find, or open, the window of *flow_id* that *received_ms* falls into."""
        start_ms = received_ms - received_ms % self.length_ms
        made = sandbox.of("windows")
        key = f"{flow_id}@{start_ms}"
        if key not in made:
            while len(made) >= KEPT_WINDOWS:
                oldest = made.pop(next(iter(made)))
                sandbox.of("failures").pop(oldest["failedBatchId"], None)
            made[key] = {
                "flowId": flow_id,
                "startMs": start_ms,
                "lengthMs": self.length_ms,
                "firstMs": received_ms,
                "lastMs": received_ms,
                "runId": new_uuid(),
                "batchId": new_batch_id(),
                "failedBatchId": new_batch_id(),
                "datasetId": "",
                "inletId": "",
                "errors": {},
                **dict.fromkeys(COUNTS, 0),
            }
        return made[key]

    def all(self, sandbox: Sandbox, *, flow_id: str = "") -> Iterator[Item]:
        """Iterate over the windows of a sandbox, or of one flow, oldest first."""
        for window in sorted(sandbox.of("windows").values(), key=lambda item: item["startMs"]):
            if flow_id in ("", window["flowId"]):
                yield window

    def is_open(self, window: Item) -> bool:
        """Whether the hour still goes on."""
        return bool(self._store.now_ms < window["startMs"] + window["lengthMs"])
