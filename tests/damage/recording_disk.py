"""
A recording layer under the spool: before every write, sync, rename or unlink it takes pictures.

Two pictures of a moment, each a folder that can be opened:

* *killed*: what a killed process leaves, which is all that it wrote;
* *power cut*: what is certain to survive one. A file has the bytes of its last sync, or none; a
  name exists, and a removed one is gone, once its folder was synced.

SQLite does not write through `os`. Its files are taken as they are for the killed process; for
the power cut as they were when the spool last asked for them to be safe (`Database.sync`), so
that every transaction since then is taken back, which is more than a real power cut may do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relay.spool.database import Database

_CALLS = (
    "open",
    "write",
    "pwrite",
    "fsync",
    "fdatasync",
    "ftruncate",
    "posix_fallocate",
    "unlink",
    "rename",
    "replace",
    "mkdir",
)
_STATE = ("state.db", "state.db-wal")

Files = dict[str, bytes | None]


@dataclass
class Picture:
    """A moment: *files* by relative path, ``None`` for a folder; *known* is what the test knew."""

    step: str
    files: Files = field(repr=False)
    known: Any

    def develop(self, folder: Path) -> Path:
        """Write it out."""
        for name, content in sorted(self.files.items()):
            if content is None:
                (folder / name).mkdir(parents=True)
            else:
                (folder / name).write_bytes(content)
        return folder / "spool"


class RecordingDisk:
    """Records what happens under *root*; *knows* says what the test knows at a moment."""

    def __init__(self, monkeypatch, root: Path, knows: Callable[[], Any]) -> None:
        self.killed: list[Picture] = []
        self.cut: list[Picture] = []
        self.calls: set[str] = set()
        self._root = root
        self._knows = knows
        self._contents: dict[bytes, bytes] = {}
        # What is durable: bytes by inode, names by the inode of their folder.
        self._bytes: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {root.stat().st_ino: {}}
        self._folders: set[int] = {root.stat().st_ino}
        self._state: Files = {}
        self._is_off = False
        for call in _CALLS:
            monkeypatch.setattr(os, call, self._recorded(call, getattr(os, call)))
        sync = Database.sync

        def synced(database: Database) -> None:
            sync(database)
            self._state = {
                f"spool/{name}": self._keep((root / "spool" / name).read_bytes())
                for name in _STATE
                if (root / "spool" / name).exists()
            }

        monkeypatch.setattr(Database, "sync", synced)

    def _recorded(self, call: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(first: Any, *rest: Any, **named: Any) -> Any:
            path = self._path(first)
            if self._is_off or path is None or (call == "open" and not rest[0] & os.O_CREAT):
                return real(first, *rest, **named)
            self.calls.add(call)
            self._take(f"{call} {path.relative_to(self._root)}")
            result = real(first, *rest, **named)
            if call in {"fsync", "fdatasync"}:
                self._synced(path)
            return result

        return recorded

    def _path(self, target: Any) -> Path | None:
        """Name what a call is about; ``None`` when that is not under the root."""
        path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else target
        path = Path(path)
        return path if path.is_relative_to(self._root) and path != self._root else None

    def _keep(self, content: bytes) -> bytes:
        return self._contents.setdefault(content, content)

    def _synced(self, path: Path) -> None:
        self._is_off = True
        inode = path.stat().st_ino
        if path.is_dir():
            self._names[inode] = {one.name: one.stat().st_ino for one in path.iterdir()}
            self._folders |= {one.stat().st_ino for one in path.iterdir() if one.is_dir()}
            # Syncing a folder that was just made does not make its own name safe.
        else:
            self._bytes[inode] = self._keep(path.read_bytes())
        self._is_off = False

    def root_synced(self) -> None:
        """Take the root's names as safe: the spool syncs it when it makes its folder."""
        self._names[self._root.stat().st_ino] = {
            one.name: one.stat().st_ino for one in self._root.iterdir()
        }
        self._folders |= {one.stat().st_ino for one in self._root.iterdir()}

    def take(self, step: str) -> None:
        """Take both pictures now."""
        self._take(step)

    def _take(self, step: str) -> None:
        self._is_off = True
        try:
            known = self._knows()
            self._add(self.killed, Picture(step, self._everything(), known))
            self._add(self.cut, Picture(step, self._safe(), known))
        finally:
            self._is_off = False

    @staticmethod
    def _add(pictures: list[Picture], picture: Picture) -> None:
        if not pictures or (pictures[-1].files, pictures[-1].known) != (
            picture.files,
            picture.known,
        ):
            pictures.append(picture)

    def _everything(self) -> Files:
        found: Files = {"": None}
        for path in self._root.rglob("*"):
            name = str(path.relative_to(self._root))
            found[name] = None if path.is_dir() else self._keep(path.read_bytes())
        return found

    def _safe(self) -> Files:
        found: Files = {"": None}

        def walk(inode: int, prefix: str) -> None:
            for name, child in self._names.get(inode, {}).items():
                if child in self._folders:
                    found[prefix + name] = None
                    walk(child, f"{prefix}{name}/")
                elif name not in _STATE and not name.endswith("-shm"):
                    found[prefix + name] = self._bytes.get(child, b"")

        walk(self._root.stat().st_ino, "")
        return found | (self._state if "spool" in found else {})
