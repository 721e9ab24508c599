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

# One hash a key, in the order of the keys.
Codes = list[hmac.HMAC]


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

    def begin(self, timestamp: bytes) -> Codes:
        """Start one hash a key; whoever reads the body updates each with every chunk."""
        head = timestamp + b":"
        codes = [prepared.copy() for prepared in self._prepared]
        for code in codes:
            code.update(head)
        return codes

    def __len__(self) -> int:
        return len(self._prepared)

    def __repr__(self) -> str:
        return f"<Keys {len(self._prepared)}>"


def match(codes: Codes, signature: bytes) -> int | None:
    """
    Give the index of the key that made *signature* over what *codes* have hashed, or ``None``.

    Every key is compared in constant time, also after one matched. Only bare lowercase hex
    matches, as in the official verifier.
    """
    found = None
    for index, code in enumerate(codes):
        if hmac.compare_digest(code.hexdigest().encode(), signature) and found is None:
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
    codes = Keys(keys).begin(timestamp.encode())
    for code in codes:
        code.update(body)
    return match(codes, signature.encode())
