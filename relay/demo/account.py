"""What the relay, the sender and Adobe each say at the end, and whether they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.audit import Audit
from relay.provision.runs import Run
from relay.spool.port import Found

_COUNTS = (
    "accepted",
    "delivered",
    "duplicate",
    "quarantined",
    "filtered",
    "discarded",
    "lost",
    "pending",
)


@dataclass(frozen=True, slots=True)
class Account:
    """
    *sender* is the emulated Customer.io's page of the webhook, *received* the inlet's counts,
    *runs* the flow's; *examples* are some quarantined events, one a reason.
    """

    books: Audit
    sender: Mapping[str, Any]
    received: Mapping[str, Any]
    runs: Sequence[Run]
    examples: Sequence[Found]
    elapsed_s: float

    @property
    def adds_up(self) -> bool:
        """Whether all agree: nothing missing, nothing twice, every event accounted for."""
        return (
            self.books.adds_up
            and self.books.pending == 0
            and self.books.accepted == int(self.sender["delivered"])
            and self.books.delivered == int(self.received["distinct"])
            and int(self.received["duplicates"]) == 0
            and self.books.delivered == sum(run.received for run in self.runs)
        )

    def as_json(self) -> dict[str, Any]:
        """Give the account as one object; the eight counts are integers at the top level."""
        books = self.books.as_json()
        return {
            **{name: books[name] for name in _COUNTS},
            "quarantined_by_reason": books["quarantined_by_reason"],
            "ack_p50_ms": round(self.sender["ack_p50_ms"], 2),
            "ack_p99_ms": round(self.sender["ack_p99_ms"], 2),
            "events_per_s": round(self.books.accepted / self.elapsed_s, 1),
            "sender_calls": self.sender["calls"],
            "sender_retries": self.sender["retries"],
            "received_by_adobe": self.received["distinct"],
            "received_twice": self.received["duplicates"],
            "flow_runs_received": sum(run.received for run in self.runs),
            "flow_runs_ingested": sum(run.ingested for run in self.runs),
            "flow_runs_failed": sum(run.failed for run in self.runs),
            "adds_up": self.adds_up,
        }
