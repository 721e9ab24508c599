"""
What is decided from the headers of a delivery, before its body is read.

Pure: header pairs in, a value out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from relay.customerio.signature import SIGNATURE_LENGTH

TIMESTAMP = b"x-cio-timestamp"
SIGNATURE = b"x-cio-signature"
_LENGTH = b"content-length"

# Kept with the body: what decoding needs, what proves the sender, what names the delivery.
_KEPT = tuple(
    (name, name.decode())
    for name in (
        b"content-type",
        b"content-encoding",
        TIMESTAMP,
        SIGNATURE,
        b"x-cio-delivery-id",
        b"x-cio-idempotency-key",
    )
)
_SIGNED = frozenset({TIMESTAMP, SIGNATURE})

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
    """The headers of a delivery that may be signed: its body decides."""

    timestamp: bytes
    signature: bytes = field(repr=False)
    kept: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def timestamp_s(self) -> int:
        """When the sender says it sent this, in seconds since 1970."""
        return int(self.timestamp)


def read_headers(headers: Pairs) -> tuple[dict[bytes, bytes], bool]:
    """
    Give the headers by their name; say also whether one of the signature's came twice.

    Other repeated headers are joined with a comma, as HTTP says.
    """
    found = dict(headers)
    if len(found) == len(headers):
        return found, False
    joined: dict[bytes, bytes] = {}
    is_repeated = False
    for name, value in headers:
        if name in joined:
            is_repeated = is_repeated or name in _SIGNED
            joined[name] += b", " + value
        else:
            joined[name] = value
    return joined, is_repeated


def announced_bytes(found: dict[bytes, bytes]) -> int:
    """Give the body's size as announced; 0 when it is not, because there is none or by chunks."""
    length = found.get(_LENGTH, b"")
    return int(length) if length.isdigit() else 0


def admit(
    found: dict[bytes, bytes], *, is_repeated: bool, now_s: float, max_age_s: float
) -> Head | Refused:
    """
    Decide whether the body is worth reading; *max_age_s* 0 means that any age is.

    A timestamp from the future is as far off as one from the past.
    """
    if is_repeated:
        return Refused.REPEATED
    timestamp, signature = found.get(TIMESTAMP), found.get(SIGNATURE)
    if timestamp is None or signature is None:
        return Refused.MISSING
    if not _is_timestamp(timestamp) or not _is_signature(signature):
        return Refused.MALFORMED
    if max_age_s and abs(now_s - int(timestamp)) > max_age_s:
        return Refused.TOO_OLD
    kept = [(text, found[name].decode("latin-1")) for name, text in _KEPT if name in found]
    return Head(timestamp, signature, tuple(kept))


def _is_timestamp(value: bytes) -> bool:
    return len(value) <= _TIMESTAMP_DIGITS and value.isdigit()


def _is_signature(value: bytes) -> bool:
    return len(value) == SIGNATURE_LENGTH and not value.translate(None, _HEX_DIGITS)
