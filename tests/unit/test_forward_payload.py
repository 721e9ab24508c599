"""The bytes of one event in Adobe's own envelope."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest

from relay.config import InletConfig
from relay.envelope import Entry, Envelope
from relay.forward.decode import Decoded, decode
from relay.forward.payload import UnwritableError, xdm_payload
from relay.outcome import Reason

PAYLOAD = xdm_payload(InletConfig(url="http://127.0.0.1/collection/x", format="xdm"))


def decoded() -> Decoded:
    made = decode(Entry(1, Envelope("r", 0.0, (), b'{"event_id":"e"}')))
    assert isinstance(made, Decoded)
    return made


def nested(levels: int) -> Any:
    return reduce(lambda inner, _: [inner], range(levels), "x")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**64, Reason.AMBIGUOUS_JSON),
        (-(2**63) - 1, Reason.AMBIGUOUS_JSON),
        ("\ud800", Reason.AMBIGUOUS_JSON),
        (nested(300), Reason.TOO_DEEP),
    ],
    ids=["past 64 bits", "below 64 bits", "half a character", "deep"],
)
def test_what_an_expression_made_and_json_does_not_carry_has_its_reason(
    value: Any, reason: Reason
) -> None:
    """Long numbers, halves of characters and deep lists are told as that, not as a bug of ours."""
    with pytest.raises(UnwritableError) as refused:
        PAYLOAD(decoded(), {"a": value})
    assert refused.value.reason is reason


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), "\U0001f600", nested(200)], ids=str)
def test_the_rest_is_written(value: Any) -> None:
    """What just fits is in the envelope as it is."""
    assert json.loads(PAYLOAD(decoded(), {"a": value}))["body"]["xdmEntity"] == {"a": value}


@pytest.mark.parametrize("digits_before", range(0, 20, 3))
def test_a_number_to_be_rounded_is_found_wherever_the_search_makes_a_pause(
    digits_before: int,
) -> None:
    """A large event is searched in stretches of 64 KiB, so that others run in between."""
    opening, number = b'{"event_id":"e","text":"', b"9007199254740993.5"
    text = b"x" * (64 * 1024 - len(opening) - len(b'","n":') - digits_before)
    body = opening + text + b'","n":' + number + b"}"
    assert body.index(number) + digits_before == 64 * 1024
    made = decode(Entry(1, Envelope("r", 0.0, (), body)))
    assert isinstance(made, Decoded)
    with pytest.raises(UnwritableError) as refused:
        PAYLOAD(made, {})
    assert refused.value.reason is Reason.AMBIGUOUS_JSON
