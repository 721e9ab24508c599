"""A relay command run in the test's own process, for claims that are not about a process."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from typer.testing import CliRunner

from relay.cli.app import main


@dataclass(frozen=True)
class Said:
    """What a command left behind, named as `subprocess.CompletedProcess` names it."""

    returncode: int
    stdout: bytes
    stderr: bytes


def said(words: Sequence[str], env: Mapping[str, str]) -> Said:
    """Run ``relay`` with *words*: how it ends, and what a person would read."""
    code: int | str | None = 0
    with CliRunner().isolation(env=env) as (out, err, _):
        try:
            main(words)
        except SystemExit as end:
            code = end.code
        sys.stdout.flush()
        sys.stderr.flush()
        assert isinstance(code, int), code
        return Said(code, out.getvalue(), err.getvalue())
