"""
One entry of the log as bytes: what is written, how it is read, and how damage shows.

Layout, little endian; *length* counts everything from the magic to the checksum::

    offset  size  field
    0       4     magic: AB 52 46, then the version, 01
    4       4     length
    8       8     position
    16      8     durable: the last position that was acknowledged before this write
    24      8     received at, float seconds UTC
    32      4     epoch
    36      2     flags: bit 0, the body is a reference to a spilled file
    38      2     route bytes
    40      4     headers bytes
    44      ...   route (UTF-8), headers, body
    -4      4     crc32 (zlib) of everything before it, started with the segment's salt

The headers are packed as in `relay.envelope`. The body of a spilled entry is
``u64 size, name of the file in large/``.

Why a salt: after damage the next valid frame is searched byte by byte. A sender's body may hold
the bytes of a whole frame; without the segment's random salt its checksum would be right.

Why *durable*: one write is in progress at a time, so a frame that says durable = n proves that
everything up to n was synced before it was written. What is damaged at or below n was
acknowledged and is lost; what is damaged above every proof belongs to a write that never
finished, and is a torn tail.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast
from zlib import crc32

from relay.envelope import Envelope

VERSION = 1
MAGIC = b"\xabRF" + bytes([VERSION])
SPILLED = 1
_HEAD = struct.Struct("<4sIQQdIHHI")
_CRC = struct.Struct("<I")
_SPILL = struct.Struct("<Q")
HEAD_BYTES = _HEAD.size
OVERHEAD_BYTES = HEAD_BYTES + _CRC.size
# Up to here a copy is cheaper than a view.
_COPIED_BYTES = 8192
# Looked up once: `decode` runs for every entry read, `encode_run` for every entry written.
_head_of = _HEAD.unpack_from
_crc_of = _CRC.unpack_from
_pack_head = _HEAD.pack
_pack_crc = _CRC.pack


class Frame(NamedTuple):
    """
    A valid frame found in a buffer.

    *start* and *end* are offsets in that buffer; the body stays there until `envelope` copies it.
    """

    start: int
    end: int
    position: int
    durable: int
    received_at_s: float
    epoch: int
    flags: int
    route: str
    headers_at: int
    body_at: int


_frame = cast("Callable[[tuple[Any, ...]], Frame]", partial(tuple.__new__, Frame))


@lru_cache(maxsize=1024)
def _route_bytes(route: str) -> bytes:
    return route.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=1024)
def _route(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def encode_run(
    envelopes: Iterable[Envelope], position: int, durable: int, epoch: int, salt: int
) -> list[bytes]:
    """
    Turn *envelopes* into frames, the first at *position*: a head, a body and a checksum each.

    Joined, they are what is written.
    """
    parts: list[bytes] = []
    for at, envelope in enumerate(envelopes, position):
        route = _route_bytes(envelope.route)
        headers, body, flags = envelope.packed_headers, envelope.body, 0
        if envelope.spill:
            body = _SPILL.pack(envelope.spill_bytes) + envelope.spill.encode()
            flags = SPILLED
        route_bytes, headers_bytes = len(route), len(headers)
        length = OVERHEAD_BYTES + route_bytes + headers_bytes + len(body)
        head = _pack_head(
            MAGIC,
            length,
            at,
            durable,
            envelope.received_at_s,
            epoch,
            flags,
            route_bytes,
            headers_bytes,
        )
        head += route + headers
        parts += (head, body, _pack_crc(crc32(body, crc32(head, salt))))
    return parts


def length_at(buffer: bytes, start: int) -> int:
    """Say how long the frame at *start* claims to be; 0 when no frame starts there."""
    if len(buffer) - start < HEAD_BYTES or buffer[start : start + 4] != MAGIC:
        return 0
    length = int.from_bytes(buffer[start + 4 : start + 8], "little")
    return length if length >= OVERHEAD_BYTES else 0


def position_at(buffer: bytes, start: int) -> int:
    """Read the position of the frame at *start*, unchecked."""
    return int.from_bytes(buffer[start + 8 : start + 16], "little")


def decode(buffer: bytes, start: int, *, salt: int) -> Frame | None:
    """Read the frame at *start* of *buffer*; ``None`` unless every byte of it is as written."""
    found = decode_run(buffer, start, start + 1, salt, None)
    return found[0] if found else None


def decode_run(
    buffer: bytes, start: int, stop: int, salt: int, position: int | None
) -> list[Frame]:
    """
    Read the frames of *buffer* that follow each other from *start* on, the last before *stop*.

    It ends before the first that is not as written or is not the next one, counted from
    *position* if that is given.
    """
    found: list[Frame] = []
    at, size_bytes = start, len(buffer)
    while at < stop and at + OVERHEAD_BYTES <= size_bytes:
        magic, length, this, durable, received_at_s, epoch, flags, route_bytes, headers_bytes = (
            _head_of(buffer, at)
        )
        end = at + length
        if magic != MAGIC or length < OVERHEAD_BYTES or end > size_bytes:
            break
        crc_at = end - 4
        checked = memoryview(buffer)[at:crc_at] if length > _COPIED_BYTES else buffer[at:crc_at]
        if crc32(checked, salt) != _crc_of(buffer, crc_at)[0]:
            break
        if position is not None:
            if this != position:
                break
            position += 1
        names_at = at + HEAD_BYTES
        headers_at = names_at + route_bytes
        route = _route(buffer[names_at:headers_at])
        body_at = headers_at + headers_bytes
        found.append(
            _frame(
                (
                    at,
                    end,
                    this,
                    durable,
                    received_at_s,
                    epoch,
                    flags,
                    route,
                    headers_at,
                    body_at,
                )
            )
        )
        at = end
    return found


def envelope(buffer: bytes, found: Frame) -> Envelope:
    """Copy the envelope of a valid frame out of *buffer*."""
    _, end, _, _, received_at_s, _, flags, route, headers_at, body_at = found
    headers = buffer[headers_at:body_at]
    body = buffer[body_at : end - 4]
    if flags & SPILLED:
        spill_bytes = _SPILL.unpack_from(body)[0]
        spill = body[_SPILL.size :].decode()
        return Envelope(route, received_at_s, headers, b"", spill, spill_bytes)
    return Envelope(route, received_at_s, headers, body)


def body_bytes(buffer: bytes, found: Frame) -> int:
    """Say how large the body of a valid frame is, wherever it is kept."""
    if found.flags & SPILLED:
        return int(_SPILL.unpack_from(buffer, found.body_at)[0])
    return found.end - _CRC.size - found.body_at


def find_next(buffer: bytes, start: int, *, salt: int, above: int) -> Frame | None:
    """Search *buffer* from *start* for the next valid frame with a position over *above*."""
    at = buffer.find(MAGIC, start)
    while at >= 0:
        found = decode(buffer, at, salt=salt)
        if found is not None and found.position > above:
            return found
        at = buffer.find(MAGIC, at + 1)
    return None
