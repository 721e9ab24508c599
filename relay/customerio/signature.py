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

SIGNATURE_LENGTH = 64


class Keys:
    """
    The signing keys of one route, prepared once so that a delivery costs two hashes, not four.

    Raises:
        ValueError: there is no key, or one is empty; nothing may be trusted then.
    """

    __slots__ = ("_prepared",)

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys or not all(keys):
            raise ValueError("at least one signing key is needed, and none may be empty")
        self._prepared = tuple(hmac.new(key.encode(), b"v0:", "sha256") for key in keys)

    def begin(self) -> list[hmac.HMAC]:
        """Start one hash a key."""
        return [prepared.copy() for prepared in self._prepared]

    def __len__(self) -> int:
        return len(self._prepared)

    def __repr__(self) -> str:
        return f"<Keys {len(self._prepared)}>"


class Verification:
    """One delivery's signature check, fed chunk by chunk, under all keys at once."""

    __slots__ = ("_codes", "_head", "_keys")

    def __init__(self, keys: Keys | Sequence[str], timestamp: bytes | str) -> None:
        self._keys = keys if isinstance(keys, Keys) else Keys(keys)
        stamp = timestamp if isinstance(timestamp, bytes) else timestamp.encode()
        # What stands before the body is hashed together with its first bytes: one call less.
        self._head = stamp + b":"
        self._codes: list[hmac.HMAC] = []

    def update(self, chunk: bytes) -> None:
        """Hash the next bytes of the body."""
        codes = self._codes
        if not codes:
            codes = self._codes = self._keys.begin()
            chunk = self._head + chunk
        for code in codes:
            code.update(chunk)

    def matches(self, signature: bytes | str) -> int | None:
        """
        Give the index of the key that made *signature*, or ``None``.

        Every key is compared in constant time, also after one matched. Only bare lowercase hex
        matches, as in the official verifier.
        """
        claimed = signature if isinstance(signature, bytes) else signature.encode()
        if not self._codes:
            self.update(b"")
        found = None
        for index, code in enumerate(self._codes):
            is_same = hmac.compare_digest(code.hexdigest().encode(), claimed)
            if is_same and found is None:
                found = index
        return found


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
