"""Lists for people, and the arguments that narrow them."""

from __future__ import annotations

import pytest
import typer

from relay.cli import events
from relay.cli.options import query
from relay.spool.port import Found


@pytest.mark.parametrize(
    "given", [{"since": "²d"}, {"route": "\udcff"}, {"event_id": "a\udc80"}], ids=ascii
)
def test_an_odd_argument_is_a_usage_error(given):
    """A digit that is no number and a text that is no UTF-8 are named, and no traceback."""
    with pytest.raises(typer.BadParameter, match="expected"):
        query(**given)


def test_what_comes_from_outside_stays_on_its_line(capsys):
    """An event id with a line break or a terminal's code in it makes no row of its own."""
    found = Found(7, "a", 1.7e9, 10, 1, None, None, event_id="x\n8  pending \x1b[2Jé")
    events._print_table([found])
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.startswith("position  received")
    assert row.endswith("x?8  pending ?[2Jé")
