"""Room kept aside, so that settling and deleting go on when the disk is full."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

# The part that only what makes room may have: the quarantine's copies may take all the rest.
_LAST_PART = 8


class Reserve:
    """
    Preallocated files of *size_bytes* in all, given up when the disk is full and made again later.

    Appends never get them: they are refused, and the room goes to what empties the spool. An
    eighth is kept apart, in ``<name>.last``, for deleting: that writes before it frees.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        last_bytes = size_bytes // _LAST_PART
        self._last = path.with_name(f"{path.name}.last")
        self._path = path
        # The last part first: it is the smaller one, and the one that matters more.
        self._parts = {self._last: last_bytes, path: size_bytes - last_bytes}

    def fill(self) -> None:
        """Make what is missing if the disk has at least twice its size free."""
        for path, size_bytes in self._parts.items():
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

    def release(self) -> bool:
        """Give all up but the last part; say whether there was any."""
        return _removed(self._path)

    def release_last(self) -> bool:
        """Give the last part up; say whether there was any."""
        return _removed(self._last)


def _removed(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
