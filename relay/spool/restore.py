"""
The state opened; and when it is missing or damaged, made anew from what the log and `folded` know.

A damaged ``state.db`` is set aside as ``state.db.damaged-N``, never deleted. In the new one every
entry that the log keeps is pending again, what retention folded has its totals from the file
``folded``. What only the old state had, which is quarantined entries whose segment is gone, is
saved as far as it reads right (`relay.spool.rescue`); the rest is lost and reported. An old state
from a backup may hold in quarantine what has ended since: that is in quarantine again, and what
`folded` counted for it is taken back.

While that is done the file ``state.anew`` names what was set aside. Cut short, by a kill or a full
disk, it is begun again from there, and not from the half that was made. An empty one says that the
state, which is not searched to its end at opening, was found damaged in use.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from relay.outcome import Outcome, Reason
from relay.spool.database import Database, free_name, is_damage, remove, set_aside
from relay.spool.folded import Totals
from relay.spool.rescue import Rescued, rescue
from relay.spool.segment import replace_synced, sync_folder
from relay.spool.state import State

_ANEW = "state.anew"
_ASIDE = re.compile(r"state\.db\.damaged-\d+")


@dataclass(frozen=True, slots=True)
class StateSource:
    """
    What the state is opened from, and made anew from if need be.

    *before* and *folded* are what the file of that name says. *is_fresh*: the spool never held
    anything, so that a missing state is no damage.
    """

    folder: Path
    before: int
    folded: Totals
    is_fresh: bool
    dedupe_window_s: float
    dedupe_max_bytes: int
    now_s: float


def distrust(folder: Path) -> None:
    """Let the next opening make the state of the spool in *folder* anew."""
    with suppress(OSError):
        (folder / _ANEW).touch(0o600)


def open_state(source: StateSource) -> tuple[State, list[str]]:
    """
    Open ``state.db``, or make it; give sentences about what was damaged.

    Raises:
        sqlite3.Error, OSError: the disk refuses; it may be called again.
        SpoolVersion: a newer relay wrote it.
    """
    path, begun = source.folder / "state.db", source.folder / _ANEW
    problem = "" if path.exists() or source.is_fresh else "is missing"
    if begun.exists():
        is_half = begun.stat().st_size
        problem = "was not made anew to its end" if is_half else "was found damaged in use"
    if not problem:
        try:
            return _open(source)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            problem = f"is damaged ({error})"
        except (ValueError, TypeError, OverflowError):
            # Or a text of SQLite's about one.
            problem = "is damaged (it holds a value that nobody can have written)"
    name = _set_aside(path, begun)
    rescued = rescue(path.with_name(name), source.before)
    state, saved = _make(_database(source), source, rescued)
    begun.unlink()
    sync_folder(source.folder)
    kept = f"; it is set aside as {name}" if (source.folder / name).exists() else ""
    notes = [f"state.db {problem}{kept}; every event that the log keeps is pending again"]
    if saved:
        notes.append(f"{saved} quarantined events were saved from it")
    lost = _unknown(source, saved)
    if lost > 0:
        notes.append(f"lost {lost} events below position {source.before}: only state.db had them")
    return state, notes


def _set_aside(path: Path, begun: Path) -> str:
    """Set the damaged state at *path* aside unless it is already; give its name there."""
    name = ""
    with suppress(FileNotFoundError):
        name = begun.read_text("ascii", "replace")
    if not _ASIDE.fullmatch(name):
        name = free_name(path)
        replace_synced(begun, name.encode())
    if path.with_name(name).exists():
        # What stands in its place is a half that was made before.
        remove(path)
    else:
        set_aside(path, name)
    return name


def _database(source: StateSource) -> Database:
    return Database(source.folder / "state.db")


def _open(source: StateSource) -> tuple[State, list[str]]:
    """
    Open what is there.

    Raises:
        sqlite3.DatabaseError: it cannot be used.
    """
    database = _database(source)
    try:
        if database.is_new and source.is_fresh:
            return _make(database, source)[0], []
        state = _state(database, source)
        _check(state, database, source)
    except BaseException:
        database.close()
        raise
    return state, []


def _check(state: State, database: Database, source: StateSource) -> None:
    """
    Load *state* and see whether it can be believed.

    Raises:
        sqlite3.DatabaseError: it cannot.
        ValueError: it holds a value that nobody wrote.
    """
    if database.is_new:
        raise sqlite3.DatabaseError("it is empty")
    database.check()
    state.load()
    if state.accounts.before < source.before:
        raise sqlite3.DatabaseError("it is older than what retention deleted")
    state.check_values()
    snapshot = state.snapshot()
    ended, rows = snapshot.passed - snapshot.waiting, state.count_outcomes()
    # A row or a total is not what was written; believing any of them could lose an event.
    if rows != ended or sum(snapshot.totals.values()) != ended:
        raise sqlite3.DatabaseError(f"it has {rows} outcomes, {ended} were expected")


def _state(database: Database, source: StateSource) -> State:
    return State(
        database,
        dedupe_window_s=source.dedupe_window_s,
        dedupe_max_bytes=source.dedupe_max_bytes,
    )


def _make(
    database: Database, source: StateSource, rescued: Iterable[Rescued] = ()
) -> tuple[State, int]:
    """
    Make the tables, durable, with what is known of what is gone; say how many were *rescued*.

    These come one by one, because their bytes may be more than fits into memory.
    """
    saved = 0
    try:
        state = _state(database, source)
        with database.transaction():
            database.create()
            for one in rescued:
                _put_back(state, one)
                saved += 1
            folded = _folded(source, saved)
            state.accounts.fold(source.before, folded)
            state.accounts.change(folded)
            state.facts.set_number("cursor", source.before - 1)
        state.load()
        state.sync()
    except BaseException:
        database.close()
        raise
    return state, saved


def _put_back(state: State, one: Rescued) -> None:
    state.quarantine.put_back([one.copy_row])
    if one.reason is None:
        state.replays.put_back([one.row])
    else:
        state.outcomes.put_back([one.row])
        state.accounts.change({(one.route, Outcome.QUARANTINED, one.reason): 1})


def _unknown(source: StateSource, saved: int) -> int:
    """
    Count the deleted positions whose outcome only the old state knew.

    Negative when some of those *saved* are counted in ``folded`` too.
    """
    return source.before - 1 - sum(source.folded.values()) - saved


def _folded(source: StateSource, saved: int) -> Totals:
    """Say how all that is deleted ended, but for those *saved*."""
    folded, unknown = dict(source.folded), _unknown(source, saved)
    if unknown > 0:
        # Beside those that an earlier damage cost.
        key = ("", Outcome.LOST, Reason.STATE_DAMAGED)
        folded[key] = folded.get(key, 0) + unknown
        return folded
    # Nobody knows how those ended that are saved again: most that leave the quarantine were
    # dropped, or replayed.
    again = -unknown
    for outcome in (Outcome.DISCARDED, *Outcome):
        for key, count in folded.items():
            if key[1] is outcome:
                taken = min(again, count)
                folded[key] = count - taken
                again -= taken
    return folded
