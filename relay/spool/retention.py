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
from itertools import pairwise
from pathlib import Path

from relay.spool.folded import write_folded
from relay.spool.segment import Segment, sync_folder
from relay.spool.state import State

_POSITION_DIGITS = 20


def deletable(
    segments: Sequence[Segment], *, cursor: int, waiting: int | None, older_than_s: float
) -> int:
    """
    Say how many of *segments*, from the first, may go.

    *waiting* is the lowest position whose bytes a replay needs from the log; *older_than_s* is
    the wall time before which a segment must have been closed.
    """
    settled = cursor if waiting is None else min(cursor, waiting - 1)
    count = 0
    for segment, after in pairwise(segments):
        if not segment.first <= after.first - 1 <= settled or after.created_at_s > older_than_s:
            break
        count += 1
    return count


def retain(folder: Path, segments: list[Segment], state: State, *, older_than_s: float) -> int:
    """
    Delete the segments that may go; give their number. Runs in the state's thread.

    Raises:
        OSError: a file cannot be written; what is not accounted for is not deleted.
    """
    count = deletable(
        segments,
        cursor=state.cursor,
        waiting=state.replays.first(state.accounts.before),
        older_than_s=older_than_s,
    )
    if count:
        _fold(folder, state, segments[count].first)
        _unlink(folder, segments, count)
    return count


def finish_deleting(folder: Path, segments: list[Segment], state: State, before: int) -> int:
    """
    At opening: end what retention had begun; give the position below which nothing is kept.

    *before* is what the file ``folded`` says. The state is ahead of it when retention was
    interrupted between the two.
    """
    if state.accounts.before != before:
        write_folded(folder / "folded", state.accounts.before, state.accounts.folded)
    before = state.accounts.before
    count = 0
    while count < len(segments) - 1 and segments[count + 1].first <= before:
        count += 1
    if count:
        _unlink(folder, segments, count)
    return before


def _fold(folder: Path, state: State, before: int) -> None:
    """Account for everything below *before*, durably, in the state and beside it."""
    _, folded = state.fold_before(before)
    state.sync()
    write_folded(folder / "folded", before, folded)


def _unlink(folder: Path, segments: list[Segment], count: int) -> None:
    gone = segments[:count]
    # Readers look segments up by position, so the list shrinks before the files go.
    del segments[:count]
    for segment in gone:
        with suppress(FileNotFoundError):
            segment.path.unlink()
    sync_folder(folder / "log")


def sweep_large(folder: Path, state: State) -> int:
    """
    Remove bodies in ``large/`` that no entry needs; give the bytes that stay.

    A body is needed while its segment is kept or it is in quarantine. A name without a position,
    or with one that is not acknowledged yet, is of a delivery that may be on its way;
    `remove_orphans` sees to those that never arrived.
    """
    first, kept_bytes = state.accounts.before, 0
    for path in (folder / "large").iterdir():
        position = _position_of(path)
        is_gone = 0 < position < first and not state.quarantine.has(position)
        with suppress(FileNotFoundError):
            if is_gone:
                path.unlink()
            else:
                kept_bytes += path.stat().st_size
    return kept_bytes


def remove_orphans(folder: Path, *, last: int) -> None:
    """At opening: remove bodies whose delivery never was appended."""
    for path in (folder / "large").iterdir():
        if not 0 < _position_of(path) <= last:
            with suppress(FileNotFoundError):
                path.unlink()


def _position_of(path: Path) -> int:
    """Read the position in the name of a large body; 0 when it has none."""
    number = path.name.partition(".")[0]
    return int(number) if number.isdecimal() and len(number) == _POSITION_DIGITS else 0
