"""
The last acknowledged position, outside the log, so that a log that lost its end is noticed.

Two slots of one small file, at offsets 0 and 512, written in turn, so that a torn write leaves
the other one whole. A slot is ``u64 position, u32 epoch, u32 crc32 of both``. Every commit writes
a slot; the file is synced every second and when the spool is closed. A process that is killed
loses nothing of it; a power cut loses at most the last second.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from relay.spool.segment import sync_folder

_MARK = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_SLOT_AT = (0, 512)


def read_mark(path: Path) -> tuple[int, int]:
    """Read (position, epoch) from *path*; (0, 0) when there is none that can be trusted."""
    best = (0, 0)
    with suppress(FileNotFoundError):
        raw = path.read_bytes()
        for at in _SLOT_AT:
            fixed = raw[at : at + _MARK.size]
            crc = raw[at + _MARK.size : at + _MARK.size + _CRC.size]
            if len(crc) == _CRC.size and _CRC.unpack(crc)[0] == crc32(fixed):
                position, epoch = _MARK.unpack(fixed)
                best = max(best, (position, epoch))
    return best


class HighWater:
    """The open high-water file; `note` belongs to the writer, `sync` to anybody."""

    def __init__(self, path: Path) -> None:
        is_new = not path.exists()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._turn = 0
        self._synced = self._noted = -1
        if is_new:
            sync_folder(path.parent)

    def note(self, position: int, epoch: int) -> None:
        """Write that everything up to *position* is acknowledged."""
        fixed = _MARK.pack(position, epoch)
        os.pwrite(self._fd, fixed + _CRC.pack(crc32(fixed)), _SLOT_AT[self._turn])
        self._turn = 1 - self._turn
        self._noted = position

    def sync(self) -> None:
        """
        Make the last note survive power loss; nothing to do when it does already.

        Raises:
            OSError: the disk refuses.
        """
        noted = self._noted
        if noted != self._synced:
            os.fdatasync(self._fd)
            self._synced = noted

    def close(self) -> None:
        """Sync and close."""
        try:
            self.sync()
        finally:
            os.close(self._fd)
