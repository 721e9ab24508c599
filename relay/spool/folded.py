"""
What retention deleted, beside the log: written before the files go.

``{"before": 40001, "totals": [["marketing", "delivered", "accepted_by_inlet", 39990], …]}``

Everything below *before* is deleted and had the outcomes of *totals*. When ``state.db`` must be
rebuilt, this is all that is known of them; and a first segment that starts above *before* is
missing. The file ends with a line that holds the crc32 of the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from relay.outcome import Outcome, Reason
from relay.spool.segment import replace_synced

Totals = dict[tuple[str, Outcome, Reason], int]


def totals_of(rows: Iterable[tuple[str, str, str, int]]) -> Totals:
    """
    Turn (route, outcome, reason, count) rows into totals.

    Raises:
        ValueError: an outcome or a reason is none.
    """
    return {
        (route, Outcome(outcome), Reason(reason)): count for route, outcome, reason, count in rows
    }


def read_folded(path: Path) -> tuple[int, Totals]:
    """Read (before, totals) from *path*; (1, {}) when nothing was deleted or it is damaged."""
    with suppress(FileNotFoundError, ValueError):
        line, _, checksum = path.read_bytes().partition(b"\n")
        if int(checksum, 16) == crc32(line):
            document = json.loads(line)
            return document["before"], totals_of(document["totals"])
    return 1, {}


def write_folded(path: Path, before: int, totals: Totals) -> None:
    """
    Replace *path*, durably.

    Raises:
        OSError: the disk refuses; the old file stays.
    """
    rows = [[*key, count] for key, count in sorted(totals.items())]
    line = json.dumps({"before": before, "totals": rows}).encode()
    replace_synced(path, line + b"\n%08x\n" % crc32(line))
