"""
What is decided from the headers of a delivery, before its body is read.

Pure: header pairs in, a value out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from relay.customerio.signature import SIGNATURE_LENGTH
from relay.envelope import pack_header

TIMESTAMP = b"x-cio-timestamp"
SIGNATURE = b"x-cio-signature"
_LENGTH = b"content-length"

# Kept with the body, besides what proves the sender: what decoding needs, what names the delivery.
_ALSO_KEPT = (
    b"content-type",
    b"content-encoding",
    b"x-cio-delivery-id",
    b"x-cio-idempotency-key",
)
_SIGNED = frozenset({TIMESTAMP, SIGNATURE})
# A signature's header as it is kept, up to the signature: all are of one length.
_PACKED_SIGNATURE = pack_header(SIGNATURE, bytes(SIGNATURE_LENGTH))[:-SIGNATURE_LENGTH]

# The specification types the timestamp as an integer of seconds; 20 digits hold any 64-bit one.
_TIMESTAMP_DIGITS = 20
_HEX_DIGITS = b"0123456789abcdef"

Pairs = Sequence[tuple[bytes, bytes]]


class Refused(StrEnum):
    """What was wrong with a signature; the ``why`` of ``relay_signature_failures_total``."""

    MISSING = "missing"
    REPEATED = "repeated"
    MALFORMED = "malformed"
    TOO_OLD = "too_old"
    NO_KEY_MATCHES = "no_key_matches"


# Not frozen, for the same reason as `relay.envelope.Envelope`.
@dataclass(slots=True)
class Head:
    """
    The headers of a delivery that may be signed: its body decides.

    *kept* are the headers that stay with the body, packed. *announced_bytes* is its size; 0 when
    nobody says, because there is none or by chunks.
    """

    timestamp: bytes
    signature: bytes = field(repr=False)
    kept: bytes = field(repr=False)
    announced_bytes: int

    @property
    def timestamp_s(self) -> int:
        """When the sender says it sent this, in seconds since 1970."""
        return int(self.timestamp)


def admit(headers: Pairs, *, now_s: float, max_age_s: float) -> Head | Refused:
    """
    Decide whether the body is worth reading; *max_age_s* 0 means that any age is.

    A timestamp from the future is as far off as one from the past. A repeated header of the
    signature's is refused, also when both say the same: which was signed is anybody's guess.
    """
    found = dict(headers)
    if len(found) < len(headers):
        found = _joined(headers)
        if not found:
            return Refused.REPEATED
    timestamp, signature = found.get(TIMESTAMP), found.get(SIGNATURE)
    if timestamp is None or signature is None:
        return Refused.MISSING
    if (
        len(timestamp) > _TIMESTAMP_DIGITS
        or not timestamp.isdigit()
        or len(signature) != SIGNATURE_LENGTH
        or signature.translate(None, _HEX_DIGITS)
    ):
        # Only now, because nearly nobody sends it: white space behind a value, which the parser
        # leaves there, is not part of it (RFC 9110, section 5.5).
        trimmed = [(name, value.rstrip(b" \t")) for name, value in headers]
        if trimmed == list(headers):
            return Refused.MALFORMED
        return admit(trimmed, now_s=now_s, max_age_s=max_age_s)
    if max_age_s and abs(now_s - int(timestamp)) > max_age_s:
        return Refused.TOO_OLD
    kept = pack_header(TIMESTAMP, timestamp) + _PACKED_SIGNATURE + signature
    for name in _ALSO_KEPT:
        if name in found:
            value = found[name]
            kept += pack_header(name, value if value.isascii() else _as_utf_8(value))
    length = found.get(_LENGTH, b"")
    return Head(timestamp, signature, kept, int(length) if length.isdigit() else 0)


def _joined(headers: Pairs) -> dict[bytes, bytes]:
    """Join repeated headers with a comma, as HTTP says; empty when one is the signature's."""
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        if name not in joined:
            joined[name] = value
        elif name in _SIGNED:
            return {}
        else:
            joined[name] += b", " + value
    return joined


def _as_utf_8(value: bytes) -> bytes:
    return value.decode("latin-1").encode()
