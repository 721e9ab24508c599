"""
``relay audit``: every accepted event has one outcome, or is pending.

Works on the spool's folder, without its lock, beside a running relay and without one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.outcome import Outcome, Reason
from relay.spool.recount import Account, recount, take_account


@dataclass(frozen=True, slots=True)
class Audit:
    """
    The account: ``accepted`` is the sum of the six outcomes and ``pending``.

    *by_reason* counts every outcome's reasons over all routes. *problems* are sentences; there
    are none when *adds_up*. *is_deep* says that all of it was counted anew from disk.
    """

    accepted: int
    pending: int
    delivered: int
    duplicate: int
    quarantined: int
    filtered: int
    discarded: int
    lost: int
    by_reason: dict[Reason, int]
    quarantined_by_reason: dict[Reason, int]
    adds_up: bool
    problems: tuple[str, ...]
    is_deep: bool

    def as_json(self) -> dict[str, Any]:
        """Turn it into what ``--json`` prints; the names are a contract."""
        return {
            "accepted": self.accepted,
            "delivered": self.delivered,
            "duplicate": self.duplicate,
            "quarantined": self.quarantined,
            "filtered": self.filtered,
            "discarded": self.discarded,
            "lost": self.lost,
            "pending": self.pending,
            "by_reason": _named(self.by_reason),
            "quarantined_by_reason": _named(self.quarantined_by_reason),
            "deep": self.is_deep,
            "adds_up": self.adds_up,
            "problems": list(self.problems),
        }


def audit(folder: Path) -> Audit:
    """
    Add up the running totals of the spool at *folder*.

    Raises:
        SpoolError: there is no spool, or it cannot be read.
    """
    return _audit(take_account(folder), is_deep=False)


def audit_deep(folder: Path) -> Audit:
    """
    Count the spool at *folder* anew from disk: every frame, every row.

    Raises:
        SpoolError: there is no spool, or it cannot be read.
    """
    return _audit(recount(folder), is_deep=True)


def _audit(account: Account, *, is_deep: bool) -> Audit:
    outcomes: Counter[Outcome] = Counter()
    reasons: Counter[tuple[Outcome, Reason]] = Counter()
    for (_, outcome, reason), count in account.totals.items():
        outcomes[outcome] += count
        reasons[outcome, reason] += count
    return Audit(
        accepted=account.accepted,
        pending=account.pending,
        delivered=outcomes[Outcome.DELIVERED],
        duplicate=outcomes[Outcome.DUPLICATE],
        quarantined=outcomes[Outcome.QUARANTINED],
        filtered=outcomes[Outcome.FILTERED],
        discarded=outcomes[Outcome.DISCARDED],
        lost=outcomes[Outcome.LOST],
        by_reason={reason: count for (_, reason), count in sorted(reasons.items()) if count},
        quarantined_by_reason={
            reason: count
            for (outcome, reason), count in sorted(reasons.items())
            if count and outcome is Outcome.QUARANTINED
        },
        adds_up=account.adds_up,
        problems=account.problems,
        is_deep=is_deep,
    )


def _named(counts: dict[Reason, int]) -> dict[str, int]:
    return {reason.value: count for reason, count in counts.items()}
