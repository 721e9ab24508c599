"""
Whether a body names an event id, for entries that nobody has decoded yet (pure).

Only a help for people who look an event up: what an id is worth is decided when the entry is
decoded, and an id that is written with escapes is not seen here.
"""

from __future__ import annotations

import zlib

import orjson

from relay.envelope import Envelope

_UNPACKED_MAX_BYTES = 4 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS


def names(envelope: Envelope, event_id: str) -> bool:
    """Say whether the body of *envelope* is an object with *event_id*; large ones are not read."""
    body = envelope.body
    if envelope.encodings:
        try:
            body = zlib.decompressobj(_GZIP).decompress(body, _UNPACKED_MAX_BYTES)
        except zlib.error:
            return False
    if event_id.encode("utf-8", "surrogatepass") not in body:
        return False
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(event, dict) and event.get("event_id") == event_id
