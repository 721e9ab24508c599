"""
Customer.io's signature: lowercase hex HMAC-SHA256 over ``v0:<timestamp>:<raw body>``.

The key is the signing key's text as the workspace shows it, the timestamp the header's text as it
came, the body the bytes as they came: compressed bodies are signed compressed, and a body that
was parsed and written again does not verify.

Source:
    docs.customer.io/integrations/api/webhooks, "Securely verify requests"; the official verifier,
    customerio-node ``lib/webhooks.ts`` at b0288a45; ``tests/data/signature-vectors.json``.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256

SIGNATURE_LENGTH = 64
_BLOCK_BYTES = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Keys:
    """
    The signing keys of one route, prepared once: a delivery copies the two hashes of a key.

    HMAC by its definition, ``H(outer key + H(inner key + text))``: copying an `hmac.HMAC` costs
    more than hashing a typical body.

    Raises:
        ValueError: there is no key, or one is empty; nothing may be trusted then.

    Source:
        RFC 2104, section 2; ``tests/unit/test_signature.py`` holds it against `hmac.new`.
    """

    __slots__ = ("inner", "outer")

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("at least one signing key is needed, and none may be empty")
        blocks = [_block(key.encode()) for key in keys]
        self.inner = tuple(sha256(block.translate(_INNER) + b"v0:") for block in blocks)
        self.outer = tuple(sha256(block.translate(_OUTER)) for block in blocks)

    def __len__(self) -> int:
        return len(self.inner)

    def __repr__(self) -> str:
        return f"<Keys {len(self.inner)}>"


class Verification:
    """One delivery's signature check, fed chunk by chunk, under all keys at once."""

    __slots__ = ("_codes", "_outer")

    def __init__(self, keys: Keys | Sequence[str], timestamp: bytes | str) -> None:
        prepared = keys if isinstance(keys, Keys) else Keys(keys)
        stamp = timestamp if isinstance(timestamp, bytes) else timestamp.encode()
        self._outer = prepared.outer
        self._codes = [inner.copy() for inner in prepared.inner]
        self.update(stamp + b":")

    def update(self, chunk: bytes) -> None:
        """Hash the next bytes of the body."""
        for code in self._codes:
            code.update(chunk)

    def matches(self, signature: bytes | str) -> int | None:
        """
        Give the index of the key that made *signature*, or ``None``.

        Every key is compared in constant time, also after one matched. Only bare lowercase hex
        matches, as in the official verifier.
        """
        claimed = signature if isinstance(signature, bytes) else signature.encode()
        found = None
        for index, (code, outer) in enumerate(zip(self._codes, self._outer, strict=True)):
            whole = outer.copy()
            whole.update(code.digest())
            is_same = hmac.compare_digest(whole.hexdigest().encode(), claimed)
            if is_same and found is None:
                found = index
        return found


def _block(key: bytes) -> bytes:
    short = sha256(key).digest() if len(key) > _BLOCK_BYTES else key
    return short.ljust(_BLOCK_BYTES, b"\0")


def sign(key: str, timestamp: str, body: bytes) -> str:
    """Sign *body* as Customer.io does: 64 characters of lowercase hex."""
    return hmac.new(key.encode(), b"v0:%s:%s" % (timestamp.encode(), body), "sha256").hexdigest()


def verify(keys: Sequence[str], timestamp: str, body: bytes, signature: str) -> int | None:
    """
    Give the index of the key that signed *body*, or ``None``.

    Raises:
        ValueError: there is no key, or one is empty.
    """
    verification = Verification(keys, timestamp)
    verification.update(body)
    return verification.matches(signature)
