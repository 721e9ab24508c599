"""The version of the spool's format: the file ``version``, ``"1"`` and a newline."""

from __future__ import annotations

import os
from pathlib import Path

from relay.errors import SpoolVersion
from relay.spool.segment import sync_folder

FORMAT = 1


def refuse_newer(folder: Path) -> bool:
    """
    Say whether the spool at *folder* has a version; one that it has must be known.

    Raises:
        OSError: the file cannot be read.
        SpoolVersion: a newer relay wrote it.
    """
    path = folder / "version"
    if not path.exists():
        return False
    text = path.read_text("ascii", "replace").strip()
    if not text.isdigit() or int(text) > FORMAT:
        raise SpoolVersion(
            f"the spool {folder} has format {text or 'unknown'}, this relay knows {FORMAT}",
            hint="start the newer relay that wrote it, or give this one another spool.path",
        )
    return True


def write_version(folder: Path) -> None:
    """
    Mark the new spool at *folder* with the version that this relay writes.

    Raises:
        OSError: the disk refuses.
    """
    draft = folder / "version.new"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"%d\n" % FORMAT)
        os.fsync(fd)
    finally:
        os.close(fd)
    draft.replace(folder / "version")
    sync_folder(folder)
