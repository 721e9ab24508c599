"""
The accounts counted anew from disk, without the lock, beside a running relay or without one.

`take_account` believes the running totals and reads only the newest segment. `recount` believes
nothing: it walks through every segment and row, and wants for each position from the first to the
last exactly one of

    folded          deleted by retention and counted by it
    an outcome      one row, or one range
    pending         a frame in the log that can be read; for a replay, or a copy in quarantine

A running relay goes on meanwhile. The state is read first, in one transaction; what had no
outcome then is looked for in the log afterwards. Retention, or a write that is only half to be
seen, may hide it there; so what is missing is looked for again before it is called a problem.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from relay.errors import SpoolError
from relay.spool.folded import Totals, read_folded
from relay.spool.frame import Frame
from relay.spool.highwater import read_mark
from relay.spool.intervals import Intervals
from relay.spool.lookup import walk
from relay.spool.recover import recover
from relay.spool.segment import SLACK_BYTES, Segment, list_segments, written_end
from relay.spool.statement import Rows, Statement, damaged_copies, read_rows, read_statement
from relay.spool.version import refuse_newer, unreadable

_LOOKS = 3
_NAMED = 20

Spans = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Account:
    """
    What became of every accepted event.

    *kept* counts outcomes whose rows are still there, *folded* those that retention counted and
    deleted; both are -1 when nobody counted. *problems* are sentences that name positions.
    """

    accepted: int
    pending: int
    totals: Totals
    folded: int = -1
    kept: int = -1
    problems: tuple[str, ...] = field(default=())

    @property
    def adds_up(self) -> bool:
        """Whether every accepted event is accounted for, and nothing else is wrong."""
        return not self.problems and self.accepted == sum(self.totals.values()) + self.pending


def take_account(folder: Path) -> Account:
    """
    Add up the running totals.

    Raises:
        SpoolError: there is no spool, or it cannot be read.
        SpoolVersion: a newer relay wrote it.
    """
    marked, deleted = _mark(folder), read_folded(folder / "folded")[0]
    said = read_statement(folder)
    end = _find_end(folder, marked, said)
    return Account(
        accepted=end.position,
        pending=end.position - said.passed + said.waiting,
        totals=said.totals,
        problems=(*_outdated(said, deleted), *end.problems),
    )


def recount(folder: Path) -> Account:
    """
    Count everything anew; takes as long as reading the whole log.

    Raises:
        SpoolError: there is no spool, or it cannot be read.
        SpoolVersion: a newer relay wrote it.
    """
    marked, deleted = _mark(folder), read_folded(folder / "folded")[0]
    said, rows = read_rows(folder)
    end = _find_end(folder, marked, said)
    last = end.position
    ended, doubles = _join(rows.ended)
    placed, more = _join(sorted([*ended, *((one, one) for one in rows.replays)]))
    pending = Intervals(placed).missing(said.before, last)
    problems = [
        *_outdated(said, deleted),
        *end.problems,
        *(f"position {_span(span)} has more than one outcome" for span in doubles + more),
        *_unreadable(folder, pending, rows, last),
        *_differences(said, rows),
        *(f"quarantined position {one} has no copy of its bytes" for one in rows.uncopied),
        *(f"the quarantine's copy of position {one} is damaged" for one in damaged_copies(folder)),
    ]
    folded, kept = sum(said.folded.values()), sum(rows.counted.values())
    waiting = sum(high - low + 1 for low, high in pending) + len(rows.replays)
    if folded + kept + waiting != last:
        problems.append(
            f"folded {folded} + kept {kept} + pending {waiting} is not the {last} accepted"
        )
    totals = Counter(said.folded)
    totals.update(rows.counted)
    return Account(last, waiting, dict(totals), folded, kept, tuple(problems))


@dataclass(frozen=True, slots=True)
class _End:
    """The last accepted position, and what is wrong with the end of the log."""

    position: int
    problems: list[str]


def _mark(folder: Path) -> int:
    try:
        if not folder.is_dir():
            raise SpoolError(
                f"there is no spool at {folder}", hint="spool.path must name the relay's spool"
            )
        refuse_newer(folder)
    except OSError as error:
        raise unreadable(folder, error) from error
    return read_mark(folder / "highwater")[0]


def _outdated(said: Statement, deleted: int) -> Iterable[str]:
    """
    Say that the state is from before what retention did last, as one from a backup is.

    *deleted* was read before it, and retention writes the state first.
    """
    if said.before < deleted:
        yield (
            f"state.db knows of what was deleted below position {said.before} only, but it was "
            f"below {deleted}: it is older, and made anew when the relay starts"
        )


def _segments(folder: Path) -> list[Segment]:
    try:
        for _ in range(_LOOKS):
            # Retention may delete one between its name and its header.
            with suppress(FileNotFoundError):
                return list_segments(folder / "log")
        return list_segments(folder / "log")
    except OSError as error:
        raise SpoolError(f"the log in {folder} cannot be read: {error.strerror}") from error


def _find_end(folder: Path, marked: int, said: Statement) -> _End:
    """
    Find where the log ends, just as opening the spool would.

    *marked* and *said* were read before, so that what they know was in the log already.
    """
    known = max(marked, said.highest)
    segments = _segments(folder)
    try:
        found = recover(segments, proven=known, epoch=0, before=said.before)
    except OSError as error:
        raise SpoolError(f"the log in {folder} cannot be read: {error.strerror}") from error
    problems = [
        f"the log ends at position {lost.first - 1}, but {known} was acknowledged; positions "
        f"{lost.first} to {known} are lost and not yet reported"
        for lost in found.lost
        if found.tail is None and lost.last == known
    ]
    return _End(found.position, problems)


def _readable(folder: Path, first: int, last: int) -> Intervals:
    """Walk through the log from *first* to *last*; give what can be read."""
    segments = _segments(folder)
    if segments:
        # Only what is there now: a running relay writes on.
        newest = segments[-1]
        newest.end = min(newest.end, written_end(newest) + SLACK_BYTES)
    readable = Intervals()
    run = [0, -1]

    def note(item: Frame) -> bool:
        if item.position != run[1] + 1:
            readable.add(*run)
            run[0] = item.position
        run[1] = item.position
        return False

    try:
        if segments:
            for _ in walk(segments, max(first, segments[0].first), last, note):
                pass
    except OSError as error:
        raise SpoolError(f"the log in {folder} cannot be read: {error.strerror}") from error
    readable.add(*run)
    return readable


def _join(spans: Spans) -> tuple[Spans, Spans]:
    """Join sorted *spans* that touch; give also the parts that are covered twice."""
    joined: Spans = []
    doubles: Spans = []
    for first, last in spans:
        if joined and first <= joined[-1][1] + 1:
            low, high = joined[-1]
            if first <= high:
                doubles.append((first, min(last, high)))
            joined[-1] = (low, max(high, last))
        else:
            joined.append((first, last))
    return joined, doubles


def _unreadable(folder: Path, pending: Spans, rows: Rows, last: int) -> Iterable[str]:
    """Name pending positions whose bytes are nowhere, after looking again."""
    replays = [(one, one) for one in rows.replays if one not in rows.copies]
    missing = _without([*pending, *replays], _readable(folder, 1, last))
    for _ in range(_LOOKS - 1):
        if not missing:
            break
        said, again = read_rows(folder)
        ended = Intervals(again.ended)
        ended.add(1, said.before - 1)
        missing = _without(missing, ended)
        if missing:
            missing = _without(missing, _readable(folder, missing[0][0], missing[-1][1]))
    for span in missing[:_NAMED]:
        yield f"position {_span(span)} has no outcome and cannot be read"
    if len(missing) > _NAMED:
        yield f"and {len(missing) - _NAMED} more such ranges"


def _without(spans: Spans, known: Intervals) -> Spans:
    return [part for first, last in spans for part in known.missing(first, last)]


def _differences(said: Statement, rows: Rows) -> Iterable[str]:
    """Name running totals that differ from the rows."""
    counted = Counter(said.folded)
    counted.update(rows.counted)
    for key in sorted(counted.keys() | said.totals.keys()):
        total, count = said.totals.get(key, 0), counted.get(key, 0)
        if total != count:
            route, outcome, reason = key
            yield (
                f"the running total of {outcome} ({reason}) of route {route or 'unknown'} is "
                f"{total}, its rows are {count}"
            )


def _span(span: tuple[int, int]) -> str:
    return f"{span[0]}" if span[0] == span[1] else f"{span[0]} to {span[1]}"
