"""The signature check against the published vectors and everything that must not pass."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from relay.customerio.signature import Keys, match, sign, verify

VECTORS = json.loads(
    (Path(__file__).parent.parent / "data" / "signature-vectors.json").read_text()
)["vectors"]
KEY, STAMP, BODY = "cio-test-signing-key", "1613063089", b'{"event_id":"abc"}'


@pytest.mark.parametrize("vector", VECTORS, ids=range(len(VECTORS)))
def test_vector(vector):
    """Every vector signs to its signature and verifies, whole and byte by byte."""
    key, stamp, body = (
        vector["signing_key"],
        vector["timestamp"],
        bytes.fromhex(vector["body_hex"]),
    )
    assert sign(key, stamp, body) == vector["signature"]
    assert verify([key], stamp, body, vector["signature"]) == 0
    by_bytes = Keys([key]).begin(stamp.encode())
    for byte in body:
        by_bytes[0].update(bytes([byte]))
    assert match(by_bytes, vector["signature"].encode()) == 0


@pytest.mark.parametrize(
    ("stamp", "body", "signature"),
    [
        (STAMP, BODY, sign("another key", STAMP, BODY)),
        (STAMP, BODY + b" ", sign(KEY, STAMP, BODY)),
        (str(int(STAMP) + 1), BODY, sign(KEY, STAMP, BODY)),
        (STAMP, BODY, "abc"),
        (STAMP, BODY, ""),
        (STAMP, BODY, "v0=" + sign(KEY, STAMP, BODY)),
        (STAMP, BODY, sign(KEY, STAMP, BODY).upper()),
        (STAMP, BODY, sign(KEY, STAMP, BODY) + "0"),
        (STAMP, BODY, sign(KEY, STAMP, BODY)[:-1] + "é"),
        (STAMP, BODY, hmac.new(KEY.encode(), BODY, "sha256").hexdigest()),
        (STAMP, BODY, hmac.new(KEY.encode(), STAMP.encode() + b"." + BODY, "sha256").hexdigest()),
        (STAMP, BODY, hashlib.sha256(BODY).hexdigest()),
    ],
    ids=[
        "wrong key",
        "tampered body",
        "timestamp + 1",
        "truncated",
        "empty",
        "v0= prefix",
        "uppercase",
        "one character more",
        "not ASCII",
        "body only",
        "dot scheme",
        "no key",
    ],
)
def test_negative(stamp, body, signature):
    """What the official verifier rejects is rejected."""
    assert verify([KEY], stamp, body, signature) is None


def test_index_of_key():
    """The index says which key signed, so that a rotation can be watched."""
    signature = sign("new", STAMP, BODY)
    assert verify(["old", "new"], STAMP, BODY, signature) == 1
    assert verify(["new", "old", "new"], STAMP, BODY, signature) == 0
    assert verify(["old"], STAMP, BODY, signature) is None


@pytest.mark.parametrize("keys", [[], [""], ["good", ""]])
def test_fails_closed(keys):
    """Without a key, or with an empty one, nothing verifies and nothing starts."""
    with pytest.raises(ValueError, match="signing key"):
        verify(keys, STAMP, BODY, sign("", STAMP, BODY))


def test_keys_tell_no_secret():
    """The representation of prepared keys holds none of them."""
    assert repr(Keys(["s3cret"])) == "<Keys 1>"


@pytest.mark.parametrize("length", [1, 63, 64, 65, 200])
def test_key_of_any_length(length):
    """A key shorter than, as long as, and longer than the hash's block signs as RFC 2104 says."""
    assert verify(["é" + "k" * length], STAMP, BODY, sign("é" + "k" * length, STAMP, BODY)) == 0
