"""The version of the spool's format: the file ``version``, ``"1"`` and a newline."""

from __future__ import annotations

from pathlib import Path

from relay.errors import SpoolVersion
from relay.spool.segment import replace_synced

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
    replace_synced(folder / "version", b"%d\n" % FORMAT)
