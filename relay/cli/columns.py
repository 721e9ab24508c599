"""A table for people: plain text, never cut, so that it can be read, copied and searched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import typer


def print_columns(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print *rows* below *names*, every column as wide as its widest cell."""
    lines = [names, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(names))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
