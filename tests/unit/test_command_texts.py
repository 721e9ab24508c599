"""What commands say of themselves and of places, word by word."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from relay.cli.app import build
from relay.cli.options import shown_place


@pytest.mark.parametrize(
    ("path", "detail", "shown"),
    [
        ("#/x", "#/x: required key [a] not found", "#/x: required key [a] not found"),
        ("#/x", "#/x: one; #/y: two", "#/x: one; #/y: two"),
        ("#/x", "#/xy: two", "#/x: #/xy: two"),
        ("event_id", "no event_id", "event_id: no event_id"),
        ("event_id", "", "event_id"),
        ("", "nothing to read", "nothing to read"),
        ("", "", ""),
    ],
)
def test_a_place_is_shown_once(path, detail, shown):
    """A detail that begins with the path is not given it again."""
    assert shown_place(path, detail) == shown


@pytest.mark.parametrize(
    "words", [("events", "replay"), ("quarantine", "replay"), ("quarantine", "drop")]
)
def test_help_shows_no_made_up_default(words):
    """Without --limit there is none: the help says so and shows no number for it."""
    done = CliRunner().invoke(build(words[:1]), [*words, "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    assert "all if not given" in done.stdout
    assert not re.search(r"\d{4}", done.stdout.replace("RFC 3339", ""))
