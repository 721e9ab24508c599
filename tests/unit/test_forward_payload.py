"""The bytes of one event in Adobe's own envelope."""

from __future__ import annotations

import json

import pytest

from relay.config import InletConfig
from relay.envelope import Entry, Envelope
from relay.forward.decode import Decoded, decode
from relay.forward.payload import NumberChangedError, xdm_payload


def decoded() -> Decoded:
    body = b'{"event_id":"e"}'
    made = decode(Entry(1, Envelope("r", 0.0, (), body)))
    assert isinstance(made, Decoded)
    return made


def test_a_number_that_an_expression_made_too_long_is_no_failure_of_ours() -> None:
    """A whole number past 64 bits is told as the number it is; below, it is written."""
    payload = xdm_payload(InletConfig(url="http://127.0.0.1/collection/x", format="xdm"))
    written = json.loads(payload(decoded(), {"a": 2**64 - 1}))
    assert written["body"]["xdmEntity"] == {"a": 2**64 - 1}
    with pytest.raises(NumberChangedError):
        payload(decoded(), {"a": 2**64})
