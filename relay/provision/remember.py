"""
The small local file that remembers ids: one a route, optional, rebuilt by looking.

State lives with Adobe; the file only saves searching and lets a set-up made by hand be adopted. It
holds no secret. Two runs on one machine take turns by a lock on it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import orjson

from relay.errors import ProvisionError
from relay.provision.look import Ids

_WAIT_S = 0.2


class Memory:
    """The remembered ids of one route, in ``<folder>/<route>.json``."""

    def __init__(self, folder: Path, route: str) -> None:
        self._path = folder / f"{route}.json"

    def read(self) -> Ids:
        """
        Read the ids; none are known when there is no file.

        Raises:
            ProvisionError: the file is not what was written.
        """
        try:
            return Ids(**orjson.loads(self._path.read_bytes()))
        except FileNotFoundError:
            return Ids()
        except (OSError, orjson.JSONDecodeError, TypeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not what was written"
            raise ProvisionError(
                f"{self._path} cannot be read: {why}",
                hint="delete it; everything is found again by name",
            ) from None

    def write(self, ids: Ids) -> None:
        """
        Replace the file in one step.

        Raises:
            ProvisionError: it cannot be written.
        """
        self._make_folder()
        draft = self._path.with_suffix(".new")
        try:
            draft.write_bytes(orjson.dumps(asdict(ids), option=orjson.OPT_INDENT_2))
            draft.replace(self._path)
        except OSError as error:
            raise ProvisionError(
                f"{self._path} cannot be written: {error.strerror}",
                hint="mend adobe.state_path; what was made at Adobe is found again by name",
            ) from None

    def _make_folder(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ProvisionError(
                f"{self._path.parent} cannot be made: {error.strerror}",
                hint="name a folder that can be written to in adobe.state_path",
            ) from None

    def forget(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    @asynccontextmanager
    async def turn(self, progress: Callable[[str], None]) -> AsyncIterator[None]:
        """Hold the route for this process; a second run waits for the first, and says so."""
        self._make_folder()
        path = self._path.with_suffix(".lock")
        try:
            handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ProvisionError(
                f"{path} cannot be opened: {error.strerror}", hint="mend adobe.state_path"
            ) from None
        try:
            has_told = False
            while not _is_locked(handle):
                if not has_told:
                    progress("another run is at work on this route; waiting for it")
                    has_told = True
                await asyncio.sleep(_WAIT_S)
            yield
        finally:
            os.close(handle)


def _is_locked(handle: int) -> bool:
    """Try to lock the file; whether it is ours now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
