"""What is decided from headers alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from relay.customerio.signature import sign
from relay.envelope import unpack_headers
from relay.ingress.admission import Head, Refused, admit

VECTORS = json.loads(
    (Path(__file__).parent.parent / "data" / "signature-vectors.json").read_text()
)["vectors"]
NOW_S = 1_700_000_000.0
STAMP = b"1700000000"
GOOD = sign("key", STAMP.decode(), b"{}").encode()


def decide(*pairs: tuple[bytes, bytes], now_s: float = NOW_S, max_age_s: float = 0.0):
    return admit(pairs, now_s=now_s, max_age_s=max_age_s)


def stamped(stamp: bytes = STAMP, signature: bytes = GOOD):
    return ((b"x-cio-timestamp", stamp), (b"x-cio-signature", signature))


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_every_vector_is_worth_reading(vector):
    """Timestamp and signature come out verbatim."""
    pairs = stamped(vector["timestamp"].encode(), vector["signature"].encode())
    head = decide(*pairs)
    assert isinstance(head, Head)
    assert (head.timestamp, head.signature) == tuple(value for _, value in pairs)
    assert head.timestamp_s == int(vector["timestamp"])


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"abc",
        GOOD[:-1],
        GOOD + b"0",
        b"v0=" + GOOD,
        b"v0=" + GOOD[:61],
        GOOD.upper().replace(b"0", b"A"),
        GOOD[:-1] + b"g",
        GOOD + b"\n",
        b" " + GOOD[1:],
        b"\xff" * 64,
    ],
)
def test_only_bare_lowercase_hex_is_a_signature(signature):
    """Cut short, prefixed, upper case, anything else: malformed, before the body is read."""
    assert decide(*stamped(signature=signature)) is Refused.MALFORMED


@pytest.mark.parametrize(
    "stamp", [b"", b"-1", b"+1", b"1.5", b" 1", b"1e9", b"0x1", b"1" * 21, b"\xb2", b"1\n"]
)
def test_only_digits_are_a_timestamp(stamp):
    """A timestamp is one to twenty ASCII digits."""
    assert decide(*stamped(stamp)) is Refused.MALFORMED


def test_white_space_behind_a_value_is_not_part_of_it():
    """Spaces and tabs that the parser leaves there are neither signed nor kept."""
    head = decide(*stamped(STAMP + b" \t", GOOD + b" "))
    assert isinstance(head, Head)
    assert (head.timestamp, head.signature) == (STAMP, GOOD)
    assert dict(unpack_headers(head.kept)) == {
        "x-cio-timestamp": STAMP.decode(),
        "x-cio-signature": GOOD.decode(),
    }


def test_a_missing_header_is_missing():
    """Without either of the two headers nothing proves the sender."""
    stamp, signature = stamped()
    assert decide() is Refused.MISSING
    assert decide(stamp) is Refused.MISSING
    assert decide(signature) is Refused.MISSING


@pytest.mark.parametrize("again", [0, 1])
def test_a_repeated_header_is_refused(again):
    """Twice the same header: which one was signed is anybody's guess, also when both agree."""
    pairs = stamped()
    assert decide(*pairs, pairs[again]) is Refused.REPEATED


def test_other_repeated_headers_are_joined():
    """As HTTP says: with a comma, in their order."""
    head = decide(*stamped(), (b"content-encoding", b"gzip"), (b"content-encoding", b"br"))
    assert isinstance(head, Head)
    assert ("content-encoding", "gzip, br") in unpack_headers(head.kept)


def test_only_the_headers_that_matter_are_kept():
    """Cookies, addresses and the length do not enter the spool."""
    more = [(b"cookie", b"x"), (b"content-length", b"2"), (b"content-type", b"text/\xe9")]
    head = decide(*stamped(), *more)
    assert isinstance(head, Head)
    assert dict(unpack_headers(head.kept)) == {
        "x-cio-timestamp": STAMP.decode(),
        "x-cio-signature": GOOD.decode(),
        "content-type": "text/\xe9",
    }
    assert GOOD.decode() not in repr(head)


@pytest.mark.parametrize(("off_s", "is_taken"), [(0, True), (60, True), (61, False), (-61, False)])
def test_the_age_window(off_s, is_taken):
    """With a window the timestamp may be so far off, in either direction; without, any."""
    assert isinstance(decide(*stamped(), now_s=NOW_S + off_s), Head)
    decision = decide(*stamped(), now_s=NOW_S + off_s, max_age_s=60)
    assert isinstance(decision, Head) is is_taken
    assert is_taken or decision is Refused.TOO_OLD


@pytest.mark.parametrize(
    ("pairs", "size"),
    [
        ([], 0),
        ([(b"content-length", b"17")], 17),
        ([(b"content-length", b"x")], 0),
        ([(b"content-length", b"1"), (b"content-length", b"2")], 0),
    ],
)
def test_the_announced_size(pairs, size):
    """What a header announces; 0 when it announces nothing."""
    head = decide(*stamped(), *pairs)
    assert isinstance(head, Head)
    assert head.announced_bytes == size
