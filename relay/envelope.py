"""What the relay keeps of a delivery: an `Envelope`, and its place in the spool: an `Entry`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

Headers = tuple[tuple[str, str], ...]

# A header is packed as: u16 name bytes, u32 value bytes, name, value; little endian.
_SIZES = struct.Struct("<HI")
_ENCODING = b"content-encoding"


def pack_headers(headers: Headers) -> bytes:
    """Turn *headers* into the bytes that are kept of them."""
    return b"".join(
        pack_header(name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass"))
        for name, value in headers
    )


def pack_header(name: bytes, value: bytes) -> bytes:
    """Turn one header, in UTF-8, into the bytes that are kept of it."""
    return _SIZES.pack(len(name), len(value)) + name + value


def unpack_headers(packed: bytes) -> Headers:
    """Read back what `pack_headers` made."""
    found = []
    at = 0
    while at < len(packed):
        name_bytes, value_bytes = _SIZES.unpack_from(packed, at)
        value_at = at + _SIZES.size + name_bytes
        name, value = packed[value_at - name_bytes : value_at], packed[value_at:]
        found.append(
            (
                name.decode("utf-8", "surrogatepass"),
                value[:value_bytes].decode("utf-8", "surrogatepass"),
            )
        )
        at = value_at + value_bytes
    return tuple(found)


# Neither is frozen: both are made for every event, and a frozen one costs three times as much to
# make. Nobody changes them.
@dataclass(slots=True, init=False, repr=False)
class Envelope:
    """
    One correctly signed delivery, as it came.

    *body* is the raw bytes as sent (still compressed if they were); *headers* are the few that
    matter later, lower-case names, e.g. ``(("content-encoding", "gzip"),)``, or these packed:
    few are ever looked at, so they are kept that way. *received_at_s* is wall-clock seconds UTC.
    When *spill* is not empty the body is not here but in the file of that name in the spool's
    ``large`` folder, because it was over the in-memory cap.
    """

    route: str
    received_at_s: float
    packed_headers: bytes
    body: bytes
    spill: str
    spill_bytes: int

    def __init__(
        self,
        route: str,
        received_at_s: float,
        headers: Headers | bytes,
        body: bytes,
        spill: str = "",
        spill_bytes: int = 0,
    ) -> None:
        self.route = route
        self.received_at_s = received_at_s
        self.packed_headers = headers if isinstance(headers, bytes) else pack_headers(headers)
        self.body = body
        self.spill = spill
        self.spill_bytes = spill_bytes

    @property
    def headers(self) -> Headers:
        """The headers, by name and value."""
        return unpack_headers(self.packed_headers)

    @property
    def encodings(self) -> list[str]:
        """What the body is encoded with, as its headers say; nearly always nothing."""
        # Not `in`, which makes an exception before it looks for bytes, and takes twice the time.
        if self.packed_headers.find(_ENCODING) < 0:
            return []
        return [value for name, value in self.headers if name == _ENCODING.decode()]

    @property
    def size_bytes(self) -> int:
        """The size of the body, wherever it is kept."""
        return self.spill_bytes or len(self.body)

    def __repr__(self) -> str:
        return f"<Envelope route={self.route} size_bytes={self.size_bytes}>"


@dataclass(slots=True)
class Entry:
    """
    One envelope in the spool, handed out for its *attempt*-th cycle.

    *position* is its id for life. *attempt* is 1 until a person replays it.
    """

    position: int
    envelope: Envelope
    attempt: int = 1

    def __repr__(self) -> str:
        return f"<Entry {self.position} attempt={self.attempt} {self.envelope!r}>"
