"""The version of the spool's format: the file ``version``, ``"1"`` and a newline."""

from __future__ import annotations

from pathlib import Path

from relay.errors import SpoolError, SpoolVersion
from relay.spool.segment import replace_synced

FORMAT = 1


def is_spool(folder: Path) -> bool:
    """
    Say whether there is a spool in *folder*.

    Raises:
        SpoolError: it cannot be seen from here.
    """
    try:
        (folder / "version").stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(folder, error) from None
    return True


def unreadable(folder: Path, error: OSError) -> SpoolError:
    """Say why nothing can be read in *folder*; as a rule it is another user's."""
    return SpoolError(
        f"the spool {folder} cannot be read: {error.strerror}",
        hint="run the command as the user whom the relay runs as",
    )


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
