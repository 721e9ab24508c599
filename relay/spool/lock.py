"""
One process a spool: an flock on the file ``lock``, which names the process that holds it.

The lock goes with the process, however it ends. A file system is refused only when it refuses
the lock, never by its type.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path

from relay.errors import SpoolError, SpoolLocked

_TAKEN = {errno.EWOULDBLOCK, errno.EACCES}


class Lock:
    """The lock of one spool folder, held until `release`."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if error.errno in _TAKEN:
                raise SpoolLocked(
                    f"the spool {folder} is in use by process {holder or 'unknown'}",
                    hint="stop that process, or give this one its own spool.path",
                ) from None
            raise SpoolError(
                f"the spool {folder} cannot be locked: {error.strerror}",
                hint="choose a spool.path on a file system that has locks",
            ) from error
        # For people only, and a full disk must not keep the relay from starting.
        with suppress(OSError):
            os.ftruncate(self._fd, os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0))

    def release(self) -> None:
        """Let another process have the spool."""
        os.close(self._fd)


def is_locked(folder: Path) -> bool:
    """Say whether some process holds the spool in *folder* now; no when there is no such spool."""
    try:
        fd = os.open(folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _TAKEN
    finally:
        os.close(fd)
    return False
