"""Room kept aside, so that settling goes on when the disk is full."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path


class Reserve:
    """
    A preallocated file of *size_bytes*, given up when the disk is full and made again later.

    Appends never get it: they are refused, and the room goes to what empties the spool.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def fill(self) -> None:
        """Make the file if it is missing and the disk has at least twice its size free."""
        if not self._size_bytes or self._path.exists():
            return
        if shutil.disk_usage(self._path.parent).free < 2 * self._size_bytes:
            return
        with suppress(OSError):
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size_bytes)
            finally:
                os.close(fd)

    def release(self) -> bool:
        """Give the room up; say whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
