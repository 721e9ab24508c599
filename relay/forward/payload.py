"""
The bytes that the inlet gets for one event (pure).

Raw: the event as it came, perhaps without the members that hold whole messages. XDM: the mapped
record in the envelope that Adobe documents.

Source:
    Streaming ingestion, adobe.md §1.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import orjson

from relay.config import InletConfig
from relay.forward.decode import Decoded
from relay.forward.splice import cut_members
from relay.outcome import Reason

BULKY = ("content", "headers")  # members of data that hold whole messages

Payload = Callable[[Decoded, Mapping[str, Any]], bytes]

# Numbers that a double may not hold have many digits or are written with an exponent. A false
# alarm, inside a string, only costs a second look.
_WIDE_NUMBER = re.compile(rb"\d{16}|\d[eE]|\.\d{15}")
_WIDEST_BYTES = 16
_STRETCH_BYTES = 64 * 1024  # as much as a search may look through without letting others run
_LONG_RANGE = (-(2**63), 2**64 - 1)  # what orjson reads as an integer


class UnwritableError(Exception):
    """The mapped record cannot be written as it is, or not with the event's own numbers."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def raw_payload(keeps_bulky: frozenset[str] | set[str]) -> Payload:
    """Make the payload of ``format = "raw"``; *keeps_bulky* names what must not be cut."""
    cut = frozenset(BULKY) - keeps_bulky

    def payload(decoded: Decoded, _record: Mapping[str, Any]) -> bytes:
        data = decoded.event.get("data")
        if type(data) is dict and not cut.isdisjoint(data):
            return cut_members(decoded.body, "data", cut)
        return decoded.body

    return payload


def xdm_payload(inlet: InletConfig) -> Payload:
    """
    Make the payload of ``format = "xdm"``.

    The payload function raises `UnwritableError` for an event that it would falsify.
    """
    reference = {"id": inlet.schema_id, "contentType": inlet.schema_content_type}
    header = {
        "schemaRef": reference,
        "imsOrgId": inlet.ims_org_id,
        "datasetId": inlet.dataset_id,
        "flowId": inlet.flow_id,
    }
    opening = b"".join(
        (
            b'{"header":',
            orjson.dumps({key: value for key, value in header.items() if value}),
            b',"body":{"xdmMeta":',
            orjson.dumps({"schemaRef": reference}),
            b',"xdmEntity":',
        )
    )

    def payload(decoded: Decoded, record: Mapping[str, Any]) -> bytes:
        if _may_have_wide_number(decoded.body):
            json.loads(decoded.body, parse_int=_same_int, parse_float=_same_float)
        try:
            return b"".join((opening, orjson.dumps(record), b"}}"))
        except TypeError as error:
            raise _unwritable(error) from None

    return payload


def _may_have_wide_number(body: bytes) -> bool:
    for start in range(0, len(body), _STRETCH_BYTES):
        if _WIDE_NUMBER.search(body, start, start + _STRETCH_BYTES + _WIDEST_BYTES) is not None:
            return True
    return False


def _rounded() -> UnwritableError:
    return UnwritableError(
        Reason.AMBIGUOUS_JSON, "a number that the mapped record would carry rounded"
    )


def _unwritable(error: TypeError) -> Exception:
    """Tell what orjson does not write: what only expressions make, out of text."""
    message = str(error)
    if "64-bit" in message:
        return _rounded()
    if "surrogates" in message:
        return UnwritableError(
            Reason.AMBIGUOUS_JSON, "half of a surrogate pair, which has no UTF-8 form"
        )
    if "Recursion" in message:
        return UnwritableError(Reason.TOO_DEEP, "a mapped record deeper than 254 levels")
    return error


def _same_int(text: str) -> int:
    low, high = _LONG_RANGE
    # Twenty digits hold every number in range; longer ones are not worth converting.
    if len(text) > 20 or not low <= int(text) <= high:  # noqa: PLR2004 - explained above
        raise _rounded()
    return 0


def _same_float(text: str) -> float:
    if Decimal(text) != Decimal(repr(float(text))):
        raise _rounded()
    return 0.0
