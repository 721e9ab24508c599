"""The files of ``config/``: in the source tree beside the package, in a wheel inside it."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "_config", _PACKAGE.parent / "config")


def shipped(name: str) -> Path:
    """
    Find the shipped file *name*, e.g. ``mapping.json``.

    Raises:
        FileNotFoundError: no such file is shipped.
    """
    for folder in _FOLDERS:
        path = folder / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"no shipped file {name}")
