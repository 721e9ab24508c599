"""
The body of an entry, decoded: bytes in, one JSON object with an event id out, or why not.

CPU only, no I/O. What becomes of odd bodies; a reason means quarantined with it:

=========================================================  ======================================
body                                                       fate
=========================================================  ======================================
spilled to disk (over ``server.max_body_memory``)          ``too_large``
``content-encoding: gzip`` (or ``x-gzip``)                 decoded; over 64 MiB: ``too_large``
gzip that is cut off, damaged, or followed by rubbish      ``bad_encoding``
any other content-encoding                                 ``unsupported_encoding``
nothing, or only white space                               ``empty_body``
not JSON, not UTF-8, a byte order mark, NaN, Infinity      ``not_json``
JSON, but an array, a string, a number, …                  ``not_an_object``
deeper than 254 levels                                     ``too_deep``
the same key twice in one object, at any depth             ``ambiguous_json``
half of a surrogate pair (it has no UTF-8 form)            ``ambiguous_json``
a number that no double holds (``1e400``)                  ``ambiguous_json``
a number that a double rounds (20 digits, ``0.12345678…``) raw: sent byte for byte, digest and
                                                           local check see it rounded;
                                                           xdm: ``ambiguous_json``
no ``event_id``, not a string, empty, over 1,024 bytes     ``missing_event_id``
the format of before 2020 (``event_type``)                 ``legacy_format``
=========================================================  ======================================

Ambiguous means that two readers of the same bytes may see different events: dedupe would decide
on one and Adobe store the other. Sending half a surrogate pair is not possible outside an escape,
and some readers replace it, some refuse.

orjson reads first. It keeps the last of two equal keys and says nothing, so the colons of the body
are compared with those of the canonical text, which the digest needs anyway: each key has one,
those in strings are the same in both, and a key that was dropped took its colon along. Where their
numbers differ, or an escape could make up for one, the standard library's parser looks at every
pair.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from relay.envelope import Entry, Envelope
from relay.outcome import Reason

MAX_DECODED_BYTES = 64 * 1024 * 1024
MAX_EVENT_ID_BYTES = 1024
DIGEST_BYTES = 16

_GZIP = 31  # zlib's spelling of "a gzip header and trailer, largest window"
_STEP_BYTES = 256 * 1024
_YEAR_10000_S = 253_402_300_800
_JSON_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
# As numbers, because looking for a byte by its number takes a third of the time.
_COLON, _BACKSLASH = ord(":"), ord("\\")


# Not frozen, unlike the other values here: one is made for every event, and a frozen one costs
# three times as much to make. Nobody changes them.
@dataclass(slots=True)
class Decoded:
    """
    An event that can be read; *body* is its bytes without content-encoding.

    *digest* covers the parsed content, so that spacing and the order of keys do not matter.
    Assumed: ``1`` and ``1.0`` are different content: a repeat spells its numbers alike.
    *timestamp_s* is the event's own time, seconds UTC, ``None`` when it has none.
    """

    entry: Entry
    event: dict[str, Any] = field(repr=False)
    body: bytes = field(repr=False)
    event_id: str
    digest: bytes
    object_type: str
    metric: str
    timestamp_s: float | None


@dataclass(slots=True)
class Rejected:
    """
    An event that goes no further, and why; a value, not an exception.

    *stage* is ``decode``, ``filter``, ``mapping`` or ``schema``; *path* a field; *detail* one
    sentence. Neither holds the event's content beyond field paths and types.
    """

    entry: Entry
    reason: Reason
    stage: str
    path: str
    detail: str
    event_id: str = ""
    digest: bytes = b""


class _Refused(Exception):
    """One step of decoding found the body's fate."""

    def __init__(self, reason: Reason, detail: str, *, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.path = path


def decode(entry: Entry) -> Decoded | Rejected:
    """
    Read *entry*'s body; the table above says what becomes of every odd one.

    CPU only: about 5 µs for a small event, seconds for 64 MiB of gzip.
    """
    try:
        body = _plain_body(entry.envelope)
        event = _parse(body)
        canonical = _canonical(event)
        _refuse_repeated_keys(body, canonical)
    except _Refused as refused:
        return Rejected(entry, refused.reason, "decode", refused.path, refused.detail)
    digest = blake2b(canonical, digest_size=DIGEST_BYTES).digest()
    return _identified(entry, event, body, digest)


def _identified(
    entry: Entry, event: dict[str, Any], body: bytes, digest: bytes
) -> Decoded | Rejected:
    event_id = event.get("event_id")
    if not isinstance(event_id, str) or not 0 < len(event_id) * 4 <= MAX_EVENT_ID_BYTES:
        problem = _event_id_problem(event_id)
        if problem or not isinstance(event_id, str):
            return Rejected(entry, Reason.MISSING_EVENT_ID, "decode", "event_id", problem)
    object_type = event.get("object_type")
    if object_type is None and "event_type" in event:
        detail = "event_type instead of object_type and metric: the format of before 2020"
        return Rejected(
            entry, Reason.LEGACY_FORMAT, "decode", "event_type", detail, event_id, digest
        )
    metric = event.get("metric")
    return Decoded(
        entry,
        event,
        body,
        event_id,
        digest,
        object_type if isinstance(object_type, str) else "",
        metric if isinstance(metric, str) else "",
        _seconds(event.get("timestamp")),
    )


def _event_id_problem(event_id: object) -> str:
    if event_id is None:
        return "no event_id"
    if not isinstance(event_id, str):
        return f"expected a string, found {_JSON_NAMES[type(event_id)]}"
    if not event_id:
        return "an empty event_id"
    # Four bytes a character at most, so short ids need no encoding to be measured.
    if len(event_id) * 4 > MAX_EVENT_ID_BYTES and len(event_id.encode()) > MAX_EVENT_ID_BYTES:
        return f"expected at most {MAX_EVENT_ID_BYTES} bytes"
    return ""


def _seconds(timestamp: object) -> float | None:
    """Read a time of the years 1970 to 9999; numeric strings occur in published payloads."""
    if isinstance(timestamp, str):
        try:
            timestamp = float(timestamp)
        except ValueError:
            return None
    if type(timestamp) is not int and type(timestamp) is not float:
        return None
    # A single infinite or astronomic one would spoil the lag's sum until the next start.
    return timestamp if 0 <= timestamp < _YEAR_10000_S else None


def _plain_body(envelope: Envelope) -> bytes:
    if envelope.spill:
        raise _Refused(
            Reason.TOO_LARGE, f"{envelope.spill_bytes} bytes, over server.max_body_memory"
        )
    body = envelope.body
    for encoding in envelope.encodings:
        body = _decoded(body, encoding)
    return body


def _decoded(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in {"", "identity"}:
        return body
    if encoding in {"gzip", "x-gzip"}:
        return _gunzip(body)
    raise _Refused(Reason.UNSUPPORTED_ENCODING, "expected gzip or no content-encoding")


def _gunzip(body: bytes) -> bytes:
    """Unpack all members of *body*, never holding more than the limit and one step."""
    parts: list[bytes] = []
    size_bytes = 0
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            part = _step(member, rest)
            rest = member.unconsumed_tail
            size_bytes += len(part)
            parts.append(part)
            if size_bytes > MAX_DECODED_BYTES:
                raise _Refused(Reason.TOO_LARGE, f"over {MAX_DECODED_BYTES} bytes unpacked")
            if not part and not rest and not member.eof:
                raise _Refused(Reason.BAD_ENCODING, "the gzip stream is cut off")
        rest = member.unused_data
    return b"".join(parts)


def _step(member: Any, data: bytes) -> bytes:
    try:
        part: bytes = member.decompress(data, _STEP_BYTES)
    except zlib.error:
        raise _Refused(Reason.BAD_ENCODING, "the gzip stream is damaged") from None
    return part


def _parse(body: bytes) -> dict[str, Any]:
    try:
        event = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _why_refused(body, error) from None
    if type(event) is not dict:
        detail = f"expected an object, found {_JSON_NAMES[type(event)]}"
        raise _Refused(Reason.NOT_AN_OBJECT, detail)
    return event


def _why_refused(body: bytes, error: orjson.JSONDecodeError) -> _Refused:
    """Tell JSON that orjson will not read from what is no JSON at all."""
    if not body.strip():
        return _Refused(Reason.EMPTY_BODY, "nothing to read")
    if "depth limit" in str(error):
        return _Refused(Reason.TOO_DEEP, "deeper than 1,024 levels")
    try:
        json.loads(body.decode(), parse_constant=_no_constant, parse_int=float)
    except UnicodeDecodeError as wrong:
        return _Refused(Reason.NOT_JSON, f"not UTF-8 at byte {wrong.start}")
    except RecursionError:
        return _Refused(Reason.TOO_DEEP, "deeper than the parser goes")
    except ValueError:
        # The parser counts characters.
        place = len(error.doc[: error.pos].encode())
        return _Refused(Reason.NOT_JSON, f"does not parse at byte {place}")
    return _Refused(
        Reason.AMBIGUOUS_JSON, "half of a surrogate pair, or a number that no double holds"
    )


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _canonical(event: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # orjson writes at most 254 levels, and reads 1,024; no other value of its own is refused.
        raise _Refused(Reason.TOO_DEEP, "deeper than 254 levels") from None


def _refuse_repeated_keys(body: bytes, canonical: bytes) -> None:
    if body.count(_COLON) == canonical.count(_COLON) and not _has_escaped_colon(body):
        return
    try:
        json.loads(body, object_pairs_hook=_distinct, parse_int=float)
    except RecursionError:
        raise _Refused(Reason.TOO_DEEP, "deeper than the parser goes") from None


def _has_escaped_colon(body: bytes) -> bool:
    return _BACKSLASH in body and (b"\\u003a" in body or b"\\u003A" in body)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused(Reason.AMBIGUOUS_JSON, "the same key twice in one object")
    return members
