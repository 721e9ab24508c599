"""Heavy real parts of the tests, from the distribution's packages: installed when they can be."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def need(program: str, package: str) -> str:
    """
    Give the path of *program*, installing Debian's *package* if this machine lets us.

    Skips the test, saying why, when it cannot be had.
    """
    found = shutil.which(program)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        found = _install(program, package)
    if found is None:
        pytest.skip(f"{program} is not installed and cannot be: apt-get install {package}")
    return found


def _install(program: str, package: str) -> str | None:
    """Install *package*, one process at a time; ``None`` when the distribution refuses."""
    lock = Path(tempfile.gettempdir()) / "relay-tests-apt.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for words in (("update",), ("install", "-y", "--no-install-recommends", package)):
            if shutil.which(program):
                break
            subprocess.run(
                ("apt-get", "-qq", *words),
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=300,
                check=False,
            )
    return shutil.which(program)
