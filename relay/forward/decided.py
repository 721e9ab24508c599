"""What one answer decides: which records are delivered, and which are refused in whose words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.forward.quotation import Quotation
from relay.forward.transform import Record
from relay.forward.verdict import Ruling


@dataclass(slots=True)
class Decided:
    """Records that reached their end by the answer to what was *sent*; the refused with why."""

    sent: Sequence[Record]
    delivered: list[Record] = field(default_factory=list)
    refused: list[tuple[Record, str]] = field(default_factory=list)

    def blame(self, records: Sequence[Record], rulings: Sequence[Ruling]) -> None:
        """Each of *records* is refused for itself."""
        self.refused += zip(records, self.told(*rulings), strict=True)

    def told(self, *rulings: Ruling) -> list[str]:
        """Say of each ruling why, with as much of the inlet's own words as may be repeated."""
        quotation = Quotation([record.payload for record in self.sent])
        quotes = [quotation.of(ruling.document) for ruling in rulings]
        return [
            f"{ruling.why}; Adobe says: {quote}" if quote else ruling.why
            for ruling, quote in zip(rulings, quotes, strict=True)
        ]
