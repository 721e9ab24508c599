"""
The spool's folder, opened: its layout, its version, and everything that is found in it.

::

    var/spool/              0700
      lock                  who holds it
      version               the format, "1"
      highwater             the last acknowledged position
      folded                what retention deleted
      reserve               room that is released when the disk is full
      reserve.settling      a part of it that copies never get
      reserve.deleting      a part of it that only deleting gets
      state.db              cursor, outcomes, dedupe, quarantine
      state.anew            it is to be made anew; while that is done, the name of the old one
      log/                  segments
      large/                bodies over the in-memory cap

No path in it is absolute, so the folder can be moved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from relay.clock import Clock
from relay.config import SpoolConfig
from relay.errors import SpoolError
from relay.spool.folded import read_folded
from relay.spool.highwater import read_mark
from relay.spool.lock import Lock
from relay.spool.recover import Lost, Recovered, recover
from relay.spool.restore import StateSource, open_state
from relay.spool.retention import finish_deleting
from relay.spool.segment import Segment, list_segments, sync_folder
from relay.spool.state import State
from relay.spool.version import refuse_newer, write_version
from relay.spool.writer import Writer


@dataclass(slots=True)
class Opened:
    """
    Everything that `LocalSpool` works with.

    *damage* are sentences for people.
    """

    folder: Path
    lock: Lock
    segments: list[Segment]
    state: State
    writer: Writer
    damage: list[str]


def prepare_folder(folder: Path) -> Lock:
    """
    Make the folder if need be, take its lock, check its version.

    Raises:
        SpoolError: the folder cannot be made or written.
        SpoolLocked: another process holds it.
        SpoolVersion: a newer relay wrote it.
    """
    try:
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in made:
            sync_folder(path.parent)
        lock = Lock(folder)
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        if not refuse_newer(folder):
            write_version(folder)
        for name in ("log", "large"):
            if not (folder / name).is_dir():
                (folder / name).mkdir(mode=0o700)
                sync_folder(folder)
    except OSError as error:
        lock.release()
        raise _unusable(folder, error) from error
    except SpoolError:
        lock.release()
        raise
    return lock


def _unusable(folder: Path, error: OSError) -> SpoolError:
    """Say which file of the spool, or that the folder itself, cannot be used."""
    culprit = Path(error.filename) if isinstance(error.filename, str) else folder
    inside = f" ({culprit.relative_to(folder)})" if folder in culprit.parents else ""
    return SpoolError(
        f"the spool folder {folder} cannot be used: {error.strerror}{inside}",
        hint="spool.path must be a folder that the relay may write, and everything in it too",
    )


def open_folder(lock: Lock, config: SpoolConfig, clock: Clock) -> Opened:
    """
    Read what is there, report what is missing to the state, get ready to append.

    Raises:
        SpoolError: a file cannot be read.
    """
    folder = Path(config.path)
    try:
        return _open_folder(folder, lock, config, clock)
    except PermissionError as error:
        raise _unusable(folder, error) from error


def _open_folder(folder: Path, lock: Lock, config: SpoolConfig, clock: Clock) -> Opened:
    before, folded = read_folded(folder / "folded")
    segments = list_segments(folder / "log")
    marked, epoch = read_mark(folder / "highwater")
    state, damage = open_state(
        StateSource(
            folder,
            before,
            folded,
            is_fresh=not segments and not marked and before == 1,
            dedupe_window_s=config.dedupe_window,
            dedupe_max_bytes=config.dedupe_max_bytes,
            now_s=clock.wall_s(),
        )
    )
    try:
        before = finish_deleting(folder, segments, state, before)
        cursor, past = state.past()
        found = recover(
            segments, proven=max(marked, cursor, past.last), epoch=epoch, before=before
        )
        if found.position and not marked:
            damage.append("highwater is missing or damaged: a log that lost its end looks whole")
        damage += found.notes
        damage += report_lost(state, found.lost, clock.wall_s())
        writer = _writer(folder, segments, found, config, clock)
    except BaseException:
        state.close()
        raise
    return Opened(folder, lock, segments, state, writer, damage)


def _writer(
    folder: Path, segments: list[Segment], found: Recovered, config: SpoolConfig, clock: Clock
) -> Writer:
    writer = Writer(
        folder / "log",
        segments,
        position=found.position,
        epoch=max(found.epoch, 1),
        segment_bytes=segment_bytes(config),
        clock=clock,
    )
    if found.tail is not None:
        writer.resume(found.tail)
    else:
        writer.begin()
    return writer


def segment_bytes(config: SpoolConfig) -> int:
    """Say how large a segment may be: a small spool needs small ones, or none could go."""
    return max(64 * 1024, min(config.segment_bytes, config.max_bytes // 8))


def report_lost(state: State, lost: Iterable[Lost], now_s: float) -> list[str]:
    """Give the lost positions that were pending their outcome; say so in sentences."""
    return [
        f"lost positions {first} to {last}: {item.detail} ({item.reason.value})"
        for item in lost
        for first, last in state.lose(item.first, item.last, item.reason, item.detail, now_s)
    ]
