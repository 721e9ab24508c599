"""What commands say of themselves and of places, word by word."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from relay.cli.app import NOUNS, build
from relay.cli.options import shown_place
from relay.errors import SpoolError


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


@pytest.mark.parametrize("noun", NOUNS)
def test_the_help_says_of_a_noun_what_it_says_itself(noun):
    """The sentence in the table is the first of the command's own help."""
    command = typer.main.get_command(build([noun])).commands[noun]
    assert " ".join(command.help.partition("\n\n")[0].split()) == NOUNS[noun]


def test_the_help_imports_no_noun():
    """`relay --help` and a mistyped noun, which is guessed, import none of them."""
    code = (
        "import sys; from relay.cli.app import NOUNS, build; from typer.testing import CliRunner\n"
        "shown = CliRunner().invoke(build(()), ['--help'])\n"
        "typo = CliRunner().invoke(build(()), ['evnts'])\n"
        "assert all(noun in shown.stdout for noun in NOUNS), shown.stdout\n"
        "assert typo.exit_code == 2 and \"Did you mean 'events'?\" in typo.stderr, typo.stderr\n"
        "print([noun for noun in NOUNS if f'relay.cli.{noun}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"[]\n", b"")


def test_a_position_that_none_can_be_is_a_usage_error():
    """Positions begin at 1 and end where a number of 64 bits does."""
    for number in ("0", "99999999999999999999999"):
        done = CliRunner().invoke(build(("events",)), ["events", "ls", "--position", number])
        assert done.exit_code == 2
        assert "--position" in done.output


@pytest.mark.parametrize(
    "words",
    [
        ("audit",),
        ("audit", "--deep"),
        ("audit", "--trail"),
        ("events", "ls"),
        ("quarantine", "replay"),
        ("drain",),
    ],
)
def test_a_spool_that_cannot_be_looked_into_is_told_by_name(words):
    """Most often it is another user's; that is a sentence and what to do, not a traceback."""
    # A name too long for any file system is refused to every user, root included.
    folder = "x" * 300
    done = CliRunner().invoke(build(words[:1]), list(words), env={"RELAY_SPOOL__PATH": folder})
    assert isinstance(done.exception, SpoolError)
    assert done.exception.message == f"the spool {folder} cannot be read: File name too long"
    assert "as the user whom the relay runs as" in done.exception.hint


def test_ctrl_c_while_it_imports_is_no_traceback():
    """A command that is ended before it began ends as one that is ended later."""
    program = """
import importlib.abc, sys
class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == "relay.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from relay.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (130, b"")


def test_an_output_that_takes_nothing_is_told_in_a_sentence():
    """Where stdout is a file on a full disk, the command says so and ends with 1."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "relay", "map"],
            input=b'{"event_id": "a"}',
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == "error: No space left on device"
    assert b"Traceback" not in done.stderr
