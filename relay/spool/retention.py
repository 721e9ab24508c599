"""
Which whole segments may go, and how: folded into totals first, unlinked last.

A segment may go when everything in it has an outcome, nothing in it waits for a replay, and it
is older than ``spool.retention``, or its room is needed. The newest one never goes. The order on
disk: the state folds its rows and is synced, the totals file is replaced, the segments are
unlinked. Cut short anywhere, the next opening finishes it or finds it not begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from relay.spool.folded import Totals, write_folded
from relay.spool.segment import Segment, sync_folder
from relay.spool.state import State


def deletable(
    segments: Sequence[Segment], *, cursor: int, waiting: Sequence[int], older_than_s: float
) -> int:
    """
    Say how many of *segments*, from the first, may go.

    *waiting* are positions that were replayed and are pending again; *older_than_s* is the wall
    time before which a segment must have been closed.
    """
    held = min(waiting, default=1 << 63)
    count = 0
    for segment, after in zip(segments, segments[1:], strict=False):
        if after.first - 1 > min(cursor, held - 1) or after.created_at_s > older_than_s:
            break
        count += 1
    return count


def delete(
    folder: Path, segments: list[Segment], count: int, *, state: State, folded: Totals
) -> tuple[int, int]:
    """
    Delete the first *count* of *segments*; give the new first position and the bytes freed.

    *folded* is brought up to date. Runs in the state's thread.

    Raises:
        OSError: a file cannot be written; nothing is deleted.
    """
    gone, before = segments[:count], segments[count].first
    for key, number in state.fold_before(before).items():
        folded[key] = folded.get(key, 0) + number
    state.sync()
    write_folded(folder / "folded", before, folded)
    # Readers look segments up by position, so the list shrinks before the files go.
    del segments[:count]
    for segment in gone:
        with suppress(FileNotFoundError):
            segment.path.unlink()
    sync_folder(folder / "log")
    return before, sum(segment.end for segment in gone)


def sweep_large(folder: Path, *, first: int, last: int, state: State) -> int:
    """
    Remove bodies in ``large/`` that no entry needs; give the bytes that stay.

    A body is needed while its segment is kept or it is in quarantine. A name without a position
    was never appended; it is left alone unless *last* is 0, because its delivery may be on its
    way.
    """
    kept_bytes = 0
    for path in (folder / "large").iterdir():
        number = path.name.partition(".")[0]
        position = int(number) if number.isdigit() and len(number) == 20 else 0
        is_needed = position == 0 or first <= position <= last
        if not is_needed and position < first:
            is_needed = state.quarantined_envelope(position) is not None
        with suppress(FileNotFoundError):
            if is_needed:
                kept_bytes += path.stat().st_size
            else:
                path.unlink()
    return kept_bytes


def remove_orphans(folder: Path, *, last: int) -> None:
    """At opening: remove bodies whose delivery never was appended."""
    for path in (folder / "large").iterdir():
        number = path.name.partition(".")[0]
        if not (number.isdigit() and len(number) == 20 and int(number) <= last):
            with suppress(FileNotFoundError):
                path.unlink()
