"""
A body over the in-memory cap, written to the spool's ``large`` folder as it comes.

File work happens in threads: a slow disk may not hold the event loop. They are threads of their
own: what waits for a disk that hangs may not keep metrics or a reload waiting. The file is called
``incoming.<random>`` until the spool, when it appends the entry, gives it the entry's name; what
was never appended is removed when the spool is next opened.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from relay.spool.segment import sync_folder

_WRITE_BYTES = 1024 * 1024
_THREADS = ThreadPoolExecutor(4, "large-bodies")


class Spill:
    """One large body on disk; mode 0600, for it holds personal data."""

    def __init__(self, folder: Path) -> None:
        self.name = f"incoming.{secrets.token_hex(12)}"
        self._folder = folder
        self._path = folder / self.name
        self._buffer = bytearray()
        # Taken by whichever thread works on the file: an interrupted delivery may ask to discard
        # it while an earlier write is still under way.
        self._lock = threading.Lock()
        self._fd = -1
        self._is_discarded = False

    async def write(self, chunk: bytes) -> None:
        """
        Take the next bytes; they reach the file in larger pieces.

        Raises:
            OSError: the disk refuses.
        """
        if len(chunk) >= _WRITE_BYTES and not self._buffer:
            await _in_thread(self._write, chunk)
            return
        self._buffer += chunk
        if len(self._buffer) >= _WRITE_BYTES:
            data, self._buffer = self._buffer, bytearray()
            await _in_thread(self._write, data)

    async def finish(self) -> None:
        """
        Make the file and its name survive power loss.

        Raises:
            OSError: the disk refuses.
        """
        data, self._buffer = self._buffer, bytearray()
        await _in_thread(self._finish, data)

    async def discard(self) -> None:
        """Remove the file; also while a write is under way, which then is the last."""
        await asyncio.shield(_in_thread(self._discard))

    def _write(self, data: bytes | bytearray) -> None:
        with self._lock:
            if self._is_discarded:
                return
            if self._fd < 0:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                self._fd = os.open(self._path, flags, 0o600)
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]

    def _finish(self, data: bytearray) -> None:
        self._write(data)
        with self._lock:
            if self._is_discarded:
                return
            os.fsync(self._fd)
            self._close()
            sync_folder(self._folder)

    def _discard(self) -> None:
        with self._lock:
            self._is_discarded = True
            self._close()
            with suppress(FileNotFoundError):
                self._path.unlink()

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _in_thread(work: Callable[..., None], *arguments: object) -> asyncio.Future[None]:
    return asyncio.get_running_loop().run_in_executor(_THREADS, work, *arguments)
