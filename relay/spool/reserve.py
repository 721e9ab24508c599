"""Room kept aside, so that settling and deleting go on when the disk is full."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

_SMALL_PART = 8


class Need(IntEnum):
    """What room is wanted for; each may have what those before it may, and a part of its own."""

    COPIES = 0
    """Whatever may be large: the quarantine's copies."""
    SETTLING = 1
    """Outcomes without a copy, which let segments go."""
    DELETING = 2
    """Deleting, which writes before it frees."""


class Reserve:
    """
    Preallocated files of *size_bytes* in all, given up when the disk is full and made again later.

    Appends never get them: they are refused, and the room goes to what empties the spool. An
    eighth each, ``<name>.settling`` and ``<name>.deleting``, is kept from what may be large.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        small_bytes = size_bytes // _SMALL_PART
        self._sizes_bytes = {
            path: size_bytes - 2 * small_bytes,
            path.with_name(f"{path.name}.settling"): small_bytes,
            path.with_name(f"{path.name}.deleting"): small_bytes,
        }

    def fill(self) -> None:
        """Make what is missing if the disk has at least twice its size free."""
        # The last part first: it is the one that matters most.
        for path, size_bytes in reversed(self._sizes_bytes.items()):
            if not size_bytes or path.exists():
                continue
            if shutil.disk_usage(path.parent).free < 2 * size_bytes:
                continue
            with suppress(OSError):
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    os.posix_fallocate(fd, 0, size_bytes)
                finally:
                    os.close(fd)

    def release(self, need: Need) -> bool:
        """Give up the next part that *need* may have; say whether there was one."""
        return any(map(_removed, list(self._sizes_bytes)[: need + 1]))


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
