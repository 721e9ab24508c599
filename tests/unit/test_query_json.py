"""What a search finds, as it crosses the control socket."""

from __future__ import annotations

import orjson

from relay.outcome import Outcome, Reason
from relay.spool.port import Found
from relay.spool.query_json import found_of, value_of

SETTLED = Found(
    7, "r", 1.5, 30, 2, Outcome.QUARANTINED, Reason.NOT_JSON, "e", "decode", "a.b", "why", 2.5
)
PENDING = Found(8, "r", 1.5, 30, 1, None, None)


def test_what_is_found_comes_out_as_it_went_in() -> None:
    """With and without an outcome, through JSON and beside it."""
    for found in (SETTLED, PENDING):
        assert found_of(orjson.loads(orjson.dumps(value_of(found)))) == found
        assert found_of(value_of(found)) == found
